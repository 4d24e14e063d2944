//! Invitations: how people come into organizations that exist. Only a SHA-256 of the token is stored.

use domain::ids::InviteId;
use domain::{OrgScope, OrganizationId, UnixMicros, UserId};
use serde_json::{Value, json};
use sqlx::any::AnyRow;

use crate::audit::{Author, NewAudit, Trail, audit_insert};
use crate::db::{Db, Tx, commit};
use crate::error::{Act, StoreError};
use crate::letter_token::{email_verified, mails_blank};
use crate::mail::{NewMail, mail_insert};
use crate::member::memberships_check;
use crate::person::{email_stored, member_insert};
use crate::row::Columns;
use crate::words::{AuditAction, InviteStatus, Role, SubjectKind};

/// Limit: members of one organization, those who are invited included.
const MEMBERS_MAX: i64 = 1_000;

/// An invitation about to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewInvite {
    /// Its id.
    pub id: InviteId,
    /// Whom.
    pub email: String,
    /// As what.
    pub role: Role,
    /// SHA-256 of the token.
    pub hash: [u8; 32],
    /// Who invites.
    pub invited_by: UserId,
    /// From when on it cannot be accepted.
    pub expires_at: UnixMicros,
    /// The letter that takes the token there.
    pub mail: NewMail,
}

/// A stored invitation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InviteRow {
    /// Its id.
    pub id: InviteId,
    /// Into which organization.
    pub organization: OrganizationId,
    /// Whom.
    pub email: String,
    /// As what.
    pub role: Role,
    /// What became of it; one that nobody accepted in time stays pending.
    pub status: InviteStatus,
    /// Who invited.
    pub invited_by: UserId,
    /// When.
    pub created_at: UnixMicros,
    /// From when on it cannot be accepted.
    pub expires_at: UnixMicros,
}

/// Stores an invitation with its letter; an older one that waits for the same address is revoked. An address whose person
/// is a member already is a conflict.
pub async fn invite_create(db: &Db, scope: &OrgScope, new: &NewInvite, author: &Author) -> Result<InviteRow, StoreError> {
    let mut tx = db.begin_write().await?;
    let (organization, email) = (scope.organization().to_string(), email_stored(&new.email));
    room_check(&mut tx, &organization, &email, author.at).await?;
    let replaced = sqlx::query("SELECT mail_id FROM invite WHERE organization_id = $1 AND email = $2 AND status = 'pending'")
        .bind(organization.clone())
        .bind(email.clone())
        .fetch_all(&mut *tx)
        .await
        .act("read an invitation's letter")?;
    mails_blank(&mut tx, &replaced).await?;
    sqlx::query("UPDATE invite SET status = 'revoked', ended_at_us = $3 WHERE organization_id = $1 AND email = $2 AND status = 'pending'")
        .bind(organization.clone())
        .bind(email.clone())
        .bind(author.at.0)
        .execute(&mut *tx)
        .await
        .act("replace an invitation")?;
    sqlx::query(
        "INSERT INTO invite (id, organization_id, email, role, hash, status, invited_by, created_at_us, expires_at_us, mail_id) \
         VALUES ($1, $2, $3, $4, $5, 'pending', $6, $7, $8, $9)",
    )
    .bind(new.id.to_string())
    .bind(organization)
    .bind(email)
    .bind(new.role.as_str())
    .bind(new.hash.to_vec())
    .bind(new.invited_by.to_string())
    .bind(author.at.0)
    .bind(new.expires_at.0)
    .bind(new.mail.id.to_string())
    .execute(&mut *tx)
    .await
    .act_unique("write an invitation", "invitation")?;
    mail_insert(&mut tx, &new.mail).await?;
    let row = invite_read(&mut tx, scope, new.id).await?;
    let audit = invite_audit(&row, AuditAction::InviteCreated, Value::Null, invite_said(&row));
    commit(tx, "invite somebody", Trail::Audit(author, &audit)).await?;
    Ok(row)
}

/// Ends an invitation that waits. Revoking a revoked one changes nothing; an accepted one is a conflict.
pub async fn invite_revoke(db: &Db, scope: &OrgScope, id: InviteId, author: &Author) -> Result<InviteRow, StoreError> {
    let mut tx = db.begin_write().await?;
    let before = invite_read(&mut tx, scope, id).await?;
    match before.status {
        InviteStatus::Revoked => return Ok(before),
        InviteStatus::Accepted => return Err(StoreError::Conflict { what: "invitation" }),
        InviteStatus::Pending => {}
    }
    sqlx::query("UPDATE invite SET status = 'revoked', ended_at_us = $3 WHERE organization_id = $1 AND id = $2")
        .bind(scope.organization().to_string())
        .bind(id.to_string())
        .bind(author.at.0)
        .execute(&mut *tx)
        .await
        .act("revoke an invitation")?;
    invite_letter_blank(&mut tx, &before).await?;
    let row = InviteRow { status: InviteStatus::Revoked, ..before.clone() };
    let audit = invite_audit(&row, AuditAction::InviteRevoked, invite_said(&before), invite_said(&row));
    commit(tx, "revoke an invitation", Trail::Audit(author, &audit)).await?;
    Ok(row)
}

/// Invitations of the scope, newest first, older than one.
pub async fn invite_list(db: &Db, scope: &OrgScope, before: Option<InviteId>, limit: u32) -> Result<Vec<InviteRow>, StoreError> {
    let rows = sqlx::query(
        "SELECT id, organization_id, email, role, status, invited_by, created_at_us, expires_at_us FROM invite \
         WHERE organization_id = $1 AND ($2 = '' OR id < $2) ORDER BY id DESC LIMIT $3",
    )
    .bind(scope.organization().to_string())
    .bind(before.map(|id| id.to_string()).unwrap_or_default())
    .bind(i64::from(limit))
    .fetch_all(db.read())
    .await
    .act("list invitations")?;
    rows.iter().map(invite_row).collect()
}

/// The invitation whose token has this SHA-256, whatever became of it. It takes no scope because the token is the proof.
pub async fn invite_by_hash(db: &Db, hash: &[u8; 32]) -> Result<Option<InviteRow>, StoreError> {
    let row = sqlx::query(
        "SELECT id, organization_id, email, role, status, invited_by, created_at_us, expires_at_us FROM invite WHERE hash = $1",
    )
    .bind(hash.to_vec())
    .fetch_optional(db.read())
    .await
    .act("read an invitation")?;
    row.as_ref().map(invite_row).transpose()
}

/// Makes a person a member by an invitation for their address. Its token proves the mailbox, so that every other invitation
/// that waits for the same address is accepted with it, and the address counts as proven.
pub async fn invite_accept(db: &Db, invite: InviteId, person: UserId, author: &Author) -> Result<InviteRow, StoreError> {
    let mut tx = db.begin_write().await?;
    let row = invites_accept(&mut tx, invite, person, author).await?;
    let after = json!({ "status": InviteStatus::Accepted.as_str(), "accepted_by": person.to_string() });
    let audit = invite_audit(&row, AuditAction::InviteAccepted, json!({ "status": InviteStatus::Pending.as_str() }), after);
    commit(tx, "accept an invitation", Trail::Audit(author, &audit)).await?;
    Ok(row)
}

/// Accepts one invitation, which the caller writes into the log, and all others for the same address. One that is not
/// pending any more, is another address's, or was made by somebody who could not make it now, does not exist.
pub(crate) async fn invites_accept(tx: &mut Tx, invite: InviteId, person: UserId, author: &Author) -> Result<InviteRow, StoreError> {
    let rows = sqlx::query(
        "SELECT i.id, i.organization_id, i.email, i.role, i.status, i.invited_by, i.created_at_us, i.expires_at_us FROM invite i \
         JOIN person p ON p.email = i.email JOIN member m ON m.organization_id = i.organization_id AND m.person_id = i.invited_by \
         JOIN person b ON b.id = i.invited_by AND b.disabled_at_us IS NULL \
         JOIN organization o ON o.id = i.organization_id AND o.status NOT IN ('deleting', 'deleted') AND (m.role = 'owner' OR (m.role = 'admin' AND i.role <> 'owner')) WHERE p.id = $1 AND i.status = 'pending' AND i.expires_at_us > $2 ORDER BY i.id",
    )
    .bind(person.to_string())
    .bind(author.at.0)
    .fetch_all(&mut **tx)
    .await
    .act("read a person's invitations")?;
    let rows = rows.iter().map(invite_row).collect::<Result<Vec<_>, _>>()?;
    email_verified(tx, person, author.at).await?;
    let accepted = rows.iter().find(|row| row.id == invite).cloned().ok_or(StoreError::NotFound { what: "invitation" })?;
    for row in &rows {
        invite_fulfil(tx, row, person, author).await?;
        if row.id != invite {
            let after = json!({ "status": InviteStatus::Accepted.as_str(), "accepted_by": person.to_string() });
            let before = json!({ "status": InviteStatus::Pending.as_str() });
            audit_insert(tx, author, &invite_audit(row, AuditAction::InviteAccepted, before, after)).await?;
        }
    }
    Ok(accepted)
}

/// Somebody who is a member already keeps their role.
async fn invite_fulfil(tx: &mut Tx, invite: &InviteRow, person: UserId, author: &Author) -> Result<(), StoreError> {
    let is_member: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM member WHERE organization_id = $1 AND person_id = $2")
        .bind(invite.organization.to_string())
        .bind(person.to_string())
        .fetch_one(&mut **tx)
        .await
        .act("look for a member")?;
    if is_member == 0 {
        memberships_check(tx, person).await?;
        member_insert(tx, invite.organization, person, invite.role, author.at).await?;
    }
    invite_letter_blank(tx, invite).await?;
    sqlx::query("UPDATE invite SET status = 'accepted', accepted_by = $3, ended_at_us = $4 WHERE organization_id = $1 AND id = $2")
        .bind(invite.organization.to_string())
        .bind(invite.id.to_string())
        .bind(person.to_string())
        .bind(author.at.0)
        .execute(&mut **tx)
        .await
        .act("accept an invitation")?;
    Ok(())
}

/// Its token opens nothing any more.
async fn invite_letter_blank(tx: &mut Tx, invite: &InviteRow) -> Result<(), StoreError> {
    let rows = sqlx::query("SELECT mail_id FROM invite WHERE organization_id = $1 AND id = $2")
        .bind(invite.organization.to_string())
        .bind(invite.id.to_string())
        .fetch_all(&mut **tx)
        .await
        .act("read an invitation's letter")?;
    mails_blank(tx, &rows).await
}

async fn room_check(tx: &mut Tx, organization: &str, email: &str, now: UnixMicros) -> Result<(), StoreError> {
    let row = sqlx::query(
        "SELECT (SELECT COUNT(*) FROM member WHERE organization_id = $1) AS members, \
         (SELECT COUNT(*) FROM invite WHERE organization_id = $1 AND status = 'pending' AND expires_at_us > $3) AS invited, \
         (SELECT COUNT(*) FROM member m JOIN person p ON p.id = m.person_id WHERE m.organization_id = $1 AND p.email = $2) AS is_member",
    )
    .bind(organization.to_owned())
    .bind(email.to_owned())
    .bind(now.0)
    .fetch_one(&mut **tx)
    .await
    .act("count members")?;
    let columns = Columns(&row);
    if columns.int("is_member")? > 0 {
        return Err(StoreError::Conflict { what: "membership" });
    }
    if columns.int("members")? + columns.int("invited")? >= MEMBERS_MAX {
        return Err(StoreError::Invalid {
            what: "an organization has at most 1000 members, the invited included; revoke some invitations",
        });
    }
    Ok(())
}

async fn invite_read(tx: &mut Tx, scope: &OrgScope, id: InviteId) -> Result<InviteRow, StoreError> {
    let row = sqlx::query(
        "SELECT id, organization_id, email, role, status, invited_by, created_at_us, expires_at_us FROM invite \
         WHERE organization_id = $1 AND id = $2",
    )
    .bind(scope.organization().to_string())
    .bind(id.to_string())
    .fetch_optional(&mut **tx)
    .await
    .act("read an invitation")?;
    row.as_ref().map(invite_row).transpose()?.ok_or(StoreError::NotFound { what: "invitation" })
}

/// What the audit log says of an invitation: not the token.
fn invite_said(invite: &InviteRow) -> Value {
    json!({
        "email": invite.email, "role": invite.role.as_str(), "status": invite.status.as_str(), "expires_at_us": invite.expires_at.0,
    })
}

fn invite_audit(invite: &InviteRow, action: AuditAction, before: Value, after: Value) -> NewAudit {
    NewAudit { organization: invite.organization, action, subject: (SubjectKind::Invite, invite.id.to_string()), before, after }
}

fn invite_row(row: &AnyRow) -> Result<InviteRow, StoreError> {
    let columns = Columns(row);
    Ok(InviteRow {
        id: columns.id("id")?,
        organization: columns.id("organization_id")?,
        email: columns.text("email")?,
        role: columns.word("role", Role::parse)?,
        status: columns.word("status", InviteStatus::parse)?,
        invited_by: columns.id("invited_by")?,
        created_at: columns.time("created_at_us")?,
        expires_at: columns.time("expires_at_us")?,
    })
}
