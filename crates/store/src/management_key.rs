//! `llmgm_` keys: they drive `/api` without a session.

use domain::{ManagementKeyId, OrgScope, OrganizationId, UnixMicros, UserId};
use serde_json::{Value, json};
use sqlx::any::AnyRow;

use crate::api_key::texts_stored;
use crate::audit::{Author, NewAudit, Trail};
use crate::caller::texts_read;
use crate::db::{Db, Tx, commit};
use crate::error::{Act, StoreError};
use crate::page::Page;
use crate::row::Columns;
use crate::words::{AuditAction, KeyStatus, OrganizationStatus, Role, SubjectKind};

/// Limit: management keys of one organization that open.
const KEYS_MAX: i64 = 200;

/// A key about to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewManagementKey {
    /// Its id.
    pub id: ManagementKeyId,
    /// For display.
    pub name: String,
    /// SHA-256 of the whole key.
    pub hash: [u8; 32],
    /// The key's beginning, for display.
    pub prefix: String,
    /// The key's end, for display.
    pub last4: String,
    /// What it may be used for, as the caller spells it; `None`: everything.
    pub scopes: Option<Vec<String>>,
    /// From when on it does not open.
    pub expires_at: Option<UnixMicros>,
    /// A member; the key never holds more rights than this person.
    pub created_by: UserId,
}

/// A stored key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagementKeyRow {
    /// Its id.
    pub id: ManagementKeyId,
    /// For display.
    pub name: String,
    /// The key's beginning.
    pub prefix: String,
    /// The key's end.
    pub last4: String,
    /// Whether it opens.
    pub status: KeyStatus,
    /// What it may be used for; `None`: everything.
    pub scopes: Option<Vec<String>>,
    /// From when on it does not.
    pub expires_at: Option<UnixMicros>,
    /// Who made it.
    pub created_by: UserId,
    /// When.
    pub created_at: UnixMicros,
    /// When it last opened, about.
    pub last_used_at: Option<UnixMicros>,
}

/// Who presents a management key. The caller judges status and expiry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagementCallerRow {
    /// The key.
    pub key: ManagementKeyId,
    /// The tenant.
    pub organization: OrganizationId,
    /// Whether the tenant is active.
    pub organization_status: OrganizationStatus,
    /// Whether the key opens.
    pub status: KeyStatus,
    /// What it may be used for; `None`: everything.
    pub scopes: Option<Vec<String>>,
    /// From when on it does not.
    pub expires_at: Option<UnixMicros>,
    /// Whose rights bound it.
    pub created_by: UserId,
    /// That person's role in the organization now; `None` when the person left it.
    pub role: Option<Role>,
    /// That person runs the instance.
    pub is_operator: bool,
}

/// Who presents a management key with this SHA-256. It takes no scope because it is where a scope is proven.
pub async fn management_caller_by_key_hash(db: &Db, hash: &[u8; 32]) -> Result<Option<ManagementCallerRow>, StoreError> {
    let row = sqlx::query(
        "SELECT k.id, k.organization_id, k.status, k.scopes, k.expires_at_us, k.created_by, o.status AS organization_status, m.role, p.is_operator \
         FROM management_key k JOIN organization o ON o.id = k.organization_id JOIN person p ON p.id = k.created_by \
         LEFT JOIN member m ON m.organization_id = k.organization_id AND m.person_id = k.created_by WHERE k.hash = $1",
    )
    .bind(hash.to_vec())
    .fetch_optional(db.read())
    .await
    .act("read a caller by management key")?;
    row.as_ref().map(management_caller_row).transpose()
}

/// Stores a new key.
pub async fn management_key_create(db: &Db, scope: &OrgScope, key: &NewManagementKey, author: &Author) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    let active: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM management_key WHERE organization_id = $1 AND status = 'active' AND (expires_at_us IS NULL OR expires_at_us > $2)",
    )
    .bind(scope.organization().to_string())
    .bind(author.at.0)
    .fetch_one(&mut *tx)
    .await
    .act("count management keys")?;
    if active >= KEYS_MAX {
        return Err(StoreError::Invalid { what: "an organization has at most 200 management keys that open; revoke some" });
    }
    management_key_insert(&mut tx, scope.organization(), key, author.at).await?;
    let after = json!({
        "name": key.name, "prefix": key.prefix, "last4": key.last4, "status": KeyStatus::Active.as_str(),
        "scopes": key.scopes,
        "expires_at_us": key.expires_at.map(|at| at.0), "created_by": key.created_by.to_string(),
    });
    let new = management_key_audit(scope, AuditAction::ManagementKeyCreated, key.id, Value::Null, after);
    commit(tx, "create a management key", Trail::Audit(author, &new)).await
}

/// Closes a key for ever. Revoking a revoked key changes nothing.
pub async fn management_key_revoke(db: &Db, scope: &OrgScope, id: ManagementKeyId, author: &Author) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    let status: Option<String> = sqlx::query_scalar("SELECT status FROM management_key WHERE organization_id = $1 AND id = $2")
        .bind(scope.organization().to_string())
        .bind(id.to_string())
        .fetch_optional(&mut *tx)
        .await
        .act("read a management key")?;
    let status = status.ok_or(StoreError::NotFound { what: "management key" })?;
    if KeyStatus::parse(&status) == Some(KeyStatus::Revoked) {
        return Ok(());
    }
    sqlx::query("UPDATE management_key SET status = 'revoked', revoked_at_us = $3 WHERE organization_id = $1 AND id = $2")
        .bind(scope.organization().to_string())
        .bind(id.to_string())
        .bind(author.at.0)
        .execute(&mut *tx)
        .await
        .act("revoke a management key")?;
    let (before, after) = (json!({ "status": status }), json!({ "status": KeyStatus::Revoked.as_str() }));
    let new = management_key_audit(scope, AuditAction::ManagementKeyRevoked, id, before, after);
    commit(tx, "revoke a management key", Trail::Audit(author, &new)).await
}

fn management_key_audit(scope: &OrgScope, action: AuditAction, id: ManagementKeyId, before: Value, after: Value) -> NewAudit {
    NewAudit { organization: scope.organization(), action, subject: (SubjectKind::ManagementKey, id.to_string()), before, after }
}

/// One key of the scope.
pub async fn management_key_get(db: &Db, scope: &OrgScope, id: ManagementKeyId) -> Result<ManagementKeyRow, StoreError> {
    let row = sqlx::query(
        "SELECT id, name, prefix, last4, status, scopes, expires_at_us, created_by, created_at_us, last_used_at_us \
         FROM management_key WHERE organization_id = $1 AND id = $2",
    )
    .bind(scope.organization().to_string())
    .bind(id.to_string())
    .fetch_optional(db.read())
    .await
    .act("read a management key")?;
    row.as_ref().map(management_key_row).transpose()?.ok_or(StoreError::NotFound { what: "management key" })
}

/// Keys of the scope in the order of their ids, which is that of their making.
pub async fn management_key_list(db: &Db, scope: &OrgScope, page: Page<ManagementKeyId>) -> Result<Vec<ManagementKeyRow>, StoreError> {
    let rows = sqlx::query(
        "SELECT id, name, prefix, last4, status, scopes, expires_at_us, created_by, created_at_us, last_used_at_us \
         FROM management_key WHERE organization_id = $1 AND id > $2 ORDER BY id LIMIT $3",
    )
    .bind(scope.organization().to_string())
    .bind(page.after.map(|id| id.to_string()).unwrap_or_default())
    .bind(i64::from(page.limit))
    .fetch_all(db.read())
    .await
    .act("list management keys")?;
    rows.iter().map(management_key_row).collect()
}

pub(crate) async fn management_key_insert(
    tx: &mut Tx,
    organization: OrganizationId,
    key: &NewManagementKey,
    now: UnixMicros,
) -> Result<(), StoreError> {
    let done = sqlx::query(
        "INSERT INTO management_key (id, organization_id, name, hash, prefix, last4, status, expires_at_us, created_by, created_at_us, \
         scopes) SELECT $1, m.organization_id, $3, $4, $5, $6, 'active', $7, m.person_id, $9, $10 \
         FROM member m WHERE m.organization_id = $2 AND m.person_id = $8",
    )
    .bind(key.id.to_string())
    .bind(organization.to_string())
    .bind(&*key.name)
    .bind(key.hash.to_vec())
    .bind(&*key.prefix)
    .bind(&*key.last4)
    .bind(key.expires_at.map(|at| at.0))
    .bind(key.created_by.to_string())
    .bind(now.0)
    .bind(texts_stored(key.scopes.as_deref())?)
    .execute(&mut **tx)
    .await
    .act_unique("write a management key", "management key")?;
    if done.rows_affected() == 0 {
        return Err(StoreError::NotFound { what: "member" });
    }
    Ok(())
}

fn management_key_row(row: &AnyRow) -> Result<ManagementKeyRow, StoreError> {
    let columns = Columns(row);
    Ok(ManagementKeyRow {
        id: columns.id("id")?,
        name: columns.text("name")?,
        prefix: columns.text("prefix")?,
        last4: columns.text("last4")?,
        status: columns.word("status", KeyStatus::parse)?,
        scopes: texts_read(columns.text_opt("scopes")?)?,
        expires_at: columns.time_opt("expires_at_us")?,
        created_by: columns.id("created_by")?,
        created_at: columns.time("created_at_us")?,
        last_used_at: columns.time_opt("last_used_at_us")?,
    })
}

fn management_caller_row(row: &AnyRow) -> Result<ManagementCallerRow, StoreError> {
    let columns = Columns(row);
    let role = columns.text_opt("role")?;
    Ok(ManagementCallerRow {
        key: columns.id("id")?,
        organization: columns.id("organization_id")?,
        organization_status: columns.word("organization_status", OrganizationStatus::parse)?,
        status: columns.word("status", KeyStatus::parse)?,
        scopes: texts_read(columns.text_opt("scopes")?)?,
        expires_at: columns.time_opt("expires_at_us")?,
        created_by: columns.id("created_by")?,
        role: role.map(|role| Role::parse(&role).ok_or(StoreError::Corrupt { what: "role" })).transpose()?,
        is_operator: columns.flag("is_operator")?,
    })
}
