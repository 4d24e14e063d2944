//! A sub-account's own keys: made many at once, and listed.

use domain::{OrgScope, SubAccountId};
use serde_json::{Value, json};

use crate::api_key::{ApiKeyRow, KeyPage, NewApiKey, api_key_insert, api_key_row};
use crate::audit::{Author, Trail};
use crate::db::{Db, commit};
use crate::error::{Act, StoreError};
use crate::project::project_open;
use crate::sub_account::{sub_account_audit, sub_account_open};
use crate::words::AuditAction;

/// Limit: keys of one call; all are made or none.
const KEYS_AT_ONCE_MAX: usize = 1_000;

/// Stores keys for a sub-account in one transaction, and tells gateways. One line of the audit log names them all. A closed
/// sub-account is a conflict.
pub async fn sub_account_keys_create(
    db: &Db,
    scope: &OrgScope,
    id: SubAccountId,
    keys: &[NewApiKey],
    author: &Author,
) -> Result<(), StoreError> {
    if keys.is_empty() || keys.len() > KEYS_AT_ONCE_MAX {
        return Err(StoreError::Invalid { what: "between 1 and 1,000 keys are made at once" });
    }
    let mut tx = db.begin_write().await?;
    let sub_account = sub_account_open(&mut tx, scope, id).await?;
    project_open(&mut tx, scope, sub_account.project).await?;
    for key in keys {
        let key = NewApiKey { project: sub_account.project, sub_account: Some(id), ..key.clone() };
        api_key_insert(&mut tx, scope.organization(), &key, false, author.at).await?;
    }
    let made: Vec<Value> = keys.iter().map(|key| Value::from(key.id.to_string())).collect();
    let after = json!({ "keys": made.len(), "key_ids": made });
    let audit = sub_account_audit(scope, AuditAction::SubAccountKeysCreated, id, Value::Null, after);
    commit(tx, "make keys for a sub-account", Trail::Audit(author, &audit)).await
}

/// Keys of one sub-account of the scope in the order of their ids.
pub async fn sub_account_keys_list(db: &Db, scope: &OrgScope, id: SubAccountId, page: KeyPage) -> Result<Vec<ApiKeyRow>, StoreError> {
    let rows = sqlx::query(
        "SELECT id, project_id, sub_account_id, acts_for_sub_accounts, name, prefix, last4, imported, status, expires_at_us, rpm, tpm, \
         concurrency, allowed_models, rules, created_by, created_at_us, revoked_at_us, last_used_at_us FROM api_key \
         WHERE organization_id = $1 AND sub_account_id = $2 AND id > $3 ORDER BY id LIMIT $4",
    )
    .bind(scope.organization().to_string())
    .bind(id.to_string())
    .bind(page.after.map(|after| after.to_string()).unwrap_or_default())
    .bind(i64::from(page.limit))
    .fetch_all(db.read())
    .await
    .act("list a sub-account's keys")?;
    rows.iter().map(api_key_row).collect()
}
