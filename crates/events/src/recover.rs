//! Opening: the lock, the ends of what a dead process left open, and the next epoch.
//!
//! Recovery appends with the same writer as a live gateway. When it is interrupted, the next one finds the events that
//! were appended already and goes on behind them: each call gets one terminal event.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::{Epoch, GatewayId};
use proto::usage::v1::Totals;

use crate::encode::Scratch;
use crate::error::{JournalError, OpenError};
use crate::layout;
use crate::options::OpenOptions;
use crate::orphan;
use crate::position::Position;
use crate::quarantine;
use crate::scan::{self, Scanned};
use crate::segment::{HEADER_BYTES, Header};
use crate::writer::{Sink, Writer};

/// An earlier epoch that was closed at this opening.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// Which epoch.
    pub epoch: Epoch,
    /// Open calls that got their terminal event now.
    pub orphans: u64,
    /// Half-written bytes that were cut off at the end.
    pub torn_bytes: u64,
    /// Unreadable places that went to the quarantine.
    pub quarantined: u64,
    /// What the epoch counted, orphans included.
    pub totals: Totals,
}

type Opened = (File, Vec<Recovered>, Writer, PathBuf);

/// Locks, recovers, starts the next epoch.
pub(crate) fn open(events_dir: &Path, options: &OpenOptions) -> Result<Opened, OpenError> {
    let dir = layout::gateway_dir(events_dir, options.gateway);
    fs::create_dir_all(&dir).map_err(io_error("make the gateway's event folder", &dir))?;
    let lock = lock(&dir, options.gateway)?;
    let last = layout::epoch_last(&dir).map_err(io_error("read the last epoch's number", &dir))?;
    layout::gone_sweep(&dir).map_err(io_error("delete forgotten epochs", &dir))?;
    let mut recovered = Vec::new();
    for epoch in layout::epochs(&dir).map_err(io_error("list epochs", &dir))? {
        recovered.extend(epoch_recover(&dir, epoch, options)?);
    }
    let epoch = Epoch(last.0.saturating_add(1).max(options.epoch_min.0));
    let writer = epoch_start(&dir, epoch, options).map_err(io_error("start an epoch", &dir))?;
    Ok((lock, recovered, writer, dir))
}

fn lock(dir: &Path, gateway: GatewayId) -> Result<File, OpenError> {
    let path = dir.join("lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(io_error("open the lock file", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked { gateway, path }),
        Err(TryLockError::Error(error)) => Err(io_error("lock the gateway's event folder", &path)(error)),
    }
}

fn epoch_start(gateway_dir: &Path, epoch: Epoch, options: &OpenOptions) -> io::Result<Writer> {
    layout::epoch_note(gateway_dir, epoch)?;
    let dir = layout::epoch_dir(gateway_dir, epoch);
    fs::create_dir(&dir)?;
    let mut writer = Writer::start(options.gateway, epoch, dir, options.segment_bytes_max)?;
    writer.sync()?;
    layout::dir_sync(gateway_dir)?;
    Ok(writer)
}

fn epoch_recover(gateway_dir: &Path, epoch: Epoch, options: &OpenOptions) -> Result<Option<Recovered>, OpenError> {
    let dir = layout::epoch_dir(gateway_dir, epoch);
    if scan::is_closed(&dir).unwrap_or(false) {
        return Ok(None);
    }
    let scanned = match scan::scan(&dir) {
        Ok(Some(scanned)) => scanned,
        Ok(None) => {
            // The process died between making the folder and the first segment: nothing was ever appended.
            let _ = fs::remove_dir_all(&dir);
            return Ok(None);
        }
        // A consumer forgot it meanwhile.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_error("read an earlier epoch", &dir)(error)),
    };
    if scanned.closed.is_some() {
        return Ok(None);
    }
    for bad in &scanned.bad {
        let at = Position { epoch, segment: bad.segment, offset: bad.offset };
        let put = quarantine::put(gateway_dir, at, &bad.bytes, bad.reason);
        put.map_err(|error| OpenError::Io { act: error.act, path: error.path, source: error.source })?;
    }
    let mut report = Recovered {
        epoch,
        orphans: 0,
        torn_bytes: scanned.len.saturating_sub(scanned.end),
        quarantined: scanned.bad.len() as u64,
        totals: Totals::default(),
    };
    let mut writer = writer_resume(dir.clone(), epoch, scanned, options).map_err(io_error("go on in an earlier epoch", &dir))?;
    let failed = |source| OpenError::Recover { epoch: epoch.0, source };
    let mut scratch = Scratch::default();
    report.orphans = orphan::settle_all(&mut writer, &mut scratch, options.now).map_err(failed)?;
    report.totals = writer.state.totals;
    // The ends of calls are on disk before the record that says there are no others.
    writer.sync().map_err(|error| failed(JournalError::Write(error)))?;
    writer.close(&mut scratch, true).map_err(failed)?;
    writer.sync().map_err(|error| failed(JournalError::Write(error)))?;
    Ok(Some(report))
}

/// A writer behind the last sound frame. A torn frame is cut off.
fn writer_resume(dir: PathBuf, epoch: Epoch, scanned: Scanned, options: &OpenOptions) -> io::Result<Writer> {
    let Scanned { state, segment, end, .. } = scanned;
    let file = File::options().read(true).write(true).open(layout::segment_path(&dir, segment))?;
    if scanned.blank {
        let header = Header { gateway: options.gateway, epoch, segment, totals: state.totals, last_seq: state.last_seq };
        file.write_all_at(&header.encode(), 0)?;
    }
    file.set_len(end.max(HEADER_BYTES))?;
    Ok(Writer {
        gateway: options.gateway,
        epoch,
        dir,
        segment,
        sink: Sink::File(Arc::new(file)),
        offset: end.max(HEADER_BYTES),
        torn: false,
        state,
        segment_bytes_max: options.segment_bytes_max,
        roll_at: options.segment_bytes_max,
        left_behind: Vec::new(),
        left_bytes: 0,
    })
}

fn io_error(act: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    move |source| OpenError::Io { act, path: path.to_owned(), source }
}
