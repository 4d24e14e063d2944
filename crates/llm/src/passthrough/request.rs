//! An OpenAI chat request: one borrowed pass, then one copy with the changed values spliced in.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use domain::Quirks;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::messages::{Media, Messages};
use super::text::Text;

/// What the gateway acts on in a chat request, and where it stands.
#[derive(Debug)]
pub struct Peek {
    /// The model as the caller named it.
    pub model: String,
    /// Whether the answer is to be streamed.
    pub stream: bool,
    /// The caller asked for the usage chunk (`stream_options.include_usage`).
    pub include_usage: bool,
    /// The caller's output limit, by either name.
    pub max_tokens: Option<u64>,
    /// Answers asked for; 1 when absent.
    pub n: u64,
    /// What the messages hold beside text.
    pub media: Media,
    /// The end user's id, if the caller said it.
    pub user: Option<String>,
    /// The first parameter whose price is not known here.
    pub unpriced: Option<String>,
    model_at: Range<usize>,
    stream_options_at: Option<Range<usize>>,
    max_tokens_at: Option<Limit>,
}

/// Where the caller's output limit stands, by the older or the newer name.
#[derive(Debug)]
struct Limit {
    newer: bool,
    value: Range<usize>,
}

/// The two names of the output limit.
const OLDER_LIMIT: &str = "max_tokens";
const NEWER_LIMIT: &str = "max_completion_tokens";

/// The members that the gateway acts on, unread but for their types.
#[derive(Default)]
struct Wire<'a> {
    model: Option<&'a RawValue>,
    messages: Option<Media>,
    stream: bool,
    stream_options: Option<&'a RawValue>,
    max_tokens: Option<&'a RawValue>,
    max_completion_tokens: Option<&'a RawValue>,
    n: Option<u64>,
    user: Option<Text<'a>>,
    unpriced: Option<String>,
}

/// Names that are acted on or whose type is checked. Each may come once, and in no other spelling of case: what is
/// checked here must be what a provider reads.
const KNOWN: [&str; 14] = [
    "model",
    "messages",
    "stream",
    "stream_options",
    "max_tokens",
    "max_completion_tokens",
    "n",
    "user",
    "temperature",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "tools",
    "service_tier",
];

/// Members that change what a call costs, or who serves it, in ways that no price here covers.
const UNPRICED: [&str; 8] = ["models", "provider", "plugins", "preset", "route", "transforms", "web_search_options", "prediction"];

impl<'de: 'a, 'a> Deserialize<'de> for Wire<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct V;
        impl<'de> Visitor<'de> for V {
            type Value = Wire<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a chat request object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Wire<'de>, A::Error> {
                let mut wire = Wire::default();
                let mut seen = 0u32;
                while let Some(name) = map.next_key::<Text<'de>>()? {
                    if let Some(at) = known(&name)? {
                        if seen & (1 << at) != 0 {
                            return Err(A::Error::custom(format!("{DUPLICATE}{}`", &*name)));
                        }
                        seen |= 1 << at;
                    }
                    wire.member(&name, &mut map)?;
                }
                Ok(wire)
            }
        }
        from.deserialize_map(V)
    }
}

/// Begins the message of an error about a member that comes twice, or in another spelling of case.
const DUPLICATE: &str = "duplicate member `";

/// The name's place among the known ones; an error when it is one of them but for the case of its letters.
fn known<E: serde::de::Error>(name: &str) -> Result<Option<usize>, E> {
    match KNOWN.iter().position(|known| *known == name) {
        Some(at) => Ok(Some(at)),
        None if name.bytes().any(|b| b.is_ascii_uppercase()) && KNOWN.iter().any(|known| known.eq_ignore_ascii_case(name)) => {
            Err(E::custom(format!("{DUPLICATE}{name}`")))
        }
        None => Ok(None),
    }
}

impl<'de> Wire<'de> {
    fn member<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "model" => self.model = Some(map.next_value()?),
            "messages" => self.messages = Some(map.next_value::<Messages<'de>>()?.0),
            "stream" => self.stream = map.next_value::<Option<bool>>()?.unwrap_or(false),
            "stream_options" => self.stream_options = Some(map.next_value()?),
            "max_tokens" => self.max_tokens = Some(map.next_value()?),
            "max_completion_tokens" => self.max_completion_tokens = Some(map.next_value()?),
            "n" => self.n = map.next_value()?,
            "user" => self.user = map.next_value()?,
            "temperature" | "top_p" | "presence_penalty" | "frequency_penalty" => drop(map.next_value::<Option<f64>>()?),
            "tools" => {
                let tools = map.next_value::<Option<Vec<ToolPeek<'de>>>>()?.unwrap_or_default();
                if let Some(tool) = tools.iter().find(|tool| !matches!(tool.kind.as_deref(), None | Some("function" | "custom"))) {
                    self.unpriced = Some(format!("tools ({})", tool.kind.as_deref().unwrap_or_default()));
                }
            }
            "service_tier" => {
                let tier = map.next_value::<Option<Text<'de>>>()?;
                if !matches!(tier.as_deref(), None | Some("auto" | "default" | "standard")) {
                    self.unpriced = Some(name.to_owned());
                }
            }
            _ if UNPRICED.contains(&name) => {
                if map.next_value::<Option<IgnoredAny>>()?.is_some() {
                    self.unpriced = Some(name.to_owned());
                }
            }
            _ => drop(map.next_value::<IgnoredAny>()?),
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct ToolPeek<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Option<Text<'a>>,
}

/// True when a refusal by [`peek`] is about a member that comes twice or in another spelling of case: then no other
/// reader may be asked, because readers differ in which one they take.
pub fn is_ambiguous(error: &serde_json::Error) -> bool {
    error.to_string().starts_with(DUPLICATE)
}

/// Refuses a body of any dialect in which one of `names` comes twice at the top, or in another spelling of case.
pub fn unambiguous(body: &[u8], names: &[&str]) -> Result<(), String> {
    let Ok(members) = serde_json::from_slice::<Members<'_>>(body) else { return Ok(()) };
    for (at, (name, _)) in members.0.iter().enumerate() {
        let Some(known) = names.iter().find(|known| known.eq_ignore_ascii_case(name)) else { continue };
        if *known != name || members.0[..at].iter().any(|(earlier, _)| earlier == name) {
            return Err(name.to_string());
        }
    }
    Ok(())
}

#[derive(Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: Option<bool>,
}

/// Reads a request. On an error the caller reads the body again with the dialect's codec, which says what is wrong
/// where: the refusal may be slow, the call may not.
pub fn peek(body: &[u8]) -> Result<Peek, serde_json::Error> {
    let text = std::str::from_utf8(body).map_err(serde_json::Error::custom)?;
    let wire: Wire<'_> = serde_json::from_str(text)?;
    let model_raw = wire.model.ok_or_else(|| serde_json::Error::missing_field("model"))?;
    let media = wire.messages.ok_or_else(|| serde_json::Error::missing_field("messages"))?;
    if wire.max_tokens.is_some() && wire.max_completion_tokens.is_some() {
        return Err(serde_json::Error::custom("two limits: the codec writes one"));
    }
    let model: String = serde_json::from_str(model_raw.get())?;
    let include_usage = match wire.stream_options {
        Some(raw) => serde_json::from_str::<Option<StreamOptions>>(raw.get())?.and_then(|o| o.include_usage).unwrap_or(false),
        None => false,
    };
    let limit = wire.max_completion_tokens.or(wire.max_tokens);
    let max_tokens = match limit {
        Some(raw) => serde_json::from_str::<Option<u64>>(raw.get())?,
        None => None,
    };
    Ok(Peek {
        model,
        stream: wire.stream,
        include_usage,
        max_tokens,
        n: wire.n.unwrap_or(1),
        media,
        user: wire.user.map(|text| text.0.into_owned()),
        unpriced: wire.unpriced,
        model_at: span(text, model_raw),
        stream_options_at: wire.stream_options.map(|raw| span(text, raw)),
        max_tokens_at: limit.map(|raw| Limit { newer: wire.max_completion_tokens.is_some(), value: span(text, raw) }),
    })
}

/// Where a borrowed value stands in the text that it was borrowed from.
fn span(text: &str, value: &RawValue) -> Range<usize> {
    let start = (value.get().as_ptr() as usize).wrapping_sub(text.as_ptr() as usize);
    start..start + value.get().len()
}

/// What is to be different upstream.
#[derive(Debug)]
pub struct Changes<'a> {
    /// The provider's name for the model.
    pub model: &'a str,
    /// An output limit to set, replacing the caller's if there is one.
    pub output_cap: Option<u64>,
    /// What the provider does differently.
    pub quirks: &'a Quirks,
    /// The model refuses `max_tokens` (OpenAI's reasoning models): the limit goes by its newer name.
    pub newer_limit: bool,
}

impl Changes<'_> {
    /// The only name by which the limit is understood; none when both are.
    fn limit_name(&self) -> Option<&str> {
        self.quirks.max_tokens_name.as_deref().or(self.newer_limit.then_some(NEWER_LIMIT))
    }
}

/// The request as it goes upstream, and the parameters that were left out.
///
/// Without quirks the body is copied once; with quirks its top level is written again, values untouched.
pub fn rewrite(body: &[u8], peek: &Peek, changes: &Changes<'_>) -> Result<(Vec<u8>, Vec<String>), serde_json::Error> {
    let only_name = Quirks { max_tokens_name: changes.quirks.max_tokens_name.clone(), ..Quirks::default() };
    if *changes.quirks == only_name {
        return Ok((splice(body, peek, changes)?, Vec::new()));
    }
    top_level(body, peek, changes)
}

const USAGE_OPTION: &str = r#"{"include_usage":true}"#;

fn splice(body: &[u8], peek: &Peek, changes: &Changes<'_>) -> Result<Vec<u8>, serde_json::Error> {
    let mut edits: Vec<(Range<usize>, String)> = Vec::with_capacity(3);
    let mut added = String::new();
    edits.push((peek.model_at.clone(), serde_json::to_string(changes.model)?));
    if peek.stream && !peek.include_usage {
        match &peek.stream_options_at {
            Some(at) => edits.push((at.clone(), with_usage_option(&body[at.clone()])?)),
            None => added.push_str(&format!(r#","stream_options":{USAGE_OPTION}"#)),
        }
    }
    if let Some(limit) = &peek.max_tokens_at {
        let name = if limit.newer { NEWER_LIMIT } else { OLDER_LIMIT };
        if let (Some(wanted), Some(at)) = (changes.limit_name().filter(|wanted| *wanted != name), key_before(body, limit.value.start, name))
        {
            edits.push((at, wanted.to_owned()));
        }
    }
    if let Some(cap) = changes.output_cap.filter(|cap| peek.max_tokens.is_none_or(|asked| asked > *cap)) {
        match &peek.max_tokens_at {
            Some(limit) => edits.push((limit.value.clone(), cap.to_string())),
            None => added.push_str(&format!(r#","{}":{cap}"#, changes.limit_name().unwrap_or(OLDER_LIMIT))),
        }
    }
    edits.sort_by_key(|(at, _)| at.start);
    let mut out = Vec::with_capacity(body.len() + added.len() + 64);
    let mut from = 0;
    for (at, text) in &edits {
        out.extend_from_slice(&body[from..at.start]);
        out.extend_from_slice(text.as_bytes());
        from = at.end;
    }
    // The text is one JSON object, so its last closing brace is the place to add a member before.
    let end = if added.is_empty() { body.len() } else { memchr::memrchr(b'}', body).unwrap_or(body.len()) };
    out.extend_from_slice(&body[from..end]);
    out.extend_from_slice(added.as_bytes());
    out.extend_from_slice(&body[end..]);
    Ok(out)
}

fn with_usage_option(options: &[u8]) -> Result<String, serde_json::Error> {
    let mut map = serde_json::from_slice::<Option<serde_json::Map<String, serde_json::Value>>>(options)?.unwrap_or_default();
    map.insert("include_usage".into(), true.into());
    serde_json::to_string(&map)
}

/// Where the member's name stands whose value begins at `value`; none when it is spelled with escapes.
fn key_before(body: &[u8], value: usize, name: &str) -> Option<Range<usize>> {
    let colon = memchr::memrchr(b':', &body[..value])?;
    let end = memchr::memrchr(b'"', &body[..colon])?;
    let start = end.checked_sub(name.len())?;
    (&body[start..end] == name.as_bytes()).then_some(start..end)
}

fn top_level(body: &[u8], peek: &Peek, changes: &Changes<'_>) -> Result<(Vec<u8>, Vec<String>), serde_json::Error> {
    let quirks = changes.quirks;
    let members: Members<'_> = serde_json::from_slice(body)?;
    let mut out = Vec::with_capacity(body.len() + 64);
    let mut dropped = Vec::new();
    let mut sent: Vec<String> = Vec::with_capacity(members.0.len());
    out.push(b'{');
    for (name, raw) in &members.0 {
        let limit = name == OLDER_LIMIT || name == NEWER_LIMIT;
        let renamed = if limit { changes.limit_name() } else { None };
        let name_out = renamed.or_else(|| quirks.rename.get(name.as_ref()).map(String::as_str)).unwrap_or(name);
        if quirks.drop.contains(name.as_ref()) {
            dropped.push(name.to_string());
            continue;
        }
        if sent.iter().any(|s| s == name_out) || (name == "stream_options" && (quirks.no_stream_options || peek.stream)) {
            continue;
        }
        let value = match name.as_ref() {
            "model" => serde_json::to_string(changes.model)?,
            _ if limit => changes
                .output_cap
                .filter(|cap| peek.max_tokens.is_none_or(|asked| asked > *cap))
                .map_or_else(|| raw.get().to_owned(), |c| c.to_string()),
            _ => clamped(quirks, name, raw).unwrap_or_else(|| raw.get().to_owned()),
        };
        member(&mut out, name_out, &value)?;
        sent.push(name_out.to_owned());
    }
    if peek.stream && !quirks.no_stream_options {
        let options = members
            .0
            .iter()
            .find(|(name, _)| name == "stream_options")
            .map(|(_, raw)| with_usage_option(raw.get().as_bytes()))
            .transpose()?;
        member(&mut out, "stream_options", options.as_deref().unwrap_or(USAGE_OPTION))?;
    }
    if let Some(cap) = changes.output_cap.filter(|_| peek.max_tokens_at.is_none()) {
        member(&mut out, changes.limit_name().unwrap_or(OLDER_LIMIT), &cap.to_string())?;
    }
    for (name, value) in &quirks.require {
        if !sent.iter().any(|s| s == name) {
            member(&mut out, name, value)?;
        }
    }
    out.push(b'}');
    Ok((out, dropped))
}

fn member(out: &mut Vec<u8>, name: &str, value: &str) -> Result<(), serde_json::Error> {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    serde_json::to_writer(&mut *out, name)?;
    out.push(b':');
    out.extend_from_slice(value.as_bytes());
    Ok(())
}

/// The nearest value that the provider takes, if the caller's is outside; compared in thousandths.
fn clamped(quirks: &Quirks, name: &str, raw: &RawValue) -> Option<String> {
    let (low, high) = quirks.clamp_milli.get(name)?;
    let value: f64 = raw.get().parse().ok()?;
    let milli = value * 1_000.0;
    let bound = |m: i64| i32::try_from(m).map(f64::from).unwrap_or(f64::MAX);
    let text = |m: i64| format!("{}{}.{:03}", if m < 0 { "-" } else { "" }, m.abs() / 1_000, m.abs() % 1_000);
    if milli < bound(*low) {
        Some(text(*low))
    } else if milli > bound(*high) {
        Some(text(*high))
    } else {
        None
    }
}

/// The members of an object in their order, values unread.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct V;
        impl<'de> Visitor<'de> for V {
            type Value = Members<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::with_capacity(12);
                while let Some((name, value)) = map.next_entry::<Text<'de>, &'de RawValue>()? {
                    members.push((name.0, value));
                }
                Ok(Members(members))
            }
        }
        from.deserialize_map(V)
    }
}
