//! A filter for tests in other languages: one JSON command per line in, one JSON answer per line out.
//!
//! Commands: `request_read`, `request_write`, `response_write`, `stream`, `fault`. Every command names its dialects by
//! `from` and `to`; see `tests/sdk/test_dialect_types.py`.

use std::io::{BufRead, Write};

use bytes::Bytes;
use domain::{Fault, NanoUsd, Quirks};
use llm::sse::Decoder;
use llm::{Bill, CallPath, ChatCall, Codec, Dialect, Facts, StreamHead, Target};
use serde_json::{Value, json};

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let answer = match serde_json::from_str::<Value>(&line?) {
            Ok(command) => act(&command),
            Err(error) => json!({"bad_command": error.to_string()}),
        };
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}

fn act(command: &Value) -> Value {
    let done = match command["do"].as_str() {
        Some("request_read") => read(command).map(|call| described(&call)),
        Some("request_write") => request_write(command),
        Some("response_write") => response_write(command),
        Some("stream") => Ok(stream(command)),
        Some("fault") => Ok(fault(command)),
        _ => Ok(json!({"bad_command": "unknown `do`"})),
    };
    done.unwrap_or_else(|fault| json!({"fault": {"code": fault.code().as_str(), "say": fault.say(), "param": fault.wrong_param()}}))
}

fn codec(command: &Value, key: &str) -> &'static dyn Codec {
    let named = command[key].as_str().or_else(|| command["dialect"].as_str()).and_then(|name| name.parse().ok());
    named.unwrap_or(Dialect::OpenAiChat).codec()
}

fn body(command: &Value) -> Vec<u8> {
    match &command["body"] {
        Value::String(text) => text.clone().into_bytes(),
        other => other.to_string().into_bytes(),
    }
}

fn text(bytes: Vec<u8>) -> Value {
    Value::String(String::from_utf8_lossy(&bytes).into_owned())
}

fn read(command: &Value) -> Result<ChatCall, Fault> {
    let path = CallPath { model: command["path"]["model"].as_str(), stream: command["path"]["stream"].as_bool().unwrap_or(false) };
    codec(command, "from").request_read(&body(command), &path)
}

fn described(call: &ChatCall) -> Value {
    json!({"model": call.model, "stream": call.stream, "messages": call.messages.len(), "tools": call.tools.len(),
        "rest": call.rest, "debug": format!("{call:?}")})
}

fn request_write(command: &Value) -> Result<Value, Fault> {
    let call = read(command)?;
    let to = command["to"].as_str().and_then(|name| name.parse().ok()).unwrap_or(Dialect::OpenAiChat);
    let model = command["model"].as_str().unwrap_or(&call.model);
    let quirks = Quirks::default();
    let target = Target {
        model,
        stream: call.stream,
        output_cap: None,
        max_output: None,
        quirks: &quirks,
        facts: Facts::guess(to, model),
        strict: command["strict"].as_bool().unwrap_or(false),
    };
    let outgoing = to.codec().request_write(&call, &target)?;
    Ok(json!({"path": outgoing.path, "headers": outgoing.headers, "dropped": outgoing.dropped, "body": text(outgoing.body)}))
}

fn bill(command: &Value) -> Option<Bill> {
    let nano = |key: &str| command["bill"][key].as_i64().map(NanoUsd);
    Some(Bill { cost: nano("cost")?, charged: nano("charged")? })
}

fn response_write(command: &Value) -> Result<Value, Fault> {
    let reply = codec(command, "from").response_read(&body(command))?;
    let usage = format!("{:?}", reply.usage);
    Ok(json!({"body": text(codec(command, "to").response_write(&reply, bill(command).as_ref())), "usage": usage}))
}

fn stream(command: &Value) -> Value {
    let mut decoder = Decoder::new();
    decoder.push(Bytes::from(command["sse"].as_str().unwrap_or_default().to_owned()));
    let mut reader = codec(command, "from").stream_reader();
    let mut writer = codec(command, "to").stream_writer(StreamHead { id: "gen_1".to_owned(), model: "served".to_owned(), created: 1 });
    let (mut out, mut deltas) = (Vec::new(), Vec::new());
    while let Ok(Some(event)) = decoder.next_event() {
        if let Err(upstream) = reader.push(&event, &mut deltas) {
            let fault = upstream.into_fault("provider", 1);
            writer.error(502, &fault, "req_1", &mut out);
            return json!({"sse": text(out), "complete": false});
        }
        for delta in deltas.drain(..) {
            writer.write(&delta, &mut out);
        }
    }
    let end = reader.finish(&mut deltas);
    for delta in deltas.drain(..) {
        writer.write(&delta, &mut out);
    }
    writer.end(end.usage.as_ref(), bill(command).as_ref(), command["include_usage"].as_bool().unwrap_or(true), &mut out);
    json!({"sse": text(out), "complete": end.complete})
}

fn fault(command: &Value) -> Value {
    let status = command["status"].as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or(500);
    let upstream = codec(command, "from").fault_read(status, &body(command));
    let code = upstream.code.as_str();
    json!({"code": code, "body": text(codec(command, "to").fault_write(status, &upstream.into_fault("provider", 1), "req_1"))})
}
