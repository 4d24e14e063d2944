//! How a follower waits for more: by a sign from the writer in the same process, else by time.

use std::time::Duration;

use tokio::sync::watch;

/// Waits until looking again makes sense.
#[derive(Debug, Clone)]
pub struct Wake {
    seen: Option<watch::Receiver<u64>>,
    every: Duration,
}

impl Wake {
    /// For a log that another process writes: look again after `every`.
    pub const fn poll(every: Duration) -> Self {
        Self { seen: None, every }
    }

    /// For a log of this process; `every` still bounds the wait (segments of other processes, recovery).
    pub(crate) const fn watch(seen: watch::Receiver<u64>, every: Duration) -> Self {
        Self { seen: Some(seen), every }
    }

    /// Returns when something was appended since the last call, or after the polling time.
    pub async fn wait(&mut self) {
        let changed = match &mut self.seen {
            Some(seen) => tokio::time::timeout(self.every, seen.changed()).await,
            None => return tokio::time::sleep(self.every).await,
        };
        if let Ok(Err(_)) = changed {
            // The journal is gone: only time is left.
            self.seen = None;
        }
    }
}
