//! Rebuilds an epoch's counters from its newest segments. Changes nothing on disk.

use std::fs;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use domain::{Lane, UnixMicros};
use prost::Message;
use proto::usage::v1::{EpochClosed, Totals, WalRecord, wal_record::Record};

use crate::frame;
use crate::layout;
use crate::segment::{HEADER_BYTES, Header};
use crate::state::{self, Span, State};

/// A segment's last bytes may be missing after a power cut, calls that it carried on included, so that the one before
/// it is read too.
const SEGMENTS: usize = 2;
/// More than the frame of an epoch's end: 64 sequence numbers and a few sums of at most 10 bytes each.
const END_BYTES_MAX: u64 = 4 << 10;

/// Bytes in the middle of a segment that are no readable record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bad {
    pub(crate) segment: u64,
    pub(crate) offset: u64,
    pub(crate) bytes: Vec<u8>,
    pub(crate) reason: &'static str,
}

/// What the newest segments of an epoch say.
#[derive(Debug)]
pub(crate) struct Scanned {
    pub(crate) state: State,
    /// The newest segment.
    pub(crate) segment: u64,
    /// Just behind its last sound frame.
    pub(crate) end: u64,
    /// Its length; longer than `end` when the last frame is torn.
    pub(crate) len: u64,
    /// Its header is unreadable and it has no frame: write the header anew.
    pub(crate) blank: bool,
    pub(crate) closed: Option<EpochClosed>,
    pub(crate) bad: Vec<Bad>,
    /// Time of the last event.
    pub(crate) ended_at: UnixMicros,
}

/// `None` when the epoch has no segment.
pub(crate) fn scan(epoch_dir: &Path) -> io::Result<Option<Scanned>> {
    let segments = layout::segments(epoch_dir)?;
    let Some(&newest) = segments.last() else { return Ok(None) };
    let mut scanned = Scanned {
        state: State::new(Totals::default(), [0; Lane::COUNT]),
        segment: newest,
        end: HEADER_BYTES,
        len: 0,
        blank: false,
        closed: None,
        bad: Vec::new(),
        ended_at: UnixMicros(0),
    };
    let sound = |segment: &u64| header(epoch_dir, *segment).is_some();
    let from = segments.iter().rposition(sound).unwrap_or(0).min(segments.len().saturating_sub(SEGMENTS));
    for &segment in segments.get(from..).unwrap_or_default() {
        let bytes = fs::read(layout::segment_path(epoch_dir, segment))?;
        scanned.segment_apply(segment, &bytes);
    }
    Ok(Some(scanned))
}

/// Whether the last record of the newest segment is the epoch's end. Reads only the last bytes.
pub(crate) fn is_closed(epoch_dir: &Path) -> io::Result<bool> {
    let Some(&newest) = layout::segments(epoch_dir)?.last() else { return Ok(false) };
    let file = fs::File::open(layout::segment_path(epoch_dir, newest))?;
    let len = file.metadata()?.len();
    let from = len.saturating_sub(END_BYTES_MAX);
    let mut bytes = vec![0; usize::try_from(len - from).unwrap_or_default()];
    file.read_exact_at(&mut bytes, from)?;
    let mut at = frame::resync(&bytes, 0);
    while let Some(found) = at.and_then(|at| frame::frame_at(&bytes, at)) {
        if found.end == bytes.len() {
            let record = WalRecord::decode(found.payload).ok().and_then(|record| record.record);
            return Ok(matches!(record, Some(Record::EpochClosed(_))));
        }
        at = frame::resync(&bytes, found.end);
    }
    Ok(false)
}

fn header(epoch_dir: &Path, segment: u64) -> Option<Header> {
    use std::io::Read;
    let mut bytes = Vec::new();
    let file = fs::File::open(layout::segment_path(epoch_dir, segment)).ok()?;
    file.take(HEADER_BYTES).read_to_end(&mut bytes).ok()?;
    Header::decode(&bytes)
}

impl Scanned {
    fn segment_apply(&mut self, segment: u64, bytes: &[u8]) {
        let header = Header::decode(bytes);
        if let Some(header) = &header {
            self.state.totals = header.totals;
            self.state.last_seq = header.last_seq;
        }
        let start = usize::try_from(HEADER_BYTES).unwrap_or(usize::MAX);
        let mut at = start;
        loop {
            if let Some(found) = frame::frame_at(bytes, at) {
                let span = Span { segment, offset: at as u64, len: found.end - at };
                if !self.record_apply(found.payload, span) {
                    self.bad_add(segment, at, &bytes[at..found.end], "a sound frame holds no known record");
                }
                at = found.end;
            } else if let Some(next) = frame::resync(bytes, at) {
                self.bad_add(segment, at, &bytes[at..next], "the frame's checksum or length is wrong");
                at = next;
            } else {
                break;
            }
        }
        self.end = at as u64;
        self.len = bytes.len() as u64;
        self.blank = header.is_none() && at == start;
    }

    fn bad_add(&mut self, segment: u64, at: usize, bytes: &[u8], reason: &'static str) {
        self.bad.push(Bad { segment, offset: at as u64, bytes: bytes.to_vec(), reason });
    }

    fn record_apply(&mut self, payload: &[u8], span: Span) -> bool {
        let Ok(WalRecord { record: Some(record) }) = WalRecord::decode(payload) else { return false };
        match record {
            Record::Intent(intent) => state::request_id(&intent.request_id).is_ok_and(|id| {
                self.state.intent(id, span, intent.hold_nano_usd);
                true
            }),
            Record::Progress(progress) => state::request_id(&progress.request_id).is_ok_and(|id| {
                self.state.progress(id, span, progress.hold_nano_usd);
                true
            }),
            Record::Event(event) => {
                let lane = u8::try_from(event.lane).ok().and_then(Lane::from_index);
                let (Ok(id), Some(lane)) = (state::request_id(&event.request_id), lane) else { return false };
                self.state.settled(id, lane, &event);
                self.ended_at = self.ended_at.max(UnixMicros(event.ended_at_us));
                true
            }
            Record::EpochClosed(closed) => {
                self.closed = Some(closed);
                true
            }
        }
    }
}
