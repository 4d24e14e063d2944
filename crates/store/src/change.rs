//! The outbox that gateways follow by revision.

use domain::{OrganizationId, UnixMicros};
use sqlx::any::AnyRow;

use crate::db::{Db, Tx};
use crate::error::{Act, StoreError};
use crate::row::Columns;
use crate::words::ChangeKind;

/// One change, as told to gateways.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeRow {
    /// Grows by each change; a gateway asks for what came after the last one it knows.
    pub revision: i64,
    /// Whose.
    pub organization: OrganizationId,
    /// What happened.
    pub kind: ChangeKind,
    /// Id of what changed: `key_…`, `proj_…`, `org_…`.
    pub subject: String,
    /// The key's SHA-256, when one API key changed.
    pub key_hash: Option<[u8; 32]>,
    /// When.
    pub at: UnixMicros,
}

/// A change about to be written.
pub(crate) struct NewChange<'a> {
    pub organization: OrganizationId,
    pub kind: ChangeKind,
    pub subject: &'a str,
    pub key_hash: Option<&'a [u8; 32]>,
    pub now: UnixMicros,
}

/// The oldest changes after a revision, oldest first, for all organizations: only gateways follow it.
pub async fn changes_after(db: &Db, revision: i64, limit: u32) -> Result<Vec<ChangeRow>, StoreError> {
    let rows = sqlx::query(
        "SELECT revision, organization_id, kind, subject, key_hash, at_us FROM change WHERE revision > $1 ORDER BY revision LIMIT $2",
    )
    .bind(revision)
    .bind(i64::from(limit))
    .fetch_all(db.read())
    .await
    .act("read changes")?;
    rows.iter().map(change_row).collect()
}

/// The newest revision; 0 when nothing ever changed.
pub async fn revision_latest(db: &Db) -> Result<i64, StoreError> {
    sqlx::query_scalar("SELECT COALESCE(MAX(revision), 0) FROM change").fetch_one(db.read()).await.act("read the newest revision")
}

/// Tells of a change, in the transaction that makes it.
pub(crate) async fn change_insert(tx: &mut Tx, change: &NewChange<'_>) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO change (organization_id, kind, subject, key_hash, at_us) VALUES ($1, $2, $3, $4, $5)")
        .bind(change.organization.to_string())
        .bind(change.kind.as_str())
        .bind(change.subject)
        .bind(change.key_hash.map(|hash| hash.to_vec()))
        .bind(change.now.0)
        .execute(&mut **tx)
        .await
        .act("write a change")?;
    Ok(())
}

fn change_row(row: &AnyRow) -> Result<ChangeRow, StoreError> {
    let columns = Columns(row);
    Ok(ChangeRow {
        revision: columns.int("revision")?,
        organization: columns.id("organization_id")?,
        kind: columns.word("kind", ChangeKind::parse)?,
        subject: columns.text("subject")?,
        key_hash: columns.hash_opt("key_hash")?,
        at: columns.time("at_us")?,
    })
}
