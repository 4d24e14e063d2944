//! Letters: written in the transaction of what they tell of, taken away later by a mail server or into the outbox folder. The
//! secret of a letter (the token that opens something) is stored beside its text, so that it can be blanked when it opens
//! nothing any more.

use domain::UnixMicros;
use domain::ids::MailId;
use sqlx::any::AnyRow;

use crate::audit::Trail;
use crate::db::{Db, Tx, commit};
use crate::error::{Act, StoreError};
use crate::row::Columns;
use crate::words::MailStatus;

/// Limit: letters that are kept when they need nothing any more; the oldest makes room.
const ENDED_MAX: i64 = 1_000;
/// Limit: letters that wait at once.
const WAITING_MAX: i64 = 10_000;
/// Limit: bytes of an error that is kept.
const ERROR_BYTES_MAX: usize = 500;

/// Stands in a body where the secret belongs. Names and addresses hold no control characters, so that nobody brings one.
pub const SECRET_MARK: char = '\u{1a}';

/// A letter about to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMail {
    /// Its id.
    pub id: MailId,
    /// To whom.
    pub recipient: String,
    /// What about.
    pub subject: String,
    /// Plain text, with [`SECRET_MARK`] for the secret.
    pub body: String,
    /// What opens something, and from when on it does not.
    pub secret: Option<(String, UnixMicros)>,
    /// When it was written.
    pub created_at: UnixMicros,
}

/// A stored letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailRow {
    /// Its id.
    pub id: MailId,
    /// To whom.
    pub recipient: String,
    /// What about.
    pub subject: String,
    /// Plain text, with [`SECRET_MARK`] for the secret; empty once a server took the letter.
    pub body: String,
    /// What opens something; `None`: nothing (any more).
    pub secret: Option<String>,
    /// What became of it.
    pub status: MailStatus,
    /// How often it was tried to bring it away.
    pub tries: u32,
    /// When it is due, if it waits.
    pub next_at: UnixMicros,
    /// Why the last try failed.
    pub error: Option<String>,
    /// When it was written.
    pub created_at: UnixMicros,
}

impl MailRow {
    /// The text as it is read, with other words for a secret that is gone or not to be seen.
    pub fn text(&self, shown: bool) -> String {
        let secret = self.secret.as_deref();
        let instead = if secret.is_some() { "(not shown)" } else { "(used, taken back or expired)" };
        self.body.replace(SECRET_MARK, secret.filter(|_| shown).unwrap_or(instead))
    }

    /// Its secret opens nothing any more, so that nobody needs the letter.
    pub fn is_withdrawn(&self) -> bool {
        self.secret.is_none() && self.body.contains(SECRET_MARK)
    }
}

/// How a try ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailEnd {
    /// A server took it: its text is deleted.
    Sent,
    /// It lies in the outbox.
    Kept,
    /// Its secret is gone: nobody needs it.
    Withdrawn,
    /// No server will take it.
    Failed(String),
    /// It waits for another try.
    Again(UnixMicros, String),
}

/// Letters, newest first, older than one. For operators: it takes no scope because the outbox is the instance's.
pub async fn mail_list(db: &Db, before: Option<MailId>, limit: u32) -> Result<Vec<MailRow>, StoreError> {
    let rows = sqlx::query(
        "SELECT id, recipient, subject, body, secret, status, tries, next_at_us, error, created_at_us FROM mail \
         WHERE $1 = '' OR id < $1 ORDER BY id DESC LIMIT $2",
    )
    .bind(before.map(|id| id.to_string()).unwrap_or_default())
    .bind(i64::from(limit))
    .fetch_all(db.read())
    .await
    .act("read the outbox")?;
    rows.iter().map(mail_row).collect()
}

/// Letters that wait and are due, the one that is due longest first.
pub async fn mails_due(db: &Db, now: UnixMicros, limit: u32) -> Result<Vec<MailRow>, StoreError> {
    let rows = sqlx::query(
        "SELECT id, recipient, subject, body, secret, status, tries, next_at_us, error, created_at_us FROM mail \
         WHERE status = 'waiting' AND next_at_us <= $1 ORDER BY next_at_us, id LIMIT $2",
    )
    .bind(now.0)
    .bind(i64::from(limit))
    .fetch_all(db.read())
    .await
    .act("read letters that are due")?;
    rows.iter().map(mail_row).collect()
}

/// Takes a letter that was read as due, until a moment. False: another process has it, or it changed.
pub async fn mail_claim(db: &Db, mail: &MailRow, until: UnixMicros) -> Result<bool, StoreError> {
    let mut tx = db.begin_write().await?;
    let done = sqlx::query(
        "UPDATE mail SET next_at_us = $4, tries = tries + 1 WHERE id = $1 AND status = 'waiting' AND next_at_us = $2 AND tries = $3",
    )
    .bind(mail.id.to_string())
    .bind(mail.next_at.0)
    .bind(i64::from(mail.tries))
    .bind(until.0)
    .execute(&mut *tx)
    .await
    .act("take a letter")?;
    commit(tx, "take a letter", Trail::Bookkeeping).await?;
    Ok(done.rows_affected() == 1)
}

/// Notes how a try ended.
pub async fn mail_end(db: &Db, id: MailId, end: &MailEnd) -> Result<(), StoreError> {
    let (status, next_at, error) = match end {
        MailEnd::Sent => (MailStatus::Sent, 0, None),
        MailEnd::Kept => (MailStatus::Kept, 0, None),
        MailEnd::Withdrawn => (MailStatus::Withdrawn, 0, None),
        MailEnd::Failed(error) => (MailStatus::Failed, 0, Some(cut(error))),
        MailEnd::Again(at, error) => (MailStatus::Waiting, at.0, Some(cut(error))),
    };
    let mut tx = db.begin_write().await?;
    sqlx::query(
        "UPDATE mail SET status = $2, next_at_us = $3, error = $4, body = CASE WHEN $2 = 'sent' THEN '' ELSE body END, \
         secret = CASE WHEN $2 = 'sent' THEN NULL ELSE secret END WHERE id = $1",
    )
    .bind(id.to_string())
    .bind(status.as_str())
    .bind(next_at)
    .bind(error)
    .execute(&mut *tx)
    .await
    .act("note what became of a letter")?;
    commit(tx, "note what became of a letter", Trail::Bookkeeping).await
}

/// Blanks secrets that open nothing any more, and forgets tokens and sign-ups that nobody came back with in time; answers how
/// many letters were blanked.
pub async fn mail_sweep(db: &Db, now: UnixMicros) -> Result<u64, StoreError> {
    let mut tx = db.begin_write().await?;
    let blanked = sqlx::query(
        "UPDATE mail SET secret = NULL, next_at_us = 0, status = CASE WHEN status = 'kept' THEN 'waiting' ELSE status END \
         WHERE secret IS NOT NULL AND secret_ends_at_us <= $1",
    )
    .bind(now.0)
    .execute(&mut *tx)
    .await
    .act("blank letters")?;
    for sql in ["DELETE FROM letter_token WHERE expires_at_us <= $1", "DELETE FROM pending_sign_up WHERE expires_at_us <= $1"] {
        sqlx::query(sql).bind(now.0).execute(&mut *tx).await.act("forget tokens")?;
    }
    commit(tx, "blank letters", Trail::Bookkeeping).await?;
    Ok(blanked.rows_affected())
}

/// Whether the queue has room for one more letter.
pub async fn mail_has_room(db: &Db) -> Result<bool, StoreError> {
    let waiting: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM mail WHERE status = 'waiting'").fetch_one(db.read()).await.act("count letters")?;
    Ok(waiting < WAITING_MAX)
}

/// Puts a letter into the queue, in the transaction of what it tells of.
pub(crate) async fn mail_insert(tx: &mut Tx, mail: &NewMail) -> Result<(), StoreError> {
    let waiting: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM mail WHERE status = 'waiting'").fetch_one(&mut **tx).await.act("count letters")?;
    if waiting >= WAITING_MAX {
        return Err(StoreError::Invalid { what: "too many letters wait for the mail server; try again later" });
    }
    let (secret, ends_at) = mail.secret.clone().unzip();
    sqlx::query(
        "INSERT INTO mail (id, recipient, subject, body, secret, secret_ends_at_us, status, created_at_us) \
         VALUES ($1, $2, $3, $4, $5, $6, 'waiting', $7)",
    )
    .bind(mail.id.to_string())
    .bind(&*mail.recipient)
    .bind(&*mail.subject)
    .bind(&*mail.body)
    .bind(secret)
    .bind(ends_at.map(|at| at.0))
    .bind(mail.created_at.0)
    .execute(&mut **tx)
    .await
    .act_unique("write a letter", "letter")?;
    sqlx::query(
        "DELETE FROM mail WHERE status <> 'waiting' AND id NOT IN \
         (SELECT id FROM mail WHERE status <> 'waiting' ORDER BY id DESC LIMIT $1)",
    )
    .bind(ENDED_MAX)
    .execute(&mut **tx)
    .await
    .act("forget old letters")?;
    Ok(())
}

/// Blanks the secret of a letter; its file is written anew by whoever brings letters away.
pub(crate) async fn mail_blank(tx: &mut Tx, id: MailId) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE mail SET secret = NULL, next_at_us = 0, status = CASE WHEN status = 'kept' THEN 'waiting' ELSE status END \
         WHERE id = $1 AND secret IS NOT NULL",
    )
    .bind(id.to_string())
    .execute(&mut **tx)
    .await
    .act("blank a letter")?;
    Ok(())
}

fn cut(text: &str) -> String {
    let mut end = text.len().min(ERROR_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().to_owned()
}

fn mail_row(row: &AnyRow) -> Result<MailRow, StoreError> {
    let columns = Columns(row);
    Ok(MailRow {
        id: columns.id("id")?,
        recipient: columns.text("recipient")?,
        subject: columns.text("subject")?,
        body: columns.text("body")?,
        secret: columns.text_opt("secret")?,
        status: columns.word("status", MailStatus::parse)?,
        tries: columns.small("tries")?,
        next_at: columns.time("next_at_us")?,
        error: columns.text_opt("error")?,
        created_at: columns.time("created_at_us")?,
    })
}
