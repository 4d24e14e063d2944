//! Erasing an organization: what tells of people and of what they did goes, what the books need stays without names.
//!
//! The job calls [`purge_close`], then [`purge_part`] until nothing is left, then [`purge_finish`]. Each may be repeated, so that a job
//! that was broken off anywhere begins again from the start.

use domain::ids::MailId;
use domain::{OrgScope, UnixMicros, UserId};
use sqlx::AssertSqlSafe;

use crate::account::person_erase;
use crate::audit::Trail;
use crate::db::{Db, Tx, commit};
use crate::deletion::status_set;
use crate::error::{Act, StoreError};
use crate::row::Columns;
use crate::words::OrganizationStatus;

/// Limit: rows of a table that one transaction deletes.
const PART_ROWS: i64 = 5_000;

/// Tables whose rows go with their organization, in the order that their references allow. One that has a column `organization_id`
/// is here or in [`KEPT`]: a test sees to that.
const PURGED: &[&str] = &[
    "session",
    "member_project",
    "member_limited",
    "member",
    "invite",
    "api_key",
    "sub_account",
    "management_key",
    "idempotency",
    "provider_key",
    "provider_key_spend",
    "data_key",
    "project",
    "budget_alert",
    "audit_event",
];

/// Tables that stay, and why.
#[cfg(test)]
const KEPT: &[(&str, &str)] = &[
    ("ledger_account", "the books: balances add up to nothing over all organizations"),
    ("transfer", "the books: ids and amounts; the reason of a grant is the operator's"),
    ("lease", "the books: what transfers refer to"),
    ("posting", "the books: counts, tokens and money"),
    ("posting_total", "the books: sums of postings"),
    ("crash_loss", "the books: what we carried"),
    ("budget", "what postings refer to, without its name and value"),
    ("budget_window", "sums of budget postings"),
    ("budget_lease", "what budget postings refer to"),
    ("budget_posting", "counts and money"),
    ("change", "the feed of gateways: older rows go, the last says that the organization changed"),
    ("organization_deletion", "that it was deleted, and when"),
];

/// Closes an organization for ever: nobody belongs to it any more. Accounts that belong to nothing else and do not run the instance
/// go with it. Answers the letters that went, for their files.
pub async fn purge_close(db: &Db, scope: &OrgScope, now: UnixMicros) -> Result<Vec<MailId>, StoreError> {
    let mut tx = db.begin_write().await?;
    let organization = scope.organization().to_string();
    status_set(&mut tx, scope.organization(), OrganizationStatus::Deleted, now).await?;
    let rows = sqlx::query(
        "SELECT m.person_id FROM member m JOIN person p ON p.id = m.person_id WHERE m.organization_id = $1 AND p.is_operator = 0 \
         AND NOT EXISTS (SELECT 1 FROM member o WHERE o.person_id = m.person_id AND o.organization_id <> $1)",
    )
    .bind(organization.clone())
    .fetch_all(&mut *tx)
    .await
    .act("read who belongs to nothing else")?;
    let mut letters = Vec::new();
    for row in &rows {
        let person: UserId = Columns(row).id("person_id")?;
        letters.extend(person_erase(&mut tx, person, now).await?);
    }
    let invited = "SELECT mail_id FROM invite WHERE organization_id = $1 AND mail_id IS NOT NULL";
    for row in sqlx::query(invited).bind(organization.clone()).fetch_all(&mut *tx).await.act("read invitations")? {
        letters.extend(Columns(&row).id_opt::<MailId>("mail_id")?);
    }
    for letter in &letters {
        sqlx::query("DELETE FROM mail WHERE id = $1").bind(letter.to_string()).execute(&mut *tx).await.act("delete a letter")?;
    }
    for table in &PURGED[..5] {
        rows_delete(&mut tx, table, &organization).await?;
    }
    commit(tx, "close an organization", Trail::Bookkeeping).await?;
    Ok(letters)
}

/// Deletes a part of what can be much; answers how many rows. The organization is closed.
pub async fn purge_part(db: &Db, scope: &OrgScope) -> Result<u64, StoreError> {
    let mut tx = db.begin_write().await?;
    let organization = scope.organization().to_string();
    let mut gone = 0;
    for sql in [
        "DELETE FROM audit_event WHERE organization_id = $1 AND number < \
         (SELECT MIN(number) FROM audit_event WHERE organization_id = $1) + $2",
        "DELETE FROM api_key WHERE organization_id = $1 AND id IN (SELECT id FROM api_key WHERE organization_id = $1 ORDER BY id LIMIT $2)",
    ] {
        let done = sqlx::query(sql).bind(organization.clone()).bind(PART_ROWS).execute(&mut *tx).await.act("erase a part")?;
        gone += done.rows_affected();
    }
    commit(tx, "erase a part of an organization", Trail::Bookkeeping).await?;
    Ok(gone)
}

/// Deletes the rest, takes the names from what stays, and notes that it is done.
pub async fn purge_finish(db: &Db, scope: &OrgScope, now: UnixMicros) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    let organization = scope.organization().to_string();
    for table in PURGED {
        rows_delete(&mut tx, table, &organization).await?;
    }
    for sql in [
        "UPDATE organization SET name = '', billing_email = NULL WHERE id = $1",
        "UPDATE budget SET name = '', scope_value = '', status = 'deleted' WHERE organization_id = $1",
        "DELETE FROM change WHERE organization_id = $1 AND revision < (SELECT MAX(revision) FROM change WHERE organization_id = $1)",
    ] {
        sqlx::query(sql).bind(organization.clone()).execute(&mut *tx).await.act("take the names from what stays")?;
    }
    sqlx::query("UPDATE organization_deletion SET asked_by = '', purged_at_us = $2 WHERE organization_id = $1")
        .bind(organization)
        .bind(now.0)
        .execute(&mut *tx)
        .await
        .act("note that an organization is erased")?;
    commit(tx, "finish to erase an organization", Trail::Bookkeeping).await
}

async fn rows_delete(tx: &mut Tx, table: &str, organization: &str) -> Result<(), StoreError> {
    // The table's name is one of the constants above.
    let sql = AssertSqlSafe(format!("DELETE FROM {table} WHERE organization_id = $1"));
    sqlx::query(sql).bind(organization.to_owned()).execute(&mut **tx).await.act("erase rows of an organization")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{KEPT, PURGED};
    use crate::account::ERASED;
    use crate::{Db, OpenOptions};

    async fn tables_with(db: &Db, column: &str) -> BTreeSet<String> {
        let sql = "SELECT t.name FROM sqlite_master t, pragma_table_info(t.name) c WHERE t.type = 'table' AND c.name = $1";
        let names: Vec<String> = sqlx::query_scalar(sql).bind(column.to_owned()).fetch_all(db.read()).await.unwrap();
        names.into_iter().collect()
    }

    #[tokio::test]
    async fn it_is_said_of_every_table_what_becomes_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&format!("sqlite://{}", folder.path().join("llmg.db").display()), OpenOptions::default()).await.unwrap();
        db.migrate().await.unwrap();
        let said: BTreeSet<String> = PURGED.iter().copied().chain(KEPT.iter().map(|(table, _)| *table)).map(str::to_owned).collect();
        let tables = tables_with(&db, "organization_id").await;
        let unsaid: Vec<_> = tables.difference(&said).collect();
        assert!(unsaid.is_empty(), "do rows of {unsaid:?} go with their organization, or stay? say so in crates/store/src/purge.rs");
        assert_eq!(said, tables, "there are no such tables, or one is in both lists");
        let said: BTreeSet<String> = ERASED.iter().map(|table| (*table).to_owned()).collect();
        assert_eq!(
            said,
            tables_with(&db, "person_id").await,
            "say in crates/store/src/account.rs that rows of these tables go with their person"
        );
        db.close().await;
    }
}
