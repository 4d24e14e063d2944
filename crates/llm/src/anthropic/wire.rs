//! What stands on the wire of messages. Source: the types of Anthropic's official SDK.

use domain::{Fault, Usage, UsageSource};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::billing::BillOut;
use crate::chat::{
    Annotation, CacheControl, FunctionTool, Media, Part, PartKind, Rest, Signature, Source, Thinking, ToolCall, ToolResult, WebSearch,
};
use crate::dialect::{Bill, Dialect};
use crate::fields::{Fields, Path, count, maybe_count};
use crate::{marks, media, schema};

const HERE: Dialect = Dialect::Anthropic;

/// The MIME types that an inline image may have.
const IMAGE_TYPES: &[&str] = &["image/jpeg", "image/png", "image/gif", "image/webp"];

#[derive(Debug, Deserialize)]
pub(super) struct MessageIn {
    #[serde(default)]
    pub(super) id: String,
    #[serde(default)]
    pub(super) model: String,
    #[serde(default)]
    pub(super) content: Option<Vec<Value>>,
    #[serde(default)]
    pub(super) stop_reason: Option<String>,
    #[serde(default)]
    pub(super) stop_sequence: Option<String>,
    #[serde(default)]
    pub(super) stop_details: Option<Value>,
    #[serde(default)]
    pub(super) usage: UsageIn,
    #[serde(default)]
    pub(super) error: Option<Value>,
    #[serde(flatten)]
    pub(super) rest: Map<String, Value>,
}

/// One stream event; which fields are there depends on `type`.
#[derive(Debug, Deserialize)]
pub(super) struct EventIn {
    #[serde(rename = "type", default)]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) index: u64,
    #[serde(default)]
    pub(super) message: Option<MessageIn>,
    #[serde(default)]
    pub(super) content_block: Option<Value>,
    #[serde(default)]
    pub(super) delta: Option<DeltaIn>,
    #[serde(default)]
    pub(super) usage: Option<UsageIn>,
    #[serde(default)]
    pub(super) error: Option<Value>,
}

#[derive(Debug, Deserialize, Default)]
pub(super) struct DeltaIn {
    #[serde(rename = "type", default)]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) text: String,
    #[serde(default)]
    pub(super) thinking: String,
    #[serde(default)]
    pub(super) signature: String,
    #[serde(default)]
    pub(super) partial_json: String,
    #[serde(default)]
    pub(super) citation: Option<Value>,
    #[serde(default)]
    pub(super) stop_reason: Option<String>,
    #[serde(default)]
    pub(super) stop_sequence: Option<String>,
    #[serde(default)]
    pub(super) stop_details: Option<Value>,
}

/// Counts; in streams the later event's replace the earlier's, and what it leaves out stays.
#[derive(Debug, Clone, Deserialize, Default)]
pub(super) struct UsageIn {
    #[serde(default, deserialize_with = "maybe_count")]
    input_tokens: Option<u64>,
    #[serde(default, deserialize_with = "maybe_count")]
    output_tokens: Option<u64>,
    #[serde(default, deserialize_with = "maybe_count")]
    cache_creation_input_tokens: Option<u64>,
    #[serde(default, deserialize_with = "maybe_count")]
    cache_read_input_tokens: Option<u64>,
    #[serde(default)]
    cache_creation: Option<CacheCreationIn>,
    #[serde(default)]
    output_tokens_details: Option<OutputDetailsIn>,
    #[serde(default)]
    server_tool_use: Option<ServerToolsIn>,
    /// One per step of a turn with server tools or compaction; the totals above leave some of them out.
    #[serde(default)]
    iterations: Option<Vec<UsageIn>>,
    #[serde(default)]
    pub(super) service_tier: Option<String>,
    #[serde(flatten)]
    pub(super) rest: Map<String, Value>,
}

#[derive(Debug, Clone, Copy, Deserialize, Default)]
struct CacheCreationIn {
    #[serde(default, deserialize_with = "count")]
    ephemeral_1h_input_tokens: u64,
    #[serde(default, deserialize_with = "count")]
    ephemeral_5m_input_tokens: u64,
}

#[derive(Debug, Clone, Copy, Deserialize, Default)]
struct OutputDetailsIn {
    #[serde(default, deserialize_with = "count")]
    thinking_tokens: u64,
}

#[derive(Debug, Clone, Copy, Deserialize, Default)]
struct ServerToolsIn {
    #[serde(default, deserialize_with = "count")]
    web_search_requests: u64,
}

impl UsageIn {
    /// Nothing was said.
    pub(super) fn is_empty(&self) -> bool {
        self.input_tokens.is_none() && self.output_tokens.is_none()
    }

    /// Takes over what a later event says.
    pub(super) fn merge(&mut self, later: Self) {
        self.input_tokens = later.input_tokens.or(self.input_tokens);
        self.output_tokens = later.output_tokens.or(self.output_tokens);
        self.cache_creation_input_tokens = later.cache_creation_input_tokens.or(self.cache_creation_input_tokens);
        self.cache_read_input_tokens = later.cache_read_input_tokens.or(self.cache_read_input_tokens);
        self.cache_creation = later.cache_creation.or(self.cache_creation);
        self.output_tokens_details = later.output_tokens_details.or(self.output_tokens_details);
        self.server_tool_use = later.server_tool_use.or(self.server_tool_use);
        self.iterations = later.iterations.or(self.iterations.take());
        self.service_tier = later.service_tier.or(self.service_tier.take());
        self.rest.extend(later.rest);
    }

    /// Our counts: Anthropic's `input_tokens` leaves out what was read from and written to the cache.
    pub(super) fn usage(&self) -> Usage {
        let steps: Vec<&Self> = match &self.iterations {
            Some(list) if !list.is_empty() => list.iter().collect(),
            _ => vec![self],
        };
        let sum = |of: fn(&Self) -> Option<u64>| steps.iter().filter_map(|step| of(step)).fold(0u64, u64::saturating_add);
        let (fresh, read) = (sum(|step| step.input_tokens), sum(|step| step.cache_read_input_tokens));
        let split = self.cache_creation.unwrap_or_default();
        let told = sum(|step| step.cache_creation_input_tokens);
        let written = told.max(split.ephemeral_1h_input_tokens.saturating_add(split.ephemeral_5m_input_tokens));
        let hour = split.ephemeral_1h_input_tokens.min(written);
        Usage {
            input: fresh.saturating_add(read).saturating_add(written),
            cached_input: read,
            cache_write_5m: written - hour,
            cache_write_1h: hour,
            output: sum(|step| step.output_tokens),
            reasoning: self.output_tokens_details.unwrap_or_default().thinking_tokens,
            searches: self.server_tool_use.unwrap_or_default().web_search_requests,
            source: UsageSource::Provider,
            ..Usage::default()
        }
        .clamped()
    }
}

#[derive(Debug, Serialize)]
pub(super) struct UsageOut {
    input_tokens: u64,
    cache_creation_input_tokens: u64,
    cache_read_input_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_creation: Option<CacheCreationOut>,
    output_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens_details: Option<OutputDetailsOut>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_tool_use: Option<ServerToolsOut>,
    /// What else the same dialect said, so that nothing is lost.
    #[serde(flatten)]
    pub(super) rest: Option<Map<String, Value>>,
    #[serde(flatten)]
    bill: Option<BillOut>,
}

#[derive(Debug, Serialize)]
struct CacheCreationOut {
    ephemeral_5m_input_tokens: u64,
    ephemeral_1h_input_tokens: u64,
}

#[derive(Debug, Serialize)]
struct OutputDetailsOut {
    thinking_tokens: u64,
}

#[derive(Debug, Serialize)]
struct ServerToolsOut {
    web_search_requests: u64,
    web_fetch_requests: u64,
}

impl UsageOut {
    /// The usage object, with the bill if there is one.
    pub(super) fn new(usage: &Usage, bill: Option<&Bill>) -> Self {
        let written = usage.cache_write_5m.saturating_add(usage.cache_write_1h);
        Self {
            input_tokens: usage.input.saturating_sub(usage.cached_input).saturating_sub(written),
            cache_creation_input_tokens: written,
            cache_read_input_tokens: usage.cached_input,
            cache_creation: (written > 0).then_some(CacheCreationOut {
                ephemeral_5m_input_tokens: usage.cache_write_5m,
                ephemeral_1h_input_tokens: usage.cache_write_1h,
            }),
            output_tokens: usage.output,
            output_tokens_details: (usage.reasoning > 0).then_some(OutputDetailsOut { thinking_tokens: usage.reasoning }),
            server_tool_use: (usage.searches > 0).then_some(ServerToolsOut { web_search_requests: usage.searches, web_fetch_requests: 0 }),
            rest: None,
            bill: bill.map(BillOut::from),
        }
    }
}

pub(super) fn cache_of(value: &Value) -> CacheControl {
    CacheControl { ttl: value.get("ttl").and_then(Value::as_str).map(str::to_owned) }
}

/// Anthropic knows two lifetimes; longer wishes of other dialects are one hour.
pub(super) fn cache_value(cache: &CacheControl) -> Value {
    match cache.ttl.as_deref() {
        None => json!({"type": "ephemeral"}),
        Some("1h" | "12h" | "24h") => json!({"type": "ephemeral", "ttl": "1h"}),
        Some(_) => json!({"type": "ephemeral", "ttl": "5m"}),
    }
}

/// `content`: a string or a list of blocks.
pub(super) fn read_content(content: Value, place: &Path<'_>) -> Result<Vec<Part>, Fault> {
    match content {
        Value::String(text) => Ok(vec![Part::text(text)]),
        Value::Array(list) => list.into_iter().enumerate().map(|(index, value)| read_block(value, Path::Index(place, index))).collect(),
        _ => Err(place.wrong("must be a string or a list of content blocks")),
    }
}

fn read_block(value: Value, place: Path<'_>) -> Result<Part, Fault> {
    let mut fields = Fields::of(value, place)?;
    let kind = fields.need_string("type")?;
    let cache = fields.take("cache_control").map(|value| cache_of(&value));
    let kind = match kind.as_str() {
        "text" => PartKind::Text(fields.need_string("text")?),
        "image" => PartKind::Image(read_source(&mut fields)?),
        "document" => {
            let title = fields.string("title")?;
            let source = fields.peek("source").and_then(|source| source.get("type")).and_then(Value::as_str);
            if source == Some("content") {
                raw(&kind, &mut fields, title)
            } else {
                let mut file = read_source(&mut fields)?;
                file.name = title;
                PartKind::File(file)
            }
        }
        "thinking" => {
            let signature = fields.string("signature")?.filter(|text| !text.is_empty());
            let signature = signature.map(|text| marks::untag_signature(&text, HERE));
            PartKind::Thinking(Thinking { text: fields.need_string("thinking")?, signature })
        }
        "redacted_thinking" => PartKind::RedactedThinking(fields.need_string("data")?),
        "tool_use" => {
            let id = fields.need_string("id")?;
            let (id, signature) = marks::split_id(&id);
            let name = fields.need_string("name")?;
            let arguments = fields.need_object("input")?.to_string();
            PartKind::ToolCall(ToolCall { id: id.to_owned(), name, arguments, signature })
        }
        "tool_result" => {
            let call_id = fields.need_string("tool_use_id")?;
            let content = fields.take("content");
            let parts = content.map(|content| read_content(content, &fields.at("content"))).transpose()?.unwrap_or_default();
            let is_error = fields.boolean("is_error")?.unwrap_or(false);
            PartKind::ToolResult(ToolResult { call_id: marks::split_id(&call_id).0.to_owned(), name: None, parts, is_error })
        }
        _ => raw(&kind, &mut fields, None),
    };
    let rest = Rest::of(HERE, fields.rest());
    Ok(Part { kind, cache, rest })
}

/// A block that only Anthropic knows.
fn raw(kind: &str, fields: &mut Fields<'_>, title: Option<String>) -> PartKind {
    let mut map = std::mem::take(fields.left());
    map.shift_insert(0, "type".to_owned(), json!(kind));
    if let Some(title) = title {
        map.insert("title".to_owned(), json!(title));
    }
    PartKind::Raw { dialect: HERE, value: Value::Object(map) }
}

fn read_source(fields: &mut Fields<'_>) -> Result<Media, Fault> {
    let source = fields.need_object("source")?;
    let mut source = Fields::of(source, fields.at("source"))?;
    match source.need_string("type")?.as_str() {
        "base64" => Ok(media::inline(source.string("media_type")?, source.need_string("data")?)),
        "url" => Ok(media::from_url(source.need_string("url")?)),
        "file" => Ok(media::stored(source.need_string("file_id")?)),
        "text" => Ok(Media { source: Source::Text(source.need_string("data")?), media_type: None, name: None, detail: None }),
        other => Err(source.at("type").wrong(format_args!("is `{other}`; it must be base64, url, file or text"))),
    }
}

/// A part as a block; none when Anthropic has no such thing.
pub(super) fn write_part(part: &Part) -> Option<Value> {
    let mut value = match &part.kind {
        PartKind::Text(text) | PartKind::Refusal(text) => {
            if text.trim().is_empty() {
                return None;
            }
            json!({"type": "text", "text": text})
        }
        PartKind::Image(image) => json!({"type": "image", "source": image_source(image)?}),
        PartKind::File(file) => write_file(file)?,
        PartKind::Thinking(thinking) => {
            let proof = thinking.signature.as_ref().and_then(|proof| proof.for_dialect(HERE))?;
            return Some(json!({"type": "thinking", "thinking": thinking.text, "signature": proof}));
        }
        PartKind::RedactedThinking(data) => return Some(json!({"type": "redacted_thinking", "data": data})),
        PartKind::ToolResult(result) => write_result(result),
        PartKind::Raw { dialect: Dialect::Anthropic, value } => value.clone(),
        PartKind::ToolCall(_) | PartKind::Audio(_) | PartKind::Video(_) | PartKind::Raw { .. } => return None,
    };
    if let Some(cache) = &part.cache {
        value["cache_control"] = cache_value(cache);
    }
    Rest::put(part.rest.as_deref(), HERE, &mut value);
    Some(value)
}

fn image_source(image: &Media) -> Option<Value> {
    Some(match &image.source {
        Source::Url(url) => json!({"type": "url", "url": url}),
        Source::Id(id) => json!({"type": "file", "file_id": id}),
        Source::Inline(data) => {
            let kind = media::media_type(image).unwrap_or("image/png");
            let kind = if kind == "image/jpg" { "image/jpeg" } else { kind };
            if !IMAGE_TYPES.contains(&kind) {
                return None;
            }
            json!({"type": "base64", "media_type": kind, "data": data})
        }
        Source::Text(_) => return None,
    })
}

fn write_file(file: &Media) -> Option<Value> {
    let kind = media::media_type(file).unwrap_or("application/pdf");
    if kind.starts_with("image/") {
        return Some(json!({"type": "image", "source": image_source(file)?}));
    }
    let is_text = kind.starts_with("text/") || kind == "application/json";
    let source = match &file.source {
        Source::Url(url) => json!({"type": "url", "url": url}),
        Source::Id(id) => json!({"type": "file", "file_id": id}),
        Source::Text(text) => json!({"type": "text", "media_type": "text/plain", "data": text}),
        Source::Inline(data) if kind == "application/pdf" => json!({"type": "base64", "media_type": kind, "data": data}),
        Source::Inline(data) if is_text => json!({"type": "text", "media_type": "text/plain", "data": media::decode_text(data)?}),
        Source::Inline(_) => return None,
    };
    let mut block = json!({"type": "document", "source": source});
    if let Some(name) = &file.name {
        block["title"] = json!(name);
    }
    Some(block)
}

fn write_result(result: &ToolResult) -> Value {
    let mut block = json!({"type": "tool_result", "tool_use_id": marks::anthropic_id(&result.call_id)});
    let plain = result.parts.iter().all(|part| matches!(part.kind, PartKind::Text(_)) && part.cache.is_none());
    let content = if plain {
        let texts: Vec<&str> =
            result.parts.iter().filter_map(|part| if let PartKind::Text(text) = &part.kind { Some(text.as_str()) } else { None }).collect();
        json!(texts.join("\n"))
    } else {
        result.parts.iter().filter_map(write_part).collect()
    };
    block["content"] = content;
    if result.is_error {
        block["is_error"] = json!(true);
    }
    block
}

/// A call of a tool, as a block. Arguments that are no JSON object are kept where the model can see them.
pub(super) fn tool_use(id: &str, name: &str, arguments: &str) -> Value {
    json!({"type": "tool_use", "id": id, "name": name, "input": input_of(arguments)})
}

/// JSON text of arguments → an object.
pub(super) fn input_of(arguments: &str) -> Value {
    if arguments.trim().is_empty() {
        return json!({});
    }
    match serde_json::from_str(arguments) {
        Ok(Value::Object(map)) => Value::Object(map),
        _ => json!({"INVALID_JSON": arguments}),
    }
}

pub(super) fn function_tool(function: &FunctionTool, name: &str, same: bool) -> Value {
    let mut tool = Map::new();
    tool.insert("name".to_owned(), json!(name));
    if let Some(description) = &function.description {
        tool.insert("description".to_owned(), json!(description));
    }
    tool.insert("input_schema".to_owned(), schema::arguments(function.parameters.as_ref()));
    if same && let Some(strict) = function.strict {
        tool.insert("strict".to_owned(), json!(strict));
    }
    for key in ["defer_loading", "allowed_callers", "input_examples", "eager_input_streaming"] {
        if let Some(value) = function.rest.get(key) {
            tool.insert(key.to_owned(), value.clone());
        }
    }
    if let Some(cache) = &function.cache {
        tool.insert("cache_control".to_owned(), cache_value(cache));
    }
    Value::Object(tool)
}

/// The search tool; OpenAI's context size becomes a number of searches.
pub(super) fn web_search(search: &WebSearch) -> Value {
    if let Some((Dialect::Anthropic, value)) = &search.raw {
        return value.clone();
    }
    let mut tool = json!({"type": "web_search_20250305", "name": "web_search"});
    let by_size = search.context_size.as_deref().map(|size| match size {
        "low" => 1,
        "high" => 10,
        _ => 5,
    });
    if let Some(uses) = search.max_uses.or(by_size) {
        tool["max_uses"] = json!(uses);
    }
    if let Some(location) = &search.location {
        let mut place = location.clone();
        place.insert("type".to_owned(), json!("approximate"));
        tool["user_location"] = Value::Object(place);
    }
    tool
}

/// An answer's block → part, with the sources that its text cites. `at` is the number of characters before it.
pub(super) fn answer_block(block: &Value, at: u64) -> (Option<Part>, Vec<Annotation>) {
    let text = |key: &str| block.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let kind = match block.get("type").and_then(Value::as_str) {
        Some("text") => {
            let said = text("text");
            let end = at.saturating_add(u64::try_from(said.chars().count()).unwrap_or(0));
            let cited = block.get("citations").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            return (Some(with_rest(PartKind::Text(said), block)), cited.iter().filter_map(|value| citation(value, at, end)).collect());
        }
        Some("thinking") => {
            let signature = Some(text("signature")).filter(|proof| !proof.is_empty());
            let signature = signature.map(|text| Signature { dialect: Some(HERE), text });
            PartKind::Thinking(Thinking { text: text("thinking"), signature })
        }
        Some("redacted_thinking") => PartKind::RedactedThinking(text("data")),
        Some("tool_use") => PartKind::ToolCall(ToolCall {
            id: text("id"),
            name: text("name"),
            arguments: block.get("input").map_or_else(|| "{}".to_owned(), Value::to_string),
            signature: None,
        }),
        Some(_) => PartKind::Raw { dialect: HERE, value: block.clone() },
        None => return (None, Vec::new()),
    };
    (Some(with_rest(kind, block)), Vec::new())
}

/// What our kinds do not hold of a block.
fn with_rest(kind: PartKind, block: &Value) -> Part {
    const HELD: &[&str] = &["type", "text", "thinking", "signature", "data", "id", "name", "input"];
    let mut part = Part::from(kind);
    if let (Value::Object(map), false) = (block, matches!(part.kind, PartKind::Raw { .. })) {
        let left = map.iter().filter(|(key, value)| !HELD.contains(&key.as_str()) && !value.is_null());
        part.rest = Rest::of(HERE, left.map(|(key, value)| (key.clone(), value.clone())).collect());
    }
    part
}

/// A citation of a web page; others point into the caller's documents, which OpenAI's annotations cannot say.
pub(super) fn citation(value: &Value, start: u64, end: u64) -> Option<Annotation> {
    let url = value.get("url")?.as_str()?.to_owned();
    Some(Annotation { url, title: value.get("title").and_then(Value::as_str).unwrap_or_default().to_owned(), start, end })
}
