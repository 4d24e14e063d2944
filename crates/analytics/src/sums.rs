//! Sums over calls: what rollups keep and questions answer with.

use domain::{NanoUsd, Usage, UsageSource};
use sqlx::Sqlite;
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};

use crate::call::{CallOutcome, CallRow};
use crate::call_read::Columns;
use crate::error::AnalyticsError;

/// Sums over calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sums {
    /// All calls.
    pub calls: u64,
    /// Ended with known usage.
    pub settled: u64,
    /// Ended with nothing to bill.
    pub voided: u64,
    /// Ended with their gateway.
    pub orphaned: u64,
    /// Answered with a status of 400 or above.
    pub failed: u64,
    /// The caller left.
    pub cancelled: u64,
    /// Answered from the cache.
    pub cache_hits: u64,
    /// Calls whose usage we counted because the provider did not say.
    pub estimated: u64,
    /// Tokens by class (`source` means nothing in a sum).
    pub usage: Usage,
    /// All durations.
    pub duration_ms: u64,
    /// All times to a first token.
    pub first_token_ms: u64,
    /// Calls that had one.
    pub first_tokens: u64,
    /// What gateways themselves took.
    pub overhead_us: u64,
    /// Provider price, whoever paid.
    pub cost: NanoUsd,
    /// Taken from credits.
    pub charged: NanoUsd,
}

/// The columns of [`Sums`], in the order that [`sums_bind`] binds them.
macro_rules! sum_columns {
    () => {
        "calls, settled, voided, orphaned, failed, cancelled, cache_hits, estimated, input, cached_input, cache_write_5m, \
         cache_write_1h, audio_input, output, reasoning, audio_output, image_output, searches, duration_ms, first_token_ms, \
         first_tokens, overhead_us, cost, charged"
    };
}
pub(crate) use sum_columns;

/// Adds one row of sums to the row `t` that is there.
macro_rules! sum_upsert {
    () => {
        "calls = t.calls + excluded.calls, settled = t.settled + excluded.settled, voided = t.voided + excluded.voided, \
         orphaned = t.orphaned + excluded.orphaned, failed = t.failed + excluded.failed, \
         cancelled = t.cancelled + excluded.cancelled, cache_hits = t.cache_hits + excluded.cache_hits, \
         estimated = t.estimated + excluded.estimated, input = t.input + excluded.input, \
         cached_input = t.cached_input + excluded.cached_input, cache_write_5m = t.cache_write_5m + excluded.cache_write_5m, \
         cache_write_1h = t.cache_write_1h + excluded.cache_write_1h, audio_input = t.audio_input + excluded.audio_input, \
         output = t.output + excluded.output, reasoning = t.reasoning + excluded.reasoning, \
         audio_output = t.audio_output + excluded.audio_output, image_output = t.image_output + excluded.image_output, \
         searches = t.searches + excluded.searches, duration_ms = t.duration_ms + excluded.duration_ms, \
         first_token_ms = t.first_token_ms + excluded.first_token_ms, first_tokens = t.first_tokens + excluded.first_tokens, \
         overhead_us = t.overhead_us + excluded.overhead_us, cost = t.cost + excluded.cost, charged = t.charged + excluded.charged"
    };
}
pub(crate) use sum_upsert;

/// Sums of sums, as a select list.
macro_rules! sum_selects {
    () => {
        "COALESCE(SUM(calls), 0) AS calls, COALESCE(SUM(settled), 0) AS settled, COALESCE(SUM(voided), 0) AS voided, \
         COALESCE(SUM(orphaned), 0) AS orphaned, COALESCE(SUM(failed), 0) AS failed, COALESCE(SUM(cancelled), 0) AS cancelled, \
         COALESCE(SUM(cache_hits), 0) AS cache_hits, COALESCE(SUM(estimated), 0) AS estimated, COALESCE(SUM(input), 0) AS input, \
         COALESCE(SUM(cached_input), 0) AS cached_input, COALESCE(SUM(cache_write_5m), 0) AS cache_write_5m, \
         COALESCE(SUM(cache_write_1h), 0) AS cache_write_1h, COALESCE(SUM(audio_input), 0) AS audio_input, \
         COALESCE(SUM(output), 0) AS output, COALESCE(SUM(reasoning), 0) AS reasoning, \
         COALESCE(SUM(audio_output), 0) AS audio_output, COALESCE(SUM(image_output), 0) AS image_output, \
         COALESCE(SUM(searches), 0) AS searches, COALESCE(SUM(duration_ms), 0) AS duration_ms, \
         COALESCE(SUM(first_token_ms), 0) AS first_token_ms, COALESCE(SUM(first_tokens), 0) AS first_tokens, \
         COALESCE(SUM(overhead_us), 0) AS overhead_us, COALESCE(SUM(cost), 0) AS cost, COALESCE(SUM(charged), 0) AS charged"
    };
}
pub(crate) use sum_selects;

impl Sums {
    /// Counts one call in.
    pub(crate) fn add_call(&mut self, call: &CallRow) {
        let one = |outcome: CallOutcome| u64::from(call.outcome == outcome);
        let (mine, its) = (&mut self.usage, &call.usage);
        for (mine, its) in [
            (&mut self.calls, 1),
            (&mut self.settled, one(CallOutcome::Settled)),
            (&mut self.voided, one(CallOutcome::Voided)),
            (&mut self.orphaned, one(CallOutcome::Orphaned)),
            (&mut self.failed, u64::from(call.http_status >= 400)),
            (&mut self.cancelled, u64::from(call.cancelled)),
            (&mut self.cache_hits, u64::from(call.cache == "hit")),
            (&mut self.estimated, u64::from(call.usage.source == UsageSource::Estimated)),
            (&mut mine.input, its.input),
            (&mut mine.cached_input, its.cached_input),
            (&mut mine.cache_write_5m, its.cache_write_5m),
            (&mut mine.cache_write_1h, its.cache_write_1h),
            (&mut mine.audio_input, its.audio_input),
            (&mut mine.output, its.output),
            (&mut mine.reasoning, its.reasoning),
            (&mut mine.audio_output, its.audio_output),
            (&mut mine.image_output, its.image_output),
            (&mut mine.searches, its.searches),
            (&mut self.duration_ms, u64::from(call.duration_ms)),
            (&mut self.first_token_ms, u64::from(call.first_token_ms)),
            (&mut self.first_tokens, u64::from(call.first_token_ms > 0)),
            (&mut self.overhead_us, u64::from(call.overhead_us)),
        ] {
            *mine = mine.saturating_add(its);
        }
        self.cost = self.cost.saturating_add(call.cost);
        self.charged = self.charged.saturating_add(call.charged);
    }

    /// Adds the sums over other calls.
    pub(crate) fn add(&mut self, other: &Self) {
        let (mine, its) = (&mut self.usage, &other.usage);
        for (mine, its) in [
            (&mut self.calls, other.calls),
            (&mut self.settled, other.settled),
            (&mut self.voided, other.voided),
            (&mut self.orphaned, other.orphaned),
            (&mut self.failed, other.failed),
            (&mut self.cancelled, other.cancelled),
            (&mut self.cache_hits, other.cache_hits),
            (&mut self.estimated, other.estimated),
            (&mut mine.input, its.input),
            (&mut mine.cached_input, its.cached_input),
            (&mut mine.cache_write_5m, its.cache_write_5m),
            (&mut mine.cache_write_1h, its.cache_write_1h),
            (&mut mine.audio_input, its.audio_input),
            (&mut mine.output, its.output),
            (&mut mine.reasoning, its.reasoning),
            (&mut mine.audio_output, its.audio_output),
            (&mut mine.image_output, its.image_output),
            (&mut mine.searches, its.searches),
            (&mut self.duration_ms, other.duration_ms),
            (&mut self.first_token_ms, other.first_token_ms),
            (&mut self.first_tokens, other.first_tokens),
            (&mut self.overhead_us, other.overhead_us),
        ] {
            *mine = mine.saturating_add(its);
        }
        self.cost = self.cost.saturating_add(other.cost);
        self.charged = self.charged.saturating_add(other.charged);
    }
}

/// Binds all sums, in the order of [`sum_columns`].
pub(crate) fn sums_bind<'q>(query: Query<'q, Sqlite, SqliteArguments>, sums: &Sums) -> Query<'q, Sqlite, SqliteArguments> {
    let counts = [sums.calls, sums.settled, sums.voided, sums.orphaned, sums.failed, sums.cancelled, sums.cache_hits, sums.estimated];
    let times = [sums.duration_ms, sums.first_token_ms, sums.first_tokens, sums.overhead_us];
    let counts = counts.into_iter().chain(usage_counts(&sums.usage)).chain(times);
    counts.fold(query, |query, count| query.bind(stored(count))).bind(sums.cost.0).bind(sums.charged.0)
}

/// Tokens by class, in the order of the columns.
pub(crate) const fn usage_counts(usage: &Usage) -> [u64; 10] {
    [
        usage.input,
        usage.cached_input,
        usage.cache_write_5m,
        usage.cache_write_1h,
        usage.audio_input,
        usage.output,
        usage.reasoning,
        usage.audio_output,
        usage.image_output,
        usage.searches,
    ]
}

/// A count as a column holds it; what does not fit is held at the end of the range.
pub(crate) fn stored(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// One row of sums.
pub(crate) fn sums_row(row: &SqliteRow) -> Result<Sums, AnalyticsError> {
    let columns = Columns(row);
    Ok(Sums {
        calls: columns.count("calls")?,
        settled: columns.count("settled")?,
        voided: columns.count("voided")?,
        orphaned: columns.count("orphaned")?,
        failed: columns.count("failed")?,
        cancelled: columns.count("cancelled")?,
        cache_hits: columns.count("cache_hits")?,
        estimated: columns.count("estimated")?,
        usage: columns.usage(UsageSource::default())?,
        duration_ms: columns.count("duration_ms")?,
        first_token_ms: columns.count("first_token_ms")?,
        first_tokens: columns.count("first_tokens")?,
        overhead_us: columns.count("overhead_us")?,
        cost: NanoUsd(columns.int("cost")?),
        charged: NanoUsd(columns.int("charged")?),
    })
}
