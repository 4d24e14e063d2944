//! How provider keys do, as calls find out, and what their calls cost. Gateways write and ask in batches, off the path of calls.

use domain::{NanoUsd, OrgScope, OrganizationId, ProviderKeyId, UnixMicros};

use crate::audit::Trail;
use crate::db::{Db, Tx, commit};
use crate::error::{Act, StoreError};
use crate::row::Columns;

/// What calls met with one key since the last batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderKeyUse {
    /// Whose.
    pub organization: OrganizationId,
    /// Which.
    pub id: ProviderKeyId,
    /// The last call.
    pub used_at: UnixMicros,
    /// How it did.
    pub outcome: KeyOutcome,
}

/// How a key did in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyOutcome {
    /// The provider answered.
    Well,
    /// The provider found fault with the request, which says nothing of the key.
    Neutral,
    /// The key or its provider failed.
    Failed {
        /// One of our codes.
        code: &'static str,
        /// Until when calls leave it alone.
        cooling_until: Option<UnixMicros>,
    },
}

/// Notes a batch in one transaction. A key that was replaced or deleted in between keeps what it has: `used_at` before its
/// last change says nothing of it.
pub async fn provider_keys_used(db: &Db, uses: &[ProviderKeyUse]) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    for key in uses {
        let (error, cooling_until) = match key.outcome {
            KeyOutcome::Failed { code, cooling_until } => (Some(code), cooling_until),
            KeyOutcome::Well | KeyOutcome::Neutral => (None, None),
        };
        sqlx::query(
            "UPDATE provider_key SET last_used_at_us = $3, last_error = CASE WHEN $4 = 1 THEN last_error ELSE $5 END, \
             last_error_at_us = CASE WHEN $4 = 1 THEN last_error_at_us WHEN $5 IS NULL THEN NULL ELSE $3 END, \
             cooling_until_us = CASE WHEN $4 = 1 THEN cooling_until_us ELSE $6 END \
             WHERE organization_id = $1 AND id = $2 AND updated_at_us <= $3",
        )
        .bind(key.organization.to_string())
        .bind(key.id.to_string())
        .bind(key.used_at.0)
        .bind(i64::from(key.outcome == KeyOutcome::Neutral))
        .bind(error)
        .bind(cooling_until.map(|at| at.0))
        .execute(&mut *tx)
        .await
        .act("note the use of a provider key")?;
    }
    commit(tx, "note the use of provider keys", Trail::Bookkeeping).await
}

/// What one key's calls cost this month and ever, as far as they are posted.
pub async fn provider_key_spent(db: &Db, scope: &OrgScope, id: ProviderKeyId, now: UnixMicros) -> Result<(NanoUsd, NanoUsd), StoreError> {
    let row = sqlx::query(
        "SELECT CAST(COALESCE(SUM(CASE WHEN month = $3 THEN cost ELSE 0 END), 0) AS BIGINT) AS spent_month, \
         CAST(COALESCE(SUM(cost), 0) AS BIGINT) AS spent_total \
         FROM provider_key_spend WHERE organization_id = $1 AND provider_key_id = $2",
    )
    .bind(scope.organization().to_string())
    .bind(id.to_string())
    .bind(now.month_utc())
    .fetch_one(db.read())
    .await
    .act("read what a provider key spent")?;
    let columns = Columns(&row);
    Ok((columns.money("spent_month")?, columns.money("spent_total")?))
}

/// Adds posted calls to what a key spent in a month.
pub(crate) async fn provider_key_spend_add(
    tx: &mut Tx,
    organization: OrganizationId,
    id: ProviderKeyId,
    month: i64,
    calls: i64,
    cost: NanoUsd,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO provider_key_spend (organization_id, provider_key_id, month, calls, cost) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (organization_id, provider_key_id, month) DO UPDATE SET calls = provider_key_spend.calls + excluded.calls, \
         cost = provider_key_spend.cost + excluded.cost",
    )
    .bind(organization.to_string())
    .bind(id.to_string())
    .bind(month)
    .bind(calls)
    .bind(cost.0)
    .execute(&mut **tx)
    .await
    .act("add to what a provider key spent")?;
    Ok(())
}
