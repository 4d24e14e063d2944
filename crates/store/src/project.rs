//! Projects: they hold keys and settings.

use domain::{OrgScope, OrganizationId, ProjectId, UnixMicros, UserId};
use serde_json::{Value, json};
use sqlx::any::AnyRow;

use crate::audit::{Author, NewAudit, Trail};
use crate::change::{NewChange, change_insert};
use crate::db::{Db, Tx, commit};
use crate::error::{Act, StoreError};
use crate::narrowing::{Narrowing, NarrowingUpdate, PLAIN, narrowing_read};
use crate::page::{Moment, Page};
use crate::row::Columns;
use crate::words::{AuditAction, ChangeKind, ProjectMode, ProjectStatus, RoutingStrategy, SubjectKind};

/// Limit: projects of an organization.
const PROJECTS_MAX: i64 = 1_000;

/// A project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectRow {
    /// Which.
    pub id: ProjectId,
    /// Whose.
    pub organization: OrganizationId,
    /// Whether its keys open.
    pub status: ProjectStatus,
    /// Unique in its organization.
    pub name: String,
    /// Who pays for its calls.
    pub mode: ProjectMode,
    /// Whether answers are kept for identical calls.
    pub cache_enabled: bool,
    /// For how long.
    pub cache_ttl_seconds: u32,
    /// In which order its calls try what can serve them.
    pub routing: RoutingStrategy,
    /// What its calls are held to.
    pub narrowing: Narrowing,
    /// When it was made.
    pub created_at: UnixMicros,
    /// When a setting last changed.
    pub updated_at: UnixMicros,
}

/// New settings; `None` leaves one as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProjectUpdate {
    /// A new name.
    pub name: Option<String>,
    /// Another payer.
    pub mode: Option<ProjectMode>,
    /// Cache on or off.
    pub cache_enabled: Option<bool>,
    /// Another life of cached answers.
    pub cache_ttl_seconds: Option<u32>,
    /// Another order of what can serve its calls.
    pub routing: Option<RoutingStrategy>,
    /// What its calls are held to.
    pub narrowing: NarrowingUpdate,
}

impl ProjectRow {
    /// A new project that holds its calls to nothing.
    pub fn new(id: ProjectId, organization: OrganizationId, name: String, mode: ProjectMode, now: UnixMicros) -> Self {
        Self {
            id,
            organization,
            status: ProjectStatus::Active,
            name,
            mode,
            cache_enabled: false,
            cache_ttl_seconds: CACHE_TTL_SECONDS,
            routing: RoutingStrategy::Smart,
            narrowing: Narrowing::default(),
            created_at: now,
            updated_at: now,
        }
    }
}

/// How long a new project keeps answers once that is switched on.
const CACHE_TTL_SECONDS: u32 = 3_600;

const BY_ID: &str = "SELECT id, organization_id, name, mode, cache_enabled, cache_ttl_seconds, created_at_us, updated_at_us, status, \
                     routing, rpm, tpm, concurrency, allowed_models, rules FROM project WHERE organization_id = $1 AND id = $2";

/// One project of the scope.
pub async fn project_get(db: &Db, scope: &OrgScope, id: ProjectId) -> Result<ProjectRow, StoreError> {
    let row = sqlx::query(BY_ID)
        .bind(scope.organization().to_string())
        .bind(id.to_string())
        .fetch_optional(db.read())
        .await
        .act("read a project")?;
    row.as_ref().map(project_row).transpose()?.ok_or(StoreError::NotFound { what: "project" })
}

/// Projects of the scope, oldest first; of a member who is limited to some, those.
pub async fn project_list(
    db: &Db,
    scope: &OrgScope,
    limited: Option<UserId>,
    page: Page<Moment<ProjectId>>,
) -> Result<Vec<ProjectRow>, StoreError> {
    let (at, id) = page.later_than();
    let rows = sqlx::query(
        "SELECT id, organization_id, name, mode, cache_enabled, cache_ttl_seconds, created_at_us, updated_at_us, status, routing, rpm, \
         tpm, concurrency, allowed_models, rules FROM project WHERE organization_id = $1 AND (created_at_us, id) > ($2, $3) AND ($4 = '' OR EXISTS (SELECT 1 \
         FROM member_project m WHERE m.organization_id = $1 AND m.person_id = $4 AND m.project_id = project.id)) \
         ORDER BY created_at_us, id LIMIT $5",
    )
    .bind(scope.organization().to_string())
    .bind(at)
    .bind(id)
    .bind(limited.map(|person| person.to_string()).unwrap_or_default())
    .bind(i64::from(page.limit))
    .fetch_all(db.read())
    .await
    .act("read projects")?;
    rows.iter().map(project_row).collect()
}

/// Makes a further project. A name that is taken is a conflict.
pub async fn project_create(db: &Db, scope: &OrgScope, project: &ProjectRow, author: &Author) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    let project = ProjectRow { organization: scope.organization(), ..project.clone() };
    let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM project WHERE organization_id = $1")
        .bind(scope.organization().to_string())
        .fetch_one(&mut *tx)
        .await
        .act("count projects")?;
    if count >= PROJECTS_MAX {
        return Err(StoreError::Invalid { what: "an organization has at most 1,000 projects; rename one that is archived" });
    }
    project_insert(&mut tx, &project).await?;
    let new = project_audit(AuditAction::ProjectCreated, &project, Value::Null);
    commit(tx, "make a project", Trail::Audit(author, &new)).await
}

/// Changes settings, tells gateways, and answers with the project as it is then. An archived one is a conflict.
pub async fn project_update(
    db: &Db,
    scope: &OrgScope,
    id: ProjectId,
    update: &ProjectUpdate,
    author: &Author,
) -> Result<ProjectRow, StoreError> {
    let mut tx = db.begin_write().await?;
    let before = project_read(&mut tx, scope, id).await?;
    if before.status == ProjectStatus::Archived {
        return Err(StoreError::Archived);
    }
    let (said, update) = (project_said(&before), update.clone());
    let project = ProjectRow {
        name: update.name.unwrap_or(before.name),
        mode: update.mode.unwrap_or(before.mode),
        cache_enabled: update.cache_enabled.unwrap_or(before.cache_enabled),
        cache_ttl_seconds: update.cache_ttl_seconds.unwrap_or(before.cache_ttl_seconds),
        routing: update.routing.unwrap_or(before.routing),
        narrowing: before.narrowing.updated(&update.narrowing),
        updated_at: author.at,
        ..before
    };
    project_write(&mut tx, &project).await?;
    project_tell(&mut tx, &project).await?;
    let new = project_audit(AuditAction::ProjectChanged, &project, said);
    commit(tx, "change a project", Trail::Audit(author, &new)).await?;
    Ok(project)
}

/// Puts a project away or takes it back, tells gateways, and answers with the project as it is then. Repeating it changes nothing.
pub async fn project_status_set(
    db: &Db,
    scope: &OrgScope,
    id: ProjectId,
    status: ProjectStatus,
    author: &Author,
) -> Result<ProjectRow, StoreError> {
    let mut tx = db.begin_write().await?;
    let before = project_read(&mut tx, scope, id).await?;
    if before.status == status {
        return Ok(before);
    }
    let said = project_said(&before);
    let project = ProjectRow { status, updated_at: author.at, ..before };
    project_write(&mut tx, &project).await?;
    project_tell(&mut tx, &project).await?;
    let action = match status {
        ProjectStatus::Archived => AuditAction::ProjectArchived,
        ProjectStatus::Active => AuditAction::ProjectRestored,
    };
    commit(tx, "archive or restore a project", Trail::Audit(author, &project_audit(action, &project, said))).await?;
    Ok(project)
}

/// Refuses a change of what is in an archived project.
pub(crate) async fn project_open(tx: &mut Tx, scope: &OrgScope, id: ProjectId) -> Result<(), StoreError> {
    match project_read(tx, scope, id).await?.status {
        ProjectStatus::Active => Ok(()),
        ProjectStatus::Archived => Err(StoreError::Archived),
    }
}

async fn project_write(tx: &mut Tx, project: &ProjectRow) -> Result<(), StoreError> {
    let ([rpm, tpm, concurrency], [allowed_models, rules]) = project.narrowing.stored()?;
    sqlx::query(
        "UPDATE project SET name = $3, mode = $4, cache_enabled = $5, cache_ttl_seconds = $6, updated_at_us = $7, status = $8, \
         routing = $9, rpm = $10, tpm = $11, concurrency = $12, allowed_models = $13, rules = $14 WHERE organization_id = $1 AND id = $2",
    )
    .bind(project.organization.to_string())
    .bind(project.id.to_string())
    .bind(&*project.name)
    .bind(project.mode.as_str())
    .bind(i64::from(project.cache_enabled))
    .bind(i64::from(project.cache_ttl_seconds))
    .bind(project.updated_at.0)
    .bind(project.status.as_str())
    .bind(project.routing.as_str())
    .bind(rpm)
    .bind(tpm)
    .bind(concurrency)
    .bind(allowed_models)
    .bind(rules)
    .execute(&mut **tx)
    .await
    .act_unique("change a project", "project name")?;
    Ok(())
}

async fn project_tell(tx: &mut Tx, project: &ProjectRow) -> Result<(), StoreError> {
    let (organization, subject) = (project.organization, project.id.to_string());
    let change = NewChange { organization, kind: ChangeKind::ProjectChanged, subject: &subject, key_hash: None, now: project.updated_at };
    change_insert(tx, &change).await
}

fn project_audit(action: AuditAction, project: &ProjectRow, before: Value) -> NewAudit {
    let subject = (SubjectKind::Project, project.id.to_string());
    NewAudit { organization: project.organization, action, subject, before, after: project_said(project) }
}

async fn project_read(tx: &mut Tx, scope: &OrgScope, id: ProjectId) -> Result<ProjectRow, StoreError> {
    let row = sqlx::query(BY_ID)
        .bind(scope.organization().to_string())
        .bind(id.to_string())
        .fetch_optional(&mut **tx)
        .await
        .act("read a project")?;
    row.as_ref().map(project_row).transpose()?.ok_or(StoreError::NotFound { what: "project" })
}

/// What the audit log says of a project.
pub(crate) fn project_said(project: &ProjectRow) -> Value {
    json!({
        "name": project.name, "mode": project.mode.as_str(), "cache_enabled": project.cache_enabled,
        "cache_ttl_seconds": project.cache_ttl_seconds, "status": project.status.as_str(), "routing": project.routing.as_str(),
        "narrowing": project.narrowing.said(),
    })
}

pub(crate) async fn project_insert(tx: &mut Tx, project: &ProjectRow) -> Result<(), StoreError> {
    let ([rpm, tpm, concurrency], [allowed_models, rules]) = project.narrowing.stored()?;
    sqlx::query(
        "INSERT INTO project (id, organization_id, name, mode, cache_enabled, cache_ttl_seconds, created_at_us, updated_at_us, status, \
         routing, rpm, tpm, concurrency, allowed_models, rules) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
    )
    .bind(project.id.to_string())
    .bind(project.organization.to_string())
    .bind(&*project.name)
    .bind(project.mode.as_str())
    .bind(i64::from(project.cache_enabled))
    .bind(i64::from(project.cache_ttl_seconds))
    .bind(project.created_at.0)
    .bind(project.updated_at.0)
    .bind(project.status.as_str())
    .bind(project.routing.as_str())
    .bind(rpm)
    .bind(tpm)
    .bind(concurrency)
    .bind(allowed_models)
    .bind(rules)
    .execute(&mut **tx)
    .await
    .act_unique("write a project", "project name")?;
    Ok(())
}

fn project_row(row: &AnyRow) -> Result<ProjectRow, StoreError> {
    let columns = Columns(row);
    Ok(ProjectRow {
        id: columns.id("id")?,
        organization: columns.id("organization_id")?,
        status: columns.word("status", ProjectStatus::parse)?,
        routing: columns.word("routing", RoutingStrategy::parse)?,
        narrowing: narrowing_read(row, PLAIN)?,
        name: columns.text("name")?,
        mode: columns.word("mode", ProjectMode::parse)?,
        cache_enabled: columns.flag("cache_enabled")?,
        cache_ttl_seconds: columns.small("cache_ttl_seconds")?,
        created_at: columns.time("created_at_us")?,
        updated_at: columns.time("updated_at_us")?,
    })
}
