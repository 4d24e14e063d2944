//! The two databases that take events in, each with the place to go on reading.

use std::collections::{BTreeMap, BTreeSet};

use analytics::{Analytics, AnalyticsError, CallRow};
use domain::{Epoch, GatewayId, Lane, NanoUsd, UnixMicros};
use events::Position;
use proto::usage::v1::EpochClosed;
use store::{Db, EpochClose, EpochRecord, Gap, LaneBehind, PostBatch, PostedEvent, StoreError};

use crate::status::Consumer;

/// A database that did not take a chunk in. The same chunk is tried again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SinkError {
    #[error(transparent)]
    Ledger(#[from] StoreError),
    #[error(transparent)]
    Analytics(#[from] AnalyticsError),
}

/// A chunk's events as one of the databases wants them.
#[derive(Debug)]
pub(crate) enum Rows {
    Ledger(Vec<PostedEvent>),
    Analytics(Vec<CallRow>),
}

/// What one transaction did.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    pub(crate) events: u64,
    pub(crate) repeated: u64,
    pub(crate) overshoots: u64,
    pub(crate) gaps: Vec<Gap>,
    pub(crate) behind: Vec<LaneBehind>,
    /// The end of the epoch says something else than what was recorded before.
    pub(crate) end_refused: bool,
    /// The place behind the chunk is stored.
    pub(crate) stored: bool,
}

/// One of the databases.
#[derive(Debug)]
pub(crate) enum Sink {
    /// Logs with a gap stay where they are: their place is not stored any more, so that a later start reads the waiting
    /// events again. Their other lanes go on.
    Ledger {
        db: Db,
        waiting: BTreeSet<GatewayId>,
    },
    Analytics(Analytics),
}

/// A chunk as a database takes it.
#[derive(Debug)]
pub(crate) struct Work<'a> {
    pub(crate) gateway: GatewayId,
    pub(crate) rows: &'a Rows,
    pub(crate) closed: Option<&'a EpochClosed>,
    pub(crate) end: Position,
    pub(crate) now: UnixMicros,
}

impl Sink {
    pub(crate) const fn ledger(db: Db) -> Self {
        Self::Ledger { db, waiting: BTreeSet::new() }
    }

    pub(crate) const fn consumer(&self) -> Consumer {
        match self {
            Self::Ledger { .. } => Consumer::Ledger,
            Self::Analytics(_) => Consumer::Analytics,
        }
    }

    /// Where to go on reading each log.
    pub(crate) async fn places(&self) -> Result<BTreeMap<GatewayId, Position>, SinkError> {
        let place = |epoch, segment, offset| Position { epoch, segment, offset };
        Ok(match self {
            Self::Ledger { db, .. } => {
                let offsets = store::ledger_offsets(db).await?;
                offsets.into_iter().map(|at| (at.gateway, place(at.epoch, at.segment, at.byte_offset))).collect()
            }
            Self::Analytics(analytics) => {
                let offsets = analytics::offsets(analytics).await?;
                offsets.into_iter().map(|at| (at.gateway, place(at.epoch, at.segment, at.byte_offset))).collect()
            }
        })
    }

    /// The logs of which a gap's missing events are accounted for now. They no longer wait.
    pub(crate) async fn gaps_closed(&mut self, gaps: &[Gap]) -> Result<BTreeSet<GatewayId>, SinkError> {
        let Self::Ledger { db, waiting } = self else { return Ok(BTreeSet::new()) };
        let mut closed = BTreeSet::new();
        for gap in gaps {
            let lanes = store::watermarks_list(db, gap.gateway, gap.epoch).await?;
            if lanes.iter().any(|(lane, posted)| *lane == gap.lane && *posted >= gap.expected) {
                closed.insert(gap.gateway);
            }
        }
        waiting.retain(|gateway| !closed.contains(gateway));
        Ok(closed)
    }

    /// Takes a chunk in. Safe to repeat.
    pub(crate) async fn take(&mut self, work: &Work<'_>) -> Result<Taken, SinkError> {
        match (self, work.rows) {
            (Self::Ledger { db, waiting }, Rows::Ledger(events)) => ledger_take(db, waiting, events, work).await,
            (Self::Analytics(analytics), Rows::Analytics(rows)) => analytics_take(analytics, rows, work).await,
            _ => Ok(Taken::default()),
        }
    }
}

async fn analytics_take(analytics: &Analytics, rows: &[CallRow], work: &Work<'_>) -> Result<Taken, SinkError> {
    let Position { epoch, segment, offset } = work.end;
    let at = analytics::LogOffset { gateway: work.gateway, epoch, segment, byte_offset: offset };
    let inserted = analytics::events_insert(analytics, rows, &[at]).await?;
    Ok(Taken { events: inserted.rows + inserted.repeated, repeated: inserted.repeated, stored: true, ..Taken::default() })
}

async fn ledger_take(db: &Db, waiting: &mut BTreeSet<GatewayId>, events: &[PostedEvent], work: &Work<'_>) -> Result<Taken, SinkError> {
    let Position { epoch, segment, offset } = work.end;
    let at = [store::LogOffset { gateway: work.gateway, epoch, segment, byte_offset: offset }];
    let none: &[store::LogOffset] = &[];
    let store_now = work.closed.is_none() && !waiting.contains(&work.gateway);
    let posted = store::post_batch(db, &PostBatch { events, offsets: if store_now { &at } else { none }, now: work.now }).await?;
    let mut taken = Taken {
        events: posted.events + posted.skipped,
        repeated: posted.skipped,
        overshoots: posted.overshoots.len() as u64,
        stored: store_now && posted.offsets_stored,
        ..Taken::default()
    };
    if !posted.gaps.is_empty() {
        waiting.insert(work.gateway);
        let ahead: Vec<PostedEvent> = events.iter().filter(|event| is_before_gap(event, &posted.gaps)).cloned().collect();
        let late = store::post_batch(db, &PostBatch { events: &ahead, offsets: none, now: work.now }).await?;
        taken.events += late.events;
        taken.gaps = posted.gaps;
    }
    if let Some(closed) = work.closed {
        epoch_end(db, work, closed, &mut taken).await?;
        if !waiting.contains(&work.gateway) {
            taken.stored = store::post_batch(db, &PostBatch { events: &[], offsets: &at, now: work.now }).await?.offsets_stored;
        }
    }
    Ok(taken)
}

/// A gap holds back its whole lane of the batch; what comes before the missing event is to be posted all the same.
fn is_before_gap(event: &PostedEvent, gaps: &[Gap]) -> bool {
    gaps.iter().any(|gap| gap.epoch == event.epoch && gap.lane == event.lane && event.seq < gap.expected)
}

async fn epoch_end(db: &Db, work: &Work<'_>, closed: &EpochClosed, taken: &mut Taken) -> Result<(), SinkError> {
    let totals = closed.totals.unwrap_or_default();
    let mut last_seq = [0; Lane::COUNT];
    for (last, seq) in last_seq.iter_mut().zip(&closed.last_seq) {
        *last = *seq;
    }
    let record = EpochRecord {
        gateway: work.gateway,
        epoch: Epoch(closed.epoch),
        events: totals.events,
        input_tokens: totals.input_tokens,
        output_tokens: totals.output_tokens,
        cost: NanoUsd(totals.cost_nano_usd),
        charged: NanoUsd(totals.charged_nano_usd),
        last_seq,
        recovered: closed.recovered,
        now: work.now,
    };
    match store::epoch_record(db, &record).await {
        Ok(()) => {}
        Err(StoreError::Conflict { .. }) => taken.end_refused = true,
        Err(error) => return Err(error.into()),
    }
    if let EpochClose::Behind(lanes) = store::leases_close_epoch(db, work.gateway, Epoch(closed.epoch), work.now).await? {
        taken.behind = lanes;
    }
    Ok(())
}
