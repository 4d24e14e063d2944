//! The only way out to addresses that callers choose: providers, webhooks, sign-in providers, fetched images.
//!
//! One guarded dialler judges the address that is really dialled; one pooled client stands on it. Neither follows a redirect,
//! so that a credential reaches no host but the one that it was given for.

mod client;
mod dial;
#[cfg(test)]
mod dial_tests;

pub use client::{Down, Limits, Upstream};
