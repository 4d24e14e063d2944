//! Projects: they hold keys and settings.

use domain::{OrgScope, OrganizationId, ProjectId, UnixMicros, UserId};
use serde_json::{Value, json};
use sqlx::any::AnyRow;

use crate::audit::{Author, NewAudit, Trail};
use crate::change::{NewChange, change_insert};
use crate::db::{Db, Tx, commit};
use crate::error::{Act, StoreError};
use crate::page::{Moment, Page};
use crate::row::Columns;
use crate::words::{AuditAction, ChangeKind, ProjectMode, SubjectKind};

/// A project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectRow {
    /// Which.
    pub id: ProjectId,
    /// Whose.
    pub organization: OrganizationId,
    /// Unique in its organization.
    pub name: String,
    /// Who pays for its calls.
    pub mode: ProjectMode,
    /// Whether answers are kept for identical calls.
    pub cache_enabled: bool,
    /// For how long.
    pub cache_ttl_seconds: u32,
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
}

/// One project of the scope.
pub async fn project_get(db: &Db, scope: &OrgScope, id: ProjectId) -> Result<ProjectRow, StoreError> {
    let row = sqlx::query(
        "SELECT id, organization_id, name, mode, cache_enabled, cache_ttl_seconds, created_at_us, updated_at_us \
         FROM project WHERE organization_id = $1 AND id = $2",
    )
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
        "SELECT id, organization_id, name, mode, cache_enabled, cache_ttl_seconds, created_at_us, updated_at_us \
         FROM project WHERE organization_id = $1 AND (created_at_us, id) > ($2, $3) AND ($4 = '' OR EXISTS (SELECT 1 \
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

/// Changes settings, tells gateways, and answers with the project as it is then.
pub async fn project_update(
    db: &Db,
    scope: &OrgScope,
    id: ProjectId,
    update: &ProjectUpdate,
    author: &Author,
) -> Result<ProjectRow, StoreError> {
    let mut tx = db.begin_write().await?;
    let before = project_said(&project_read(&mut tx, scope, id).await?);
    let row = sqlx::query(
        "UPDATE project SET name = COALESCE($3, name), mode = COALESCE($4, mode), cache_enabled = COALESCE($5, cache_enabled), \
         cache_ttl_seconds = COALESCE($6, cache_ttl_seconds), updated_at_us = $7 WHERE organization_id = $1 AND id = $2 \
         RETURNING id, organization_id, name, mode, cache_enabled, cache_ttl_seconds, created_at_us, updated_at_us",
    )
    .bind(scope.organization().to_string())
    .bind(id.to_string())
    .bind(update.name.clone())
    .bind(update.mode.map(|mode| mode.as_str().to_owned()))
    .bind(update.cache_enabled.map(i64::from))
    .bind(update.cache_ttl_seconds.map(i64::from))
    .bind(author.at.0)
    .fetch_optional(&mut *tx)
    .await
    .act_unique("change a project", "project name")?;
    let project = row.as_ref().map(project_row).transpose()?.ok_or(StoreError::NotFound { what: "project" })?;
    let (organization, subject) = (project.organization, id.to_string());
    let change = NewChange { organization, kind: ChangeKind::ProjectChanged, subject: &subject, key_hash: None, now: author.at };
    change_insert(&mut tx, &change).await?;
    let (action, subject) = (AuditAction::ProjectChanged, (SubjectKind::Project, subject));
    let new = NewAudit { organization, action, subject, before, after: project_said(&project) };
    commit(tx, "change a project", Trail::Audit(author, &new)).await?;
    Ok(project)
}

async fn project_read(tx: &mut Tx, scope: &OrgScope, id: ProjectId) -> Result<ProjectRow, StoreError> {
    let row = sqlx::query(
        "SELECT id, organization_id, name, mode, cache_enabled, cache_ttl_seconds, created_at_us, updated_at_us \
         FROM project WHERE organization_id = $1 AND id = $2",
    )
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
        "cache_ttl_seconds": project.cache_ttl_seconds,
    })
}

pub(crate) async fn project_insert(tx: &mut Tx, project: &ProjectRow) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO project (id, organization_id, name, mode, cache_enabled, cache_ttl_seconds, created_at_us, updated_at_us) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(project.id.to_string())
    .bind(project.organization.to_string())
    .bind(&*project.name)
    .bind(project.mode.as_str())
    .bind(i64::from(project.cache_enabled))
    .bind(i64::from(project.cache_ttl_seconds))
    .bind(project.created_at.0)
    .bind(project.updated_at.0)
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
        name: columns.text("name")?,
        mode: columns.word("mode", ProjectMode::parse)?,
        cache_enabled: columns.flag("cache_enabled")?,
        cache_ttl_seconds: columns.small("cache_ttl_seconds")?,
        created_at: columns.time("created_at_us")?,
        updated_at: columns.time("updated_at_us")?,
    })
}
