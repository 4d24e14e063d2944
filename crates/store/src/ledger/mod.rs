//! Money: a double-entry ledger with leases.
//!
//! Transfers and postings are written once. Each balance, lease and running total changes in the transaction that
//! writes the transfer or posting behind it; [`ledger_prove`] recomputes them all.

mod account;
mod budget_lease;
mod budget_post;
mod crash_loss;
mod credits;
mod epoch;
mod lane;
mod lease;
mod lease_row;
mod offset;
mod post;
mod prove;
mod totals;
mod transfer;

pub use account::Account;
pub use budget_lease::{
    BudgetAsk, BudgetGranted, BudgetLeaseRow, budget_lease_ask, budget_lease_get, budget_lease_return, budget_leases_recalled,
};
pub use budget_post::{BudgetAlertRow, BudgetFigures, BudgetUse, budget_alerts_after, budget_figures};
pub use crash_loss::{CrashLoss, CrashLossTotals, crash_loss_post, crash_loss_totals};
pub(crate) use credits::credits_grant_in;
pub use credits::{Balance, Correction, CreditsGrant, balance, credits_correct, credits_grant};
pub use epoch::{EpochClose, EpochRecord, EpochRow, LaneBehind, epoch_record, epochs_list, epochs_open, leases_close_epoch};
pub use lane::Gap;
pub use lease::{LeaseExtend, LeaseGrant, LeaseGranted, LeaseReturn, LeaseReturned, lease_extend, lease_grant, lease_return};
pub use lease_row::{LeaseRow, lease_get, leases_open};
pub use offset::{LogOffset, ledger_offsets, watermarks_list};
pub use post::{Overshoot, PostBatch, Posted, PostedEvent, post_batch};
#[cfg(test)]
pub(crate) use prove::ledger_prove_in;
pub use prove::{Difference, Proof, ledger_prove};
pub use totals::{Totals, ledger_totals, ledger_totals_by_epoch, ledger_totals_by_org};
#[cfg(test)]
pub(crate) use transfer::{NewTransfer, transfer_post};
pub use transfer::{TransferRow, transfers_list};
