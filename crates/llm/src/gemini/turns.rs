//! `contents` and `systemInstruction` of a request toward Google.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::chat::{ChatCall, Part, PartKind, Rest, Role, ToolResult};
use crate::dialect::Target;
use crate::outgoing::Dropped;
use crate::restore::Restore;

use super::request::HERE;
use super::wire;

/// Google's stand-in for the proof of a call that another model made; in base64, as the field demands.
const NO_PROOF: &[u8] = b"skip_thought_signature_validator";

/// The name under which a function is sent.
pub(super) fn sent_name<'a>(restore: &'a Restore, name: &'a str) -> &'a str {
    restore.tools.iter().find(|(_, original)| original == name).map_or(name, |(sent, _)| sent)
}

/// Parts of `systemInstruction`, and the contents.
pub(super) fn write(call: &ChatCall, target: &Target<'_>, restore: &Restore, dropped: &mut Dropped) -> (Vec<Value>, Vec<Value>) {
    let mut turns = Turns { call, tool_ids: target.facts.tool_ids, restore, list: Vec::new(), held: Vec::new() };
    let (mut system, mut leading) = (Vec::new(), true);
    for (index, message) in call.messages.iter().enumerate() {
        if message.parts.iter().any(|part| part.cache.is_some()) {
            dropped.add("cache_control");
        }
        match message.role {
            Role::System | Role::Developer if leading => system.extend(message.parts.iter().filter_map(wire::media_part)),
            // Never hoisted: that would rewrite the cached beginning of the conversation.
            Role::System | Role::Developer => {
                let texts = message.parts.iter().filter_map(wire::media_part).map(|mut part| {
                    if let Some(text) = part.get("text").and_then(Value::as_str) {
                        part["text"] = json!(format!("[Note from the operator, not from the user]\n{text}"));
                    }
                    part
                });
                turns.held.extend(texts);
                let calling = turns.list.last().is_some_and(|(_, parts)| parts.iter().any(|part| part.get("functionCall").is_some()));
                if !calling {
                    turns.release();
                }
            }
            Role::Assistant => {
                leading = false;
                turns.release();
                let parts = turns.assistant(index, dropped);
                turns.add("model", parts);
            }
            Role::User | Role::Tool => {
                leading = false;
                turns.user(index, dropped);
            }
        }
    }
    turns.release();
    // The first turn must be the user's.
    if turns.list.first().is_none_or(|(role, _)| *role == "model") {
        turns.list.insert(0, ("user", vec![json!({"text": "."})]));
    }
    let contents = turns.list.into_iter().map(|(role, parts)| json!({"role": role, "parts": parts})).collect();
    (system, contents)
}

struct Turns<'a> {
    call: &'a ChatCall,
    tool_ids: bool,
    restore: &'a Restore,
    list: Vec<(&'static str, Vec<Value>)>,
    /// A late system text that came between a call and its result.
    held: Vec<Value>,
}

impl Turns<'_> {
    /// Adds parts to the last turn if it has the role, else begins one. Results stay apart from what the user says,
    /// because their number must be that of the calls.
    fn add(&mut self, role: &'static str, parts: Vec<Value>) {
        if parts.is_empty() {
            return;
        }
        let results = parts.iter().any(is_result);
        match self.list.last_mut() {
            Some((last, content)) if *last == role && content.iter().any(is_result) == results => content.extend(parts),
            _ => self.list.push((role, parts)),
        }
    }

    fn release(&mut self) {
        let held = std::mem::take(&mut self.held);
        self.add("user", held);
    }

    fn user(&mut self, index: usize, dropped: &mut Dropped) {
        let (mut results, mut said) = (Vec::new(), Vec::new());
        for (at, part) in self.call.messages[index].parts.iter().enumerate() {
            match &part.kind {
                PartKind::ToolResult(result) => results.push(self.result(result, index, &mut said)),
                PartKind::Image(image) => match wire::media_part(part) {
                    Some(mut value) => {
                        Rest::put(part.rest.as_deref(), HERE, &mut value);
                        if let Some(level) = image.detail.as_deref().and_then(resolution).filter(|_| self.tool_ids) {
                            value["mediaResolution"] = json!({"level": level});
                        }
                        said.push(value);
                    }
                    None => dropped.add(self.call.part_path(index, at)),
                },
                // An empty text says nothing and is refused.
                PartKind::Text(text) if text.is_empty() => {}
                _ => match wire::media_part(part) {
                    Some(mut value) => {
                        Rest::put(part.rest.as_deref(), HERE, &mut value);
                        said.push(value);
                    }
                    None => dropped.add(self.call.part_path(index, at)),
                },
            }
        }
        if results.is_empty() {
            self.release();
        }
        self.add("user", results);
        self.add("user", said);
    }

    fn assistant(&self, index: usize, dropped: &mut Dropped) -> Vec<Value> {
        let message = &self.call.messages[index];
        let mut out: Vec<Value> = Vec::new();
        let mut carried: Option<String> = None;
        let mut calls = 0;
        for (at, part) in message.parts.iter().enumerate() {
            match &part.kind {
                PartKind::Thinking(thinking) => {
                    let ours = thinking.signature.as_ref().filter(|proof| proof.dialect == Some(HERE));
                    carried = ours.map(|proof| proof.text.clone()).or(carried);
                    if self.call.from == HERE && !thinking.text.is_empty() {
                        out.push(json!({"text": thinking.text, "thought": true}));
                    }
                }
                // Only its maker can read it.
                PartKind::RedactedThinking(_) => {}
                PartKind::ToolCall(call) => {
                    let id = if self.tool_ids { call.id.as_str() } else { "" };
                    let name = sent_name(self.restore, &call.name);
                    let proof = call.signature.clone().or_else(|| carried.take().filter(|_| calls == 0));
                    let mut value = wire::function_call(id, name, &call.arguments, proof.as_deref());
                    if self.tool_ids && calls == 0 && value.get("thoughtSignature").is_none() {
                        value["thoughtSignature"] = json!(STANDARD.encode(NO_PROOF));
                    }
                    carried = None;
                    calls += 1;
                    out.push(value);
                }
                PartKind::Text(text) if text.is_empty() && carried.is_none() => {}
                _ => match wire::media_part(part) {
                    Some(mut value) => {
                        // The call behind carries the proof itself; sent twice, it is billed twice.
                        let later = message
                            .parts
                            .iter()
                            .skip(at)
                            .any(|part| matches!(&part.kind, PartKind::ToolCall(call) if call.signature.is_some()));
                        if let Some(proof) = carried.take().filter(|_| !later) {
                            value["thoughtSignature"] = json!(proof);
                        }
                        out.push(value);
                    }
                    None => dropped.add(self.call.part_path(index, at)),
                },
            }
        }
        out
    }

    fn result(&self, result: &ToolResult, index: usize, said: &mut Vec<Value>) -> Value {
        let (mut text, mut media) = (String::new(), Vec::new());
        for part in &result.parts {
            match &part.kind {
                PartKind::Text(piece) => {
                    if !text.is_empty() {
                        text.push('\n');
                    }
                    text.push_str(piece);
                }
                _ => media.extend(wire::media_part(part)),
            }
        }
        let mut response = Map::new();
        if self.tool_ids && !result.call_id.is_empty() {
            response.insert("id".to_owned(), json!(result.call_id));
        }
        let name = self.called(&result.call_id, index).or(result.name.as_deref()).unwrap_or("unknown_function");
        response.insert("name".to_owned(), json!(sent_name(self.restore, name)));
        let value = match serde_json::from_str(&text) {
            Ok(Value::Object(map)) if !result.is_error => Value::Object(map),
            _ if result.is_error => json!({"error": text}),
            _ => json!({"output": text}),
        };
        response.insert("response".to_owned(), value);
        if !media.is_empty() {
            if self.tool_ids {
                response.insert("parts".to_owned(), Value::Array(media));
            } else {
                said.extend(media);
            }
        }
        json!({"functionResponse": response})
    }

    /// The name of the function that was called under an id: the nearest call before the answer.
    fn called(&self, id: &str, before: usize) -> Option<&str> {
        self.call.messages[..before].iter().rev().flat_map(|message| message.parts.iter().rev()).find_map(|part: &Part| match &part.kind {
            PartKind::ToolCall(call) if call.id == id => Some(call.name.as_str()),
            _ => None,
        })
    }
}

fn is_result(part: &Value) -> bool {
    part.get("functionResponse").is_some()
}

/// OpenAI's image `detail` → Google's resolution.
fn resolution(detail: &str) -> Option<&'static str> {
    match detail {
        "low" => Some("MEDIA_RESOLUTION_LOW"),
        "high" | "original" => Some("MEDIA_RESOLUTION_HIGH"),
        _ => None,
    }
}
