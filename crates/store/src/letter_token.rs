//! Tokens that letters bring to a person's mailbox. Each works once and for a while; only its SHA-256 is stored.

use domain::ids::MailId;
use domain::{OrganizationId, UnixMicros, UserId};
use serde_json::{Value, json};
use sqlx::any::AnyRow;

use crate::audit::{Author, NewAudit, Trail};
use crate::db::{Db, Tx, commit};
use crate::error::{Act, StoreError};
use crate::mail::{NewMail, mail_blank, mail_insert};
use crate::pending_log_in::pending_log_ins_end;
use crate::person::person_home;
use crate::row::Columns;
use crate::words::{AuditAction, SubjectKind, TokenPurpose};

const TOKEN: StoreError = StoreError::NotFound { what: "token" };

/// A token about to be stored, with its letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLetterToken {
    /// SHA-256 of the token.
    pub hash: [u8; 32],
    /// Who gets the letter.
    pub person: UserId,
    /// What it does.
    pub purpose: TokenPurpose,
    /// From when on it does nothing.
    pub expires_at: UnixMicros,
    /// The letter.
    pub mail: NewMail,
}

/// Stores a token and queues its letter. Older tokens of the same person and purpose end. A person who is disabled gets none:
/// not found.
pub async fn letter_token_create(db: &Db, new: &NewLetterToken) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    let open: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM person WHERE id = $1 AND disabled_at_us IS NULL")
        .bind(new.person.to_string())
        .fetch_one(&mut *tx)
        .await
        .act("look for a person")?;
    if open == 0 {
        return Err(StoreError::NotFound { what: "person" });
    }
    letter_tokens_end(&mut tx, new.person, Some(new.purpose)).await?;
    sqlx::query(
        "INSERT INTO letter_token (hash, person_id, purpose, mail_id, created_at_us, expires_at_us) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(new.hash.to_vec())
    .bind(new.person.to_string())
    .bind(new.purpose.as_str())
    .bind(new.mail.id.to_string())
    .bind(new.mail.created_at.0)
    .bind(new.expires_at.0)
    .execute(&mut *tx)
    .await
    .act_unique("write a token", "token")?;
    mail_insert(&mut tx, &new.mail).await?;
    commit(tx, "send a token", Trail::Bookkeeping).await
}

/// Whom a token is for, while it works.
pub async fn letter_token_person(db: &Db, hash: &[u8; 32], purpose: TokenPurpose, now: UnixMicros) -> Result<Option<UserId>, StoreError> {
    let row = sqlx::query(
        "SELECT t.person_id FROM letter_token t JOIN person p ON p.id = t.person_id \
         WHERE t.hash = $1 AND t.purpose = $2 AND t.expires_at_us > $3 AND p.disabled_at_us IS NULL",
    )
    .bind(hash.to_vec())
    .bind(purpose.as_str())
    .bind(now.0)
    .fetch_optional(db.read())
    .await
    .act("read a token")?;
    row.as_ref().map(|row| Columns(row).id("person_id")).transpose()
}

/// Uses a token that proves an address. The person's other tokens of that purpose end with it.
pub async fn email_verify(db: &Db, hash: &[u8; 32], author: &Author) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    let person = token_take(&mut tx, hash, TokenPurpose::VerifyEmail, author.at).await?;
    email_verified(&mut tx, person, author.at).await?;
    let audit = person_audit(&mut tx, person, AuditAction::EmailVerified, Value::Null).await?;
    commit(tx, "verify an address", trail(author, audit.as_ref())).await
}

/// Uses a token that gives a person another password. All of their sessions end, and so do all tokens of their letters; the
/// address counts as proven.
pub async fn password_reset(db: &Db, hash: &[u8; 32], password_hash: &str, author: &Author) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    let person = token_take(&mut tx, hash, TokenPurpose::ResetPassword, author.at).await?;
    sqlx::query("UPDATE person SET password_hash = $2 WHERE id = $1")
        .bind(person.to_string())
        .bind(password_hash)
        .execute(&mut *tx)
        .await
        .act("change a password")?;
    // Whoever made the account may have been somebody else, who must not come in any more.
    sqlx::query("DELETE FROM identity WHERE person_id IN (SELECT id FROM person WHERE id = $1 AND email_verified_at_us IS NULL)")
        .bind(person.to_string())
        .execute(&mut *tx)
        .await
        .act("forget who came in before the address was proven")?;
    email_verified(&mut tx, person, author.at).await?;
    letter_tokens_end(&mut tx, person, None).await?;
    pending_log_ins_end(&mut tx, person).await?;
    let ended =
        sqlx::query("DELETE FROM session WHERE person_id = $1").bind(person.to_string()).execute(&mut *tx).await.act("end all sessions")?;
    let after = json!({ "sessions_ended": ended.rows_affected() });
    let audit = person_audit(&mut tx, person, AuditAction::PasswordReset, after).await?;
    commit(tx, "reset a password", trail(author, audit.as_ref())).await
}

/// A person of no organization has no log to write to.
pub(crate) const fn trail<'a>(author: &'a Author, audit: Option<&'a NewAudit>) -> Trail<'a> {
    match audit {
        Some(new) => Trail::Audit(author, new),
        None => Trail::Bookkeeping,
    }
}

/// A line about a person, for the organization that they have belonged to longest.
pub(crate) async fn person_audit(tx: &mut Tx, person: UserId, action: AuditAction, after: Value) -> Result<Option<NewAudit>, StoreError> {
    let home: Option<OrganizationId> = person_home(tx, person).await?;
    let subject = (SubjectKind::Person, person.to_string());
    Ok(home.map(|organization| NewAudit { organization, action, subject, before: Value::Null, after }))
}

/// Notes that somebody gets an address's mail; the first time counts.
pub(crate) async fn email_verified(tx: &mut Tx, person: UserId, at: UnixMicros) -> Result<(), StoreError> {
    sqlx::query("UPDATE person SET email_verified_at_us = $2 WHERE id = $1 AND email_verified_at_us IS NULL")
        .bind(person.to_string())
        .bind(at.0)
        .execute(&mut **tx)
        .await
        .act("note a proven address")?;
    letter_tokens_end(tx, person, Some(TokenPurpose::VerifyEmail)).await
}

/// Ends a person's tokens, of one purpose or all, and blanks their letters.
pub(crate) async fn letter_tokens_end(tx: &mut Tx, person: UserId, purpose: Option<TokenPurpose>) -> Result<(), StoreError> {
    let purpose = purpose.map(|purpose| purpose.as_str().to_owned()).unwrap_or_default();
    let rows = sqlx::query("SELECT mail_id FROM letter_token WHERE person_id = $1 AND ($2 = '' OR purpose = $2)")
        .bind(person.to_string())
        .bind(purpose.clone())
        .fetch_all(&mut **tx)
        .await
        .act("read a person's tokens")?;
    mails_blank(tx, &rows).await?;
    sqlx::query("DELETE FROM letter_token WHERE person_id = $1 AND ($2 = '' OR purpose = $2)")
        .bind(person.to_string())
        .bind(purpose)
        .execute(&mut **tx)
        .await
        .act("end a person's tokens")?;
    Ok(())
}

/// Blanks the letters that rows name in `mail_id`.
pub(crate) async fn mails_blank(tx: &mut Tx, rows: &[AnyRow]) -> Result<(), StoreError> {
    for row in rows {
        if let Some(mail) = Columns(row).id_opt::<MailId>("mail_id")? {
            mail_blank(tx, mail).await?;
        }
    }
    Ok(())
}

/// A token works once: taking it is finding it.
async fn token_take(tx: &mut Tx, hash: &[u8; 32], purpose: TokenPurpose, now: UnixMicros) -> Result<UserId, StoreError> {
    let rows = sqlx::query(
        "SELECT t.person_id, t.mail_id FROM letter_token t JOIN person p ON p.id = t.person_id \
         WHERE t.hash = $1 AND t.purpose = $2 AND t.expires_at_us > $3 AND p.disabled_at_us IS NULL",
    )
    .bind(hash.to_vec())
    .bind(purpose.as_str())
    .bind(now.0)
    .fetch_all(&mut **tx)
    .await
    .act("read a token")?;
    let person = Columns(rows.first().ok_or(TOKEN)?).id("person_id")?;
    mails_blank(tx, &rows).await?;
    sqlx::query("DELETE FROM letter_token WHERE hash = $1").bind(hash.to_vec()).execute(&mut **tx).await.act("use a token")?;
    Ok(person)
}
