//! Organizations' data keys, sealed under a master key that is not here.

use domain::{OrgScope, UnixMicros};
use serde::{Deserialize, Serialize};

use crate::audit::Trail;
use crate::db::{Db, commit};
use crate::error::{Act, StoreError};
use crate::row::Columns;

/// A sealed data key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataKeyRow {
    /// Counts from 1.
    pub version: u32,
    /// As the caller's sealing spells it.
    pub sealed: Vec<u8>,
}

/// The organization's newest data key, or that of a version.
pub async fn data_key_get(db: &Db, scope: &OrgScope, version: Option<u32>) -> Result<Option<DataKeyRow>, StoreError> {
    let row = sqlx::query(
        "SELECT version, sealed FROM data_key WHERE organization_id = $1 AND ($2 = 0 OR version = $2) ORDER BY version DESC LIMIT 1",
    )
    .bind(scope.organization().to_string())
    .bind(i64::from(version.unwrap_or(0)))
    .fetch_optional(db.read())
    .await
    .act("read a data key")?;
    let read = |row: &sqlx::any::AnyRow| {
        let columns = Columns(row);
        Ok(DataKeyRow { version: columns.small("version")?, sealed: columns.bytes("sealed")? })
    };
    row.as_ref().map(read).transpose()
}

/// Stores a data key. When somebody else was faster with this version it is a conflict: read theirs.
pub async fn data_key_create(db: &Db, scope: &OrgScope, key: &DataKeyRow, now: UnixMicros) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    sqlx::query("INSERT INTO data_key (organization_id, version, sealed, created_at_us) VALUES ($1, $2, $3, $4)")
        .bind(scope.organization().to_string())
        .bind(i64::from(key.version))
        .bind(key.sealed.clone())
        .bind(now.0)
        .execute(&mut *tx)
        .await
        .act_unique("write a data key", "data key")?;
    commit(tx, "make a data key", Trail::Bookkeeping).await
}
