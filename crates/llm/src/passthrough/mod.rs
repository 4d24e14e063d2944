//! Same-dialect calls: read what the gateway acts on, carry the rest byte for byte.
//!
//! When client and provider both speak OpenAI chat, nothing is parsed into a tree and nothing is written again: one
//! borrowed pass finds the few values that matter and where they stand, and the body is copied once with those values
//! replaced. What the gateway does not know passes through.

mod alike;
mod messages;
mod request;
mod response;
mod stream;
mod text;

#[cfg(test)]
mod tests;

pub use messages::Media;
pub use request::{Changes, Peek, is_ambiguous, peek, rewrite, unambiguous};
pub use response::{Answer, with_bill};
pub use stream::{Begin, EventKind, StreamPass, StreamScan, Unreadable};
