//! An OpenAI chat stream: each event is looked at where it lies and forwarded untouched.

use bytes::Bytes;
use domain::{NanoUsd, Usage};
use memchr::memmem;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::alike::Alike;
use super::response;
use super::text::Text;

/// What one event (the bytes up to and with its blank line) is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// Content: forward it.
    Content,
    /// The usage chunk with an empty `choices`: forward it (with the bill) only to callers that asked.
    UsageOnly,
    /// `[DONE]`.
    Done,
    /// The provider's error inside the stream.
    Error,
    /// Data that is no JSON: the client could not read it either.
    Broken,
    /// A comment, or data of a shape that is not known here: forward it.
    Other,
}

/// What has been seen of a stream so far.
#[derive(Debug, Default)]
pub struct StreamScan {
    /// The last usage that the provider sent.
    pub usage: Option<Usage>,
    /// The provider's id of the answer.
    pub id: Option<String>,
    /// Why the first choice ended.
    pub finish: Option<String>,
    /// Bytes of text, tool arguments and reasoning so far, an upper bound of the tokens of any byte-level tokenizer.
    pub text_bytes: u64,
    /// Runs of non-white-space so far, counted over chunk borders: what the simulated model calls tokens.
    pub words: u64,
    in_word: bool,
    alike: Alike,
}

/// A chunk whose deltas are read as `D`.
#[derive(Deserialize)]
#[serde(bound(deserialize = "D: Deserialize<'de>"))]
struct Chunk<'a, D> {
    #[serde(borrow, default)]
    id: Option<Text<'a>>,
    #[serde(borrow, default)]
    choices: Vec<Choice<'a, D>>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "D: Deserialize<'de>"))]
struct Choice<'a, D> {
    #[serde(default)]
    delta: Option<D>,
    #[serde(borrow, default)]
    finish_reason: Option<Text<'a>>,
}

/// What is counted as it is. A delta with any other member (audio, images, legacy calls, what a provider invents) does
/// not read as this, and is counted by its bytes: output that is not understood is still output.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Delta<'a> {
    #[serde(default, rename = "role")]
    _role: IgnoredAny,
    #[serde(borrow, default)]
    content: Option<Text<'a>>,
    #[serde(borrow, default)]
    reasoning_content: Option<Text<'a>>,
    #[serde(borrow, default)]
    reasoning: Option<Text<'a>>,
    #[serde(borrow, default)]
    refusal: Option<Text<'a>>,
    #[serde(borrow, default)]
    tool_calls: Option<Vec<ToolCall<'a>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ToolCall<'a> {
    #[serde(default, rename = "index")]
    _index: IgnoredAny,
    #[serde(default, rename = "id")]
    _id: IgnoredAny,
    #[serde(default, rename = "type")]
    _kind: IgnoredAny,
    #[serde(borrow, default)]
    function: Option<Function<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Function<'a> {
    #[serde(borrow, default)]
    name: Option<Text<'a>>,
    #[serde(borrow, default)]
    arguments: Option<Text<'a>>,
}

impl<'a> Chunk<'a, Delta<'a>> {
    /// The text of a chunk that says nothing else.
    fn only_content(&self) -> Option<&Text<'a>> {
        let [Choice { delta: Some(delta), finish_reason: None }] = &*self.choices else { return None };
        let Delta { _role: _, content: Some(content), reasoning_content: None, reasoning: None, refusal: None, tool_calls: None } = delta
        else {
            return None;
        };
        (self.usage.is_none_or(|usage| usage.get() == "null") && self.error.is_none()).then_some(content)
    }
}

impl StreamScan {
    /// Looks at one event's data (without `data:` and the blank line).
    pub fn event(&mut self, data: &[u8]) -> EventKind {
        if data == b"[DONE]" {
            return EventKind::Done;
        }
        if data.is_empty() {
            return EventKind::Other;
        }
        if let Some(text) = self.alike.text(data) {
            self.text(text);
            return EventKind::Content;
        }
        let Ok(text) = std::str::from_utf8(data) else { return EventKind::Broken };
        // Nearly every event reads at once. One with a delta of another shape is read again, its deltas apart.
        if let Ok(chunk) = serde_json::from_str::<Chunk<'_, Delta<'_>>>(text) {
            if let Some(content) = chunk.only_content() {
                self.alike.learn(text, content);
            }
            return self.chunk(chunk, Self::delta);
        }
        if let Ok(chunk) = serde_json::from_str::<Chunk<'_, &RawValue>>(text) {
            return self.chunk(chunk, Self::raw_delta);
        }
        if serde_json::from_str::<IgnoredAny>(text).is_err() {
            return EventKind::Broken;
        }
        self.unknown(data.len());
        EventKind::Other
    }

    fn chunk<D>(&mut self, chunk: Chunk<'_, D>, read: impl Fn(&mut Self, &D)) -> EventKind {
        if chunk.error.is_some() {
            return EventKind::Error;
        }
        if self.id.is_none() {
            self.id = chunk.id.map(|id| id.0.into_owned());
        }
        let empty = chunk.choices.is_empty();
        for choice in chunk.choices {
            if let Some(delta) = choice.delta {
                read(self, &delta);
            }
            if let Some(finish) = choice.finish_reason {
                self.finish = Some(finish.0.into_owned());
            }
        }
        let usage = chunk.usage.and_then(|raw| response::usage_of(raw.get()));
        let usage_only = empty && usage.is_some();
        self.usage = usage.or(self.usage);
        if usage_only { EventKind::UsageOnly } else { EventKind::Content }
    }

    fn raw_delta(&mut self, delta: &&RawValue) {
        match serde_json::from_str::<Option<Delta<'_>>>(delta.get()) {
            Ok(Some(delta)) => self.delta(&delta),
            Ok(None) => {}
            Err(_) => self.unknown(delta.get().len()),
        }
    }

    fn delta(&mut self, delta: &Delta<'_>) {
        // Some providers say the same thoughts by both names.
        let thoughts = delta.reasoning_content.as_ref().or(delta.reasoning.as_ref());
        for text in [delta.content.as_ref(), thoughts, delta.refusal.as_ref()].into_iter().flatten() {
            self.text(text);
        }
        for function in delta.tool_calls.iter().flatten().filter_map(|call| call.function.as_ref()) {
            for text in [&function.name, &function.arguments].into_iter().flatten() {
                self.in_word &= function.name.is_none();
                self.text(text);
            }
        }
    }

    /// Output of a shape that is not known here, by its bytes.
    fn unknown(&mut self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.text_bytes = self.text_bytes.saturating_add(bytes);
        self.words = self.words.saturating_add(bytes);
    }

    fn text(&mut self, text: &str) {
        self.text_bytes += u64::try_from(text.len()).unwrap_or(u64::MAX);
        for c in text.chars() {
            let white = c.is_whitespace();
            self.words += u64::from(!white && !self.in_word);
            self.in_word = !white;
        }
    }
}

/// A usage event with `cost`, `charged` and `cost_details`, as a whole `data:` event.
fn usage_event(data: &[u8], cost: NanoUsd, charged: NanoUsd) -> Vec<u8> {
    let mut bill = String::with_capacity(120);
    response::push_bill(&mut bill, cost, charged);
    // The usage object is found by its key; it holds nested objects, so its end is found by counting braces outside strings.
    let at = memmem::rfind(data, b"\"usage\"").and_then(|key| object_end(data, key));
    let mut out = Vec::with_capacity(data.len() + bill.len() + 8);
    out.extend_from_slice(b"data: ");
    match at {
        Some(end) => {
            out.extend_from_slice(&data[..end]);
            out.extend_from_slice(bill.as_bytes());
            out.extend_from_slice(&data[end..]);
        }
        None => out.extend_from_slice(data),
    }
    out.extend_from_slice(b"\n\n");
    out
}

/// Index of the brace that closes the first object after `from`.
fn object_end(data: &[u8], from: usize) -> Option<usize> {
    let mut depth = 0u32;
    let mut in_string = false;
    let mut escaped = false;
    let open = from + memchr::memchr(b'{', &data[from..])?;
    for (at, &byte) in data.iter().enumerate().skip(open) {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' => depth += 1,
            b'}' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

/// What the beginning of a stream says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begin {
    /// No whole event yet, or only comments.
    Unknown,
    /// The answer began.
    Content,
    /// The provider failed: its error object.
    Error(Vec<u8>),
}

/// Limit: bytes of an event that is not whole yet.
const PARTIAL_BYTES_MAX: usize = 8 << 20;

/// What a stream of the same dialect needs: whole events are forwarded as they lie, the usage chunk and the end are held
/// back until the call is settled.
#[derive(Debug, Default)]
pub struct StreamPass {
    /// What was seen.
    pub scan: StreamScan,
    /// The usage chunk's data, as it came.
    pub usage_data: Option<Vec<u8>>,
    /// `[DONE]` was seen.
    pub done: bool,
    /// The provider's error object, when it sent one inside the stream.
    pub error: Option<Vec<u8>>,
    partial: Vec<u8>,
    /// Bytes of `partial` that hold no end of an event.
    scanned: usize,
}

/// The provider sent what no client could read: an event that is no JSON, or one over the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreadable;

impl StreamPass {
    /// Takes a chunk and gives what may be forwarded of it, without copying whole events.
    pub fn push(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) -> Result<(), Unreadable> {
        let data = if self.partial.is_empty() {
            chunk
        } else {
            self.partial.extend_from_slice(&chunk);
            Bytes::from(std::mem::take(&mut self.partial))
        };
        let (mut from, mut at) = (0, 0);
        let scanned = std::mem::take(&mut self.scanned);
        while let Some(end) = event_end(&data, at, scanned) {
            if self.error.is_some() {
                return Ok(());
            }
            let forward = self.event(data_of(&data[at..end]))?;
            if !forward {
                if from < at {
                    out.push(with_lf(data.slice(from..at)));
                }
                from = end;
            }
            at = end;
        }
        if from < at {
            out.push(with_lf(data.slice(from..at)));
        }
        self.partial.extend_from_slice(&data[at..]);
        // A blank line may have begun in the last three bytes.
        self.scanned = self.partial.len().saturating_sub(3);
        if self.partial.len() > PARTIAL_BYTES_MAX { Err(Unreadable) } else { Ok(()) }
    }

    /// Looks at one event; true when it is to be forwarded now.
    fn event(&mut self, data: &[u8]) -> Result<bool, Unreadable> {
        match self.scan.event(data) {
            EventKind::Content | EventKind::Other => return Ok(true),
            EventKind::Broken => return Err(Unreadable),
            EventKind::UsageOnly => self.usage_data = Some(data.to_vec()),
            EventKind::Done => self.done = true,
            EventKind::Error => self.error = Some(data.to_vec()),
        }
        Ok(false)
    }

    /// What the beginning of a stream says: its first event that is no comment.
    pub fn begin(bytes: &[u8]) -> Begin {
        let mut at = 0;
        while let Some(end) = event_end(bytes, at, at) {
            let data = data_of(&bytes[at..end]);
            match StreamScan::default().event(data) {
                EventKind::Error => return Begin::Error(data.to_vec()),
                EventKind::Other if data.is_empty() => at = end,
                _ => return Begin::Content,
            }
        }
        Begin::Unknown
    }

    /// The stream's end for the client: the usage chunk if it asked for one, then `[DONE]`.
    pub fn end(&self, usage: &Usage, bill: (NanoUsd, NanoUsd), include_usage: bool, model: &str, created: i64) -> Vec<u8> {
        let (cost, charged) = bill;
        let mut out = Vec::with_capacity(512);
        if include_usage {
            match &self.usage_data {
                Some(data) => out.extend_from_slice(&usage_event(data, cost, charged)),
                None => out.extend_from_slice(&usage_made(self.scan.id.as_deref().unwrap_or(""), model, created, usage, cost, charged)),
            }
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
        out
    }
}

/// Just behind the blank line that ends the event at `at`, looking from `from` on; `None` while it is not whole. Lines
/// end with LF, CRLF or CR.
fn event_end(data: &[u8], at: usize, from: usize) -> Option<usize> {
    let mut from = from.max(at);
    while let Some(offset) = memchr::memchr2(b'\n', b'\r', data.get(from..)?) {
        let next = from + offset + line_end_len(&data[from + offset..]);
        match data.get(next..) {
            // The first half of a CRLF whose second half is still to come.
            Some([b'\r']) if data[next - 1] == b'\n' => return None,
            Some(rest @ [b'\n' | b'\r', ..]) => return Some(next + line_end_len(rest)),
            _ => from = next,
        }
    }
    None
}

/// Events whose lines end with CR alone, which few clients know, with LF instead.
fn with_lf(events: Bytes) -> Bytes {
    let lone = |at: usize| events.get(at + 1) != Some(&b'\n');
    if !memchr::memchr_iter(b'\r', &events).any(lone) {
        return events;
    }
    let byte = |(at, &byte): (usize, &u8)| if byte == b'\r' && lone(at) { b'\n' } else { byte };
    events.iter().enumerate().map(byte).collect()
}

/// Bytes of the line end that `rest` begins with.
fn line_end_len(rest: &[u8]) -> usize {
    if rest.starts_with(b"\r\n") { 2 } else { 1 }
}

/// The data line of an event. (OpenAI's dialect has one; of several only the first is looked at.)
fn data_of(event: &[u8]) -> &[u8] {
    let mut rest = event;
    let data = loop {
        let end = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        if let Some(data) = rest[..end].strip_prefix(b"data:") {
            break data;
        }
        match rest.get(end + 1..) {
            Some(more) => rest = more,
            None => break &[][..],
        }
    };
    data.strip_prefix(b" ").unwrap_or(data)
}

/// A usage chunk for a provider that sent none.
fn usage_made(id: &str, model: &str, created: i64, usage: &Usage, cost: NanoUsd, charged: NanoUsd) -> Vec<u8> {
    let head = serde_json::json!({
        "id": id, "object": "chat.completion.chunk", "created": created, "model": model, "choices": [],
        "usage": { "prompt_tokens": usage.input, "completion_tokens": usage.output, "total_tokens": usage.total(), "estimated": true },
    });
    usage_event(head.to_string().as_bytes(), cost, charged)
}
