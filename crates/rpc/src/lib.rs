//! What gateways ask control: who calls, with which provider keys, what has changed, and for leases of credit.
//!
//! [`Control`] is the gateways' end: in one process with control it reads the store itself, apart from it it asks over gRPC.
//! [`serve`] is control's end. Rows travel as strict JSON (docs/decisions/0040): what one side does not know is refused, never
//! passed over.
//!
//! It never caches, and decides nothing. Nobody without the cluster's token is answered.

mod client;
mod control;
mod convert;
mod feed;
mod serve;
mod token;

pub use client::{Remote, RemoteError};
pub use control::{Control, OrganizationKeys};
pub use feed::{Feed, News};
pub use serve::serve;

/// Limit: bytes of one message: all provider keys of an organization fit.
const MESSAGE_BYTES_MAX: usize = 16 << 20;

#[cfg(test)]
mod tests;
