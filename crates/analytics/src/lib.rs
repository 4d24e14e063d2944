//! What happened, for questions: every call, and its sums by hour and day.
//!
//! The embedded twin: one SQLite file of its own, so that a flood of calls never waits for money or the other way round.
//! One file per question; the tenant's scope is the first bound parameter of each. Only the consumer of usage events
//! writes ([`events_insert`]): calls, sums and the place to go on reading in one transaction, so that an event that
//! comes twice counts once.
//!
//! It is not the truth about money (that is the ledger); it must only agree with it, which [`totals_all`] is for.

mod bins;
mod call;
mod call_read;
mod calls;
mod calls_near;
mod db;
mod erase;
mod error;
mod fill;
mod insert;
mod offset;
mod rollup;
mod seen;
mod sums;
mod totals;
mod usage;

pub use bins::Percentiles;
pub use call::{CallOutcome, CallRow};
pub use calls::{CallCursor, CallFilter, MalformedCursor, TimeRange, call_get, calls_list};
pub use db::Analytics;
pub use erase::erase_part;
pub use error::AnalyticsError;
pub use insert::{Inserted, events_insert};
pub use offset::{LogOffset, offsets};
pub use seen::Seen;
pub use sums::Sums;
pub use totals::{totals, totals_all, totals_by_epoch};
pub use usage::{Bucket, Figures, GroupBy, USAGE_ROWS_MAX, UsageAnswer, UsageFilter, UsageQuestion, UsageRow, usage};

#[cfg(test)]
mod contract;
#[cfg(test)]
mod usage_tests;
