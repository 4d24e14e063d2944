//! The log as a whole: real files, threads and killed processes.

mod crash;
mod follow;
mod full;
mod recovery;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use domain::{GatewayId, UnixMicros};
use proto::usage::v1::{EpochClosed, Facts, Intent, Outcome, Progress, Rates, UsageEvent, UsageTokens, outcome::Kind};
use uuid::Uuid;

use crate::{Corrupt, Journal, OpenOptions, Position, Reader, Record, Recovered};

const GATEWAY: GatewayId = GatewayId(Uuid::from_u128(0x6a7e_0001));
const NOW: UnixMicros = UnixMicros(1_700_000_000_000_000);

fn options() -> OpenOptions {
    OpenOptions { segment_bytes_max: 16 << 10, free_bytes_min: 0, ..OpenOptions::new(GATEWAY, NOW) }
}

fn open(dir: &Path) -> (Journal, Vec<Recovered>) {
    Journal::open(dir, &options()).unwrap()
}

fn id(n: u64) -> Vec<u8> {
    Uuid::from_u128(u128::from(n)).as_bytes().to_vec()
}

fn facts(n: u64) -> Facts {
    Facts { organization_id: id(n % 40), lease_id: id(9), model: "openai/gpt-4o".to_owned(), ..Facts::default() }
}

fn intent(n: u64) -> Intent {
    let rates = Rates { input: 2_500_000, output: 10_000_000, request: 0, price_version: 3, markup_basis_points: 1_000 };
    Intent { request_id: id(n), facts: Some(facts(n)), hold_nano_usd: 1_000, rates: Some(rates), input_tokens_bound: 10, attempt: 0 }
}

fn progress(n: u64, output_tokens: u64) -> Progress {
    Progress { request_id: id(n), input_tokens: 10, output_tokens, hold_nano_usd: 2_000 }
}

fn event(n: u64) -> UsageEvent {
    UsageEvent {
        request_id: id(n),
        facts: Some(facts(n)),
        outcome: Some(Outcome { kind: Kind::Settled.into(), ..Outcome::default() }),
        usage: Some(UsageTokens { input: 10, output: 5, ..UsageTokens::default() }),
        cost_nano_usd: 75,
        charged_nano_usd: 82,
        ended_at_us: NOW.0,
        ..UsageEvent::default()
    }
}

/// All that a reader from the start sees.
#[derive(Debug, Default)]
struct Seen {
    events: Vec<UsageEvent>,
    closed: Vec<EpochClosed>,
    corrupt: Vec<Corrupt>,
}

impl Seen {
    fn read(&mut self, reader: &mut Reader) -> usize {
        let mut count = 0;
        loop {
            let batch = reader.batch(100).unwrap();
            if batch.is_empty() {
                return count;
            }
            assert!(batch.items.len() <= 100);
            count += batch.items.len();
            self.corrupt.extend(batch.corrupt);
            for item in batch.items {
                match item.record {
                    Record::Event(event) => self.events.push(*event),
                    Record::EpochClosed(closed) => self.closed.push(*closed),
                }
            }
        }
    }

    /// Each sequence begins at 1 and has no gap, in each lane of each epoch.
    fn assert_contiguous(&self) {
        let mut last = BTreeMap::new();
        for event in &self.events {
            let seq = last.entry((event.epoch, event.lane)).or_insert(0);
            assert_eq!(event.seq, *seq + 1, "epoch {} lane {}", event.epoch, event.lane);
            *seq = event.seq;
        }
        for closed in &self.closed {
            for (lane, &seq) in closed.last_seq.iter().enumerate() {
                let lane = u32::try_from(lane).unwrap();
                assert_eq!(last.get(&(closed.epoch, lane)).copied().unwrap_or(0), seq, "lane {lane} of {}", closed.epoch);
            }
        }
    }

    /// Kinds of the terminal events by request, and no request has two.
    fn kinds(&self) -> BTreeMap<u64, Kind> {
        let mut kinds = BTreeMap::new();
        for event in &self.events {
            let id = u64::try_from(Uuid::from_slice(&event.request_id).unwrap().as_u128()).unwrap();
            let kind = event.outcome.as_ref().unwrap().kind();
            assert_eq!(kinds.insert(id, kind), None, "two ends of call {id}");
        }
        kinds
    }
}

fn read_all(dir: &Path) -> Seen {
    let mut seen = Seen::default();
    seen.read(&mut Reader::new(dir, GATEWAY, Position::START));
    seen
}

fn segment_file(dir: &Path, epoch: u64, segment: u64) -> PathBuf {
    dir.join(GATEWAY.to_string()).join(format!("{epoch:08}")).join(format!("{segment:08}.wal"))
}

/// Copies a log as a crash would leave it: each segment as long as it is now, oldest first.
fn copy(from: &Path, to: &Path) {
    let (from, to) = (from.join(GATEWAY.to_string()), to.join(GATEWAY.to_string()));
    fs::create_dir_all(&to).unwrap();
    for name in ["epoch", "orphans.wal"] {
        if let Ok(bytes) = fs::read(from.join(name)) {
            fs::write(to.join(name), bytes).unwrap();
        }
    }
    for epoch in crate::layout::epochs(&from).unwrap() {
        let (from, to) = (crate::layout::epoch_dir(&from, epoch), crate::layout::epoch_dir(&to, epoch));
        fs::create_dir_all(&to).unwrap();
        for segment in crate::layout::segments(&from).unwrap() {
            fs::copy(crate::layout::segment_path(&from, segment), crate::layout::segment_path(&to, segment)).unwrap();
        }
    }
}
