//! The gateway's write-ahead log: the embedded twin of Kafka, and the spool in front of it.
//!
//! A gateway writes an [`Intent`](proto::usage::v1::Intent) before a request goes upstream, `Progress` while an answer
//! streams, and exactly one terminal [`UsageEvent`](proto::usage::v1::UsageEvent) at the end, each with one `write()`
//! ([`Journal`]). Consumers follow the log with a [`Reader`], in the same process or in another one over the same
//! folder. On disk:
//!
//! ```text
//! <data>/events/<gateway>/lock                  held by the one process that writes
//! <data>/events/<gateway>/epoch                 the highest epoch ever started, in decimal
//! <data>/events/<gateway>/<epoch>/00000001.wal  segments: a header, then frames
//! <data>/events/<gateway>/orphans.wal           calls whose gateway died, kept for the reckoning with providers
//! <data>/events/<gateway>/quarantine/           bytes that are no frame, each with its reason
//! ```
//!
//! It never reads the wall clock (the time is an argument), never prices with a catalog (an orphan is priced by the
//! rates in its intent) and never decides what a consumer does with an event.
//!
//! Invariant: after an append returned, `kill -9` loses nothing; a power cut loses at most the appends of the last
//! [`SYNC_WITHIN`] (none with [`Durability::Power`]).
//! Invariant: a segment begins with every call that was open when it was started, so that older ones may go.

mod encode;
mod error;
mod frame;
mod journal;
mod layout;
mod options;
mod orphan;
mod position;
mod quarantine;
mod reader;
mod recover;
mod retain;
mod scan;
mod segment;
mod state;
mod sync;
mod wake;
mod writer;

#[cfg(test)]
mod tests;

pub use error::{JournalError, OpenError, ReadError};
pub use frame::PAYLOAD_BYTES_MAX;
pub use journal::{Closed, Counters, Journal};
pub use layout::{epochs_kept, gateways};
pub use options::{Durability, OpenOptions};
pub use orphan::{ORPHANED_ERROR_CODE, Orphan, orphans_list, price};
pub use position::Position;
pub use quarantine::{Quarantined, quarantine_list, quarantine_put};
pub use reader::{Batch, Corrupt, Item, Reader, Record};
pub use recover::Recovered;
pub use retain::{EpochTotals, epoch_forget, journal_totals, segments_forget};
pub use sync::SYNC_WITHIN;
pub use wake::Wake;
