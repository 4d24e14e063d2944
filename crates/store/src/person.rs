//! People who can log in, and the organizations they belong to.

use domain::{OrganizationId, SessionId, UnixMicros, UserId};
use serde_json::json;
use sqlx::any::AnyRow;

use crate::audit::{Author, Trail};
use crate::db::{Db, Tx, commit};
use crate::error::{Act, StoreError};
use crate::letter_token::letter_tokens_end;
use crate::pending_log_in::pending_log_ins_end;
use crate::row::Columns;
use crate::session::{session_audit, session_organization};
use crate::words::{AuditAction, OrganizationStatus, Role, SubjectKind, TokenPurpose};

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonRow {
    /// Who.
    pub id: UserId,
    /// In lower case.
    pub email: String,
    /// For display; may be empty.
    pub name: String,
    /// As the caller's password hashing spells it.
    pub password_hash: String,
    /// Runs the instance.
    pub is_operator: bool,
    /// When a token of a letter to the address came back first.
    pub email_verified_at: Option<UnixMicros>,
    /// Since when the person cannot log in.
    pub disabled_at: Option<UnixMicros>,
    /// When the account was made.
    pub created_at: UnixMicros,
}

/// One organization that a person belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MembershipRow {
    /// Which.
    pub organization: OrganizationId,
    /// Its name.
    pub name: String,
    /// Whether it is active.
    pub status: OrganizationStatus,
    /// What the person may do there.
    pub role: Role,
    /// Since when.
    pub joined_at: UnixMicros,
}

/// What one person may do in one organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemberRow {
    /// There.
    pub role: Role,
    /// Whether the organization is active.
    pub status: OrganizationStatus,
}

/// The person with an e-mail address, in any spelling of case.
pub async fn person_by_email(db: &Db, email: &str) -> Result<Option<PersonRow>, StoreError> {
    let row = sqlx::query("SELECT id, email, name, password_hash, is_operator, email_verified_at_us, disabled_at_us, created_at_us FROM person WHERE email = $1")
        .bind(email_stored(email))
        .fetch_optional(db.read())
        .await
        .act("read a person by e-mail")?;
    row.as_ref().map(person_row).transpose()
}

/// One person.
pub async fn person_get(db: &Db, id: UserId) -> Result<PersonRow, StoreError> {
    let row = sqlx::query(
        "SELECT id, email, name, password_hash, is_operator, email_verified_at_us, disabled_at_us, created_at_us FROM person WHERE id = $1",
    )
    .bind(id.to_string())
    .fetch_optional(db.read())
    .await
    .act("read a person")?;
    row.as_ref().map(person_row).transpose()?.ok_or(StoreError::NotFound { what: "person" })
}

/// The person who was made operator first: who the shell of this machine acts for.
pub async fn operator_first(db: &Db) -> Result<Option<PersonRow>, StoreError> {
    let row = sqlx::query(
        "SELECT id, email, name, password_hash, is_operator, email_verified_at_us, disabled_at_us, created_at_us FROM person WHERE is_operator = 1 AND disabled_at_us IS NULL ORDER BY created_at_us, id LIMIT 1",
    )
    .fetch_optional(db.read())
    .await
    .act("read the first operator")?;
    row.as_ref().map(person_row).transpose()
}

/// The organizations of a person, oldest membership first. This is where a session's scope is proven.
pub async fn memberships_of(db: &Db, person: UserId) -> Result<Vec<MembershipRow>, StoreError> {
    let rows = sqlx::query(
        "SELECT m.organization_id, o.name, o.status, m.role, m.created_at_us FROM member m JOIN organization o ON o.id = m.organization_id \
         WHERE m.person_id = $1 ORDER BY m.created_at_us, m.organization_id",
    )
    .bind(person.to_string())
    .fetch_all(db.read())
    .await
    .act("read memberships")?;
    rows.iter().map(membership_row).collect()
}

/// What a person may do in an organization; `None` when there is no such organization or the person is no member of it.
/// This is where a session's scope is proven.
pub async fn member_get(db: &Db, person: UserId, organization: OrganizationId) -> Result<Option<MemberRow>, StoreError> {
    let row = sqlx::query(
        "SELECT m.role, o.status FROM member m JOIN organization o ON o.id = m.organization_id \
         WHERE m.person_id = $1 AND m.organization_id = $2",
    )
    .bind(person.to_string())
    .bind(organization.to_string())
    .fetch_optional(db.read())
    .await
    .act("read a member")?;
    row.as_ref().map(member_row).transpose()
}

/// How many people have an account.
pub async fn people_count(db: &Db) -> Result<u64, StoreError> {
    let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM person").fetch_one(db.read()).await.act("count people")?;
    Ok(count.unsigned_abs())
}

/// Gives a person another password, and ends all of their sessions but the one that asks, and letters that reset the old one.
pub async fn person_password_set(db: &Db, person: UserId, password_hash: &str, keep: SessionId, author: &Author) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    let organization = session_organization(&mut tx, person, keep).await?;
    let done = sqlx::query("UPDATE person SET password_hash = $2 WHERE id = $1")
        .bind(person.to_string())
        .bind(password_hash)
        .execute(&mut *tx)
        .await
        .act("change a password")?;
    if done.rows_affected() == 0 {
        return Err(StoreError::NotFound { what: "person" });
    }
    letter_tokens_end(&mut tx, person, Some(TokenPurpose::ResetPassword)).await?;
    pending_log_ins_end(&mut tx, person).await?;
    let ended = sqlx::query("DELETE FROM session WHERE person_id = $1 AND id <> $2")
        .bind(person.to_string())
        .bind(keep.to_string())
        .execute(&mut *tx)
        .await
        .act("end the other sessions")?;
    let subject = (SubjectKind::Person, person.to_string());
    let after = json!({ "sessions_ended": ended.rows_affected() });
    let new = session_audit(organization, AuditAction::PasswordChanged, subject, after);
    commit(tx, "change a password", Trail::Audit(author, &new)).await
}

/// The organization that a person has belonged to longest.
pub(crate) async fn person_home(tx: &mut Tx, person: UserId) -> Result<Option<OrganizationId>, StoreError> {
    let row = sqlx::query("SELECT organization_id FROM member WHERE person_id = $1 ORDER BY created_at_us, organization_id LIMIT 1")
        .bind(person.to_string())
        .fetch_optional(&mut **tx)
        .await
        .act("read a person's first organization")?;
    row.as_ref().map(|row| Columns(row).id("organization_id")).transpose()
}

/// E-mail addresses are compared and stored in lower case, without blanks around.
pub(crate) fn email_stored(email: &str) -> String {
    email.trim().to_lowercase()
}

pub(crate) async fn person_insert(tx: &mut Tx, person: &PersonRow) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO person (id, email, name, password_hash, is_operator, email_verified_at_us, disabled_at_us, created_at_us) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(person.id.to_string())
    .bind(email_stored(&person.email))
    .bind(&*person.name)
    .bind(&*person.password_hash)
    .bind(i64::from(person.is_operator))
    .bind(person.email_verified_at.map(|at| at.0))
    .bind(person.disabled_at.map(|at| at.0))
    .bind(person.created_at.0)
    .execute(&mut **tx)
    .await
    .act_unique("write a person", "e-mail address")?;
    Ok(())
}

pub(crate) async fn member_insert(
    tx: &mut Tx,
    organization: OrganizationId,
    person: UserId,
    role: Role,
    now: UnixMicros,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO member (organization_id, person_id, role, created_at_us) VALUES ($1, $2, $3, $4)")
        .bind(organization.to_string())
        .bind(person.to_string())
        .bind(role.as_str())
        .bind(now.0)
        .execute(&mut **tx)
        .await
        .act_unique("write a member", "member")?;
    Ok(())
}

pub(crate) fn person_row(row: &AnyRow) -> Result<PersonRow, StoreError> {
    let columns = Columns(row);
    Ok(PersonRow {
        id: columns.id("id")?,
        email: columns.text("email")?,
        name: columns.text("name")?,
        password_hash: columns.text("password_hash")?,
        is_operator: columns.flag("is_operator")?,
        email_verified_at: columns.time_opt("email_verified_at_us")?,
        disabled_at: columns.time_opt("disabled_at_us")?,
        created_at: columns.time("created_at_us")?,
    })
}

fn member_row(row: &AnyRow) -> Result<MemberRow, StoreError> {
    let columns = Columns(row);
    Ok(MemberRow { role: columns.word("role", Role::parse)?, status: columns.word("status", OrganizationStatus::parse)? })
}

fn membership_row(row: &AnyRow) -> Result<MembershipRow, StoreError> {
    let columns = Columns(row);
    Ok(MembershipRow {
        organization: columns.id("organization_id")?,
        name: columns.text("name")?,
        status: columns.word("status", OrganizationStatus::parse)?,
        role: columns.word("role", Role::parse)?,
        joined_at: columns.time("created_at_us")?,
    })
}
