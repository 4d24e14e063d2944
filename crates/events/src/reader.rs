//! The read side: follows one gateway's log, in the writer's process or in another one.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use domain::{Epoch, GatewayId};
use prost::Message;
use proto::usage::v1::{EpochClosed, UsageEvent, WalRecord, wal_record};

use crate::error::ReadError;
use crate::frame::{self, HEAD_BYTES, PAYLOAD_BYTES_MAX};
use crate::layout;
use crate::position::Position;
use crate::segment::HEADER_BYTES;

/// Read at once: more than the largest frame, so that a frame that is not whole in it is not whole in the file.
const CHUNK_BYTES: u64 = (PAYLOAD_BYTES_MAX + HEAD_BYTES) as u64 * 2;
/// First bytes of the records that consumers have no use for.
const SKIPPED_TAGS: [u8; 2] = [1 << 3 | 2, 2 << 3 | 2];

/// What consumers get.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// The end of a call.
    Event(Box<UsageEvent>),
    /// The end of an epoch: no event of it follows.
    EpochClosed(Box<EpochClosed>),
}

/// One record and the place behind it.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// A reader that begins here does not see the record again.
    pub end: Position,
    /// The record.
    pub record: Record,
}

/// Bytes that are no readable record. The reader goes on behind them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Corrupt {
    /// Where they begin.
    pub at: Position,
    /// The bytes, for the quarantine.
    pub bytes: Vec<u8>,
    /// Why they were refused.
    pub reason: &'static str,
}

/// What a reader found. Nothing at all means that all that was written has been read.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// In the order of the log.
    pub items: Vec<Item>,
    /// What could not be read between them.
    pub corrupt: Vec<Corrupt>,
    /// Where the next batch begins: what a consumer stores with what it did.
    pub end: Position,
}

impl Batch {
    /// True when nothing was there to be read.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty() && self.corrupt.is_empty()
    }
}

/// Follows a log from a position. Never yields a part of a frame.
///
/// Invariant: what was yielded is on disk, so that no power cut takes back what a consumer acted on.
#[derive(Debug)]
pub struct Reader {
    gateway_dir: PathBuf,
    gateway: GatewayId,
    at: Position,
    /// The segment at `at`, once it was found, and how much of it is known to be on disk.
    open: Option<Segment>,
    buffer: Vec<u8>,
}

#[derive(Debug)]
struct Segment {
    file: File,
    synced: u64,
}

impl Reader {
    /// A reader of a gateway's log below `<data>/events`. The folder need not exist yet.
    pub fn new(events_dir: &Path, gateway: GatewayId, from: Position) -> Self {
        Self { gateway_dir: layout::gateway_dir(events_dir, gateway), gateway, at: from, open: None, buffer: Vec::new() }
    }

    /// Whose log this is.
    pub fn gateway(&self) -> GatewayId {
        self.gateway
    }

    /// Where the next batch begins.
    pub fn position(&self) -> Position {
        self.at
    }

    /// Goes back (or on) to a position: after a consumer's transaction failed.
    pub fn seek(&mut self, to: Position) {
        self.at = to;
        self.open = None;
    }

    /// The next records, at most `max`. Blocks on the disk.
    pub fn batch(&mut self, max: usize) -> Result<Batch, ReadError> {
        let mut batch = Batch { items: Vec::new(), corrupt: Vec::new(), end: self.at };
        let read = loop {
            if batch.items.len() >= max {
                break Ok(());
            }
            match self.step(&mut batch, max) {
                Ok(true) => {}
                Ok(false) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        batch.end = self.at;
        match read {
            Err(source) if batch.is_empty() => {
                self.open = None;
                Err(ReadError { act: "read the event log", path: self.gateway_dir.clone(), source })
            }
            _ => Ok(batch),
        }
    }

    /// Bytes of the log behind the position, other records than events included.
    pub fn backlog_bytes(&self) -> Result<u64, ReadError> {
        self.backlog().map_err(|source| ReadError { act: "weigh the event log", path: self.gateway_dir.clone(), source })
    }

    fn backlog(&self) -> io::Result<u64> {
        let mut bytes = 0;
        for epoch in layout::epochs(&self.gateway_dir)?.into_iter().filter(|epoch| *epoch >= self.at.epoch) {
            let dir = layout::epoch_dir(&self.gateway_dir, epoch);
            for segment in layout::segments(&dir)? {
                let place = (epoch, segment).cmp(&(self.at.epoch, self.at.segment));
                let read = if place.is_eq() { self.at.offset.max(HEADER_BYTES) } else { HEADER_BYTES };
                if place.is_ge() {
                    let len = std::fs::metadata(layout::segment_path(&dir, segment)).map_or(0, |meta| meta.len());
                    bytes += len.saturating_sub(read);
                }
            }
        }
        Ok(bytes)
    }

    /// True when looking again at once makes sense.
    fn step(&mut self, batch: &mut Batch, max: usize) -> io::Result<bool> {
        if !self.segment_open()? {
            return Ok(false);
        }
        let Some(segment) = &mut self.open else { return Ok(false) };
        let len = segment.file.metadata()?.len();
        let there = len.saturating_sub(self.at.offset);
        if there > 0 {
            if segment.synced < len {
                segment.file.sync_data()?;
                segment.synced = len;
            }
            let mut bytes = std::mem::take(&mut self.buffer);
            read_at(&segment.file, self.at.offset, there.min(CHUNK_BYTES), &mut bytes)?;
            let taken = self.frames_take(&bytes, batch, max);
            self.buffer = bytes;
            if taken || self.corrupt_pass(there, batch)? {
                return Ok(true);
            }
        }
        self.segment_leave(len, batch)
    }

    /// Takes whole frames from the front of the bytes at the position.
    fn frames_take(&mut self, bytes: &[u8], batch: &mut Batch, max: usize) -> bool {
        let (mut at, start) = (0, self.at.offset);
        while batch.items.len() < max {
            let Some(found) = frame::frame_at(bytes, at) else { break };
            let before = self.at;
            self.at.offset = start + found.end as u64;
            if !found.payload.first().is_some_and(|tag| SKIPPED_TAGS.contains(tag)) {
                let whole = bytes.get(at..found.end).unwrap_or_default();
                self.record_take(before, found.payload, whole, batch);
            }
            at = found.end;
        }
        at > 0
    }

    fn record_take(&self, at: Position, payload: &[u8], whole: &[u8], batch: &mut Batch) {
        let record = match WalRecord::decode(payload).map(|record| record.record) {
            Ok(Some(wal_record::Record::Event(event))) => Some(Record::Event(Box::new(event))),
            Ok(Some(wal_record::Record::EpochClosed(closed))) => Some(Record::EpochClosed(Box::new(closed))),
            _ => None,
        };
        match record {
            Some(record) => batch.items.push(Item { end: self.at, record }),
            None => batch.corrupt.push(Corrupt { at, bytes: whole.to_vec(), reason: "a sound frame holds no known record" }),
        }
    }

    /// The bytes at the position are no frame. If a sound frame follows them they never will be one: pass them.
    fn corrupt_pass(&mut self, there: u64, batch: &mut Batch) -> io::Result<bool> {
        let Some(segment) = &self.open else { return Ok(false) };
        let mut bytes = Vec::new();
        // Read anew: a frame that was cut off and written again meanwhile is none of our business.
        read_at(&segment.file, self.at.offset, there, &mut bytes)?;
        if frame::frame_at(&bytes, 0).is_some() {
            return Ok(true);
        }
        let Some(next) = frame::resync(&bytes, 1) else { return Ok(false) };
        bytes.truncate(next);
        let reason = "the frame's checksum or length is wrong";
        batch.corrupt.push(Corrupt { at: self.at, bytes, reason });
        self.at.offset += next as u64;
        Ok(true)
    }

    /// Opens the segment at the position, or the first one behind it.
    fn segment_open(&mut self) -> io::Result<bool> {
        while self.open.is_none() {
            let dir = layout::epoch_dir(&self.gateway_dir, self.at.epoch);
            match File::open(layout::segment_path(&dir, self.at.segment)) {
                Ok(file) => {
                    self.at.offset = self.at.offset.max(HEADER_BYTES);
                    self.open = Some(Segment { file, synced: 0 });
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => match self.successor()? {
                    Some(next) => self.at = next,
                    None => return Ok(false),
                },
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Goes on to the next segment or epoch, if there is one and this one has not grown meanwhile.
    fn segment_leave(&mut self, seen: u64, batch: &mut Batch) -> io::Result<bool> {
        let Some(next) = self.successor()? else { return Ok(false) };
        let Some(segment) = &self.open else { return Ok(false) };
        let len = segment.file.metadata()?.len();
        if len != seen {
            return Ok(true);
        }
        let torn = len.saturating_sub(self.at.offset);
        if torn > 0 {
            let mut bytes = Vec::new();
            read_at(&segment.file, self.at.offset, torn, &mut bytes)?;
            batch.corrupt.push(Corrupt { at: self.at, bytes, reason: "a finished segment ends with a part of a frame" });
        }
        self.at = next;
        self.open = None;
        Ok(true)
    }

    fn successor(&self) -> io::Result<Option<Position>> {
        let dir = layout::epoch_dir(&self.gateway_dir, self.at.epoch);
        let next = self.at.segment + 1;
        if layout::segment_path(&dir, next).try_exists()? {
            return Ok(Some(Position { segment: next, offset: HEADER_BYTES, ..self.at }));
        }
        if let Some(later) = layout::segments(&dir)?.into_iter().find(|segment| *segment > self.at.segment) {
            return Ok(Some(Position { segment: later, offset: HEADER_BYTES, ..self.at }));
        }
        for epoch in layout::epochs(&self.gateway_dir)?.into_iter().filter(|epoch: &Epoch| *epoch > self.at.epoch) {
            let segments = layout::segments(&layout::epoch_dir(&self.gateway_dir, epoch))?;
            if let Some(&first) = segments.first() {
                return Ok(Some(Position { epoch, segment: first, offset: HEADER_BYTES }));
            }
        }
        Ok(None)
    }
}

/// Reads at most `len` bytes; fewer when the file ends before.
fn read_at(file: &File, offset: u64, len: u64, to: &mut Vec<u8>) -> io::Result<()> {
    to.resize(usize::try_from(len).unwrap_or(usize::MAX), 0);
    let mut filled = 0;
    while filled < to.len() {
        match file.read_at(&mut to[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(bytes) => filled += bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    to.truncate(filled);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Batch, Reader};
    use crate::position::Position;
    use crate::segment::HEADER_BYTES;
    use domain::{Epoch, GatewayId};
    use std::fs;
    use uuid::Uuid;

    /// The writer appended to a segment and left it after the reader had looked at its length.
    #[test]
    fn a_segment_that_grew_before_it_was_left_is_read_to_its_end() {
        let (dir, gateway) = (tempfile::tempdir().unwrap(), GatewayId(Uuid::from_u128(1)));
        let epoch_dir = dir.path().join(gateway.to_string()).join("00000001");
        fs::create_dir_all(&epoch_dir).unwrap();
        let seen = usize::try_from(HEADER_BYTES).unwrap();
        fs::write(epoch_dir.join("00000001.wal"), vec![0; seen + 5]).unwrap();
        fs::write(epoch_dir.join("00000002.wal"), vec![0; seen]).unwrap();
        let at = Position { epoch: Epoch(1), segment: 1, offset: HEADER_BYTES };
        let mut reader = Reader::new(dir.path(), gateway, at);
        let mut batch = Batch { items: Vec::new(), corrupt: Vec::new(), end: at };
        assert!(reader.segment_open().unwrap());
        assert!(reader.segment_leave(HEADER_BYTES, &mut batch).unwrap(), "look again");
        assert_eq!((reader.position(), batch.corrupt.len()), (at, 0));
        assert!(reader.segment_leave(HEADER_BYTES + 5, &mut batch).unwrap());
        assert_eq!((reader.position().segment, batch.corrupt.len()), (2, 1), "five bytes are no frame and never will be");
    }
}
