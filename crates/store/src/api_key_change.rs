//! API keys that stay and change: other limits, or a successor.

use domain::{ApiKeyId, OrgScope, UnixMicros};
use serde_json::json;

use crate::api_key::{ApiKeyRow, NewApiKey, api_key_audit, api_key_insert, api_key_read, api_key_said, texts_stored};
use crate::audit::{Author, Trail};
use crate::change::{NewChange, change_insert};
use crate::db::{Db, Tx, commit};
use crate::error::{Act, StoreError};
use crate::key_rules::{KeyRules, rules_stored};
use crate::project::project_open;
use crate::sub_account::ONE_SUB_ACCOUNT;
use crate::words::{AuditAction, ChangeKind, KeyStatus};

/// New settings. `None` leaves one as it is; `Some(None)` removes a limit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApiKeyUpdate {
    /// For display.
    pub name: Option<String>,
    /// From when on it does not open.
    pub expires_at: Option<Option<UnixMicros>>,
    /// Requests a minute.
    pub rpm: Option<Option<u32>>,
    /// Tokens a minute.
    pub tpm: Option<Option<u32>>,
    /// Calls at once.
    pub concurrency: Option<Option<u32>>,
    /// Model ids that it may call.
    pub allowed_models: Option<Option<Vec<String>>>,
    /// Its other rules, as a whole.
    pub rules: Option<KeyRules>,
    /// Whether a call may name a sub-account; a sub-account's own key does not get this right.
    pub acts_for_sub_accounts: Option<bool>,
}

/// A key's successor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyRotate {
    /// The key that goes.
    pub old: ApiKeyId,
    /// It opens until then, or until its own end if that is sooner.
    pub old_ends_at: UnixMicros,
    /// The key that comes.
    pub new: NewApiKey,
}

/// Changes settings, tells gateways, and answers with the key as it is then. A revoked key is a conflict.
pub async fn api_key_update(
    db: &Db,
    scope: &OrgScope,
    id: ApiKeyId,
    update: &ApiKeyUpdate,
    author: &Author,
) -> Result<ApiKeyRow, StoreError> {
    let mut tx = db.begin_write().await?;
    let (mut key, hash) = open_key(&mut tx, scope, id).await?;
    let before = api_key_said(&key);
    let new = update.clone();
    key.name = new.name.unwrap_or(key.name);
    key.expires_at = new.expires_at.unwrap_or(key.expires_at);
    key.rpm = new.rpm.unwrap_or(key.rpm);
    key.tpm = new.tpm.unwrap_or(key.tpm);
    key.concurrency = new.concurrency.unwrap_or(key.concurrency);
    key.allowed_models = new.allowed_models.unwrap_or(key.allowed_models);
    key.rules = new.rules.unwrap_or(key.rules);
    key.acts_for_sub_accounts = new.acts_for_sub_accounts.unwrap_or(key.acts_for_sub_accounts);
    if key.acts_for_sub_accounts && key.sub_account.is_some() {
        return Err(StoreError::Invalid { what: ONE_SUB_ACCOUNT });
    }
    key_write(&mut tx, scope, &key).await?;
    tell(&mut tx, scope, id, &hash, author.at).await?;
    let new = api_key_audit(scope, AuditAction::ApiKeyChanged, id, before, api_key_said(&key));
    commit(tx, "change an API key", Trail::Audit(author, &new)).await?;
    Ok(key)
}

/// Stores a key's successor and lets the old key end, in one transaction; tells gateways of both. A revoked key is a
/// conflict, and so is one whose time is over already.
pub async fn api_key_rotate(db: &Db, scope: &OrgScope, rotate: &ApiKeyRotate, author: &Author) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    let (mut key, hash) = open_key(&mut tx, scope, rotate.old).await?;
    if key.expires_at.is_some_and(|end| end <= author.at) {
        return Err(StoreError::Conflict { what: "API key" });
    }
    let before = json!({ "expires_at_us": key.expires_at.map(|at| at.0) });
    key.expires_at = Some(key.expires_at.map_or(rotate.old_ends_at, |end| end.min(rotate.old_ends_at)));
    key_write(&mut tx, scope, &key).await?;
    tell(&mut tx, scope, rotate.old, &hash, author.at).await?;
    api_key_insert(&mut tx, scope.organization(), &rotate.new, false, author.at).await?;
    let after = json!({ "expires_at_us": key.expires_at.map(|at| at.0), "successor_id": rotate.new.id.to_string() });
    let new = api_key_audit(scope, AuditAction::ApiKeyRotated, rotate.old, before, after);
    commit(tx, "rotate an API key", Trail::Audit(author, &new)).await
}

/// A key of the scope that is not revoked, with its hash.
async fn open_key(tx: &mut Tx, scope: &OrgScope, id: ApiKeyId) -> Result<(ApiKeyRow, [u8; 32]), StoreError> {
    let (key, hash) = api_key_read(tx, scope, id).await?;
    if key.status == KeyStatus::Revoked {
        return Err(StoreError::Conflict { what: "API key" });
    }
    project_open(tx, scope, key.project).await?;
    Ok((key, hash))
}

async fn key_write(tx: &mut Tx, scope: &OrgScope, key: &ApiKeyRow) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE api_key SET name = $3, expires_at_us = $4, rpm = $5, tpm = $6, concurrency = $7, allowed_models = $8, \
         rules = $9, acts_for_sub_accounts = $10 \
         WHERE organization_id = $1 AND id = $2",
    )
    .bind(scope.organization().to_string())
    .bind(key.id.to_string())
    .bind(&*key.name)
    .bind(key.expires_at.map(|at| at.0))
    .bind(key.rpm.map(i64::from))
    .bind(key.tpm.map(i64::from))
    .bind(key.concurrency.map(i64::from))
    .bind(texts_stored(key.allowed_models.as_deref())?)
    .bind(rules_stored(&key.rules)?)
    .bind(i64::from(key.acts_for_sub_accounts))
    .execute(&mut **tx)
    .await
    .act("change an API key")?;
    Ok(())
}

async fn tell(tx: &mut Tx, scope: &OrgScope, id: ApiKeyId, hash: &[u8; 32], now: UnixMicros) -> Result<(), StoreError> {
    let subject = id.to_string();
    let change =
        NewChange { organization: scope.organization(), kind: ChangeKind::KeyChanged, subject: &subject, key_hash: Some(hash), now };
    change_insert(tx, &change).await
}
