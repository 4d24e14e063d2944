//! Bytes that are no readable record, kept with the reason: `<gateway>/quarantine/<epoch>-<segment>-<offset>.bad`
//! holds the bytes, `….reason` one line of text. Names come from the place, so that putting twice keeps one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use domain::GatewayId;

use crate::error::ReadError;
use crate::layout;
use crate::position::Position;

/// One kept finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// The file with the bytes.
    pub path: PathBuf,
    /// Why they were refused.
    pub reason: String,
    /// How many bytes.
    pub bytes: u64,
}

/// Keeps refused bytes with their reason. Returns false when they were kept before.
pub fn quarantine_put(events_dir: &Path, gateway: GatewayId, at: Position, bytes: &[u8], reason: &str) -> Result<bool, ReadError> {
    put(&layout::gateway_dir(events_dir, gateway), at, bytes, reason)
}

/// What is kept for a gateway, in order of the place in the log.
pub fn quarantine_list(events_dir: &Path, gateway: GatewayId) -> Result<Vec<Quarantined>, ReadError> {
    let dir = layout::gateway_dir(events_dir, gateway).join("quarantine");
    list(&dir).map_err(|source| ReadError { act: "list the quarantine", path: dir, source })
}

pub(crate) fn put(gateway_dir: &Path, at: Position, bytes: &[u8], reason: &str) -> Result<bool, ReadError> {
    let path = gateway_dir.join("quarantine").join(format!("{:08}-{:08}-{:010}.bad", at.epoch.0, at.segment, at.offset));
    write(&path, bytes, reason).map_err(|source| ReadError { act: "keep refused bytes in the quarantine", path, source })
}

fn write(path: &Path, bytes: &[u8], reason: &str) -> io::Result<bool> {
    if path.try_exists()? {
        return Ok(false);
    }
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    layout::file_replace(&path.with_extension("reason"), format!("{reason}\n").as_bytes())?;
    layout::file_replace(path, bytes)?;
    Ok(true)
}

fn list(dir: &Path) -> io::Result<Vec<Quarantined>> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|suffix| suffix == "bad") {
            let reason = fs::read_to_string(path.with_extension("reason")).unwrap_or_default();
            let bytes = fs::metadata(&path)?.len();
            found.push(Quarantined { path, reason: reason.trim_end().to_owned(), bytes });
        }
    }
    found.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}
