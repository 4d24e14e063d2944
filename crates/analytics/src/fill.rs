//! Sums the calls that an older version took in, when the rollup is new.

use sqlx::Row;

use crate::call_read::{call_columns, call_row};
use crate::db::Analytics;
use crate::error::{Act, AnalyticsError};
use crate::rollup::Rollup;

/// Calls of one transaction.
const BATCH_CALLS: i64 = 10_000;

/// Goes on where an earlier fill ended, if it did not end: each batch notes in its own transaction how far it came, so
/// that no call is summed twice or left out when the process dies between two of them.
pub(crate) async fn rollup_fill(db: &Analytics) -> Result<(), AnalyticsError> {
    while batch(db, BATCH_CALLS).await? {}
    Ok(())
}

/// Answers whether there may be more.
async fn batch(db: &Analytics, calls_max: i64) -> Result<bool, AnalyticsError> {
    let mut tx = db.begin_write().await?;
    let state = sqlx::query("SELECT done, last FROM rollup_fill").fetch_optional(&mut *tx).await.act("read how far the fill came")?;
    let Some(state) = state else { return Ok(false) };
    let done: i64 = state.try_get("done").act("done")?;
    let last: i64 = state.try_get("last").act("last")?;
    // Rows are numbered in the order in which they came; a call that came after the table is in it already.
    let to = done.saturating_add(calls_max).min(last);
    let rows = sqlx::query(concat!("SELECT ", call_columns!(), " FROM call WHERE rowid > $1 AND rowid <= $2 ORDER BY rowid"))
        .bind(done)
        .bind(to)
        .fetch_all(&mut *tx)
        .await
        .act("read calls")?;
    let calls = rows.iter().map(call_row).collect::<Result<Vec<_>, _>>()?;
    let mut rollup = Rollup::default();
    calls.iter().for_each(|call| rollup.add(call));
    rollup.write(&mut tx).await?;
    let note = if to < last { sqlx::query("UPDATE rollup_fill SET done = $1").bind(to) } else { sqlx::query("DELETE FROM rollup_fill") };
    note.execute(&mut *tx).await.act("note how far the fill came")?;
    tx.commit().await.act("sum calls")?;
    Ok(to < last)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use domain::UnixMicros;

    use super::*;
    use crate::contract::{call, scope};
    use crate::db::MIGRATIONS;
    use crate::insert::chunk_insert;
    use crate::{Bucket, CallRow, GroupBy, TimeRange, UsageAnswer, UsageFilter, UsageQuestion, events_insert, usage};

    /// Calls over three days, of several models and payers.
    fn calls(from: u64, to: u64) -> Vec<CallRow> {
        let spread = |n: u64| CallRow {
            started_at: UnixMicros(call(n).started_at.0 + i64::try_from(n % 70).unwrap() * 3_600_000_000),
            model: format!("model-{}", n % 3),
            used_mode: if n.is_multiple_of(4) { "api-keys".to_owned() } else { "credits".to_owned() },
            duration_ms: u32::try_from(n * 37 % 5_000).unwrap(),
            ..call(n)
        };
        (from..to).map(spread).collect()
    }

    /// A file as the version before the rollup left it.
    async fn old(path: &Path, calls: &[CallRow]) -> Analytics {
        let db = Analytics::open(path, 1).await.unwrap();
        db.migrate_to(&MIGRATIONS[..1]).await.unwrap();
        let mut tx = db.begin_write().await.unwrap();
        for call in calls {
            chunk_insert(&mut tx, std::slice::from_ref(call)).await.unwrap();
        }
        tx.commit().await.unwrap();
        db
    }

    async fn answers(db: &Analytics) -> Vec<UsageAnswer> {
        let mut answers = Vec::new();
        for bucket in [Bucket::Hour, Bucket::Day, Bucket::Whole] {
            for group_by in [GroupBy::Nothing, GroupBy::Model, GroupBy::Provider, GroupBy::Project, GroupBy::ApiKey, GroupBy::UsedMode] {
                for model in [None, Some("model-1".to_owned())] {
                    let range = TimeRange { from: UnixMicros(call(0).started_at.0), to: UnixMicros(call(400_000).started_at.0) };
                    let filter = UsageFilter { model, ..UsageFilter::default() };
                    answers.push(usage(db, &scope(1), None, &UsageQuestion { range, bucket, group_by, filter }).await.unwrap());
                }
            }
        }
        answers
    }

    #[tokio::test]
    async fn an_old_file_answers_as_one_that_was_always_new() {
        let folder = tempfile::tempdir().unwrap();
        let new = Analytics::open(&folder.path().join("new.db"), 1).await.unwrap();
        new.migrate().await.unwrap();
        events_insert(&new, &calls(1, 250), &[]).await.unwrap();
        let wanted = answers(&new).await;
        assert_eq!(wanted[0].totals.sums.calls, 249);

        let path = folder.path().join("old.db");
        let db = old(&path, &calls(1, 200)).await;
        db.migrate_to(MIGRATIONS).await.unwrap();
        // The process dies after some batches; calls come in before the next goes on.
        for _ in 0..4 {
            assert!(batch(&db, 30).await.unwrap());
        }
        events_insert(&db, &calls(200, 250), &[]).await.unwrap();
        assert_ne!(answers(&db).await, wanted);
        db.close().await;
        let db = Analytics::open(&path, 1).await.unwrap();
        db.migrate().await.unwrap();
        assert_eq!(answers(&db).await, wanted);
        db.migrate().await.unwrap();
        assert_eq!(answers(&db).await, wanted, "a second time sums nothing twice");
        for db in [db, new] {
            db.close().await;
        }
    }

    #[tokio::test]
    async fn an_old_file_without_calls_has_nothing_to_sum() {
        let folder = tempfile::tempdir().unwrap();
        let db = old(&folder.path().join("old.db"), &[]).await;
        db.migrate().await.unwrap();
        assert!(!batch(&db, 1).await.unwrap());
        assert_eq!(answers(&db).await[0].totals.sums.calls, 0);
        db.close().await;
    }
}
