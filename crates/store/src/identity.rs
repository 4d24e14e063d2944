//! Who sign-in providers say that people are. They belong to a person, who may be a member of several organizations, so
//! questions take that person where others take a scope.

use domain::ids::IdentityId;
use domain::{UnixMicros, UserId};
use serde_json::json;
use sqlx::any::AnyRow;

use crate::audit::{Author, Trail};
use crate::db::{Db, Tx, commit};
use crate::error::{Act, StoreError};
use crate::letter_token::{person_audit, trail};
use crate::person::{PersonRow, person_row};
use crate::row::Columns;
use crate::words::AuditAction;

/// An identity about to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewIdentity {
    /// Its id.
    pub id: IdentityId,
    /// Who says so.
    pub issuer: String,
    /// Who it is there; unique within the issuer, for ever.
    pub subject: String,
    /// Their address there, for the person to recognise; may be empty.
    pub email: String,
}

/// A stored identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityRow {
    /// Its id.
    pub id: IdentityId,
    /// Who says so.
    pub issuer: String,
    /// Their address there, for the person to recognise; may be empty.
    pub email: String,
    /// Since when they may come in through it.
    pub created_at: UnixMicros,
    /// When they last did.
    pub last_used_at: UnixMicros,
}

/// What became of a wish to unlink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdentityUnlink {
    /// It is gone.
    Done,
    /// The person has no password and no other identity: nothing would open.
    LastWayIn,
}

/// The person whom an issuer knows by this subject.
pub async fn person_by_identity(db: &Db, issuer: &str, subject: &str) -> Result<Option<PersonRow>, StoreError> {
    let row = sqlx::query(
        "SELECT p.id, p.email, p.name, p.password_hash, p.is_operator, p.email_verified_at_us, p.disabled_at_us, p.created_at_us \
         FROM identity i JOIN person p ON p.id = i.person_id WHERE i.issuer = $1 AND i.subject = $2",
    )
    .bind(issuer.to_owned())
    .bind(subject.to_owned())
    .fetch_optional(db.read())
    .await
    .act("read a person by identity")?;
    row.as_ref().map(person_row).transpose()
}

/// Lets a person in through an identity from now on. One that is somebody's already, or a second one of the same issuer, is a
/// conflict.
pub async fn identity_link(db: &Db, person: UserId, new: &NewIdentity, author: &Author) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    identity_insert(&mut tx, person, new, author.at).await?;
    let after = json!({ "identity_id": new.id.to_string(), "issuer": new.issuer, "email": new.email });
    let audit = person_audit(&mut tx, person, AuditAction::IdentityLinked, after).await?;
    commit(tx, "link an identity", trail(author, audit.as_ref())).await
}

pub(crate) async fn identity_insert(tx: &mut Tx, person: UserId, new: &NewIdentity, now: UnixMicros) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO identity (id, person_id, issuer, subject, email, created_at_us, last_used_at_us) VALUES ($1, $2, $3, $4, $5, $6, $6)",
    )
    .bind(new.id.to_string())
    .bind(person.to_string())
    .bind(&*new.issuer)
    .bind(&*new.subject)
    .bind(&*new.email)
    .bind(now.0)
    .execute(&mut **tx)
    .await
    .act_unique("write an identity", "identity")?;
    Ok(())
}

/// Notes that somebody came in, and the address that the issuer says now.
pub async fn identity_used(db: &Db, issuer: &str, subject: &str, email: &str, at: UnixMicros) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    sqlx::query("UPDATE identity SET last_used_at_us = $3, email = $4 WHERE issuer = $1 AND subject = $2")
        .bind(issuer.to_owned())
        .bind(subject.to_owned())
        .bind(at.0)
        .bind(email.to_owned())
        .execute(&mut *tx)
        .await
        .act("note an identity's use")?;
    commit(tx, "note an identity's use", Trail::Bookkeeping).await
}

/// All identities of a person, oldest first. Limit: one for each issuer.
pub async fn identity_list(db: &Db, person: UserId) -> Result<Vec<IdentityRow>, StoreError> {
    let rows = sqlx::query(
        "SELECT id, issuer, email, created_at_us, last_used_at_us FROM identity WHERE person_id = $1 ORDER BY created_at_us, id LIMIT 100",
    )
    .bind(person.to_string())
    .fetch_all(db.read())
    .await
    .act("list identities")?;
    rows.iter().map(identity_row).collect()
}

/// Lets a person in through an identity no more, unless nothing else would let them in.
pub async fn identity_unlink(db: &Db, person: UserId, id: IdentityId, author: &Author) -> Result<IdentityUnlink, StoreError> {
    let mut tx = db.begin_write().await?;
    let row = sqlx::query(
        "SELECT i.issuer, i.email, p.password_hash, (SELECT COUNT(*) FROM identity o WHERE o.person_id = i.person_id) AS identities \
         FROM identity i JOIN person p ON p.id = i.person_id WHERE i.person_id = $1 AND i.id = $2",
    )
    .bind(person.to_string())
    .bind(id.to_string())
    .fetch_optional(&mut *tx)
    .await
    .act("read an identity")?
    .ok_or(StoreError::NotFound { what: "identity" })?;
    let columns = Columns(&row);
    if columns.text("password_hash")?.is_empty() && columns.int("identities")? < 2 {
        return Ok(IdentityUnlink::LastWayIn);
    }
    sqlx::query("DELETE FROM identity WHERE person_id = $1 AND id = $2")
        .bind(person.to_string())
        .bind(id.to_string())
        .execute(&mut *tx)
        .await
        .act("delete an identity")?;
    let after = json!({ "identity_id": id.to_string(), "issuer": columns.text("issuer")?, "email": columns.text("email")? });
    let audit = person_audit(&mut tx, person, AuditAction::IdentityUnlinked, after).await?;
    commit(tx, "unlink an identity", trail(author, audit.as_ref())).await?;
    Ok(IdentityUnlink::Done)
}

fn identity_row(row: &AnyRow) -> Result<IdentityRow, StoreError> {
    let columns = Columns(row);
    Ok(IdentityRow {
        id: columns.id("id")?,
        issuer: columns.text("issuer")?,
        email: columns.text("email")?,
        created_at: columns.time("created_at_us")?,
        last_used_at: columns.time("last_used_at_us")?,
    })
}
