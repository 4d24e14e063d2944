//! Where bills and words about an organization's money go.

use domain::OrgScope;
use serde_json::json;

use crate::audit::{Author, NewAudit, Trail};
use crate::db::{Db, commit};
use crate::error::{Act, StoreError};
use crate::row::Columns;
use crate::words::{AuditAction, SubjectKind};

const ORGANIZATION: StoreError = StoreError::NotFound { what: "organization" };

/// The address; `None`: the owners'.
pub async fn billing_email_get(db: &Db, scope: &OrgScope) -> Result<Option<String>, StoreError> {
    let row = sqlx::query("SELECT billing_email FROM organization WHERE id = $1")
        .bind(scope.organization().to_string())
        .fetch_optional(db.read())
        .await
        .act("read a billing address")?;
    Columns(&row.ok_or(ORGANIZATION)?).text_opt("billing_email")
}

/// Sets the address, in lower case, or removes it. Setting it to what it is changes nothing.
pub async fn billing_email_set(db: &Db, scope: &OrgScope, email: Option<&str>, author: &Author) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    let row = sqlx::query("SELECT billing_email FROM organization WHERE id = $1")
        .bind(scope.organization().to_string())
        .fetch_optional(&mut *tx)
        .await
        .act("read a billing address")?;
    let before = Columns(&row.ok_or(ORGANIZATION)?).text_opt("billing_email")?;
    if before.as_deref() == email {
        return Ok(());
    }
    sqlx::query("UPDATE organization SET billing_email = $2 WHERE id = $1")
        .bind(scope.organization().to_string())
        .bind(email.map(str::to_owned))
        .execute(&mut *tx)
        .await
        .act("set a billing address")?;
    let new = NewAudit {
        organization: scope.organization(),
        action: AuditAction::BillingChanged,
        subject: (SubjectKind::Organization, scope.organization().to_string()),
        before: json!({ "billing_email": before }),
        after: json!({ "billing_email": email }),
    };
    commit(tx, "set a billing address", Trail::Audit(author, &new)).await
}
