//! A batch of the log, cut behind each end of an epoch: what one transaction takes in.

use domain::GatewayId;
use events::{Batch, Corrupt, Position, Record};
use proto::usage::v1::{EpochClosed, UsageEvent};

/// Events in the order of the log, and possibly the end of their epoch.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) gateway: GatewayId,
    /// Each with the place behind it.
    pub(crate) events: Vec<(Position, UsageEvent)>,
    pub(crate) closed: Option<EpochClosed>,
    /// What could not be read between them.
    pub(crate) corrupt: Vec<Corrupt>,
    /// Where to go on once all of it is taken in.
    pub(crate) end: Position,
}

/// Cuts a batch. The last chunk ends where the batch does.
pub(crate) fn cut(gateway: GatewayId, batch: Batch) -> Vec<Chunk> {
    let empty = |end| Chunk { gateway, events: Vec::new(), closed: None, corrupt: Vec::new(), end };
    let mut chunks = Vec::new();
    let mut chunk = empty(batch.end);
    // What was refused goes with the first chunk: keeping it twice does no harm, keeping it late would.
    chunk.corrupt = batch.corrupt;
    for item in batch.items {
        match item.record {
            Record::Event(event) => chunk.events.push((item.end, *event)),
            Record::EpochClosed(closed) => {
                chunk.closed = Some(*closed);
                chunk.end = item.end;
                chunks.push(std::mem::replace(&mut chunk, empty(batch.end)));
            }
        }
    }
    if !chunk.events.is_empty() || !chunk.corrupt.is_empty() {
        chunks.push(chunk);
    }
    chunks
}
