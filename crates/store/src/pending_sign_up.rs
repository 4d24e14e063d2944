//! Accounts that wait for the token of their letter: nothing else of them exists until it comes back.

use domain::UnixMicros;
use sqlx::any::AnyRow;

use crate::audit::Trail;
use crate::db::{Db, Tx, commit};
use crate::error::{Act, StoreError};
use crate::letter_token::mails_blank;
use crate::mail::{NewMail, mail_insert};
use crate::person::email_stored;
use crate::row::Columns;

/// Limit: accounts that wait at once for the same address; the oldest makes room.
const SAME_ADDRESS_MAX: i64 = 3;

/// An account that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingSignUpRow {
    /// In lower case.
    pub email: String,
    /// For display.
    pub name: String,
    /// As the caller's password hashing spells it.
    pub password_hash: String,
    /// From when on it waits no more.
    pub expires_at: UnixMicros,
}

/// Stores an account that waits, and queues its letter.
pub async fn pending_sign_up_create(db: &Db, hash: &[u8; 32], new: &PendingSignUpRow, mail: &NewMail) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    let email = email_stored(&new.email);
    let surplus = sqlx::query("SELECT hash, mail_id FROM pending_sign_up WHERE email = $1 ORDER BY created_at_us DESC, hash LIMIT 100")
        .bind(email.clone())
        .fetch_all(&mut *tx)
        .await
        .act("read accounts that wait")?;
    let kept = usize::try_from(SAME_ADDRESS_MAX - 1).unwrap_or_default();
    let surplus = surplus.get(kept..).unwrap_or_default();
    mails_blank(&mut tx, surplus).await?;
    for row in surplus {
        let hash = Columns(row).bytes("hash")?;
        sqlx::query("DELETE FROM pending_sign_up WHERE hash = $1").bind(hash).execute(&mut *tx).await.act("forget an account")?;
    }
    sqlx::query(
        "INSERT INTO pending_sign_up (hash, email, name, password_hash, mail_id, created_at_us, expires_at_us) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(hash.to_vec())
    .bind(email)
    .bind(&*new.name)
    .bind(&*new.password_hash)
    .bind(mail.id.to_string())
    .bind(mail.created_at.0)
    .bind(new.expires_at.0)
    .execute(&mut *tx)
    .await
    .act_unique("write an account that waits", "token")?;
    mail_insert(&mut tx, mail).await?;
    commit(tx, "let an account wait", Trail::Bookkeeping).await
}

/// Queues a letter that tells of nothing stored: to somebody who has an account and asked for one.
pub async fn mail_send(db: &Db, mail: &NewMail) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    mail_insert(&mut tx, mail).await?;
    commit(tx, "send a letter", Trail::Bookkeeping).await
}

/// The account that waits for a token with this SHA-256.
pub async fn pending_sign_up_get(db: &Db, hash: &[u8; 32], now: UnixMicros) -> Result<Option<PendingSignUpRow>, StoreError> {
    let row = sqlx::query("SELECT email, name, password_hash, expires_at_us FROM pending_sign_up WHERE hash = $1 AND expires_at_us > $2")
        .bind(hash.to_vec())
        .bind(now.0)
        .fetch_optional(db.read())
        .await
        .act("read an account that waits")?;
    row.as_ref().map(pending_row).transpose()
}

/// Ends all that waits for an address, because one of them became an account; the used token must be among them.
pub(crate) async fn pending_sign_ups_end(tx: &mut Tx, hash: &[u8; 32], email: &str, now: UnixMicros) -> Result<(), StoreError> {
    let rows = sqlx::query("SELECT hash, mail_id, expires_at_us FROM pending_sign_up WHERE email = $1")
        .bind(email_stored(email))
        .fetch_all(&mut **tx)
        .await
        .act("read accounts that wait")?;
    let mut found = false;
    for row in &rows {
        let columns = Columns(row);
        found |= columns.bytes("hash")? == hash.as_slice() && columns.time("expires_at_us")? > now;
    }
    if !found {
        return Err(StoreError::NotFound { what: "token" });
    }
    mails_blank(tx, &rows).await?;
    sqlx::query("DELETE FROM pending_sign_up WHERE email = $1").bind(email_stored(email)).execute(&mut **tx).await.act("end what waits")?;
    Ok(())
}

fn pending_row(row: &AnyRow) -> Result<PendingSignUpRow, StoreError> {
    let columns = Columns(row);
    Ok(PendingSignUpRow {
        email: columns.text("email")?,
        name: columns.text("name")?,
        password_hash: columns.text("password_hash")?,
        expires_at: columns.time("expires_at_us")?,
    })
}
