//! What an epoch has counted so far: kept by its writer, and rebuilt from a segment by a scan.

use std::collections::HashMap;

use domain::{Lane, OrganizationId};
use proto::usage::v1::{Totals, UsageEvent};
use uuid::Uuid;

use crate::error::JournalError;

/// A frame's place in the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) segment: u64,
    pub(crate) offset: u64,
    pub(crate) len: usize,
}

/// A call that has no terminal event yet. While the log is written its frames are always in the newest segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OpenCall {
    pub(crate) intent: Span,
    pub(crate) progress: Option<Span>,
    pub(crate) hold_nano_usd: i64,
}

/// Counters of one epoch.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) totals: Totals,
    pub(crate) last_seq: [u64; Lane::COUNT],
    pub(crate) open: HashMap<[u8; 16], OpenCall>,
    pub(crate) hold_nano_usd: i64,
}

impl State {
    pub(crate) fn new(totals: Totals, last_seq: [u64; Lane::COUNT]) -> Self {
        Self { totals, last_seq, open: HashMap::new(), hold_nano_usd: 0 }
    }

    /// A call begins, or a further attempt replaces what an earlier intent of it said.
    pub(crate) fn intent(&mut self, id: [u8; 16], intent: Span, hold_nano_usd: i64) {
        let before = self.open.insert(id, OpenCall { intent, progress: None, hold_nano_usd });
        self.hold_moves(before.map_or(0, |call| call.hold_nano_usd), hold_nano_usd);
    }

    /// An open call got on. A call that is not open stays so.
    pub(crate) fn progress(&mut self, id: [u8; 16], progress: Span, hold_nano_usd: i64) {
        if let Some(call) = self.open.get_mut(&id) {
            let before = std::mem::replace(&mut call.hold_nano_usd, hold_nano_usd);
            call.progress = Some(progress);
            self.hold_moves(before, hold_nano_usd);
        }
    }

    /// A call ended.
    pub(crate) fn settled(&mut self, id: [u8; 16], lane: Lane, event: &UsageEvent) {
        if let Some(call) = self.open.remove(&id) {
            self.hold_moves(call.hold_nano_usd, 0);
        }
        self.last_seq[lane.index()] = self.last_seq[lane.index()].max(event.seq);
        let (totals, usage) = (&mut self.totals, event.usage.unwrap_or_default());
        totals.events = totals.events.saturating_add(1);
        totals.input_tokens = totals.input_tokens.saturating_add(usage.input);
        totals.output_tokens = totals.output_tokens.saturating_add(usage.output);
        totals.cost_nano_usd = totals.cost_nano_usd.saturating_add(event.cost_nano_usd);
        totals.charged_nano_usd = totals.charged_nano_usd.saturating_add(event.charged_nano_usd);
    }

    fn hold_moves(&mut self, from: i64, to: i64) {
        self.hold_nano_usd = self.hold_nano_usd.saturating_sub(from).saturating_add(to);
    }
}

/// The request id of a record.
pub(crate) fn request_id(bytes: &[u8]) -> Result<[u8; 16], JournalError> {
    bytes.try_into().map_err(|_| JournalError::Malformed { field: "request_id" })
}

/// The lane of an event, from its organization.
pub(crate) fn lane(event: &UsageEvent) -> Result<Lane, JournalError> {
    let organization = event.facts.as_ref().map_or(&[][..], |facts| &facts.organization_id);
    let id = Uuid::from_slice(organization).map_err(|_| JournalError::Malformed { field: "organization_id" })?;
    Ok(Lane::of(OrganizationId::from_uuid(id)))
}
