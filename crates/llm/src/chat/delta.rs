//! One step of a streamed answer.

use domain::Usage;
use serde_json::Value;

use crate::chat::{Annotation, Finish, Part, Rest, Signature};

/// One step of a streamed answer. `choice` is the answer's index, `index` counts the tool calls within it.
#[derive(Debug, Clone, PartialEq)]
pub enum ChatDelta {
    /// The provider began: its id and the model that serves.
    Start {
        /// The provider's id.
        id: Option<String>,
        /// The model that serves.
        model: Option<String>,
    },
    /// More text.
    Text {
        /// Which answer.
        choice: u32,
        /// The piece.
        text: String,
    },
    /// More of a refusal.
    Refusal {
        /// Which answer.
        choice: u32,
        /// The piece.
        text: String,
    },
    /// More thoughts.
    Thinking {
        /// Which answer.
        choice: u32,
        /// The piece.
        text: String,
    },
    /// The proof of the thoughts so far; ends their block.
    ThinkingSignature {
        /// Which answer.
        choice: u32,
        /// The proof.
        signature: Signature,
    },
    /// A whole block of sealed thoughts.
    RedactedThinking {
        /// Which answer.
        choice: u32,
        /// The sealed bytes, as sent.
        data: String,
    },
    /// A tool call begins.
    ToolStart {
        /// Which answer.
        choice: u32,
        /// Which call of it.
        index: u32,
        /// The call's id.
        id: String,
        /// The function's name.
        name: String,
        /// Gemini's thought signature.
        signature: Option<String>,
    },
    /// More JSON text of a call's arguments.
    ToolArgs {
        /// Which answer.
        choice: u32,
        /// Which call of it.
        index: u32,
        /// The piece.
        fragment: String,
    },
    /// A whole block that comes at once: an image, sound, a block that only its dialect knows.
    Block {
        /// Which answer.
        choice: u32,
        /// The block.
        part: Part,
    },
    /// Something that only its own dialect understands: fields of Gemini's candidate, or Anthropic's delta of the open
    /// block.
    Native {
        /// Which answer.
        choice: u32,
        /// The fields.
        rest: Box<Rest>,
    },
    /// A source is cited.
    Annotation {
        /// Which answer.
        choice: u32,
        /// The source.
        annotation: Annotation,
    },
    /// OpenAI's `logprobs` object for the last piece.
    Logprobs {
        /// Which answer.
        choice: u32,
        /// The object.
        value: Value,
    },
    /// The answer ended.
    Finish {
        /// Which answer.
        choice: u32,
        /// Why.
        finish: Finish,
    },
    /// What was consumed so far; a later one replaces it.
    Usage(Usage),
}
