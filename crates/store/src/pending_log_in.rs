//! Log-ins that owe their second factor: the first thing proved the person, and a token waits for the second.

use domain::{UnixMicros, UserId};

use crate::audit::Trail;
use crate::db::{Db, Tx, commit};
use crate::error::{Act, StoreError};
use crate::row::Columns;
use crate::second_factor::{FactorUse, factor_use};
use crate::words::SessionProof;

/// Limit: log-ins of one person that wait at once; the oldest makes room.
const WAITING_MAX: i64 = 100;

/// A log-in that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PendingLogInRow {
    /// Who.
    pub person: UserId,
    /// What proved them so far.
    pub proof: SessionProof,
}

/// Stores a log-in that waits until a time, by the SHA-256 of its token.
pub async fn pending_log_in_create(
    db: &Db,
    hash: &[u8; 32],
    new: PendingLogInRow,
    now: UnixMicros,
    expires_at: UnixMicros,
) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    sqlx::query("DELETE FROM pending_log_in WHERE expires_at_us <= $1")
        .bind(now.0)
        .execute(&mut *tx)
        .await
        .act("forget log-ins that waited too long")?;
    sqlx::query(
        "DELETE FROM pending_log_in WHERE person_id = $1 AND hash NOT IN \
         (SELECT hash FROM pending_log_in WHERE person_id = $1 ORDER BY created_at_us DESC, hash LIMIT $2)",
    )
    .bind(new.person.to_string())
    .bind(WAITING_MAX - 1)
    .execute(&mut *tx)
    .await
    .act("forget surplus log-ins that wait")?;
    sqlx::query("INSERT INTO pending_log_in (hash, person_id, proof, created_at_us, expires_at_us) VALUES ($1, $2, $3, $4, $5)")
        .bind(hash.to_vec())
        .bind(new.person.to_string())
        .bind(new.proof.as_str())
        .bind(now.0)
        .bind(expires_at.0)
        .execute(&mut *tx)
        .await
        .act_unique("write a log-in that waits", "person")?;
    commit(tx, "let a log-in wait", Trail::Bookkeeping).await
}

/// The log-in that waits for a token with this SHA-256; none of somebody who is switched off.
pub async fn pending_log_in_get(db: &Db, hash: &[u8; 32], now: UnixMicros) -> Result<Option<PendingLogInRow>, StoreError> {
    let row = sqlx::query(
        "SELECT l.person_id, l.proof FROM pending_log_in l JOIN person p ON p.id = l.person_id \
         WHERE l.hash = $1 AND l.expires_at_us > $2 AND p.disabled_at_us IS NULL",
    )
    .bind(hash.to_vec())
    .bind(now.0)
    .fetch_optional(db.read())
    .await
    .act("read a log-in that waits")?;
    let Some(row) = row else { return Ok(None) };
    let columns = Columns(&row);
    Ok(Some(PendingLogInRow { person: columns.id("person_id")?, proof: columns.word("proof", SessionProof::parse)? }))
}

/// The second factor came: the log-in waits no more, and what proved the person is used up. Not found: one of both was gone.
pub async fn pending_log_in_take(db: &Db, hash: &[u8; 32], person: UserId, used: FactorUse) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    let done = sqlx::query("DELETE FROM pending_log_in WHERE hash = $1 AND person_id = $2")
        .bind(hash.to_vec())
        .bind(person.to_string())
        .execute(&mut *tx)
        .await
        .act("take a log-in that waits")?;
    if done.rows_affected() == 0 {
        return Err(StoreError::NotFound { what: "log-in" });
    }
    factor_use(&mut tx, person, used).await?;
    commit(tx, "use a second factor", Trail::Bookkeeping).await
}

/// With another password, those whom the old one proved begin again.
pub(crate) async fn pending_log_ins_end(tx: &mut Tx, person: UserId) -> Result<(), StoreError> {
    let sql = "DELETE FROM pending_log_in WHERE person_id = $1";
    sqlx::query(sql).bind(person.to_string()).execute(&mut **tx).await.act("end log-ins that wait").map(drop)
}
