//! An OpenAI chat request: one borrowed pass, then one copy with the changed values spliced in.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use domain::Quirks;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

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

/// Parts that are not text: their tokens are not bounded by their bytes in the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Media {
    /// Messages in all.
    pub messages: u64,
    /// Image parts.
    pub images: u64,
    /// Audio, file and other parts.
    pub others: u64,
    /// Bytes of media data inside the body (data URIs, base64), which are no text.
    pub inline_bytes: u64,
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    model: &'a RawValue,
    #[serde(borrow)]
    messages: Messages<'a>,
    #[serde(default)]
    stream: Option<bool>,
    #[serde(borrow, default, deserialize_with = "raw")]
    stream_options: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "raw")]
    max_tokens: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "raw")]
    max_completion_tokens: Option<&'a RawValue>,
    #[serde(default)]
    n: Option<u64>,
    #[serde(borrow, default)]
    user: Option<Cow<'a, str>>,
    // Typed only so that a wrong type is refused here, with the field's name, and not by the provider.
    #[serde(default, rename = "temperature")]
    _temperature: Option<f64>,
    #[serde(default, rename = "top_p")]
    _top_p: Option<f64>,
    #[serde(default, rename = "presence_penalty")]
    _presence_penalty: Option<f64>,
    #[serde(default, rename = "frequency_penalty")]
    _frequency_penalty: Option<f64>,
    #[serde(default, rename = "tools")]
    _tools: Option<Vec<IgnoredAny>>,
}

/// Keeps a `null` too: where it stands is where a value of ours goes.
fn raw<'de, D: Deserializer<'de>>(from: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
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
    let model: String = serde_json::from_str(wire.model.get())?;
    let include_usage = match wire.stream_options {
        Some(raw) => serde_json::from_str::<Option<StreamOptions>>(raw.get())?.and_then(|o| o.include_usage).unwrap_or(false),
        None => false,
    };
    let limit = wire.max_completion_tokens.or(wire.max_tokens);
    let max_tokens = match limit {
        Some(raw) => serde_json::from_str::<Option<u64>>(raw.get())?,
        None => None,
    };
    let stream = wire.stream.unwrap_or(false);
    Ok(Peek {
        model,
        stream,
        include_usage,
        max_tokens,
        n: wire.n.unwrap_or(1).max(1),
        media: wire.messages.0,
        user: wire.user.map(Cow::into_owned),
        model_at: span(text, wire.model),
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
                while let Some(member) = map.next_entry::<Cow<'de, str>, &'de RawValue>()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        from.deserialize_map(V)
    }
}

/// The messages, walked once without keeping them.
struct Messages<'a>(Media, std::marker::PhantomData<&'a ()>);

impl<'de: 'a, 'a> Deserialize<'de> for Messages<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct V;
        impl<'de> Visitor<'de> for V {
            type Value = Media;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of messages")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Media, A::Error> {
                let mut media = Media::default();
                while seq.next_element_seed(Message(&mut media))?.is_some() {
                    media.messages += 1;
                }
                if media.messages == 0 {
                    return Err(A::Error::custom("`messages` is empty"));
                }
                Ok(media)
            }
        }
        from.deserialize_seq(V).map(|media| Messages(media, std::marker::PhantomData))
    }
}

struct Message<'m>(&'m mut Media);

impl<'de> DeserializeSeed<'de> for Message<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Message<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a message object")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut has_role = false;
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            match name.as_ref() {
                "role" => {
                    map.next_value::<Cow<'de, str>>()?;
                    has_role = true;
                }
                "content" => map.next_value_seed(Content(self.0))?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if has_role { Ok(()) } else { Err(A::Error::missing_field("role")) }
    }
}

struct Content<'m>(&'m mut Media);

impl<'de> DeserializeSeed<'de> for Content<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Content<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, a list of parts or null")
    }
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        #[derive(Deserialize)]
        struct Part<'a> {
            #[serde(borrow, rename = "type")]
            kind: Cow<'a, str>,
            #[serde(borrow, default)]
            image_url: Option<&'a RawValue>,
            #[serde(borrow, default)]
            input_audio: Option<&'a RawValue>,
            #[serde(borrow, default)]
            file: Option<&'a RawValue>,
        }
        while let Some(part) = seq.next_element::<Part<'de>>()? {
            match part.kind.as_ref() {
                "text" | "refusal" => continue,
                "image_url" => self.0.images += 1,
                _ => self.0.others += 1,
            }
            let bytes = [part.image_url, part.input_audio, part.file].into_iter().flatten().map(|raw| raw.get().len()).sum::<usize>();
            self.0.inline_bytes += u64::try_from(bytes).unwrap_or(u64::MAX);
        }
        Ok(())
    }
}
