//! Answers: a provider's body → reply, and reply → a client's body.

use domain::{Code, Fault};
use serde_json::{Map, Value, json};

use crate::chat::{Annotation, ChatReply, Choice, Finish, FinishKind, Media, Part, PartKind, Signature, Thinking, ToolCall};
use crate::dialect::{Bill, Dialect};
use crate::fields::{unreadable_at, whole_number};
use crate::{marks, media};

use super::wire::{self, ChoiceIn, ChoiceOut, MessageIn, ReplyIn, ReplyOut, UsageOut};

pub(super) fn read(body: &[u8]) -> Result<ChatReply, Fault> {
    let not_ours = |note: String| Fault::new(Code::UpstreamInvalidResponse, "the provider's answer is not a chat completion").note(note);
    let reply: ReplyIn = serde_json::from_slice(body).map_err(|error| not_ours(unreadable_at(&error)))?;
    if let Some(error) = reply.error.as_ref().filter(|error| !error.is_null()) {
        return Err(super::fault::from_error(0, error).into_fault("", 1));
    }
    let choices = reply.choices.filter(|choices| !choices.is_empty()).ok_or_else(|| not_ours("it has no choices".to_owned()))?;
    let provider_cost = reply.usage.as_ref().and_then(wire::UsageIn::cost);
    Ok(ChatReply {
        from: Dialect::OpenAiChat,
        id: reply.id.unwrap_or_default(),
        model: reply.model.unwrap_or_default(),
        created: reply.created.as_ref().and_then(whole_number).and_then(|seconds| i64::try_from(seconds).ok()),
        choices: choices.into_iter().map(read_choice).collect::<Result<_, _>>()?,
        usage: reply.usage.or(reply.x_groq.and_then(|groq| groq.usage)).map(|usage| usage.usage()),
        service_tier: reply.service_tier,
        provider_cost,
        rest: reply.rest,
        usage_rest: Map::new(),
    })
}

fn read_choice(choice: ChoiceIn) -> Result<Choice, Fault> {
    if let Some(error) = choice.error.as_ref().filter(|error| !error.is_null()) {
        return Err(super::fault::from_error(0, error).into_fault("", 1));
    }
    let message = choice.message.or(choice.delta).unwrap_or_default();
    let annotations = annotations(&message);
    let mut parts = Vec::new();
    read_message(message, &mut parts);
    let calls = parts.iter().any(|part| matches!(part.kind, PartKind::ToolCall(_)));
    Ok(Choice {
        index: u32::try_from(choice.index).unwrap_or(0),
        parts,
        finish: choice.finish_reason.map(|word| finish_of(&word, calls)),
        logprobs: choice.logprobs.filter(|value| !value.is_null()),
        annotations,
        rest: Map::new(),
    })
}

/// The provider's word in our words. Beside tool calls, an empty word (xAI) and `stop` (OpenAI, when a tool was forced)
/// mean tool calls.
pub(super) fn finish_of(word: &str, calls: bool) -> Finish {
    let kind = match word {
        "" | "stop" if calls => FinishKind::ToolCalls,
        "stop" | "eos" | "end_turn" | "" => FinishKind::Stop,
        "length" | "max_tokens" | "model_length" => FinishKind::Length,
        "tool_calls" | "function_call" => FinishKind::ToolCalls,
        "content_filter" => FinishKind::ContentFilter,
        "error" => FinishKind::Malformed,
        _ => FinishKind::Other,
    };
    Finish::new(kind, word)
}

fn read_message(message: MessageIn, parts: &mut Vec<Part>) {
    parts.extend(message.thinking_blocks.iter().flatten().filter_map(wire::thinking_block));
    if parts.is_empty()
        && let Some(text) = thoughts(&message).filter(|text| !text.is_empty())
    {
        parts.push(PartKind::Thinking(Thinking { text, signature: Some(own_thoughts()) }).into());
    }
    match message.content {
        Some(Value::String(text)) if !text.is_empty() => parts.push(Part::text(text)),
        Some(Value::Array(list)) => list.into_iter().for_each(|value| read_block(&value, parts)),
        _ => {}
    }
    if let Some(refusal) = message.refusal.filter(|text| !text.is_empty()) {
        parts.push(PartKind::Refusal(refusal).into());
    }
    for image in message.images.iter().flatten() {
        if let Some(url) = image.pointer("/image_url/url").and_then(Value::as_str) {
            parts.push(PartKind::Image(media::from_url(url.to_owned())).into());
        }
    }
    if let Some(audio) = message.audio.filter(Value::is_object) {
        parts.push(PartKind::Raw { dialect: Dialect::OpenAiChat, value: json!({"audio": audio}) }.into());
    }
    for (index, call) in message.tool_calls.into_iter().flatten().enumerate() {
        let signature = call.signature();
        let function = call.function.unwrap_or_default();
        let id = call.id.filter(|id| !id.is_empty()).unwrap_or_else(|| format!("call_{index}"));
        let (id, carried) = marks::split_id(&id);
        parts.push(
            PartKind::ToolCall(ToolCall {
                id: id.to_owned(),
                name: function.name.unwrap_or_default(),
                arguments: wire::arguments_text(function.arguments),
                signature: signature.or(carried),
            })
            .into(),
        );
    }
    if let Some(function) = message.function_call {
        let (name, arguments) = (function.name.unwrap_or_default(), wire::arguments_text(function.arguments));
        parts.push(PartKind::ToolCall(ToolCall { id: "call_0".to_owned(), name, arguments, signature: None }).into());
    }
}

/// Marks thoughts of a compatible provider, so that they go back to such a provider only.
pub(super) fn own_thoughts() -> Signature {
    Signature { dialect: Some(Dialect::OpenAiChat), text: String::new() }
}

/// `reasoning_content`, or `reasoning` as text.
pub(super) fn thoughts(message: &MessageIn) -> Option<String> {
    message.reasoning_content.clone().or_else(|| message.reasoning.as_ref().and_then(Value::as_str).map(str::to_owned))
}

/// A block of a content list (Mistral): text, or thinking made of texts.
pub(super) fn read_block(block: &Value, parts: &mut Vec<Part>) {
    match block.get("type").and_then(Value::as_str) {
        Some("thinking") => {
            let text = match block.get("thinking") {
                Some(Value::String(text)) => text.clone(),
                Some(Value::Array(list)) => list.iter().filter_map(|piece| piece.get("text").and_then(Value::as_str)).collect(),
                _ => return,
            };
            parts.push(PartKind::Thinking(Thinking { text, signature: Some(own_thoughts()) }).into());
        }
        Some("image_url") => {
            if let Some(url) = block.pointer("/image_url/url").and_then(Value::as_str) {
                parts.push(PartKind::Image(media::from_url(url.to_owned())).into());
            }
        }
        _ => {
            if let Some(text) = block.get("text").and_then(Value::as_str) {
                parts.push(Part::text(text));
            }
        }
    }
}

fn annotations(message: &MessageIn) -> Vec<Annotation> {
    message.annotations.iter().flatten().filter_map(read_annotation).collect()
}

/// One `url_citation`.
pub(super) fn read_annotation(value: &Value) -> Option<Annotation> {
    let inner = value.get("url_citation")?;
    let place = |key: &str| inner.get(key).and_then(whole_number).unwrap_or(0);
    Some(Annotation {
        url: inner.get("url")?.as_str()?.to_owned(),
        title: inner.get("title").and_then(Value::as_str).unwrap_or_default().to_owned(),
        start: place("start_index"),
        end: place("end_index"),
    })
}

pub(super) fn annotation_value(annotation: &Annotation) -> Value {
    json!({"type": "url_citation", "url_citation": {
        "start_index": annotation.start, "end_index": annotation.end, "url": annotation.url, "title": annotation.title,
    }})
}

pub(super) fn write(reply: &ChatReply, bill: Option<&Bill>) -> Vec<u8> {
    let same = reply.from == Dialect::OpenAiChat;
    let out = ReplyOut {
        id: &reply.id,
        object: "chat.completion",
        created: reply.created.unwrap_or(0),
        model: &reply.model,
        choices: reply.choices.iter().map(write_choice).collect(),
        usage: reply.usage.as_ref().map(|usage| UsageOut::new(usage, bill)),
        service_tier: reply
            .service_tier
            .as_deref()
            .filter(|tier| same || *tier != "batch")
            .map(|tier| if tier == "standard" { "default" } else { tier }),
        rest: same.then_some(&reply.rest),
    };
    serde_json::to_vec(&out).unwrap_or_default()
}

fn write_choice(choice: &Choice) -> ChoiceOut {
    let (word, native) = choice.finish.as_ref().map_or(("stop", None), finish_words);
    ChoiceOut {
        index: choice.index,
        message: write_message(choice),
        logprobs: choice.logprobs.clone(),
        finish_reason: word,
        native_finish_reason: native,
    }
}

/// OpenAI's word, and the provider's own where OpenAI's says less.
///
/// A paused turn and a full context are `length`: the answer is not whole. A malformed answer is `error`, the word
/// that other gateways use, because an empty `stop` would hide it.
pub(super) fn finish_words(finish: &Finish) -> (&'static str, Option<String>) {
    let (word, exact) = match finish.kind {
        FinishKind::Stop | FinishKind::StopSequence => ("stop", true),
        FinishKind::Length => ("length", true),
        FinishKind::ContextExceeded | FinishKind::Pause => ("length", false),
        FinishKind::ToolCalls => ("tool_calls", true),
        FinishKind::ContentFilter => ("content_filter", false),
        FinishKind::Malformed => ("error", false),
        FinishKind::Other => ("stop", false),
    };
    (word, finish.raw.clone().filter(|raw| !exact && raw != word))
}

fn write_message(choice: &Choice) -> Map<String, Value> {
    let (mut text, mut thoughts, mut refusal) = (String::new(), String::new(), String::new());
    let (mut blocks, mut calls, mut images, mut raws) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut audio = None;
    for part in &choice.parts {
        match &part.kind {
            PartKind::Text(piece) => text.push_str(piece),
            PartKind::Refusal(piece) => refusal.push_str(piece),
            PartKind::Thinking(thinking) => {
                thoughts.push_str(&thinking.text);
                if thinking.signature.as_ref().is_some_and(|proof| !proof.text.is_empty()) {
                    blocks.push(wire::thinking_block_value(thinking));
                }
            }
            PartKind::RedactedThinking(data) => blocks.push(json!({"type": "redacted_thinking", "data": data})),
            PartKind::ToolCall(call) => calls.push(call_out(call)),
            PartKind::Image(image) => images.extend(image_out(image, images.len())),
            PartKind::Audio(sound) => audio = audio_out(sound).or(audio),
            PartKind::Raw { dialect: Dialect::OpenAiChat, value } => audio = value.get("audio").cloned().or(audio),
            PartKind::Raw { value, .. } => raws.push(value.clone()),
            PartKind::Video(_) | PartKind::File(_) | PartKind::ToolResult(_) => {}
        }
    }
    let mut out = Map::new();
    out.insert("role".to_owned(), json!("assistant"));
    let nothing = text.is_empty() && (!calls.is_empty() || !refusal.is_empty() || audio.is_some());
    out.insert("content".to_owned(), if nothing { Value::Null } else { json!(text) });
    out.insert("refusal".to_owned(), if refusal.is_empty() { Value::Null } else { json!(refusal) });
    let citations: Vec<Value> = choice.annotations.iter().map(annotation_value).collect();
    for (name, value, present) in [
        ("reasoning_content", json!(thoughts), !thoughts.is_empty()),
        ("thinking_blocks", json!(blocks), !blocks.is_empty()),
        ("tool_calls", json!(calls), !calls.is_empty()),
        ("images", json!(images), !images.is_empty()),
        ("audio", json!(audio), audio.is_some()),
        ("annotations", json!(citations), !citations.is_empty()),
        ("provider_specific_fields", json!({"blocks": raws}), !raws.is_empty()),
    ] {
        if present {
            out.insert(name.to_owned(), value);
        }
    }
    out
}

fn call_out(call: &ToolCall) -> Value {
    let arguments = if call.arguments.trim().is_empty() { "{}" } else { &call.arguments };
    let mut out = json!({
        "id": marks::carry_on_id(&call.id, call.signature.as_deref()),
        "type": "function",
        "function": {"name": call.name, "arguments": arguments},
    });
    if let Some(signature) = &call.signature {
        out["extra_content"] = json!({"google": {"thought_signature": signature}});
        out["provider_specific_fields"] = json!({"thought_signature": signature});
    }
    out
}

/// Images in the shape that other gateways use: OpenAI has none.
pub(super) fn image_out(image: &Media, index: usize) -> Option<Value> {
    let url = wire::media_url(image)?;
    Some(json!({"type": "image_url", "image_url": {"url": url}, "index": index}))
}

/// Spoken output; providers other than OpenAI give neither id nor transcript.
pub(super) fn audio_out(sound: &Media) -> Option<Value> {
    let crate::chat::Source::Inline(data) = &sound.source else { return None };
    Some(json!({"id": "", "data": data, "expires_at": 0, "transcript": ""}))
}
