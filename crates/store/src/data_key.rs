//! Organizations' data keys, sealed under a master key that is not here.

use domain::{OrgScope, OrganizationId, UnixMicros};

use crate::audit::Trail;
use crate::db::{Db, commit};
use crate::error::{Act, StoreError};
use crate::row::Columns;

/// A sealed data key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataKeyRow {
    /// Counts from 1.
    pub version: u32,
    /// As the caller's sealing spells it.
    pub sealed: Vec<u8>,
    /// Id of the master key that it is sealed under; none for one from before there were several.
    pub master_key: Option<String>,
}

impl DataKeyRow {
    fn read(columns: &Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self { version: columns.small("version")?, sealed: columns.bytes("sealed")?, master_key: columns.text_opt("master_key")? })
    }
}

/// The organization's newest data key, or that of a version.
pub async fn data_key_get(db: &Db, scope: &OrgScope, version: Option<u32>) -> Result<Option<DataKeyRow>, StoreError> {
    let row = sqlx::query(
        "SELECT version, sealed, master_key FROM data_key WHERE organization_id = $1 AND ($2 = 0 OR version = $2) ORDER BY version DESC LIMIT 1",
    )
    .bind(scope.organization().to_string())
    .bind(i64::from(version.unwrap_or(0)))
    .fetch_optional(db.read())
    .await
    .act("read a data key")?;
    row.as_ref().map(|row| DataKeyRow::read(&Columns(row))).transpose()
}

/// Stores a data key. When somebody else was faster with this version it is a conflict: read theirs.
pub async fn data_key_create(db: &Db, scope: &OrgScope, key: &DataKeyRow, now: UnixMicros) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    sqlx::query("INSERT INTO data_key (organization_id, version, sealed, master_key, created_at_us) VALUES ($1, $2, $3, $4, $5)")
        .bind(scope.organization().to_string())
        .bind(i64::from(key.version))
        .bind(key.sealed.clone())
        .bind(key.master_key.clone())
        .bind(now.0)
        .execute(&mut *tx)
        .await
        .act_unique("write a data key", "data key")?;
    commit(tx, "make a data key", Trail::Bookkeeping).await
}

/// How many data keys of the instance are sealed under each master key; none for those from before there were several.
pub async fn data_key_counts(db: &Db) -> Result<Vec<(Option<String>, u64)>, StoreError> {
    let rows = sqlx::query("SELECT master_key, COUNT(*) AS data_keys FROM data_key GROUP BY master_key ORDER BY master_key")
        .fetch_all(db.read())
        .await
        .act("count data keys")?;
    let read = |row| {
        let columns = Columns(row);
        Ok((columns.text_opt("master_key")?, columns.count("data_keys")?))
    };
    rows.iter().map(read).collect()
}

/// Data keys of the instance that are not sealed under this master key, behind the one named, at most `limit`.
pub async fn data_keys_under_others(
    db: &Db,
    master_key: &str,
    after: Option<(OrganizationId, u32)>,
    limit: u32,
) -> Result<Vec<(OrganizationId, DataKeyRow)>, StoreError> {
    let rows = sqlx::query(
        "SELECT organization_id, version, sealed, master_key FROM data_key \
         WHERE (master_key IS NULL OR master_key <> $1) \
         AND (organization_id > $2 OR (organization_id = $2 AND version > $3)) \
         ORDER BY organization_id, version LIMIT $4",
    )
    .bind(master_key)
    .bind(after.map_or_else(String::new, |(organization, _)| organization.to_string()))
    .bind(i64::from(after.map_or(0, |(_, version)| version)))
    .bind(i64::from(limit))
    .fetch_all(db.read())
    .await
    .act("read data keys")?;
    let read = |row| {
        let columns = Columns(row);
        Ok((columns.id("organization_id")?, DataKeyRow::read(&columns)?))
    };
    rows.iter().map(read).collect()
}

/// Stores a data key that was sealed anew, unless it is no longer what it was: then somebody else did, and false is answered.
pub async fn data_key_resealed(
    db: &Db,
    organization: OrganizationId,
    was: &DataKeyRow,
    (master_key, sealed): (&str, &[u8]),
) -> Result<bool, StoreError> {
    let mut tx = db.begin_write().await?;
    let done = sqlx::query("UPDATE data_key SET sealed = $4, master_key = $5 WHERE organization_id = $1 AND version = $2 AND sealed = $3")
        .bind(organization.to_string())
        .bind(i64::from(was.version))
        .bind(was.sealed.clone())
        .bind(sealed.to_vec())
        .bind(master_key)
        .execute(&mut *tx)
        .await
        .act("write a data key that was sealed anew")?;
    commit(tx, "seal a data key anew", Trail::Bookkeeping).await?;
    Ok(done.rows_affected() == 1)
}
