//! A chat call as the client sent it: its dialect, its bytes, and what the gateway acts on.

use bytes::Bytes;
use domain::{Code, Fault};
use http::HeaderMap;
use llm::passthrough::{self, Media, Peek};
use llm::tokens::{self, InputTokens};
use llm::{CallPath, ChatCall, Dialect};

/// Limit: tags of one call, and bytes of one tag.
pub(crate) const TAGS_MAX: usize = 20;
const TAG_BYTES_MAX: usize = 100;
/// Limit: bytes of the metadata, user and session headers.
const LABEL_BYTES_MAX: usize = 4_096;
/// Limit: bytes of the metadata of a call, its key's included.
pub(crate) const METADATA_BYTES_MAX: usize = LABEL_BYTES_MAX;

/// Limit: bytes of a model's name, and choices of one call.
const MODEL_BYTES_MAX: usize = 256;
const CHOICES_MAX: u64 = 128;

/// What the caller asks of the response cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum CacheWish {
    /// Whatever the project says.
    #[default]
    Project,
    /// Neither read nor write.
    Off,
    /// Keep for this many seconds.
    Seconds(u32),
}

/// What headers say about a call.
#[derive(Debug, Default)]
pub(crate) struct Options {
    pub(crate) tags: Vec<String>,
    pub(crate) metadata_json: String,
    pub(crate) user: String,
    pub(crate) session: String,
    pub(crate) cache: CacheWish,
    pub(crate) no_fallback: bool,
    pub(crate) strict: bool,
}

/// One chat call.
pub(crate) struct Call {
    pub(crate) dialect: Dialect,
    pub(crate) body: Bytes,
    pub(crate) model: String,
    pub(crate) stream: bool,
    pub(crate) include_usage: bool,
    pub(crate) max_tokens: Option<u64>,
    pub(crate) n: u64,
    pub(crate) options: Options,
    /// Only for OpenAI chat: what a same-dialect call needs.
    peek: Option<Peek>,
    media: Media,
    unpriced: Option<String>,
    parsed: Option<Box<ChatCall>>,
}

impl Call {
    /// Reads a body. An OpenAI body is only looked at; the others are parsed.
    pub(crate) fn read(dialect: Dialect, body: Bytes, path: &CallPath<'_>, options: Options) -> Result<Self, Fault> {
        let peeked = (dialect == Dialect::OpenAiChat).then(|| passthrough::peek(&body));
        if let Some(Err(error)) = &peeked
            && passthrough::is_ambiguous(error)
        {
            return Err(ambiguous(&error.to_string()));
        }
        if let Some(Ok(peek)) = peeked {
            let call = Self {
                dialect,
                model: peek.model.clone(),
                stream: peek.stream,
                include_usage: peek.include_usage,
                max_tokens: peek.max_tokens,
                n: peek.n,
                media: peek.media,
                unpriced: peek.unpriced.clone(),
                peek: Some(peek),
                parsed: None,
                body,
                options,
            };
            return call.checked();
        }
        if dialect != Dialect::OpenAiChat {
            passthrough::unambiguous(&body, DECISIVE).map_err(|name| ambiguous(&name))?;
        }
        // The codec reads slower and says what is wrong where.
        let call = dialect.codec().request_read(&body, path)?;
        let media = media_of(&call);
        Self {
            dialect,
            model: call.model.clone(),
            stream: call.stream,
            include_usage: call.include_usage,
            max_tokens: call.max_output,
            n: call.n.unwrap_or(1),
            media,
            unpriced: unpriced(&call),
            peek: None,
            parsed: Some(Box::new(call)),
            body,
            options,
        }
        .checked()
    }

    fn checked(self) -> Result<Self, Fault> {
        let invalid = |param: &str, say: String| Err(Fault::new(Code::InvalidRequest, say).param(param));
        if self.model.len() > MODEL_BYTES_MAX {
            return invalid("model", format!("`model` may have at most {MODEL_BYTES_MAX} bytes"));
        }
        if self.max_tokens == Some(0) {
            return invalid("max_tokens", "`max_tokens` must be at least 1".to_owned());
        }
        if self.n == 0 || self.n > CHOICES_MAX {
            return invalid("n", format!("`n` must be from 1 to {CHOICES_MAX}"));
        }
        Ok(self)
    }

    /// A parameter whose price is not known, or that reaches into the provider's store under the platform's key: credits
    /// cannot pay for it.
    pub(crate) fn unpriced(&self) -> Option<&str> {
        if self.media.stored { Some("messages (file_id)") } else { self.unpriced.as_deref() }
    }

    /// The peek, when the body may pass through to an OpenAI-compatible provider.
    pub(crate) fn peek(&self) -> Option<&Peek> {
        self.peek.as_ref()
    }

    /// The call as a tree, parsed on first use.
    pub(crate) fn parsed(&mut self) -> Result<&ChatCall, Fault> {
        if self.parsed.is_none() {
            let call = self.dialect.codec().request_read(&self.body, &CallPath::default())?;
            self.parsed = Some(Box::new(call));
        }
        self.parsed.as_deref().ok_or_else(|| Fault::internal("parse a call", "no call after parsing"))
    }

    /// Input tokens for a model with this tokenizer.
    pub(crate) fn input_tokens(
        &mut self,
        tokenizer: catalog::Tokenizer,
        model: &str,
        context_window: Option<u64>,
    ) -> Result<InputTokens, Fault> {
        match tokenizer {
            catalog::Tokenizer::Sim => Ok(tokens::simulated(self.parsed()?)),
            catalog::Tokenizer::Bytes => {
                let bytes = u64::try_from(self.body.len()).unwrap_or(u64::MAX);
                Ok(tokens::bounded_by_bytes(bytes, &self.media, model, context_window))
            }
        }
    }
}

/// What decides in each dialect: may come once, in one spelling.
const DECISIVE: &[&str] = &["model", "stream", "max_tokens", "messages", "contents", "generationConfig", "generation_config", "tools"];

fn ambiguous(what: &str) -> Fault {
    let name = what.split('`').nth(1).unwrap_or(what).split(" at line").next().unwrap_or(what).to_owned();
    Fault::new(Code::InvalidRequest, format!("`{name}` comes twice, or in another spelling of case; send it once, as documented"))
        .param(name)
}

/// The first thing in a call of any dialect that no price here covers.
fn unpriced(call: &ChatCall) -> Option<String> {
    use llm::chat::Tool;
    /// Members of the dialects' own that change price or provider, or name what lies in the provider's store.
    const OWN: [&str; 16] = [
        "models",
        "provider",
        "plugins",
        "preset",
        "route",
        "transforms",
        "web_search_options",
        "prediction",
        "speed",
        "inference_geo",
        "container",
        "mcp_servers",
        "cachedContent",
        "cached_content",
        "context_management",
        "fallbacks",
    ];
    if call.service_tier.as_deref().is_some_and(|tier| !matches!(tier, "auto" | "default" | "standard" | "standard_only")) {
        return Some("service_tier".to_owned());
    }
    if call.tools.iter().any(|tool| !matches!(tool, Tool::Function(_))) {
        return Some("tools (of the provider's own)".to_owned());
    }
    call.rest.iter().find(|(name, value)| OWN.contains(&name.as_str()) && !value.is_null()).map(|(name, _)| name.clone())
}

fn media_of(call: &ChatCall) -> Media {
    use llm::chat::{PartKind, Source};
    let mut media = Media { messages: u64::try_from(call.messages.len()).unwrap_or(u64::MAX), ..Media::default() };
    for part in call.messages.iter().flat_map(|m| &m.parts) {
        let (found, image) = match &part.kind {
            PartKind::Image(found) => (found, true),
            PartKind::Audio(found) | PartKind::Video(found) | PartKind::File(found) => (found, false),
            _ => continue,
        };
        media.images += u64::from(image);
        media.others += u64::from(!image);
        match &found.source {
            Source::Inline(data) => media.inline_bytes += u64::try_from(data.len()).unwrap_or(u64::MAX),
            Source::Id(_) => media.stored = true,
            Source::Url(_) | Source::Text(_) => {}
        }
    }
    media
}

impl Options {
    /// From the request's headers; a malformed one is refused by name.
    pub(crate) fn read(headers: &HeaderMap) -> Result<Self, Fault> {
        // Most calls have none; ten look-ups cost more than one walk.
        if !headers.keys().any(|name| name.as_str().starts_with("x-llmg-") || name.as_str().starts_with("x-no-")) {
            return Ok(Self::default());
        }
        Ok(Self {
            tags: tags(headers)?,
            metadata_json: metadata(headers)?,
            user: label(headers, "x-llmg-user")?,
            session: label(headers, "x-llmg-session")?,
            cache: cache_wish(headers)?,
            no_fallback: flag(headers, "x-llmg-no-fallback") || flag(headers, "x-no-fallback"),
            strict: flag(headers, "x-llmg-strict"),
        })
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<Option<&'a str>, Fault> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let text = value.to_str().map_err(|_| wrong(name, "must be plain ASCII text"))?;
    if text.len() > LABEL_BYTES_MAX { Err(wrong(name, "may hold at most 4,096 bytes")) } else { Ok(Some(text)) }
}

fn wrong(name: &str, rule: &str) -> Fault {
    Fault::new(Code::InvalidRequest, format!("the header `{name}` {rule}")).param(name)
}

fn flag(headers: &HeaderMap, name: &'static str) -> bool {
    headers.get(name).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true") || value.as_bytes() == b"1")
}

fn label(headers: &HeaderMap, name: &'static str) -> Result<String, Fault> {
    Ok(text(headers, name)?.unwrap_or_default().to_owned())
}

fn tags(headers: &HeaderMap) -> Result<Vec<String>, Fault> {
    const NAME: &str = "x-llmg-tags";
    let tags: Vec<String> =
        text(headers, NAME)?.unwrap_or_default().split(',').map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned).collect();
    if tags.len() > TAGS_MAX || tags.iter().any(|tag| tag.len() > TAG_BYTES_MAX) {
        return Err(wrong(NAME, "may hold at most 20 tags of at most 100 bytes, separated by commas"));
    }
    Ok(tags)
}

fn metadata(headers: &HeaderMap) -> Result<String, Fault> {
    const NAME: &str = "x-llmg-metadata";
    let Some(json) = text(headers, NAME)? else { return Ok(String::new()) };
    let flat = serde_json::from_str::<std::collections::BTreeMap<String, String>>(json);
    flat.map(|_| json.to_owned()).map_err(|_| wrong(NAME, "must be a JSON object whose values are strings"))
}

fn cache_wish(headers: &HeaderMap) -> Result<CacheWish, Fault> {
    const NAME: &str = "x-llmg-cache";
    /// Design: cached answers live 10 seconds to 1 year.
    const SECONDS: std::ops::RangeInclusive<u32> = 10..=31_536_000;
    if flag(headers, "x-no-cache") {
        return Ok(CacheWish::Off);
    }
    match text(headers, NAME)? {
        None => Ok(CacheWish::Project),
        Some("off") => Ok(CacheWish::Off),
        Some(other) => {
            let seconds = other.strip_prefix("ttl=").and_then(|s| s.parse().ok()).filter(|s| SECONDS.contains(s));
            seconds.map(CacheWish::Seconds).ok_or_else(|| wrong(NAME, "must be `off` or `ttl=` with 10 to 31536000 seconds"))
        }
    }
}
