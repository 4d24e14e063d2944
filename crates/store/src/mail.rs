//! Mail that waits for the operator: on an instance without a mail server it goes no further.

use domain::UnixMicros;
use domain::ids::MailId;
use sqlx::any::AnyRow;

use crate::db::{Db, Tx};
use crate::error::{Act, StoreError};
use crate::row::Columns;

/// Limit: letters that are kept; the oldest makes room.
const MAILS_MAX: i64 = 1_000;

/// A letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailRow {
    /// Its id.
    pub id: MailId,
    /// To whom.
    pub recipient: String,
    /// What about.
    pub subject: String,
    /// Plain text. It may hold a token that opens something: for operators only.
    pub body: String,
    /// When it was written.
    pub created_at: UnixMicros,
}

/// Letters, newest first, older than one. For operators: it takes no scope because the outbox is the instance's.
pub async fn mail_list(db: &Db, before: Option<MailId>, limit: u32) -> Result<Vec<MailRow>, StoreError> {
    let rows =
        sqlx::query("SELECT id, recipient, subject, body, created_at_us FROM mail WHERE $1 = '' OR id < $1 ORDER BY id DESC LIMIT $2")
            .bind(before.map(|id| id.to_string()).unwrap_or_default())
            .bind(i64::from(limit))
            .fetch_all(db.read())
            .await
            .act("read the outbox")?;
    rows.iter().map(mail_row).collect()
}

/// Puts a letter into the outbox, in the transaction of what it tells of.
pub(crate) async fn mail_insert(tx: &mut Tx, mail: &MailRow) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO mail (id, recipient, subject, body, created_at_us) VALUES ($1, $2, $3, $4, $5)")
        .bind(mail.id.to_string())
        .bind(&*mail.recipient)
        .bind(&*mail.subject)
        .bind(&*mail.body)
        .bind(mail.created_at.0)
        .execute(&mut **tx)
        .await
        .act_unique("write a letter", "letter")?;
    sqlx::query("DELETE FROM mail WHERE id NOT IN (SELECT id FROM mail ORDER BY id DESC LIMIT $1)")
        .bind(MAILS_MAX)
        .execute(&mut **tx)
        .await
        .act("forget old letters")?;
    Ok(())
}

fn mail_row(row: &AnyRow) -> Result<MailRow, StoreError> {
    let columns = Columns(row);
    Ok(MailRow {
        id: columns.id("id")?,
        recipient: columns.text("recipient")?,
        subject: columns.text("subject")?,
        body: columns.text("body")?,
        created_at: columns.time("created_at_us")?,
    })
}
