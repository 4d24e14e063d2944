//! What the simulator is told to do: server-wide defaults, and directives in a request's text.

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::Value;

/// Limit: output tokens of one answer, over all its choices.
pub const TOKENS_MAX: u64 = 1_000_000;

/// Limit: milliseconds of one delay or gap (an hour).
pub const WAIT_MS_MAX: u64 = 3_600_000;

/// Limit: tool calls of one choice.
pub const CALLS_MAX: u64 = 128;

/// Limit: bytes of the padding of `big_event`.
pub const PADDING_BYTES_MAX: u64 = 16 << 20;

const OPEN: &str = "[[sim";
const CLOSE: &str = "]]";

/// Settings of one answer; a field that is not set takes its value from the layer below.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Script {
    /// Wait before the response's headers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    /// Wait after the headers, before the first byte of the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_ms: Option<u64>,
    /// Wait between two content chunks of a stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gap_ms: Option<u64>,
    /// Number of chunks that the text of a stream is split into; at most one per token, which is also the default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chunks: Option<u64>,
    /// Tokens of the visible answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
    /// Tokens of reasoning before the answer, billed as output too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_tokens: Option<u64>,
    /// How many of the input tokens the usage reports as read from a cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cached_tokens: Option<u64>,
    /// How many of the other input tokens the usage reports as written to a cache (Gemini has no such count).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write_tokens: Option<u64>,
    /// Call the tool of this name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// Number of tool calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tools: Option<u64>,
    /// A word that the answer repeats as its second one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub echo: Option<String>,
    /// Value of the `retry-after` header of a `status` fault; `_` stands for a space.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<String>,
    /// Line ends of a stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newline: Option<Newline>,
    /// Hand a stream to the socket in pieces of so many bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split: Option<u64>,
    /// What goes wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
}

/// Line ends of a server-sent event stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Newline {
    /// `\n`, the default.
    Lf,
    /// `\r\n`.
    Crlf,
    /// `\r`.
    Cr,
}

/// A scripted fault; its text form is the value of `fault=`. Chunks are content chunks (reasoning, text, tool call),
/// counted from 1: `…_after:0` strikes after the opening
/// event, before any content; one after the last chunk strikes before the finish; a higher one never strikes. A plain
/// answer is cut after half of its bytes, whatever the chunk; `error_event_after` makes it an error 500.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `none`: no fault, whatever the defaults say.
    None,
    /// `status:<code>`: an error answer in the dialect's shape.
    Status(u16),
    /// `status_once:<code>:<token>`: the same, the first time that this token is seen only.
    StatusOnce(u16, String),
    /// `connect_reset`: the connection is reset without an answer.
    ConnectReset,
    /// `reset_after:<chunk>`: the connection is reset after so many chunks.
    ResetAfter(u64),
    /// `stall_after:<chunk>`: nothing more is sent, until the client leaves.
    StallAfter(u64),
    /// `error_event_after:<chunk>`: the dialect's error inside the stream, then its end.
    ErrorEventAfter(u64),
    /// `no_usage`: the answer reports no usage.
    NoUsage,
    /// `usage_twice`: a stream reports its usage two times.
    UsageTwice,
    /// `usage_negative`: the reported counts are negative.
    UsageNegative,
    /// `bad_json`: the body, or the first content event, is not valid JSON.
    BadJson,
    /// `truncate`: less is sent than was announced.
    Truncate,
    /// `no_done`: a stream ends without its terminator.
    NoDone,
    /// `slow_headers`: the head of the response arrives byte by byte, one per gap.
    SlowHeaders,
    /// `big_event:<bytes>`: one event of this size before the content.
    BigEvent(u64),
}

impl Script {
    /// The directives in `text`, in order, later ones winning. `Err` says what is wrong with one.
    pub fn from_text(text: &str) -> Result<Self, String> {
        let mut script = Self::default();
        let mut rest = text;
        while let Some(at) = rest.find(OPEN) {
            let inside = &rest[at + OPEN.len()..];
            rest = inside;
            if !inside.starts_with(|c: char| c.is_whitespace() || c == ']') {
                continue;
            }
            let Some(end) = inside.find(CLOSE) else { return Err("a directive `[[sim …]]` is not closed".to_owned()) };
            for pair in inside[..end].split_whitespace() {
                let (key, value) = pair.split_once('=').ok_or_else(|| format!("`{pair}` is not key=value"))?;
                script.set(key, value)?;
            }
            rest = &inside[end..];
        }
        Ok(script)
    }

    /// The settings in a JSON object with the same keys as a directive.
    pub fn from_json(body: &[u8]) -> Result<Self, String> {
        let value: Value = serde_json::from_slice(body).map_err(|error| format!("the body is not JSON: {error}"))?;
        let Value::Object(fields) = value else { return Err("the body is not a JSON object".to_owned()) };
        let mut script = Self::default();
        for (key, value) in &fields {
            match value {
                Value::String(text) => script.set(key, text)?,
                Value::Number(number) => script.set(key, &number.to_string())?,
                _ => return Err(format!("`{key}` is neither a string nor a number")),
            }
        }
        Ok(script)
    }

    /// Sets one field from its text form.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let number = |max: u64| match value.parse::<u64>() {
            Ok(number) if number <= max => Ok(Some(number)),
            _ => Err(format!("`{key}={value}` is not an integer from 0 to {max}")),
        };
        match key {
            "delay_ms" => self.delay_ms = number(WAIT_MS_MAX)?,
            "first_ms" => self.first_ms = number(WAIT_MS_MAX)?,
            "gap_ms" => self.gap_ms = number(WAIT_MS_MAX)?,
            "chunks" => self.chunks = number(TOKENS_MAX)?,
            "output_tokens" => self.output_tokens = number(TOKENS_MAX)?,
            "reasoning_tokens" => self.reasoning_tokens = number(TOKENS_MAX)?,
            "cached_tokens" => self.cached_tokens = number(u64::from(u32::MAX))?,
            "cache_write_tokens" => self.cache_write_tokens = number(u64::from(u32::MAX))?,
            "tool" => self.tool = Some(value.to_owned()),
            "tools" => self.tools = number(CALLS_MAX)?,
            "echo" => self.echo = Some(value.to_owned()),
            "retry_after" => self.retry_after = Some(value.to_owned()),
            "newline" => self.newline = Some(Newline::parse(value)?),
            "split" => self.split = number(u64::from(u32::MAX))?,
            "fault" => self.fault = Some(Fault::parse(value)?),
            _ => return Err(format!("there is no setting `{key}`")),
        }
        Ok(())
    }

    /// This script, with what it leaves open taken from `below`.
    #[must_use]
    pub fn over(self, below: &Self) -> Self {
        Self {
            delay_ms: self.delay_ms.or(below.delay_ms),
            first_ms: self.first_ms.or(below.first_ms),
            gap_ms: self.gap_ms.or(below.gap_ms),
            chunks: self.chunks.or(below.chunks),
            output_tokens: self.output_tokens.or(below.output_tokens),
            reasoning_tokens: self.reasoning_tokens.or(below.reasoning_tokens),
            cached_tokens: self.cached_tokens.or(below.cached_tokens),
            cache_write_tokens: self.cache_write_tokens.or(below.cache_write_tokens),
            tool: self.tool.or_else(|| below.tool.clone()),
            tools: self.tools.or(below.tools),
            echo: self.echo.or_else(|| below.echo.clone()),
            retry_after: self.retry_after.or_else(|| below.retry_after.clone()),
            newline: self.newline.or(below.newline),
            split: self.split.or(below.split),
            fault: self.fault.or_else(|| below.fault.clone()),
        }
    }
}

impl Newline {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "lf" => Ok(Self::Lf),
            "crlf" => Ok(Self::Crlf),
            "cr" => Ok(Self::Cr),
            _ => Err(format!("`newline={text}` is none of lf, crlf, cr")),
        }
    }
}

impl Fault {
    /// Reads the text form.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (name, argument) = text.split_once(':').map_or((text, None), |(name, argument)| (name, Some(argument)));
        let fault = match (name, argument) {
            ("none", None) => Self::None,
            ("connect_reset", None) => Self::ConnectReset,
            ("no_usage", None) => Self::NoUsage,
            ("usage_twice", None) => Self::UsageTwice,
            ("usage_negative", None) => Self::UsageNegative,
            ("bad_json", None) => Self::BadJson,
            ("truncate", None) => Self::Truncate,
            ("no_done", None) => Self::NoDone,
            ("slow_headers", None) => Self::SlowHeaders,
            ("status", Some(code)) => Self::Status(status(code)?),
            ("status_once", Some(argument)) => match argument.split_once(':') {
                Some((code, token)) if !token.is_empty() => Self::StatusOnce(status(code)?, token.to_owned()),
                _ => return Err("`status_once` is written status_once:<code>:<token>".to_owned()),
            },
            ("reset_after", Some(chunk)) => Self::ResetAfter(amount(name, chunk, TOKENS_MAX)?),
            ("stall_after", Some(chunk)) => Self::StallAfter(amount(name, chunk, TOKENS_MAX)?),
            ("error_event_after", Some(chunk)) => Self::ErrorEventAfter(amount(name, chunk, TOKENS_MAX)?),
            ("big_event", Some(bytes)) => Self::BigEvent(amount(name, bytes, PADDING_BYTES_MAX)?),
            _ => return Err(format!("there is no fault `{text}`")),
        };
        Ok(fault)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Status(code) => write!(f, "status:{code}"),
            Self::StatusOnce(code, token) => write!(f, "status_once:{code}:{token}"),
            Self::ConnectReset => f.write_str("connect_reset"),
            Self::ResetAfter(chunk) => write!(f, "reset_after:{chunk}"),
            Self::StallAfter(chunk) => write!(f, "stall_after:{chunk}"),
            Self::ErrorEventAfter(chunk) => write!(f, "error_event_after:{chunk}"),
            Self::NoUsage => f.write_str("no_usage"),
            Self::UsageTwice => f.write_str("usage_twice"),
            Self::UsageNegative => f.write_str("usage_negative"),
            Self::BadJson => f.write_str("bad_json"),
            Self::Truncate => f.write_str("truncate"),
            Self::NoDone => f.write_str("no_done"),
            Self::SlowHeaders => f.write_str("slow_headers"),
            Self::BigEvent(bytes) => write!(f, "big_event:{bytes}"),
        }
    }
}

impl Serialize for Fault {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

fn status(text: &str) -> Result<u16, String> {
    match text.parse::<u16>() {
        Ok(code) if (400..=599).contains(&code) => Ok(code),
        _ => Err(format!("`{text}` is not an error status from 400 to 599")),
    }
}

fn amount(name: &str, text: &str, max: u64) -> Result<u64, String> {
    match text.parse::<u64>() {
        Ok(number) if number <= max => Ok(number),
        _ => Err(format!("`{name}:{text}` is not an integer from 0 to {max}")),
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, Newline, Script};

    #[test]
    fn reads_directives_anywhere_in_a_text() {
        let script =
            Script::from_text("Hi [[sim delay_ms=5 gap_ms=2]] there [[simple]] [[sim delay_ms=7 fault=status:429 newline=cr]]").unwrap();
        let expected =
            Script { delay_ms: Some(7), gap_ms: Some(2), fault: Some(Fault::Status(429)), newline: Some(Newline::Cr), ..Script::default() };
        assert_eq!(script, expected);
        assert_eq!(Script::from_text("no directive").unwrap(), Script::default());
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for text in
            ["[[sim x=1]]", "[[sim delay_ms=-1]]", "[[sim fault=status:200]]", "[[sim fault=odd]]", "[[sim tools]]", "[[sim delay_ms=1"]
        {
            assert!(Script::from_text(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_fault_reads_what_it_prints() {
        let texts = "none status:500 status_once:503:a:b connect_reset reset_after:3 stall_after:0 error_event_after:2 no_usage usage_twice \
                     usage_negative bad_json truncate no_done slow_headers big_event:5";
        for text in texts.split_whitespace() {
            assert_eq!(Fault::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn json_has_the_same_keys() {
        let script = Script::from_json(br#"{"chunks": 3, "fault": "no_done"}"#).unwrap();
        assert_eq!(serde_json::to_string(&script).unwrap(), r#"{"chunks":3,"fault":"no_done"}"#);
        assert!(Script::from_json(br#"{"chunks": null}"#).is_err());
        let merged = Script { chunks: Some(1), ..Script::default() }.over(&script);
        assert_eq!((merged.chunks, merged.fault), (Some(1), Some(Fault::NoDone)));
    }
}
