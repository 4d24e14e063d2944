//! Names of files and folders, and small file operations.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use domain::{Epoch, GatewayId};
use uuid::Uuid;

use crate::error::ReadError;

const SEGMENT_SUFFIX: &str = ".wal";
const GONE_SUFFIX: &str = ".gone";

/// The gateways that have a log in `<data>/events`, in order of their ids; none when there is no such folder.
pub fn gateways(events_dir: &Path) -> Result<Vec<GatewayId>, ReadError> {
    let found = names(events_dir, |name| Uuid::try_parse(name).ok().map(GatewayId));
    found.map_err(|source| ReadError { act: "list the event logs", path: events_dir.to_owned(), source })
}

/// The epochs of a gateway that still have a folder, oldest first.
pub fn epochs_kept(events_dir: &Path, gateway: GatewayId) -> Result<Vec<Epoch>, ReadError> {
    let dir = gateway_dir(events_dir, gateway);
    epochs(&dir).map_err(|source| ReadError { act: "list epochs", path: dir, source })
}

pub(crate) fn gateway_dir(events_dir: &Path, gateway: GatewayId) -> PathBuf {
    events_dir.join(gateway.to_string())
}

pub(crate) fn epoch_dir(gateway_dir: &Path, epoch: Epoch) -> PathBuf {
    gateway_dir.join(format!("{:08}", epoch.0))
}

pub(crate) fn segment_path(epoch_dir: &Path, segment: u64) -> PathBuf {
    epoch_dir.join(format!("{segment:08}{SEGMENT_SUFFIX}"))
}

/// A segment that is not complete enough to be seen.
pub(crate) fn segment_new_path(epoch_dir: &Path, segment: u64) -> PathBuf {
    epoch_dir.join(format!("{segment:08}.new"))
}

/// Epochs that have a folder, oldest first.
pub(crate) fn epochs(gateway_dir: &Path) -> io::Result<Vec<Epoch>> {
    names(gateway_dir, |name| name.parse().ok().map(Epoch))
}

/// Segment numbers of an epoch, oldest first.
pub(crate) fn segments(epoch_dir: &Path) -> io::Result<Vec<u64>> {
    names(epoch_dir, |name| name.strip_suffix(SEGMENT_SUFFIX).and_then(|number| number.parse().ok()))
}

fn names<T: Ord>(dir: &Path, read: impl Fn(&str) -> Option<T>) -> io::Result<Vec<T>> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries {
        found.extend(entry?.file_name().to_str().and_then(&read));
    }
    found.sort_unstable();
    Ok(found)
}

/// Bytes and number of all segments of a gateway, in all epochs. A file that goes away meanwhile counts as nothing.
pub(crate) fn segments_weigh(gateway_dir: &Path) -> io::Result<(u64, u64)> {
    let (mut bytes, mut count) = (0, 0);
    for epoch in epochs(gateway_dir)? {
        let dir = epoch_dir(gateway_dir, epoch);
        for segment in segments(&dir)? {
            if let Ok(meta) = fs::metadata(segment_path(&dir, segment)) {
                bytes += meta.len();
                count += 1;
            }
        }
    }
    Ok((bytes, count))
}

/// Where a forgotten epoch's folder goes before its files do.
pub(crate) fn gone_path(gateway_dir: &Path, epoch: Epoch) -> PathBuf {
    gateway_dir.join(format!("{:08}{GONE_SUFFIX}", epoch.0))
}

/// Ends what an interrupted deletion began.
pub(crate) fn gone_sweep(gateway_dir: &Path) -> io::Result<()> {
    for epoch in names(gateway_dir, |name| name.strip_suffix(GONE_SUFFIX).and_then(|number| number.parse().ok()).map(Epoch))? {
        match fs::remove_dir_all(gone_path(gateway_dir, epoch)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Makes the names in a folder durable.
pub(crate) fn dir_sync(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Replaces a small file so that a reader and a power cut find the old content or the new one.
pub(crate) fn file_replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    path.parent().map_or(Ok(()), dir_sync)
}

/// The highest epoch that was ever started here, folders of forgotten epochs included.
pub(crate) fn epoch_last(gateway_dir: &Path) -> io::Result<Epoch> {
    let noted = match fs::read_to_string(gateway_dir.join("epoch")) {
        Ok(text) => text.trim().parse().map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "the file `epoch` holds no number"))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(error),
    };
    let newest = epochs(gateway_dir)?.last().map_or(0, |epoch| epoch.0);
    Ok(Epoch(newest.max(noted)))
}

/// Notes an epoch before its folder is made, so that its number is never used again.
pub(crate) fn epoch_note(gateway_dir: &Path, epoch: Epoch) -> io::Result<()> {
    file_replace(&gateway_dir.join("epoch"), format!("{}\n", epoch.0).as_bytes())
}
