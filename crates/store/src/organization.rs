//! Tenants.

use domain::{OrgScope, OrganizationId, UnixMicros};
use serde_json::json;
use sqlx::any::AnyRow;

use crate::audit::{Author, NewAudit, Trail};
use crate::db::{Db, Tx, commit};
use crate::error::{Act, StoreError};
use crate::row::Columns;
use crate::words::{AuditAction, OrganizationStatus, SubjectKind};

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrganizationRow {
    /// Which.
    pub id: OrganizationId,
    /// For display.
    pub name: String,
    /// Name of a plan in the configuration.
    pub plan: String,
    /// What credits cost on top of the provider's price, in hundredths of a percent.
    pub markup_basis_points: u32,
    /// Whether it may call.
    pub status: OrganizationStatus,
    /// When it was made.
    pub created_at: UnixMicros,
}

/// The organization of the scope.
pub async fn organization_get(db: &Db, scope: &OrgScope) -> Result<OrganizationRow, StoreError> {
    let row = sqlx::query("SELECT id, name, plan, markup_basis_points, status, created_at_us FROM organization WHERE id = $1")
        .bind(scope.organization().to_string())
        .fetch_optional(db.read())
        .await
        .act("read an organization")?;
    row.as_ref().map(organization_row).transpose()?.ok_or(StoreError::NotFound { what: "organization" })
}

/// Gives the organization another name.
pub async fn organization_rename(db: &Db, scope: &OrgScope, name: &str, author: &Author) -> Result<OrganizationRow, StoreError> {
    let mut tx = db.begin_write().await?;
    let row = sqlx::query("SELECT id, name, plan, markup_basis_points, status, created_at_us FROM organization WHERE id = $1")
        .bind(scope.organization().to_string())
        .fetch_optional(&mut *tx)
        .await
        .act("read an organization")?;
    let mut row = row.as_ref().map(organization_row).transpose()?.ok_or(StoreError::NotFound { what: "organization" })?;
    sqlx::query("UPDATE organization SET name = $2 WHERE id = $1")
        .bind(scope.organization().to_string())
        .bind(name)
        .execute(&mut *tx)
        .await
        .act("rename an organization")?;
    let (before, after) = (json!({ "name": row.name }), json!({ "name": name }));
    name.clone_into(&mut row.name);
    let subject = (SubjectKind::Organization, row.id.to_string());
    let new = NewAudit { organization: row.id, action: AuditAction::OrganizationChanged, subject, before, after };
    commit(tx, "rename an organization", Trail::Audit(author, &new)).await?;
    Ok(row)
}

/// Notes in the log that somebody takes everything of the organization with them.
pub async fn export_note(db: &Db, scope: &OrgScope, author: &Author) -> Result<(), StoreError> {
    let (organization, subject) = (scope.organization(), (SubjectKind::Organization, scope.organization().to_string()));
    let (before, after) = (serde_json::Value::Null, serde_json::Value::Null);
    let new = NewAudit { organization, action: AuditAction::OrganizationExported, subject, before, after };
    commit(db.begin_write().await?, "note an export", Trail::Audit(author, &new)).await
}

pub(crate) async fn organization_insert(tx: &mut Tx, organization: &OrganizationRow) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO organization (id, name, plan, markup_basis_points, status, created_at_us) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(organization.id.to_string())
        .bind(&*organization.name)
        .bind(&*organization.plan)
        .bind(i64::from(organization.markup_basis_points))
        .bind(organization.status.as_str())
        .bind(organization.created_at.0)
        .execute(&mut **tx)
        .await
        .act_unique("write an organization", "organization id")?;
    Ok(())
}

fn organization_row(row: &AnyRow) -> Result<OrganizationRow, StoreError> {
    let columns = Columns(row);
    Ok(OrganizationRow {
        id: columns.id("id")?,
        name: columns.text("name")?,
        plan: columns.text("plan")?,
        markup_basis_points: columns.small("markup_basis_points")?,
        status: columns.word("status", OrganizationStatus::parse)?,
        created_at: columns.time("created_at_us")?,
    })
}
