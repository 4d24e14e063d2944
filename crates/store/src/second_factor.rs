//! Second things that prove a person: codes of an authenticator app, each accepted once, and recovery codes, each used once.

use domain::{OrganizationId, SessionId, UnixMicros, UserId};
use serde_json::json;
use sqlx::any::AnyRow;

use crate::audit::{Author, NewAudit, Trail};
use crate::db::{Db, Tx, commit};
use crate::error::{Act, StoreError};
use crate::row::{Columns, stored};
use crate::session::{session_audit, session_organization};
use crate::words::{AuditAction, SubjectKind};

/// What an authenticator app and the instance share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TotpRow {
    /// The secret, sealed under a master key of the instance.
    pub sealed: Vec<u8>,
    /// Since when it is asked for; `None`: its first code did not come yet.
    pub confirmed_at: Option<UnixMicros>,
    /// Codes of this step and of those before it are used up.
    pub last_step: u64,
}

/// What is used up to prove a person. It proves nobody twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactorUse {
    /// The app's code of a step.
    Totp {
        /// Of 30 seconds since 1970.
        step: u64,
    },
    /// A recovery code.
    RecoveryCode {
        /// As it is stored.
        hash: [u8; 32],
    },
}

/// Stores a secret that waits for its first code, instead of one that waits still. Where one is asked for already: a conflict.
pub async fn totp_create(db: &Db, person: UserId, sealed: &[u8], now: UnixMicros) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    sqlx::query("DELETE FROM totp WHERE person_id = $1 AND confirmed_at_us IS NULL")
        .bind(person.to_string())
        .execute(&mut *tx)
        .await
        .act("forget a secret that waits")?;
    sqlx::query("INSERT INTO totp (person_id, sealed, last_step, created_at_us) VALUES ($1, $2, 0, $3)")
        .bind(person.to_string())
        .bind(sealed.to_vec())
        .bind(now.0)
        .execute(&mut *tx)
        .await
        .act_unique("write an authenticator's secret", "authenticator app")?;
    commit(tx, "set up an authenticator app", Trail::Bookkeeping).await
}

/// What a person's app and the instance share, if there is an app.
pub async fn totp_get(db: &Db, person: UserId) -> Result<Option<TotpRow>, StoreError> {
    let row = sqlx::query("SELECT sealed, confirmed_at_us, last_step FROM totp WHERE person_id = $1")
        .bind(person.to_string())
        .fetch_optional(db.read())
        .await
        .act("read an authenticator's secret")?;
    row.as_ref().map(totp_row).transpose()
}

/// Secrets of apps in the order of their people, after one of these.
pub async fn totps_sealed(db: &Db, after: Option<UserId>, limit: u32) -> Result<Vec<(UserId, Vec<u8>)>, StoreError> {
    let rows = sqlx::query("SELECT person_id, sealed FROM totp WHERE person_id > $1 ORDER BY person_id LIMIT $2")
        .bind(after.map(|person| person.to_string()).unwrap_or_default())
        .bind(i64::from(limit))
        .fetch_all(db.read())
        .await
        .act("read sealed secrets of authenticators")?;
    rows.iter().map(|row| Ok((Columns(row).id("person_id")?, Columns(row).bytes("sealed")?))).collect()
}

/// Replaces a secret by the same one under another master key, while it is what it was. Whether it was.
pub async fn totp_resealed(db: &Db, person: UserId, was: &[u8], sealed: &[u8]) -> Result<bool, StoreError> {
    let mut tx = db.begin_write().await?;
    let done = sqlx::query("UPDATE totp SET sealed = $3 WHERE person_id = $1 AND sealed = $2")
        .bind(person.to_string())
        .bind(was.to_vec())
        .bind(sealed.to_vec())
        .execute(&mut *tx)
        .await
        .act("write an authenticator's secret that was sealed anew")?;
    commit(tx, "seal an authenticator's secret anew", Trail::Bookkeeping).await?;
    Ok(done.rows_affected() == 1)
}

/// How many recovery codes a person has left.
pub async fn recovery_codes_count(db: &Db, person: UserId) -> Result<u64, StoreError> {
    let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM recovery_code WHERE person_id = $1")
        .bind(person.to_string())
        .fetch_one(db.read())
        .await
        .act("count recovery codes")?;
    Ok(count.unsigned_abs())
}

/// Whether a recovery code is one that a person has left.
pub async fn recovery_code_is(db: &Db, person: UserId, hash: &[u8; 32]) -> Result<bool, StoreError> {
    let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM recovery_code WHERE person_id = $1 AND hash = $2")
        .bind(person.to_string())
        .bind(hash.to_vec())
        .fetch_one(db.read())
        .await
        .act("look for a recovery code")?;
    Ok(count > 0)
}

/// The app's first code came: from now on it is asked for. The person's other sessions, which began without one, end.
pub async fn totp_confirm(
    db: &Db,
    person: UserId,
    keep: SessionId,
    step: u64,
    codes: &[[u8; 32]],
    author: &Author,
) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    let organization = session_organization(&mut tx, person, keep).await?;
    let done = sqlx::query("UPDATE totp SET confirmed_at_us = $2, last_step = $3 WHERE person_id = $1 AND confirmed_at_us IS NULL")
        .bind(person.to_string())
        .bind(author.at.0)
        .bind(stored(step))
        .execute(&mut *tx)
        .await
        .act("confirm an authenticator app")?;
    if done.rows_affected() == 0 {
        return Err(StoreError::NotFound { what: "authenticator app" });
    }
    recovery_codes_write(&mut tx, person, codes).await?;
    let ended = sqlx::query("DELETE FROM session WHERE person_id = $1 AND id <> $2")
        .bind(person.to_string())
        .bind(keep.to_string())
        .execute(&mut *tx)
        .await
        .act("end the other sessions")?;
    let after = json!({ "sessions_ended": ended.rows_affected() });
    let new = session_audit(organization, AuditAction::SecondFactorAdded, (SubjectKind::Person, person.to_string()), after);
    commit(tx, "confirm an authenticator app", Trail::Audit(author, &new)).await
}

/// Other recovery codes instead of all that are left. Takes a code.
pub async fn recovery_codes_replace(
    db: &Db,
    person: UserId,
    session: SessionId,
    used: FactorUse,
    codes: &[[u8; 32]],
    author: &Author,
) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    let organization = session_organization(&mut tx, person, session).await?;
    factor_use(&mut tx, person, used).await?;
    recovery_codes_write(&mut tx, person, codes).await?;
    let subject = (SubjectKind::Person, person.to_string());
    let new = session_audit(organization, AuditAction::RecoveryCodesRenewed, subject, serde_json::Value::Null);
    commit(tx, "replace recovery codes", Trail::Audit(author, &new)).await
}

/// A person's second factor is asked for no more. Takes a code.
pub async fn totp_remove(db: &Db, person: UserId, session: SessionId, used: FactorUse, author: &Author) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    let organization = session_organization(&mut tx, person, session).await?;
    factor_use(&mut tx, person, used).await?;
    factors_delete(&mut tx, person).await?;
    let subject = (SubjectKind::Person, person.to_string());
    let new = session_audit(organization, AuditAction::SecondFactorRemoved, subject, serde_json::Value::Null);
    commit(tx, "remove a second factor", Trail::Audit(author, &new)).await
}

/// An operator takes a person's second factor away, for somebody who lost everything. The line belongs to the log of the operator's
/// organization.
pub async fn second_factor_remove(db: &Db, person: UserId, organization: OrganizationId, author: &Author) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    let there: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM person WHERE id = $1 AND deleted_at_us IS NULL")
        .bind(person.to_string())
        .fetch_one(&mut *tx)
        .await
        .act("look for a person")?;
    if there == 0 {
        return Err(StoreError::NotFound { what: "person" });
    }
    if !factors_delete(&mut tx, person).await? {
        return Ok(());
    }
    let (action, subject) = (AuditAction::SecondFactorRemoved, (SubjectKind::Person, person.to_string()));
    let (before, after) = (json!({ "second_factor": true }), json!({ "second_factor": false }));
    let new = NewAudit { organization, action, subject, before, after };
    commit(tx, "take a second factor away", Trail::Audit(author, &new)).await
}

/// Uses up what proves a person; not found: it was used already, or is none of theirs.
pub(crate) async fn factor_use(tx: &mut Tx, person: UserId, used: FactorUse) -> Result<(), StoreError> {
    let query = match used {
        FactorUse::Totp { step } => {
            sqlx::query("UPDATE totp SET last_step = $2 WHERE person_id = $1 AND last_step < $2 AND confirmed_at_us IS NOT NULL")
                .bind(person.to_string())
                .bind(stored(step))
        }
        FactorUse::RecoveryCode { hash } => {
            sqlx::query("DELETE FROM recovery_code WHERE person_id = $1 AND hash = $2").bind(person.to_string()).bind(hash.to_vec())
        }
    };
    let done = query.execute(&mut **tx).await.act("use a code")?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound { what: "code" }) } else { Ok(()) }
}

async fn recovery_codes_write(tx: &mut Tx, person: UserId, codes: &[[u8; 32]]) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM recovery_code WHERE person_id = $1")
        .bind(person.to_string())
        .execute(&mut **tx)
        .await
        .act("forget recovery codes")?;
    for hash in codes {
        sqlx::query("INSERT INTO recovery_code (person_id, hash) VALUES ($1, $2)")
            .bind(person.to_string())
            .bind(hash.to_vec())
            .execute(&mut **tx)
            .await
            .act("write a recovery code")?;
    }
    Ok(())
}

/// Whether there was one.
async fn factors_delete(tx: &mut Tx, person: UserId) -> Result<bool, StoreError> {
    let id = person.to_string();
    sqlx::query("DELETE FROM recovery_code WHERE person_id = $1").bind(id.clone()).execute(&mut **tx).await.act("forget recovery codes")?;
    let gone = sqlx::query("DELETE FROM totp WHERE person_id = $1").bind(id).execute(&mut **tx).await.act("forget a secret")?;
    Ok(gone.rows_affected() > 0)
}

fn totp_row(row: &AnyRow) -> Result<TotpRow, StoreError> {
    let columns = Columns(row);
    Ok(TotpRow {
        sealed: columns.bytes("sealed")?,
        confirmed_at: columns.time_opt("confirmed_at_us")?,
        last_step: columns.count("last_step")?,
    })
}
