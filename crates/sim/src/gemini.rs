//! The Gemini dialect.

use serde_json::{Value, json};

use crate::answer::{Answer, Call, Finish, UsageShape};
use crate::ask::{Ask, Choice, Format, Tool, list, number, object, strings};
use crate::steps::{Said, Step};

/// Limit: candidates of one request.
const CANDIDATES_MAX: u64 = 8;

/// Reads a request's body; the model and the method stand in its path.
pub(crate) fn read(model: &str, body: &[u8]) -> Result<Ask, String> {
    let body = object(body)?;
    let mut ask = Ask::new(model);
    let config = either(&body, "generationConfig", "generation_config");
    ask.tokens_max = number(config, "maxOutputTokens")?.or(number(config, "max_output_tokens")?);
    ask.choices = number(config, "candidateCount")?.or(number(config, "candidate_count")?).unwrap_or(1);
    if ask.tokens_max == Some(0) {
        return Err("max_output_tokens must be positive".to_owned());
    }
    if !(1..=CANDIDATES_MAX).contains(&ask.choices) {
        return Err(format!("candidate_count is not from 1 to {CANDIDATES_MAX}"));
    }
    ask.stop = strings(either(config, "stopSequences", "stop_sequences"));
    let thinking = either(config, "thinkingConfig", "thinking_config");
    ask.reasons = either(thinking, "thinkingBudget", "thinking_budget").as_i64().is_some_and(|budget| budget != 0)
        || either(thinking, "thinkingLevel", "thinking_level").is_string();
    let schema = match either(config, "responseJsonSchema", "response_json_schema") {
        Value::Null => either(config, "responseSchema", "response_schema"),
        schema => schema,
    };
    if either(config, "responseMimeType", "response_mime_type") == "application/json" {
        ask.format = if schema.is_null() { Format::Json } else { Format::Schema(schema.clone()) };
    }
    read_parts(either(&body, "systemInstruction", "system_instruction"), &mut ask, &mut String::new());
    let contents = body["contents"].as_array().filter(|all| !all.is_empty()).ok_or("contents is not specified")?;
    for content in contents {
        let mut user_text = String::new();
        let user = content["role"] != "model";
        let results = read_parts(content, &mut ask, &mut user_text);
        ask.answers_tool = user && results;
        if user && !user_text.is_empty() {
            ask.last_user_text = user_text;
        }
    }
    read_tools(&body, &mut ask);
    ask.input_tokens = ask.input_tokens.max(1);
    Ok(ask)
}

/// Counts the parts of a content, collects their text, and says whether one is a function's response.
fn read_parts(content: &Value, ask: &mut Ask, text: &mut String) -> bool {
    let mut results = false;
    for part in list(&content["parts"]) {
        let blob = [either(part, "inlineData", "inline_data"), either(part, "fileData", "file_data")];
        let (call, response) = (either(part, "functionCall", "function_call"), either(part, "functionResponse", "function_response"));
        if part["thought"] == true {
            continue;
        } else if let Some(words) = part["text"].as_str() {
            ask.text(words);
            text.push_str(words);
            text.push('\n');
        } else if let Some(blob) = blob.into_iter().find(|blob| blob.is_object()) {
            let kind = either(blob, "mimeType", "mime_type").as_str().unwrap_or("");
            if kind.starts_with("image/") { ask.image() } else { ask.file() }
        } else if call.is_object() {
            ask.call(&call["name"], call.get("args"));
        } else if response.is_object() {
            results = true;
            match only_text(&response["response"]) {
                Some(words) => ask.text(words),
                None => ask.other(&response["response"]),
            }
        } else {
            ask.other(part);
        }
    }
    results
}

/// The text of an object whose one member is a string.
fn only_text(response: &Value) -> Option<&str> {
    let members = response.as_object().filter(|members| members.len() == 1)?;
    members.values().next()?.as_str()
}

fn read_tools(body: &Value, ask: &mut Ask) {
    for tool in list(&body["tools"]) {
        let Some(functions) = either(tool, "functionDeclarations", "function_declarations").as_array() else {
            ask.definition(tool);
            continue;
        };
        for function in functions {
            ask.definition(function);
            let schema = match either(function, "parametersJsonSchema", "parameters_json_schema") {
                Value::Null => &function["parameters"],
                schema => schema,
            };
            if let Some(name) = function["name"].as_str() {
                ask.tools.push(Tool { name: name.to_owned(), schema: schema.clone() });
            }
        }
    }
    let config = either(either(body, "toolConfig", "tool_config"), "functionCallingConfig", "function_calling_config");
    let only = list(either(config, "allowedFunctionNames", "allowed_function_names")).first().and_then(Value::as_str);
    ask.choice = match config["mode"].as_str() {
        Some("NONE" | "none") => Choice::None,
        Some("ANY" | "any") => only.map_or(Choice::Any, |name| Choice::Named(name.to_owned())),
        _ => Choice::Auto,
    };
}

/// The plain answer.
pub(crate) fn plain(answer: &Answer) -> Vec<u8> {
    let mut parts = Vec::new();
    if answer.reasoning_tokens > 0 {
        parts.push(json!({"text": answer.reasoning, "thought": true}));
    }
    if answer.text_tokens > 0 || answer.calls.is_empty() {
        parts.push(json!({"text": answer.text}));
    }
    parts.extend(answer.calls.iter().enumerate().map(|(index, call)| call_part(answer, 0, index, call)));
    let candidates: Vec<Value> = (0..answer.choices)
        .map(|choice| json!({"index": choice, "content": {"role": "model", "parts": parts}, "finishReason": finish(answer)}))
        .collect();
    let said = Said { output: answer.output_tokens(), reasoning: answer.all_reasoning_tokens() };
    let mut body = json!({"candidates": candidates, "modelVersion": &*answer.model, "responseId": id(answer)});
    if answer.usage != UsageShape::Absent {
        body["usageMetadata"] = usage(answer, said);
    }
    body.to_string().into_bytes()
}

/// Writes one step of a stream; `said` includes it.
pub(crate) fn render(answer: &Answer, step: &Step<'_>, said: Said, out: &mut Vec<u8>) {
    let (choice, part, reason) = match step {
        Step::Reasoning { choice } => (*choice, json!({"text": answer.reasoning, "thought": true}), None),
        Step::Text { choice, text, .. } => (*choice, json!({"text": text}), None),
        Step::Call { choice, index, .. } => match answer.calls.get(*index) {
            Some(call) => (*choice, call_part(answer, *choice, *index, call), None),
            None => return,
        },
        Step::Finish { choice } => (*choice, json!({"text": ""}), Some(finish(answer))),
        Step::Open { .. } | Step::Usage | Step::Done => return,
    };
    let mut candidate = json!({"index": choice, "content": {"role": "model", "parts": [part]}});
    if let Some(reason) = reason {
        candidate["finishReason"] = json!(reason);
    }
    let mut data = json!({"candidates": [candidate], "modelVersion": &*answer.model, "responseId": id(answer)});
    if answer.usage != UsageShape::Absent {
        data["usageMetadata"] = usage(answer, said);
    }
    event(&data, out);
    if reason.is_some() && answer.usage == UsageShape::Twice {
        event(&data, out);
    }
}

fn call_part(answer: &Answer, choice: u64, index: usize, call: &Call) -> Value {
    let id = format!("call_sim{:x}_{choice}_{index}", answer.order);
    json!({"functionCall": {"id": id, "name": call.name, "args": call.arguments}})
}

/// An event of about `bytes` bytes that says nothing.
pub(crate) fn padding(bytes: usize, out: &mut Vec<u8>) {
    event(&json!({"padding": "x".repeat(bytes)}), out);
}

/// The body of an error answer.
pub(crate) fn error(status: u16, message: &str) -> Value {
    let name = match status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        409 => "ABORTED",
        429 => "RESOURCE_EXHAUSTED",
        499 => "CANCELLED",
        501 => "UNIMPLEMENTED",
        503 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        500.. => "INTERNAL",
        _ => "INVALID_ARGUMENT",
    };
    json!({"error": {"code": status, "message": message, "status": name}})
}

/// An error inside a stream.
pub(crate) fn error_event(out: &mut Vec<u8>) {
    event(&error(503, "[simulated] The model is overloaded"), out);
}

fn event(data: &Value, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("data: {data}\n\n").as_bytes());
}

fn usage(answer: &Answer, said: Said) -> Value {
    let mut usage = json!({
        "promptTokenCount": answer.reported(answer.input_tokens),
        "candidatesTokenCount": answer.reported(said.output - said.reasoning),
        "totalTokenCount": answer.reported(answer.input_tokens + said.output),
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": answer.reported(answer.input_tokens)}],
    });
    if answer.cached_tokens > 0 {
        usage["cachedContentTokenCount"] = answer.reported(answer.cached_tokens);
    }
    if said.reasoning > 0 {
        usage["thoughtsTokenCount"] = answer.reported(said.reasoning);
    }
    usage
}

fn finish(answer: &Answer) -> &'static str {
    match answer.finish {
        Finish::Length => "MAX_TOKENS",
        Finish::Stop | Finish::StopSequence(_) | Finish::Tools => "STOP",
    }
}

fn id(answer: &Answer) -> String {
    format!("sim{:016x}", answer.order)
}

/// A member by either of the two spellings that the API reads.
fn either<'a>(value: &'a Value, camel: &str, snake: &str) -> &'a Value {
    match &value[camel] {
        Value::Null => &value[snake],
        member => member,
    }
}
