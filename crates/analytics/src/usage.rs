//! How much was used, by hour or day and by one property.

use domain::{ApiKeyId, OrgScope, ProjectId, UnixMicros};
use sqlx::sqlite::SqliteRow;

use crate::call_read::Columns;
use crate::calls::{TimeRange, blob};
use crate::db::Analytics;
use crate::error::{Act, AnalyticsError};
use crate::sums::{Sums, sum_selects, sums_row};

pub(crate) const HOUR_US: i64 = 3_600_000_000;

/// Limit: rows of one answer; the newest are left out. A question that needs more asks for a shorter range.
const ROWS_MAX: i64 = 100_000;

/// How long a bar of the chart is; both begin at full hours and days of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bucket {
    /// 60 minutes.
    Hour,
    /// 24 hours.
    Day,
}

/// What the bars are split by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GroupBy {
    /// Nothing: one row per bucket, with an empty group.
    Nothing,
    /// The model used.
    Model,
    /// The provider used.
    Provider,
    /// `proj_…`.
    Project,
    /// `key_…`.
    ApiKey,
    /// `credits` or `api-keys`.
    UsedMode,
}

/// One bar, or part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageRow {
    /// When the bucket begins.
    pub bucket: UnixMicros,
    /// The value of what it is grouped by, as users know it.
    pub group: String,
    /// What happened in it.
    pub sums: Sums,
}

/// The sums of calls by the hour of their start, oldest bucket first, then by group. A range that begins or ends within
/// an hour includes that whole hour.
pub async fn usage(
    db: &Analytics,
    scope: &OrgScope,
    range: TimeRange,
    bucket: Bucket,
    group_by: GroupBy,
) -> Result<Vec<UsageRow>, AnalyticsError> {
    let bucket_us = match bucket {
        Bucket::Hour => HOUR_US,
        Bucket::Day => 24 * HOUR_US,
    };
    let rows = sqlx::query(sql(group_by))
        .bind(blob(scope.organization().uuid()))
        .bind(hour_of(range.from))
        .bind(range.to.0)
        .bind(bucket_us)
        .bind(ROWS_MAX)
        .fetch_all(db.read())
        .await
        .act("sum usage")?;
    rows.iter().map(|row| usage_row(row, group_by)).collect()
}

/// The start of the hour that a moment is in.
pub(crate) const fn hour_of(at: UnixMicros) -> i64 {
    at.0.div_euclid(HOUR_US).saturating_mul(HOUR_US)
}

macro_rules! usage_sql {
    ($group:literal) => {
        concat!(
            "SELECT hour_us / $4 * $4 AS bucket, ",
            $group,
            " AS grouped, ",
            sum_selects!(),
            " FROM rollup_hour WHERE organization_id = $1 AND hour_us >= $2 AND hour_us < $3 GROUP BY 1, 2 ORDER BY 1, 2 LIMIT $5"
        )
    };
}

const fn sql(group_by: GroupBy) -> &'static str {
    match group_by {
        GroupBy::Nothing => usage_sql!("''"),
        GroupBy::Model => usage_sql!("model"),
        GroupBy::Provider => usage_sql!("provider"),
        GroupBy::Project => usage_sql!("project_id"),
        GroupBy::ApiKey => usage_sql!("api_key_id"),
        GroupBy::UsedMode => usage_sql!("used_mode"),
    }
}

fn usage_row(row: &SqliteRow, group_by: GroupBy) -> Result<UsageRow, AnalyticsError> {
    let columns = Columns(row);
    let group = match group_by {
        GroupBy::Project => ProjectId::from_uuid(columns.uuid("grouped")?).to_string(),
        GroupBy::ApiKey => ApiKeyId::from_uuid(columns.uuid("grouped")?).to_string(),
        GroupBy::Nothing | GroupBy::Model | GroupBy::Provider | GroupBy::UsedMode => columns.text("grouped")?,
    };
    Ok(UsageRow { bucket: UnixMicros(columns.int("bucket")?), group, sums: sums_row(row)? })
}
