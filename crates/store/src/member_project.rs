//! Members who see some projects of their organization only.

use std::collections::{BTreeMap, BTreeSet};

use domain::{OrgScope, ProjectId, UserId};
use serde_json::{Value, json};
use sqlx::any::AnyRow;

use crate::audit::{Author, NewAudit, Trail};
use crate::db::{Db, Tx, commit};
use crate::error::{Act, StoreError};
use crate::page::{Moment, Page};
use crate::row::Columns;
use crate::words::{AuditAction, Role, SubjectKind};

/// Limit: projects that one member is limited to.
const PROJECTS_MAX: usize = 1_000;

/// Which projects each limited member sees; who is missing sees all.
pub type Limits = BTreeMap<UserId, BTreeSet<ProjectId>>;

/// The projects that a member sees; `None`: all.
pub async fn member_limit(db: &Db, scope: &OrgScope, person: UserId) -> Result<Option<BTreeSet<ProjectId>>, StoreError> {
    let rows = sqlx::query(
        "SELECT l.person_id, p.project_id FROM member_limited l LEFT JOIN member_project p \
         ON p.organization_id = l.organization_id AND p.person_id = l.person_id WHERE l.organization_id = $1 AND l.person_id = $2",
    )
    .bind(scope.organization().to_string())
    .bind(person.to_string())
    .fetch_all(db.read())
    .await
    .act("read a member's projects")?;
    Ok(limits(&rows)?.remove(&person))
}

/// The limits of those who are on a page of [`member_list`](crate::member_list).
pub async fn member_limits(db: &Db, scope: &OrgScope, page: Page<Moment<UserId>>) -> Result<Limits, StoreError> {
    let (at, person) = page.later_than();
    let rows = sqlx::query(
        "SELECT l.person_id, p.project_id FROM member_limited l LEFT JOIN member_project p \
         ON p.organization_id = l.organization_id AND p.person_id = l.person_id WHERE l.organization_id = $1 AND l.person_id IN \
         (SELECT person_id FROM member WHERE organization_id = $1 AND (created_at_us, person_id) > ($2, $3) \
         ORDER BY created_at_us, person_id LIMIT $4)",
    )
    .bind(scope.organization().to_string())
    .bind(at)
    .bind(person)
    .bind(i64::from(page.limit))
    .fetch_all(db.read())
    .await
    .act("read members' projects")?;
    limits(&rows)
}

/// Limits a member to some projects, or (`None`) to none. Owners and admins see everything: a conflict.
pub async fn member_limit_set(
    db: &Db,
    scope: &OrgScope,
    person: UserId,
    projects: Option<&BTreeSet<ProjectId>>,
    author: &Author,
) -> Result<(), StoreError> {
    if projects.is_some_and(|projects| projects.len() > PROJECTS_MAX) {
        return Err(StoreError::Invalid { what: "a member is limited to at most 1000 projects" });
    }
    let mut tx = db.begin_write().await?;
    let role = member_role(&mut tx, scope, person).await?;
    if projects.is_some() && matches!(role, Role::Owner | Role::Admin) {
        return Err(StoreError::Conflict { what: "role" });
    }
    let before = limit_read(&mut tx, scope, person).await?;
    if before.as_ref() == projects {
        return Ok(());
    }
    limit_clear(&mut tx, scope, person).await?;
    if let Some(projects) = projects {
        limit_write(&mut tx, scope, person, projects).await?;
    }
    let new = NewAudit {
        organization: scope.organization(),
        action: AuditAction::MemberProjectsChanged,
        subject: (SubjectKind::Member, person.to_string()),
        before: said(before.as_ref()),
        after: said(projects),
    };
    commit(tx, "limit a member to projects", Trail::Audit(author, &new)).await
}

/// Lifts a member's limits, in a transaction that makes them owner or admin.
pub(crate) async fn limit_clear(tx: &mut Tx, scope: &OrgScope, person: UserId) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM member_limited WHERE organization_id = $1 AND person_id = $2")
        .bind(scope.organization().to_string())
        .bind(person.to_string())
        .execute(&mut **tx)
        .await
        .act("lift a member's limits")?;
    Ok(())
}

/// What a member may do, within a transaction.
pub(crate) async fn member_role(tx: &mut Tx, scope: &OrgScope, person: UserId) -> Result<Role, StoreError> {
    let row = sqlx::query("SELECT role FROM member WHERE organization_id = $1 AND person_id = $2")
        .bind(scope.organization().to_string())
        .bind(person.to_string())
        .fetch_optional(&mut **tx)
        .await
        .act("read a member")?
        .ok_or(StoreError::NotFound { what: "member" })?;
    Columns(&row).word("role", Role::parse)
}

async fn limit_read(tx: &mut Tx, scope: &OrgScope, person: UserId) -> Result<Option<BTreeSet<ProjectId>>, StoreError> {
    let rows = sqlx::query(
        "SELECT l.person_id, p.project_id FROM member_limited l LEFT JOIN member_project p \
         ON p.organization_id = l.organization_id AND p.person_id = l.person_id WHERE l.organization_id = $1 AND l.person_id = $2",
    )
    .bind(scope.organization().to_string())
    .bind(person.to_string())
    .fetch_all(&mut **tx)
    .await
    .act("read a member's projects")?;
    Ok(limits(&rows)?.remove(&person))
}

async fn limit_write(tx: &mut Tx, scope: &OrgScope, person: UserId, projects: &BTreeSet<ProjectId>) -> Result<(), StoreError> {
    let (organization, person) = (scope.organization().to_string(), person.to_string());
    sqlx::query("INSERT INTO member_limited (organization_id, person_id) VALUES ($1, $2)")
        .bind(organization.clone())
        .bind(person.clone())
        .execute(&mut **tx)
        .await
        .act("limit a member")?;
    for project in projects {
        // The SELECT makes a project of another organization a project that does not exist.
        let done = sqlx::query(
            "INSERT INTO member_project (organization_id, person_id, project_id) \
             SELECT p.organization_id, $2, p.id FROM project p WHERE p.organization_id = $1 AND p.id = $3",
        )
        .bind(organization.clone())
        .bind(person.clone())
        .bind(project.to_string())
        .execute(&mut **tx)
        .await
        .act("limit a member to a project")?;
        if done.rows_affected() == 0 {
            return Err(StoreError::NotFound { what: "project" });
        }
    }
    Ok(())
}

fn said(projects: Option<&BTreeSet<ProjectId>>) -> Value {
    json!({ "project_ids": projects.map(|projects| projects.iter().map(ToString::to_string).collect::<Vec<_>>()) })
}

fn limits(rows: &[AnyRow]) -> Result<Limits, StoreError> {
    let mut limits = Limits::new();
    for row in rows {
        let columns = Columns(row);
        let projects = limits.entry(columns.id("person_id")?).or_default();
        projects.extend(columns.id_opt::<ProjectId>("project_id")?);
    }
    Ok(limits)
}
