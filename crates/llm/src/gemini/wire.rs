//! What stands on the wire of generateContent. Source: the types of Google's official SDK.
//!
//! JSON of protocol buffers may be spelled `camelCase` or `snake_case`; requests are read in either.

use domain::{Usage, UsageSource};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::billing::{CostDetails, Dollars};
use crate::chat::{Annotation, Media, Part, PartKind, Rest, Signature, Source, Thinking};
use crate::dialect::{Bill, Dialect};
use crate::fields::{count, maybe_count, whole_number};
use crate::media;

const HERE: Dialect = Dialect::Gemini;

/// Sealed thoughts of another provider travel under this name.
const REDACTED: &str = "redacted:";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReplyIn {
    #[serde(default)]
    pub(super) candidates: Option<Vec<CandidateIn>>,
    #[serde(default)]
    pub(super) prompt_feedback: Option<FeedbackIn>,
    #[serde(default)]
    pub(super) usage_metadata: Option<UsageIn>,
    #[serde(default)]
    pub(super) model_version: Option<String>,
    #[serde(default)]
    pub(super) response_id: Option<String>,
    #[serde(default)]
    pub(super) error: Option<Value>,
    #[serde(flatten)]
    pub(super) rest: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FeedbackIn {
    #[serde(default)]
    pub(super) block_reason: Option<String>,
    #[serde(default)]
    pub(super) block_reason_message: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CandidateIn {
    #[serde(default, deserialize_with = "maybe_count")]
    pub(super) index: Option<u64>,
    #[serde(default)]
    pub(super) content: Option<ContentIn>,
    #[serde(default)]
    pub(super) finish_reason: Option<String>,
    #[serde(default)]
    pub(super) finish_message: Option<String>,
    #[serde(default)]
    pub(super) grounding_metadata: Option<Value>,
    #[serde(default)]
    pub(super) logprobs_result: Option<Value>,
    #[serde(flatten)]
    pub(super) rest: Map<String, Value>,
}

impl CandidateIn {
    /// What our model does not hold, with the whole grounding, of which it holds only a part.
    pub(super) fn native(&mut self) -> Map<String, Value> {
        let mut rest = std::mem::take(&mut self.rest);
        if let Some(grounding) = &self.grounding_metadata {
            rest.insert("groundingMetadata".to_owned(), grounding.clone());
        }
        rest
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct ContentIn {
    #[serde(default)]
    pub(super) parts: Option<Vec<PartIn>>,
}

/// One part of an answer.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PartIn {
    #[serde(default)]
    pub(super) text: Option<String>,
    #[serde(default)]
    pub(super) thought: Option<bool>,
    #[serde(default)]
    pub(super) thought_signature: Option<String>,
    #[serde(default)]
    pub(super) inline_data: Option<BlobIn>,
    #[serde(default)]
    pub(super) function_call: Option<FunctionCallIn>,
    #[serde(flatten)]
    pub(super) rest: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BlobIn {
    #[serde(default)]
    pub(super) mime_type: Option<String>,
    #[serde(default)]
    pub(super) data: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct FunctionCallIn {
    #[serde(default)]
    pub(super) id: Option<String>,
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) args: Option<Value>,
}

#[derive(Debug, Clone, Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct UsageIn {
    #[serde(default, deserialize_with = "count")]
    prompt_token_count: u64,
    #[serde(default, deserialize_with = "count")]
    candidates_token_count: u64,
    #[serde(default, deserialize_with = "count")]
    thoughts_token_count: u64,
    #[serde(default, deserialize_with = "count")]
    tool_use_prompt_token_count: u64,
    #[serde(default, deserialize_with = "count")]
    cached_content_token_count: u64,
    #[serde(default, deserialize_with = "maybe_count")]
    total_token_count: Option<u64>,
    #[serde(default)]
    prompt_tokens_details: Option<Vec<ModalityIn>>,
    #[serde(default)]
    candidates_tokens_details: Option<Vec<ModalityIn>>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct ModalityIn {
    #[serde(default)]
    modality: String,
    #[serde(default, deserialize_with = "count")]
    token_count: u64,
}

impl UsageIn {
    /// What our counts do not hold.
    pub(super) fn native(&self) -> Map<String, Value> {
        let mut rest = self.rest.clone();
        for (name, details) in
            [("promptTokensDetails", &self.prompt_tokens_details), ("candidatesTokensDetails", &self.candidates_tokens_details)]
        {
            if let Some(Ok(details)) = details.as_ref().map(serde_json::to_value) {
                rest.insert(name.to_owned(), details);
            }
        }
        rest
    }

    /// Our counts. Thoughts come on top of the candidates unless the total shows that they are in them already.
    pub(super) fn usage(&self, searches: u64) -> Usage {
        let input = self.prompt_token_count.saturating_add(self.tool_use_prompt_token_count);
        let within = self.thoughts_token_count > 0
            && self.thoughts_token_count <= self.candidates_token_count
            && self.total_token_count == Some(input.saturating_add(self.candidates_token_count));
        let thoughts = if within { 0 } else { self.thoughts_token_count };
        let of = |details: &Option<Vec<ModalityIn>>, kind: &str| -> u64 {
            details.iter().flatten().filter(|part| part.modality.eq_ignore_ascii_case(kind)).map(|part| part.token_count).sum()
        };
        Usage {
            input,
            cached_input: self.cached_content_token_count,
            audio_input: of(&self.prompt_tokens_details, "AUDIO"),
            output: self.candidates_token_count.saturating_add(thoughts),
            reasoning: self.thoughts_token_count,
            audio_output: of(&self.candidates_tokens_details, "AUDIO"),
            image_output: of(&self.candidates_tokens_details, "IMAGE"),
            searches,
            source: UsageSource::Provider,
            ..Usage::default()
        }
        .clamped()
    }
}

/// `usageMetadata`. Its SDK drops fields that it does not know, so the bill does no harm.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UsageOut {
    prompt_token_count: u64,
    candidates_token_count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    thoughts_token_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cached_content_token_count: Option<u64>,
    total_token_count: u64,
    /// What else the same dialect said, so that nothing is lost.
    #[serde(flatten)]
    pub(super) rest: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<Dollars>,
    #[serde(skip_serializing_if = "Option::is_none")]
    charged: Option<Dollars>,
    #[serde(skip_serializing_if = "Option::is_none", rename = "cost_details")]
    cost_details: Option<CostDetails>,
}

impl UsageOut {
    /// The usage object, with the bill if there is one.
    pub(super) fn new(usage: &Usage, bill: Option<&Bill>) -> Self {
        Self {
            prompt_token_count: usage.input,
            candidates_token_count: usage.output.saturating_sub(usage.reasoning),
            thoughts_token_count: (usage.reasoning > 0).then_some(usage.reasoning),
            cached_content_token_count: (usage.cached_input > 0).then_some(usage.cached_input),
            total_token_count: usage.total(),
            rest: None,
            cost: bill.map(|bill| Dollars(bill.cost)),
            charged: bill.map(|bill| Dollars(bill.charged)),
            cost_details: bill.map(|bill| CostDetails { cost_nano_usd: bill.cost.0, charged_nano_usd: bill.charged.0 }),
        }
    }
}

/// Spells the keys of a request in `camelCase`, except inside what belongs to the caller.
pub(super) fn camel(value: Value) -> Value {
    const OPAQUE: &[&str] =
        &["args", "response", "parameters", "parametersJsonSchema", "responseSchema", "responseJsonSchema", "labels", "partMetadata"];
    match value {
        Value::Object(map) => Value::Object(
            map.into_iter()
                .map(|(key, value)| {
                    let key = camel_key(key);
                    let value = if OPAQUE.contains(&key.as_str()) { value } else { camel(value) };
                    (key, value)
                })
                .collect(),
        ),
        Value::Array(list) => list.into_iter().map(camel).collect(),
        other => other,
    }
}

fn camel_key(key: String) -> String {
    if !key.contains('_') {
        return key;
    }
    let mut out = String::with_capacity(key.len());
    let mut up = false;
    for c in key.chars() {
        match c {
            '_' => up = !out.is_empty(),
            c if up => {
                out.extend(c.to_uppercase());
                up = false;
            }
            c => out.push(c),
        }
    }
    out
}

/// Inline bytes by their MIME type.
pub(super) fn blob(mime_type: Option<String>, data: String) -> PartKind {
    by_type(media::inline(mime_type, media::standard(data)))
}

/// Image, sound, moving image or document.
pub(super) fn by_type(media: Media) -> PartKind {
    let kind = media::media_type(&media).unwrap_or("").split('/').next().unwrap_or("");
    match kind {
        "image" => PartKind::Image(media),
        "audio" => PartKind::Audio(media),
        "video" => PartKind::Video(media),
        _ => PartKind::File(media),
    }
}

/// A proof as a client or the provider sent it: base64, maybe of another provider's tagged text.
pub(super) fn read_signature(text: String) -> Signature {
    let text = media::standard(text);
    if let Some(plain) = media::decode_text(&text) {
        for owner in Dialect::ALL {
            if let Some(rest) = plain.strip_prefix(owner.as_str()).and_then(|rest| rest.strip_prefix(':')) {
                return Signature { dialect: Some(*owner), text: rest.to_owned() };
            }
        }
    }
    Signature { dialect: Some(HERE), text }
}

/// The proof in base64, which the field demands; a foreign one says whose it is.
fn signature_value(signature: &Signature) -> Value {
    match signature.dialect {
        Some(HERE) | None if media::is_base64(&signature.text) => json!(signature.text),
        owner => json!(media::encode_text(&format!("{}:{}", owner.unwrap_or(HERE), signature.text))),
    }
}

/// A thought part with a proof as our parts.
pub(super) fn thought(text: String, signature: Option<String>) -> PartKind {
    if let Some(sealed) =
        signature.as_ref().and_then(|text| media::decode_text(text)).and_then(|text| text.strip_prefix(REDACTED).map(str::to_owned))
    {
        return PartKind::RedactedThinking(sealed);
    }
    PartKind::Thinking(Thinking { text, signature: signature.map(read_signature) })
}

/// Parts of an answer toward a client. A proof without thoughts goes onto the part behind it.
pub(super) fn answer_parts(parts: &[Part]) -> Vec<Value> {
    let mut out: Vec<Value> = Vec::with_capacity(parts.len());
    let mut carried: Option<Value> = None;
    for part in parts {
        let mut value = match &part.kind {
            PartKind::Thinking(thinking) if thinking.text.is_empty() => {
                carried = thinking.signature.as_ref().map(signature_value).or(carried);
                continue;
            }
            PartKind::Thinking(thinking) => {
                let mut value = json!({"text": thinking.text, "thought": true});
                if let Some(signature) = &thinking.signature {
                    value["thoughtSignature"] = signature_value(signature);
                }
                out.push(value);
                continue;
            }
            PartKind::RedactedThinking(data) => {
                let sealed = media::encode_text(&format!("{REDACTED}{data}"));
                out.push(json!({"text": "", "thought": true, "thoughtSignature": sealed}));
                continue;
            }
            PartKind::Text(text) | PartKind::Refusal(text) => json!({"text": text}),
            PartKind::ToolCall(call) => function_call(&call.id, &call.name, &call.arguments, call.signature.as_deref()),
            _ => match media_part(part) {
                Some(value) => value,
                None => continue,
            },
        };
        Rest::put(part.rest.as_deref(), HERE, &mut value);
        if let Some(signature) = carried.take()
            && value.get("thoughtSignature").is_none()
        {
            value["thoughtSignature"] = signature;
        }
        out.push(value);
    }
    if let Some(signature) = carried {
        out.push(json!({"text": "", "thoughtSignature": signature}));
    }
    out
}

/// A whole call of a function.
pub(super) fn function_call(id: &str, name: &str, arguments: &str, signature: Option<&str>) -> Value {
    let mut call = Map::new();
    if !id.is_empty() {
        call.insert("id".to_owned(), json!(id));
    }
    call.insert("name".to_owned(), json!(name));
    call.insert("args".to_owned(), args_of(arguments));
    let mut part = json!({"functionCall": call});
    if let Some(signature) = signature.filter(|text| media::is_base64(text)) {
        part["thoughtSignature"] = json!(signature);
    }
    part
}

/// JSON text of arguments → an object; what is none is kept where the reader can see it.
pub(super) fn args_of(arguments: &str) -> Value {
    if arguments.trim().is_empty() {
        return json!({});
    }
    match serde_json::from_str(arguments) {
        Ok(Value::Object(map)) => Value::Object(map),
        _ => json!({"INVALID_JSON": arguments}),
    }
}

/// Text and media as a part; none when there is no such thing.
pub(super) fn media_part(part: &Part) -> Option<Value> {
    let media = match &part.kind {
        PartKind::Text(text) | PartKind::Refusal(text) => return Some(json!({"text": text})),
        PartKind::Image(media) | PartKind::Audio(media) | PartKind::Video(media) | PartKind::File(media) => media,
        PartKind::Raw { dialect: Dialect::Gemini, value } => return Some(value.clone()),
        _ => return None,
    };
    let kind = media::media_type(media);
    Some(match &media.source {
        Source::Text(text) => json!({"text": text}),
        Source::Inline(data) => {
            let fallback = if matches!(part.kind, PartKind::Image(_)) { "image/png" } else { "application/pdf" };
            json!({"inlineData": {"mimeType": kind.unwrap_or(fallback), "data": data}})
        }
        Source::Url(uri) | Source::Id(uri) => {
            let mut file = Map::new();
            if let Some(kind) = kind {
                file.insert("mimeType".to_owned(), json!(kind));
            }
            file.insert("fileUri".to_owned(), json!(uri));
            json!({"fileData": file})
        }
    })
}

/// Sources of a grounded answer. Google counts bytes of the answer's text, we count characters.
pub(super) fn annotations(grounding: &Value, text: &str) -> Vec<Annotation> {
    let list = |key: &str| grounding.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let chars = |bytes: u64| {
        let end = usize::try_from(bytes).unwrap_or(usize::MAX).min(text.len());
        let before = text.char_indices().take_while(|(at, _)| *at < end).count();
        u64::try_from(before).unwrap_or(0)
    };
    let page = |chunk: &Value| {
        let web = chunk.get("web")?;
        Some((web.get("uri")?.as_str()?.to_owned(), web.get("title").and_then(Value::as_str).unwrap_or_default().to_owned()))
    };
    let (chunks, mut out) = (list("groundingChunks"), Vec::new());
    for support in list("groundingSupports") {
        let place = |key: &str| support.pointer(&format!("/segment/{key}")).and_then(whole_number).unwrap_or(0);
        let (start, end) = (chars(place("startIndex")), chars(place("endIndex")));
        for index in support.get("groundingChunkIndices").and_then(Value::as_array).into_iter().flatten() {
            let chunk = whole_number(index).and_then(|index| usize::try_from(index).ok()).and_then(|index| chunks.get(index));
            if let Some((url, title)) = chunk.and_then(page) {
                out.push(Annotation { url, title, start, end });
            }
        }
    }
    if out.is_empty() {
        out.extend(chunks.iter().filter_map(page).map(|(url, title)| Annotation { url, title, start: 0, end: 0 }));
    }
    out
}

/// How many searches the provider made.
pub(super) fn searches(grounding: &Value) -> u64 {
    let queries = grounding.get("webSearchQueries").and_then(Value::as_array).map_or(0, Vec::len);
    u64::try_from(queries).unwrap_or(0)
}

/// `logprobsResult` → OpenAI's `logprobs`.
pub(super) fn logprobs_in(result: &Value) -> Value {
    let entry = |candidate: &Value| json!({"token": candidate.get("token"), "logprob": candidate.get("logProbability"), "bytes": null});
    let list = |key: &str| result.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let tops = list("topCandidates");
    let content: Vec<Value> = list("chosenCandidates")
        .iter()
        .enumerate()
        .map(|(index, chosen)| {
            let others = tops.get(index).and_then(|top| top.get("candidates")).and_then(Value::as_array);
            let mut out = entry(chosen);
            out["top_logprobs"] = others.into_iter().flatten().map(entry).collect();
            out
        })
        .collect();
    json!({"content": content, "refusal": null})
}

/// The other way.
pub(super) fn logprobs_out(logprobs: &Value) -> Value {
    let entry = |token: &Value| json!({"token": token.get("token"), "logProbability": token.get("logprob")});
    let content = logprobs.get("content").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let tops: Vec<Value> = content
        .iter()
        .map(|token| {
            let candidates: Vec<Value> = token.get("top_logprobs").and_then(Value::as_array).into_iter().flatten().map(entry).collect();
            json!({"candidates": candidates})
        })
        .collect();
    json!({"chosenCandidates": content.iter().map(entry).collect::<Vec<Value>>(), "topCandidates": tops})
}
