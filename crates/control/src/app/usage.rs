//! How much was used.

use std::collections::BTreeMap;

use analytics::{Bucket, GroupBy, Sums, TimeRange, UsageRow};
use domain::{Code, Fault, UnixMicros};

use crate::app::caller::Management;
use crate::app::{Control, ask, checks};

const HOUR_US: i64 = 3_600_000_000;
/// Limit: rows of one answer.
const ROWS_MAX: usize = 10_000;
/// Limit: rows that one question may sum up; analytics cuts off at this number.
const SUMMED_ROWS_MAX: usize = 100_000;

/// How long a bar of the chart is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// 60 minutes.
    Hour,
    /// A day of UTC.
    Day,
    /// The whole range.
    Whole,
}

/// The answer: what happened in all, and by bucket and group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageAnswer {
    /// The range that was summed: full hours.
    pub range: TimeRange,
    /// Over all rows.
    pub totals: Sums,
    /// Oldest bucket first, then by group.
    pub rows: Vec<UsageRow>,
}

impl Control {
    /// The sums of calls by the hour of their start. A range that begins or ends within an hour includes that hour.
    pub async fn usage(&self, who: &Management, range: TimeRange, span: Span, group_by: GroupBy) -> Result<UsageAnswer, Fault> {
        if range.from >= range.to {
            return Err(checks::invalid("from", "`from` must be before `to`"));
        }
        let range = full_hours(range);
        let bucket = if span == Span::Hour { Bucket::Hour } else { Bucket::Day };
        let mut rows = ask::analytics(analytics::usage(&self.analytics, who.scope(), range, bucket, group_by)).await?;
        let cut = rows.len() >= SUMMED_ROWS_MAX;
        if span == Span::Whole {
            rows = whole(range.from, rows);
        }
        if cut || rows.len() > ROWS_MAX {
            return Err(Fault::new(
                Code::InvalidRequest,
                format!("the answer would have more than {ROWS_MAX} rows; ask for a shorter range, longer buckets or fewer groups"),
            ));
        }
        let totals = rows.iter().fold(Sums::default(), |totals, row| sum(totals, &row.sums));
        Ok(UsageAnswer { range, totals, rows })
    }
}

/// What analytics sums: from the start of the first hour to the end of the last.
fn full_hours(range: TimeRange) -> TimeRange {
    let from = range.from.0.div_euclid(HOUR_US).saturating_mul(HOUR_US);
    let to = range.to.0.saturating_add(HOUR_US - 1).div_euclid(HOUR_US).saturating_mul(HOUR_US);
    TimeRange { from: UnixMicros(from), to: UnixMicros(to) }
}

/// One row per group over the whole range.
fn whole(from: UnixMicros, rows: Vec<UsageRow>) -> Vec<UsageRow> {
    let mut groups: BTreeMap<String, Sums> = BTreeMap::new();
    for row in rows {
        let sums = groups.entry(row.group).or_default();
        *sums = sum(*sums, &row.sums);
    }
    groups.into_iter().map(|(group, sums)| UsageRow { bucket: from, group, sums }).collect()
}

fn sum(mut to: Sums, of: &Sums) -> Sums {
    let (usage, its) = (&mut to.usage, &of.usage);
    for (mine, its) in [
        (&mut to.calls, of.calls),
        (&mut to.settled, of.settled),
        (&mut to.voided, of.voided),
        (&mut to.orphaned, of.orphaned),
        (&mut to.failed, of.failed),
        (&mut to.cancelled, of.cancelled),
        (&mut to.cache_hits, of.cache_hits),
        (&mut to.estimated, of.estimated),
        (&mut usage.input, its.input),
        (&mut usage.cached_input, its.cached_input),
        (&mut usage.cache_write_5m, its.cache_write_5m),
        (&mut usage.cache_write_1h, its.cache_write_1h),
        (&mut usage.audio_input, its.audio_input),
        (&mut usage.output, its.output),
        (&mut usage.reasoning, its.reasoning),
        (&mut usage.audio_output, its.audio_output),
        (&mut usage.image_output, its.image_output),
        (&mut usage.searches, its.searches),
        (&mut to.duration_ms, of.duration_ms),
        (&mut to.first_token_ms, of.first_token_ms),
        (&mut to.first_tokens, of.first_tokens),
        (&mut to.overhead_us, of.overhead_us),
    ] {
        *mine = mine.saturating_add(its);
    }
    to.cost = to.cost.saturating_add(of.cost);
    to.charged = to.charged.saturating_add(of.charged);
    to
}
