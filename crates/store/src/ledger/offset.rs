//! Where the ledger consumer stands: in each gateway's log, and in each lane.

use domain::{Epoch, GatewayId, Lane, Seq, UnixMicros};

use crate::db::{Db, Tx};
use crate::error::{Act, StoreError};
use crate::ledger::lane::Source;
use crate::row::{Columns, stored};

/// Just behind the last byte that was posted of one gateway's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogOffset {
    /// Whose log.
    pub gateway: GatewayId,
    /// The epoch's folder.
    pub epoch: Epoch,
    /// The segment in it.
    pub segment: u64,
    /// The byte in that.
    pub byte_offset: u64,
}

/// Where to go on reading, one row per gateway.
pub async fn ledger_offsets(db: &Db) -> Result<Vec<LogOffset>, StoreError> {
    let rows = sqlx::query("SELECT gateway, epoch, segment, byte_offset FROM consumer_offset ORDER BY gateway")
        .fetch_all(db.read())
        .await
        .act("read the ledger's offsets")?;
    let offset = |row| {
        let columns = Columns(row);
        Ok(LogOffset {
            gateway: columns.gateway("gateway")?,
            epoch: columns.epoch("epoch")?,
            segment: columns.count("segment")?,
            byte_offset: columns.count("byte_offset")?,
        })
    };
    rows.iter().map(offset).collect()
}

/// The last sequence number posted of each lane of an epoch that had events.
pub async fn watermarks_list(db: &Db, gateway: GatewayId, epoch: Epoch) -> Result<Vec<(Lane, Seq)>, StoreError> {
    let rows = sqlx::query("SELECT lane, seq FROM source_watermark WHERE gateway = $1 AND epoch = $2 ORDER BY lane")
        .bind(gateway.to_string())
        .bind(stored(epoch.0))
        .fetch_all(db.read())
        .await
        .act("list watermarks")?;
    rows.iter().map(|row| Ok((Columns(row).lane("lane")?, Columns(row).seq("seq")?))).collect()
}

/// The watermark of a lane as this transaction sees it; 0 when nothing of it was posted.
pub(super) async fn watermark_get(tx: &mut Tx, source: Source) -> Result<u64, StoreError> {
    let seq: Option<i64> = sqlx::query_scalar("SELECT seq FROM source_watermark WHERE gateway = $1 AND epoch = $2 AND lane = $3")
        .bind(source.gateway.to_string())
        .bind(stored(source.epoch.0))
        .bind(i64::from(source.lane.as_u8()))
        .fetch_optional(&mut **tx)
        .await
        .act("read a watermark")?;
    u64::try_from(seq.unwrap_or(0)).map_err(|_| StoreError::Corrupt { what: "watermark" })
}

pub(super) async fn watermark_put(tx: &mut Tx, source: Source, seq: u64) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO source_watermark (gateway, epoch, lane, seq) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (gateway, epoch, lane) DO UPDATE SET seq = excluded.seq",
    )
    .bind(source.gateway.to_string())
    .bind(stored(source.epoch.0))
    .bind(i64::from(source.lane.as_u8()))
    .bind(stored(seq))
    .execute(&mut **tx)
    .await
    .act("store a watermark")?;
    Ok(())
}

/// Stores where to go on; an offset before the stored one changes nothing.
pub(super) async fn offset_put(tx: &mut Tx, offset: &LogOffset, now: UnixMicros) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO consumer_offset (gateway, epoch, segment, byte_offset, at_us) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (gateway) DO UPDATE SET epoch = excluded.epoch, segment = excluded.segment, \
         byte_offset = excluded.byte_offset, at_us = excluded.at_us \
         WHERE (excluded.epoch, excluded.segment, excluded.byte_offset) \
         > (consumer_offset.epoch, consumer_offset.segment, consumer_offset.byte_offset)",
    )
    .bind(offset.gateway.to_string())
    .bind(stored(offset.epoch.0))
    .bind(stored(offset.segment))
    .bind(stored(offset.byte_offset))
    .bind(now.0)
    .execute(&mut **tx)
    .await
    .act("store the ledger's offset")?;
    Ok(())
}
