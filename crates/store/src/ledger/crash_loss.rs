//! What a provider produced for a call whose gateway died, beyond what the customer is billed: carried by us.

use domain::{NanoUsd, OrgScope, RequestId, UnixMicros};

use crate::audit::Trail;
use crate::db::{Db, commit};
use crate::error::{Act, StoreError};
use crate::ledger::account::Account;
use crate::ledger::transfer::{NewTransfer, transfer_post};
use crate::row::{Columns, stored};
use crate::words::TransferKind;

/// The loss of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CrashLoss {
    /// The call.
    pub request: RequestId,
    /// The provider's price of what nobody pays; may be zero.
    pub amount: NanoUsd,
    /// Input tokens of it.
    pub input_tokens: u64,
    /// Output tokens of it.
    pub output_tokens: u64,
    /// When it is posted.
    pub now: UnixMicros,
}

/// All losses: what providers produced beyond what was billed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CrashLossTotals {
    /// Calls with a loss.
    pub calls: u64,
    /// The provider's price of it.
    pub amount: NanoUsd,
    /// Input tokens of it.
    pub input_tokens: u64,
    /// Output tokens of it.
    pub output_tokens: u64,
}

/// The sum of all losses. For reconcile and operators: it takes no scope.
pub async fn crash_loss_totals(db: &Db) -> Result<CrashLossTotals, StoreError> {
    let row = sqlx::query(
        "SELECT COUNT(*) AS calls, CAST(COALESCE(SUM(amount), 0) AS BIGINT) AS amount, \
         CAST(COALESCE(SUM(input_tokens), 0) AS BIGINT) AS input_tokens, \
         CAST(COALESCE(SUM(output_tokens), 0) AS BIGINT) AS output_tokens FROM crash_loss",
    )
    .fetch_one(db.read())
    .await
    .act("sum losses")?;
    let columns = Columns(&row);
    Ok(CrashLossTotals {
        calls: columns.count("calls")?,
        amount: columns.money("amount")?,
        input_tokens: columns.count("input_tokens")?,
        output_tokens: columns.count("output_tokens")?,
    })
}

/// Posts a loss. True when it was posted now, false when this call's had been; other figures for the same call are a
/// conflict. The organization's credits are not touched.
pub async fn crash_loss_post(db: &Db, scope: &OrgScope, loss: &CrashLoss) -> Result<bool, StoreError> {
    if loss.amount.is_negative() {
        return Err(StoreError::Invalid { what: "a loss must not be below zero" });
    }
    let request = loss.request.to_string();
    let mut tx = db.begin_write().await?;
    let before = sqlx::query("SELECT organization_id, amount FROM crash_loss WHERE request_id = $1")
        .bind(&*request)
        .fetch_optional(&mut *tx)
        .await
        .act("look for a loss")?;
    if let Some(row) = before {
        let same =
            Columns(&row).text("organization_id")? == scope.organization().to_string() && Columns(&row).money("amount")? == loss.amount;
        return if same { Ok(false) } else { Err(StoreError::Conflict { what: "crash loss" }) };
    }
    sqlx::query(
        "INSERT INTO crash_loss (request_id, organization_id, amount, input_tokens, output_tokens, at_us) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(&*request)
    .bind(scope.organization().to_string())
    .bind(loss.amount.0)
    .bind(stored(loss.input_tokens))
    .bind(stored(loss.output_tokens))
    .bind(loss.now.0)
    .execute(&mut *tx)
    .await
    .act_unique("write a loss", "crash loss")?;
    if loss.amount > NanoUsd::ZERO {
        let id = format!("crash_loss:{request}");
        let transfer = NewTransfer {
            id: &id,
            debit: Account::CrashLoss,
            credit: Account::ProviderCost,
            amount: loss.amount,
            kind: TransferKind::CrashLoss,
            organization: scope.organization(),
            lease: None,
            reason: "",
            author: "",
            now: loss.now,
        };
        transfer_post(&mut tx, &transfer).await?;
    }
    commit(tx, "post a loss", Trail::Bookkeeping).await?;
    Ok(true)
}
