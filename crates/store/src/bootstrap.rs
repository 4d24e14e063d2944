//! The first start of an instance: one operator with one organization, one project, its keys and its starter credit.

use domain::ids::TransferId;
use domain::{NanoUsd, OrganizationId, ProjectId, UnixMicros, UserId};
use serde_json::{Value, json};
use sqlx::any::AnyRow;

use crate::api_key::{NewApiKey, api_key_insert};
use crate::audit::{Actor, Author, NewAudit, Trail};
use crate::db::{Db, Tx, commit};
use crate::error::{Act, StoreError};
use crate::ledger::{Account, CreditsGrant, credits_grant_in};
use crate::management_key::{NewManagementKey, management_key_insert};
use crate::organization::{OrganizationRow, organization_insert};
use crate::person::{PersonRow, email_stored, member_insert, person_insert};
use crate::project::{ProjectRow, project_insert};
use crate::row::Columns;
use crate::words::{AuditAction, OrganizationStatus, ProjectMode, Role, SubjectKind};

/// Everything that the first start makes. Ids, hashes and the time come from the caller.
#[derive(Debug, Clone)]
pub struct Bootstrap {
    /// The operator's id.
    pub user: UserId,
    /// The operator's address.
    pub email: String,
    /// The operator's password, hashed.
    pub password_hash: String,
    /// The first organization.
    pub organization: OrganizationId,
    /// Its name.
    pub organization_name: String,
    /// Its plan.
    pub plan: String,
    /// Its mark-up on credits.
    pub markup_basis_points: u32,
    /// Its first project; the API key must name the same.
    pub project: ProjectId,
    /// The project's name.
    pub project_name: String,
    /// Who pays for the project's calls.
    pub mode: ProjectMode,
    /// Whether answers are kept for identical calls.
    pub cache_enabled: bool,
    /// For how long.
    pub cache_ttl_seconds: u32,
    /// The first API key.
    pub api_key: NewApiKey,
    /// The first management key; its `created_by` must be `user`.
    pub management_key: NewManagementKey,
    /// Credit to begin with; zero for none.
    pub starter_credit: NanoUsd,
    /// Id of its transfer.
    pub starter_transfer: TransferId,
    /// When.
    pub now: UnixMicros,
}

/// What an earlier bootstrap made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootstrapState {
    /// The person with the address.
    pub user: UserId,
    /// Whether that person runs the instance.
    pub is_operator: bool,
    /// The person's first organization.
    pub organization: OrganizationId,
    /// That organization's first project.
    pub project: ProjectId,
}

/// What a bootstrap did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bootstrapped {
    /// All was made, the given keys included.
    Created(BootstrapState),
    /// All was there. The given keys were **not** stored and no credit was granted: who wants fresh keys (stored ones
    /// cannot be shown again) calls [`api_key_create`](crate::api_key_create) and
    /// [`management_key_create`](crate::management_key_create).
    Existed(BootstrapState),
}

/// What a bootstrap with this address made earlier; `None` when there is no such person.
pub async fn bootstrap_state(db: &Db, email: &str) -> Result<Option<BootstrapState>, StoreError> {
    let mut tx = db.begin_read().await?;
    state_in(&mut tx, email).await
}

/// Makes the operator, organization, project, keys and starter credit in one transaction. Safe to repeat with the same
/// address. With another address on an instance that has people already it is a conflict.
pub async fn bootstrap(db: &Db, new: &Bootstrap) -> Result<Bootstrapped, StoreError> {
    let mut tx = db.begin_write().await?;
    if let Some(state) = state_in(&mut tx, &new.email).await? {
        return Ok(Bootstrapped::Existed(state));
    }
    let people: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM person").fetch_one(&mut *tx).await.act("count people")?;
    if people > 0 {
        return Err(StoreError::Conflict { what: "first operator" });
    }
    people_insert(&mut tx, new).await?;
    project_insert(&mut tx, &project_of(new)).await?;
    api_key_insert(&mut tx, new.organization, &new.api_key, false, new.now).await?;
    management_key_insert(&mut tx, new.organization, &new.management_key, new.now).await?;
    if new.starter_credit > NanoUsd::ZERO {
        credits_grant_in(&mut tx, new.organization, &starter_of(new)).await?;
    }
    let author = Author { actor: Actor::Operator(new.user), address: String::new(), user_agent: String::new(), at: new.now };
    commit(tx, "bootstrap", Trail::Audit(&author, &audit_of(new))).await?;
    Ok(Bootstrapped::Created(BootstrapState { user: new.user, is_operator: true, organization: new.organization, project: new.project }))
}

fn audit_of(new: &Bootstrap) -> NewAudit {
    let after = json!({
        "name": new.organization_name, "email": email_stored(&new.email), "project_id": new.project.to_string(),
        "api_key_id": new.api_key.id.to_string(), "management_key_id": new.management_key.id.to_string(),
        "starter_credit_nano_usd": new.starter_credit.0,
    });
    let subject = (SubjectKind::Organization, new.organization.to_string());
    NewAudit { organization: new.organization, action: AuditAction::Bootstrapped, subject, before: Value::Null, after }
}

async fn people_insert(tx: &mut Tx, new: &Bootstrap) -> Result<(), StoreError> {
    let person = PersonRow {
        id: new.user,
        email: new.email.clone(),
        name: String::new(),
        password_hash: new.password_hash.clone(),
        is_operator: true,
        email_verified_at: None,
        disabled_at: None,
        created_at: new.now,
    };
    let organization = OrganizationRow {
        id: new.organization,
        name: new.organization_name.clone(),
        plan: new.plan.clone(),
        markup_basis_points: new.markup_basis_points,
        status: OrganizationStatus::Active,
        created_at: new.now,
    };
    person_insert(tx, &person).await?;
    organization_insert(tx, &organization).await?;
    member_insert(tx, new.organization, new.user, Role::Owner, new.now).await
}

fn project_of(new: &Bootstrap) -> ProjectRow {
    ProjectRow {
        cache_enabled: new.cache_enabled,
        cache_ttl_seconds: new.cache_ttl_seconds,
        ..ProjectRow::new(new.project, new.organization, new.project_name.clone(), new.mode, new.now)
    }
}

fn starter_of(new: &Bootstrap) -> CreditsGrant {
    CreditsGrant {
        transfer: new.starter_transfer,
        from: Account::Promo,
        amount: new.starter_credit,
        reason: "starter credit".to_owned(),
        author: "bootstrap".to_owned(),
        now: new.now,
    }
}

async fn state_in(tx: &mut Tx, email: &str) -> Result<Option<BootstrapState>, StoreError> {
    let row = sqlx::query(
        "SELECT u.id, u.is_operator, m.organization_id, p.id AS project_id FROM person u \
         JOIN member m ON m.person_id = u.id JOIN project p ON p.organization_id = m.organization_id \
         WHERE u.email = $1 ORDER BY m.created_at_us, m.organization_id, p.created_at_us, p.id LIMIT 1",
    )
    .bind(email_stored(email))
    .fetch_optional(&mut **tx)
    .await
    .act("look for an earlier bootstrap")?;
    row.as_ref().map(state_row).transpose()
}

fn state_row(row: &AnyRow) -> Result<BootstrapState, StoreError> {
    let columns = Columns(row);
    Ok(BootstrapState {
        user: columns.id("id")?,
        is_operator: columns.flag("is_operator")?,
        organization: columns.id("organization_id")?,
        project: columns.id("project_id")?,
    })
}
