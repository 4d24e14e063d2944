//! The end of a gateway's life: what it counted, and its leases given back.

use domain::{Epoch, GatewayId, Lane, NanoUsd, Seq, UnixMicros};
use sqlx::any::AnyRow;

use crate::audit::Trail;
use crate::db::{Db, Tx, commit};
use crate::error::{Act, StoreError};
use crate::ledger::budget_lease::budget_leases_close;
use crate::ledger::lease::lease_release;
use crate::ledger::lease_row::{lease_update, leases_lock_epoch};
use crate::row::{Columns, stored};
use crate::words::LeaseState;

/// A gateway's last record of an epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochRecord {
    /// Whose.
    pub gateway: GatewayId,
    /// Which life.
    pub epoch: Epoch,
    /// Terminal events, as the gateway counted them; so with the next four.
    pub events: u64,
    /// All input tokens.
    pub input_tokens: u64,
    /// All output tokens.
    pub output_tokens: u64,
    /// Provider price of all calls.
    pub cost: NanoUsd,
    /// Taken from credits.
    pub charged: NanoUsd,
    /// The last sequence number of each lane; 0 where there was none.
    pub last_seq: [u64; Lane::COUNT],
    /// Closed by the next start, not by a clean stop.
    pub recovered: bool,
    /// When it is recorded here.
    pub now: UnixMicros,
}

/// A recorded epoch, for reconcile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochRow {
    /// Whose.
    pub gateway: GatewayId,
    /// Which life.
    pub epoch: Epoch,
    /// Terminal events.
    pub events: u64,
    /// All input tokens.
    pub input_tokens: u64,
    /// All output tokens.
    pub output_tokens: u64,
    /// Provider price of all calls.
    pub cost: NanoUsd,
    /// Taken from credits.
    pub charged: NanoUsd,
    /// Closed by the next start.
    pub recovered: bool,
    /// When it was recorded here.
    pub recorded_at: UnixMicros,
}

/// A lane whose events are not all posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneBehind {
    /// Which.
    pub lane: Lane,
    /// The last one posted.
    pub posted: Seq,
    /// The last one there is.
    pub last: Seq,
}

/// Whether an epoch's leases could be closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EpochClose {
    /// The epoch has no end yet: its leases stay.
    Open,
    /// Events are still on their way: the leases stay until these lanes are posted.
    Behind(Vec<LaneBehind>),
    /// All leases are closed.
    Closed {
        /// How many this call closed; 0 when asked again.
        leases: usize,
        /// What went back to credits.
        returned: NanoUsd,
    },
}

/// Records an epoch's end. Safe to repeat; another content for the same epoch is a conflict.
pub async fn epoch_record(db: &Db, record: &EpochRecord) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    if let Some(before) = epoch_in(&mut tx, record.gateway, record.epoch).await? {
        let same = before.events == record.events
            && before.input_tokens == record.input_tokens
            && before.output_tokens == record.output_tokens
            && before.cost == record.cost
            && before.charged == record.charged;
        return if same { Ok(()) } else { Err(StoreError::Conflict { what: "epoch" }) };
    }
    sqlx::query(
        "INSERT INTO epoch (gateway, epoch, events, input_tokens, output_tokens, cost, charged, recovered, recorded_at_us) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(record.gateway.to_string())
    .bind(stored(record.epoch.0))
    .bind(stored(record.events))
    .bind(stored(record.input_tokens))
    .bind(stored(record.output_tokens))
    .bind(record.cost.0)
    .bind(record.charged.0)
    .bind(i64::from(record.recovered))
    .bind(record.now.0)
    .execute(&mut *tx)
    .await
    .act_unique("record an epoch", "epoch")?;
    for (lane, last) in (0i64..).zip(record.last_seq).filter(|(_, last)| *last > 0) {
        sqlx::query("INSERT INTO epoch_lane (gateway, epoch, lane, last_seq) VALUES ($1, $2, $3, $4)")
            .bind(record.gateway.to_string())
            .bind(stored(record.epoch.0))
            .bind(lane)
            .bind(stored(last))
            .execute(&mut *tx)
            .await
            .act("record an epoch's lane")?;
    }
    commit(tx, "record an epoch", Trail::Bookkeeping).await
}

/// Closes all leases of an ended epoch once all its events are posted: what is left of each goes back to credits. Safe
/// to repeat.
pub async fn leases_close_epoch(db: &Db, gateway: GatewayId, epoch: Epoch, now: UnixMicros) -> Result<EpochClose, StoreError> {
    let mut tx = db.begin_write().await?;
    if !epoch_is_recorded(&mut tx, gateway, epoch).await? {
        return Ok(EpochClose::Open);
    }
    let behind = lanes_behind(&mut tx, gateway, epoch).await?;
    if !behind.is_empty() {
        return Ok(EpochClose::Behind(behind));
    }
    let mut returned = NanoUsd::ZERO;
    let leases = leases_lock_epoch(&mut tx, gateway, epoch).await?;
    let closed = leases.len();
    for mut lease in leases {
        let left = lease.remaining();
        let id = format!("lease_close:{}", lease.lease);
        lease_release(&mut tx, &mut lease, &id, left, now).await?;
        lease.state = LeaseState::Closed;
        lease_update(&mut tx, &lease).await?;
        returned += left;
    }
    budget_leases_close(&mut tx, gateway, epoch, now).await?;
    commit(tx, "close an epoch's leases", Trail::Bookkeeping).await?;
    Ok(EpochClose::Closed { leases: closed, returned })
}

/// All recorded epochs, for reconcile.
pub async fn epochs_list(db: &Db) -> Result<Vec<EpochRow>, StoreError> {
    let rows = sqlx::query(
        "SELECT gateway, epoch, events, input_tokens, output_tokens, cost, charged, recovered, recorded_at_us FROM epoch \
         ORDER BY gateway, epoch",
    )
    .fetch_all(db.read())
    .await
    .act("list epochs")?;
    rows.iter().map(epoch_row).collect()
}

/// The epochs that still have open leases, ended or not.
pub async fn epochs_open(db: &Db) -> Result<Vec<(GatewayId, Epoch)>, StoreError> {
    let rows = sqlx::query(
        "SELECT gateway, epoch FROM lease WHERE state <> 'closed' \
         UNION SELECT gateway, epoch FROM budget_lease WHERE state <> 'closed' ORDER BY gateway, epoch",
    )
    .fetch_all(db.read())
    .await
    .act("list epochs with open leases")?;
    rows.iter().map(|row| Ok((Columns(row).gateway("gateway")?, Columns(row).epoch("epoch")?))).collect()
}

pub(super) async fn epoch_is_recorded(tx: &mut Tx, gateway: GatewayId, epoch: Epoch) -> Result<bool, StoreError> {
    Ok(epoch_in(tx, gateway, epoch).await?.is_some())
}

async fn epoch_in(tx: &mut Tx, gateway: GatewayId, epoch: Epoch) -> Result<Option<EpochRow>, StoreError> {
    let row = sqlx::query(
        "SELECT gateway, epoch, events, input_tokens, output_tokens, cost, charged, recovered, recorded_at_us FROM epoch \
         WHERE gateway = $1 AND epoch = $2",
    )
    .bind(gateway.to_string())
    .bind(stored(epoch.0))
    .fetch_optional(&mut **tx)
    .await
    .act("read an epoch")?;
    row.as_ref().map(epoch_row).transpose()
}

async fn lanes_behind(tx: &mut Tx, gateway: GatewayId, epoch: Epoch) -> Result<Vec<LaneBehind>, StoreError> {
    let rows = sqlx::query(
        "SELECT l.lane, l.last_seq, COALESCE(w.seq, 0) AS posted FROM epoch_lane l \
         LEFT JOIN source_watermark w ON w.gateway = l.gateway AND w.epoch = l.epoch AND w.lane = l.lane \
         WHERE l.gateway = $1 AND l.epoch = $2 AND COALESCE(w.seq, 0) < l.last_seq ORDER BY l.lane",
    )
    .bind(gateway.to_string())
    .bind(stored(epoch.0))
    .fetch_all(&mut **tx)
    .await
    .act("compare an epoch's lanes")?;
    let behind = |row: &AnyRow| {
        let columns = Columns(row);
        Ok(LaneBehind { lane: columns.lane("lane")?, posted: columns.seq("posted")?, last: columns.seq("last_seq")? })
    };
    rows.iter().map(behind).collect()
}

fn epoch_row(row: &AnyRow) -> Result<EpochRow, StoreError> {
    let columns = Columns(row);
    Ok(EpochRow {
        gateway: columns.gateway("gateway")?,
        epoch: columns.epoch("epoch")?,
        events: columns.count("events")?,
        input_tokens: columns.count("input_tokens")?,
        output_tokens: columns.count("output_tokens")?,
        cost: columns.money("cost")?,
        charged: columns.money("charged")?,
        recovered: columns.flag("recovered")?,
        recorded_at: columns.time("recorded_at_us")?,
    })
}
