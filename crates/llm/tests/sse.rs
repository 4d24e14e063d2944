//! The decoder gives the same events wherever the bytes are cut, and readers never panic.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic like the tests themselves")]

use bytes::Bytes;
use llm::sse::{Decoder, EventTooLong, SseEvent};
use llm::{CallPath, Dialect};
use proptest::prelude::{any, proptest};

fn events(chunks: &[&[u8]]) -> Vec<(String, Vec<u8>)> {
    let mut decoder = Decoder::new();
    let mut out = Vec::new();
    for chunk in chunks {
        decoder.push(Bytes::copy_from_slice(chunk));
        while let Some(event) = decoder.next_event().unwrap() {
            out.push((event.name.to_owned(), event.data.to_vec()));
        }
    }
    out
}

const SAMPLES: &[(&str, usize)] = &[
    ("data: a\n\ndata: b\n\n", 2),
    ("data: a\r\n\r\ndata: b\r\n\r\n", 2),
    ("data: a\r\rdata: b\r\r", 2),
    ("\u{feff}data: a\n\n", 1),
    (": comment\n\ndata: a\n\n", 1),
    ("event: x\ndata: one\ndata: two\ndata:three\nid: 7\nretry: 5\n\n", 1),
    ("data\n\ndata:\n\n", 2),
    ("data: é🦀\r\n\r\n\r\n\r\ndata: ü\n\n", 2),
    ("data: cut", 0),
    ("\n\n\r\n\r\ndata: mixed\r\ndata: ends\n\r\n", 1),
];

#[test]
fn every_cut_gives_the_same_events() {
    for (text, count) in SAMPLES {
        let bytes = text.as_bytes();
        let whole = events(&[bytes]);
        assert_eq!(whole.len(), *count, "{text:?} {whole:?}");
        for at in 0..=bytes.len() {
            assert_eq!(events(&[&bytes[..at], &bytes[at..]]), whole, "{text:?} at {at}");
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(events(&single), whole, "{text:?} byte by byte");
    }
}

#[test]
fn fields_are_read_as_the_rules_say() {
    assert_eq!(events(&[SAMPLES[5].0.as_bytes()]), [("x".to_owned(), b"one\ntwo\nthree".to_vec())]);
    assert_eq!(events(&[SAMPLES[6].0.as_bytes()]), [(String::new(), Vec::new()), (String::new(), Vec::new())]);
}

#[test]
fn untaken_events_are_kept() {
    let mut decoder = Decoder::new();
    decoder.push(Bytes::from_static(b"data: a\n\nda"));
    decoder.push(Bytes::from_static(b"ta: b\n\n"));
    assert_eq!(decoder.next_event().unwrap().unwrap().data, b"a");
    assert_eq!(decoder.next_event().unwrap().unwrap().data, b"b");
    assert_eq!(decoder.next_event(), Ok(None));
}

#[test]
fn an_event_has_a_limit() {
    let mut decoder = Decoder::with_limit(16);
    decoder.push(Bytes::from_static(b"data: 0123456789"));
    assert_eq!(decoder.next_event(), Ok(None));
    decoder.push(Bytes::from_static(b"0123456789"));
    assert_eq!(decoder.next_event(), Err(EventTooLong));
}

#[test]
fn a_missing_last_blank_line_loses_nothing() {
    let mut decoder = Decoder::new();
    decoder.push(Bytes::from_static(b"data: a\n\ndata: [DONE]"));
    assert_eq!(decoder.next_event().unwrap().unwrap().data, b"a");
    assert_eq!(decoder.next_event(), Ok(None));
    assert_eq!(decoder.last_event().unwrap(), SseEvent { name: "", data: b"[DONE]" });
    assert_eq!(decoder.last_event(), None);
}

fn feed(dialect: Dialect, bytes: &[u8]) {
    let codec = dialect.codec();
    let _ = codec.request_read(bytes, &CallPath { model: Some("m"), stream: false });
    let _ = codec.response_read(bytes);
    let _ = codec.fault_read(500, bytes);
    let mut reader = codec.stream_reader();
    let mut out = Vec::new();
    let _ = reader.push(&SseEvent { name: "", data: bytes }, &mut out);
    reader.finish(&mut out);
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes: Vec<u8>) {
        for dialect in Dialect::ALL {
            feed(*dialect, &bytes);
        }
        events(&[&bytes]);
    }

    /// Fixtures with a piece overwritten reach deeper than random bytes.
    #[test]
    fn broken_fixtures_never_panic(at in any::<proptest::sample::Index>(), junk in "[\\[\\]{}\",:0-9a-z]{0,6}", which in any::<proptest::sample::Index>()) {
        let mut files: Vec<_> = ["reply", "stream", "chat"].iter().flat_map(|folder| {
            std::fs::read_dir(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(folder)).unwrap().map(|entry| entry.unwrap().path())
        }).filter(|path| path.extension().is_some_and(|ending| ending != "snap")).collect();
        files.sort();
        let mut bytes = std::fs::read(which.get(&files)).unwrap();
        let place = at.index(bytes.len());
        let end = (place + junk.len()).min(bytes.len());
        bytes.splice(place..end, junk.bytes());
        for dialect in Dialect::ALL {
            feed(*dialect, &bytes);
            for (_, data) in events(&[&bytes]) {
                feed(*dialect, &data);
            }
        }
    }
}

#[test]
fn deep_nesting_is_refused() {
    for open in ["[", "{\"a\":"] {
        let bomb = open.repeat(100_000);
        let inside = format!("{{\"model\":\"m\",\"messages\":{bomb}");
        for dialect in Dialect::ALL {
            feed(*dialect, bomb.as_bytes());
            feed(*dialect, inside.as_bytes());
        }
    }
}
