//! The one way that money moves.

use domain::{LeaseId, NanoUsd, OrgScope, OrganizationId, UnixMicros};
use sqlx::any::AnyRow;

use crate::db::{Db, Tx};
use crate::error::{Act, StoreError};
use crate::ledger::account::{Account, accounts_open};
use crate::row::Columns;
use crate::words::TransferKind;

/// A transfer, as stored: once, for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferRow {
    /// The order of all transfers.
    pub position: i64,
    /// What caused it, spelled so that one cause has one id.
    pub id: String,
    /// Account that the money left.
    pub debit: String,
    /// Account that it went to.
    pub credit: String,
    /// How much; above zero.
    pub amount: NanoUsd,
    /// Why.
    pub kind: TransferKind,
    /// About whose business.
    pub organization: OrganizationId,
    /// On which lease, if one.
    pub lease: Option<LeaseId>,
    /// In words; may be empty.
    pub reason: String,
    /// By whom; may be empty.
    pub author: String,
    /// When.
    pub at: UnixMicros,
}

/// A transfer about to be posted.
pub(crate) struct NewTransfer<'a> {
    pub id: &'a str,
    pub debit: Account,
    pub credit: Account,
    pub amount: NanoUsd,
    pub kind: TransferKind,
    pub organization: OrganizationId,
    pub lease: Option<LeaseId>,
    pub reason: &'a str,
    pub author: &'a str,
    pub now: UnixMicros,
}

/// An organization's transfers after a position, oldest first.
pub async fn transfers_list(db: &Db, scope: &OrgScope, after: i64, limit: u32) -> Result<Vec<TransferRow>, StoreError> {
    let rows = sqlx::query(
        "SELECT position, id, debit, credit, amount, kind, organization_id, lease_id, reason, author, at_us FROM transfer \
         WHERE organization_id = $1 AND position > $2 ORDER BY position LIMIT $3",
    )
    .bind(scope.organization().to_string())
    .bind(after)
    .bind(i64::from(limit))
    .fetch_all(db.read())
    .await
    .act("list transfers")?;
    rows.iter().map(transfer_row).collect()
}

/// Writes a transfer and both balances. Answers false, having changed nothing, when the debited account must cover the
/// amount and does not.
///
/// Invariant V1: only the kinds that say so may take an account below zero.
pub(crate) async fn transfer_post(tx: &mut Tx, transfer: &NewTransfer<'_>) -> Result<bool, StoreError> {
    if transfer.amount <= NanoUsd::ZERO {
        return Err(StoreError::Invalid { what: "a transfer's amount must be above zero" });
    }
    if transfer.debit.is_tenant() || transfer.credit.is_tenant() {
        accounts_open(tx, transfer.organization).await?;
    }
    let debit = transfer.debit.id(transfer.organization);
    let credit = transfer.credit.id(transfer.organization);
    let least = if must_be_covered(transfer.kind) { transfer.amount.0 } else { i64::MIN };
    let debited = sqlx::query("UPDATE ledger_account SET balance = balance - $1 WHERE id = $2 AND balance >= $3")
        .bind(transfer.amount.0)
        .bind(&*debit)
        .bind(least)
        .execute(&mut **tx)
        .await
        .act("debit an account")?;
    if debited.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query("UPDATE ledger_account SET balance = balance + $1 WHERE id = $2")
        .bind(transfer.amount.0)
        .bind(&*credit)
        .execute(&mut **tx)
        .await
        .act("credit an account")?;
    transfer_insert(tx, transfer, &debit, &credit).await?;
    Ok(true)
}

/// The transfer of a cause, if it was posted: how repeated acts find their first answer.
pub(super) async fn transfer_by_id(tx: &mut Tx, id: &str) -> Result<Option<TransferRow>, StoreError> {
    let row = sqlx::query(
        "SELECT position, id, debit, credit, amount, kind, organization_id, lease_id, reason, author, at_us FROM transfer WHERE id = $1",
    )
    .bind(id)
    .fetch_optional(&mut **tx)
    .await
    .act("read a transfer")?;
    row.as_ref().map(transfer_row).transpose()
}

const fn must_be_covered(kind: TransferKind) -> bool {
    match kind {
        TransferKind::LeaseGrant | TransferKind::LeaseReturn | TransferKind::Usage => true,
        TransferKind::Grant | TransferKind::Overshoot | TransferKind::CrashLoss | TransferKind::Correction => false,
    }
}

async fn transfer_insert(tx: &mut Tx, transfer: &NewTransfer<'_>, debit: &str, credit: &str) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO transfer (id, debit, credit, amount, kind, organization_id, lease_id, reason, author, at_us) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(transfer.id)
    .bind(debit)
    .bind(credit)
    .bind(transfer.amount.0)
    .bind(transfer.kind.as_str())
    .bind(transfer.organization.to_string())
    .bind(transfer.lease.map(|lease| lease.to_string()))
    .bind(transfer.reason)
    .bind(transfer.author)
    .bind(transfer.now.0)
    .execute(&mut **tx)
    .await
    .act_unique("write a transfer", "transfer")?;
    Ok(())
}

fn transfer_row(row: &AnyRow) -> Result<TransferRow, StoreError> {
    let columns = Columns(row);
    Ok(TransferRow {
        position: columns.int("position")?,
        id: columns.text("id")?,
        debit: columns.text("debit")?,
        credit: columns.text("credit")?,
        amount: columns.money("amount")?,
        kind: columns.word("kind", TransferKind::parse)?,
        organization: columns.id("organization_id")?,
        lease: columns.id_opt("lease_id")?,
        reason: columns.text("reason")?,
        author: columns.text("author")?,
        at: columns.time("at_us")?,
    })
}
