//! Golden tests: each fixture through each dialect; the snapshots lie beside the fixtures.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests may panic like the tests themselves")]

use std::path::PathBuf;

use bytes::Bytes;
use domain::{NanoUsd, Quirks};
use llm::sse::Decoder;
use llm::{Bill, CallPath, Dialect, Facts, StreamHead, Target};
use serde_json::{Value, json};

const O: Dialect = Dialect::OpenAiChat;
const A: Dialect = Dialect::Anthropic;
const G: Dialect = Dialect::Gemini;

/// Request fixtures × the dialects that they are written in.
const CHAT: &[(&str, &[Dialect])] = &[
    ("text_system_late.openai_chat", &[O, A, G]),
    ("images_files.openai_chat", &[O, A, G]),
    ("tools_parallel.openai_chat", &[O, A, G]),
    ("sampling_all.openai_chat", &[O, A, G]),
    ("json_schema.openai_chat", &[O, A, G]),
    ("json_schema_tool.openai_chat", &[A]),
    ("reasoning_effort.openai_chat", &[O, A, G]),
    ("reasoning_new.openai_chat", &[O, A, G]),
    ("thoughts_return.openai_chat", &[O, A, G]),
    ("web_search.openai_chat", &[O, A, G]),
    ("history_tools_only.openai_chat", &[O, A, G]),
    ("claude_code.anthropic", &[O, A, G]),
    ("structured.anthropic", &[O, A, G]),
    ("full.gemini", &[O, A, G]),
];

/// Answer fixtures; each is written in every dialect.
const REPLY: &[&str] = &[
    "tools.openai_chat",
    "thinking_tools.anthropic",
    "pause.anthropic",
    "context.anthropic",
    "tools_image.gemini",
    "malformed.gemini",
    "blocked.gemini",
];

/// Stream fixtures; each is written in every dialect.
const STREAM: &[&str] = &[
    "tools.openai_chat",
    "interleaved.openai_chat",
    "error.openai_chat",
    "cut.openai_chat",
    "thinking_tools.anthropic",
    "overloaded.anthropic",
    "tools.gemini",
    "error.gemini",
];

/// Error fixtures; each is written in every dialect.
const FAULT: &[&str] = &[
    "context.openai_chat",
    "rate.openai_chat",
    "page.openai_chat",
    "overloaded.anthropic",
    "long.anthropic",
    "quota.gemini",
    "key.gemini",
];

fn file(folder: &str, name: &str, ending: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(folder).join(format!("{name}.{ending}"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn from(name: &str) -> Dialect {
    name.rsplit('.').next().unwrap().parse().unwrap()
}

fn snapshot(folder: &str, name: &str, to: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(folder));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(format!("{name}.to_{to}"), text));
}

fn pretty(bytes: &[u8]) -> String {
    // Through a string, so that decimals of dollars stay as they were written.
    let value: Value = serde_json::from_slice(bytes).unwrap();
    serde_json::to_string_pretty(&value).unwrap()
}

fn default_model(dialect: Dialect) -> &'static str {
    match dialect {
        O => "gpt-4o",
        A => "claude-sonnet-4-5",
        G => "gemini-2.5-flash",
    }
}

#[test]
fn requests() {
    for (name, targets) in CHAT {
        let fixture: Value = serde_json::from_str(&file("chat", name, "json")).unwrap();
        let path = CallPath { model: fixture["path"]["model"].as_str(), stream: fixture["path"]["stream"] == true };
        let call = from(name).codec().request_read(fixture["body"].to_string().as_bytes(), &path).unwrap();
        for to in *targets {
            let quirks = Quirks::default();
            let model = fixture["models"][to.as_str()].as_str().unwrap_or(default_model(*to));
            let facts = Facts::guess(*to, model);
            let target = Target { model, stream: call.stream, output_cap: None, max_output: None, quirks: &quirks, facts, strict: false };
            let out = to.codec().request_write(&call, &target).unwrap();
            let body: Value = serde_json::from_slice(&out.body).unwrap();
            let all = json!({"path": out.path, "headers": out.headers, "dropped": out.dropped, "renamed": out.restore.tools,
                "json_tool": out.restore.json_tool, "body": body});
            snapshot("chat", name, to.as_str(), &serde_json::to_string_pretty(&all).unwrap());
        }
    }
}

const BILL: Bill = Bill { cost: NanoUsd(1_234_500), charged: NanoUsd(0) };

#[test]
fn replies() {
    for name in REPLY {
        let reply = from(name).codec().response_read(file("reply", name, "json").as_bytes()).unwrap();
        for to in Dialect::ALL {
            let bytes = to.codec().response_write(&reply, Some(&BILL));
            assert!(String::from_utf8_lossy(&bytes).contains("\"cost\":0.0012345,\"charged\":0"), "{name} {to}");
            snapshot("reply", name, to.as_str(), &pretty(&bytes));
        }
    }
}

#[test]
fn streams() {
    for name in STREAM {
        for to in Dialect::ALL {
            snapshot("stream", name, to.as_str(), &translate(from(name), *to, file("stream", name, "sse")));
        }
    }
}

fn translate(source: Dialect, to: Dialect, sse: String) -> String {
    let mut reader = source.codec().stream_reader();
    let head = StreamHead { id: "gen_1".to_owned(), model: "served".to_owned(), created: 1_700_000_000 };
    let mut writer = to.codec().stream_writer(head);
    let mut decoder = Decoder::new();
    decoder.push(Bytes::from(sse));
    let (mut deltas, mut out) = (Vec::new(), Vec::new());
    while let Some(event) = decoder.next_event().unwrap() {
        if let Err(upstream) = reader.push(&event, &mut deltas) {
            deltas.drain(..).for_each(|delta| writer.write(&delta, &mut out));
            writer.error(502, &upstream.into_fault("acme", 1), "req_1", &mut out);
            return String::from_utf8(out).unwrap();
        }
        deltas.drain(..).for_each(|delta| writer.write(&delta, &mut out));
    }
    let end = reader.finish(&mut deltas);
    deltas.drain(..).for_each(|delta| writer.write(&delta, &mut out));
    if !end.complete {
        out.extend_from_slice(b"(cut off)\n");
        return String::from_utf8(out).unwrap();
    }
    writer.end(end.usage.as_ref(), Some(&BILL), true, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn faults() {
    for name in FAULT {
        let fixture: Value = serde_json::from_str(&file("fault", name, "json")).unwrap();
        let status = u16::try_from(fixture["status"].as_u64().unwrap()).unwrap();
        let body = fixture["body"].as_str().map_or_else(|| fixture["body"].to_string(), str::to_owned);
        let upstream = from(name).codec().fault_read(status, body.as_bytes());
        let mut text = format!("{upstream:#?}\n");
        for to in Dialect::ALL {
            let fault = upstream.clone().into_fault("acme", 2);
            text.push_str(&format!("{to}: {}\n", pretty(&to.codec().fault_write(status, &fault, "req_1"))));
        }
        snapshot("fault", name, "all", &text);
    }
}

/// A fixture without a row in a table would be tested by nobody.
#[test]
fn every_fixture_is_listed() {
    let chat: Vec<&str> = CHAT.iter().map(|(name, _)| *name).collect();
    for (folder, listed) in [("chat", chat.as_slice()), ("reply", REPLY), ("stream", STREAM), ("fault", FAULT)] {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(folder);
        for entry in std::fs::read_dir(path).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if let Some(stem) = name.strip_suffix(".json").or_else(|| name.strip_suffix(".sse")) {
                assert!(listed.contains(&stem), "{folder}/{name} is in no table");
            }
        }
    }
}
