//! All people of the instance, for its operators.

use domain::{OrganizationId, UnixMicros, UserId};
use serde_json::json;
use sqlx::any::AnyRow;

use crate::audit::{Author, NewAudit, Trail};
use crate::db::{Db, Tx, commit};
use crate::error::{Act, StoreError};
use crate::letter_token::letter_tokens_end;
use crate::page::Page;
use crate::person::email_stored;
use crate::row::{Columns, like};
use crate::words::{AuditAction, SubjectKind};

/// A person, as an operator sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeopleRow {
    /// Who.
    pub id: UserId,
    /// In lower case.
    pub email: String,
    /// For display; may be empty.
    pub name: String,
    /// Runs the instance.
    pub is_operator: bool,
    /// When somebody proved to get the address's mail.
    pub email_verified_at: Option<UnixMicros>,
    /// Since when their log-in asks for a second factor.
    pub second_factor_at: Option<UnixMicros>,
    /// Since when the person cannot log in.
    pub disabled_at: Option<UnixMicros>,
    /// How many organizations they belong to.
    pub organizations: u64,
    /// When one of their open sessions was last used, about.
    pub last_used_at: Option<UnixMicros>,
    /// When the account was made.
    pub created_at: UnixMicros,
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeopleChange {
    /// It is as asked.
    Done,
    /// It would leave the instance without an operator who can log in.
    LastOperator,
}

/// What an operator changes about a person; `None` stays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PeopleUpdate {
    /// Cannot log in.
    pub disabled: Option<bool>,
    /// Runs the instance.
    pub is_operator: Option<bool>,
}

/// People whose address holds a text, newest first, older than one.
pub async fn people_list(db: &Db, search: Option<&str>, page: Page<UserId>) -> Result<Vec<PeopleRow>, StoreError> {
    let rows = sqlx::query(
        "SELECT p.id, p.email, p.name, p.is_operator, p.email_verified_at_us, p.disabled_at_us, p.created_at_us, \
         (SELECT t.confirmed_at_us FROM totp t WHERE t.person_id = p.id) AS second_factor_at_us, \
         (SELECT COUNT(*) FROM member m WHERE m.person_id = p.id) AS organizations, \
         (SELECT MAX(s.last_used_at_us) FROM session s WHERE s.person_id = p.id) AS used_at_us \
         FROM person p WHERE p.deleted_at_us IS NULL AND ($1 = '' OR p.id < $1) AND p.email LIKE $2 ESCAPE '\\' ORDER BY p.id DESC LIMIT $3",
    )
    .bind(page.after.map(|id| id.to_string()).unwrap_or_default())
    .bind(search.map_or_else(|| "%".to_owned(), |text| format!("%{}%", like(&email_stored(text)))))
    .bind(i64::from(page.limit))
    .fetch_all(db.read())
    .await
    .act("list people")?;
    rows.iter().map(people_row).collect()
}

/// One person.
pub async fn people_get(db: &Db, id: UserId) -> Result<PeopleRow, StoreError> {
    let row = sqlx::query(
        "SELECT p.id, p.email, p.name, p.is_operator, p.email_verified_at_us, p.disabled_at_us, p.created_at_us, \
         (SELECT t.confirmed_at_us FROM totp t WHERE t.person_id = p.id) AS second_factor_at_us, \
         (SELECT COUNT(*) FROM member m WHERE m.person_id = p.id) AS organizations, \
         (SELECT MAX(s.last_used_at_us) FROM session s WHERE s.person_id = p.id) AS used_at_us FROM person p WHERE p.id = $1 AND p.deleted_at_us IS NULL",
    )
    .bind(id.to_string())
    .fetch_optional(db.read())
    .await
    .act("read a person")?;
    row.as_ref().map(people_row).transpose()?.ok_or(StoreError::NotFound { what: "person" })
}

/// Changes a person. Whoever is disabled loses their sessions and the tokens of their letters. An instance keeps an operator
/// who can log in. The line belongs to the log of the operator's organization.
pub async fn people_update(
    db: &Db,
    id: UserId,
    update: PeopleUpdate,
    organization: OrganizationId,
    author: &Author,
) -> Result<PeopleChange, StoreError> {
    let mut tx = db.begin_write().await?;
    let row = sqlx::query("SELECT is_operator, disabled_at_us FROM person WHERE id = $1 AND deleted_at_us IS NULL")
        .bind(id.to_string())
        .fetch_optional(&mut *tx)
        .await
        .act("read a person")?
        .ok_or(StoreError::NotFound { what: "person" })?;
    let (was_operator, was_disabled) = (Columns(&row).flag("is_operator")?, Columns(&row).time_opt("disabled_at_us")?);
    let is_operator = update.is_operator.unwrap_or(was_operator);
    let disabled = update.disabled.unwrap_or(was_disabled.is_some());
    if (is_operator, disabled) == (was_operator, was_disabled.is_some()) {
        return Ok(PeopleChange::Done);
    }
    if was_operator && was_disabled.is_none() && (disabled || !is_operator) && operators(&mut tx).await? < 2 {
        return Ok(PeopleChange::LastOperator);
    }
    sqlx::query("UPDATE person SET is_operator = $2, disabled_at_us = $3 WHERE id = $1")
        .bind(id.to_string())
        .bind(i64::from(is_operator))
        .bind(disabled.then(|| was_disabled.unwrap_or(author.at).0))
        .execute(&mut *tx)
        .await
        .act("change a person")?;
    if disabled {
        letter_tokens_end(&mut tx, id, None).await?;
        sqlx::query("DELETE FROM session WHERE person_id = $1").bind(id.to_string()).execute(&mut *tx).await.act("end all sessions")?;
    }
    let action = match (disabled, was_disabled.is_some()) {
        (true, false) => AuditAction::PersonDisabled,
        (false, true) => AuditAction::PersonEnabled,
        _ => AuditAction::OperatorChanged,
    };
    let new = NewAudit {
        organization,
        action,
        subject: (SubjectKind::Person, id.to_string()),
        before: json!({ "is_operator": was_operator, "disabled": was_disabled.is_some() }),
        after: json!({ "is_operator": is_operator, "disabled": disabled }),
    };
    commit(tx, "change a person", Trail::Audit(author, &new)).await?;
    Ok(PeopleChange::Done)
}

async fn operators(tx: &mut Tx) -> Result<i64, StoreError> {
    sqlx::query_scalar("SELECT COUNT(*) FROM person WHERE is_operator = 1 AND disabled_at_us IS NULL")
        .fetch_one(&mut **tx)
        .await
        .act("count operators")
}

fn people_row(row: &AnyRow) -> Result<PeopleRow, StoreError> {
    let columns = Columns(row);
    Ok(PeopleRow {
        id: columns.id("id")?,
        email: columns.text("email")?,
        name: columns.text("name")?,
        is_operator: columns.flag("is_operator")?,
        email_verified_at: columns.time_opt("email_verified_at_us")?,
        second_factor_at: columns.time_opt("second_factor_at_us")?,
        disabled_at: columns.time_opt("disabled_at_us")?,
        organizations: columns.count("organizations")?,
        last_used_at: columns.time_opt("used_at_us")?,
        created_at: columns.time("created_at_us")?,
    })
}
