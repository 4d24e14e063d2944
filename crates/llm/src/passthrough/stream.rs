//! An OpenAI chat stream: each event is looked at where it lies and forwarded untouched.

use std::borrow::Cow;

use bytes::Bytes;
use domain::{NanoUsd, Usage};
use memchr::memmem;
use serde::Deserialize;

use super::response;

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
}

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    choices: Vec<Choice<'a>>,
    #[serde(borrow, default)]
    usage: Option<&'a serde_json::value::RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a serde_json::value::RawValue>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow, default)]
    delta: Option<Delta<'a>>,
    #[serde(borrow, default)]
    finish_reason: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow, default)]
    content: Option<Cow<'a, str>>,
    #[serde(borrow, default, alias = "reasoning")]
    reasoning_content: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    refusal: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    tool_calls: Option<Vec<ToolCall<'a>>>,
}

#[derive(Deserialize)]
struct ToolCall<'a> {
    #[serde(borrow, default)]
    function: Option<Function<'a>>,
}

#[derive(Deserialize)]
struct Function<'a> {
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    arguments: Option<Cow<'a, str>>,
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
        let Ok(chunk) = serde_json::from_slice::<Chunk<'_>>(data) else {
            let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(data).is_ok();
            return if is_json { EventKind::Other } else { EventKind::Broken };
        };
        if chunk.error.is_some() {
            return EventKind::Error;
        }
        if self.id.is_none() {
            self.id = chunk.id.map(Cow::into_owned);
        }
        let empty = chunk.choices.is_empty();
        for choice in chunk.choices {
            if let Some(delta) = choice.delta {
                self.delta(&delta);
            }
            if let Some(finish) = choice.finish_reason {
                self.finish = Some(finish.into_owned());
            }
        }
        let usage = chunk.usage.and_then(|raw| response::usage_of(raw.get()));
        let usage_only = empty && usage.is_some();
        self.usage = usage.or(self.usage);
        if usage_only { EventKind::UsageOnly } else { EventKind::Content }
    }

    fn delta(&mut self, delta: &Delta<'_>) {
        for text in [&delta.content, &delta.reasoning_content, &delta.refusal].into_iter().flatten() {
            self.text(text);
        }
        for function in delta.tool_calls.iter().flatten().filter_map(|call| call.function.as_ref()) {
            for text in [&function.name, &function.arguments].into_iter().flatten() {
                self.in_word &= function.name.is_none();
                self.text(text);
            }
        }
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
        while let Some(end) = event_end(&data, at) {
            if self.error.is_some() {
                return Ok(());
            }
            let forward = self.event(data_of(&data[at..end]))?;
            if !forward {
                if from < at {
                    out.push(data.slice(from..at));
                }
                from = end;
            }
            at = end;
        }
        if from < at {
            out.push(data.slice(from..at));
        }
        self.partial.extend_from_slice(&data[at..]);
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

    /// The error object, if the first event of a stream is one.
    pub fn first_error(chunk: &[u8]) -> Option<Vec<u8>> {
        let end = event_end(chunk, 0)?;
        let data = data_of(&chunk[..end]);
        (StreamScan::default().event(data) == EventKind::Error).then(|| data.to_vec())
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

/// Just behind the blank line that ends the event at `at`; `None` while it is not whole.
fn event_end(data: &[u8], at: usize) -> Option<usize> {
    let mut from = at;
    while let Some(offset) = memchr::memchr(b'\n', data.get(from..)?) {
        let next = from + offset + 1;
        match data.get(next..) {
            Some([b'\n', ..]) => return Some(next + 1),
            Some([b'\r', b'\n', ..]) => return Some(next + 2),
            _ => from = next,
        }
    }
    None
}

/// The data line of an event.
fn data_of(event: &[u8]) -> &[u8] {
    let mut rest = event;
    loop {
        let line_end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let line = rest[..line_end].strip_suffix(b"\r").unwrap_or(&rest[..line_end]);
        if let Some(data) = line.strip_prefix(b"data:") {
            return data.strip_prefix(b" ").unwrap_or(data);
        }
        match rest.get(line_end + 1..) {
            Some(more) if !more.is_empty() => rest = more,
            _ => return &[],
        }
    }
}

/// A usage chunk for a provider that sent none.
fn usage_made(id: &str, model: &str, created: i64, usage: &Usage, cost: NanoUsd, charged: NanoUsd) -> Vec<u8> {
    let head = serde_json::json!({
        "id": id, "object": "chat.completion.chunk", "created": created, "model": model, "choices": [],
        "usage": { "prompt_tokens": usage.input, "completion_tokens": usage.output, "total_tokens": usage.total(), "estimated": true },
    });
    usage_event(head.to_string().as_bytes(), cost, charged)
}
