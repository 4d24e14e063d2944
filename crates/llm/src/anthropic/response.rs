//! Answers: a provider's message → reply, and reply → a client's message.

use domain::{Code, Fault};
use serde_json::{Map, Value, json};

use crate::chat::{ChatReply, Choice, Finish, FinishKind, PartKind, Rest};
use crate::dialect::{Bill, Dialect};
use crate::fields::unreadable_at;
use crate::marks;

use super::wire::{self, MessageIn, UsageOut};

pub(super) fn read(body: &[u8]) -> Result<ChatReply, Fault> {
    let not_ours = |note: String| Fault::new(Code::UpstreamInvalidResponse, "the provider's answer is not an Anthropic message").note(note);
    let message: MessageIn = serde_json::from_slice(body).map_err(|error| not_ours(unreadable_at(&error)))?;
    if let Some(error) = message.error.as_ref().filter(|error| !error.is_null()) {
        return Err(super::fault::from_error(0, error).into_fault("", 1));
    }
    let blocks = message.content.ok_or_else(|| not_ours("it has no content".to_owned()))?;
    let (mut parts, mut annotations, mut at) = (Vec::new(), Vec::new(), 0u64);
    for block in &blocks {
        let (part, cited) = wire::answer_block(block, at);
        if let Some(PartKind::Text(text)) = part.as_ref().map(|part| &part.kind) {
            at = at.saturating_add(u64::try_from(text.chars().count()).unwrap_or(0));
        }
        parts.extend(part);
        annotations.extend(cited);
    }
    let finish = message.stop_reason.map(|word| finish_of(&word, message.stop_sequence, message.stop_details.as_ref()));
    let mut rest = message.rest;
    for held in ["type", "role"] {
        rest.shift_remove(held);
    }
    if let Some(details) = message.stop_details {
        rest.insert("stop_details".to_owned(), details);
    }
    Ok(ChatReply {
        from: Dialect::Anthropic,
        id: message.id,
        model: message.model,
        created: None,
        choices: vec![Choice { index: 0, parts, finish, logprobs: None, annotations, rest: Map::new() }],
        usage: (!message.usage.is_empty()).then(|| message.usage.usage()),
        service_tier: message.usage.service_tier,
        provider_cost: None,
        rest,
        usage_rest: message.usage.rest,
    })
}

/// The provider's word in our words.
pub(super) fn finish_of(word: &str, stop_sequence: Option<String>, details: Option<&Value>) -> Finish {
    let kind = match word {
        "end_turn" => FinishKind::Stop,
        "stop_sequence" => FinishKind::StopSequence,
        "max_tokens" | "compaction" => FinishKind::Length,
        "model_context_window_exceeded" => FinishKind::ContextExceeded,
        "tool_use" => FinishKind::ToolCalls,
        "refusal" => FinishKind::ContentFilter,
        "pause_turn" => FinishKind::Pause,
        _ => FinishKind::Other,
    };
    let detail = details.and_then(|details| details.get("explanation")).and_then(Value::as_str).map(str::to_owned);
    Finish { stop_sequence, detail, ..Finish::new(kind, word) }
}

/// Anthropic's word. A malformed answer is a `refusal`: the turn is over and not to be used, which `end_turn` would
/// hide.
pub(super) fn finish_word(finish: &Finish) -> &'static str {
    match finish.kind {
        FinishKind::Stop | FinishKind::Other => "end_turn",
        FinishKind::StopSequence => "stop_sequence",
        FinishKind::Length => "max_tokens",
        FinishKind::ContextExceeded => "model_context_window_exceeded",
        FinishKind::ToolCalls => "tool_use",
        FinishKind::ContentFilter | FinishKind::Malformed => "refusal",
        FinishKind::Pause => "pause_turn",
    }
}

/// `stop_details`, which only refusals have.
pub(super) fn stop_details(finish: &Finish) -> Value {
    if finish_word(finish) != "refusal" {
        return Value::Null;
    }
    let explanation = finish.detail.clone().or_else(|| finish.raw.as_ref().map(|raw| format!("the provider ended the answer with {raw}")));
    json!({"type": "refusal", "category": null, "explanation": explanation})
}

pub(super) fn write(reply: &ChatReply, bill: Option<&Bill>) -> Vec<u8> {
    let mut content: Vec<Value> = Vec::new();
    let choice = reply.choices.first();
    for part in choice.iter().flat_map(|choice| &choice.parts) {
        match &part.kind {
            PartKind::Thinking(thinking) => {
                let proof = thinking.signature.as_ref().map(|proof| marks::tag_signature(proof, Dialect::Anthropic)).unwrap_or_default();
                content.push(json!({"type": "thinking", "thinking": thinking.text, "signature": proof}));
            }
            PartKind::ToolCall(call) => {
                let id = marks::carry_on_id(&call.id, call.signature.as_deref());
                let mut block = wire::tool_use(&id, &call.name, &call.arguments);
                Rest::put(part.rest.as_deref(), Dialect::Anthropic, &mut block);
                content.push(block);
            }
            // The SDK's answers hold no media.
            PartKind::Image(_) | PartKind::Audio(_) | PartKind::Video(_) | PartKind::File(_) => {}
            _ => content.extend(wire::write_part(part)),
        }
    }
    let finish = choice.and_then(|choice| choice.finish.clone()).unwrap_or_else(|| Finish::new(FinishKind::Stop, "end_turn"));
    let mut out = Map::new();
    for (name, value) in [
        ("id", json!(reply.id)),
        ("type", json!("message")),
        ("role", json!("assistant")),
        ("model", json!(reply.model)),
        ("content", json!(content)),
        ("stop_reason", json!(finish_word(&finish))),
        ("stop_sequence", json!(finish.stop_sequence)),
        ("stop_details", stop_details(&finish)),
    ] {
        out.insert(name.to_owned(), value);
    }
    let mut usage = UsageOut::new(&reply.usage.unwrap_or_default(), bill);
    if reply.from == Dialect::Anthropic {
        out.extend(reply.rest.clone());
        let tier = reply.service_tier.as_ref().map(|tier| ("service_tier".to_owned(), json!(tier)));
        usage.rest = Some(reply.usage_rest.clone().into_iter().chain(tier).collect());
    }
    serde_json::to_vec(&Envelope { message: &out, usage }).unwrap_or_default()
}

/// The bill's decimals are raw JSON, which a `Value` cannot hold.
#[derive(serde::Serialize)]
struct Envelope<'a> {
    #[serde(flatten)]
    message: &'a Map<String, Value>,
    usage: UsageOut,
}
