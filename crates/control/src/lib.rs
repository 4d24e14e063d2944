//! The control plane: who may do what, keys, credits, projects, and questions about usage, under `/api`.
//!
//! Three storeys with the same stems: `http` parses, calls and renders; `app` decides (rules, ids, times); `store` and
//! `analytics` speak SQL. A function of `app` that acts for somebody takes a proof as its first argument:
//! [`LoggedIn`] about their own account, [`Management`], [`Developer`], [`Payer`], [`Admin`], [`Owner`] or [`Operator`]
//! about an organization. Proofs are made in `app::caller` only.
//!
//! It never serves a call to a model, never reads what callers say to models, and never shows a stored key again.

pub mod app;
mod http;

pub use app::bootstrap::{BootstrapAsk, Bootstrapped};
pub use app::caller::{Admin, Developer, LoggedIn, Management, Operator, Owner, Payer};
pub use app::front::Front;
pub use app::key_check::{KeyAnswer, KeyCheck, KeyQuestion};
pub use app::sign_in::SignInProvider;
pub use app::smtp::Smtp;
pub use app::{Control, Settings};
pub use http::caller::Peer;
pub use http::router;

#[cfg(test)]
mod tests;
