//! Sums by hour and day, as they are kept up with the calls.

use std::collections::BTreeMap;
use std::iter::repeat_n;
use std::sync::LazyLock;

use domain::UnixMicros;
use sqlx::{Row, Sqlite, query::Query, sqlite::SqliteArguments};
use uuid::Uuid;

use crate::bins::Bins;
use crate::call::CallRow;
use crate::calls::blob;
use crate::db::Tx;
use crate::error::{Act, AnalyticsError};
use crate::sums::{Sums, sum_columns, sum_upsert, sums_bind};

const HOUR_US: i64 = 3_600_000_000;

/// How long the time of a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Span {
    Hour,
    Day,
}

impl Span {
    pub(crate) const fn code(self) -> i64 {
        match self {
            Self::Hour => 1,
            Self::Day => 2,
        }
    }

    pub(crate) const fn length_us(self) -> i64 {
        match self {
            Self::Hour => HOUR_US,
            Self::Day => 24 * HOUR_US,
        }
    }

    /// The start of the hour or day of UTC that a moment is in.
    pub(crate) const fn start_of(self, at: UnixMicros) -> UnixMicros {
        UnixMicros(at.0.div_euclid(self.length_us()).saturating_mul(self.length_us()))
    }

    /// The first start at or after a moment.
    pub(crate) fn start_from(self, at: UnixMicros) -> UnixMicros {
        let start = self.start_of(at);
        if start < at { UnixMicros(start.0.saturating_add(self.length_us())) } else { start }
    }
}

/// What rows are split by, beside who paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Slice {
    Total,
    Model,
    Provider,
    Project,
    ApiKey,
    All,
}

impl Slice {
    const EACH: [Self; 6] = [Self::Total, Self::Model, Self::Provider, Self::Project, Self::ApiKey, Self::All];

    pub(crate) const fn code(self) -> i64 {
        match self {
            Self::Total => 0,
            Self::Model => 1,
            Self::Provider => 2,
            Self::Project => 3,
            Self::ApiKey => 4,
            Self::All => 9,
        }
    }

    fn splits_by(self, property: Self) -> bool {
        self == property || self == Self::All
    }
}

/// Limit: bytes of a row's two histograms, which grow by their batches' until they are made one again.
const BINS_BYTES_MAX: usize = 4_096;

/// Rows of one statement, largest first. Each size is one prepared statement.
const CHUNKS_ROWS: [usize; 3] = [64, 8, 1];

/// Columns of a row: its key, [`sum_columns`] and the histograms.
const COLUMNS: usize = 9 + 24 + 2;

static ADD: LazyLock<[String; 3]> = LazyLock::new(|| CHUNKS_ROWS.map(add_sql));

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key<'a> {
    organization: Uuid,
    span: Span,
    slice: Slice,
    start_us: i64,
    project: Option<Uuid>,
    api_key: Option<Uuid>,
    provider: &'a str,
    model: &'a str,
    used_mode: &'a str,
}

impl<'a> Key<'a> {
    fn of(call: &'a CallRow, span: Span, slice: Slice) -> Self {
        Self {
            organization: call.organization.uuid(),
            span,
            slice,
            start_us: span.start_of(call.started_at).0,
            project: slice.splits_by(Slice::Project).then(|| call.project.uuid()),
            api_key: slice.splits_by(Slice::ApiKey).then(|| call.api_key.uuid()),
            provider: if slice.splits_by(Slice::Provider) { &call.provider } else { "" },
            model: if slice.splits_by(Slice::Model) { &call.model } else { "" },
            used_mode: &call.used_mode,
        }
    }
}

#[derive(Debug, Default)]
struct Cell {
    sums: Sums,
    duration: Bins,
    first_token: Bins,
}

/// What a batch of calls adds to the rows.
#[derive(Debug, Default)]
pub(crate) struct Rollup<'a> {
    cells: BTreeMap<Key<'a>, Cell>,
}

impl<'a> Rollup<'a> {
    pub(crate) fn add(&mut self, call: &'a CallRow) {
        for span in [Span::Hour, Span::Day] {
            for slice in Slice::EACH {
                let cell = self.cells.entry(Key::of(call, span, slice)).or_default();
                cell.sums.add_call(call);
                cell.duration.add(call.duration_ms);
                if call.first_token_ms > 0 {
                    cell.first_token.add(call.first_token_ms);
                }
            }
        }
    }

    pub(crate) async fn write(&self, tx: &mut Tx) -> Result<(), AnalyticsError> {
        let cells: Vec<_> = self.cells.iter().collect();
        let mut left = cells.as_slice();
        for (rows, sql) in CHUNKS_ROWS.into_iter().zip(ADD.iter()) {
            while let Some((chunk, rest)) = left.split_at_checked(rows) {
                chunk_add(tx, sql, chunk).await?;
                left = rest;
            }
        }
        Ok(())
    }
}

async fn chunk_add(tx: &mut Tx, sql: &'static str, chunk: &[(&Key<'_>, &Cell)]) -> Result<(), AnalyticsError> {
    let mut query = sqlx::query(sql);
    for (key, cell) in chunk {
        query = sums_bind(key_bind(query, key), &cell.sums).bind(cell.duration.text()).bind(cell.first_token.text());
    }
    let rows = query.fetch_all(&mut **tx).await.act("add to the rollup")?;
    for row in rows {
        let long: Option<String> = row.try_get(0).act("rollup")?;
        // SQLite does not promise the order of the rows that it returns.
        let Some(name) = long else { continue };
        let key = chunk.iter().map(|(key, _)| *key).find(|key| key_name(key) == name);
        bins_merge(tx, key.ok_or(AnalyticsError::Corrupt { what: "rollup" })?).await?;
    }
    Ok(())
}

/// Makes one histogram of those that stand after each other.
async fn bins_merge(tx: &mut Tx, key: &Key<'_>) -> Result<(), AnalyticsError> {
    const OF_KEY: &str = " WHERE organization_id = ? AND span = ? AND slice = ? AND start_us = ? AND project_id = ? AND api_key_id = ? \
                          AND provider = ? AND model = ? AND used_mode = ?";
    let read = sqlx::AssertSqlSafe(format!("SELECT duration_bins, first_token_bins FROM rollup{OF_KEY}"));
    let row = key_bind(sqlx::query(read), key).fetch_one(&mut **tx).await.act("read a histogram")?;
    let (mut duration, mut first_token) = (Bins::default(), Bins::default());
    duration.add_text(row.try_get(0).act("duration_bins")?, "duration_bins")?;
    first_token.add_text(row.try_get(1).act("first_token_bins")?, "first_token_bins")?;
    let write = sqlx::AssertSqlSafe(format!("UPDATE rollup SET duration_bins = ?, first_token_bins = ?{OF_KEY}"));
    let query = sqlx::query(write).bind(duration.text()).bind(first_token.text());
    key_bind(query, key).execute(&mut **tx).await.act("merge a histogram")?;
    Ok(())
}

type AddQuery = Query<'static, Sqlite, SqliteArguments>;

fn key_bind(query: AddQuery, key: &Key<'_>) -> AddQuery {
    query
        .bind(blob(key.organization))
        .bind(key.span.code())
        .bind(key.slice.code())
        .bind(key.start_us)
        .bind(key.project.map(blob).unwrap_or_default())
        .bind(key.api_key.map(blob).unwrap_or_default())
        .bind(key.provider.to_owned())
        .bind(key.model.to_owned())
        .bind(key.used_mode.to_owned())
}

/// As [`add_sql`] spells the key of a row.
fn key_name(key: &Key<'_>) -> String {
    let id = |id: Option<Uuid>| id.map(|id| format!("{:X}", id.as_simple())).unwrap_or_default();
    format!(
        "{} {} {} {} {} {} {} {} {}",
        id(Some(key.organization)),
        key.span.code(),
        key.slice.code(),
        key.start_us,
        id(key.project),
        id(key.api_key),
        key.provider,
        key.model,
        key.used_mode
    )
}

/// Answers for each row with its key if its histograms are over their limit, or else NULL.
fn add_sql(rows: usize) -> String {
    let row = format!("({})", repeat_n("?", COLUMNS).collect::<Vec<_>>().join(", "));
    let rows = repeat_n(row, rows).collect::<Vec<_>>().join(", ");
    format!(
        "INSERT INTO rollup AS t (organization_id, span, slice, start_us, project_id, api_key_id, provider, model, used_mode, {}, \
         duration_bins, first_token_bins) VALUES {rows} \
         ON CONFLICT (organization_id, span, slice, start_us, project_id, api_key_id, provider, model, used_mode) DO UPDATE SET {}, \
         duration_bins = t.duration_bins || excluded.duration_bins, \
         first_token_bins = t.first_token_bins || excluded.first_token_bins \
         RETURNING CASE WHEN length(duration_bins) + length(first_token_bins) > {BINS_BYTES_MAX} THEN \
         hex(organization_id) || ' ' || span || ' ' || slice || ' ' || start_us || ' ' || hex(project_id) || ' ' || hex(api_key_id) \
         || ' ' || provider || ' ' || model || ' ' || used_mode END",
        sum_columns!(),
        sum_upsert!()
    )
}
