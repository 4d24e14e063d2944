//! Organizations' own keys at providers: sealed, and never readable again.

use domain::{OrgScope, ProviderKeyId, UnixMicros, UserId};
use serde_json::{Value, json};
use sqlx::any::AnyRow;

use crate::audit::{Author, NewAudit, Trail};
use crate::change::{NewChange, change_insert};
use crate::db::{Db, Tx, commit};
use crate::error::{Act, StoreError};
use crate::page::Page;
use crate::row::Columns;
use crate::words::{AuditAction, ChangeKind, ProviderKeyStatus, SubjectKind};

/// Limit: provider keys of one organization.
const KEYS_MAX: i64 = 200;

/// The sealed part of a key, and what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderKeySecret {
    /// Where it may be sent; `None`: the catalog's address.
    pub base_url: Option<String>,
    /// The key, sealed for this row.
    pub sealed: Vec<u8>,
    /// With which of the organization's data keys.
    pub key_version: u32,
    /// The key's beginning, for display; may be empty.
    pub prefix: String,
    /// The key's end, for display; may be empty.
    pub last4: String,
    /// When the provider took it in a test; `None`: it could not be asked for certain.
    pub tested_at: Option<UnixMicros>,
}

/// A key about to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewProviderKey {
    /// Its id.
    pub id: ProviderKeyId,
    /// Id of the catalog.
    pub provider: String,
    /// Unique for its provider in the organization.
    pub name: String,
    /// The lowest is used first.
    pub priority: u32,
    /// Share among those of the same priority, from 1.
    pub weight: u32,
    /// The sealed part.
    pub secret: ProviderKeySecret,
    /// Who brought it.
    pub created_by: UserId,
}

/// New settings; `None` leaves one as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProviderKeyUpdate {
    /// Another name.
    pub name: Option<String>,
    /// Another place in the order.
    pub priority: Option<u32>,
    /// Another share.
    pub weight: Option<u32>,
    /// On or off.
    pub status: Option<ProviderKeyStatus>,
    /// Another key, with its address.
    pub secret: Option<ProviderKeySecret>,
}

/// A stored key, without the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderKeyRow {
    /// Its id.
    pub id: ProviderKeyId,
    /// Id of the catalog.
    pub provider: String,
    /// Unique for its provider in the organization.
    pub name: String,
    /// The lowest is used first.
    pub priority: u32,
    /// Share among those of the same priority.
    pub weight: u32,
    /// Where it is sent; `None`: the catalog's address.
    pub base_url: Option<String>,
    /// The key's beginning; may be empty.
    pub prefix: String,
    /// The key's end; may be empty.
    pub last4: String,
    /// On or off.
    pub status: ProviderKeyStatus,
    /// Code of the last failed test or call since the last that went well.
    pub last_error: Option<String>,
    /// When that was.
    pub last_error_at: Option<UnixMicros>,
    /// When the provider last took it in a test.
    pub tested_at: Option<UnixMicros>,
    /// When a call last used it, about.
    pub last_used_at: Option<UnixMicros>,
    /// Who brought it.
    pub created_by: Option<UserId>,
    /// When.
    pub created_at: UnixMicros,
    /// When a setting last changed.
    pub updated_at: UnixMicros,
}

/// What a gateway, or a test, needs to call a provider with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedProviderKeyRow {
    /// Its id: the row that it is sealed for.
    pub id: ProviderKeyId,
    /// Id of the catalog.
    pub provider: String,
    /// The lowest is used first.
    pub priority: u32,
    /// Share among those of the same priority.
    pub weight: u32,
    /// Where it is sent; `None`: the catalog's address.
    pub base_url: Option<String>,
    /// The key, sealed for this row.
    pub sealed: Vec<u8>,
    /// With which of the organization's data keys.
    pub key_version: u32,
    /// On or off.
    pub status: ProviderKeyStatus,
}

/// Stores a key and tells gateways.
pub async fn provider_key_create(db: &Db, scope: &OrgScope, key: &NewProviderKey, author: &Author) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM provider_key WHERE organization_id = $1")
        .bind(scope.organization().to_string())
        .fetch_one(&mut *tx)
        .await
        .act("count provider keys")?;
    if count >= KEYS_MAX {
        return Err(StoreError::Invalid { what: "an organization has at most 200 provider keys; delete some" });
    }
    sqlx::query(
        "INSERT INTO provider_key (id, organization_id, provider, name, priority, weight, base_url, sealed, key_version, prefix, last4, \
         status, tested_at_us, created_by, created_at_us, updated_at_us) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'active', $12, $13, $14, $14)",
    )
    .bind(key.id.to_string())
    .bind(scope.organization().to_string())
    .bind(&*key.provider)
    .bind(&*key.name)
    .bind(i64::from(key.priority))
    .bind(i64::from(key.weight))
    .bind(key.secret.base_url.clone())
    .bind(key.secret.sealed.clone())
    .bind(i64::from(key.secret.key_version))
    .bind(&*key.secret.prefix)
    .bind(&*key.secret.last4)
    .bind(key.secret.tested_at.map(|at| at.0))
    .bind(key.created_by.to_string())
    .bind(author.at.0)
    .execute(&mut *tx)
    .await
    .act_unique("write a provider key", "name of a provider key")?;
    tell(&mut tx, scope, key.id, author.at).await?;
    let after = provider_key_said(&provider_key_read(&mut tx, scope, key.id).await?);
    let new = provider_key_audit(scope, AuditAction::ProviderKeyCreated, key.id, Value::Null, after);
    commit(tx, "create a provider key", Trail::Audit(author, &new)).await
}

/// Changes settings, tells gateways, and answers with the key as it is then.
pub async fn provider_key_update(
    db: &Db,
    scope: &OrgScope,
    id: ProviderKeyId,
    update: &ProviderKeyUpdate,
    author: &Author,
) -> Result<ProviderKeyRow, StoreError> {
    let mut tx = db.begin_write().await?;
    let mut before = provider_key_said(&provider_key_read(&mut tx, scope, id).await?);
    sqlx::query(
        "UPDATE provider_key SET name = COALESCE($3, name), priority = COALESCE($4, priority), weight = COALESCE($5, weight), \
         status = COALESCE($6, status), updated_at_us = $7 WHERE organization_id = $1 AND id = $2",
    )
    .bind(scope.organization().to_string())
    .bind(id.to_string())
    .bind(update.name.clone())
    .bind(update.priority.map(i64::from))
    .bind(update.weight.map(i64::from))
    .bind(update.status.map(|status| status.as_str().to_owned()))
    .bind(author.at.0)
    .execute(&mut *tx)
    .await
    .act_unique("change a provider key", "name of a provider key")?;
    if let Some(secret) = &update.secret {
        secret_write(&mut tx, scope, id, secret).await?;
    }
    tell(&mut tx, scope, id, author.at).await?;
    let row = provider_key_read(&mut tx, scope, id).await?;
    let mut after = provider_key_said(&row);
    if update.secret.is_some() {
        // Another key may end with the same four characters.
        (before["key"], after["key"]) = (json!("old"), json!("new"));
    }
    let new = provider_key_audit(scope, AuditAction::ProviderKeyChanged, id, before, after);
    commit(tx, "change a provider key", Trail::Audit(author, &new)).await?;
    Ok(row)
}

/// Forgets a key and tells gateways.
pub async fn provider_key_delete(db: &Db, scope: &OrgScope, id: ProviderKeyId, author: &Author) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    let before = provider_key_said(&provider_key_read(&mut tx, scope, id).await?);
    sqlx::query("DELETE FROM provider_key WHERE organization_id = $1 AND id = $2")
        .bind(scope.organization().to_string())
        .bind(id.to_string())
        .execute(&mut *tx)
        .await
        .act("delete a provider key")?;
    tell(&mut tx, scope, id, author.at).await?;
    let new = provider_key_audit(scope, AuditAction::ProviderKeyDeleted, id, before, Value::Null);
    commit(tx, "delete a provider key", Trail::Audit(author, &new)).await
}

/// Notes how a test went: `None` went well. Not told to gateways.
pub async fn provider_key_tested(
    db: &Db,
    scope: &OrgScope,
    id: ProviderKeyId,
    error: Option<&str>,
    author: &Author,
) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    sqlx::query(
        "UPDATE provider_key SET last_error = $3, last_error_at_us = CASE WHEN $3 IS NULL THEN NULL ELSE $4 END, \
         tested_at_us = CASE WHEN $3 IS NULL THEN $4 ELSE tested_at_us END WHERE organization_id = $1 AND id = $2",
    )
    .bind(scope.organization().to_string())
    .bind(id.to_string())
    .bind(error.map(str::to_owned))
    .bind(author.at.0)
    .execute(&mut *tx)
    .await
    .act("note a provider key's test")?;
    let new = provider_key_audit(scope, AuditAction::ProviderKeyTested, id, Value::Null, json!({ "error": error }));
    commit(tx, "note a provider key's test", Trail::Audit(author, &new)).await
}

/// One key of the scope.
pub async fn provider_key_get(db: &Db, scope: &OrgScope, id: ProviderKeyId) -> Result<ProviderKeyRow, StoreError> {
    let row = sqlx::query(
        "SELECT id, provider, name, priority, weight, base_url, prefix, last4, status, last_error, last_error_at_us, tested_at_us, \
         last_used_at_us, created_by, created_at_us, updated_at_us FROM provider_key WHERE organization_id = $1 AND id = $2",
    )
    .bind(scope.organization().to_string())
    .bind(id.to_string())
    .fetch_optional(db.read())
    .await
    .act("read a provider key")?;
    row.as_ref().map(provider_key_row).transpose()?.ok_or(StoreError::NotFound { what: "provider key" })
}

/// The place of a key in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderKeyPlace {
    /// Whose key.
    pub provider: String,
    /// When it is used.
    pub priority: u32,
    /// Which of those.
    pub id: ProviderKeyId,
}

/// Keys of the scope by provider, in the order of their use.
pub async fn provider_key_list(db: &Db, scope: &OrgScope, page: &Page<ProviderKeyPlace>) -> Result<Vec<ProviderKeyRow>, StoreError> {
    let after = page.after.as_ref();
    let rows = sqlx::query(
        "SELECT id, provider, name, priority, weight, base_url, prefix, last4, status, last_error, last_error_at_us, tested_at_us, \
         last_used_at_us, created_by, created_at_us, updated_at_us FROM provider_key WHERE organization_id = $1 \
         AND (provider, priority, id) > ($2, $3, $4) ORDER BY provider, priority, id LIMIT $5",
    )
    .bind(scope.organization().to_string())
    .bind(after.map(|place| place.provider.clone()).unwrap_or_default())
    .bind(after.map_or(-1, |place| i64::from(place.priority)))
    .bind(after.map(|place| place.id.to_string()).unwrap_or_default())
    .bind(i64::from(page.limit))
    .fetch_all(db.read())
    .await
    .act("list provider keys")?;
    rows.iter().map(provider_key_row).collect()
}

/// All keys of the scope with their sealed parts, in the order of their use: for gateways and tests.
pub async fn provider_keys_sealed(db: &Db, scope: &OrgScope) -> Result<Vec<SealedProviderKeyRow>, StoreError> {
    let rows = sqlx::query(
        "SELECT id, provider, priority, weight, base_url, sealed, key_version, status FROM provider_key WHERE organization_id = $1 \
         ORDER BY provider, priority, id",
    )
    .bind(scope.organization().to_string())
    .fetch_all(db.read())
    .await
    .act("read sealed provider keys")?;
    rows.iter().map(sealed_row).collect()
}

async fn provider_key_read(tx: &mut Tx, scope: &OrgScope, id: ProviderKeyId) -> Result<ProviderKeyRow, StoreError> {
    let row = sqlx::query(
        "SELECT id, provider, name, priority, weight, base_url, prefix, last4, status, last_error, last_error_at_us, tested_at_us, \
         last_used_at_us, created_by, created_at_us, updated_at_us FROM provider_key WHERE organization_id = $1 AND id = $2",
    )
    .bind(scope.organization().to_string())
    .bind(id.to_string())
    .fetch_optional(&mut **tx)
    .await
    .act("read a provider key")?;
    row.as_ref().map(provider_key_row).transpose()?.ok_or(StoreError::NotFound { what: "provider key" })
}

/// What the audit log says of a key: not the key, sealed or not.
fn provider_key_said(key: &ProviderKeyRow) -> Value {
    json!({
        "provider": key.provider, "name": key.name, "priority": key.priority, "weight": key.weight, "base_url": key.base_url,
        "prefix": key.prefix, "last4": key.last4, "status": key.status.as_str(),
    })
}

fn provider_key_audit(scope: &OrgScope, action: AuditAction, id: ProviderKeyId, before: Value, after: Value) -> NewAudit {
    NewAudit { organization: scope.organization(), action, subject: (SubjectKind::ProviderKey, id.to_string()), before, after }
}

/// A test's result belongs to the key that was tested, so a new key forgets it.
async fn secret_write(tx: &mut Tx, scope: &OrgScope, id: ProviderKeyId, secret: &ProviderKeySecret) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE provider_key SET base_url = $3, sealed = $4, key_version = $5, prefix = $6, last4 = $7, tested_at_us = $8, \
         last_error = NULL, last_error_at_us = NULL, last_used_at_us = NULL WHERE organization_id = $1 AND id = $2",
    )
    .bind(scope.organization().to_string())
    .bind(id.to_string())
    .bind(secret.base_url.clone())
    .bind(secret.sealed.clone())
    .bind(i64::from(secret.key_version))
    .bind(&*secret.prefix)
    .bind(&*secret.last4)
    .bind(secret.tested_at.map(|at| at.0))
    .execute(&mut **tx)
    .await
    .act_unique("replace a provider key", "data key")?;
    Ok(())
}

async fn tell(tx: &mut Tx, scope: &OrgScope, id: ProviderKeyId, now: UnixMicros) -> Result<(), StoreError> {
    let subject = id.to_string();
    let kind = ChangeKind::ProviderKeysChanged;
    change_insert(tx, &NewChange { organization: scope.organization(), kind, subject: &subject, key_hash: None, now }).await
}

fn provider_key_row(row: &AnyRow) -> Result<ProviderKeyRow, StoreError> {
    let columns = Columns(row);
    Ok(ProviderKeyRow {
        id: columns.id("id")?,
        provider: columns.text("provider")?,
        name: columns.text("name")?,
        priority: columns.small("priority")?,
        weight: columns.small("weight")?,
        base_url: columns.text_opt("base_url")?,
        prefix: columns.text("prefix")?,
        last4: columns.text("last4")?,
        status: columns.word("status", ProviderKeyStatus::parse)?,
        last_error: columns.text_opt("last_error")?,
        last_error_at: columns.time_opt("last_error_at_us")?,
        tested_at: columns.time_opt("tested_at_us")?,
        last_used_at: columns.time_opt("last_used_at_us")?,
        created_by: columns.id_opt("created_by")?,
        created_at: columns.time("created_at_us")?,
        updated_at: columns.time("updated_at_us")?,
    })
}

fn sealed_row(row: &AnyRow) -> Result<SealedProviderKeyRow, StoreError> {
    let columns = Columns(row);
    Ok(SealedProviderKeyRow {
        id: columns.id("id")?,
        provider: columns.text("provider")?,
        priority: columns.small("priority")?,
        weight: columns.small("weight")?,
        base_url: columns.text_opt("base_url")?,
        sealed: columns.bytes("sealed")?,
        key_version: columns.small("key_version")?,
        status: columns.word("status", ProviderKeyStatus::parse)?,
    })
}
