//! Dialect translation: one canonical chat model, one codec per dialect, and the framing of event streams.
//!
//! A codec turns a client's bytes into a [`chat::ChatCall`], a call into a provider's bytes, and the same for answers,
//! streams and errors, in both directions. A dialect is code (one folder, the same five files: `wire request response
//! stream fault`); a provider is a row in the catalog that speaks one.
//!
//! This crate opens no socket, reads no clock and no randomness, makes no authentication header, and never fails by
//! panic on what the outside sends.

pub mod chat;
pub mod dialect;
pub mod facts;
pub mod passthrough;
pub mod restore;
pub mod same;
pub mod sse;
pub mod tokens;

mod anthropic;
mod billing;
mod classify;
mod fields;
mod gemini;
mod marks;
mod media;
mod openai_chat;
mod outgoing;
mod schema;

pub use chat::{ChatCall, ChatDelta, ChatReply};
pub use dialect::{Bill, CallPath, Codec, Dialect, Outgoing, StreamEnd, StreamHead, StreamReader, StreamWriter, Target, UpstreamFault};
pub use facts::{Facts, ReasoningStyle, openai_reasoner};
pub use restore::Restore;
