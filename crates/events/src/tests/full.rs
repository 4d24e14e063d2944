//! Full disks and full logs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{GATEWAY, Seen, event, intent, open, options, progress, read_all};
use crate::encode::Scratch;
use crate::orphan;
use crate::writer::{Sink, Writer};
use crate::{Journal, JournalError, OpenOptions, Position, Reader, segments_forget};

fn append(writer: &mut Writer, n: u64) -> Result<(), JournalError> {
    let mut scratch = Scratch::default();
    let mut event = event(n);
    orphan::prepare(&mut event, writer)?;
    scratch.message(&event)?;
    writer.settle(&mut scratch, &mut event).map(|_| ())
}

/// The disk takes every possible number of bytes of the failing frame.
#[test]
fn a_half_written_frame_is_cut_off_and_later_appends_succeed() {
    for left in 0..130 {
        let dir = tempfile::tempdir().unwrap();
        drop(open(dir.path()));
        let epoch_dir = dir.path().join(GATEWAY.to_string()).join("00000002");
        std::fs::create_dir(&epoch_dir).unwrap();
        let mut writer = Writer::start(GATEWAY, domain::Epoch(2), epoch_dir, 1 << 20).unwrap();
        append(&mut writer, 1).unwrap();
        let file = Arc::clone(writer.sink.file());
        writer.sink = Sink::Limited { file: Arc::clone(&file), left };
        let failed = append(&mut writer, 2);
        assert!(matches!(failed, Err(JournalError::Write(_))), "{left}: {failed:?}");
        assert_eq!(file.metadata().unwrap().len(), writer.offset);
        assert_eq!(writer.state.totals.events, 1);
        writer.sink = Sink::File(file);
        append(&mut writer, 3).unwrap();
        let seen = read_all(dir.path());
        seen.assert_contiguous();
        assert_eq!(seen.kinds().into_keys().collect::<Vec<_>>(), [1, 3]);
    }
}

#[test]
fn a_full_log_takes_no_new_call_but_the_ends_of_open_ones_until_it_is_consumed() {
    let dir = tempfile::tempdir().unwrap();
    let bounds = OpenOptions { capacity_bytes: 96 << 10, reserve_bytes: 32 << 10, ..options() };
    let (journal, _) = Journal::open(dir.path(), &bounds).unwrap();
    let mut begun = 0;
    let full = loop {
        match journal.intent(&intent(begun)) {
            Ok(()) => begun += 1,
            Err(error) => break error,
        }
        journal.settle(&mut event(1_000_000 + begun)).unwrap();
    };
    assert!(matches!(full, JournalError::Full { capacity_bytes: 98_304, .. }), "{full}");
    assert!(journal.accepts().is_err());
    for n in 0..begun {
        journal.progress(&progress(n, 1)).unwrap();
        journal.settle(&mut event(n)).unwrap();
    }
    assert!(matches!(journal.intent(&intent(2_000_000)), Err(JournalError::Full { .. })));
    let mut reader = Reader::new(dir.path(), GATEWAY, Position::START);
    let mut seen = Seen::default();
    seen.read(&mut reader);
    assert_eq!(seen.kinds().len() as u64, 2 * begun);
    assert!(segments_forget(dir.path(), GATEWAY, reader.position()).unwrap() > 0);
    let waited = Instant::now();
    while journal.intent(&intent(2_000_000)).is_err() {
        assert!(waited.elapsed() < Duration::from_secs(5), "the log never opened again");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_nearly_full_disk_takes_no_new_call() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path(), &OpenOptions { free_bytes_min: u64::MAX, ..options() }).unwrap();
    assert!(matches!(journal.intent(&intent(1)), Err(JournalError::Full { .. })));
    journal.settle(&mut event(1)).unwrap();
}

#[test]
fn records_without_ids_or_too_large_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    let mut no_organization = event(1);
    no_organization.facts.as_mut().unwrap().organization_id.clear();
    assert!(matches!(journal.settle(&mut no_organization), Err(JournalError::Malformed { field: "organization_id" })));
    let mut no_id = intent(1);
    no_id.request_id.truncate(15);
    assert!(matches!(journal.intent(&no_id), Err(JournalError::Malformed { field: "request_id" })));
    let mut large = event(1);
    large.facts.as_mut().unwrap().metadata_json = "x".repeat(crate::PAYLOAD_BYTES_MAX);
    assert!(matches!(journal.settle(&mut large), Err(JournalError::TooLarge { .. })));
    journal.settle(&mut event(1)).unwrap();
    assert_eq!(journal.counters().appends, 1);
}
