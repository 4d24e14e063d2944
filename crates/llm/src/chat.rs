//! The canonical chat call and its answer: the hub that every dialect is read into and written from.
//!
//! It is a superset of OpenAI's chat completions. What a dialect has and this model lacks is carried in `rest` (whole
//! fields) or in [`PartKind::Raw`] and [`Tool::Hosted`] (single blocks), and survives when source and target are the
//! same dialect.

mod call;
mod delta;
mod part;
mod reply;

pub use call::{
    ChatCall, Effort, FunctionTool, JsonSchema, Message, Reasoning, ReasoningMode, ResponseFormat, Role, Sampling, Tool, ToolChoice,
    WebSearch,
};
pub use delta::ChatDelta;
pub use part::{CacheControl, Media, Part, PartKind, Rest, Signature, Source, Thinking, ToolCall, ToolResult};
pub use reply::{Annotation, ChatReply, Choice, Finish, FinishKind};
