//! Appends to the newest segment of one epoch. Used under the journal's lock, and alone by recovery.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use domain::{Epoch, GatewayId, Seq};
use proto::usage::v1::{EpochClosed, UsageEvent};

use crate::encode::{Field, Scratch};
use crate::error::JournalError;
use crate::layout;
use crate::segment::{HEADER_BYTES, Header};
use crate::state::{self, Span, State};

/// After a failed roll the old segment grows on by this many bytes before the next try.
const ROLL_AGAIN_BYTES: u64 = 1 << 20;

/// Where the bytes go.
#[derive(Debug)]
pub(crate) enum Sink {
    File(Arc<File>),
    /// A disk that is full after `left` more bytes.
    #[cfg(test)]
    Limited {
        file: Arc<File>,
        left: usize,
    },
}

impl Sink {
    pub(crate) fn file(&self) -> &Arc<File> {
        match self {
            Self::File(file) => file,
            #[cfg(test)]
            Self::Limited { file, .. } => file,
        }
    }

    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        match self {
            Self::File(file) => write_once(file, bytes, offset),
            #[cfg(test)]
            Self::Limited { left: 0, .. } => Err(io::ErrorKind::StorageFull.into()),
            #[cfg(test)]
            Self::Limited { file, left } => {
                let written = write_once(file, &bytes[..bytes.len().min(*left)], offset)?;
                *left -= written;
                Ok(written)
            }
        }
    }
}

fn write_once(file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
    loop {
        match file.write_at(bytes, offset) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// The newest segment of an epoch, open for appending.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) gateway: GatewayId,
    pub(crate) epoch: Epoch,
    /// The epoch's folder.
    pub(crate) dir: PathBuf,
    pub(crate) segment: u64,
    pub(crate) sink: Sink,
    /// Just behind the last whole frame.
    pub(crate) offset: u64,
    /// A half-written frame could not be cut off yet.
    pub(crate) torn: bool,
    pub(crate) state: State,
    pub(crate) segment_bytes_max: u64,
    pub(crate) roll_at: u64,
    /// Segments that were left behind and are not synced yet.
    pub(crate) left_behind: Vec<Arc<File>>,
    /// Bytes of segments that were left behind since the log was weighed.
    pub(crate) left_bytes: u64,
}

impl Writer {
    /// Starts an epoch whose folder exists.
    pub(crate) fn start(gateway: GatewayId, epoch: Epoch, dir: PathBuf, segment_bytes_max: u64) -> io::Result<Self> {
        let state = State::new(proto::usage::v1::Totals::default(), [0; domain::Lane::COUNT]);
        let header = Header { gateway, epoch, segment: 1, totals: state.totals, last_seq: state.last_seq };
        let file = segment_create(&dir, 1, &header.encode())?;
        Ok(Self {
            gateway,
            epoch,
            dir,
            segment: 1,
            sink: Sink::File(file),
            offset: HEADER_BYTES,
            torn: false,
            state,
            segment_bytes_max,
            roll_at: segment_bytes_max,
            left_behind: Vec::new(),
            left_bytes: 0,
        })
    }

    pub(crate) fn intent(&mut self, id: [u8; 16], hold_nano_usd: i64, frame: &[u8]) -> Result<(), JournalError> {
        let span = self.append(frame)?;
        self.state.intent(id, span, hold_nano_usd);
        Ok(())
    }

    pub(crate) fn progress(&mut self, id: [u8; 16], hold_nano_usd: i64, frame: &[u8]) -> Result<(), JournalError> {
        let span = self.append(frame)?;
        self.state.progress(id, span, hold_nano_usd);
        Ok(())
    }

    /// Appends an event that `prepare` filled and `scratch` holds, encoded without its `seq`.
    pub(crate) fn settle(&mut self, scratch: &mut Scratch, event: &mut UsageEvent) -> Result<Seq, JournalError> {
        let (id, lane) = (state::request_id(&event.request_id)?, state::lane(event)?);
        let seq = self.state.last_seq[lane.index()] + 1;
        scratch.seq(seq);
        self.append(scratch.frame(Field::Event)?)?;
        event.seq = seq;
        self.state.settled(id, lane, event);
        Ok(Seq(seq))
    }

    /// Appends the epoch's last record. No call may be open.
    pub(crate) fn close(&mut self, scratch: &mut Scratch, recovered: bool) -> Result<(), JournalError> {
        let closed = EpochClosed {
            gateway_id: self.gateway.0.as_bytes().to_vec(),
            epoch: self.epoch.0,
            totals: Some(self.state.totals),
            last_seq: self.state.last_seq.to_vec(),
            recovered,
        };
        scratch.message(&closed)?;
        self.append(scratch.frame(Field::EpochClosed)?)?;
        Ok(())
    }

    /// Makes all that was appended durable, segments that were left behind included.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        while let Some(file) = self.left_behind.last() {
            file.sync_data()?;
            self.left_behind.pop();
        }
        self.sink.file().sync_data()?;
        layout::dir_sync(&self.dir)
    }

    /// One `write()`. On failure the log is as it was before.
    fn append(&mut self, frame: &[u8]) -> Result<Span, JournalError> {
        if self.offset >= self.roll_at && self.roll().is_err() {
            self.roll_at = self.offset + ROLL_AGAIN_BYTES;
        }
        if self.torn {
            self.sink.file().set_len(self.offset).map_err(JournalError::Write)?;
            self.torn = false;
        }
        let written = self.sink.write_at(frame, self.offset);
        if written.as_ref().is_ok_and(|&bytes| bytes == frame.len()) {
            let span = Span { segment: self.segment, offset: self.offset, len: frame.len() };
            self.offset += frame.len() as u64;
            return Ok(span);
        }
        self.torn = self.sink.file().set_len(self.offset).is_err();
        Err(JournalError::Write(written.err().unwrap_or_else(|| io::ErrorKind::StorageFull.into())))
    }

    /// Starts the next segment with the frames of every open call, then leaves this one behind.
    fn roll(&mut self) -> io::Result<()> {
        let State { totals, last_seq, .. } = self.state;
        let header = Header { gateway: self.gateway, epoch: self.epoch, segment: self.segment + 1, totals, last_seq };
        let mut bytes = header.encode();
        let mut moved = self.state.open.clone();
        for call in moved.values_mut() {
            call.intent = self.carry(call.intent, &mut bytes)?;
            call.progress = call.progress.map(|span| self.carry(span, &mut bytes)).transpose()?;
        }
        let file = segment_create(&self.dir, self.segment + 1, &bytes)?;
        self.state.open = moved;
        self.left_behind.push(Arc::clone(self.sink.file()));
        self.left_bytes += self.offset;
        self.sink = Sink::File(file);
        self.segment += 1;
        self.offset = bytes.len() as u64;
        self.torn = false;
        self.roll_at = self.segment_bytes_max.max(self.offset + self.segment_bytes_max / 2);
        Ok(())
    }

    /// The bytes of a frame of this epoch.
    pub(crate) fn span_read(&self, span: Span, to: &mut [u8]) -> io::Result<()> {
        if span.segment == self.segment {
            return self.sink.file().read_exact_at(to, span.offset);
        }
        File::open(layout::segment_path(&self.dir, span.segment))?.read_exact_at(to, span.offset)
    }

    fn carry(&self, span: Span, to: &mut Vec<u8>) -> io::Result<Span> {
        let offset = to.len();
        to.resize(offset + span.len, 0);
        self.span_read(span, &mut to[offset..])?;
        Ok(Span { segment: self.segment + 1, offset: offset as u64, len: span.len })
    }
}

/// Makes a segment that is never seen without its first bytes.
fn segment_create(dir: &std::path::Path, segment: u64, bytes: &[u8]) -> io::Result<Arc<File>> {
    let new = layout::segment_new_path(dir, segment);
    let file = File::options().read(true).write(true).create(true).truncate(true).open(&new)?;
    let made = file.write_all_at(bytes, 0).and_then(|()| fs::rename(&new, layout::segment_path(dir, segment)));
    if let Err(error) = made {
        let _ = fs::remove_file(&new);
        return Err(error);
    }
    Ok(Arc::new(file))
}
