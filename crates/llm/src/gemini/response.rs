//! Answers: a provider's body → reply, and reply → a client's body.

use domain::{Code, Fault};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::chat::{ChatReply, Choice, Finish, FinishKind, Part, PartKind, Rest, ToolCall};
use crate::dialect::{Bill, Dialect};
use crate::fields::unreadable_at;
use crate::marks;

use super::wire::{self, CandidateIn, FeedbackIn, FunctionCallIn, PartIn, ReplyIn, UsageOut};

pub(super) fn read(body: &[u8]) -> Result<ChatReply, Fault> {
    let not_ours =
        |note: String| Fault::new(Code::UpstreamInvalidResponse, "the provider's answer is not a generateContent response").note(note);
    let reply: ReplyIn = serde_json::from_slice(body).map_err(|error| not_ours(unreadable_at(&error)))?;
    if let Some(error) = reply.error.as_ref().filter(|error| !error.is_null()) {
        return Err(super::fault::from_error(0, error).into_fault("", 1));
    }
    let id = reply.response_id.unwrap_or_default();
    let candidates = reply.candidates.unwrap_or_default();
    let searches = candidates.iter().filter_map(|one| one.grounding_metadata.as_ref()).map(wire::searches).sum();
    let mut choices: Vec<Choice> = candidates.into_iter().enumerate().map(|(at, one)| read_candidate(one, at, &id)).collect();
    if choices.is_empty() {
        let feedback = reply.prompt_feedback.ok_or_else(|| not_ours("it has no candidates".to_owned()))?;
        choices.push(Choice {
            index: 0,
            parts: Vec::new(),
            finish: Some(blocked(feedback)),
            logprobs: None,
            annotations: Vec::new(),
            rest: Map::new(),
        });
    }
    let usage_rest = reply.usage_metadata.as_ref().map(|usage| usage.native()).unwrap_or_default();
    Ok(ChatReply {
        from: Dialect::Gemini,
        id,
        model: reply.model_version.unwrap_or_default(),
        created: None,
        choices,
        usage: reply.usage_metadata.map(|usage| usage.usage(searches)),
        service_tier: None,
        provider_cost: None,
        rest: reply.rest,
        usage_rest,
    })
}

/// The prompt itself was refused: there is no candidate.
pub(super) fn blocked(feedback: FeedbackIn) -> Finish {
    let raw = feedback.block_reason.unwrap_or_else(|| "BLOCKED_REASON_UNSPECIFIED".to_owned());
    Finish { detail: feedback.block_reason_message, ..Finish::new(FinishKind::ContentFilter, raw) }
}

fn read_candidate(mut candidate: CandidateIn, at: usize, reply_id: &str) -> Choice {
    let index = u32::try_from(candidate.index.unwrap_or_else(|| u64::try_from(at).unwrap_or(0))).unwrap_or(0);
    let rest = candidate.native();
    let mut parts = Vec::new();
    let mut calls = 0;
    for part in candidate.content.and_then(|content| content.parts).into_iter().flatten() {
        read_part(part, (reply_id, index, &mut calls), &mut parts);
    }
    let text: String =
        parts.iter().filter_map(|part| if let PartKind::Text(text) = &part.kind { Some(text.as_str()) } else { None }).collect();
    Choice {
        index,
        finish: candidate.finish_reason.map(|word| finish_of(&word, calls > 0, candidate.finish_message)),
        logprobs: candidate.logprobs_result.as_ref().map(wire::logprobs_in),
        annotations: candidate.grounding_metadata.as_ref().map(|value| wire::annotations(value, &text)).unwrap_or_default(),
        parts,
        rest,
    }
}

/// One part of an answer; `calls` counts the function calls of this answer.
pub(super) fn read_part(mut part: PartIn, (reply_id, choice, calls): (&str, u32, &mut u32), out: &mut Vec<Part>) {
    let mut kind = if let Some(call) = part.function_call {
        let id = call_id(&call, reply_id, choice, *calls);
        *calls += 1;
        let arguments = call.args.map_or_else(|| "{}".to_owned(), |args| args.to_string());
        let signature = part.thought_signature.map(crate::media::standard);
        out.push(PartKind::ToolCall(ToolCall { id, name: call.name, arguments, signature }).into());
        return;
    } else if let Some(blob) = part.inline_data {
        Some(wire::blob(blob.mime_type, blob.data))
    } else if part.thought == Some(true) {
        out.push(wire::thought(part.text.unwrap_or_default(), part.thought_signature).into());
        return;
    } else {
        None
    };
    if let Some(signature) = part.thought_signature {
        out.push(wire::thought(String::new(), Some(signature)).into());
    }
    if let Some(text) = part.text {
        if !text.is_empty() {
            out.push(Part { rest: Rest::of(Dialect::Gemini, std::mem::take(&mut part.rest)), ..Part::text(text) });
        }
    } else if kind.is_none() && !part.rest.is_empty() {
        kind = Some(PartKind::Raw { dialect: Dialect::Gemini, value: Value::Object(std::mem::take(&mut part.rest)) });
    }
    out.extend(kind.map(|kind| Part { rest: Rest::of(Dialect::Gemini, part.rest), ..kind.into() }));
}

/// The call's id: Google's, or one made of the answer's id, so that it is unique in a conversation without randomness.
fn call_id(call: &FunctionCallIn, reply_id: &str, choice: u32, count: u32) -> String {
    if let Some(id) = call.id.as_ref().filter(|id| !id.is_empty()) {
        return id.clone();
    }
    let seed =
        if reply_id.is_empty() { format!("{}{}", call.name, call.args.as_ref().unwrap_or(&Value::Null)) } else { reply_id.to_owned() };
    format!("call_{:016x}_{choice}_{count}", marks::hash(&seed))
}

/// The provider's word in our words. Calls end with `STOP` there.
pub(super) fn finish_of(word: &str, calls: bool, detail: Option<String>) -> Finish {
    let kind = match word {
        "STOP" | "FUNCTION_CALL" if calls => FinishKind::ToolCalls,
        "STOP" | "FINISH_REASON_UNSPECIFIED" => FinishKind::Stop,
        "MAX_TOKENS" => FinishKind::Length,
        "SAFETY" | "RECITATION" | "LANGUAGE" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" | "OTHER" | "MODEL_ARMOR" => {
            FinishKind::ContentFilter
        }
        "CONTINUATION" => FinishKind::Pause,
        "MALFORMED_FUNCTION_CALL" | "UNEXPECTED_TOOL_CALL" | "TOO_MANY_TOOL_CALLS" | "MISSING_THOUGHT_SIGNATURE" | "MALFORMED_RESPONSE" => {
            FinishKind::Malformed
        }
        word if word.starts_with("IMAGE_") => FinishKind::ContentFilter,
        _ => FinishKind::Other,
    };
    Finish { detail, ..Finish::new(kind, word) }
}

/// Google's word.
pub(super) fn finish_word(finish: &Finish, from: Dialect) -> String {
    let native = finish.raw.as_deref().filter(|raw| from == Dialect::Gemini && !raw.is_empty());
    let word = match finish.kind {
        FinishKind::Stop | FinishKind::StopSequence | FinishKind::ToolCalls => "STOP",
        FinishKind::Length | FinishKind::ContextExceeded => "MAX_TOKENS",
        FinishKind::ContentFilter => "SAFETY",
        FinishKind::Malformed => "MALFORMED_RESPONSE",
        FinishKind::Pause | FinishKind::Other => "OTHER",
    };
    native.unwrap_or(word).to_owned()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReplyOut<'a> {
    pub(super) candidates: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) usage_metadata: Option<UsageOut>,
    pub(super) model_version: &'a str,
    pub(super) response_id: &'a str,
    #[serde(flatten)]
    pub(super) rest: Option<&'a Map<String, Value>>,
}

pub(super) fn write(reply: &ChatReply, bill: Option<&Bill>) -> Vec<u8> {
    let same = reply.from == Dialect::Gemini;
    let mut usage = reply.usage.as_ref().map(|usage| UsageOut::new(usage, bill));
    if let Some(usage) = usage.as_mut().filter(|_| same) {
        usage.rest = Some(reply.usage_rest.clone());
    }
    let out = ReplyOut {
        candidates: reply.choices.iter().map(|choice| write_candidate(choice, reply.from)).collect(),
        usage_metadata: usage,
        model_version: &reply.model,
        response_id: &reply.id,
        rest: same.then_some(&reply.rest),
    };
    serde_json::to_vec(&out).unwrap_or_default()
}

fn write_candidate(choice: &Choice, from: Dialect) -> Value {
    let stop = Finish::new(FinishKind::Stop, "STOP");
    let finish = choice.finish.as_ref().unwrap_or(&stop);
    let mut out = json!({
        "content": {"role": "model", "parts": wire::answer_parts(&choice.parts)},
        "finishReason": finish_word(finish, from),
        "index": choice.index,
    });
    if let Some(detail) = &finish.detail {
        out["finishMessage"] = json!(detail);
    }
    if let Some(logprobs) = &choice.logprobs {
        out["logprobsResult"] = wire::logprobs_out(logprobs);
    }
    if let (Dialect::Gemini, Value::Object(map)) = (from, &mut out) {
        map.extend(choice.rest.clone());
    } else if !choice.annotations.is_empty() {
        let chunks: Vec<Value> =
            choice.annotations.iter().map(|source| json!({"web": {"uri": source.url, "title": source.title}})).collect();
        out["groundingMetadata"] = json!({"groundingChunks": chunks});
    }
    out
}
