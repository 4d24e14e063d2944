//! Answers to requests with an `Idempotency-Key`, sealed.

use domain::{OrgScope, UnixMicros};
use sqlx::any::AnyRow;

use crate::audit::Trail;
use crate::db::{Db, commit};
use crate::error::{Act, StoreError};
use crate::row::Columns;

/// Limit: kept answers of one organization; the oldest make room.
const KEPT_MAX: i64 = 10_000;

/// Which request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// `user_…` or `mkey_…`.
    pub caller: String,
    /// SHA-256 of the key.
    pub hash: [u8; 32],
}

/// A request that begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewIdempotency {
    /// Which.
    pub key: IdempotencyKey,
    /// Its hash, sealed.
    pub request: Vec<u8>,
    /// With which data key.
    pub key_version: u32,
    /// When.
    pub now: UnixMicros,
    /// Requests that began before this are forgotten.
    pub kept_from: UnixMicros,
}

/// A request that began before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyRow {
    /// Its hash, sealed.
    pub request: Vec<u8>,
    /// What was answered, sealed; `None`: nothing (yet).
    pub answer: Option<Vec<u8>>,
    /// With which data key.
    pub key_version: u32,
    /// When it began.
    pub created_at: UnixMicros,
}

/// Notes that a request begins. `None`: it is the first with its key; else what became of that one.
pub async fn idempotency_begin(db: &Db, scope: &OrgScope, new: &NewIdempotency) -> Result<Option<IdempotencyRow>, StoreError> {
    let mut tx = db.begin_write().await?;
    let organization = scope.organization().to_string();
    sqlx::query(
        "DELETE FROM idempotency WHERE organization_id = $1 AND (created_at_us < $2 OR created_at_us <= (SELECT created_at_us \
         FROM idempotency WHERE organization_id = $1 ORDER BY created_at_us DESC LIMIT 1 OFFSET $3))",
    )
    .bind(organization.clone())
    .bind(new.kept_from.0)
    .bind(KEPT_MAX - 1)
    .execute(&mut *tx)
    .await
    .act("forget old answers")?;
    let row = sqlx::query(
        "SELECT request, answer, key_version, created_at_us FROM idempotency WHERE organization_id = $1 AND caller = $2 AND key_hash = $3",
    )
    .bind(organization.clone())
    .bind(&*new.key.caller)
    .bind(new.key.hash.to_vec())
    .fetch_optional(&mut *tx)
    .await
    .act("look for a kept answer")?;
    if let Some(row) = row {
        return idempotency_row(&row).map(Some);
    }
    sqlx::query(
        "INSERT INTO idempotency (organization_id, caller, key_hash, key_version, request, created_at_us) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(organization)
    .bind(&*new.key.caller)
    .bind(new.key.hash.to_vec())
    .bind(i64::from(new.key_version))
    .bind(new.request.clone())
    .bind(new.now.0)
    .execute(&mut *tx)
    .await
    .act_unique("note a request", "data key")?;
    commit(tx, "note a request", Trail::Bookkeeping).await?;
    Ok(None)
}

/// Keeps what was answered.
pub async fn idempotency_answer(db: &Db, scope: &OrgScope, key: &IdempotencyKey, answer: &[u8]) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    sqlx::query("UPDATE idempotency SET answer = $4 WHERE organization_id = $1 AND caller = $2 AND key_hash = $3")
        .bind(scope.organization().to_string())
        .bind(&*key.caller)
        .bind(key.hash.to_vec())
        .bind(answer.to_vec())
        .execute(&mut *tx)
        .await
        .act("keep an answer")?;
    commit(tx, "keep an answer", Trail::Bookkeeping).await
}

/// Forgets a request that was refused: the next one with its key begins anew.
pub async fn idempotency_forget(db: &Db, scope: &OrgScope, key: &IdempotencyKey) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    sqlx::query("DELETE FROM idempotency WHERE organization_id = $1 AND caller = $2 AND key_hash = $3")
        .bind(scope.organization().to_string())
        .bind(&*key.caller)
        .bind(key.hash.to_vec())
        .execute(&mut *tx)
        .await
        .act("forget a request")?;
    commit(tx, "forget a request", Trail::Bookkeeping).await
}

fn idempotency_row(row: &AnyRow) -> Result<IdempotencyRow, StoreError> {
    let columns = Columns(row);
    Ok(IdempotencyRow {
        request: columns.bytes("request")?,
        answer: columns.bytes_opt("answer")?,
        key_version: columns.small("key_version")?,
        created_at: columns.time("created_at_us")?,
    })
}
