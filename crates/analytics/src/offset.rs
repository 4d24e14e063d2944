//! Where the analytics consumer stands in each gateway's log.

use domain::{Epoch, GatewayId};

use crate::call_read::Columns;
use crate::calls::blob;
use crate::db::{Analytics, Tx};
use crate::error::{Act, AnalyticsError};
use crate::sums::stored;

/// Just behind the last byte that was taken in of one gateway's log.
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
pub async fn offsets(db: &Analytics) -> Result<Vec<LogOffset>, AnalyticsError> {
    let rows = sqlx::query("SELECT gateway, epoch, segment, byte_offset FROM consumer_offset ORDER BY gateway")
        .fetch_all(db.read())
        .await
        .act("read the analytics offsets")?;
    let offset = |row| {
        let columns = Columns(row);
        Ok(LogOffset {
            gateway: GatewayId(columns.uuid("gateway")?),
            epoch: Epoch(columns.count("epoch")?),
            segment: columns.count("segment")?,
            byte_offset: columns.count("byte_offset")?,
        })
    };
    rows.iter().map(offset).collect()
}

/// Stores where to go on; an offset before the stored one changes nothing.
pub(crate) async fn offset_put(tx: &mut Tx, offset: &LogOffset) -> Result<(), AnalyticsError> {
    sqlx::query(
        "INSERT INTO consumer_offset (gateway, epoch, segment, byte_offset) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (gateway) DO UPDATE SET epoch = excluded.epoch, segment = excluded.segment, byte_offset = excluded.byte_offset \
         WHERE (excluded.epoch, excluded.segment, excluded.byte_offset) \
         > (consumer_offset.epoch, consumer_offset.segment, consumer_offset.byte_offset)",
    )
    .bind(blob(offset.gateway.0))
    .bind(stored(offset.epoch.0))
    .bind(stored(offset.segment))
    .bind(stored(offset.byte_offset))
    .execute(&mut **tx)
    .await
    .act("store the analytics offset")?;
    Ok(())
}
