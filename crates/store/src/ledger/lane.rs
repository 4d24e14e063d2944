//! Which events of a batch are to be posted: pure.

use std::collections::BTreeMap;

use domain::{Epoch, GatewayId, Lane, Seq};

use crate::ledger::post::PostedEvent;

/// One order of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Source {
    pub gateway: GatewayId,
    pub epoch: Epoch,
    pub lane: Lane,
}

/// Events are missing before this one; nothing of its lane was posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gap {
    /// Whose events.
    pub gateway: GatewayId,
    /// Of which life.
    pub epoch: Epoch,
    /// In which lane.
    pub lane: Lane,
    /// The first one missing.
    pub expected: Seq,
    /// The one that came instead.
    pub found: Seq,
}

/// What to do with one lane's part of a batch.
#[derive(Debug)]
pub(super) struct LaneWork<'a> {
    /// To be posted, in order; empty when there is a gap.
    pub events: Vec<&'a PostedEvent>,
    /// Posted before.
    pub skipped: u64,
    /// What is missing.
    pub gap: Option<Gap>,
}

/// The batch by lane, each in the order of its sequence numbers.
pub(super) fn by_lane(events: &[PostedEvent]) -> BTreeMap<Source, Vec<&PostedEvent>> {
    let mut lanes: BTreeMap<Source, Vec<&PostedEvent>> = BTreeMap::new();
    for event in events {
        lanes.entry(Source { gateway: event.gateway, epoch: event.epoch, lane: event.lane }).or_default().push(event);
    }
    for lane in lanes.values_mut() {
        lane.sort_by_key(|event| event.seq);
    }
    lanes
}

/// Invariant V7: only what follows the watermark without a gap is posted; what is at or below it, or comes twice, is
/// skipped.
pub(super) fn lane_work<'a>(source: Source, watermark: u64, events: Vec<&'a PostedEvent>) -> LaneWork<'a> {
    let mut work = LaneWork { events: Vec::with_capacity(events.len()), skipped: 0, gap: None };
    let mut last = watermark;
    for event in events {
        if event.seq.0 <= last {
            work.skipped += 1;
        } else if event.seq.0 == last + 1 {
            last += 1;
            work.events.push(event);
        } else {
            let Source { gateway, epoch, lane } = source;
            work.gap = Some(Gap { gateway, epoch, lane, expected: Seq(last + 1), found: event.seq });
            work.events.clear();
            break;
        }
    }
    work
}
