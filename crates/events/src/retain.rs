//! What is counted in the log, and what of it may go.

use std::fs;
use std::io;
use std::path::Path;

use domain::{Epoch, GatewayId, Lane};
use proto::usage::v1::Totals;

use crate::error::ReadError;
use crate::layout;
use crate::position::Position;
use crate::scan;

/// Of the epoch that is written, recovery may need the segment before the newest one after a power cut.
const KEPT_LIVE: usize = 2;
const KEPT_PASSED: usize = 1;

/// What a gateway counted in one epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochTotals {
    /// Whose.
    pub gateway: GatewayId,
    /// Which.
    pub epoch: Epoch,
    /// Terminal events and their sums.
    pub totals: Totals,
    /// Last sequence number per lane, 0 for none.
    pub last_seq: [u64; Lane::COUNT],
    /// Calls with an intent and no end yet.
    pub open_calls: u64,
    /// The last record is written.
    pub closed: bool,
    /// It was written by the next start, not by a clean stop.
    pub recovered: bool,
}

/// What all gateways counted, in every epoch that still has a folder below `<data>/events`. Reads at most two segments
/// per epoch; works on live logs.
pub fn journal_totals(events_dir: &Path) -> Result<Vec<EpochTotals>, ReadError> {
    let mut all = Vec::new();
    for gateway in layout::gateways(events_dir)? {
        let dir = layout::gateway_dir(events_dir, gateway);
        let fail = |source| ReadError { act: "count an event log", path: dir.clone(), source };
        for epoch in layout::epochs(&dir).map_err(fail)? {
            all.extend(epoch_totals(&dir, gateway, epoch).map_err(fail)?);
        }
    }
    Ok(all)
}

fn epoch_totals(gateway_dir: &Path, gateway: GatewayId, epoch: Epoch) -> io::Result<Option<EpochTotals>> {
    let scanned = match scan::scan(&layout::epoch_dir(gateway_dir, epoch)) {
        // Forgotten while we looked.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        scanned => scanned?,
    };
    Ok(scanned.map(|scanned| EpochTotals {
        gateway,
        epoch,
        totals: scanned.closed.as_ref().and_then(|closed| closed.totals).unwrap_or(scanned.state.totals),
        last_seq: scanned.state.last_seq,
        open_calls: scanned.state.open.len() as u64,
        closed: scanned.closed.is_some(),
        recovered: scanned.closed.is_some_and(|closed| closed.recovered),
    }))
}

/// Deletes the segments that every consumer has passed. `passed` is the least position of all consumers. The newest
/// segment of each epoch stays (the newest two of the epoch at `passed`). Returns how many went.
pub fn segments_forget(events_dir: &Path, gateway: GatewayId, passed: Position) -> Result<u64, ReadError> {
    let dir = layout::gateway_dir(events_dir, gateway);
    let fail = |source| ReadError { act: "delete consumed segments", path: dir.clone(), source };
    let mut gone = 0;
    for epoch in layout::epochs(&dir).map_err(fail)?.into_iter().filter(|epoch| *epoch <= passed.epoch) {
        let epoch_dir = layout::epoch_dir(&dir, epoch);
        let mut segments = layout::segments(&epoch_dir).map_err(fail)?;
        let live = epoch == passed.epoch;
        segments.truncate(segments.len().saturating_sub(if live { KEPT_LIVE } else { KEPT_PASSED }));
        for segment in segments.into_iter().filter(|segment| !live || *segment < passed.segment) {
            gone += u64::from(remove(fs::remove_file(layout::segment_path(&epoch_dir, segment))).map_err(fail)?);
        }
    }
    Ok(gone)
}

/// Deletes the folder of a closed epoch: every consumer has passed its last record, and the ledger holds its totals.
/// Refused while the epoch is not closed. False when it was gone already.
pub fn epoch_forget(events_dir: &Path, gateway: GatewayId, epoch: Epoch) -> Result<bool, ReadError> {
    let dir = layout::gateway_dir(events_dir, gateway);
    let from = layout::epoch_dir(&dir, epoch);
    let fail = |source| ReadError { act: "delete a consumed epoch", path: from.clone(), source };
    if !from.try_exists().map_err(fail)? {
        return Ok(false);
    }
    if !scan::is_closed(&from).map_err(fail)? {
        return Err(fail(io::Error::other("the epoch is not closed")));
    }
    // Out of sight in one step, so that nobody reads half an epoch.
    let to = layout::gone_path(&dir, epoch);
    if !remove(fs::rename(&from, &to)).map_err(fail)? {
        return Ok(false);
    }
    remove(fs::remove_dir_all(&to)).map_err(fail)
}

fn remove(done: io::Result<()>) -> io::Result<bool> {
    match done {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
