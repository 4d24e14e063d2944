//! How the consumers are doing, for `/metrics` and readiness.

use std::sync::Arc;

use domain::UnixMicros;
use parking_lot::Mutex;
use serde::Serialize;
use store::{Gap, LaneBehind};

/// What is known of one consumer. Counts are since this process started.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConsumerStatus {
    /// Read its place and went once over all logs.
    pub started: bool,
    /// Bytes of the logs that it has not taken in, other records than events included.
    pub lag_bytes: u64,
    /// About how many events those are; 0 exactly when there are no such bytes.
    pub lag_events: u64,
    /// Events taken in.
    pub events: u64,
    /// Of these, known before: nothing was counted twice.
    pub repeated: u64,
    /// Records that went to the quarantine.
    pub quarantined: u64,
    /// Lanes that wait for missing events (ledger only).
    pub gaps: Vec<Gap>,
    /// Ended epochs whose last events are missing (ledger only): gateway, epoch, lanes.
    pub behind: Vec<(domain::GatewayId, domain::Epoch, Vec<LaneBehind>)>,
    /// Charges that no lease covered (ledger only).
    pub overshoots: u64,
    /// Why it does not get on now; `None` when it does.
    pub error: Option<String>,
    /// Since when.
    pub failing_since: Option<UnixMicros>,
    /// Failed tries.
    pub failures: u64,
}

/// Names of the consumers, as labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Consumer {
    Ledger,
    Analytics,
}

impl Consumer {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Ledger => "ledger",
            Self::Analytics => "analytics",
        }
    }
}

/// A handle that shows how the consumers are doing. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Status {
    shared: Arc<[Mutex<ConsumerStatus>; 2]>,
}

impl Status {
    /// A handle for [`run`](crate::run).
    pub fn new() -> Self {
        Self::default()
    }

    /// The consumer that posts money.
    pub fn ledger(&self) -> ConsumerStatus {
        self.of(Consumer::Ledger).lock().clone()
    }

    /// The consumer that fills analytics.
    pub fn analytics(&self) -> ConsumerStatus {
        self.of(Consumer::Analytics).lock().clone()
    }

    /// Both have taken in all that was in the logs when they last looked, lanes that wait for missing events apart.
    pub fn caught_up(&self) -> bool {
        [self.ledger(), self.analytics()].iter().all(|status| status.started && status.lag_bytes == 0)
    }

    pub(crate) fn of(&self, consumer: Consumer) -> &Mutex<ConsumerStatus> {
        let [ledger, analytics] = &*self.shared;
        match consumer {
            Consumer::Ledger => ledger,
            Consumer::Analytics => analytics,
        }
    }
}
