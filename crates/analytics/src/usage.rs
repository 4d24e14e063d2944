//! How much was used: by hour, by day or in all, by one property, of the calls that have others.

use std::collections::BTreeMap;

use domain::{ApiKeyId, OrgScope, ProjectId, UnixMicros};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Sqlite};

use crate::bins::{Percentiles, Slots};
use crate::call_read::Columns;
use crate::calls::{TimeRange, blob};
use crate::db::Analytics;
use crate::error::{Act, AnalyticsError};
use crate::rollup::{Slice, Span};
use crate::seen::{Seen, seen_push};
use crate::sums::{Sums, sum_selects, sums_row};

/// Limit: rows of one answer.
pub const USAGE_ROWS_MAX: usize = 10_000;

/// Limit: hours of an answer by the hour that has a filter. It reads the rows that are split by all properties, which are
/// about as many as the calls when these are few.
const FILTERED_HOURS_MAX: i64 = 8 * 24;

/// How long a bar of the chart is; hours and days begin at full hours and days of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bucket {
    /// 60 minutes.
    Hour,
    /// 24 hours.
    Day,
    /// The whole range.
    Whole,
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

/// Which calls; `None` means any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UsageFilter {
    /// Of a project.
    pub project: Option<ProjectId>,
    /// Of a key.
    pub api_key: Option<ApiKeyId>,
    /// The model used.
    pub model: Option<String>,
    /// The provider used.
    pub provider: Option<String>,
    /// Who paid.
    pub used_mode: Option<String>,
}

/// A question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageQuestion {
    /// When the calls started. A range that begins or ends within an hour includes that whole hour.
    pub range: TimeRange,
    /// How long a bar is.
    pub bucket: Bucket,
    /// What bars are split by.
    pub group_by: GroupBy,
    /// Which calls.
    pub filter: UsageFilter,
}

/// Sums and percentiles of the same calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Figures {
    /// Sums.
    pub sums: Sums,
    /// Of all calls; none without calls.
    pub duration: Option<Percentiles>,
    /// Of the calls that had a first token; none without.
    pub first_token: Option<Percentiles>,
}

/// One bar, or part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageRow {
    /// When the bucket begins.
    pub bucket: UnixMicros,
    /// The value of what it is grouped by, as users know it.
    pub group: String,
    /// What happened in it.
    pub figures: Figures,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageAnswer {
    /// What was summed: full hours.
    pub range: TimeRange,
    /// Over all rows.
    pub totals: Figures,
    /// Oldest bucket first, then by group. Those without calls are left out.
    pub rows: Vec<UsageRow>,
}

/// The sums of calls that are seen, by the hour of their start.
pub async fn usage(db: &Analytics, scope: &OrgScope, seen: Seen<'_>, question: &UsageQuestion) -> Result<UsageAnswer, AnalyticsError> {
    let range = TimeRange { from: Span::Hour.start_of(question.range.from), to: UnixMicros(Span::Hour.start_from(question.range.to).0) };
    let slice = slice_of(question.group_by, &question.filter, seen);
    if slice == Slice::All && question.bucket == Bucket::Hour && hours_of(range) > FILTERED_HOURS_MAX {
        return Err(AnalyticsError::Invalid {
            what: "hours with a filter are answered for at most 8 days; ask for a shorter range, for days, or group by what you filter",
        });
    }
    let mut cells: BTreeMap<(i64, String), Cell> = BTreeMap::new();
    // One view for all parts: no call is in two of them or in none.
    let mut tx = db.read().begin().await.act("begin to sum usage")?;
    for part in parts(range, question.bucket) {
        let rows = ask(scope, seen, question, slice, &part).build().fetch_all(&mut *tx).await.act("sum usage")?;
        for row in &rows {
            cell_add(&mut cells, row, question.group_by, &part)?;
        }
        if cells.len() > USAGE_ROWS_MAX {
            return Err(AnalyticsError::Invalid {
                what: "the answer would have more than 10000 rows; ask for a shorter range, longer buckets or fewer groups",
            });
        }
    }
    tx.rollback().await.act("end to sum usage")?;
    answer(range, cells)
}

fn hours_of(range: TimeRange) -> i64 {
    range.to.0.saturating_sub(range.from.0) / 3_600_000_000
}

/// Rows of one span that follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    span: Span,
    range: TimeRange,
    /// The bucket that all of it belongs to; or else each row is a bucket.
    bucket: Option<UnixMicros>,
}

/// Whole days are read as days; what is before the first and behind the last of them by the hour.
fn parts(range: TimeRange, bucket: Bucket) -> Vec<Part> {
    let TimeRange { from, to } = range;
    if bucket == Bucket::Hour {
        return vec![Part { span: Span::Hour, range, bucket: None }];
    }
    let own = |start: UnixMicros| Some(if bucket == Bucket::Whole { from } else { Span::Day.start_of(start) });
    let (first, last) = (Span::Day.start_from(from), Span::Day.start_of(to));
    let mut parts = vec![Part { span: Span::Hour, range: TimeRange { from, to: first.min(to) }, bucket: own(from) }];
    if first <= last {
        let days = (bucket == Bucket::Whole).then_some(from);
        parts.push(Part { span: Span::Day, range: TimeRange { from: first, to: last }, bucket: days });
        parts.push(Part { span: Span::Hour, range: TimeRange { from: last, to }, bucket: own(last) });
    }
    parts.retain(|part| part.range.from < part.range.to);
    parts
}

/// The rows with the fewest splits that tell what is asked for apart.
fn slice_of(group_by: GroupBy, filter: &UsageFilter, seen: Seen<'_>) -> Slice {
    let mut slices = vec![
        (filter.model.is_some() || group_by == GroupBy::Model, Slice::Model),
        (filter.provider.is_some() || group_by == GroupBy::Provider, Slice::Provider),
        (filter.project.is_some() || seen.is_some() || group_by == GroupBy::Project, Slice::Project),
        (filter.api_key.is_some() || group_by == GroupBy::ApiKey, Slice::ApiKey),
    ];
    slices.retain(|(needed, _)| *needed);
    match slices.as_slice() {
        [] => Slice::Total,
        [(_, slice)] => *slice,
        _ => Slice::All,
    }
}

fn ask(scope: &OrgScope, seen: Seen<'_>, question: &UsageQuestion, slice: Slice, part: &Part) -> QueryBuilder<Sqlite> {
    let group = match question.group_by {
        GroupBy::Nothing => "''",
        GroupBy::Model => "model",
        GroupBy::Provider => "provider",
        GroupBy::Project => "project_id",
        GroupBy::ApiKey => "api_key_id",
        GroupBy::UsedMode => "used_mode",
    };
    let mut ask = QueryBuilder::new("SELECT ");
    ask.push(if part.bucket.is_none() { "start_us" } else { "0" });
    ask.push(" AS bucket, ").push(group).push(concat!(
        " AS grouped, ",
        sum_selects!(),
        ", COALESCE(group_concat(duration_bins, ''), '') AS duration_bins, \
         COALESCE(group_concat(first_token_bins, ''), '') AS first_token_bins \
         FROM rollup WHERE organization_id = "
    ));
    ask.push_bind(blob(scope.organization().uuid()));
    ask.push(" AND span = ").push_bind(part.span.code()).push(" AND slice = ").push_bind(slice.code());
    ask.push(" AND start_us >= ").push_bind(part.range.from.0).push(" AND start_us < ").push_bind(part.range.to.0);
    // Columns that the slice leaves empty are said to be so: then the rows come in the order of the groups, unsorted.
    if matches!(slice, Slice::Model | Slice::Provider | Slice::ApiKey) {
        ask.push(" AND project_id = x''");
    }
    if matches!(slice, Slice::Model | Slice::Provider) {
        ask.push(" AND api_key_id = x''");
    }
    if slice == Slice::Model {
        ask.push(" AND provider = ''");
    }
    seen_push(&mut ask, seen);
    filter_push(&mut ask, &question.filter);
    match (part.bucket.is_none(), question.group_by != GroupBy::Nothing) {
        (true, true) => ask.push(" GROUP BY start_us, ").push(group),
        (true, false) => ask.push(" GROUP BY start_us"),
        (false, true) => ask.push(" GROUP BY ").push(group),
        (false, false) => &mut ask,
    };
    ask.push(" LIMIT ").push_bind(i64::try_from(USAGE_ROWS_MAX).unwrap_or(i64::MAX).saturating_add(1));
    ask
}

fn filter_push(ask: &mut QueryBuilder<Sqlite>, filter: &UsageFilter) {
    if let Some(project) = filter.project {
        ask.push(" AND project_id = ").push_bind(blob(project.uuid()));
    }
    if let Some(api_key) = filter.api_key {
        ask.push(" AND api_key_id = ").push_bind(blob(api_key.uuid()));
    }
    for (column, value) in
        [(" AND model = ", &filter.model), (" AND provider = ", &filter.provider), (" AND used_mode = ", &filter.used_mode)]
    {
        if let Some(value) = value {
            ask.push(column).push_bind(value.clone());
        }
    }
}

#[derive(Default)]
struct Cell {
    sums: Sums,
    duration_bins: String,
    first_token_bins: String,
}

fn cell_add(cells: &mut BTreeMap<(i64, String), Cell>, row: &SqliteRow, group_by: GroupBy, part: &Part) -> Result<(), AnalyticsError> {
    let columns = Columns(row);
    let sums = sums_row(row)?;
    if sums.calls == 0 {
        // Sums over nothing, where nothing is split.
        return Ok(());
    }
    let group = match group_by {
        GroupBy::Project => ProjectId::from_uuid(columns.uuid("grouped")?).to_string(),
        GroupBy::ApiKey => ApiKeyId::from_uuid(columns.uuid("grouped")?).to_string(),
        GroupBy::Nothing | GroupBy::Model | GroupBy::Provider | GroupBy::UsedMode => columns.text("grouped")?,
    };
    let bucket = part.bucket.map_or_else(|| columns.int("bucket"), |bucket| Ok(bucket.0))?;
    let cell = cells.entry((bucket, group)).or_default();
    cell.sums.add(&sums);
    cell.duration_bins.push_str(&columns.text("duration_bins")?);
    cell.first_token_bins.push_str(&columns.text("first_token_bins")?);
    Ok(())
}

fn answer(range: TimeRange, cells: BTreeMap<(i64, String), Cell>) -> Result<UsageAnswer, AnalyticsError> {
    let mut totals = Figures::default();
    let (mut durations, mut first_tokens, mut slots) = (Slots::new(), Slots::new(), Slots::new());
    let mut percentiles = |all: &mut Slots, text: &str, what| {
        slots.clear();
        slots.add_text(text, what)?;
        all.add(&slots);
        Ok::<_, AnalyticsError>(slots.percentiles())
    };
    let mut rows = Vec::with_capacity(cells.len());
    for ((bucket, group), cell) in cells {
        totals.sums.add(&cell.sums);
        let duration = percentiles(&mut durations, &cell.duration_bins, "duration_bins")?;
        let first_token = percentiles(&mut first_tokens, &cell.first_token_bins, "first_token_bins")?;
        rows.push(UsageRow { bucket: UnixMicros(bucket), group, figures: Figures { sums: cell.sums, duration, first_token } });
    }
    (totals.duration, totals.first_token) = (durations.percentiles(), first_tokens.percentiles());
    Ok(UsageAnswer { range, totals, rows })
}
