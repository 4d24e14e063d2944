//! Erasing an organization's calls.

use domain::OrgScope;

use crate::calls::blob;
use crate::db::Analytics;
use crate::error::{Act, AnalyticsError};

/// Limit: calls that one transaction deletes.
const PART_CALLS: i64 = 2_000;

/// Deletes a part of the organization's calls, or when there are none left, its sums by hour and day; answers how many rows. What
/// it all came to in each gateway's life stays for the books: counts and money, without a name.
pub async fn erase_part(db: &Analytics, scope: &OrgScope) -> Result<u64, AnalyticsError> {
    let mut tx = db.begin_write().await?;
    let organization = blob(scope.organization().uuid());
    let calls = sqlx::query("DELETE FROM call WHERE rowid IN (SELECT rowid FROM call WHERE organization_id = $1 LIMIT $2)")
        .bind(organization.clone())
        .bind(PART_CALLS)
        .execute(&mut *tx)
        .await
        .act("erase calls")?;
    let mut gone = calls.rows_affected();
    if gone == 0 {
        let sums = sqlx::query("DELETE FROM rollup WHERE organization_id = $1").bind(organization).execute(&mut *tx).await;
        gone = sums.act("erase sums")?.rows_affected();
    }
    tx.commit().await.act("erase calls")?;
    Ok(gone)
}
