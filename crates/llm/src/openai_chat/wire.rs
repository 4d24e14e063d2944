//! What stands on the wire of chat completions.
//!
//! Source: the types of OpenAI's official SDK, plus fields that compatible providers add (`reasoning_content`,
//! `reasoning`, `prompt_cache_hit_tokens`, `x_groq`…). Everything read is optional: an answer is not refused for what
//! it lacks beyond `choices`.

use domain::{Fault, Usage, UsageSource};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::billing::BillOut;
use crate::chat::{
    CacheControl, ChatCall, FunctionTool, Media, Message, Part, PartKind, ResponseFormat, Rest, Role, Signature, Source, Thinking,
    ToolCall, ToolChoice, ToolResult, WebSearch,
};
use crate::dialect::{Bill, Dialect};
use crate::fields::{Fields, Path, count, maybe_count};
use crate::outgoing::Dropped;
use crate::restore::Restore;
use crate::{marks, media};

/// A whole answer, or one chunk of a stream: the same fields, with `message` or `delta`.
#[derive(Debug, Deserialize)]
pub(super) struct ReplyIn {
    #[serde(default)]
    pub(super) id: Option<String>,
    #[serde(default)]
    pub(super) model: Option<String>,
    #[serde(default)]
    pub(super) created: Option<Value>,
    #[serde(default)]
    pub(super) choices: Option<Vec<ChoiceIn>>,
    #[serde(default)]
    pub(super) usage: Option<UsageIn>,
    #[serde(default)]
    pub(super) x_groq: Option<GroqIn>,
    #[serde(default)]
    pub(super) service_tier: Option<String>,
    #[serde(default)]
    pub(super) error: Option<Value>,
    /// Read only to keep it out of `rest`.
    #[serde(default)]
    #[expect(dead_code, reason = "named so that it is not carried as unknown")]
    object: Option<Value>,
    #[serde(flatten)]
    pub(super) rest: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
pub(super) struct GroqIn {
    #[serde(default)]
    pub(super) usage: Option<UsageIn>,
    #[serde(default)]
    pub(super) error: Option<Value>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ChoiceIn {
    #[serde(default, deserialize_with = "count")]
    pub(super) index: u64,
    #[serde(default)]
    pub(super) message: Option<MessageIn>,
    /// In streams. (Perplexity sends both; then `message` repeats everything so far.)
    #[serde(default)]
    pub(super) delta: Option<MessageIn>,
    #[serde(default)]
    pub(super) finish_reason: Option<String>,
    #[serde(default)]
    pub(super) logprobs: Option<Value>,
    #[serde(default)]
    pub(super) error: Option<Value>,
}

#[derive(Debug, Deserialize, Default)]
pub(super) struct MessageIn {
    #[serde(default)]
    pub(super) content: Option<Value>,
    #[serde(default)]
    pub(super) refusal: Option<String>,
    #[serde(default)]
    pub(super) reasoning_content: Option<String>,
    #[serde(default)]
    pub(super) reasoning: Option<Value>,
    #[serde(default)]
    pub(super) thinking_blocks: Option<Vec<Value>>,
    #[serde(default)]
    pub(super) tool_calls: Option<Vec<ToolCallIn>>,
    #[serde(default)]
    pub(super) function_call: Option<FunctionIn>,
    #[serde(default)]
    pub(super) annotations: Option<Vec<Value>>,
    #[serde(default)]
    pub(super) images: Option<Vec<Value>>,
    #[serde(default)]
    pub(super) audio: Option<Value>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ToolCallIn {
    #[serde(default, deserialize_with = "maybe_count")]
    pub(super) index: Option<u64>,
    #[serde(default)]
    pub(super) id: Option<String>,
    #[serde(default)]
    pub(super) function: Option<FunctionIn>,
    #[serde(default)]
    pub(super) extra_content: Option<Value>,
    #[serde(default)]
    pub(super) provider_specific_fields: Option<Value>,
}

impl ToolCallIn {
    /// Gemini's thought signature, by either of the two names in use.
    pub(super) fn signature(&self) -> Option<String> {
        signature_in(self.extra_content.as_ref(), self.provider_specific_fields.as_ref())
    }
}

/// `extra_content.google.thought_signature` (Google's compatible endpoint) or
/// `provider_specific_fields.thought_signature` (other gateways).
pub(super) fn signature_in(extra: Option<&Value>, fields: Option<&Value>) -> Option<String> {
    extra
        .and_then(|extra| extra.pointer("/google/thought_signature"))
        .or_else(|| fields.and_then(|fields| fields.get("thought_signature")))
        .and_then(Value::as_str)
        .map(str::to_owned)
}

#[derive(Debug, Deserialize, Default)]
pub(super) struct FunctionIn {
    #[serde(default)]
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) arguments: Option<Value>,
}

/// JSON text of arguments: most send text, some an object.
pub(super) fn arguments_text(arguments: Option<Value>) -> String {
    match arguments {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text,
        Some(other) => other.to_string(),
    }
}

#[derive(Debug, Clone, Deserialize, Default)]
pub(super) struct UsageIn {
    #[serde(default, deserialize_with = "count")]
    prompt_tokens: u64,
    #[serde(default, deserialize_with = "count")]
    completion_tokens: u64,
    #[serde(default, deserialize_with = "maybe_count")]
    total_tokens: Option<u64>,
    #[serde(default)]
    prompt_tokens_details: Option<PromptIn>,
    #[serde(default)]
    completion_tokens_details: Option<CompletionIn>,
    /// DeepSeek.
    #[serde(default, deserialize_with = "maybe_count")]
    prompt_cache_hit_tokens: Option<u64>,
    /// Moonshot.
    #[serde(default, deserialize_with = "maybe_count")]
    cached_tokens: Option<u64>,
    /// Other gateways, in Anthropic's words.
    #[serde(default, deserialize_with = "maybe_count")]
    cache_creation_input_tokens: Option<u64>,
    /// Some put it beside the details.
    #[serde(default, deserialize_with = "maybe_count")]
    reasoning_tokens: Option<u64>,
    #[serde(default, deserialize_with = "maybe_count")]
    num_search_queries: Option<u64>,
    #[serde(default)]
    cost: Option<Value>,
}

#[derive(Debug, Clone, Deserialize, Default)]
struct PromptIn {
    #[serde(default, deserialize_with = "maybe_count")]
    cached_tokens: Option<u64>,
    #[serde(default, deserialize_with = "maybe_count", alias = "cache_creation_tokens")]
    cache_write_tokens: Option<u64>,
    #[serde(default)]
    cache_creation_token_details: Option<CacheSplitIn>,
    #[serde(default, deserialize_with = "count")]
    audio_tokens: u64,
}

#[derive(Debug, Clone, Deserialize, Default)]
struct CacheSplitIn {
    #[serde(default, deserialize_with = "count")]
    ephemeral_1h_input_tokens: u64,
}

#[derive(Debug, Clone, Deserialize, Default)]
struct CompletionIn {
    #[serde(default, deserialize_with = "maybe_count")]
    reasoning_tokens: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    audio_tokens: u64,
    #[serde(default, deserialize_with = "count")]
    image_tokens: u64,
}

impl UsageIn {
    /// Our counts. Where the total shows that reasoning was left out of the completion (xAI), it is added.
    pub(super) fn usage(&self) -> Usage {
        let prompt = self.prompt_tokens_details.clone().unwrap_or_default();
        let completion = self.completion_tokens_details.clone().unwrap_or_default();
        let reasoning = completion.reasoning_tokens.or(self.reasoning_tokens).unwrap_or(0);
        let sum = self.prompt_tokens.saturating_add(self.completion_tokens);
        let apart = reasoning > 0 && self.total_tokens == Some(sum.saturating_add(reasoning));
        let written = prompt.cache_write_tokens.or(self.cache_creation_input_tokens).unwrap_or(0);
        let hour = prompt.cache_creation_token_details.unwrap_or_default().ephemeral_1h_input_tokens.min(written);
        Usage {
            input: self.prompt_tokens,
            cached_input: prompt.cached_tokens.or(self.prompt_cache_hit_tokens).or(self.cached_tokens).unwrap_or(0),
            cache_write_5m: written - hour,
            cache_write_1h: hour,
            audio_input: prompt.audio_tokens,
            output: if apart { self.completion_tokens.saturating_add(reasoning) } else { self.completion_tokens },
            reasoning,
            audio_output: completion.audio_tokens,
            image_output: completion.image_tokens,
            searches: self.num_search_queries.unwrap_or(0),
            source: UsageSource::Provider,
        }
        .clamped()
    }

    /// The provider's own figure of the cost, in its spelling.
    pub(super) fn cost(&self) -> Option<String> {
        self.cost.as_ref().filter(|cost| cost.is_number()).map(Value::to_string)
    }
}

#[derive(Debug, Serialize)]
pub(super) struct ReplyOut<'a> {
    pub(super) id: &'a str,
    pub(super) object: &'static str,
    pub(super) created: i64,
    pub(super) model: &'a str,
    pub(super) choices: Vec<ChoiceOut>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) usage: Option<UsageOut>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) service_tier: Option<&'a str>,
    #[serde(flatten)]
    pub(super) rest: Option<&'a Map<String, Value>>,
}

#[derive(Debug, Serialize)]
pub(super) struct ChoiceOut {
    pub(super) index: u32,
    pub(super) message: Map<String, Value>,
    pub(super) logprobs: Option<Value>,
    pub(super) finish_reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) native_finish_reason: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct UsageOut {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    prompt_tokens_details: PromptOut,
    completion_tokens_details: CompletionOut,
    #[serde(flatten)]
    bill: Option<BillOut>,
}

#[derive(Debug, Serialize)]
struct PromptOut {
    cached_tokens: u64,
    audio_tokens: u64,
    #[serde(skip_serializing_if = "is_zero")]
    cache_write_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_creation_token_details: Option<CacheSplitOut>,
}

#[derive(Debug, Serialize)]
struct CacheSplitOut {
    ephemeral_5m_input_tokens: u64,
    ephemeral_1h_input_tokens: u64,
}

#[derive(Debug, Serialize)]
struct CompletionOut {
    reasoning_tokens: u64,
    audio_tokens: u64,
    #[serde(skip_serializing_if = "is_zero")]
    image_tokens: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes the field by reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl UsageOut {
    /// The usage object, with the bill if there is one.
    pub(super) fn new(usage: &Usage, bill: Option<&Bill>) -> Self {
        let written = usage.cache_write_5m.saturating_add(usage.cache_write_1h);
        Self {
            prompt_tokens: usage.input,
            completion_tokens: usage.output,
            total_tokens: usage.total(),
            prompt_tokens_details: PromptOut {
                cached_tokens: usage.cached_input,
                audio_tokens: usage.audio_input,
                cache_write_tokens: written,
                cache_creation_token_details: (written > 0).then_some(CacheSplitOut {
                    ephemeral_5m_input_tokens: usage.cache_write_5m,
                    ephemeral_1h_input_tokens: usage.cache_write_1h,
                }),
            },
            completion_tokens_details: CompletionOut {
                reasoning_tokens: usage.reasoning,
                audio_tokens: usage.audio_output,
                image_tokens: usage.image_output,
            },
            bill: bill.map(BillOut::from),
        }
    }
}

/// What the message writer must know beside the message.
pub(super) struct Names<'a> {
    pub(super) restore: &'a Restore,
    /// The model knows the `developer` role.
    pub(super) thinks: bool,
    /// The caller speaks this dialect itself.
    pub(super) same: bool,
}

impl Names<'_> {
    /// The name under which a tool is sent.
    fn sent<'n>(&'n self, name: &'n str) -> &'n str {
        self.restore.tools.iter().find(|(_, original)| original == name).map_or(name, |(sent, _)| sent)
    }
}

/// `cache_control` or OpenAI's `prompt_cache_breakpoint`.
pub(super) fn cache_of(value: &Value) -> CacheControl {
    CacheControl { ttl: value.get("ttl").and_then(Value::as_str).map(str::to_owned) }
}

pub(super) fn cache_value(cache: &CacheControl) -> Value {
    match &cache.ttl {
        Some(ttl) => json!({"type": "ephemeral", "ttl": ttl}),
        None => json!({"type": "ephemeral"}),
    }
}

/// A message's `content`: a string or a list of parts.
pub(super) fn read_content(content: Value, place: &Path<'_>, parts: &mut Vec<Part>) -> Result<(), Fault> {
    match content {
        Value::String(text) => parts.push(Part::text(text)),
        Value::Array(list) => {
            for (index, value) in list.into_iter().enumerate() {
                parts.push(read_part(value, Path::Index(place, index))?);
            }
        }
        _ => return Err(place.wrong("must be a string or a list of parts")),
    }
    Ok(())
}

fn read_part(value: Value, place: Path<'_>) -> Result<Part, Fault> {
    let mut fields = Fields::of(value, place)?;
    let kind = fields.need_string("type")?;
    let cache = fields.take("cache_control").or_else(|| fields.take("prompt_cache_breakpoint")).map(|value| cache_of(&value));
    let kind = match kind.as_str() {
        "text" | "input_text" => PartKind::Text(fields.need_string("text")?),
        "refusal" => PartKind::Refusal(fields.need_string("refusal")?),
        "image_url" | "video_url" => {
            let mut media = match fields.take(&kind) {
                Some(Value::String(url)) => media::from_url(url),
                Some(inner) => {
                    let mut inner = Fields::of(inner, fields.at(&kind))?;
                    let mut media = media::from_url(inner.need_string("url")?);
                    media.detail = inner.string("detail")?;
                    media.media_type = inner.string("format")?.or(media.media_type);
                    media
                }
                None => return Err(fields.at(&kind).wrong("is missing; it must be an object with `url`")),
            };
            if kind == "video_url" {
                PartKind::Video(media)
            } else {
                media.media_type = media.media_type.filter(|kind| kind.contains('/'));
                PartKind::Image(media)
            }
        }
        "input_audio" => {
            let inner = fields.need_object("input_audio")?;
            let mut inner = Fields::of(inner, fields.at("input_audio"))?;
            let format = inner.string("format")?.unwrap_or_else(|| "wav".to_owned());
            PartKind::Audio(media::inline(Some(media::audio_type(&format)), inner.need_string("data")?))
        }
        "file" => {
            let inner = fields.need_object("file")?;
            let inner = Fields::of(inner, fields.at("file"))?;
            PartKind::File(read_file(inner)?)
        }
        _ => {
            let mut value = std::mem::take(fields.left());
            value.insert("type".to_owned(), Value::String(kind));
            PartKind::Raw { dialect: Dialect::OpenAiChat, value: Value::Object(value) }
        }
    };
    let rest = Rest::of(Dialect::OpenAiChat, fields.rest());
    Ok(Part { kind, cache, rest })
}

fn read_file(mut fields: Fields<'_>) -> Result<Media, Fault> {
    let name = fields.string("filename")?;
    let declared = fields.string("format")?;
    let mut media = match (fields.string("file_data")?, fields.string("file_id")?) {
        (Some(data), _) if data.starts_with("data:") => media::from_url(data),
        (Some(data), _) => media::inline(None, data),
        (None, Some(id)) if id.starts_with("http") || id.starts_with("gs://") => media::from_url(id),
        (None, Some(id)) => media::stored(id),
        (None, None) => return Err(fields.path().wrong("must have `file_data` or `file_id`")),
    };
    media.name = name;
    media.media_type = declared.or(media.media_type);
    Ok(media)
}

/// The thoughts that a client sends back: `thinking_blocks` with their proofs, else `reasoning_content`.
pub(super) fn read_thoughts(fields: &mut Fields<'_>, parts: &mut Vec<Part>) -> Result<(), Fault> {
    let blocks = fields.list("thinking_blocks")?.unwrap_or_default();
    let plain = fields.string("reasoning_content")?;
    let other = fields.take("reasoning");
    parts.extend(blocks.iter().filter_map(thinking_block));
    if parts.is_empty()
        && let Some(text) = plain.or_else(|| other.and_then(|value| value.as_str().map(str::to_owned))).filter(|text| !text.is_empty())
    {
        parts.push(PartKind::Thinking(Thinking { text, signature: None }).into());
    }
    Ok(())
}

/// One entry of `thinking_blocks`; its `dialect` says whose proof it holds, and without one it is Anthropic's.
pub(super) fn thinking_block(block: &Value) -> Option<Part> {
    let text = |key: &str| block.get(key).and_then(Value::as_str);
    if text("type") == Some("redacted_thinking") {
        return Some(PartKind::RedactedThinking(text("data")?.to_owned()).into());
    }
    let dialect = text("dialect").map_or(Some(Dialect::Anthropic), |name| name.parse().ok());
    let signature = text("signature").filter(|text| !text.is_empty()).map(|text| Signature { dialect, text: text.to_owned() });
    Some(PartKind::Thinking(Thinking { text: text("thinking")?.to_owned(), signature }).into())
}

/// The other way.
pub(super) fn thinking_block_value(thinking: &Thinking) -> Value {
    let mut block = json!({"type": "thinking", "thinking": thinking.text});
    if let Some(signature) = &thinking.signature {
        block["signature"] = json!(signature.text);
        if let Some(dialect) = signature.dialect.filter(|dialect| *dialect != Dialect::Anthropic) {
            block["dialect"] = json!(dialect.as_str());
        }
    }
    block
}

/// `tool_calls`, or the older single `function_call`, which has no id: the message's index makes one.
pub(super) fn read_tool_calls(fields: &mut Fields<'_>, message: usize, parts: &mut Vec<Part>) -> Result<(), Fault> {
    let list = fields.list("tool_calls")?.unwrap_or_default();
    for (index, value) in list.into_iter().enumerate() {
        let list_place = fields.at("tool_calls");
        let mut call = Fields::of(value, Path::Index(&list_place, index))?;
        if call.peek("function").is_none() && call.peek("custom").is_some() {
            parts.push(PartKind::Raw { dialect: Dialect::OpenAiChat, value: Value::Object(call.rest()) }.into());
            continue;
        }
        let id = call.need_string("id")?;
        let (id, carried) = marks::split_id(&id);
        let signature = signature_in(call.peek("extra_content"), call.peek("provider_specific_fields")).or(carried);
        let id = id.to_owned();
        let cache = call.take("cache_control").map(|value| cache_of(&value));
        let function = call.need_object("function")?;
        let mut function = Fields::of(function, call.at("function"))?;
        let name = function.need_string("name")?;
        let arguments = arguments_text(function.take("arguments"));
        parts.push(Part { kind: PartKind::ToolCall(ToolCall { id, name, arguments, signature }), cache, rest: None });
    }
    if let Some(older) = fields.object("function_call")? {
        let place = fields.at("function_call");
        let mut function = Fields::of(Value::Object(older), place)?;
        let call = ToolCall {
            id: format!("call_function_{message}"),
            name: function.need_string("name")?,
            arguments: arguments_text(function.take("arguments")),
            signature: None,
        };
        parts.push(PartKind::ToolCall(call).into());
    }
    Ok(())
}

/// All messages; a turn with tool results becomes `tool` messages first, then what else the user says.
pub(super) fn write_messages(call: &ChatCall, names: &Names<'_>, dropped: &mut Dropped) -> Vec<Value> {
    let mut out = Vec::with_capacity(call.messages.len());
    let mut last_call = String::new();
    for (index, message) in call.messages.iter().enumerate() {
        match message.role {
            Role::Assistant => out.push(write_assistant((call, index), names, dropped)),
            role => {
                let mut plain: Vec<Value> = Vec::new();
                for (at, part) in message.parts.iter().enumerate() {
                    if let PartKind::ToolResult(result) = &part.kind {
                        if !write_result(result, &last_call, &mut out, &mut plain) {
                            dropped.add(call.part_path(index, at));
                        }
                        dropped.add_if(result.is_error, &format!("{}.is_error", call.part_path(index, at)));
                        continue;
                    }
                    match write_part(part, names) {
                        Some(value) => plain.push(value),
                        None => dropped.add(call.part_path(index, at)),
                    }
                    dropped.add_if(part.cache.is_some() && !names.same, "cache_control");
                }
                if !plain.is_empty() {
                    out.push(plain_message(role, message, plain, names));
                }
            }
        }
        if let Some(PartKind::ToolCall(called)) =
            message.parts.iter().rev().map(|part| &part.kind).find(|kind| matches!(kind, PartKind::ToolCall(_)))
        {
            last_call.clone_from(&called.id);
        }
    }
    out
}

fn plain_message(role: Role, message: &Message, parts: Vec<Value>, names: &Names<'_>) -> Value {
    let role = match role {
        Role::System => "system",
        Role::Developer if names.thinks || names.same => "developer",
        Role::Developer => "system",
        Role::User | Role::Tool | Role::Assistant => "user",
    };
    let mut out = Map::new();
    out.insert("role".to_owned(), json!(role));
    out.insert("content".to_owned(), collapse(parts));
    if let Some(name) = &message.name {
        out.insert("name".to_owned(), json!(name));
    }
    if names.same {
        out.extend(message.rest.clone());
    }
    Value::Object(out)
}

/// One text without marks is written as a string: every compatible provider takes that.
fn collapse(mut parts: Vec<Value>) -> Value {
    if let [Value::Object(only)] = parts.as_mut_slice()
        && only.len() == 2
        && let Some(Value::String(text)) = only.get_mut("text")
    {
        return Value::String(std::mem::take(text));
    }
    Value::Array(parts)
}

/// A `tool` message. It can hold only text: media goes into the user message behind the results. False if something
/// could not be said at all.
fn write_result(result: &ToolResult, last_call: &str, out: &mut Vec<Value>, media_out: &mut Vec<Value>) -> bool {
    let (mut text, mut whole) = (String::new(), true);
    for part in &result.parts {
        match &part.kind {
            PartKind::Text(piece) => {
                if !text.is_empty() {
                    text.push('\n');
                }
                text.push_str(piece);
            }
            _ => match write_part(part, &Names { restore: &Restore::default(), thinks: false, same: false }) {
                Some(value) => media_out.push(value),
                None => whole = false,
            },
        }
    }
    let id = if result.call_id.is_empty() { last_call } else { &result.call_id };
    out.push(json!({"role": "tool", "tool_call_id": marks::openai_id(id), "content": text}));
    whole
}

fn write_part(part: &Part, names: &Names<'_>) -> Option<Value> {
    let mut value = match &part.kind {
        PartKind::Text(text) => json!({"type": "text", "text": text}),
        PartKind::Refusal(text) => json!({"type": "text", "text": text}),
        PartKind::Image(image) => {
            let mut inner = json!({"url": media_url(image)?});
            if let Some(detail) = &image.detail {
                inner["detail"] = json!(detail);
            }
            json!({"type": "image_url", "image_url": inner})
        }
        PartKind::Video(video) => json!({"type": "video_url", "video_url": {"url": media_url(video)?}}),
        PartKind::Audio(audio) => {
            let Source::Inline(data) = &audio.source else { return None };
            let format = media::media_type(audio).and_then(media::audio_format).unwrap_or("wav");
            json!({"type": "input_audio", "input_audio": {"data": data, "format": format}})
        }
        PartKind::File(file) => write_file(file)?,
        PartKind::Raw { dialect: Dialect::OpenAiChat, value } => value.clone(),
        PartKind::Raw { .. } | PartKind::Thinking(_) | PartKind::RedactedThinking(_) | PartKind::ToolCall(_) | PartKind::ToolResult(_) => {
            return None;
        }
    };
    if let (Some(cache), true) = (&part.cache, names.same) {
        value["cache_control"] = cache_value(cache);
    }
    Rest::put(part.rest.as_deref(), Dialect::OpenAiChat, &mut value);
    Some(value)
}

fn write_file(file: &Media) -> Option<Value> {
    Some(match &file.source {
        Source::Inline(data) => {
            let kind = media::media_type(file).unwrap_or("application/pdf");
            let name = file.name.as_deref().unwrap_or("document.pdf");
            json!({"type": "file", "file": {"filename": name, "file_data": media::to_data_uri(kind, data)}})
        }
        Source::Id(id) => json!({"type": "file", "file": {"file_id": id}}),
        // A plain-text document is text.
        Source::Text(text) => json!({"type": "text", "text": text}),
        Source::Url(_) => return None,
    })
}

pub(super) fn media_url(media: &Media) -> Option<String> {
    match &media.source {
        Source::Url(url) => Some(url.clone()),
        Source::Inline(data) => Some(media::to_data_uri(media::media_type(media).unwrap_or("image/png"), data)),
        Source::Id(_) | Source::Text(_) => None,
    }
}

fn write_assistant((call, index): (&ChatCall, usize), names: &Names<'_>, dropped: &mut Dropped) -> Value {
    let message = &call.messages[index];
    let (mut plain, mut calls, mut thoughts, mut blocks) = (Vec::new(), Vec::new(), String::new(), Vec::new());
    let mut refusal = None;
    for (at, part) in message.parts.iter().enumerate() {
        match &part.kind {
            PartKind::Thinking(thinking) => {
                let ours = thinking.signature.as_ref().is_some_and(|proof| proof.dialect == Some(Dialect::OpenAiChat));
                if ours || names.same {
                    thoughts.push_str(&thinking.text);
                }
                if names.same && thinking.signature.is_some() {
                    blocks.push(thinking_block_value(thinking));
                }
            }
            // Only its maker can read it; another model has no use for it.
            PartKind::RedactedThinking(_) => {}
            PartKind::Refusal(text) => refusal = Some(text),
            PartKind::ToolCall(called) => calls.push(call_value(called, names)),
            PartKind::Raw { dialect: Dialect::OpenAiChat, value } if value.get("custom").is_some() => calls.push(value.clone()),
            _ => match write_part(part, names) {
                Some(value) => plain.push(value),
                None => dropped.add(call.part_path(index, at)),
            },
        }
    }
    let mut out = Map::new();
    out.insert("role".to_owned(), json!("assistant"));
    // Many compatible providers take only a string here.
    let all_text = plain.iter().all(|part: &Value| part.get("text").is_some() && part.get("cache_control").is_none());
    let content = match (plain.is_empty(), all_text) {
        (true, _) if calls.is_empty() && refusal.is_none() => json!(""),
        (true, _) => Value::Null,
        (false, true) => Value::String(plain.iter().filter_map(|part| part.get("text").and_then(Value::as_str)).collect()),
        (false, false) => Value::Array(plain),
    };
    out.insert("content".to_owned(), content);
    for (name, value) in [
        ("name", message.name.as_ref().map(|name| json!(name))),
        ("refusal", refusal.map(|text| json!(text))),
        ("reasoning_content", (!thoughts.is_empty()).then(|| json!(thoughts))),
        ("thinking_blocks", (!blocks.is_empty()).then(|| Value::Array(blocks))),
        ("tool_calls", (!calls.is_empty()).then(|| Value::Array(calls))),
    ] {
        if let Some(value) = value {
            out.insert(name.to_owned(), value);
        }
    }
    if names.same {
        out.extend(message.rest.clone());
    }
    Value::Object(out)
}

fn call_value(call: &ToolCall, names: &Names<'_>) -> Value {
    let arguments = if call.arguments.trim().is_empty() { "{}" } else { &call.arguments };
    let mut value = json!({
        "id": marks::openai_id(&call.id),
        "type": "function",
        "function": {"name": names.sent(&call.name), "arguments": arguments},
    });
    if let Some(signature) = call.signature.as_ref().filter(|_| names.same) {
        // Google's compatible endpoint takes its proof back here.
        value["extra_content"] = json!({"google": {"thought_signature": signature}});
    }
    value
}

pub(super) fn function_tool(function: &FunctionTool, names: &Names<'_>) -> Value {
    let mut inner = Map::new();
    inner.insert("name".to_owned(), json!(names.sent(&function.name)));
    if let Some(description) = &function.description {
        inner.insert("description".to_owned(), json!(description));
    }
    if let Some(parameters) = &function.parameters {
        inner.insert("parameters".to_owned(), parameters.clone());
    }
    if let Some(strict) = function.strict {
        inner.insert("strict".to_owned(), json!(strict));
    }
    if names.same {
        inner.extend(function.rest.clone());
    }
    let mut tool = json!({"type": "function", "function": inner});
    if let (Some(cache), true) = (&function.cache, names.same) {
        tool["cache_control"] = cache_value(cache);
    }
    tool
}

pub(super) fn web_search(search: &WebSearch) -> Value {
    let mut options = Map::new();
    if let Some(size) = &search.context_size {
        options.insert("search_context_size".to_owned(), json!(size));
    }
    if let Some(location) = &search.location {
        let mut place = location.clone();
        place.shift_remove("type");
        options.insert("user_location".to_owned(), json!({"type": "approximate", "approximate": place}));
    }
    Value::Object(options)
}

pub(super) fn choice(choice: &ToolChoice, names: &Names<'_>) -> Value {
    match choice {
        ToolChoice::Auto => json!("auto"),
        ToolChoice::None => json!("none"),
        ToolChoice::Required => json!("required"),
        ToolChoice::Named(name) => json!({"type": "function", "function": {"name": names.sent(name)}}),
        ToolChoice::Allowed { required, names: allowed } => {
            let tools: Vec<Value> =
                allowed.iter().map(|name| json!({"type": "function", "function": {"name": names.sent(name)}})).collect();
            json!({"type": "allowed_tools", "allowed_tools": {"mode": if *required { "required" } else { "auto" }, "tools": tools}})
        }
    }
}

pub(super) fn response_format(format: &ResponseFormat) -> Value {
    match format {
        ResponseFormat::Text => json!({"type": "text"}),
        ResponseFormat::JsonObject => json!({"type": "json_object"}),
        ResponseFormat::JsonSchema(wish) => {
            let mut inner = Map::new();
            inner.insert("name".to_owned(), json!(wish.name));
            if let Some(description) = &wish.description {
                inner.insert("description".to_owned(), json!(description));
            }
            inner.insert("schema".to_owned(), wish.schema.clone());
            if let Some(strict) = wish.strict {
                inner.insert("strict".to_owned(), json!(strict));
            }
            json!({"type": "json_schema", "json_schema": inner})
        }
    }
}

pub(super) fn stop(stop: &[String]) -> Option<Value> {
    match stop {
        [] => None,
        [one] => Some(json!(one)),
        many => Some(json!(many)),
    }
}
