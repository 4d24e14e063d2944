//! The end of a person's account. Its row stays without anything that tells of the person, because what they made refers to it.

use domain::ids::MailId;
use domain::{OrganizationId, UnixMicros, UserId};
use serde_json::json;
use sqlx::AssertSqlSafe;

use crate::audit::{Author, NewAudit, Trail, audit_insert};
use crate::db::{Db, Tx, commit};
use crate::deletion::{deletion_begin_in, status_of};
use crate::error::{Act, StoreError};
use crate::row::Columns;
use crate::words::{AuditAction, Role, SubjectKind};

/// Tables whose rows go with their person, in the order that their references allow. A test says of every table with a column
/// `person_id` that it is here.
pub(crate) const ERASED: &[&str] =
    &["session", "pending_log_in", "recovery_code", "totp", "identity", "letter_token", "member_project", "member_limited", "member"];

/// What became of a wish to delete one's account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountDelete {
    /// It is gone. These letters went with it: their files must go, too.
    Done(Vec<MailId>),
    /// Others belong to this organization, and nobody else owns it.
    LastOwner(OrganizationId),
    /// Nobody else who can log in runs the instance.
    LastOperator,
}

/// Deletes a person's account. Organizations that nobody else belongs to are deleted with it, from `purge_at` on; each of the
/// person's organizations gets a line in its log.
pub async fn account_delete(db: &Db, person: UserId, purge_at: UnixMicros, author: &Author) -> Result<AccountDelete, StoreError> {
    let mut tx = db.begin_write().await?;
    if is_last_operator(&mut tx, person).await? {
        return Ok(AccountDelete::LastOperator);
    }
    let rows = sqlx::query(
        "SELECT m.organization_id, m.role, (SELECT COUNT(*) FROM member o WHERE o.organization_id = m.organization_id) AS members, \
         (SELECT COUNT(*) FROM member o WHERE o.organization_id = m.organization_id AND o.role = 'owner') AS owners \
         FROM member m WHERE m.person_id = $1 ORDER BY m.created_at_us, m.organization_id",
    )
    .bind(person.to_string())
    .fetch_all(&mut *tx)
    .await
    .act("read memberships")?;
    let mut lines = Vec::new();
    for row in &rows {
        let columns = Columns(row);
        let organization: OrganizationId = columns.id("organization_id")?;
        let role = columns.word("role", Role::parse)?;
        let (alone, last) = (columns.int("members")? < 2, role == Role::Owner && columns.int("owners")? < 2);
        if last && !alone {
            return Ok(AccountDelete::LastOwner(organization));
        }
        if alone {
            let before = status_of(&mut tx, organization).await?;
            deletion_begin_in(&mut tx, organization, before, person, purge_at, author.at).await?;
        }
        let subject = (SubjectKind::Person, person.to_string());
        let (before, after) = (json!({ "role": role.as_str() }), json!({ "organization_deleted": alone }));
        lines.push(NewAudit { organization, action: AuditAction::AccountDeleted, subject, before, after });
    }
    let letters = person_erase(&mut tx, person, author.at).await?;
    let Some((first, further)) = lines.split_first() else {
        commit(tx, "delete an account", Trail::Bookkeeping).await?;
        return Ok(AccountDelete::Done(letters));
    };
    for line in further {
        audit_insert(&mut tx, author, line).await?;
    }
    commit(tx, "delete an account", Trail::Audit(author, first)).await?;
    Ok(AccountDelete::Done(letters))
}

async fn is_last_operator(tx: &mut Tx, person: UserId) -> Result<bool, StoreError> {
    let row = sqlx::query(
        "SELECT is_operator, (SELECT COUNT(*) FROM person o WHERE o.is_operator = 1 AND o.disabled_at_us IS NULL AND o.id <> $1) AS others \
         FROM person WHERE id = $1 AND deleted_at_us IS NULL",
    )
    .bind(person.to_string())
    .fetch_optional(&mut **tx)
    .await
    .act("read a person")?
    .ok_or(StoreError::NotFound { what: "person" })?;
    Ok(Columns(&row).flag("is_operator")? && Columns(&row).int("others")? == 0)
}

/// Takes everything from a person's row but its id, and ends what they come in with. Their address is free again. Answers the letters
/// that went.
pub(crate) async fn person_erase(tx: &mut Tx, person: UserId, now: UnixMicros) -> Result<Vec<MailId>, StoreError> {
    let id = person.to_string();
    let rows = sqlx::query("SELECT m.id FROM mail m JOIN person p ON p.email = m.recipient WHERE p.id = $1")
        .bind(id.clone())
        .fetch_all(&mut **tx)
        .await
        .act("read a person's letters")?;
    let letters = rows.iter().map(|row| Columns(row).id("id")).collect::<Result<Vec<MailId>, _>>()?;
    for table in ERASED {
        // The table's name is one of the constants above.
        let sql = AssertSqlSafe(format!("DELETE FROM {table} WHERE person_id = $1"));
        sqlx::query(sql).bind(id.clone()).execute(&mut **tx).await.act("erase rows of a person")?;
    }
    for sql in [
        "DELETE FROM mail WHERE recipient IN (SELECT email FROM person WHERE id = $1)",
        "DELETE FROM pending_sign_up WHERE email IN (SELECT email FROM person WHERE id = $1)",
        "UPDATE invite SET email = $1 WHERE accepted_by = $1",
    ] {
        sqlx::query(sql).bind(id.clone()).execute(&mut **tx).await.act("erase what tells of a person")?;
    }
    sqlx::query("UPDATE management_key SET status = 'revoked', revoked_at_us = $2 WHERE created_by = $1 AND status = 'active'")
        .bind(id.clone())
        .bind(now.0)
        .execute(&mut **tx)
        .await
        .act("revoke a person's management keys")?;
    sqlx::query(
        "UPDATE person SET email = $1, name = '', password_hash = '', is_operator = 0, email_verified_at_us = NULL, \
         disabled_at_us = $2, deleted_at_us = $2 WHERE id = $1",
    )
    .bind(id)
    .bind(now.0)
    .execute(&mut **tx)
    .await
    .act("erase a person")?;
    Ok(letters)
}
