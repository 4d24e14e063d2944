//! What a provider answered.

use domain::Usage;
use serde_json::{Map, Value};

use crate::chat::Part;
use crate::dialect::Dialect;

/// A whole answer.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatReply {
    /// The dialect it was read from; fields in `rest` belong to it.
    pub from: Dialect,
    /// The provider's id; empty when it gave none (the gateway then sets one).
    pub id: String,
    /// The model that served it, as the provider names it.
    pub model: String,
    /// Seconds since 1970; none when the dialect has no such field (the gateway then sets it).
    pub created: Option<i64>,
    /// The answers, at least one.
    pub choices: Vec<Choice>,
    /// What it consumed, if the provider said so.
    pub usage: Option<Usage>,
    /// The tier that served it.
    pub service_tier: Option<String>,
    /// The provider's own figure of the call's cost, in its own spelling of dollars, if it gave one.
    pub provider_cost: Option<String>,
    /// Top-level fields that this model does not know.
    pub rest: Map<String, Value>,
    /// Fields of the usage object that [`Usage`] does not know.
    pub usage_rest: Map<String, Value>,
}

/// One answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// Its place.
    pub index: u32,
    /// What it says, in order.
    pub parts: Vec<Part>,
    /// Why it ended.
    pub finish: Option<Finish>,
    /// OpenAI's `logprobs` object.
    pub logprobs: Option<Value>,
    /// Sources cited.
    pub annotations: Vec<Annotation>,
    /// Further fields of the answer in its own dialect.
    pub rest: Map<String, Value>,
}

/// A cited web page; `start` and `end` are character offsets into the answer's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    /// The page.
    pub url: String,
    /// Its title.
    pub title: String,
    /// First character of the text that it supports.
    pub start: u64,
    /// The character after the last.
    pub end: u64,
}

/// Why an answer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finish {
    /// In our words.
    pub kind: FinishKind,
    /// In the provider's word.
    pub raw: Option<String>,
    /// The stop text that was met, where the dialect says it.
    pub stop_sequence: Option<String>,
    /// The provider's sentence on it.
    pub detail: Option<String>,
}

impl Finish {
    /// A finish with the provider's own word for it.
    pub fn new(kind: FinishKind, raw: impl Into<String>) -> Self {
        Self { kind, raw: Some(raw.into()), stop_sequence: None, detail: None }
    }
}

/// Why an answer ended, in our words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FinishKind {
    /// The model was done.
    Stop,
    /// A stop text was met.
    StopSequence,
    /// The output cap was reached.
    Length,
    /// The context window was full.
    ContextExceeded,
    /// It calls tools.
    ToolCalls,
    /// The provider withheld it, or the model refused.
    ContentFilter,
    /// The provider paused a long turn; sending the turn back goes on with it.
    Pause,
    /// The model made a tool call or an answer that is not well formed; there may be no content.
    Malformed,
    /// Something else; the provider's word says what.
    Other,
}

impl FinishKind {
    /// A stable name, for logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::StopSequence => "stop_sequence",
            Self::Length => "length",
            Self::ContextExceeded => "context_exceeded",
            Self::ToolCalls => "tool_calls",
            Self::ContentFilter => "content_filter",
            Self::Pause => "pause",
            Self::Malformed => "malformed",
            Self::Other => "other",
        }
    }
}
