//! The closed list of dialects, and what each must be able to do.

use std::fmt;
use std::str::FromStr;

use domain::{Code, Fault, NanoUsd, Quirks, Usage};

use crate::chat::{ChatCall, ChatDelta, ChatReply};
use crate::classify::{code_of, plain_message};
use crate::facts::Facts;
use crate::restore::Restore;
use crate::sse::SseEvent;
use crate::{anthropic, gemini, openai_chat};

/// A way of speaking that one or many providers share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dialect {
    /// OpenAI's `/v1/chat/completions` and everybody compatible with it.
    OpenAiChat,
    /// Anthropic's `/v1/messages`.
    Anthropic,
    /// Google's `models/…:generateContent`.
    Gemini,
}

impl Dialect {
    /// Every dialect.
    pub const ALL: &'static [Self] = &[Self::OpenAiChat, Self::Anthropic, Self::Gemini];

    /// The spelling in catalog rows and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OpenAiChat => "openai_chat",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
        }
    }

    /// The code that speaks it.
    pub fn codec(self) -> &'static dyn Codec {
        match self {
            Self::OpenAiChat => &openai_chat::CODEC,
            Self::Anthropic => &anthropic::CODEC,
            Self::Gemini => &gemini::CODEC,
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownDialect;

impl fmt::Display for UnknownDialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unknown dialect; known are openai_chat, anthropic and gemini")
    }
}

impl std::error::Error for UnknownDialect {}

impl FromStr for Dialect {
    type Err = UnknownDialect;

    fn from_str(text: &str) -> Result<Self, UnknownDialect> {
        Self::ALL.iter().copied().find(|dialect| dialect.as_str() == text).ok_or(UnknownDialect)
    }
}

/// What a dialect puts in the address instead of the body (Gemini); empty for the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CallPath<'a> {
    /// The model of `models/{model}:…`; when given it wins over the body's.
    pub model: Option<&'a str>,
    /// `streamGenerateContent` was called.
    pub stream: bool,
}

/// Where a call goes: what the catalog and the plan know about one candidate.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The provider's name of the model.
    pub model: &'a str,
    /// Ask for a stream.
    pub stream: bool,
    /// A cap on output tokens that the funds set; the smaller of it and the caller's is sent.
    pub output_cap: Option<u64>,
    /// The model's largest output, in tokens: Anthropic's mandatory `max_tokens` when nobody set one.
    pub max_output: Option<u64>,
    /// What the provider does differently.
    pub quirks: &'a Quirks,
    /// What the model can take.
    pub facts: Facts,
    /// Refuse instead of dropping: the first parameter that cannot be expressed is a fault.
    pub strict: bool,
}

/// A request ready to be sent, without authentication.
#[derive(Debug, Clone, PartialEq)]
pub struct Outgoing {
    /// Appended to the provider's base address; begins with `/`, may hold a query.
    pub path: String,
    /// JSON.
    pub body: Vec<u8>,
    /// Headers that the dialect needs.
    pub headers: Vec<(&'static str, String)>,
    /// Parameters that the target cannot express, as paths into the caller's request.
    pub dropped: Vec<String>,
    /// How the answer is turned back (renamed tools, a schema that was sent as a tool).
    pub restore: Restore,
}

/// What a call cost, for the answer's usage object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bill {
    /// The provider's price of the call.
    pub cost: NanoUsd,
    /// What was taken from credits.
    pub charged: NanoUsd,
}

/// What a client's stream begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamHead {
    /// The id of the answer.
    pub id: String,
    /// The model as the client shall read it.
    pub model: String,
    /// Seconds since 1970.
    pub created: i64,
}

/// How a provider's stream ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamEnd {
    /// The dialect's own end was seen; otherwise the stream was cut off.
    pub complete: bool,
    /// The usage seen, if any.
    pub usage: Option<Usage>,
}

/// What a provider said when it failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamFault {
    /// In our words.
    pub code: Code,
    /// In the provider's words, fit for the caller.
    pub message: String,
    /// The provider's HTTP status (for errors inside a stream: the one that its error stands for), if known.
    pub status: Option<u16>,
    /// The provider's error code.
    pub provider_code: Option<String>,
    /// The provider's error type.
    pub provider_type: Option<String>,
    /// The field that the provider names.
    pub param: Option<String>,
    /// When to try again, if the body says so.
    pub retry_after_ms: Option<u64>,
}

impl UpstreamFault {
    /// A fault of which only the meaning and the words are known.
    pub(crate) fn new(code: Code, message: String, status: Option<u16>) -> Self {
        Self { code, message, status, provider_code: None, provider_type: None, param: None, retry_after_ms: None }
    }

    /// An event that the dialect's reader does not understand.
    pub(crate) fn unreadable(error: impl fmt::Display) -> Self {
        let message = format!("the provider sent an event that is not of its dialect: {error}");
        Self::new(Code::UpstreamInvalidResponse, message, None)
    }

    /// An error that is not in the dialect's envelope: a proxy's page, or nothing.
    pub(crate) fn plain(status: u16, body: &[u8]) -> Self {
        let message = plain_message(status, body);
        Self::new(code_of(status, &[&message]), message, Some(status))
    }

    /// Whether a refusal is about an account without credit or quota, and not about the key itself.
    pub fn is_out_of_credit(&self) -> bool {
        const WORDS: [&str; 3] = ["insufficient_quota", "billing", "credit balance"];
        let words = [self.provider_code.as_deref(), self.provider_type.as_deref(), Some(self.message.as_str())];
        let said = words.into_iter().flatten().any(|word| WORDS.iter().any(|piece| word.to_ascii_lowercase().contains(piece)));
        self.code == Code::UpstreamAuthentication && (self.status == Some(402) || said)
    }

    /// The fault for the caller. `provider` is the catalog id of who said it, `attempts` counts all tries so far.
    pub fn into_fault(self, provider: &str, attempts: u32) -> Fault {
        let detail = domain::fault::UpstreamDetail {
            provider: provider.to_owned(),
            status: self.status,
            code: self.provider_code.or(self.provider_type),
            attempts,
        };
        let mut fault = Fault::new(self.code, self.message).upstream(detail);
        if let Some(param) = self.param {
            fault = fault.param(param);
        }
        match self.retry_after_ms {
            Some(ms) => fault.retry_after_ms(ms),
            None => fault,
        }
    }
}

/// What each dialect must do, in both directions.
pub trait Codec: Send + Sync {
    /// A client's bytes → call. The fault names the field that is wrong and what would be right.
    fn request_read(&self, body: &[u8], path: &CallPath<'_>) -> Result<ChatCall, Fault>;

    /// Call → a provider's bytes.
    fn request_write(&self, call: &ChatCall, target: &Target<'_>) -> Result<Outgoing, Fault>;

    /// A provider's bytes → answer. Bytes that are not this dialect are `UpstreamInvalidResponse`.
    fn response_read(&self, body: &[u8]) -> Result<ChatReply, Fault>;

    /// Answer → a client's bytes.
    fn response_write(&self, reply: &ChatReply, bill: Option<&Bill>) -> Vec<u8>;

    /// Reads one provider stream.
    fn stream_reader(&self) -> Box<dyn StreamReader + Send>;

    /// Writes one client stream.
    fn stream_writer(&self, head: StreamHead) -> Box<dyn StreamWriter + Send>;

    /// A provider's failed answer → what it means.
    fn fault_read(&self, status: u16, body: &[u8]) -> UpstreamFault;

    /// A fault → the dialect's error envelope.
    fn fault_write(&self, status: u16, fault: &Fault, request_id: &str) -> Vec<u8>;

    /// What is sent to a client in a silence of its stream. (Gemini's SDK takes comment lines for data, so each
    /// dialect has its own.)
    fn keep_alive(&self) -> &'static [u8];
}

/// Reads one provider stream, event by event.
pub trait StreamReader {
    /// Adds what the event says to `out`. A fault means that the provider failed inside its stream.
    fn push(&mut self, event: &SseEvent<'_>, out: &mut Vec<ChatDelta>) -> Result<(), UpstreamFault>;

    /// No more events will come. May add what was held back.
    fn finish(&mut self, out: &mut Vec<ChatDelta>) -> StreamEnd;
}

/// Writes one client stream as SSE bytes.
pub trait StreamWriter {
    /// Adds the delta's bytes to `out`; some deltas are held back until the end.
    fn write(&mut self, delta: &ChatDelta, out: &mut Vec<u8>);

    /// The clean end. `include_usage` is the client's wish; dialects that always send usage ignore it.
    fn end(&mut self, usage: Option<&Usage>, bill: Option<&Bill>, include_usage: bool, out: &mut Vec<u8>);

    /// The end by a failure after the first byte: an error event, never a clean finish. `status` is the HTTP status
    /// that the fault would have had.
    fn error(&mut self, status: u16, fault: &Fault, request_id: &str, out: &mut Vec<u8>);
}
