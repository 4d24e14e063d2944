//! What can go wrong, as far as a caller branches on it.

use std::io;
use std::path::PathBuf;

use domain::GatewayId;

/// An append that did not happen. The log stays readable, and a later append may succeed.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The log holds as much unconsumed data as it may, or the disk is nearly full: no new calls. Settles still fit.
    #[error("the event log is full: {used_bytes} of {capacity_bytes} bytes are not consumed, {free_bytes} bytes are free on the disk")]
    Full {
        /// Bytes of all segments that still exist.
        used_bytes: u64,
        /// The bound from the options.
        capacity_bytes: u64,
        /// What the file system has left.
        free_bytes: u64,
    },
    /// The record is over [`PAYLOAD_BYTES_MAX`](crate::PAYLOAD_BYTES_MAX).
    #[error("a record of {bytes} bytes is too large for the event log")]
    TooLarge {
        /// Its encoded size.
        bytes: usize,
    },
    /// The record lacks an id that the log needs.
    #[error("a record for the event log has no valid {field}")]
    Malformed {
        /// Which field.
        field: &'static str,
    },
    /// The disk refused the write; what was half-written was cut off again.
    #[error("append to the event log")]
    Write(#[source] io::Error),
    /// The disk refused to make the log durable.
    #[error("sync the event log: {0}")]
    Sync(String),
    /// The journal was closed.
    #[error("the event log is closed")]
    Closed,
}

/// The log cannot be opened for writing.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process writes this gateway's log.
    #[error("the event log of gateway {gateway} is in use by another process ({})", path.display())]
    Locked {
        /// Whose log.
        gateway: GatewayId,
        /// The lock file.
        path: PathBuf,
    },
    /// A file operation failed.
    #[error("{act} ({})", path.display())]
    Io {
        /// What was being done.
        act: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// An earlier epoch could not be closed.
    #[error("recover epoch {epoch} of the event log")]
    Recover {
        /// Which epoch.
        epoch: u64,
        /// Why it failed.
        #[source]
        source: JournalError,
    },
}

/// The log cannot be read now; a later try may succeed.
#[derive(Debug, thiserror::Error)]
#[error("{act} ({})", path.display())]
pub struct ReadError {
    /// What was being done.
    pub act: &'static str,
    /// To which file or folder.
    pub path: PathBuf,
    /// Why it failed.
    #[source]
    pub source: io::Error,
}
