//! Organizations that are being deleted: asked for by an owner, taken back by an owner, and taken up by the job that erases them.

use domain::{OrgScope, OrganizationId, UnixMicros, UserId};
use serde_json::{Value, json};
use sqlx::any::AnyRow;

use crate::audit::{Author, NewAudit, Trail};
use crate::change::{NewChange, change_insert};
use crate::db::{Db, Tx, commit};
use crate::error::{Act, StoreError};
use crate::mail::{NewMail, mail_insert};
use crate::page::{Moment, Page};
use crate::row::Columns;
use crate::words::{AuditAction, ChangeKind, OrganizationStatus, SubjectKind};

/// A deletion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeletionRow {
    /// Of which organization.
    pub organization: OrganizationId,
    /// Its name; empty once it is purged.
    pub name: String,
    /// Who asked; nobody any more once it is purged.
    pub asked_by: Option<UserId>,
    /// When.
    pub asked_at: UnixMicros,
    /// From when on it cannot be taken back, and is erased.
    pub purge_at: UnixMicros,
    /// When that was done.
    pub purged_at: Option<UnixMicros>,
}

/// What became of a wish to delete an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeletionBegin {
    /// It is being deleted.
    Begun,
    /// It was already.
    Before,
    /// Somebody who runs the instance belongs to no other organization, and could not log in any more.
    LastOfOperator,
}

/// Begins the deletion of the organization: its keys stop on every gateway. Letters go with it.
pub async fn deletion_begin(
    db: &Db,
    scope: &OrgScope,
    person: UserId,
    purge_at: UnixMicros,
    letters: &[NewMail],
    author: &Author,
) -> Result<DeletionBegin, StoreError> {
    let mut tx = db.begin_write().await?;
    let organization = scope.organization();
    let operators: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM member m JOIN person p ON p.id = m.person_id WHERE m.organization_id = $1 AND p.is_operator = 1 \
         AND NOT EXISTS (SELECT 1 FROM member o WHERE o.person_id = m.person_id AND o.organization_id <> $1)",
    )
    .bind(organization.to_string())
    .fetch_one(&mut *tx)
    .await
    .act("look for operators without another organization")?;
    if operators > 0 {
        return Ok(DeletionBegin::LastOfOperator);
    }
    let before = status_of(&mut tx, organization).await?;
    if !deletion_begin_in(&mut tx, organization, before, person, purge_at, author.at).await? {
        return Ok(DeletionBegin::Before);
    }
    for letter in letters {
        mail_insert(&mut tx, letter).await?;
    }
    let (before, after) = (json!({ "status": before.as_str() }), json!({ "status": "deleting", "purge_at_us": purge_at.0 }));
    let new = audit(organization, AuditAction::OrganizationDeletionAsked, before, after);
    commit(tx, "begin to delete an organization", Trail::Audit(author, &new)).await?;
    Ok(DeletionBegin::Begun)
}

/// [`deletion_begin`] inside a transaction that does more; answers false for one that is being deleted already.
pub(crate) async fn deletion_begin_in(
    tx: &mut Tx,
    organization: OrganizationId,
    before: OrganizationStatus,
    person: UserId,
    purge_at: UnixMicros,
    now: UnixMicros,
) -> Result<bool, StoreError> {
    if matches!(before, OrganizationStatus::Deleting | OrganizationStatus::Deleted) {
        return Ok(false);
    }
    sqlx::query(
        "INSERT INTO organization_deletion (organization_id, asked_by, status_before, asked_at_us, purge_at_us, claimed_until_us) \
         VALUES ($1, $2, $3, $4, $5, 0)",
    )
    .bind(organization.to_string())
    .bind(person.to_string())
    .bind(before.as_str())
    .bind(now.0)
    .bind(purge_at.0)
    .execute(&mut **tx)
    .await
    .act_unique("write a deletion", "deletion")?;
    status_set(tx, organization, OrganizationStatus::Deleting, now).await?;
    Ok(true)
}

/// Takes the deletion back: the organization is what it was before, and its keys open again. One that is not being deleted, or is
/// being erased, is a conflict.
pub async fn deletion_cancel(db: &Db, scope: &OrgScope, letters: &[NewMail], author: &Author) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    let organization = scope.organization();
    let row = sqlx::query(
        "SELECT status_before FROM organization_deletion WHERE organization_id = $1 AND claimed_until_us = 0 AND purge_at_us > $2",
    )
    .bind(organization.to_string())
    .bind(author.at.0)
    .fetch_optional(&mut *tx)
    .await
    .act("read a deletion")?
    .ok_or(StoreError::Conflict { what: "organization" })?;
    let before = Columns(&row).word("status_before", OrganizationStatus::parse)?;
    sqlx::query("DELETE FROM organization_deletion WHERE organization_id = $1")
        .bind(organization.to_string())
        .execute(&mut *tx)
        .await
        .act("take a deletion back")?;
    status_set(&mut tx, organization, before, author.at).await?;
    for letter in letters {
        mail_insert(&mut tx, letter).await?;
    }
    let after = json!({ "status": before.as_str() });
    let new = audit(organization, AuditAction::OrganizationDeletionCancelled, json!({ "status": "deleting" }), after);
    commit(tx, "take a deletion back", Trail::Audit(author, &new)).await
}

/// The deletion of the organization, if it is being deleted.
pub async fn deletion_get(db: &Db, scope: &OrgScope) -> Result<Option<DeletionRow>, StoreError> {
    let row = sqlx::query(
        "SELECT d.organization_id, o.name, d.asked_by, d.asked_at_us, d.purge_at_us, d.purged_at_us FROM organization_deletion d \
         JOIN organization o ON o.id = d.organization_id WHERE d.organization_id = $1",
    )
    .bind(scope.organization().to_string())
    .fetch_optional(db.read())
    .await
    .act("read a deletion")?;
    row.as_ref().map(deletion_row).transpose()
}

/// Deletions of the whole instance, for who runs it: newest first.
pub async fn deletions_list(db: &Db, page: Page<Moment<OrganizationId>>) -> Result<Vec<DeletionRow>, StoreError> {
    let (at, id) = page.earlier_than();
    let rows = sqlx::query(
        "SELECT d.organization_id, o.name, d.asked_by, d.asked_at_us, d.purge_at_us, d.purged_at_us FROM organization_deletion d \
         JOIN organization o ON o.id = d.organization_id WHERE (d.asked_at_us, d.organization_id) < ($1, $2) \
         ORDER BY d.asked_at_us DESC, d.organization_id DESC LIMIT $3",
    )
    .bind(at)
    .bind(id)
    .bind(i64::from(page.limit))
    .fetch_all(db.read())
    .await
    .act("list deletions")?;
    rows.iter().map(deletion_row).collect()
}

/// Takes up a deletion that is due and that nobody is at. From then on it cannot be taken back.
pub async fn deletion_claim(db: &Db, now: UnixMicros, until: UnixMicros) -> Result<Option<OrganizationId>, StoreError> {
    let mut tx = db.begin_write().await?;
    let row = sqlx::query(
        "SELECT organization_id FROM organization_deletion WHERE purged_at_us IS NULL AND purge_at_us <= $1 AND claimed_until_us <= $1 \
         ORDER BY purge_at_us LIMIT 1",
    )
    .bind(now.0)
    .fetch_optional(&mut *tx)
    .await
    .act("look for a deletion that is due")?;
    let Some(row) = row else { return Ok(None) };
    let organization: OrganizationId = Columns(&row).id("organization_id")?;
    sqlx::query("UPDATE organization_deletion SET claimed_until_us = $2 WHERE organization_id = $1")
        .bind(organization.to_string())
        .bind(until.0)
        .execute(&mut *tx)
        .await
        .act("take up a deletion")?;
    commit(tx, "take up a deletion", Trail::Bookkeeping).await?;
    Ok(Some(organization))
}

pub(crate) async fn status_of(tx: &mut Tx, organization: OrganizationId) -> Result<OrganizationStatus, StoreError> {
    let row = sqlx::query("SELECT status FROM organization WHERE id = $1")
        .bind(organization.to_string())
        .fetch_optional(&mut **tx)
        .await
        .act("read an organization")?
        .ok_or(StoreError::NotFound { what: "organization" })?;
    Columns(&row).word("status", OrganizationStatus::parse)
}

/// Sets the status, and tells gateways.
pub(crate) async fn status_set(
    tx: &mut Tx,
    organization: OrganizationId,
    to: OrganizationStatus,
    now: UnixMicros,
) -> Result<(), StoreError> {
    let id = organization.to_string();
    sqlx::query("UPDATE organization SET status = $2 WHERE id = $1")
        .bind(id.clone())
        .bind(to.as_str())
        .execute(&mut **tx)
        .await
        .act("set an organization's status")?;
    let change = NewChange { organization, kind: ChangeKind::OrganizationChanged, subject: &id, key_hash: None, now };
    change_insert(tx, &change).await
}

fn audit(organization: OrganizationId, action: AuditAction, before: Value, after: Value) -> NewAudit {
    NewAudit { organization, action, subject: (SubjectKind::Organization, organization.to_string()), before, after }
}

fn deletion_row(row: &AnyRow) -> Result<DeletionRow, StoreError> {
    let columns = Columns(row);
    let asked_by = columns.text("asked_by")?;
    Ok(DeletionRow {
        organization: columns.id("organization_id")?,
        name: columns.text("name")?,
        asked_by: if asked_by.is_empty() { None } else { Some(columns.id("asked_by")?) },
        asked_at: columns.time("asked_at_us")?,
        purge_at: columns.time("purge_at_us")?,
        purged_at: columns.time_opt("purged_at_us")?,
    })
}
