//! The edge: authenticates a call, admits it, routes it, translates it, relays the answer, settles it.
//!
//! `pipeline` is the only file that knows the order; everything below it does one step and calls nothing above itself.
//! The gateway never asks the relational store on the hot path (a warm key and a lease answer from memory), and never
//! the analytics store at all.

mod access;
mod admit;
mod attempt;
mod body;
mod budgets;
mod cache;
mod call;
mod cooldown;
mod cover;
mod credentials;
mod directory;
mod endpoint;
mod funds;
mod gateway;
mod http;
mod key_health;
mod key_spend;
mod levels;
mod mask;
mod metrics;
mod misses;
mod oauth;
mod own_keys;
mod pipeline;
mod plan;
pub mod probe;
mod relay;
mod rules;
mod settle;
mod sigv4;

pub use body::Body;
pub use gateway::{Gateway, Parts, Settings, StartError};
pub use metrics::Metrics;
