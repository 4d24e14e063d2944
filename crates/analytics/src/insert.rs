//! Taking events in: calls, their sums, and the place to go on reading, in one transaction.

use std::collections::{BTreeMap, HashMap};
use std::iter::repeat_n;
use std::sync::LazyLock;

use domain::{Epoch, GatewayId, OrganizationId, UsageSource};
use sqlx::Row;
use sqlx::Sqlite;
use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use uuid::Uuid;

use crate::call::CallRow;
use crate::call_read::call_columns;
use crate::calls::blob;
use crate::db::{Analytics, Tx};
use crate::error::{Act, AnalyticsError};
use crate::offset::{LogOffset, offset_put};
use crate::rollup::Rollup;
use crate::sums::{Sums, stored, sum_columns, sum_upsert, sums_bind, usage_counts};

/// What a batch did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Inserted {
    /// Calls that are new.
    pub rows: u64,
    /// Calls that were there, or came twice in the batch; they changed nothing.
    pub repeated: u64,
}

/// Rows of one statement. More would save little, and each size is one prepared statement.
const CHUNK_ROWS: usize = 32;

/// Columns of [`call_columns`].
const COLUMNS: usize = 50;

static INSERT_CHUNK: LazyLock<String> = LazyLock::new(|| insert_sql(CHUNK_ROWS));
static INSERT_ONE: LazyLock<String> = LazyLock::new(|| insert_sql(1));

/// Takes calls in and stores where to go on. A call whose request id is known changes nothing, so that a batch may be
/// taken in again after a crash.
pub async fn events_insert(db: &Analytics, calls: &[CallRow], offsets: &[LogOffset]) -> Result<Inserted, AnalyticsError> {
    let mut tx = db.begin_write().await?;
    let mut sums = BatchSums::default();
    let mut inserted = Inserted::default();
    let (chunks, rest) = calls.as_chunks::<CHUNK_ROWS>();
    let singles = rest.iter().map(std::slice::from_ref);
    for chunk in chunks.iter().map(|chunk| chunk.as_slice()).chain(singles) {
        let new = chunk_insert(&mut tx, chunk).await?;
        inserted.rows += stored_len(new.len());
        inserted.repeated += stored_len(chunk.len() - new.len());
        new.into_iter().for_each(|call| sums.add(call));
    }
    sums.write(&mut tx).await?;
    for offset in offsets {
        offset_put(&mut tx, offset).await?;
    }
    tx.commit().await.act("take calls in")?;
    Ok(inserted)
}

/// Inserts a chunk and answers with those of its calls that are new.
pub(crate) async fn chunk_insert<'a>(tx: &mut Tx, chunk: &'a [CallRow]) -> Result<Vec<&'a CallRow>, AnalyticsError> {
    let sql: &'static str = if chunk.len() == CHUNK_ROWS { &INSERT_CHUNK } else { &INSERT_ONE };
    let mut query = sqlx::query(sql);
    for call in chunk {
        query = call_bind(query, call)?;
    }
    let rows = query.fetch_all(&mut **tx).await.act("write calls")?;
    if rows.len() == chunk.len() {
        return Ok(chunk.iter().collect());
    }
    // Of a call that comes twice in the chunk, the first is the one that was written.
    let mut first: HashMap<Uuid, &CallRow> = HashMap::with_capacity(chunk.len());
    for call in chunk {
        first.entry(call.request.uuid()).or_insert(call);
    }
    let mut new = Vec::with_capacity(rows.len());
    for row in rows {
        let id: Vec<u8> = row.try_get(0).act("request_id")?;
        let call = Uuid::from_slice(&id).ok().and_then(|id| first.remove(&id));
        new.push(call.ok_or(AnalyticsError::Corrupt { what: "request_id" })?);
    }
    Ok(new)
}

fn insert_sql(rows: usize) -> String {
    let row = format!("({})", repeat_n("?", COLUMNS).collect::<Vec<_>>().join(", "));
    let rows = repeat_n(row, rows).collect::<Vec<_>>().join(", ");
    format!("INSERT INTO call ({}) VALUES {rows} ON CONFLICT (request_id) DO NOTHING RETURNING request_id", call_columns!())
}

type CallQuery = Query<'static, Sqlite, SqliteArguments>;

fn call_bind(query: CallQuery, call: &CallRow) -> Result<CallQuery, AnalyticsError> {
    let tags = if call.tags.is_empty() { Ok("[]".to_owned()) } else { serde_json::to_string(&call.tags) };
    let tags = tags.map_err(|error| AnalyticsError::Failed { act: "spell a call's tags", source: error.into() })?;
    let query = outcome_bind(place_bind(query, call), call);
    let query = usage_counts(&call.usage).into_iter().fold(query, |query, count| query.bind(stored(count)));
    Ok(query
        .bind(i64::from(call.usage.source == UsageSource::Estimated))
        .bind(call.cost.0)
        .bind(call.charged.0)
        .bind(call.hold.0)
        .bind(i64::from(call.price_version))
        .bind(call.provider_cost.map(|cost| cost.0))
        .bind(call.started_at.0)
        .bind(call.ended_at.0)
        .bind(tags)
        .bind(call.metadata_json.clone())
        .bind(call.user.clone())
        .bind(call.session.clone())
        .bind(call.attempts_json.clone()))
}

fn place_bind(query: CallQuery, call: &CallRow) -> CallQuery {
    query
        .bind(blob(call.request.uuid()))
        .bind(blob(call.organization.uuid()))
        .bind(blob(call.project.uuid()))
        .bind(blob(call.api_key.uuid()))
        .bind(call.lease.map(|lease| blob(lease.uuid())))
        .bind(blob(call.gateway.0))
        .bind(stored(call.epoch.0))
        .bind(i64::from(call.lane.as_u8()))
        .bind(stored(call.seq.0))
        .bind(call.requested_model.clone())
        .bind(call.model.clone())
        .bind(call.provider.clone())
        .bind(call.dialect.clone())
        .bind(i64::from(call.stream))
        .bind(call.mode.clone())
        .bind(call.used_mode.clone())
}

fn outcome_bind(query: CallQuery, call: &CallRow) -> CallQuery {
    query
        .bind(call.outcome.as_str())
        .bind(i64::from(call.http_status))
        .bind(call.error_code.clone())
        .bind(call.finish_reason.clone())
        .bind(call.upstream_id.clone())
        .bind(i64::from(call.upstream_status))
        .bind(i64::from(call.duration_ms))
        .bind(i64::from(call.first_token_ms))
        .bind(i64::from(call.overhead_us))
        .bind(i64::from(call.cancelled))
        .bind(call.cache.clone())
}

/// What a batch's new calls add to the two tables of sums.
#[derive(Default)]
struct BatchSums<'a> {
    rollup: Rollup<'a>,
    sources: BTreeMap<(OrganizationId, GatewayId, Epoch), Sums>,
}

impl<'a> BatchSums<'a> {
    fn add(&mut self, call: &'a CallRow) {
        self.rollup.add(call);
        self.sources.entry((call.organization, call.gateway, call.epoch)).or_default().add_call(call);
    }

    async fn write(&self, tx: &mut Tx) -> Result<(), AnalyticsError> {
        self.rollup.write(tx).await?;
        for ((organization, gateway, epoch), sums) in &self.sources {
            source_add(tx, *organization, *gateway, *epoch, sums).await?;
        }
        Ok(())
    }
}

async fn source_add(
    tx: &mut Tx,
    organization: OrganizationId,
    gateway: GatewayId,
    epoch: Epoch,
    sums: &Sums,
) -> Result<(), AnalyticsError> {
    let query = sqlx::query(concat!(
        "INSERT INTO source_total AS t (organization_id, gateway, epoch, ",
        sum_columns!(),
        ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
         ON CONFLICT (organization_id, gateway, epoch) DO UPDATE SET ",
        sum_upsert!()
    ))
    .bind(blob(organization.uuid()))
    .bind(blob(gateway.0))
    .bind(stored(epoch.0));
    sums_bind(query, sums).execute(&mut **tx).await.act("add to the totals")?;
    Ok(())
}

fn stored_len(rows: usize) -> u64 {
    u64::try_from(rows).unwrap_or(u64::MAX)
}
