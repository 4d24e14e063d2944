//! The write side: one journal per gateway process, used from many threads.

use std::cell::RefCell;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use domain::{Epoch, GatewayId, Seq, UnixMicros};
use parking_lot::{Condvar, Mutex};
use proto::usage::v1::{Intent, Progress, Totals, UsageEvent};
use tokio::sync::watch;

use crate::encode::{Field, Scratch};
use crate::error::{JournalError, OpenError};
use crate::options::{Durability, OpenOptions};
use crate::orphan;
use crate::recover::{self, Recovered};
use crate::state;
use crate::sync;
use crate::wake::Wake;
use crate::writer::Writer;

/// Limit: bytes of an encoded intent, so that the event of its end always fits.
const INTENT_BYTES_MAX: usize = crate::PAYLOAD_BYTES_MAX / 2;

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Numbers for `/metrics`, since the journal was opened unless said otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Records appended.
    pub appends: u64,
    /// Appends that failed, and intents that were refused for want of room.
    pub append_failures: u64,
    /// Bytes appended.
    pub bytes: u64,
    /// Bytes that are not known to be on disk.
    pub unsynced_bytes: u64,
    /// Group syncs.
    pub syncs: u64,
    /// Group syncs that failed.
    pub sync_failures: u64,
    /// Calls with an intent and no end yet, now.
    pub open_calls: u64,
    /// What those calls hold, in nano-USD.
    pub open_hold_nano_usd: i64,
    /// Segments that exist now, of all epochs.
    pub segments: u64,
    /// Bytes of those segments.
    pub log_bytes: u64,
    /// Limit of those bytes.
    pub capacity_bytes: u64,
    /// What the file system has left.
    pub free_bytes: u64,
}

/// The end of an epoch that was closed by a clean stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed {
    /// Which epoch.
    pub epoch: Epoch,
    /// What it counted.
    pub totals: Totals,
    /// Calls that were still open and got an `ORPHANED` event.
    pub orphans: u64,
}

/// A gateway's write-ahead log, open for appending. Dropping it without [`close`](Self::close) is like a crash: the next
/// [`open`](Self::open) ends the calls that are open.
#[derive(Debug)]
pub struct Journal {
    shared: Arc<Shared>,
    durability: Durability,
    thread: Option<JoinHandle<()>>,
    /// Holds the lock on the gateway's folder.
    _lock: File,
}

/// How far the disk got.
#[derive(Debug, Clone, Default)]
pub(crate) struct Synced {
    pub(crate) appends: u64,
    pub(crate) failed: Option<String>,
}

/// What the appending threads and the syncing thread share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) gateway_dir: PathBuf,
    gateway: [u8; 16],
    epoch: Epoch,
    capacity_bytes: u64,
    reserve_bytes: u64,
    free_bytes_min: u64,
    pub(crate) writer: Mutex<Writer>,
    closed: AtomicBool,
    pub(crate) appends: AtomicU64,
    append_failures: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) synced_bytes: AtomicU64,
    pub(crate) syncs: AtomicU64,
    pub(crate) sync_failures: AtomicU64,
    /// Bytes of segments that are not the writer's newest one.
    pub(crate) other_bytes: AtomicU64,
    pub(crate) segments: AtomicU64,
    pub(crate) free_bytes: AtomicU64,
    /// An intent was refused for want of room: look again soon.
    pub(crate) full: AtomicBool,
    pub(crate) dirty: AtomicBool,
    pub(crate) stop: AtomicBool,
    pub(crate) asleep: Mutex<()>,
    pub(crate) wake: Condvar,
    /// Appends that followers may look for.
    pub(crate) seen: watch::Sender<u64>,
    pub(crate) synced: watch::Sender<Synced>,
}

impl Journal {
    /// Locks the gateway's folder below `<data>/events`, ends what earlier epochs left open, and starts the next epoch.
    /// Blocks on the disk.
    pub fn open(events_dir: &Path, options: &OpenOptions) -> Result<(Self, Vec<Recovered>), OpenError> {
        let (lock, recovered, writer, gateway_dir) = recover::open(events_dir, options)?;
        let shared = Arc::new(Shared {
            gateway_dir,
            gateway: options.gateway.0.into_bytes(),
            epoch: writer.epoch,
            capacity_bytes: options.capacity_bytes,
            reserve_bytes: options.reserve_bytes.min(options.capacity_bytes),
            free_bytes_min: options.free_bytes_min,
            writer: Mutex::new(writer),
            closed: AtomicBool::new(false),
            appends: AtomicU64::new(0),
            append_failures: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            synced_bytes: AtomicU64::new(0),
            syncs: AtomicU64::new(0),
            sync_failures: AtomicU64::new(0),
            other_bytes: AtomicU64::new(0),
            segments: AtomicU64::new(0),
            free_bytes: AtomicU64::new(u64::MAX),
            full: AtomicBool::new(false),
            dirty: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            asleep: Mutex::new(()),
            wake: Condvar::new(),
            seen: watch::Sender::new(0),
            synced: watch::Sender::default(),
        });
        sync::weigh_first(&shared);
        let (of_thread, gather) = (Arc::clone(&shared), options.durability == Durability::Process);
        let thread = std::thread::Builder::new().name("wal-sync".to_owned()).spawn(move || sync::run(&of_thread, gather));
        let thread = thread.map_err(|source| OpenError::Io { act: "start the syncing thread", path: events_dir.to_owned(), source })?;
        Ok((Self { shared, durability: options.durability, thread: Some(thread), _lock: lock }, recovered))
    }

    /// The epoch of this life of the gateway.
    pub fn epoch(&self) -> Epoch {
        self.shared.epoch
    }

    /// Whose log this is.
    pub fn gateway(&self) -> GatewayId {
        GatewayId(uuid::Uuid::from_bytes(self.shared.gateway))
    }

    /// Says that a call is about to be sent upstream. A further attempt of the same call replaces the earlier intent.
    /// Refused with [`JournalError::Full`] when the log has no room for further calls.
    pub fn intent(&self, intent: &Intent) -> Result<(), JournalError> {
        let id = state::request_id(&intent.request_id)?;
        if intent.facts.as_ref().is_none_or(|facts| facts.organization_id.len() != 16) {
            return Err(JournalError::Malformed { field: "organization_id" });
        }
        SCRATCH.with_borrow_mut(|scratch| {
            scratch.message(intent)?;
            // An event carries its intent's facts and more: what is taken here must have room for its end.
            if scratch.len() > INTENT_BYTES_MAX {
                return Err(JournalError::TooLarge { bytes: scratch.len() });
            }
            let frame = scratch.frame(Field::Intent)?;
            self.append(frame.len(), |writer| {
                self.shared.room(writer)?;
                writer.intent(id, intent.hold_nano_usd, frame)
            })
        })
    }

    /// Says how far an open call got. Does nothing for a call that is not open.
    pub fn progress(&self, progress: &Progress) -> Result<(), JournalError> {
        let id = state::request_id(&progress.request_id)?;
        SCRATCH.with_borrow_mut(|scratch| {
            scratch.message(progress)?;
            let frame = scratch.frame(Field::Progress)?;
            let mut writer = self.shared.writer.lock();
            if writer.state.open.contains_key(&id) {
                let done = self.shared.open_check().and_then(|()| writer.progress(id, progress.hold_nano_usd, frame));
                self.shared.count(frame.len(), &done);
                drop(writer);
                self.shared.appended();
                return done;
            }
            Ok(())
        })
    }

    /// The end of a call: fills `schema`, `gateway_id`, `epoch`, `lane` and `seq`, and appends the event. When this
    /// returned, the last bytes may go to the client. The caller sees to it that each call ends once.
    pub fn settle(&self, event: &mut UsageEvent) -> Result<Seq, JournalError> {
        orphan::identify(event, &self.shared.gateway, self.shared.epoch.0)?;
        state::request_id(&event.request_id)?;
        SCRATCH.with_borrow_mut(|scratch| {
            scratch.message(event)?;
            let bytes = scratch.len();
            self.append(bytes, |writer| writer.settle(scratch, event))
        })
    }

    /// Returns at once with [`Durability::Process`]; with [`Durability::Power`] when all that this thread appended before
    /// is on disk.
    pub async fn durable(&self) -> Result<(), JournalError> {
        match self.durability {
            Durability::Process => Ok(()),
            Durability::Power => self.synced().await,
        }
    }

    /// Waits until all that was appended before is on disk, whatever the durability.
    pub async fn synced(&self) -> Result<(), JournalError> {
        let wanted = self.shared.appends.load(Ordering::Acquire);
        let mut synced = self.shared.synced.subscribe();
        let reached = synced.wait_for(|synced| synced.appends >= wanted || synced.failed.is_some()).await;
        let reached = reached.map_err(|_| JournalError::Closed)?;
        match &reached.failed {
            Some(why) if reached.appends < wanted => Err(JournalError::Sync(why.clone())),
            _ => Ok(()),
        }
    }

    /// Whether an intent would be taken now: for readiness, and to refuse early.
    pub fn accepts(&self) -> Result<(), JournalError> {
        self.shared.open_check()?;
        self.shared.room(&self.shared.writer.lock())
    }

    /// What this epoch counted so far.
    pub fn totals(&self) -> Totals {
        self.shared.writer.lock().state.totals
    }

    /// Numbers for `/metrics`.
    pub fn counters(&self) -> Counters {
        let shared = &self.shared;
        let writer = shared.writer.lock();
        let (bytes, synced) = (shared.bytes.load(Ordering::Acquire), shared.synced_bytes.load(Ordering::Acquire));
        Counters {
            appends: shared.appends.load(Ordering::Acquire),
            append_failures: shared.append_failures.load(Ordering::Relaxed),
            bytes,
            unsynced_bytes: bytes.saturating_sub(synced),
            syncs: shared.syncs.load(Ordering::Relaxed),
            sync_failures: shared.sync_failures.load(Ordering::Relaxed),
            open_calls: writer.state.open.len() as u64,
            open_hold_nano_usd: writer.state.hold_nano_usd,
            segments: shared.segments.load(Ordering::Acquire),
            log_bytes: shared.used(&writer),
            capacity_bytes: shared.capacity_bytes,
            free_bytes: shared.free_bytes.load(Ordering::Acquire),
        }
    }

    /// A sign for a follower in this process; it looks again after `every` at the latest.
    pub fn wake(&self, every: Duration) -> Wake {
        Wake::watch(self.shared.seen.subscribe(), every)
    }

    /// A clean stop: ends calls that are still open as orphaned, writes the epoch's last record, syncs. Appends fail from
    /// here on. Blocks on the disk. Closing again does nothing and counts no orphans.
    pub fn close(&self, now: UnixMicros) -> Result<Closed, JournalError> {
        let mut writer = self.shared.writer.lock();
        let mut closed = Closed { epoch: self.shared.epoch, totals: writer.state.totals, orphans: 0 };
        if self.shared.closed.load(Ordering::Acquire) {
            return Ok(closed);
        }
        SCRATCH.with_borrow_mut(|scratch| {
            closed.orphans = orphan::settle_all(&mut writer, scratch, now)?;
            closed.totals = writer.state.totals;
            writer.close(scratch, false)
        })?;
        self.shared.closed.store(true, Ordering::Release);
        self.shared.appends.fetch_add(1 + closed.orphans, Ordering::SeqCst);
        let synced = writer.sync();
        drop(writer);
        self.shared.nudge();
        synced.map(|()| closed).map_err(|error| JournalError::Sync(error.to_string()))
    }

    fn append<T>(&self, bytes: usize, act: impl FnOnce(&mut Writer) -> Result<T, JournalError>) -> Result<T, JournalError> {
        let mut writer = self.shared.writer.lock();
        let done = self.shared.open_check().and_then(|()| act(&mut writer));
        self.shared.count(bytes, &done);
        drop(writer);
        self.shared.appended();
        done
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        self.shared.nudge();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn open_check(&self) -> Result<(), JournalError> {
        if self.closed.load(Ordering::Acquire) { Err(JournalError::Closed) } else { Ok(()) }
    }

    fn used(&self, writer: &Writer) -> u64 {
        self.other_bytes.load(Ordering::Acquire) + writer.left_bytes + writer.offset
    }

    /// Whether a further call may begin.
    fn room(&self, writer: &Writer) -> Result<(), JournalError> {
        let (used_bytes, free_bytes) = (self.used(writer), self.free_bytes.load(Ordering::Acquire));
        if used_bytes < self.capacity_bytes - self.reserve_bytes && free_bytes >= self.free_bytes_min {
            return Ok(());
        }
        self.full.store(true, Ordering::Release);
        Err(JournalError::Full { used_bytes, capacity_bytes: self.capacity_bytes, free_bytes })
    }

    fn count<T>(&self, bytes: usize, done: &Result<T, JournalError>) {
        if done.is_ok() {
            self.appends.fetch_add(1, Ordering::SeqCst);
            self.bytes.fetch_add(bytes as u64, Ordering::AcqRel);
        } else {
            self.append_failures.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Wakes the syncing thread at the first append of a group. Either this sees that the thread cleared `dirty`, or the
    /// thread sees the append: all four operations are `SeqCst`.
    fn appended(&self) {
        if !self.dirty.load(Ordering::SeqCst) {
            self.nudge();
        }
    }

    pub(crate) fn nudge(&self) {
        let asleep = self.asleep.lock();
        self.dirty.store(true, Ordering::SeqCst);
        self.wake.notify_one();
        drop(asleep);
    }
}
