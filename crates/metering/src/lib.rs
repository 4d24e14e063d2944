//! The metering service: follows the gateways' event logs, posts the ledger and fills analytics, and proves that all
//! sides count the same.
//!
//! Two consumers follow the same logs on their own ([`run`]): *ledger* and *analytics*. Each keeps its place in its own
//! database, in the transaction that takes the events in, so that a consumer that dies anywhere posts each event once,
//! and analytics that are away never hold up money. What cannot be read goes to the log's quarantine with its reason.
//!
//! It never changes what a gateway counted, never prices a call (an orphan's loss is priced by its own intent), and
//! never deletes a log that a consumer has not passed.

mod chunk;
mod convert;
mod crash_loss;
mod follow;
mod reconcile;
mod retain;
mod run;
mod sink;
mod status;

pub use convert::{Poison, call_row, posted_event};
pub use crash_loss::{CrashLossError, CrashLossReport, StatementLine, crash_loss_from_statement, statement_parse};
pub use reconcile::{Difference, EpochCount, Figure, ReconcileError, Reconciliation, Side, Tally, reconcile};
pub use run::{Options, run};
pub use status::{ConsumerStatus, Status};

#[cfg(test)]
mod tests;
