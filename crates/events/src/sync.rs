//! The thread that makes appends durable in groups, weighs the log, and wakes followers.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::journal::Shared;
use crate::layout;

/// An append is on disk this long after it returned, plus the time that the disk needs.
pub const SYNC_WITHIN: Duration = Duration::from_millis(10);
/// How long the first append of a group waits for others.
const GATHER: Duration = Duration::from_millis(9);
/// The log is weighed at most this often.
const WEIGH_EVERY: Duration = Duration::from_millis(250);

/// Runs until the journal is dropped or closed.
pub(crate) fn run(shared: &Shared, gather: bool) {
    let mut weighed = Instant::now();
    loop {
        let stop = wait(shared, gather);
        let due = weighed.elapsed() >= WEIGH_EVERY;
        if due {
            weigh(shared);
            weighed = Instant::now();
        }
        group(shared);
        if stop {
            return;
        }
        if shared.full.swap(false, Ordering::AcqRel) && !due {
            std::thread::sleep(WEIGH_EVERY.saturating_sub(weighed.elapsed()));
            shared.nudge();
        }
    }
}

fn wait(shared: &Shared, gather: bool) -> bool {
    let mut asleep = shared.asleep.lock();
    while !shared.dirty.load(Ordering::Acquire) && !shared.stop.load(Ordering::Acquire) {
        shared.wake.wait(&mut asleep);
    }
    drop(asleep);
    let stop = shared.stop.load(Ordering::Acquire);
    if gather && !stop {
        std::thread::sleep(GATHER);
    }
    shared.dirty.store(false, Ordering::SeqCst);
    stop
}

/// Syncs what was appended up to here and says so.
fn group(shared: &Shared) {
    let (appends, bytes, file, left_behind, dir) = {
        let mut writer = shared.writer.lock();
        let left_behind = std::mem::take(&mut writer.left_behind);
        let counted = (shared.appends.load(Ordering::SeqCst), shared.bytes.load(Ordering::Acquire));
        (counted.0, counted.1, Arc::clone(writer.sink.file()), left_behind, writer.dir.clone())
    };
    shared.seen.send_replace(appends);
    if shared.synced.borrow().appends >= appends {
        return;
    }
    let done = (|| {
        for old in &left_behind {
            old.sync_data()?;
        }
        file.sync_data()?;
        if !left_behind.is_empty() { layout::dir_sync(&dir) } else { Ok(()) }
    })();
    match done {
        Ok(()) => {
            shared.synced_bytes.store(bytes, Ordering::Release);
            shared.syncs.fetch_add(1, Ordering::Relaxed);
            shared.synced.send_modify(|synced| {
                synced.appends = appends;
                synced.failed = None;
            });
        }
        Err(error) => {
            shared.sync_failures.fetch_add(1, Ordering::Relaxed);
            let mut writer = shared.writer.lock();
            writer.left_behind.extend(left_behind);
            // What the kernel could not write may be lost to this file: go on in a new one.
            writer.roll_at = 0;
            drop(writer);
            shared.synced.send_modify(|synced| synced.failed = Some(error.to_string()));
            std::thread::sleep(WEIGH_EVERY);
            shared.dirty.store(true, Ordering::SeqCst);
        }
    }
}

/// Asks the file system how much log there is, since consumers delete segments on their own.
fn weigh(shared: &Shared) {
    let mut writer = shared.writer.lock();
    let current = writer.offset;
    writer.left_bytes = 0;
    drop(writer);
    if let Ok((bytes, count)) = layout::segments_weigh(&shared.gateway_dir) {
        shared.other_bytes.store(bytes.saturating_sub(current), Ordering::Release);
        shared.segments.store(count, Ordering::Release);
    }
    if let Ok(stat) = rustix::fs::statvfs(&shared.gateway_dir) {
        shared.free_bytes.store(stat.f_bavail.saturating_mul(stat.f_frsize), Ordering::Release);
    }
}

/// The first weighing, before any append.
pub(crate) fn weigh_first(shared: &Shared) {
    weigh(shared);
}
