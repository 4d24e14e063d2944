//! An OpenAI chat stream: each event is looked at where it lies and forwarded untouched.

use domain::{NanoUsd, Usage};
use memchr::memmem;
use serde::Deserialize;
use std::borrow::Cow;

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
    /// A comment or something else without data: forward it.
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
            return EventKind::Other;
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
pub fn usage_event(data: &[u8], cost: NanoUsd, charged: NanoUsd) -> Vec<u8> {
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
