//! The simulated model: a server that speaks the OpenAI, Anthropic and Gemini dialects over HTTP, with exact token counts and
//! scripted faults, and that records for each request what it was asked and what it sent. It is the oracle of the fault
//! tests, and the built-in provider `sim` that answers a newcomer without any key.
//!
//! It shares no code with the gateway's codecs (crate `llm`): an oracle that did would hide their bugs. It reads no clock but
//! a monotonic one, draws no random number, and says `[simulated]` at the beginning of each answer's text.
//!
//! # Answers
//!
//! Any model name and any credential are accepted. The text is a fixed one of exactly K tokens as [`tokenizer`] counts them: K is
//! 24 ([`OUTPUT_TOKENS`]) or as scripted, and at most the request's `max_tokens` (finish `length`). Reasoning counts toward
//! `max_tokens` and comes first. Plain answers and streams say the same. A structured answer is compact JSON made from
//! its schema, whatever K is.
//!
//! Tools are called if `tool_choice` forces it, or if a directive asks for it and the conversation does not end with a tool's
//! result; arguments are made from the schema. If the directive also sets `output_tokens`, a text before the calls fills up to that number.
//!
//! # Directives
//!
//! `[[sim key=value key=value …]]` anywhere in the text of the last user message, or the same keys as server-wide defaults
//! (`POST /sim/defaults` with a JSON object). A directive that is not
//! understood is answered with 400. A tool's result is no user's text: directives in it are words like others.
//!
//! | key | means |
//! |---|---|
//! | `delay_ms` | wait before the headers |
//! | `first_ms` | wait after the headers, before the first byte of the body |
//! | `gap_ms` | wait between two content chunks of a stream |
//! | `chunks` | number of chunks of a stream's text (default: one per token) |
//! | `output_tokens`, `reasoning_tokens` | tokens of the answer, of the reasoning before it |
//! | `cached_tokens`, `cache_write_tokens` | input tokens reported as read from, written to a cache |
//! | `tool=<name>`, `tools=<n>` | call this tool, call n tools |
//! | `echo=<word>` | the answer's second word |
//! | `newline=lf\|crlf\|cr`, `split=<bytes>` | line ends of a stream; pieces in which it is handed to the socket |
//! | `retry_after=<value>` | header of an error answer, `_` for a space |
//! | `fault=<fault>` | see [`Fault`] |
//!
//! Content chunks are the reasoning (one), each piece of the text, and the two halves of each tool call (Gemini: the whole
//! call). With several choices each piece comes once per choice.
//!
//! # Journal
//!
//! A request is in the journal before the first byte of its answer. Output tokens and bytes count when they are handed to the
//! connection for writing; those of a plain answer all at once with its first byte. `GET /sim/journal` prints JSON Lines in start order
//! (`?client_request_id=<prefix>` selects), `GET /sim/journal?summary=1` the totals, `DELETE /sim/journal` forgets.
//! A call that only counts tokens (`count_tokens`, `:countTokens`) is not in it.

mod admin;
mod answer;
mod anthropic;
mod ask;
mod body;
mod conn;
mod gemini;
mod handle;
mod journal;
mod openai;
mod schema;
mod script;
mod server;
mod steps;
mod text;
pub mod tokenizer;

use server::Shared;

pub use answer::{OUTPUT_TOKENS, REASONING_TOKENS};
pub use journal::{Dialect, End, Entry, Summary};
pub use script::{Fault, Newline, Script};
pub use server::{Kept, Options, Sim, serve};
pub use text::LABEL;
