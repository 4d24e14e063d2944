//! Browsers that are logged in. They belong to a person, who may be a member of several organizations, so questions take
//! that person where others take a scope.

use domain::{OrganizationId, SessionId, UnixMicros, UserId};
use serde_json::{Value, json};
use sqlx::any::AnyRow;

use crate::audit::{Author, NewAudit, Trail};
use crate::db::{Db, Tx, commit};
use crate::error::{Act, StoreError};
use crate::page::{Moment, Page};
use crate::row::Columns;
use crate::words::{AuditAction, SecondFactor, SessionProof, SubjectKind};

/// A session about to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSession {
    /// Its id.
    pub id: SessionId,
    /// Who logged in.
    pub person: UserId,
    /// The organization that it shows unless asked for another.
    pub organization: OrganizationId,
    /// SHA-256 of the token.
    pub hash: [u8; 32],
    /// Where from, for the person to recognise; may be empty.
    pub address: String,
    /// With what; may be empty.
    pub user_agent: String,
    /// What proved the person.
    pub proof: SessionProof,
    /// What proved them beside that; `None`: nothing was asked for.
    pub second_factor: Option<SecondFactor>,
    /// When.
    pub now: UnixMicros,
}

/// Which of a person's sessions stay when one more begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionsKept {
    /// Those that began later than this.
    pub created_after: UnixMicros,
    /// Those that were used later than this.
    pub used_after: UnixMicros,
    /// Limit: so many, the new one included; the newest stay.
    pub count: u32,
}

/// A stored session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// Its id.
    pub id: SessionId,
    /// Where from; may be empty.
    pub address: String,
    /// With what; may be empty.
    pub user_agent: String,
    /// What proved the person.
    pub proof: SessionProof,
    /// What proved them beside that; `None`: nothing was asked for.
    pub second_factor: Option<SecondFactor>,
    /// When it began.
    pub created_at: UnixMicros,
    /// When it was last used, about.
    pub last_used_at: UnixMicros,
}

/// Who presents a session's token. The caller judges its age.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionCallerRow {
    /// The session.
    pub session: SessionId,
    /// Who logged in.
    pub person: UserId,
    /// That person's address.
    pub email: String,
    /// That person's name; may be empty.
    pub name: String,
    /// That person runs the instance.
    pub is_operator: bool,
    /// When somebody proved to get that address's mail.
    pub email_verified_at: Option<UnixMicros>,
    /// They can log in with one.
    pub has_password: bool,
    /// The organization that the session shows unless asked for another. Membership is not proven here.
    pub organization: OrganizationId,
    /// When it began.
    pub created_at: UnixMicros,
    /// When it was last used, about.
    pub last_used_at: UnixMicros,
}

/// Why a session ends before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionEnd {
    /// It asked for it.
    LoggedOut,
    /// Its person ended it from another one.
    Revoked,
}

/// Stores a new session, and forgets those of the same person that are not to be kept. A person who is disabled gets none: not
/// found.
pub async fn session_create(db: &Db, session: &NewSession, kept: SessionsKept, author: &Author) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    session_insert(&mut tx, session, kept).await?;
    let subject = (SubjectKind::Session, session.id.to_string());
    let after = json!({ "proof": session.proof.as_str(), "second_factor": session.second_factor.map(SecondFactor::as_str) });
    let new = session_audit(session.organization, AuditAction::LoggedIn, subject, after);
    commit(tx, "begin a session", Trail::Audit(author, &new)).await
}

/// A session's line belongs to the organization that the session shows.
pub(crate) fn session_audit(organization: OrganizationId, action: AuditAction, subject: (SubjectKind, String), after: Value) -> NewAudit {
    NewAudit { organization, action, subject, before: Value::Null, after }
}

/// [`session_create`] inside a transaction that does more.
pub(crate) async fn session_insert(tx: &mut Tx, session: &NewSession, kept: SessionsKept) -> Result<(), StoreError> {
    let person = session.person.to_string();
    let open: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM person WHERE id = $1 AND disabled_at_us IS NULL")
        .bind(person.clone())
        .fetch_one(&mut **tx)
        .await
        .act("look for a person")?;
    if open == 0 {
        return Err(StoreError::NotFound { what: "person" });
    }
    sqlx::query("DELETE FROM session WHERE person_id = $1 AND (created_at_us <= $2 OR last_used_at_us <= $3)")
        .bind(person.clone())
        .bind(kept.created_after.0)
        .bind(kept.used_after.0)
        .execute(&mut **tx)
        .await
        .act("forget old sessions")?;
    sqlx::query(
        "DELETE FROM session WHERE person_id = $1 AND id NOT IN \
         (SELECT id FROM session WHERE person_id = $1 ORDER BY last_used_at_us DESC, id DESC LIMIT $2)",
    )
    .bind(person.clone())
    .bind(i64::from(kept.count.saturating_sub(1)))
    .execute(&mut **tx)
    .await
    .act("forget surplus sessions")?;
    sqlx::query(
        "INSERT INTO session (id, person_id, organization_id, hash, address, user_agent, proof, second_factor, created_at_us, last_used_at_us) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)",
    )
    .bind(session.id.to_string())
    .bind(person)
    .bind(session.organization.to_string())
    .bind(session.hash.to_vec())
    .bind(&*session.address)
    .bind(&*session.user_agent)
    .bind(session.proof.as_str())
    .bind(session.second_factor.map(SecondFactor::as_str))
    .bind(session.now.0)
    .execute(&mut **tx)
    .await
    .act_unique("write a session", "session")?;
    Ok(())
}

/// Who presents a token with this SHA-256; nobody, once the person is disabled.
pub async fn session_caller_by_hash(db: &Db, hash: &[u8; 32]) -> Result<Option<SessionCallerRow>, StoreError> {
    let row = sqlx::query(
        "SELECT s.id, s.person_id, s.organization_id, s.created_at_us, s.last_used_at_us, p.email, p.name, p.is_operator, p.email_verified_at_us, \
         CASE WHEN p.password_hash = '' THEN 0 ELSE 1 END AS has_password \
         FROM session s JOIN person p ON p.id = s.person_id WHERE s.hash = $1 AND p.disabled_at_us IS NULL",
    )
    .bind(hash.to_vec())
    .fetch_optional(db.read())
    .await
    .act("read a caller by session")?;
    row.as_ref().map(session_caller_row).transpose()
}

/// Notes that a session was used; an older time than the stored one changes nothing.
pub async fn session_used(db: &Db, id: SessionId, at: UnixMicros) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    sqlx::query("UPDATE session SET last_used_at_us = $2 WHERE id = $1 AND last_used_at_us < $2")
        .bind(id.to_string())
        .bind(at.0)
        .execute(&mut *tx)
        .await
        .act("note a session's use")?;
    commit(tx, "note a session's use", Trail::Bookkeeping).await
}

/// All sessions of a person, newest first.
pub async fn session_list(db: &Db, person: UserId, page: Page<Moment<SessionId>>) -> Result<Vec<SessionRow>, StoreError> {
    let (at, id) = page.earlier_than();
    let rows = sqlx::query(
        "SELECT id, address, user_agent, proof, second_factor, created_at_us, last_used_at_us FROM session WHERE person_id = $1 \
         AND (created_at_us, id) < ($2, $3) ORDER BY created_at_us DESC, id DESC LIMIT $4",
    )
    .bind(person.to_string())
    .bind(at)
    .bind(id)
    .bind(i64::from(page.limit))
    .fetch_all(db.read())
    .await
    .act("list sessions")?;
    rows.iter().map(session_row).collect()
}

/// Ends a session of a person.
pub async fn session_revoke(db: &Db, person: UserId, id: SessionId, end: SessionEnd, author: &Author) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    let organization = session_organization(&mut tx, person, id).await?;
    sqlx::query("DELETE FROM session WHERE person_id = $1 AND id = $2")
        .bind(person.to_string())
        .bind(id.to_string())
        .execute(&mut *tx)
        .await
        .act("end a session")?;
    let action = match end {
        SessionEnd::LoggedOut => AuditAction::LoggedOut,
        SessionEnd::Revoked => AuditAction::SessionRevoked,
    };
    let new = session_audit(organization, action, (SubjectKind::Session, id.to_string()), Value::Null);
    commit(tx, "end a session", Trail::Audit(author, &new)).await
}

/// Ends all sessions of a person but one; answers how many.
pub async fn sessions_revoke(db: &Db, person: UserId, keep: SessionId, author: &Author) -> Result<u64, StoreError> {
    let mut tx = db.begin_write().await?;
    let organization = session_organization(&mut tx, person, keep).await?;
    let ended = sqlx::query("DELETE FROM session WHERE person_id = $1 AND id <> $2")
        .bind(person.to_string())
        .bind(keep.to_string())
        .execute(&mut *tx)
        .await
        .act("end the other sessions")?
        .rows_affected();
    if ended == 0 {
        return Ok(0);
    }
    let subject = (SubjectKind::Session, keep.to_string());
    let new = session_audit(organization, AuditAction::SessionsRevoked, subject, json!({ "sessions_ended": ended }));
    commit(tx, "end the other sessions", Trail::Audit(author, &new)).await?;
    Ok(ended)
}

/// What a session of a person shows.
pub(crate) async fn session_organization(tx: &mut Tx, person: UserId, id: SessionId) -> Result<OrganizationId, StoreError> {
    let row = sqlx::query("SELECT organization_id FROM session WHERE person_id = $1 AND id = $2")
        .bind(person.to_string())
        .bind(id.to_string())
        .fetch_optional(&mut **tx)
        .await
        .act("read a session")?
        .ok_or(StoreError::NotFound { what: "session" })?;
    Columns(&row).id("organization_id")
}

fn session_row(row: &AnyRow) -> Result<SessionRow, StoreError> {
    let columns = Columns(row);
    Ok(SessionRow {
        id: columns.id("id")?,
        address: columns.text("address")?,
        user_agent: columns.text("user_agent")?,
        proof: columns.word("proof", SessionProof::parse)?,
        second_factor: columns.word_opt("second_factor", SecondFactor::parse)?,
        created_at: columns.time("created_at_us")?,
        last_used_at: columns.time("last_used_at_us")?,
    })
}

fn session_caller_row(row: &AnyRow) -> Result<SessionCallerRow, StoreError> {
    let columns = Columns(row);
    Ok(SessionCallerRow {
        session: columns.id("id")?,
        person: columns.id("person_id")?,
        email: columns.text("email")?,
        name: columns.text("name")?,
        is_operator: columns.flag("is_operator")?,
        email_verified_at: columns.time_opt("email_verified_at_us")?,
        has_password: columns.int("has_password")? != 0,
        organization: columns.id("organization_id")?,
        created_at: columns.time("created_at_us")?,
        last_used_at: columns.time("last_used_at_us")?,
    })
}
