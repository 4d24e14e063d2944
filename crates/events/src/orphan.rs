//! The terminal event of a call whose gateway died: billed to its last progress, priced by the rates in its intent.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use domain::{NanoUsd, PicoUsd, PicoUsdPerUnit, UnixMicros};
use prost::Message;
use proto::usage::v1::{Intent, Outcome, Progress, Rates, UsageEvent, UsageTokens, WalRecord, outcome::Kind, wal_record::Record};

use crate::encode::{Field, Scratch};
use crate::error::{JournalError, ReadError};
use crate::frame;
use crate::layout;
use crate::state::{OpenCall, Span};
use crate::writer::Writer;

/// The error code of an orphaned call's event.
pub const ORPHANED_ERROR_CODE: &str = "gateway_stopped";
/// In the gateway's folder: frames, each call's intent and then its event.
const LIST_FILE: &str = "orphans.wal";
const BASIS_POINTS: i128 = 10_000;
const PICO_PER_NANO: i128 = 1_000;

/// What input and output tokens cost at an intent's rates: the provider's price, and what credits pay with the mark-up
/// (each rounded once, half to even). The fee per request is part of both.
pub fn price(rates: &Rates, input_tokens: u64, output_tokens: u64) -> (NanoUsd, NanoUsd) {
    let pico = PicoUsdPerUnit(rates.input).times(input_tokens)
        + PicoUsdPerUnit(rates.output).times(output_tokens)
        + PicoUsdPerUnit(rates.request).times(1);
    (pico.round(), marked_up(pico, rates.markup_basis_points))
}

fn marked_up(pico: PicoUsd, basis_points: u32) -> NanoUsd {
    let Some(scaled) = pico.0.checked_mul(BASIS_POINTS + i128::from(basis_points)) else {
        return if pico.0 < 0 { NanoUsd(i64::MIN) } else { NanoUsd::MAX };
    };
    let unit = BASIS_POINTS * PICO_PER_NANO;
    let (whole, rest) = (scaled.div_euclid(unit), scaled.rem_euclid(unit));
    let up = rest * 2 > unit || (rest * 2 == unit && whole % 2 != 0);
    let nano = whole + i128::from(up);
    NanoUsd(i64::try_from(nano).unwrap_or(if nano < 0 { i64::MIN } else { i64::MAX }))
}

/// A call whose gateway died, with what is needed to price what its provider produced beyond the bill.
#[derive(Debug, Clone, PartialEq)]
pub struct Orphan {
    /// What was known before it was sent.
    pub intent: Intent,
    /// Its terminal event: what is billed.
    pub event: UsageEvent,
}

/// Appends one terminal event for each call that is still open. Returns how many.
pub(crate) fn settle_all(writer: &mut Writer, scratch: &mut Scratch, now: UnixMicros) -> Result<u64, JournalError> {
    let mut open: Vec<OpenCall> = writer.state.open.values().copied().collect();
    open.sort_unstable_by_key(|call| (call.intent.segment, call.intent.offset));
    let mut orphans = Vec::with_capacity(open.len());
    for call in open {
        let mut orphan = orphan(writer, call, now)?;
        prepare(&mut orphan.event, writer)?;
        orphans.push(orphan);
    }
    // First, so that each orphan that has an end is also listed.
    list_append(writer, scratch, &orphans)?;
    for orphan in &mut orphans {
        scratch.message(&orphan.event)?;
        writer.settle(scratch, &mut orphan.event)?;
    }
    Ok(orphans.len() as u64)
}

/// Calls whose gateway died, of all gateways below `<data>/events`, each once. They outlive the log they come from.
pub fn orphans_list(events_dir: &Path) -> Result<Vec<Orphan>, ReadError> {
    let mut all = BTreeMap::new();
    for gateway in layout::gateways(events_dir)? {
        let path = layout::gateway_dir(events_dir, gateway).join(LIST_FILE);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(source) => return Err(ReadError { act: "read the list of orphaned calls", path, source }),
        };
        let (mut at, mut intent) = (frame::resync(&bytes, 0), None);
        while let Some(found) = at.and_then(|at| frame::frame_at(&bytes, at)) {
            match WalRecord::decode(found.payload).ok().and_then(|record| record.record) {
                Some(Record::Intent(of)) => intent = Some(of),
                Some(Record::Event(event)) => {
                    // A recovery that was interrupted lists a call again.
                    if let Some(intent) = intent.take().filter(|intent| intent.request_id == event.request_id) {
                        all.insert(event.request_id.clone(), Orphan { intent, event });
                    }
                }
                _ => {}
            }
            at = frame::resync(&bytes, found.end);
        }
    }
    Ok(all.into_values().collect())
}

/// Appends the calls to the gateway's list, durably.
fn list_append(writer: &Writer, scratch: &mut Scratch, orphans: &[Orphan]) -> Result<(), JournalError> {
    let (Some(gateway_dir), false) = (writer.dir.parent(), orphans.is_empty()) else { return Ok(()) };
    let mut bytes = Vec::new();
    for orphan in orphans {
        scratch.message(&orphan.intent)?;
        bytes.extend_from_slice(scratch.frame(Field::Intent)?);
        scratch.message(&orphan.event)?;
        bytes.extend_from_slice(scratch.frame(Field::Event)?);
    }
    let append = || {
        let mut file = File::options().append(true).create(true).open(gateway_dir.join(LIST_FILE))?;
        file.write_all(&bytes)?;
        file.sync_data()
    };
    append().map_err(JournalError::Write)
}

/// Fills what the log knows of an event. Its `seq` is given at the append, and 0 until then.
pub(crate) fn prepare(event: &mut UsageEvent, writer: &Writer) -> Result<(), JournalError> {
    identify(event, writer.gateway.0.as_bytes(), writer.epoch.0)
}

/// Fills schema, gateway, epoch and lane.
pub(crate) fn identify(event: &mut UsageEvent, gateway: &[u8; 16], epoch: u64) -> Result<(), JournalError> {
    event.schema = 1;
    event.gateway_id.clear();
    event.gateway_id.extend_from_slice(gateway);
    event.epoch = epoch;
    event.lane = u32::from(crate::state::lane(event)?.as_u8());
    event.seq = 0;
    Ok(())
}

fn orphan(writer: &Writer, call: OpenCall, now: UnixMicros) -> Result<Orphan, JournalError> {
    let intent = match read(writer, call.intent)? {
        Some(Record::Intent(intent)) => intent,
        _ => return Err(JournalError::Malformed { field: "intent" }),
    };
    let progress = match call.progress.map(|span| read(writer, span)).transpose()?.flatten() {
        Some(Record::Progress(progress)) => Some(progress),
        _ => None,
    };
    let event = event(&intent, progress, call.hold_nano_usd, now);
    Ok(Orphan { intent, event })
}

fn event(intent: &Intent, progress: Option<Progress>, hold_nano_usd: i64, now: UnixMicros) -> UsageEvent {
    let rates = intent.rates.unwrap_or_default();
    let (cost, charged, usage) = match progress {
        Some(Progress { input_tokens, output_tokens, .. }) => {
            let (cost, charged) = price(&rates, input_tokens, output_tokens);
            (cost, charged, UsageTokens { input: input_tokens, output: output_tokens, estimated: true, ..UsageTokens::default() })
        }
        None => (NanoUsd::ZERO, NanoUsd::ZERO, UsageTokens { estimated: true, ..UsageTokens::default() }),
    };
    let credits_pay = intent.facts.as_ref().is_some_and(|facts| !facts.lease_id.is_empty());
    UsageEvent {
        request_id: intent.request_id.clone(),
        facts: intent.facts.clone(),
        outcome: Some(Outcome {
            kind: Kind::Orphaned.into(),
            error_code: ORPHANED_ERROR_CODE.to_owned(),
            cache: "miss".to_owned(),
            ..Outcome::default()
        }),
        usage: Some(usage),
        cost_nano_usd: cost.0,
        charged_nano_usd: if credits_pay { charged.0 } else { 0 },
        hold_nano_usd,
        price_version: rates.price_version,
        ended_at_us: now.0,
        ..UsageEvent::default()
    }
}

fn read(writer: &Writer, span: Span) -> Result<Option<Record>, JournalError> {
    let mut bytes = vec![0; span.len];
    writer.span_read(span, &mut bytes).map_err(JournalError::Write)?;
    let record = frame::frame_at(&bytes, 0).and_then(|frame| WalRecord::decode(frame.payload).ok());
    Ok(record.and_then(|record| record.record))
}

#[cfg(test)]
mod tests {
    use super::price;
    use domain::NanoUsd;
    use proto::usage::v1::Rates;

    #[test]
    fn rounds_cost_and_charge_once_each() {
        let rates = |markup| Rates { input: 150, output: 600, request: 0, price_version: 1, markup_basis_points: markup };
        assert_eq!(price(&rates(0), 10, 0), (NanoUsd(2), NanoUsd(2)), "1,500 pico is a tie: to even");
        assert_eq!(price(&rates(1_000), 10, 0), (NanoUsd(2), NanoUsd(2)), "1,650 pico");
        assert_eq!(price(&rates(1_000), 1_000_000, 1_000_000), (NanoUsd(750_000), NanoUsd(825_000)));
        let huge = Rates { input: i64::MAX, output: i64::MAX, markup_basis_points: u32::MAX, ..Rates::default() };
        assert_eq!(price(&huge, u64::MAX, u64::MAX), (NanoUsd::MAX, NanoUsd::MAX));
    }
}
