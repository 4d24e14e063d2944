//! The Anthropic messages dialect.

use serde_json::{Value, json};

use crate::answer::{Answer, Finish, UsageShape};
use crate::ask::{Ask, Choice, Format, Tool, list, number, object, strings};
use crate::steps::{Part, Step};

/// Stands for the signature that a real model puts on its thinking.
const SIGNATURE: &str = "c2ltdWxhdGVk";

/// Reads a request's body; `counting`: for `count_tokens`, which needs no `max_tokens`.
pub(crate) fn read(body: &[u8], counting: bool) -> Result<Ask, String> {
    let body = object(body)?;
    let model = body["model"].as_str().filter(|model| !model.is_empty()).ok_or("model: field required")?;
    let mut ask = Ask::new(model);
    ask.stream = body["stream"].as_bool().unwrap_or(false);
    ask.tokens_max = number(&body, "max_tokens")?;
    if !counting && ask.tokens_max.is_none_or(|max| max == 0) {
        return Err("max_tokens: a number of at least 1 is required".to_owned());
    }
    ask.stop = strings(&body["stop_sequences"]);
    ask.reasons = matches!(body["thinking"]["type"].as_str(), Some("enabled" | "adaptive"));
    for format in [&body["output_config"]["format"], &body["output_format"]] {
        if format["type"] == "json_schema" {
            ask.format = Format::Schema(format["schema"].clone());
        }
    }
    let mut unused = String::new();
    read_content(&body["system"], &mut ask, &mut unused);
    let messages = body["messages"].as_array().filter(|all| !all.is_empty()).ok_or("messages: at least one message is required")?;
    for message in messages {
        let mut user_text = String::new();
        let results = read_content(&message["content"], &mut ask, &mut user_text);
        ask.answers_tool = message["role"] == "user" && results;
        if message["role"] == "user" && !user_text.is_empty() {
            ask.last_user_text = user_text;
        }
    }
    read_tools(&body, &mut ask);
    ask.input_tokens = ask.input_tokens.max(1);
    Ok(ask)
}

/// Counts a string or a list of blocks, collects its text, and says whether it holds a tool's result.
fn read_content(content: &Value, ask: &mut Ask, text: &mut String) -> bool {
    if let Some(whole) = content.as_str() {
        ask.text(whole);
        text.push_str(whole);
    }
    let mut results = false;
    for block in list(content) {
        match block["type"].as_str() {
            Some("text") => {
                let words = block["text"].as_str().unwrap_or("");
                ask.text(words);
                text.push_str(words);
                text.push('\n');
            }
            Some("image") => ask.image(),
            Some("document" | "container_upload") => ask.file(),
            Some("tool_use" | "server_tool_use") => ask.call(&block["name"], block.get("input")),
            Some("tool_result") => {
                results = true;
                // A result's text is no user's text: no directive is read from it.
                read_content(&block["content"], ask, &mut String::new());
            }
            Some("thinking" | "redacted_thinking") => {}
            _ => ask.other(block),
        }
    }
    results
}

fn read_tools(body: &Value, ask: &mut Ask) {
    for tool in list(&body["tools"]) {
        ask.definition(tool);
        if let (Some(name), Some(schema)) = (tool["name"].as_str(), tool.get("input_schema")) {
            ask.tools.push(Tool { name: name.to_owned(), schema: schema.clone() });
        }
    }
    let choice = &body["tool_choice"];
    ask.parallel = !choice["disable_parallel_tool_use"].as_bool().unwrap_or(false);
    ask.choice = match choice["type"].as_str() {
        Some("none") => Choice::None,
        Some("any") => Choice::Any,
        Some("tool") => choice["name"].as_str().map_or(Choice::Any, |name| Choice::Named(name.to_owned())),
        _ => Choice::Auto,
    };
}

/// The plain answer.
pub(crate) fn plain(answer: &Answer) -> Vec<u8> {
    let mut content = Vec::new();
    if answer.reasoning_tokens > 0 {
        content.push(json!({"type": "thinking", "thinking": answer.reasoning, "signature": SIGNATURE}));
    }
    if answer.text_tokens > 0 {
        content.push(json!({"type": "text", "text": answer.text, "citations": null}));
    }
    for (index, call) in answer.calls.iter().enumerate() {
        content.push(json!({"type": "tool_use", "id": call_id(answer, index), "name": call.name, "input": call.arguments}));
    }
    let mut body = message(answer, content);
    let (reason, sequence) = finish(answer);
    body["stop_reason"] = json!(reason);
    body["stop_sequence"] = json!(sequence);
    if answer.usage != UsageShape::Absent {
        body["usage"] = usage(answer, answer.output_tokens());
    }
    body.to_string().into_bytes()
}

fn message(answer: &Answer, content: Vec<Value>) -> Value {
    json!({
        "id": format!("msg_sim{:016x}", answer.order),
        "type": "message",
        "role": "assistant",
        "model": &*answer.model,
        "content": content,
        "stop_reason": null,
        "stop_sequence": null,
    })
}

/// Writes one step of a stream.
pub(crate) fn render(answer: &Answer, step: &Step<'_>, out: &mut Vec<u8>) {
    match step {
        Step::Open { .. } => open(answer, out),
        Step::Reasoning { .. } => {
            start(0, &json!({"type": "thinking", "thinking": "", "signature": ""}), out);
            delta(0, &json!({"type": "thinking_delta", "thinking": answer.reasoning}), out);
            delta(0, &json!({"type": "signature_delta", "signature": SIGNATURE}), out);
            stop(0, out);
        }
        Step::Text { text, first, last, .. } => {
            let block = usize::from(answer.reasoning_tokens > 0);
            if *first {
                start(block, &json!({"type": "text", "text": ""}), out);
            }
            delta(block, &json!({"type": "text_delta", "text": text}), out);
            if *last {
                stop(block, out);
            }
        }
        Step::Call { index, part, .. } => call(answer, *index, *part, out),
        Step::Finish { .. } => {
            let (reason, sequence) = finish(answer);
            let mut data = json!({"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": sequence}});
            if answer.usage != UsageShape::Absent {
                data["usage"] = usage(answer, answer.output_tokens());
            }
            let times = if answer.usage == UsageShape::Twice { 2 } else { 1 };
            (0..times).for_each(|_| event("message_delta", &data, out));
        }
        Step::Usage => {}
        Step::Done => event("message_stop", &json!({"type": "message_stop"}), out),
    }
}

fn open(answer: &Answer, out: &mut Vec<u8>) {
    let mut message = message(answer, Vec::new());
    if answer.usage != UsageShape::Absent {
        message["usage"] = usage(answer, 0);
    }
    event("message_start", &json!({"type": "message_start", "message": message}), out);
    event("ping", &json!({"type": "ping"}), out);
}

fn call(answer: &Answer, index: usize, part: Part, out: &mut Vec<u8>) {
    let Some(call) = answer.calls.get(index) else { return };
    let block = usize::from(answer.reasoning_tokens > 0) + usize::from(answer.text_tokens > 0) + index;
    let (first, second) = call.halves();
    if part != Part::Second {
        start(block, &json!({"type": "tool_use", "id": call_id(answer, index), "name": call.name, "input": {}}), out);
    }
    let fragment = match part {
        Part::Whole => call.arguments_text.as_str(),
        Part::First => first,
        Part::Second => second,
    };
    delta(block, &json!({"type": "input_json_delta", "partial_json": fragment}), out);
    if part != Part::First {
        stop(block, out);
    }
}

/// An event of about `bytes` bytes that says nothing.
pub(crate) fn padding(bytes: usize, out: &mut Vec<u8>) {
    event("ping", &json!({"type": "ping", "padding": "x".repeat(bytes)}), out);
}

/// The body of an error answer.
pub(crate) fn error(status: u16, message: &str) -> Value {
    let kind = match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    };
    json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": null})
}

/// An error inside a stream.
pub(crate) fn error_event(out: &mut Vec<u8>) {
    event("error", &error(529, "[simulated] Overloaded"), out);
}

fn start(index: usize, block: &Value, out: &mut Vec<u8>) {
    event("content_block_start", &json!({"type": "content_block_start", "index": index, "content_block": block}), out);
}

fn delta(index: usize, delta: &Value, out: &mut Vec<u8>) {
    event("content_block_delta", &json!({"type": "content_block_delta", "index": index, "delta": delta}), out);
}

fn stop(index: usize, out: &mut Vec<u8>) {
    event("content_block_stop", &json!({"type": "content_block_stop", "index": index}), out);
}

fn event(name: &str, data: &Value, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("event: {name}\ndata: {data}\n\n").as_bytes());
}

fn usage(answer: &Answer, output_tokens: u64) -> Value {
    let fresh = answer.input_tokens - answer.cached_tokens - answer.cache_write_tokens;
    json!({
        "input_tokens": answer.reported(fresh),
        "cache_creation_input_tokens": answer.reported(answer.cache_write_tokens),
        "cache_read_input_tokens": answer.reported(answer.cached_tokens),
        "output_tokens": answer.reported(output_tokens),
        "output_tokens_details": {"thinking_tokens": answer.reported(answer.all_reasoning_tokens().min(output_tokens))},
        "service_tier": "standard",
    })
}

fn finish(answer: &Answer) -> (&'static str, Option<&str>) {
    match &answer.finish {
        Finish::Stop => ("end_turn", None),
        Finish::StopSequence(sequence) => ("stop_sequence", Some(sequence)),
        Finish::Length => ("max_tokens", None),
        Finish::Tools => ("tool_use", None),
    }
}

fn call_id(answer: &Answer, index: usize) -> String {
    format!("toolu_sim{:x}_{index}", answer.order)
}
