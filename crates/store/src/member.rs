//! Who belongs to an organization, and what they may do there.

use domain::{ApiKeyId, OrgScope, SessionId, UnixMicros, UserId};
use serde_json::json;
use sqlx::any::AnyRow;

use crate::api_key::api_key_revoke_in;
use crate::audit::{Author, NewAudit, Trail};
use crate::db::{Db, Tx, commit};
use crate::error::{Act, StoreError};
use crate::member_project::{limit_clear, member_role};
use crate::organization::{OrganizationRow, organization_insert};
use crate::page::{Moment, Page};
use crate::person::member_insert;
use crate::project::{ProjectRow, project_insert};
use crate::row::Columns;
use crate::words::{AuditAction, Role, SubjectKind};

/// Limit: organizations that one person belongs to.
pub(crate) const MEMBERSHIPS_MAX: i64 = 100;

/// A member, as the others see them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberPersonRow {
    /// Who.
    pub person: UserId,
    /// That person's address.
    pub email: String,
    /// That person's name; may be empty.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Since when.
    pub created_at: UnixMicros,
}

/// What became of a change among members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberChange {
    /// It was made, or there was nothing to change.
    Done,
    /// Refused: nobody else owns the organization.
    LastOwner,
    /// Refused: it concerns an owner, and who asks is none.
    OwnersOnly,
}

/// How a member goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemberRemove {
    /// Who.
    pub person: UserId,
    /// Who asks may remove owners.
    pub by_owner: bool,
    /// They go by themselves.
    pub leaves: bool,
    /// The API keys that they made stop, too. Management keys always do.
    pub revoke_keys: bool,
}

/// One more organization, with a first project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOrganization {
    /// The organization.
    pub organization: OrganizationRow,
    /// Its first project.
    pub project: ProjectRow,
    /// Its owner.
    pub owner: UserId,
}

/// Members of the scope, oldest membership first.
pub async fn member_list(db: &Db, scope: &OrgScope, page: Page<Moment<UserId>>) -> Result<Vec<MemberPersonRow>, StoreError> {
    let (at, person) = page.later_than();
    let rows = sqlx::query(
        "SELECT m.person_id, p.email, p.name, m.role, m.created_at_us FROM member m JOIN person p ON p.id = m.person_id \
         WHERE m.organization_id = $1 AND (m.created_at_us, m.person_id) > ($2, $3) ORDER BY m.created_at_us, m.person_id LIMIT $4",
    )
    .bind(scope.organization().to_string())
    .bind(at)
    .bind(person)
    .bind(i64::from(page.limit))
    .fetch_all(db.read())
    .await
    .act("list members")?;
    rows.iter().map(member_person_row).collect()
}

/// Where letters to all owners of the scope go.
pub async fn owner_emails(db: &Db, scope: &OrgScope) -> Result<Vec<String>, StoreError> {
    sqlx::query_scalar(
        "SELECT p.email FROM member m JOIN person p ON p.id = m.person_id WHERE m.organization_id = $1 AND m.role = 'owner' \
         AND p.disabled_at_us IS NULL ORDER BY m.created_at_us, m.person_id",
    )
    .bind(scope.organization().to_string())
    .fetch_all(db.read())
    .await
    .act("read the owners' addresses")
}

/// One member of the scope.
pub async fn member_person_get(db: &Db, scope: &OrgScope, person: UserId) -> Result<MemberPersonRow, StoreError> {
    let row = sqlx::query(
        "SELECT m.person_id, p.email, p.name, m.role, m.created_at_us FROM member m JOIN person p ON p.id = m.person_id \
         WHERE m.organization_id = $1 AND m.person_id = $2",
    )
    .bind(scope.organization().to_string())
    .bind(person.to_string())
    .fetch_optional(db.read())
    .await
    .act("read a member")?;
    row.as_ref().map(member_person_row).transpose()?.ok_or(StoreError::NotFound { what: "member" })
}

/// Gives a member another role. An organization keeps an owner, and only owners make or change owners.
pub async fn member_role_set(
    db: &Db,
    scope: &OrgScope,
    person: UserId,
    role: Role,
    by_owner: bool,
    author: &Author,
) -> Result<MemberChange, StoreError> {
    let mut tx = db.begin_write().await?;
    let before = member_role(&mut tx, scope, person).await?;
    if before == role {
        return Ok(MemberChange::Done);
    }
    if !by_owner && (before == Role::Owner || role == Role::Owner) {
        return Ok(MemberChange::OwnersOnly);
    }
    if before == Role::Owner && owners(&mut tx, scope).await? < 2 {
        return Ok(MemberChange::LastOwner);
    }
    member_write(&mut tx, scope, person, role).await?;
    let (before, after) = (json!({ "role": before.as_str() }), json!({ "role": role.as_str() }));
    let new = NewAudit { before, after, ..member_audit(scope, AuditAction::MemberRoleChanged, person) };
    commit(tx, "change a member's role", Trail::Audit(author, &new)).await?;
    Ok(MemberChange::Done)
}

/// Makes another member an owner, and the owner who gives an admin.
pub async fn ownership_transfer(db: &Db, scope: &OrgScope, from: UserId, to: UserId, author: &Author) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    if member_role(&mut tx, scope, from).await? != Role::Owner {
        return Err(StoreError::Conflict { what: "ownership" });
    }
    let before = member_role(&mut tx, scope, to).await?;
    member_write(&mut tx, scope, to, Role::Owner).await?;
    member_write(&mut tx, scope, from, Role::Admin).await?;
    let after = json!({ "role": Role::Owner.as_str(), "from": from.to_string(), "role_of_from": Role::Admin.as_str() });
    let new = NewAudit {
        before: json!({ "role": before.as_str(), "role_of_from": Role::Owner.as_str() }),
        after,
        ..member_audit(scope, AuditAction::OwnershipTransferred, to)
    };
    commit(tx, "give an organization away", Trail::Audit(author, &new)).await
}

/// Ends a membership. Sessions of the person see nothing of the organization from then on, because each request asks for the
/// membership anew; their management keys are revoked, so that they do not open again if the person comes back.
pub async fn member_remove(db: &Db, scope: &OrgScope, remove: &MemberRemove, author: &Author) -> Result<MemberChange, StoreError> {
    let mut tx = db.begin_write().await?;
    let role = member_role(&mut tx, scope, remove.person).await?;
    if role == Role::Owner && !remove.by_owner {
        return Ok(MemberChange::OwnersOnly);
    }
    if role == Role::Owner && owners(&mut tx, scope).await? < 2 {
        return Ok(MemberChange::LastOwner);
    }
    let (organization, person) = (scope.organization().to_string(), remove.person.to_string());
    let keys = if remove.revoke_keys { api_keys_revoke(&mut tx, scope, remove.person, author.at).await? } else { 0 };
    let revoked = sqlx::query(
        "UPDATE management_key SET status = 'revoked', revoked_at_us = $3 \
         WHERE organization_id = $1 AND created_by = $2 AND status = 'active'",
    )
    .bind(organization.clone())
    .bind(person.clone())
    .bind(author.at.0)
    .execute(&mut *tx)
    .await
    .act("revoke a former member's management keys")?;
    sqlx::query("DELETE FROM member WHERE organization_id = $1 AND person_id = $2")
        .bind(organization)
        .bind(person)
        .execute(&mut *tx)
        .await
        .act("remove a member")?;
    let action = if remove.leaves { AuditAction::MemberLeft } else { AuditAction::MemberRemoved };
    let before = json!({ "role": role.as_str() });
    let after = json!({ "api_keys_revoked": keys, "management_keys_revoked": revoked.rows_affected() });
    let new = NewAudit { before, after, ..member_audit(scope, action, remove.person) };
    commit(tx, "remove a member", Trail::Audit(author, &new)).await?;
    Ok(MemberChange::Done)
}

/// Makes one more organization, owned by somebody who has an account.
pub async fn organization_create(db: &Db, new: &NewOrganization, author: &Author) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    memberships_check(&mut tx, new.owner).await?;
    organization_insert(&mut tx, &new.organization).await?;
    member_insert(&mut tx, new.organization.id, new.owner, Role::Owner, author.at).await?;
    project_insert(&mut tx, &new.project).await?;
    let after = json!({ "name": new.organization.name, "owner_id": new.owner.to_string(), "project_id": new.project.id.to_string() });
    let audit = NewAudit {
        organization: new.organization.id,
        action: AuditAction::OrganizationCreated,
        subject: (SubjectKind::Organization, new.organization.id.to_string()),
        before: serde_json::Value::Null,
        after,
    };
    commit(tx, "create an organization", Trail::Audit(author, &audit)).await
}

/// Lets a session show another organization of its person. Takes the scope that the person was found to be a member of.
pub async fn session_switch(db: &Db, scope: &OrgScope, person: UserId, session: SessionId, author: &Author) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    let done = sqlx::query("UPDATE session SET organization_id = $1 WHERE person_id = $2 AND id = $3")
        .bind(scope.organization().to_string())
        .bind(person.to_string())
        .bind(session.to_string())
        .execute(&mut *tx)
        .await
        .act("switch a session")?;
    if done.rows_affected() == 0 {
        return Err(StoreError::NotFound { what: "session" });
    }
    let subject = (SubjectKind::Session, session.to_string());
    let new = NewAudit { subject, ..member_audit(scope, AuditAction::SessionSwitched, person) };
    commit(tx, "switch a session", Trail::Audit(author, &new)).await
}

/// Refuses one membership too many for a person.
pub(crate) async fn memberships_check(tx: &mut Tx, person: UserId) -> Result<(), StoreError> {
    let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM member WHERE person_id = $1")
        .bind(person.to_string())
        .fetch_one(&mut **tx)
        .await
        .act("count memberships")?;
    if count >= MEMBERSHIPS_MAX {
        return Err(StoreError::Invalid { what: "a person belongs to at most 100 organizations; leave one first" });
    }
    Ok(())
}

fn member_audit(scope: &OrgScope, action: AuditAction, person: UserId) -> NewAudit {
    NewAudit {
        organization: scope.organization(),
        action,
        subject: (SubjectKind::Member, person.to_string()),
        before: serde_json::Value::Null,
        after: serde_json::Value::Null,
    }
}

/// Owners and admins see every project.
async fn member_write(tx: &mut Tx, scope: &OrgScope, person: UserId, role: Role) -> Result<(), StoreError> {
    if matches!(role, Role::Owner | Role::Admin) {
        limit_clear(tx, scope, person).await?;
    }
    sqlx::query("UPDATE member SET role = $3 WHERE organization_id = $1 AND person_id = $2")
        .bind(scope.organization().to_string())
        .bind(person.to_string())
        .bind(role.as_str())
        .execute(&mut **tx)
        .await
        .act("change a member's role")?;
    Ok(())
}

async fn owners(tx: &mut Tx, scope: &OrgScope) -> Result<i64, StoreError> {
    sqlx::query_scalar("SELECT COUNT(*) FROM member WHERE organization_id = $1 AND role = 'owner'")
        .bind(scope.organization().to_string())
        .fetch_one(&mut **tx)
        .await
        .act("count owners")
}

/// Revokes what a person made, and tells gateways of each.
async fn api_keys_revoke(tx: &mut Tx, scope: &OrgScope, person: UserId, now: UnixMicros) -> Result<usize, StoreError> {
    let rows = sqlx::query("SELECT id FROM api_key WHERE organization_id = $1 AND created_by = $2 AND status = 'active'")
        .bind(scope.organization().to_string())
        .bind(person.to_string())
        .fetch_all(&mut **tx)
        .await
        .act("read a member's API keys")?;
    for row in &rows {
        let id: ApiKeyId = Columns(row).id("id")?;
        api_key_revoke_in(tx, scope, id, now).await?;
    }
    Ok(rows.len())
}

fn member_person_row(row: &AnyRow) -> Result<MemberPersonRow, StoreError> {
    let columns = Columns(row);
    Ok(MemberPersonRow {
        person: columns.id("person_id")?,
        email: columns.text("email")?,
        name: columns.text("name")?,
        role: columns.word("role", Role::parse)?,
        created_at: columns.time("created_at_us")?,
    })
}
