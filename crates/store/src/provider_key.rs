//! Organizations' own keys at providers: sealed, and never readable again.

use domain::{NanoUsd, OrgScope, ProviderKeyId, UnixMicros, UserId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::api_key::texts_stored;
use crate::audit::{Author, NewAudit, Trail};
use crate::change::{NewChange, change_insert};
use crate::db::{Db, Tx, commit};
use crate::error::{Act, StoreError};
use crate::provider_key_read::provider_key_read;
use crate::provider_options::{ProviderKeySettings, options_stored};
use crate::words::{AuditAction, ChangeKind, ProviderKeyStatus, SecretKind, SubjectKind};

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
    /// How the sealed text reads.
    pub kind: SecretKind,
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
    /// What it may be used for, and how.
    pub settings: ProviderKeySettings,
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
    /// All of them.
    pub settings: Option<ProviderKeySettings>,
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
    /// Until when calls leave it alone, because it failed.
    pub cooling_until: Option<UnixMicros>,
    /// How its secret reads.
    pub kind: SecretKind,
    /// What it may be used for, and how.
    pub settings: ProviderKeySettings,
    /// What its calls cost this month, as far as they are posted.
    pub spent_month: NanoUsd,
    /// What all its calls cost, as far as they are posted.
    pub spent_total: NanoUsd,
    /// Who brought it.
    pub created_by: Option<UserId>,
    /// When.
    pub created_at: UnixMicros,
    /// When a setting last changed.
    pub updated_at: UnixMicros,
}

/// What a gateway, or a test, needs to call a provider with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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
    /// How the sealed text reads.
    pub kind: SecretKind,
    /// What it may be used for, and how.
    pub settings: ProviderKeySettings,
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
         status, tested_at_us, created_by, created_at_us, updated_at_us, secret_kind) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'active', $12, $13, $14, $14, $15)",
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
    .bind(key.secret.kind.as_str())
    .execute(&mut *tx)
    .await
    .act_unique("write a provider key", "name of a provider key")?;
    settings_write(&mut tx, scope, key.id, &key.settings).await?;
    tell(&mut tx, scope, key.id, author.at).await?;
    let after = provider_key_said(&provider_key_read(&mut tx, scope, key.id, author.at).await?);
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
    let mut before = provider_key_said(&provider_key_read(&mut tx, scope, id, author.at).await?);
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
    if let Some(settings) = &update.settings {
        settings_write(&mut tx, scope, id, settings).await?;
    }
    if let Some(secret) = &update.secret {
        secret_write(&mut tx, scope, id, secret).await?;
    }
    tell(&mut tx, scope, id, author.at).await?;
    let row = provider_key_read(&mut tx, scope, id, author.at).await?;
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
    let before = provider_key_said(&provider_key_read(&mut tx, scope, id, author.at).await?);
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
         cooling_until_us = CASE WHEN $3 IS NULL THEN NULL ELSE cooling_until_us END, \
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

/// What the audit log says of a key: not the key, sealed or not.
fn provider_key_said(key: &ProviderKeyRow) -> Value {
    json!({
        "provider": key.provider, "name": key.name, "priority": key.priority, "weight": key.weight, "base_url": key.base_url,
        "prefix": key.prefix, "last4": key.last4, "status": key.status.as_str(), "kind": key.kind.as_str(),
        "region": key.settings.region, "options": key.settings.options, "allowed_models": key.settings.allowed_models,
        "spend_cap_nano_usd": key.settings.spend_cap.map(|cap| cap.amount.0),
        "spend_window": key.settings.spend_cap.map(|cap| cap.window.as_str()),
    })
}

fn provider_key_audit(scope: &OrgScope, action: AuditAction, id: ProviderKeyId, before: Value, after: Value) -> NewAudit {
    NewAudit { organization: scope.organization(), action, subject: (SubjectKind::ProviderKey, id.to_string()), before, after }
}

/// A test's result belongs to the key that was tested, so a new key forgets it.
async fn secret_write(tx: &mut Tx, scope: &OrgScope, id: ProviderKeyId, secret: &ProviderKeySecret) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE provider_key SET base_url = $3, sealed = $4, key_version = $5, prefix = $6, last4 = $7, tested_at_us = $8, \
         secret_kind = $9, last_error = NULL, last_error_at_us = NULL, last_used_at_us = NULL, cooling_until_us = NULL WHERE organization_id = $1 AND id = $2",
    )
    .bind(scope.organization().to_string())
    .bind(id.to_string())
    .bind(secret.base_url.clone())
    .bind(secret.sealed.clone())
    .bind(i64::from(secret.key_version))
    .bind(&*secret.prefix)
    .bind(&*secret.last4)
    .bind(secret.tested_at.map(|at| at.0))
    .bind(secret.kind.as_str())
    .execute(&mut **tx)
    .await
    .act_unique("replace a provider key", "data key")?;
    Ok(())
}

async fn settings_write(tx: &mut Tx, scope: &OrgScope, id: ProviderKeyId, settings: &ProviderKeySettings) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE provider_key SET region = $3, options = $4, allowed_models = $5, spend_cap = $6, spend_window = $7 \
         WHERE organization_id = $1 AND id = $2",
    )
    .bind(scope.organization().to_string())
    .bind(id.to_string())
    .bind(settings.region.clone())
    .bind(options_stored(settings.options.as_ref())?)
    .bind(texts_stored(settings.allowed_models.as_deref())?)
    .bind(settings.spend_cap.map(|cap| cap.amount.0))
    .bind(settings.spend_cap.map(|cap| cap.window.as_str()))
    .execute(&mut **tx)
    .await
    .act("write a provider key's settings")?;
    Ok(())
}

async fn tell(tx: &mut Tx, scope: &OrgScope, id: ProviderKeyId, now: UnixMicros) -> Result<(), StoreError> {
    let subject = id.to_string();
    let kind = ChangeKind::ProviderKeysChanged;
    change_insert(tx, &NewChange { organization: scope.organization(), kind, subject: &subject, key_hash: None, now }).await
}
