//! What a message is made of.

use serde_json::{Map, Value};

use crate::dialect::Dialect;

/// One block of a message.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// What it is.
    pub kind: PartKind,
    /// A prompt-cache marker on it.
    pub cache: Option<CacheControl>,
    /// What else stood on the block, for a target of the same dialect.
    pub rest: Option<Box<Rest>>,
}

/// Fields that only their own dialect understands.
#[derive(Debug, Clone, PartialEq)]
pub struct Rest {
    /// Whose fields they are.
    pub dialect: Dialect,
    /// The fields as they stood.
    pub fields: Map<String, Value>,
}

impl Rest {
    /// None when there are no fields.
    pub(crate) fn of(dialect: Dialect, fields: Map<String, Value>) -> Option<Box<Self>> {
        (!fields.is_empty()).then(|| Box::new(Self { dialect, fields }))
    }

    /// Adds the fields to an object of the same dialect; fields that it has already stay.
    pub(crate) fn put(rest: Option<&Self>, dialect: Dialect, object: &mut Value) {
        if let (Some(rest), Value::Object(map)) = (rest.filter(|rest| rest.dialect == dialect), object) {
            for (name, value) in &rest.fields {
                map.entry(name.as_str()).or_insert_with(|| value.clone());
            }
        }
    }
}

impl From<PartKind> for Part {
    fn from(kind: PartKind) -> Self {
        Self { kind, cache: None, rest: None }
    }
}

impl Part {
    /// Plain text.
    pub fn text(text: impl Into<String>) -> Self {
        PartKind::Text(text.into()).into()
    }
}

/// The kinds of blocks.
#[derive(Debug, Clone, PartialEq)]
pub enum PartKind {
    /// Text.
    Text(String),
    /// The model's refusal, in words.
    Refusal(String),
    /// An image.
    Image(Media),
    /// Sound.
    Audio(Media),
    /// Moving images.
    Video(Media),
    /// A document.
    File(Media),
    /// The model's thoughts.
    Thinking(Thinking),
    /// Thoughts that the provider sealed (Anthropic).
    RedactedThinking(String),
    /// The model calls a tool.
    ToolCall(ToolCall),
    /// What the tool answered.
    ToolResult(ToolResult),
    /// A block that only this dialect knows, as it stood.
    Raw {
        /// Whose block it is.
        dialect: Dialect,
        /// The block's object.
        value: Value,
    },
}

/// `cache_control: {"type":"ephemeral"}` with its lifetime.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CacheControl {
    /// `5m` or `1h`; none is the provider's default.
    pub ttl: Option<String>,
}

/// Bytes that are not text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// Where they are.
    pub source: Source,
    /// MIME type, if known.
    pub media_type: Option<String>,
    /// File name or title.
    pub name: Option<String>,
    /// OpenAI's image `detail`.
    pub detail: Option<String>,
}

/// Where media is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// At this address.
    Url(String),
    /// Here, in base64.
    Inline(String),
    /// In the provider's file store, under this id.
    Id(String),
    /// Here, as plain text (Anthropic documents).
    Text(String),
}

/// Thoughts and the provider's proof of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Thinking {
    /// The thoughts; may be empty when only the signature is carried.
    pub text: String,
    /// The proof, which must come back unchanged on the next turn.
    pub signature: Option<Signature>,
}

/// An opaque proof that only its maker accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Whose it is; none when the client did not say, and then it is taken for the target's.
    pub dialect: Option<Dialect>,
    /// The text as the provider sent it.
    pub text: String,
}

impl Signature {
    /// The text if `dialect` would accept it.
    pub fn for_dialect(&self, dialect: Dialect) -> Option<&str> {
        (self.dialect.is_none() || self.dialect == Some(dialect)).then_some(self.text.as_str())
    }
}

/// A call of a tool.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ToolCall {
    /// Its id, without any signature that a client carried on it.
    pub id: String,
    /// The function's name.
    pub name: String,
    /// JSON text of the arguments.
    pub arguments: String,
    /// Gemini's thought signature.
    pub signature: Option<String>,
}

/// What a tool answered.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolResult {
    /// The id of the call.
    pub call_id: String,
    /// The function's name, where the dialect says it.
    pub name: Option<String>,
    /// Text and media.
    pub parts: Vec<Part>,
    /// The tool failed.
    pub is_error: bool,
}
