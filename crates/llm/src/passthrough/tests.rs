use bytes::Bytes;
use domain::{NanoUsd, Quirks, Usage};
use serde_json::{Value, json};

use super::{Answer, Begin, Changes, Media, StreamPass, peek, rewrite, with_bill};

fn changed(body: &str, changes: &Changes<'_>) -> String {
    let peeked = peek(body.as_bytes()).unwrap();
    String::from_utf8(rewrite(body.as_bytes(), &peeked, changes).unwrap().0).unwrap()
}

fn model<'a>(model: &'a str, quirks: &'a Quirks) -> Changes<'a> {
    Changes { model, output_cap: None, quirks, newer_limit: false }
}

const PLAIN: &str =
    r#"{ "model" : "gpt-4o" ,"messages":[{"role":"user","content":"h\u00e9 \"x\"","new_field":1e400}], "future":{"a":[1,2.50]} }"#;

#[test]
fn only_the_model_changes() {
    let quirks = Quirks::default();
    assert_eq!(changed(PLAIN, &model("up", &quirks)), PLAIN.replace("\"gpt-4o\"", "\"up\""));
}

#[test]
fn a_stream_always_asks_for_usage_and_keeps_other_options() {
    let quirks = Quirks::default();
    let none = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"a"}]}"#;
    let added = changed(none, &model("m", &quirks));
    assert_eq!(added, none.replace("]}", r#"],"stream_options":{"include_usage":true}}"#));
    let other = r#"{"model":"m","stream":true,"stream_options":{"x":1,"include_usage":false},"messages":[{"role":"user","content":"a"}]}"#;
    let value: Value = serde_json::from_str(&changed(other, &model("m", &quirks))).unwrap();
    assert_eq!(value["stream_options"], json!({"x": 1, "include_usage": true}));
    let asked = r#"{"model":"m","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"a"}]}"#;
    assert_eq!(changed(asked, &model("m", &quirks)), asked);
}

#[test]
fn a_cap_replaces_a_larger_limit_or_is_added() {
    let quirks = Quirks::default();
    let cap = |body: &str, newer_limit| changed(body, &Changes { model: "m", output_cap: Some(50), quirks: &quirks, newer_limit });
    let with = |limit: &str| format!(r#"{{"model":"m",{limit}"messages":[{{"role":"user","content":"a"}}]}}"#);
    assert_eq!(cap(&with(r#""max_tokens":90,"#), false), with(r#""max_tokens":50,"#));
    assert_eq!(cap(&with(r#""max_tokens": 40,"#), false), with(r#""max_tokens": 40,"#));
    assert_eq!(cap(&with(r#""max_tokens":null,"#), false), with(r#""max_tokens":50,"#));
    assert_eq!(cap(&with(r#""max_tokens" : 90,"#), true), with(r#""max_completion_tokens" : 50,"#));
    assert_eq!(cap(&with(""), true), with("").replace("]}", r#"],"max_completion_tokens":50}"#));
}

#[test]
fn quirks_change_the_top_level_and_nothing_below() {
    let quirks = Quirks {
        rename: [("seed".to_owned(), "random_seed".to_owned())].into(),
        drop: ["logit_bias".to_owned()].into(),
        clamp_milli: [("temperature".to_owned(), (0, 1_000))].into(),
        require: [("safe".to_owned(), "true".to_owned())].into(),
        no_stream_options: true,
        max_tokens_name: Some("max_tokens".to_owned()),
    };
    let body = r#"{"model":"m","seed":1,"logit_bias":{"a":1},"temperature":1.7,"max_completion_tokens":9,"stream":true,"messages":[{"role":"user","content":"a","seed":2}]}"#;
    let peeked = peek(body.as_bytes()).unwrap();
    let (out, dropped) = rewrite(body.as_bytes(), &peeked, &model("up", &quirks)).unwrap();
    let out: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(
        out,
        json!({"model":"up","random_seed":1,"temperature":1.0,"max_tokens":9,"stream":true,"messages":[{"role":"user","content":"a","seed":2}],"safe":true})
    );
    assert_eq!(dropped, ["logit_bias"]);
}

#[test]
fn media_are_counted_and_wrong_types_refused() {
    let body = r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"data:,x"}},{"type":"input_audio","input_audio":{"data":"AAAA"}}]}]}"#;
    let media = peek(body.as_bytes()).unwrap().media;
    assert_eq!(media, Media { messages: 1, images: 1, others: 1, inline_bytes: 17 + 15, stored: false });
    for wrong in [
        "[]",
        r#"{"model":"m"}"#,
        r#"{"model":"m","messages":[]}"#,
        r#"{"model":1,"messages":[{"role":"user","content":"a"}]}"#,
        r#"{"model":"m","messages":"a"}"#,
        r#"{"model":"m","messages":[{"content":"a"}]}"#,
        r#"{"model":"m","messages":[{"role":"user","content":5}]}"#,
        r#"{"model":"m","temperature":"hot","messages":[{"role":"user","content":"a"}]}"#,
        r#"{"model":"m","max_tokens":-1,"messages":[{"role":"user","content":"a"}]}"#,
        r#"{"model":"m","model":"n","messages":[{"role":"user","content":"a"}]}"#,
        r#"{"model":"m","messages":[{"role":"user","content":"a"}]} x"#,
    ] {
        assert!(peek(wrong.as_bytes()).is_err(), "{wrong}");
    }
    assert!(peek(b"{\"model\":\"\xff\"}").is_err());
}

const BILL: (NanoUsd, NanoUsd) = (NanoUsd(1_500), NanoUsd(1_650));

#[test]
fn the_bill_goes_into_the_usage_object_and_nothing_else_changes() {
    let body = r#"{"id":"x","choices":[{"index":0,"message":{"content":"}\""},"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":7,"prompt_tokens_details":{"cached_tokens":2},"completion_tokens_details":{"reasoning_tokens":3}},"z":1}"#;
    let answer = Answer::read(body.as_bytes()).unwrap();
    assert_eq!(answer.usage, Some(Usage { input: 5, cached_input: 2, output: 7, reasoning: 3, ..Usage::default() }));
    assert_eq!((answer.id.as_deref(), answer.finish.as_deref()), (Some("x"), Some("stop")));
    let out = String::from_utf8(with_bill(body.as_bytes(), &answer, &Usage::default(), BILL.0, BILL.1)).unwrap();
    let bill = r#","cost":0.000001500,"charged":0.000001650,"cost_details":{"cost_nano_usd":1500,"charged_nano_usd":1650}"#;
    assert_eq!(out, body.replace(r#""reasoning_tokens":3}"#, &format!(r#""reasoning_tokens":3}}{bill}"#)));
}

#[test]
fn an_answer_without_usable_usage_gets_one() {
    for body in [r#"{"choices":[]}"#, r#"{"choices":[],"usage":null}"#, r#"{"choices":[],"usage":{"prompt_tokens":-1}}"#] {
        let answer = Answer::read(body.as_bytes()).unwrap();
        assert_eq!(answer.usage, None, "{body}");
    }
    for body in [r#"{"choices":[],"usage":{}}"#, r#"{"choices":[],"usage":[5,5]}"#, r#"{"choices":[],"usage":null}"#] {
        let answer = Answer::read(body.as_bytes()).unwrap();
        let out = with_bill(body.as_bytes(), &answer, &Usage { input: 3, output: 4, ..Usage::default() }, BILL.0, BILL.1);
        let out: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!((&out["usage"]["total_tokens"], &out["usage"]["cost_details"]["cost_nano_usd"]), (&json!(7), &json!(1500)), "{body}");
    }
    let answer = Answer::read(br#"{"choices":[]}"#).unwrap();
    let counted = Usage { input: 3, output: 4, ..Usage::default() };
    let out: Value = serde_json::from_slice(&with_bill(br#"{"choices":[]}"#, &answer, &counted, BILL.0, BILL.1)).unwrap();
    assert_eq!(out["usage"]["total_tokens"], 7);
    assert!(Answer::read(b"{}").is_err());
}

const STREAM: &str = "data: {\"id\":\"c1\",\"choices\":[{\"delta\":{\"content\":\"one tw\"}}]}\n\n: note\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"o three\"},\"finish_reason\":\"stop\"}]}\r\n\r\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":3}}\n\ndata: [DONE]\n\n";

fn run(pieces: &[&[u8]]) -> (Vec<u8>, StreamPass) {
    let mut pass = StreamPass::default();
    let mut out = Vec::new();
    for piece in pieces {
        pass.push(Bytes::copy_from_slice(piece), &mut out).unwrap();
    }
    (out.concat(), pass)
}

#[test]
fn a_stream_is_the_same_however_it_is_cut() {
    let bytes = STREAM.as_bytes();
    let wanted = &STREAM[..STREAM.find("data: {\"choices\":[],").unwrap()];
    for cut in 0..=bytes.len() {
        let (out, pass) = run(&[&bytes[..cut], &bytes[cut..]]);
        assert_eq!(String::from_utf8(out).unwrap(), wanted, "cut at {cut}");
        assert!(pass.done && pass.error.is_none(), "cut at {cut}");
        assert_eq!((pass.scan.words, pass.scan.text_bytes), (3, 13), "cut at {cut}");
        assert_eq!(pass.scan.usage.map(|u| (u.input, u.output)), Some((1, 3)));
    }
}

#[test]
fn the_usage_chunk_goes_only_to_those_who_asked() {
    let (_, pass) = run(&[STREAM.as_bytes()]);
    let usage = pass.scan.usage.unwrap();
    assert_eq!(pass.end(&usage, BILL, false, "m", 1), b"data: [DONE]\n\n");
    let end = String::from_utf8(pass.end(&usage, BILL, true, "m", 1)).unwrap();
    assert!(end.contains(r#""completion_tokens":3,"cost":0.000001500,"charged":0.000001650"#), "{end}");
    let made = String::from_utf8(StreamPass::default().end(&usage, BILL, true, "m", 1)).unwrap();
    assert!(made.contains(r#""completion_tokens":3"#) && made.contains("cost_nano_usd"), "{made}");
}

#[test]
fn an_error_inside_the_stream_is_kept_back() {
    let text = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\ndata: {\"error\":{\"message\":\"boom\"}}\n\ndata: [DONE]\n\n";
    let (out, pass) = run(&[text.as_bytes()]);
    assert_eq!(String::from_utf8(out).unwrap(), text[..text.find("data: {\"error\"").unwrap()]);
    assert_eq!(pass.error.as_deref(), Some(&br#"{"error":{"message":"boom"}}"#[..]));
    assert!(matches!(StreamPass::begin(b": wait\n\ndata: {\"error\":{\"code\":429}}\n\n"), Begin::Error(_)));
    assert_eq!(StreamPass::begin(STREAM.as_bytes()), Begin::Content);
    assert_eq!(StreamPass::begin(b": wait\n\ndata: {"), Begin::Unknown);
}

#[test]
fn an_event_that_no_client_could_read_is_not_forwarded() {
    let mut out = Vec::new();
    assert!(StreamPass::default().push(Bytes::from_static(b"data: {\"choices\":[\n\n"), &mut out).is_err());
    assert!(out.is_empty());
    assert!(StreamPass::default().push(Bytes::from_static(b"data: {\"choices\":[{\"delta\":{\"content\":[1]}}]}\n\n"), &mut out).is_ok());
    assert_eq!(out.len(), 1, "a shape that is not known here is still the provider's word");
}

#[test]
fn what_two_readers_could_read_differently_is_refused() {
    let with = |extra: &str| format!(r#"{{"model":"m",{extra}"messages":[{{"role":"user","content":"a"}}]}}"#);
    for extra in [
        r#""model":"n","#,
        r#""mod\u0065l":"n","#,
        r#""Model":"n","#,
        r#""STREAM":true,"stream":false,"#,
        r#""max_tokens":1,"max_tokens":2,"#,
    ] {
        assert!(super::is_ambiguous(&peek(with(extra).as_bytes()).unwrap_err()), "{extra}");
    }
    let two = peek(with(r#""max_tokens":9,"max_completion_tokens":1,"#).as_bytes()).unwrap_err();
    assert!(!super::is_ambiguous(&two), "the codec makes one limit of two");
    assert!(super::unambiguous(br#"{"model":"a","Stream":true}"#, &["model", "stream"]).is_err());
    assert!(super::unambiguous(br#"{"model":"a","model":"b"}"#, &["model"]).is_err());
    assert!(super::unambiguous(br#"{"model":"a","x":1,"x":2}"#, &["model"]).is_ok());
}

#[test]
fn parameters_without_a_price_are_named() {
    let with = |extra: &str| format!(r#"{{"model":"m",{extra}"messages":[{{"role":"user","content":"a"}}]}}"#);
    for (extra, found) in [
        (r#""service_tier":"priority","#, Some("service_tier")),
        (r#""service_tier":"auto","#, None),
        (r#""models":["x"],"#, Some("models")),
        (r#""tools":[{"type":"function","function":{"name":"f"}}],"#, None),
        (r#""tools":[{"type":"web_search"}],"#, Some("tools (web_search)")),
        (r#""prediction":null,"#, None),
    ] {
        assert_eq!(peek(with(extra).as_bytes()).unwrap().unpriced.as_deref(), found, "{extra}");
    }
}

#[test]
fn lines_may_end_with_cr_alone() {
    let text = "data: {\"choices\":[{\"delta\":{\"content\":\"a b\"},\"finish_reason\":\"stop\"}]}\r\rdata: [DONE]\r\r";
    for cut in 0..text.len() {
        let (out, pass) = run(&[&text.as_bytes()[..cut], &text.as_bytes()[cut..]]);
        assert!(pass.done && pass.scan.words == 2, "cut at {cut}");
        assert!(out.ends_with(b"}\n\n"), "cut at {cut}");
    }
}

#[test]
fn output_that_is_not_understood_still_counts() {
    for delta in [
        r#"{"function_call":{"arguments":"aaaaaaaaaaaaaaaaaaaa"}}"#,
        r#"{"content":["aaaaaaaaaaaaaaaaaaaa"]}"#,
        r#"{"tool_calls":[{"index":0,"custom":{"input":"aaaaaaaaaaaaaaaaaaaa"}}]}"#,
        r#"{"audio":{"data":"aaaaaaaaaaaaaaaaaaaa"}}"#,
        r#"{"reasoning":"aaaaaaaaaaaaaaaaaaaa","reasoning_content":"aaaaaaaaaaaaaaaaaaaa"}"#,
    ] {
        let event = format!("data: {{\"choices\":[{{\"delta\":{delta}}}]}}\n\n");
        let (_, pass) = run(&[event.as_bytes()]);
        assert!(pass.scan.text_bytes >= 20, "{delta}");
    }
}

proptest::proptest! {
    /// What is remembered of earlier events changes no count: a scan that never remembers (a new one per event) sees the
    /// same bytes, and the words are those of the whole text.
    #[test]
    fn remembered_frames_count_as_read_ones(
        pieces in proptest::collection::vec((".{0,12}", 0_u8..6), 1..40)
    ) {
        let (mut scan, mut bytes, mut whole) = (super::StreamScan::default(), 0, String::new());
        for (piece, shape) in &pieces {
            let delta = match shape {
                0 => json!({ "role": "assistant", "content": piece }),
                1 => json!({ "reasoning_content": piece }),
                _ => json!({ "content": piece }),
            };
            let last = if *shape == 5 { json!("stop") } else { Value::Null };
            let event = json!({ "id": "c", "choices": [{ "index": 0, "delta": delta, "finish_reason": last }], "usage": null }).to_string();
            let mut alone = super::StreamScan::default();
            proptest::prop_assert_eq!(scan.event(event.as_bytes()), alone.event(event.as_bytes()));
            bytes += alone.text_bytes;
            whole.push_str(piece);
            if *shape == 5 {
                proptest::prop_assert_eq!(scan.finish.as_deref(), Some("stop"));
            }
        }
        proptest::prop_assert_eq!((scan.text_bytes, scan.words), (bytes, crate::tokens::words(&whole)));
        proptest::prop_assert_eq!(bytes, whole.len() as u64);
    }
}
