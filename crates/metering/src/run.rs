//! The service: both consumers until the process is to end.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use analytics::Analytics;
use events::Wake;
use service::Shutdown;
use store::Db;

use crate::follow::Follower;
use crate::retain::Retain;
use crate::sink::Sink;
use crate::status::Status;

/// What [`run`] needs.
#[derive(Debug, Clone)]
pub struct Options {
    /// `<data>/events`: the logs of all gateways of this machine. It need not exist yet.
    pub events_dir: PathBuf,
    /// The ledger, migrated.
    pub db: Db,
    /// The analytics database, migrated.
    pub analytics: Analytics,
    /// Limit: events of one transaction. Default 2,000.
    pub batch_events_max: usize,
    /// How to wait for more. Default: look every 100 ms; with a journal in this process [`events::Journal::wake`].
    pub wake: Wake,
    /// How long events gather before a batch that is not full: each batch is a commit that waits for the disk. Default
    /// 250 ms.
    pub linger: Duration,
    /// How long stopping may take while there is something to take in. Default 5 s.
    pub drain_max: Duration,
}

impl Options {
    /// The defaults.
    pub const fn new(events_dir: PathBuf, db: Db, analytics: Analytics) -> Self {
        let wake = Wake::poll(Duration::from_millis(100));
        Self {
            events_dir,
            db,
            analytics,
            batch_events_max: 2_000,
            wake,
            linger: Duration::from_millis(250),
            drain_max: Duration::from_secs(5),
        }
    }
}

/// Follows all logs with both consumers. Returns once the process is to end and both have taken in what was written until
/// then; a consumer whose database is away gives up and goes on at the next start. Stop gateways first.
pub async fn run(options: Options, status: Status, shutdown: Shutdown) {
    let retain = Arc::new(Retain::new(options.events_dir.clone(), options.db.clone()));
    let follower = |sink| Follower {
        events_dir: options.events_dir.clone(),
        sink,
        status: status.clone(),
        retain: Arc::clone(&retain),
        batch_events_max: options.batch_events_max.max(1),
        linger: options.linger,
        drain_max: options.drain_max,
        shutdown: shutdown.clone(),
        places: BTreeMap::new(),
        readers: BTreeMap::new(),
        failed: 0,
        weighed: (0, 0),
        looked: Instant::now(),
    };
    let ledger = Box::pin(follower(Sink::ledger(options.db.clone())).run(options.wake.clone()));
    let analytics = Box::pin(follower(Sink::Analytics(options.analytics.clone())).run(options.wake.clone()));
    tokio::join!(ledger, analytics);
}
