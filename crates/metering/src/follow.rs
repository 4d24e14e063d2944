//! One consumer: follows every gateway's log into its database.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::GatewayId;
use events::{Batch, Position, ReadError, Reader, Wake, quarantine_put};
use prost::Message;
use service::Shutdown;

use crate::chunk::{Chunk, cut};
use crate::convert::{call_row, posted_event};
use crate::retain::Retain;
use crate::sink::{Rows, Sink, Taken, Work};
use crate::status::{Consumer, ConsumerStatus, Status};

/// The wait after the first failure; it doubles with each further one.
const BACK_OFF_LEAST: Duration = Duration::from_millis(50);
const BACK_OFF_MOST: Duration = Duration::from_secs(5);
/// Gaps are looked at this often.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// One consumer's state.
#[derive(Debug)]
pub(crate) struct Follower {
    pub(crate) events_dir: PathBuf,
    pub(crate) sink: Sink,
    pub(crate) status: Status,
    pub(crate) retain: Arc<Retain>,
    pub(crate) batch_events_max: usize,
    pub(crate) linger: Duration,
    pub(crate) drain_max: Duration,
    pub(crate) shutdown: Shutdown,
    pub(crate) places: BTreeMap<GatewayId, Position>,
    pub(crate) readers: BTreeMap<GatewayId, Reader>,
    pub(crate) failed: u32,
    /// Events and bytes taken in, to tell about how many events a number of bytes is.
    pub(crate) weighed: (u64, u64),
    /// When logs with a gap were looked at last.
    pub(crate) looked: Instant,
}

/// What a round over all logs found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Found {
    Nothing,
    Some,
    /// A batch was full: there is more.
    Full,
}

/// The process is to end and a database is away: what is left is read at the next start.
struct GivenUp;

impl Follower {
    /// Runs until the process is to end and all that was written is taken in (or `drain_max` is over).
    pub(crate) async fn run(mut self, mut wake: Wake) {
        if self.begin().await.is_err() {
            return;
        }
        let mut stopping_since = None;
        loop {
            if self.shutdown.is_stopping() {
                stopping_since.get_or_insert_with(Instant::now);
            }
            let Ok(found) = self.round().await else { return };
            match stopping_since {
                Some(_) if found == Found::Nothing => return,
                Some(since) if since.elapsed() > self.drain_max => return,
                Some(_) => {}
                None if found == Found::Full => {}
                None => self.rest(found, &mut wake).await,
            }
        }
    }

    /// Waits for more: a while in which events gather, then for a sign.
    async fn rest(&self, found: Found, wake: &mut Wake) {
        let linger = if found == Found::Some { self.linger } else { Duration::ZERO };
        let rest = async {
            tokio::time::sleep(linger).await;
            wake.wait().await;
        };
        tokio::select! {
            () = rest => {}
            () = self.shutdown.stopping() => {}
        }
    }

    fn note(&self, act: impl FnOnce(&mut ConsumerStatus)) {
        act(&mut self.status.of(self.sink.consumer()).lock());
    }

    async fn begin(&mut self) -> Result<(), GivenUp> {
        loop {
            match self.sink.places().await {
                Ok(places) => {
                    for (gateway, at) in &places {
                        self.retain.passed(self.sink.consumer(), *gateway, *at).await;
                    }
                    self.places = places;
                    self.succeeded();
                    return Ok(());
                }
                Err(error) => self.failing(&error).await?,
            }
        }
    }

    /// One batch of each log.
    async fn round(&mut self) -> Result<Found, GivenUp> {
        self.gaps_look().await;
        let gateways = match events::gateways(&self.events_dir) {
            Ok(gateways) => gateways,
            Err(error) => {
                self.failing(&error).await?;
                return Ok(Found::Full);
            }
        };
        let (mut found, mut lag_bytes) = (Found::Nothing, 0);
        for gateway in gateways {
            let (batch, lag) = match self.batch(gateway).await {
                Ok(read) => read,
                Err(error) => {
                    self.failing(&error).await?;
                    return Ok(Found::Full);
                }
            };
            lag_bytes += lag;
            found = found.max(match batch.items.len() {
                0 if batch.is_empty() => Found::Nothing,
                items if items >= self.batch_events_max => Found::Full,
                _ => Found::Some,
            });
            for chunk in cut(gateway, batch) {
                self.chunk_take(chunk).await?;
            }
        }
        let (events, bytes) = self.weighed;
        let lag_events = if lag_bytes == 0 { 0 } else { lag_bytes.saturating_mul(events.max(1)).div_ceil(bytes.max(1)) };
        self.note(|status| {
            status.started = true;
            status.lag_bytes = lag_bytes;
            status.lag_events = lag_events;
        });
        Ok(found)
    }

    /// Goes back to the stored place of a log whose gap was closed in the ledger meanwhile.
    async fn gaps_look(&mut self) {
        if self.looked.elapsed() < LOOK_EVERY {
            return;
        }
        self.looked = Instant::now();
        let gaps = self.status.of(self.sink.consumer()).lock().gaps.clone();
        if gaps.is_empty() {
            return;
        }
        let closed = match self.sink.gaps_closed(&gaps).await {
            Ok(closed) => closed,
            Err(error) => return tracing::warn!(%error, "gaps could not be looked at; trying again later"),
        };
        for gateway in closed {
            tracing::info!(%gateway, "a gap was closed; its waiting events are read again");
            self.readers.remove(&gateway);
            self.note(|status| status.gaps.retain(|gap| gap.gateway != gateway));
        }
    }

    /// Reads on a thread that may block. Answers with the bytes behind the batch, too.
    async fn batch(&mut self, gateway: GatewayId) -> Result<(Batch, u64), ReadError> {
        let from = self.places.get(&gateway).copied().unwrap_or(Position::START);
        let mut reader = self.readers.remove(&gateway).unwrap_or_else(|| Reader::new(&self.events_dir, gateway, from));
        let max = self.batch_events_max;
        let read = tokio::task::spawn_blocking(move || {
            let before = reader.backlog_bytes().unwrap_or(0);
            let batch = reader.batch(max);
            let lag = reader.backlog_bytes().unwrap_or(0);
            (reader, batch, before, lag)
        });
        match read.await {
            Ok((reader, batch, before, lag)) => {
                self.readers.insert(gateway, reader);
                let batch = batch?;
                self.weighed.0 += batch.items.len() as u64;
                self.weighed.1 += before.saturating_sub(lag);
                Ok((batch, lag))
            }
            Err(error) => {
                let source = std::io::Error::other(error);
                Err(ReadError { act: "read an event log on a thread of its own", path: self.events_dir.clone(), source })
            }
        }
    }

    /// Takes a chunk in, however often that has to be tried.
    async fn chunk_take(&mut self, chunk: Chunk) -> Result<(), GivenUp> {
        let (gateway, end) = (chunk.gateway, chunk.end);
        self.corrupt_keep(&chunk);
        let closed = chunk.closed;
        let rows = self.rows(gateway, chunk.events);
        loop {
            let work = Work { gateway, rows: &rows, closed: closed.as_ref(), end, now: service::clock::now() };
            match self.sink.take(&work).await {
                Ok(taken) => {
                    self.succeeded();
                    let stored = taken.stored;
                    self.taken_note(gateway, end, taken);
                    if stored {
                        self.places.insert(gateway, end);
                        self.retain.passed(self.sink.consumer(), gateway, end).await;
                    }
                    return Ok(());
                }
                Err(error) => self.failing(&error).await?,
            }
        }
    }

    fn taken_note(&self, gateway: GatewayId, end: Position, taken: Taken) {
        for gap in &taken.gaps {
            tracing::error!(
                %gateway, epoch = gap.epoch.0, lane = gap.lane.as_u8(), expected = gap.expected.0, found = gap.found.0,
                "events are missing; later ones of their lane wait"
            );
        }
        if !taken.behind.is_empty() {
            tracing::error!(%gateway, epoch = end.epoch.0, lanes = taken.behind.len(), "an ended epoch's last events are missing; its leases stay");
        }
        if taken.end_refused {
            tracing::error!(%gateway, epoch = end.epoch.0, "an epoch's end differs from the one that is recorded");
        }
        self.note(|status| {
            status.events += taken.events;
            status.repeated += taken.repeated;
            status.overshoots += taken.overshoots;
            for gap in taken.gaps {
                let lane = (gap.gateway, gap.epoch, gap.lane);
                if !status.gaps.iter().any(|known| (known.gateway, known.epoch, known.lane) == lane) {
                    status.gaps.push(gap);
                }
            }
            if !taken.behind.is_empty() {
                status.behind.push((gateway, end.epoch, taken.behind));
            }
        });
    }

    /// Converts events; those that cannot be go to the quarantine.
    fn rows(&self, gateway: GatewayId, events: Vec<(Position, proto::usage::v1::UsageEvent)>) -> Rows {
        match self.sink.consumer() {
            Consumer::Ledger => {
                let mut rows = Vec::with_capacity(events.len());
                for (at, event) in events {
                    match posted_event(&event) {
                        Ok(row) => rows.push(row),
                        Err(poison) => self.keep(gateway, at, &event.encode_to_vec(), poison.reason),
                    }
                }
                Rows::Ledger(rows)
            }
            Consumer::Analytics => {
                let mut rows = Vec::with_capacity(events.len());
                for (at, event) in events {
                    match call_row(&event) {
                        Ok(row) => rows.push(row),
                        Err(poison) => self.keep(gateway, at, &event.encode_to_vec(), poison.reason),
                    }
                }
                Rows::Analytics(rows)
            }
        }
    }

    fn corrupt_keep(&self, chunk: &Chunk) {
        for corrupt in &chunk.corrupt {
            self.keep(chunk.gateway, corrupt.at, &corrupt.bytes, corrupt.reason);
        }
    }

    fn keep(&self, gateway: GatewayId, at: Position, bytes: &[u8], reason: &str) {
        let consumer = self.sink.consumer().as_str();
        tracing::error!(%gateway, %at, consumer, reason, "a record of the event log cannot be taken in; it is kept in the quarantine");
        if let Err(error) = quarantine_put(&self.events_dir, gateway, at, bytes, reason) {
            tracing::error!(%gateway, %at, %error, "a refused record could not be kept; it stays in the log");
        }
        self.note(|status| status.quarantined += 1);
    }

    fn succeeded(&mut self) {
        if self.failed > 0 {
            tracing::info!(consumer = self.sink.consumer().as_str(), failures = self.failed, "the consumer gets on again");
            self.failed = 0;
            self.note(|status| {
                status.error = None;
                status.failing_since = None;
            });
        }
    }

    /// Waits before the next try; gives up when the process is to end.
    async fn failing(&mut self, error: &(dyn std::error::Error + Sync)) -> Result<(), GivenUp> {
        let text = chain(error);
        let consumer = self.sink.consumer().as_str();
        tracing::warn!(consumer, error = %text, tries = self.failed + 1, "the consumer does not get on");
        let now = service::clock::now();
        self.note(|status| {
            status.error = Some(text);
            status.failures += 1;
            status.failing_since.get_or_insert(now);
        });
        let wait = BACK_OFF_LEAST.saturating_mul(1 << self.failed.min(10)).min(BACK_OFF_MOST);
        self.failed = self.failed.saturating_add(1);
        tokio::select! {
            () = tokio::time::sleep(wait) => Ok(()),
            () = self.shutdown.stopping() => Err(GivenUp),
        }
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
