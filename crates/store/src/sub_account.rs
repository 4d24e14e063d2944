//! Sub-accounts: customers of an organization. Each belongs to one project and is called by an id of the organization's own.

use std::collections::{BTreeMap, BTreeSet};

use domain::{OrgScope, OrganizationId, ProjectId, SubAccountId, UnixMicros};
use serde_json::{Value, json};
use sqlx::any::AnyRow;

use crate::api_key::texts_stored;
use crate::audit::{Author, NewAudit, Trail};
use crate::budget::{BudgetRow, BudgetScope, budgets_of};
use crate::caller::texts_read;
use crate::change::{NewChange, change_insert};
use crate::db::{Db, Tx, commit};
use crate::error::{Act, StoreError};
use crate::row::{Columns, like};
use crate::words::{AuditAction, BudgetScopeKind, ChangeKind, SubAccountStatus, SubjectKind};

/// Limit: sub-accounts of one organization, closed ones included.
pub const SUB_ACCOUNTS_MAX: i64 = 1_000_000;

pub(crate) const ONE_SUB_ACCOUNT: &str = "a sub-account's own key acts for that sub-account only; give the right to a key of the project";

/// A sub-account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubAccountRow {
    /// Which.
    pub id: SubAccountId,
    /// Whose customer.
    pub organization: OrganizationId,
    /// Whose settings its calls have.
    pub project: ProjectId,
    /// What the organization calls it; unique there, for ever.
    pub external_id: String,
    /// For display.
    pub name: String,
    /// Whether it may call.
    pub status: SubAccountStatus,
    /// Requests a minute of all its keys.
    pub rpm: Option<u32>,
    /// Tokens a minute of all its keys.
    pub tpm: Option<u32>,
    /// Calls at once of all its keys.
    pub concurrency: Option<u32>,
    /// Model ids that it may call; `None`: all.
    pub allowed_models: Option<Vec<String>>,
    /// What its price adds to our cost.
    pub markup_basis_points: u32,
    /// Whatever the organization notes of it.
    pub metadata: BTreeMap<String, String>,
    /// When it was made.
    pub created_at: UnixMicros,
    /// When a setting or its status last changed.
    pub updated_at: UnixMicros,
}

/// What a gateway keeps of the sub-account of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerSubAccount {
    /// Which.
    pub id: SubAccountId,
    /// Whether it may call.
    pub status: SubAccountStatus,
    /// Requests a minute of all its keys.
    pub rpm: Option<u32>,
    /// Tokens a minute of all its keys.
    pub tpm: Option<u32>,
    /// Calls at once of all its keys.
    pub concurrency: Option<u32>,
    /// Model ids that it may call; `None`: all. A key's own list narrows it further.
    pub allowed_models: Option<Vec<String>>,
    /// What its price adds to our cost.
    pub markup_basis_points: u32,
}

/// A sub-account that a call names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubAccountFound {
    /// The caller judges its status.
    pub sub_account: CallerSubAccount,
    /// The active budgets on it.
    pub budgets: Vec<BudgetRow>,
    /// The newest revision when this was read: it holds until a later change concerns it.
    pub revision: i64,
}

/// A sub-account about to be made: active, from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSubAccount {
    /// Its id.
    pub id: SubAccountId,
    /// A project of the scope.
    pub project: ProjectId,
    /// What the organization calls it.
    pub external_id: String,
    /// For display.
    pub name: String,
    /// Requests a minute.
    pub rpm: Option<u32>,
    /// Tokens a minute.
    pub tpm: Option<u32>,
    /// Calls at once.
    pub concurrency: Option<u32>,
    /// Model ids that it may call; `None`: all.
    pub allowed_models: Option<Vec<String>>,
    /// What its price adds to our cost.
    pub markup_basis_points: u32,
    /// Whatever the organization notes of it.
    pub metadata: BTreeMap<String, String>,
}

/// New settings. `None` leaves one as it is; `Some(None)` removes a limit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubAccountUpdate {
    /// For display.
    pub name: Option<String>,
    /// Requests a minute.
    pub rpm: Option<Option<u32>>,
    /// Tokens a minute.
    pub tpm: Option<Option<u32>>,
    /// Calls at once.
    pub concurrency: Option<Option<u32>>,
    /// Model ids that it may call.
    pub allowed_models: Option<Option<Vec<String>>>,
    /// What its price adds to our cost, from now on.
    pub markup_basis_points: Option<u32>,
    /// Other notes, as a whole.
    pub metadata: Option<BTreeMap<String, String>>,
}

/// Which sub-accounts, and which part of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubAccountFilter {
    /// Of these projects only; `None`: of all.
    pub projects: Option<BTreeSet<ProjectId>>,
    /// With this external id only.
    pub external_id: Option<String>,
    /// With this text in the name or the external id, whatever its case.
    pub text: Option<String>,
    /// With this status only.
    pub status: Option<SubAccountStatus>,
    /// Behind this one.
    pub after: Option<SubAccountId>,
    /// At most so many.
    pub limit: u32,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, organization_id, project_id, external_id, name, status, rpm, tpm, concurrency, allowed_models, \
             markup_basis_points, metadata, created_at_us, updated_at_us FROM sub_account WHERE organization_id = $1 ",
            $rest
        )
    };
}

/// Makes a sub-account. An external id that the organization gave before is a conflict.
pub async fn sub_account_create(db: &Db, scope: &OrgScope, new: &NewSubAccount, author: &Author) -> Result<SubAccountRow, StoreError> {
    let mut tx = db.begin_write().await?;
    let count = sqlx::query("SELECT COUNT(*) AS sub_accounts FROM sub_account WHERE organization_id = $1")
        .bind(scope.organization().to_string())
        .fetch_one(&mut *tx)
        .await
        .act("count sub-accounts")?;
    if Columns(&count).int("sub_accounts")? >= SUB_ACCOUNTS_MAX {
        return Err(StoreError::Invalid { what: "the organization has 1,000,000 sub-accounts, which is the most there can be" });
    }
    let row = SubAccountRow {
        id: new.id,
        organization: scope.organization(),
        project: new.project,
        external_id: new.external_id.clone(),
        name: new.name.clone(),
        status: SubAccountStatus::Active,
        rpm: new.rpm,
        tpm: new.tpm,
        concurrency: new.concurrency,
        allowed_models: new.allowed_models.clone(),
        markup_basis_points: new.markup_basis_points,
        metadata: new.metadata.clone(),
        created_at: author.at,
        updated_at: author.at,
    };
    sub_account_insert(&mut tx, &row).await?;
    told(&mut tx, &row).await?;
    let audit = sub_account_audit(scope, AuditAction::SubAccountCreated, new.id, Value::Null, sub_account_said(&row));
    commit(tx, "make a sub-account", Trail::Audit(author, &audit)).await?;
    Ok(row)
}

/// One sub-account of the scope.
pub async fn sub_account_get(db: &Db, scope: &OrgScope, id: SubAccountId) -> Result<SubAccountRow, StoreError> {
    let row = sqlx::query(select!("AND id = $2"))
        .bind(scope.organization().to_string())
        .bind(id.to_string())
        .fetch_optional(db.read())
        .await
        .act("read a sub-account")?;
    row.as_ref().map(sub_account_row).transpose()?.ok_or(StoreError::NotFound { what: "sub-account" })
}

/// Sub-accounts of the scope in the order of their ids, which is that of their making.
pub async fn sub_account_list(db: &Db, scope: &OrgScope, filter: &SubAccountFilter) -> Result<Vec<SubAccountRow>, StoreError> {
    let Some(projects) = &filter.projects else { return list_part(db, scope, None, filter).await };
    // Each is asked for by itself, so that a few sub-accounts among many are found by an index.
    let mut found = Vec::new();
    for project in projects {
        found.extend(list_part(db, scope, Some(*project), filter).await?);
    }
    found.sort_by_key(|row| row.id);
    found.truncate(filter.limit as usize);
    Ok(found)
}

async fn list_part(
    db: &Db,
    scope: &OrgScope,
    project: Option<ProjectId>,
    filter: &SubAccountFilter,
) -> Result<Vec<SubAccountRow>, StoreError> {
    let sql = match project {
        Some(_) => select!(
            "AND project_id = $7 AND id > $2 AND ($3 = '' OR status = $3) AND ($4 = '' OR external_id = $4) \
             AND ($5 = '' OR lower(name) LIKE $5 ESCAPE '\\' OR lower(external_id) LIKE $5 ESCAPE '\\') ORDER BY id LIMIT $6"
        ),
        None => select!(
            "AND $7 = '' AND id > $2 AND ($3 = '' OR status = $3) AND ($4 = '' OR external_id = $4) \
             AND ($5 = '' OR lower(name) LIKE $5 ESCAPE '\\' OR lower(external_id) LIKE $5 ESCAPE '\\') ORDER BY id LIMIT $6"
        ),
    };
    let rows = sqlx::query(sql)
        .bind(scope.organization().to_string())
        .bind(filter.after.map(|after| after.to_string()).unwrap_or_default())
        .bind(filter.status.map(|status| status.as_str().to_owned()).unwrap_or_default())
        .bind(filter.external_id.clone().unwrap_or_default())
        .bind(filter.text.as_deref().map(|text| format!("%{}%", like(&text.to_ascii_lowercase()))).unwrap_or_default())
        .bind(i64::from(filter.limit))
        .bind(project.map(|project| project.to_string()).unwrap_or_default())
        .fetch_all(db.read())
        .await
        .act("list sub-accounts")?;
    rows.iter().map(sub_account_row).collect()
}

/// The sub-account of a project that a call names by its external id or its id, with its budgets: for gateways.
pub async fn sub_account_find(db: &Db, scope: &OrgScope, project: ProjectId, named: &str) -> Result<Option<SubAccountFound>, StoreError> {
    // Its own id goes first: nobody takes another's place by an external id that looks like one.
    let row = sqlx::query(
        "SELECT id, status, rpm, tpm, concurrency, allowed_models, markup_basis_points, \
         (SELECT COALESCE(MAX(revision), 0) FROM change) AS revision FROM sub_account \
         WHERE organization_id = $1 AND project_id = $2 AND (id = $3 OR external_id = $3) ORDER BY CASE WHEN id = $3 THEN 0 ELSE 1 END LIMIT 1",
    )
    .bind(scope.organization().to_string())
    .bind(project.to_string())
    .bind(named.to_owned())
    .fetch_optional(db.read())
    .await
    .act("find a call's sub-account")?;
    let Some(row) = row else { return Ok(None) };
    let columns = Columns(&row);
    let sub_account = CallerSubAccount {
        id: columns.id("id")?,
        status: columns.word("status", SubAccountStatus::parse)?,
        rpm: columns.small_opt("rpm")?,
        tpm: columns.small_opt("tpm")?,
        concurrency: columns.small_opt("concurrency")?,
        allowed_models: texts_read(columns.text_opt("allowed_models")?)?,
        markup_basis_points: columns.small("markup_basis_points")?,
    };
    let on = BudgetScope { kind: BudgetScopeKind::SubAccount, value: sub_account.id.to_string() };
    let budgets = budgets_of(db, scope, &on).await?;
    Ok(Some(SubAccountFound { sub_account, budgets, revision: columns.int("revision")? }))
}

/// Changes settings, tells gateways, and answers with the sub-account as it is then. A closed one is a conflict.
pub async fn sub_account_update(
    db: &Db,
    scope: &OrgScope,
    id: SubAccountId,
    update: &SubAccountUpdate,
    author: &Author,
) -> Result<SubAccountRow, StoreError> {
    let mut tx = db.begin_write().await?;
    let before = sub_account_open(&mut tx, scope, id).await?;
    let new = update.clone();
    let after = SubAccountRow {
        name: new.name.unwrap_or_else(|| before.name.clone()),
        rpm: new.rpm.unwrap_or(before.rpm),
        tpm: new.tpm.unwrap_or(before.tpm),
        concurrency: new.concurrency.unwrap_or(before.concurrency),
        allowed_models: new.allowed_models.unwrap_or_else(|| before.allowed_models.clone()),
        markup_basis_points: new.markup_basis_points.unwrap_or(before.markup_basis_points),
        metadata: new.metadata.unwrap_or_else(|| before.metadata.clone()),
        updated_at: author.at,
        ..before.clone()
    };
    sub_account_write(&mut tx, &after).await?;
    let audit = sub_account_audit(scope, AuditAction::SubAccountChanged, id, sub_account_said(&before), sub_account_said(&after));
    commit(tx, "change a sub-account", Trail::Audit(author, &audit)).await?;
    Ok(after)
}

/// Suspends, resumes or closes a sub-account, tells gateways, and answers with it as it is then. What it is already changes
/// nothing; of a closed one everything else is a conflict. Its keys are revoked when it is closed.
pub async fn sub_account_status_set(
    db: &Db,
    scope: &OrgScope,
    id: SubAccountId,
    status: SubAccountStatus,
    author: &Author,
) -> Result<SubAccountRow, StoreError> {
    let mut tx = db.begin_write().await?;
    let before = sub_account_read(&mut tx, scope.organization(), id).await?;
    if before.status == status {
        return Ok(before);
    }
    if before.status == SubAccountStatus::Closed {
        return Err(StoreError::Conflict { what: "sub-account" });
    }
    let after = SubAccountRow { status, updated_at: author.at, ..before.clone() };
    sub_account_write(&mut tx, &after).await?;
    let action = match status {
        SubAccountStatus::Active => AuditAction::SubAccountResumed,
        SubAccountStatus::Suspended => AuditAction::SubAccountSuspended,
        SubAccountStatus::Closed => {
            keys_revoke(&mut tx, &after).await?;
            AuditAction::SubAccountClosed
        }
    };
    let audit = sub_account_audit(scope, action, id, sub_account_said(&before), sub_account_said(&after));
    commit(tx, "set a sub-account's status", Trail::Audit(author, &audit)).await?;
    Ok(after)
}

/// Gateways learn of it from the sub-account's change, which concerns every key of the organization.
async fn keys_revoke(tx: &mut Tx, of: &SubAccountRow) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE api_key SET status = 'revoked', revoked_at_us = $3 WHERE organization_id = $1 AND sub_account_id = $2 AND status = 'active'",
    )
    .bind(of.organization.to_string())
    .bind(of.id.to_string())
    .bind(of.updated_at.0)
    .execute(&mut **tx)
    .await
    .act("revoke a sub-account's keys")?;
    Ok(())
}

/// Refuses a key for a sub-account that is not the project's or is closed, and one that would act for others, too.
pub(crate) async fn sub_account_takes_key(
    tx: &mut Tx,
    organization: OrganizationId,
    project: ProjectId,
    id: SubAccountId,
    acts_for_others: bool,
) -> Result<(), StoreError> {
    if acts_for_others {
        return Err(StoreError::Invalid { what: ONE_SUB_ACCOUNT });
    }
    let row = sub_account_read(tx, organization, id).await?;
    if row.project != project {
        return Err(StoreError::NotFound { what: "sub-account" });
    }
    if row.status == SubAccountStatus::Closed {
        return Err(StoreError::Conflict { what: "sub-account" });
    }
    Ok(())
}

/// One sub-account of the scope that is not closed, within a transaction.
pub(crate) async fn sub_account_open(tx: &mut Tx, scope: &OrgScope, id: SubAccountId) -> Result<SubAccountRow, StoreError> {
    let row = sub_account_read(tx, scope.organization(), id).await?;
    if row.status == SubAccountStatus::Closed {
        return Err(StoreError::Conflict { what: "sub-account" });
    }
    Ok(row)
}

async fn sub_account_read(tx: &mut Tx, organization: OrganizationId, id: SubAccountId) -> Result<SubAccountRow, StoreError> {
    let row = sqlx::query(select!("AND id = $2"))
        .bind(organization.to_string())
        .bind(id.to_string())
        .fetch_optional(&mut **tx)
        .await
        .act("read a sub-account")?;
    row.as_ref().map(sub_account_row).transpose()?.ok_or(StoreError::NotFound { what: "sub-account" })
}

async fn sub_account_insert(tx: &mut Tx, row: &SubAccountRow) -> Result<(), StoreError> {
    // The SELECT makes a project of another organization a project that does not exist.
    let done = sqlx::query(
        "INSERT INTO sub_account (id, organization_id, project_id, external_id, name, status, rpm, tpm, concurrency, allowed_models, \
         markup_basis_points, metadata, created_at_us, updated_at_us) \
         SELECT $1, p.organization_id, p.id, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14 \
         FROM project p WHERE p.organization_id = $2 AND p.id = $3",
    )
    .bind(row.id.to_string())
    .bind(row.organization.to_string())
    .bind(row.project.to_string())
    .bind(&*row.external_id)
    .bind(&*row.name)
    .bind(row.status.as_str())
    .bind(row.rpm.map(i64::from))
    .bind(row.tpm.map(i64::from))
    .bind(row.concurrency.map(i64::from))
    .bind(texts_stored(row.allowed_models.as_deref())?)
    .bind(i64::from(row.markup_basis_points))
    .bind(metadata_stored(&row.metadata)?)
    .bind(row.created_at.0)
    .bind(row.updated_at.0)
    .execute(&mut **tx)
    .await
    .act_unique("write a sub-account", "external id")?;
    if done.rows_affected() == 0 {
        return Err(StoreError::NotFound { what: "project" });
    }
    Ok(())
}

async fn sub_account_write(tx: &mut Tx, row: &SubAccountRow) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE sub_account SET name = $3, status = $4, rpm = $5, tpm = $6, concurrency = $7, allowed_models = $8, \
         markup_basis_points = $9, metadata = $10, updated_at_us = $11 WHERE organization_id = $1 AND id = $2",
    )
    .bind(row.organization.to_string())
    .bind(row.id.to_string())
    .bind(&*row.name)
    .bind(row.status.as_str())
    .bind(row.rpm.map(i64::from))
    .bind(row.tpm.map(i64::from))
    .bind(row.concurrency.map(i64::from))
    .bind(texts_stored(row.allowed_models.as_deref())?)
    .bind(i64::from(row.markup_basis_points))
    .bind(metadata_stored(&row.metadata)?)
    .bind(row.updated_at.0)
    .execute(&mut **tx)
    .await
    .act("change a sub-account")?;
    told(tx, row).await
}

async fn told(tx: &mut Tx, row: &SubAccountRow) -> Result<(), StoreError> {
    let subject = row.id.to_string();
    let change = NewChange {
        organization: row.organization,
        kind: ChangeKind::SubAccountChanged,
        subject: &subject,
        key_hash: None,
        now: row.updated_at,
    };
    change_insert(tx, &change).await
}

pub(crate) fn sub_account_audit(scope: &OrgScope, action: AuditAction, id: SubAccountId, before: Value, after: Value) -> NewAudit {
    NewAudit { organization: scope.organization(), action, subject: (SubjectKind::SubAccount, id.to_string()), before, after }
}

/// What the audit log says of a sub-account.
fn sub_account_said(row: &SubAccountRow) -> Value {
    json!({
        "project_id": row.project.to_string(), "external_id": row.external_id, "name": row.name, "status": row.status.as_str(),
        "rpm": row.rpm, "tpm": row.tpm, "concurrency": row.concurrency, "allowed_models": row.allowed_models,
        "markup_basis_points": row.markup_basis_points, "metadata": row.metadata,
    })
}

fn metadata_stored(metadata: &BTreeMap<String, String>) -> Result<String, StoreError> {
    serde_json::to_string(metadata).map_err(|error| StoreError::Failed { act: "spell a sub-account's metadata", source: error.into() })
}

fn sub_account_row(row: &AnyRow) -> Result<SubAccountRow, StoreError> {
    let columns = Columns(row);
    Ok(SubAccountRow {
        id: columns.id("id")?,
        organization: columns.id("organization_id")?,
        project: columns.id("project_id")?,
        external_id: columns.text("external_id")?,
        name: columns.text("name")?,
        status: columns.word("status", SubAccountStatus::parse)?,
        rpm: columns.small_opt("rpm")?,
        tpm: columns.small_opt("tpm")?,
        concurrency: columns.small_opt("concurrency")?,
        allowed_models: texts_read(columns.text_opt("allowed_models")?)?,
        markup_basis_points: columns.small("markup_basis_points")?,
        metadata: serde_json::from_str(&columns.text("metadata")?).map_err(|_| StoreError::Corrupt { what: "metadata" })?,
        created_at: columns.time("created_at_us")?,
        updated_at: columns.time("updated_at_us")?,
    })
}
