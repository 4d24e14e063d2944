//! The OpenAI chat dialect.

use std::io::Write;

use serde_json::{Map, Value, json};

use crate::answer::{Answer, Finish, UsageShape};
use crate::ask::{Ask, CHOICES_MAX, Choice, Format, Tool, list, number, object, strings};
use crate::steps::{Part, Step};

/// Reads a request's body.
pub(crate) fn read(body: &[u8]) -> Result<Ask, String> {
    let body = object(body)?;
    let model = body["model"].as_str().filter(|model| !model.is_empty()).ok_or("you must provide a model parameter")?;
    let mut ask = Ask::new(model);
    ask.stream = body["stream"].as_bool().unwrap_or(false);
    ask.include_usage = body["stream_options"]["include_usage"].as_bool().unwrap_or(false);
    ask.choices = number(&body, "n")?.unwrap_or(1);
    if !(1..=CHOICES_MAX).contains(&ask.choices) {
        return Err(format!("`n` is not from 1 to {CHOICES_MAX}"));
    }
    ask.tokens_max = number(&body, "max_completion_tokens")?.or(number(&body, "max_tokens")?);
    if ask.tokens_max == Some(0) {
        return Err("`max_tokens` is less than 1".to_owned());
    }
    ask.stop = strings(&body["stop"]);
    ask.parallel = body["parallel_tool_calls"].as_bool().unwrap_or(true);
    ask.reasons = body["reasoning_effort"].as_str().is_some_and(|effort| effort != "none");
    ask.format = match body["response_format"]["type"].as_str() {
        Some("json_object") => Format::Json,
        Some("json_schema") => Format::Schema(body["response_format"]["json_schema"]["schema"].clone()),
        _ => Format::Text,
    };
    let messages = body["messages"].as_array().filter(|all| !all.is_empty()).ok_or("`messages` is missing or empty")?;
    for message in messages {
        read_message(message, &mut ask);
    }
    read_tools(&body, &mut ask);
    ask.input_tokens = ask.input_tokens.max(1);
    Ok(ask)
}

fn read_message(message: &Value, ask: &mut Ask) {
    let role = message["role"].as_str().unwrap_or("user");
    let mut user_text = String::new();
    match &message["content"] {
        Value::String(text) => {
            ask.text(text);
            user_text.push_str(text);
        }
        parts => list(parts).iter().for_each(|part| read_part(part, ask, &mut user_text)),
    }
    if role == "user" && !user_text.is_empty() {
        ask.last_user_text = user_text;
    }
    ask.answers_tool = matches!(role, "tool" | "function");
    ask.text(message["refusal"].as_str().unwrap_or(""));
    let old = std::slice::from_ref(&message["function_call"]);
    let calls = list(&message["tool_calls"]).iter().flat_map(|call| [&call["function"], &call["custom"]]).chain(old);
    for call in calls {
        ask.text(call["name"].as_str().unwrap_or(""));
        ask.text(call["arguments"].as_str().or(call["input"].as_str()).unwrap_or(""));
    }
}

fn read_part(part: &Value, ask: &mut Ask, user_text: &mut String) {
    match part["type"].as_str() {
        Some("text") => {
            let text = part["text"].as_str().unwrap_or("");
            ask.text(text);
            user_text.push_str(text);
            user_text.push('\n');
        }
        Some("refusal") => ask.text(part["refusal"].as_str().unwrap_or("")),
        Some("image_url") => ask.image(),
        Some("input_audio" | "file" | "video_url" | "input_video") => ask.file(),
        Some("thinking" | "redacted_thinking") => {}
        _ => ask.other(part),
    }
}

fn read_tools(body: &Value, ask: &mut Ask) {
    for tool in list(&body["tools"]) {
        ask.definition(tool);
        add_tool(&tool["function"], ask);
    }
    for function in list(&body["functions"]) {
        ask.definition(function);
        add_tool(function, ask);
    }
    ask.choice = match &body["tool_choice"] {
        Value::String(word) if word == "none" => Choice::None,
        Value::String(word) if word == "required" => Choice::Any,
        named => named["function"]["name"].as_str().map_or(Choice::Auto, |name| Choice::Named(name.to_owned())),
    };
}

fn add_tool(function: &Value, ask: &mut Ask) {
    if let Some(name) = function["name"].as_str() {
        ask.tools.push(Tool { name: name.to_owned(), schema: function["parameters"].clone() });
    }
}

/// The plain answer.
pub(crate) fn plain(answer: &Answer) -> Vec<u8> {
    let choices: Vec<Value> = (0..answer.choices)
        .map(|choice| json!({"index": choice, "message": message(answer, choice), "logprobs": null, "finish_reason": finish(answer)}))
        .collect();
    let mut body = json!({
        "id": id(answer),
        "object": "chat.completion",
        "created": answer.created_unix_s,
        "model": &*answer.model,
        "choices": choices,
        "service_tier": "default",
        "system_fingerprint": "fp_sim",
    });
    if answer.usage != UsageShape::Absent {
        body["usage"] = usage(answer);
    }
    body.to_string().into_bytes()
}

fn message(answer: &Answer, choice: u64) -> Value {
    let content = if answer.calls.is_empty() || answer.text_tokens > 0 { Value::from(answer.text.as_str()) } else { Value::Null };
    let mut message = Map::new();
    message.insert("role".to_owned(), json!("assistant"));
    message.insert("content".to_owned(), content);
    message.insert("refusal".to_owned(), Value::Null);
    message.insert("annotations".to_owned(), json!([]));
    if answer.reasoning_tokens > 0 {
        message.insert("reasoning_content".to_owned(), json!(answer.reasoning));
    }
    if !answer.calls.is_empty() {
        let calls = answer.calls.iter().enumerate().map(|(index, call)| {
            let function = json!({"name": call.name, "arguments": call.arguments_text});
            json!({"id": call_id(answer, choice, index), "type": "function", "function": function})
        });
        message.insert("tool_calls".to_owned(), calls.collect());
    }
    Value::Object(message)
}

/// What every chunk of a stream begins with.
pub(crate) fn head(answer: &Answer) -> String {
    format!(
        r#"data: {{"id":"{}","object":"chat.completion.chunk","created":{},"model":{},"service_tier":"default","system_fingerprint":"fp_sim","choices":["#,
        id(answer),
        answer.created_unix_s,
        Value::from(&*answer.model),
    )
}

/// Writes one step of a stream.
pub(crate) fn render(answer: &Answer, head: &str, step: &Step<'_>, out: &mut Vec<u8>) {
    let mut pen = Pen { answer, head, out };
    match step {
        Step::Open { choice } => pen.delta(*choice, r#""role":"assistant","content":"","refusal":null"#, "null"),
        Step::Reasoning { choice } => {
            pen.delta(*choice, &format!(r#""reasoning_content":{}"#, Value::from(answer.reasoning.as_str())), "null");
        }
        Step::Text { choice, text, .. } => pen.delta(*choice, &format!(r#""content":{}"#, Value::from(*text)), "null"),
        Step::Call { choice, index, part } => pen.call(*choice, *index, *part),
        Step::Finish { choice } => pen.delta(*choice, "", &format!(r#""{}""#, finish(answer))),
        Step::Usage if answer.include_usage && answer.usage != UsageShape::Absent => {
            let times = if answer.usage == UsageShape::Twice { 2 } else { 1 };
            for _ in 0..times {
                push(pen.out, format_args!("{head}],\"usage\":{}}}\n\n", usage(answer)));
            }
        }
        Step::Usage => {}
        Step::Done => pen.out.extend_from_slice(b"data: [DONE]\n\n"),
    }
}

/// Writes chunks.
struct Pen<'a> {
    answer: &'a Answer,
    head: &'a str,
    out: &'a mut Vec<u8>,
}

impl Pen<'_> {
    fn call(&mut self, choice: u64, index: usize, part: Part) {
        let Some(call) = self.answer.calls.get(index) else { return };
        let (first, second) = call.halves();
        if part != Part::Second {
            let opening = json!({"index": index, "id": call_id(self.answer, choice, index), "type": "function",
                "function": {"name": call.name, "arguments": ""}});
            self.delta(choice, &format!(r#""tool_calls":[{opening}]"#), "null");
        }
        let fragment = match part {
            Part::Whole => call.arguments_text.as_str(),
            Part::First => first,
            Part::Second => second,
        };
        let fragment = json!({"index": index, "function": {"arguments": fragment}});
        self.delta(choice, &format!(r#""tool_calls":[{fragment}]"#), "null");
    }

    fn delta(&mut self, choice: u64, delta: &str, finish: &str) {
        let usage = if self.answer.include_usage { r#","usage":null"# } else { "" };
        let head = self.head;
        push(
            self.out,
            format_args!("{head}{{\"index\":{choice},\"delta\":{{{delta}}},\"logprobs\":null,\"finish_reason\":{finish}}}]{usage}}}\n\n"),
        );
    }
}

/// An event of about `bytes` bytes that says nothing.
pub(crate) fn padding(head: &str, bytes: usize, out: &mut Vec<u8>) {
    push(out, format_args!("{head}],\"padding\":\"{}\"}}\n\n", "x".repeat(bytes)));
}

/// The body of an error answer.
pub(crate) fn error(status: u16, message: &str) -> Value {
    let (kind, code) = match status {
        401 => ("invalid_request_error", json!("invalid_api_key")),
        404 => ("invalid_request_error", json!("model_not_found")),
        429 => ("requests", json!("rate_limit_exceeded")),
        500.. => ("server_error", Value::Null),
        _ => ("invalid_request_error", Value::Null),
    };
    json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
}

/// An error inside a stream.
pub(crate) fn error_event(out: &mut Vec<u8>) {
    push(out, format_args!("data: {}\n\n", error(500, "[simulated] the server had an error in the middle of its answer")));
}

fn usage(answer: &Answer) -> Value {
    let (input, output) = (answer.input_tokens, answer.output_tokens());
    let mut usage = json!({
        "prompt_tokens": answer.reported(input),
        "completion_tokens": answer.reported(output),
        "total_tokens": answer.reported(input + output),
        "prompt_tokens_details": {"cached_tokens": answer.reported(answer.cached_tokens), "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": answer.reported(answer.all_reasoning_tokens()),
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    });
    if answer.cache_write_tokens > 0 {
        usage["prompt_tokens_details"]["cache_write_tokens"] = answer.reported(answer.cache_write_tokens);
    }
    usage
}

fn finish(answer: &Answer) -> &'static str {
    match answer.finish {
        Finish::Stop | Finish::StopSequence(_) => "stop",
        Finish::Length => "length",
        Finish::Tools => "tool_calls",
    }
}

fn id(answer: &Answer) -> String {
    format!("chatcmpl-sim{:016x}", answer.order)
}

fn call_id(answer: &Answer, choice: u64, index: usize) -> String {
    format!("call_sim{:x}_{choice}_{index}", answer.order)
}

/// Writing to a vector does not fail.
fn push(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    let _always_ok = out.write_fmt(text);
}
