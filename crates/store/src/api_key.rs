//! `llmg_` keys and imported ones. Only a SHA-256 is stored.

use std::collections::BTreeSet;

use domain::{ApiKeyId, OrgScope, OrganizationId, ProjectId, SubAccountId, UnixMicros, UserId};
use serde_json::{Value, json};
use sqlx::any::AnyRow;

use crate::audit::{Author, NewAudit, Trail};
use crate::caller::texts_read;
use crate::change::{NewChange, change_insert};
use crate::db::{Db, Tx, commit};
use crate::error::{Act, StoreError};
use crate::key_rules::{KeyRules, rules_read, rules_stored};
use crate::page::Page;
use crate::project::project_open;
use crate::row::Columns;
use crate::sub_account::sub_account_takes_key;
use crate::words::{AuditAction, ChangeKind, KeyStatus, SubjectKind};

/// A key about to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// A project of the scope.
    pub project: ProjectId,
    /// A sub-account of that project, whose calls the key makes.
    pub sub_account: Option<SubAccountId>,
    /// Whether a call may name a sub-account of the project; not for a sub-account's own key.
    pub acts_for_sub_accounts: bool,
    /// For display.
    pub name: String,
    /// SHA-256 of the whole key.
    pub hash: [u8; 32],
    /// The key's beginning, for display.
    pub prefix: String,
    /// The key's end, for display.
    pub last4: String,
    /// From when on it does not open.
    pub expires_at: Option<UnixMicros>,
    /// Requests a minute.
    pub rpm: Option<u32>,
    /// Tokens a minute.
    pub tpm: Option<u32>,
    /// Calls at once.
    pub concurrency: Option<u32>,
    /// Model ids that it may call; `None`: all.
    pub allowed_models: Option<Vec<String>>,
    /// What else its calls are held to.
    pub rules: KeyRules,
    /// Who made it.
    pub created_by: Option<UserId>,
}

/// A stored key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyRow {
    /// Its id.
    pub id: ApiKeyId,
    /// Its project.
    pub project: ProjectId,
    /// Whose calls it makes, when not its project's own.
    pub sub_account: Option<SubAccountId>,
    /// Whether a call may name a sub-account of the project.
    pub acts_for_sub_accounts: bool,
    /// For display.
    pub name: String,
    /// The key's beginning.
    pub prefix: String,
    /// The key's end.
    pub last4: String,
    /// Another product's spelling.
    pub imported: bool,
    /// Whether it opens.
    pub status: KeyStatus,
    /// From when on it does not.
    pub expires_at: Option<UnixMicros>,
    /// Requests a minute.
    pub rpm: Option<u32>,
    /// Tokens a minute.
    pub tpm: Option<u32>,
    /// Calls at once.
    pub concurrency: Option<u32>,
    /// Model ids that it may call; `None`: all.
    pub allowed_models: Option<Vec<String>>,
    /// What else its calls are held to.
    pub rules: KeyRules,
    /// Who made it.
    pub created_by: Option<UserId>,
    /// When.
    pub created_at: UnixMicros,
    /// When it was revoked.
    pub revoked_at: Option<UnixMicros>,
    /// When it last opened, about.
    pub last_used_at: Option<UnixMicros>,
}

/// Which part of a list of keys, which goes by their ids.
pub type KeyPage = Page<ApiKeyId>;

/// What an import did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportOutcome {
    /// The key is new here.
    Created(ApiKeyId),
    /// The organization had it already.
    Existed(ApiKeyId),
}

/// Stores a new key and tells gateways.
pub async fn api_key_create(db: &Db, scope: &OrgScope, key: &NewApiKey, author: &Author) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    project_open(&mut tx, scope, key.project).await?;
    api_key_insert(&mut tx, scope.organization(), key, false, author.at).await?;
    let after = api_key_said(&api_key_read(&mut tx, scope, key.id).await?.0);
    let new = api_key_audit(scope, AuditAction::ApiKeyCreated, key.id, Value::Null, after);
    commit(tx, "create an API key", Trail::Audit(author, &new)).await
}

/// Stores another product's key by its hash, and tells gateways; a key that this organization has already is left as it
/// is, and another organization's is a conflict.
pub async fn api_key_import(db: &Db, scope: &OrgScope, key: &NewApiKey, author: &Author) -> Result<ImportOutcome, StoreError> {
    let mut tx = db.begin_write().await?;
    let row = sqlx::query("SELECT id, organization_id FROM api_key WHERE hash = $1")
        .bind(key.hash.to_vec())
        .fetch_optional(&mut *tx)
        .await
        .act("look for an imported key")?;
    if let Some(row) = row {
        let columns = Columns(&row);
        let owner: OrganizationId = columns.id("organization_id")?;
        let same = owner == scope.organization();
        return if same { Ok(ImportOutcome::Existed(columns.id("id")?)) } else { Err(StoreError::Conflict { what: "API key" }) };
    }
    project_open(&mut tx, scope, key.project).await?;
    api_key_insert(&mut tx, scope.organization(), key, true, author.at).await?;
    let after = api_key_said(&api_key_read(&mut tx, scope, key.id).await?.0);
    let new = api_key_audit(scope, AuditAction::ApiKeyImported, key.id, Value::Null, after);
    commit(tx, "import an API key", Trail::Audit(author, &new)).await?;
    Ok(ImportOutcome::Created(key.id))
}

/// Closes a key for ever and tells gateways. Revoking a revoked key changes nothing.
pub async fn api_key_revoke(db: &Db, scope: &OrgScope, id: ApiKeyId, author: &Author) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    let Some(before) = api_key_revoke_in(&mut tx, scope, id, author.at).await? else { return Ok(()) };
    let after = api_key_said(&api_key_read(&mut tx, scope, id).await?.0);
    let new = api_key_audit(scope, AuditAction::ApiKeyRevoked, id, api_key_said(&before), after);
    commit(tx, "revoke an API key", Trail::Audit(author, &new)).await
}

/// Closes a key and tells gateways; answers with the key as it was, or `None` when it was closed already.
pub(crate) async fn api_key_revoke_in(
    tx: &mut Tx,
    scope: &OrgScope,
    id: ApiKeyId,
    now: UnixMicros,
) -> Result<Option<ApiKeyRow>, StoreError> {
    let (key, hash) = api_key_read(tx, scope, id).await?;
    if key.status == KeyStatus::Revoked {
        return Ok(None);
    }
    sqlx::query("UPDATE api_key SET status = 'revoked', revoked_at_us = $3 WHERE organization_id = $1 AND id = $2")
        .bind(scope.organization().to_string())
        .bind(id.to_string())
        .bind(now.0)
        .execute(&mut **tx)
        .await
        .act("revoke an API key")?;
    let subject = id.to_string();
    let change =
        NewChange { organization: scope.organization(), kind: ChangeKind::KeyRevoked, subject: &subject, key_hash: Some(&hash), now };
    change_insert(tx, &change).await?;
    Ok(Some(key))
}

/// One key of the scope.
pub async fn api_key_get(db: &Db, scope: &OrgScope, id: ApiKeyId) -> Result<ApiKeyRow, StoreError> {
    let row = sqlx::query(
        "SELECT id, project_id, sub_account_id, acts_for_sub_accounts, name, prefix, last4, imported, status, expires_at_us, rpm, tpm, concurrency, allowed_models, \
         rules, created_by, created_at_us, revoked_at_us, last_used_at_us FROM api_key WHERE organization_id = $1 AND id = $2",
    )
    .bind(scope.organization().to_string())
    .bind(id.to_string())
    .fetch_optional(db.read())
    .await
    .act("read an API key")?;
    row.as_ref().map(api_key_row).transpose()?.ok_or(StoreError::NotFound { what: "API key" })
}

/// Keys of the scope in the order of their ids, which is that of their making.
pub async fn api_key_list(db: &Db, scope: &OrgScope, page: KeyPage) -> Result<Vec<ApiKeyRow>, StoreError> {
    let rows = sqlx::query(
        "SELECT id, project_id, sub_account_id, acts_for_sub_accounts, name, prefix, last4, imported, status, expires_at_us, rpm, tpm, concurrency, allowed_models, rules, \
         created_by, created_at_us, revoked_at_us, last_used_at_us FROM api_key WHERE organization_id = $1 AND id > $2 \
         ORDER BY id LIMIT $3",
    )
    .bind(scope.organization().to_string())
    .bind(page.after.map(|after| after.to_string()).unwrap_or_default())
    .bind(i64::from(page.limit))
    .fetch_all(db.read())
    .await
    .act("list API keys")?;
    rows.iter().map(api_key_row).collect()
}

/// [`api_key_list`] of some projects. Each is asked for by itself, so that a few keys among many are found by an index.
pub async fn api_key_list_of(
    db: &Db,
    scope: &OrgScope,
    projects: &BTreeSet<ProjectId>,
    page: KeyPage,
) -> Result<Vec<ApiKeyRow>, StoreError> {
    let mut keys = Vec::new();
    for project in projects {
        let rows = sqlx::query(
            "SELECT id, project_id, sub_account_id, acts_for_sub_accounts, name, prefix, last4, imported, status, expires_at_us, rpm, tpm, concurrency, allowed_models, rules, \
             created_by, created_at_us, revoked_at_us, last_used_at_us FROM api_key WHERE organization_id = $1 AND project_id = $2 \
             AND id > $3 ORDER BY id LIMIT $4",
        )
        .bind(scope.organization().to_string())
        .bind(project.to_string())
        .bind(page.after.map(|after| after.to_string()).unwrap_or_default())
        .bind(i64::from(page.limit))
        .fetch_all(db.read())
        .await
        .act("list API keys of a project")?;
        for row in &rows {
            keys.push(api_key_row(row)?);
        }
    }
    keys.sort_by_key(|key| key.id);
    keys.truncate(page.limit as usize);
    Ok(keys)
}

/// Notes that a key opened; an older time than the stored one changes nothing. Not told to gateways.
pub async fn api_key_used(db: &Db, scope: &OrgScope, id: ApiKeyId, at: UnixMicros) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    sqlx::query(
        "UPDATE api_key SET last_used_at_us = $3 WHERE organization_id = $1 AND id = $2 \
         AND (last_used_at_us IS NULL OR last_used_at_us < $3)",
    )
    .bind(scope.organization().to_string())
    .bind(id.to_string())
    .bind(at.0)
    .execute(&mut *tx)
    .await
    .act("note a key's use")?;
    commit(tx, "note a key's use", Trail::Bookkeeping).await
}

pub(crate) async fn api_key_insert(
    tx: &mut Tx,
    organization: OrganizationId,
    key: &NewApiKey,
    imported: bool,
    now: UnixMicros,
) -> Result<(), StoreError> {
    if let Some(sub_account) = key.sub_account {
        sub_account_takes_key(tx, organization, key.project, sub_account, key.acts_for_sub_accounts).await?;
    }
    let models = texts_stored(key.allowed_models.as_deref())?;
    // The SELECT makes a project of another organization a project that does not exist.
    let done = sqlx::query(
        "INSERT INTO api_key (id, organization_id, project_id, name, hash, prefix, last4, imported, status, expires_at_us, rpm, tpm, \
         concurrency, allowed_models, rules, created_by, created_at_us, sub_account_id, acts_for_sub_accounts) \
         SELECT $1, p.organization_id, p.id, $4, $5, $6, $7, $8, 'active', $9, $10, $11, $12, $13, $14, $15, $16, $17, $18 \
         FROM project p WHERE p.organization_id = $2 AND p.id = $3",
    )
    .bind(key.id.to_string())
    .bind(organization.to_string())
    .bind(key.project.to_string())
    .bind(&*key.name)
    .bind(key.hash.to_vec())
    .bind(&*key.prefix)
    .bind(&*key.last4)
    .bind(i64::from(imported))
    .bind(key.expires_at.map(|at| at.0))
    .bind(key.rpm.map(i64::from))
    .bind(key.tpm.map(i64::from))
    .bind(key.concurrency.map(i64::from))
    .bind(models)
    .bind(rules_stored(&key.rules)?)
    .bind(key.created_by.map(|by| by.to_string()))
    .bind(now.0)
    .bind(key.sub_account.map(|sub_account| sub_account.to_string()))
    .bind(i64::from(key.acts_for_sub_accounts))
    .execute(&mut **tx)
    .await
    .act_unique("write an API key", "API key")?;
    if done.rows_affected() == 0 {
        return Err(StoreError::NotFound { what: "project" });
    }
    let subject = key.id.to_string();
    let change = NewChange { organization, kind: ChangeKind::KeyCreated, subject: &subject, key_hash: Some(&key.hash), now };
    change_insert(tx, &change).await
}

/// One key of the scope with its hash, within a transaction.
pub(crate) async fn api_key_read(tx: &mut Tx, scope: &OrgScope, id: ApiKeyId) -> Result<(ApiKeyRow, [u8; 32]), StoreError> {
    let row = sqlx::query(
        "SELECT id, project_id, sub_account_id, acts_for_sub_accounts, name, hash, prefix, last4, imported, status, expires_at_us, rpm, tpm, concurrency, allowed_models, \
         rules, created_by, created_at_us, revoked_at_us, last_used_at_us FROM api_key WHERE organization_id = $1 AND id = $2",
    )
    .bind(scope.organization().to_string())
    .bind(id.to_string())
    .fetch_optional(&mut **tx)
    .await
    .act("read an API key")?
    .ok_or(StoreError::NotFound { what: "API key" })?;
    let hash = Columns(&row).hash_opt("hash")?.ok_or(StoreError::Corrupt { what: "hash" })?;
    Ok((api_key_row(&row)?, hash))
}

/// What the audit log says of a key: neither the key nor its hash.
pub(crate) fn api_key_said(key: &ApiKeyRow) -> Value {
    json!({
        "project_id": key.project.to_string(), "sub_account_id": key.sub_account.map(|sub_account| sub_account.to_string()),
        "acts_for_sub_accounts": key.acts_for_sub_accounts, "name": key.name, "prefix": key.prefix, "last4": key.last4, "status": key.status.as_str(),
        "expires_at_us": key.expires_at.map(|at| at.0), "rpm": key.rpm, "tpm": key.tpm, "concurrency": key.concurrency,
        "allowed_models": key.allowed_models, "rules": key.rules,
    })
}

pub(crate) fn api_key_audit(scope: &OrgScope, action: AuditAction, id: ApiKeyId, before: Value, after: Value) -> NewAudit {
    NewAudit { organization: scope.organization(), action, subject: (SubjectKind::ApiKey, id.to_string()), before, after }
}

/// A JSON array of texts: models, scopes.
pub(crate) fn texts_stored(models: Option<&[String]>) -> Result<Option<String>, StoreError> {
    let spelled = models.map(serde_json::to_string).transpose();
    spelled.map_err(|error| StoreError::Failed { act: "spell a list of texts", source: error.into() })
}

pub(crate) fn api_key_row(row: &AnyRow) -> Result<ApiKeyRow, StoreError> {
    let columns = Columns(row);
    Ok(ApiKeyRow {
        id: columns.id("id")?,
        project: columns.id("project_id")?,
        sub_account: columns.id_opt("sub_account_id")?,
        acts_for_sub_accounts: columns.flag("acts_for_sub_accounts")?,
        name: columns.text("name")?,
        prefix: columns.text("prefix")?,
        last4: columns.text("last4")?,
        imported: columns.flag("imported")?,
        status: columns.word("status", KeyStatus::parse)?,
        expires_at: columns.time_opt("expires_at_us")?,
        rpm: columns.small_opt("rpm")?,
        tpm: columns.small_opt("tpm")?,
        concurrency: columns.small_opt("concurrency")?,
        allowed_models: texts_read(columns.text_opt("allowed_models")?)?,
        rules: rules_read(columns.text_opt("rules")?)?,
        created_by: columns.id_opt("created_by")?,
        created_at: columns.time("created_at_us")?,
        revoked_at: columns.time_opt("revoked_at_us")?,
        last_used_at: columns.time_opt("last_used_at_us")?,
    })
}
