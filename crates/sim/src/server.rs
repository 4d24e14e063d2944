//! The server: its options, its handle, and its connections.

use std::collections::{HashSet, VecDeque};
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::request;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::conn::{Control, Wire};
use crate::handle::handle;
use crate::journal::{Arrival, Entry, Journal, Record, Summary};
use crate::script::Script;

/// Limit: bytes buffered per connection, so that tokens count as sent at most this far ahead of the socket.
const CONNECTION_BUFFER_BYTES_MAX: usize = 64 << 10;

/// Limit: requests at once on one HTTP/2 connection.
const STREAMS_MAX: u32 = 1_000;

/// Limit: tokens of `status_once` remembered; at this number all are forgotten.
const ONCE_TOKENS_MAX: usize = 1_000_000;

/// Wait after a failed accept, most often for want of file descriptors.
const ACCEPT_RETRY: Duration = Duration::from_millis(20);

/// How the simulator runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// What answers are like where a request's directives leave it open.
    pub defaults: Script,
    /// `created` of every answer: the simulator reads no clock.
    pub created_unix_s: u64,
    /// Limit: bytes of a request's body; more is answered with 413.
    pub body_bytes_max: usize,
    /// Limit: entries of the journal, of about 300 bytes each; the oldest are dropped and counted.
    pub journal_entries_max: usize,
    /// Limit: bodies of the latest requests kept for `GET /sim/requests`; 0 keeps none.
    pub kept_requests_max: usize,
    /// Whether the pages under `/sim` are served.
    pub control: bool,
    /// How long open answers may go on after the shutdown began.
    pub drain_ms: u64,
}

/// A request as it came, if `kept_requests_max` says to keep it.
#[derive(Clone, Debug, Serialize)]
pub struct Kept {
    /// The journal entry's start order.
    pub order: u64,
    /// Path and query.
    pub path: String,
    /// Header names and values, without those that carry a credential.
    pub headers: Vec<(String, String)>,
    /// The body; a JSON text stands as it came, anything else as a string.
    pub body: Box<RawValue>,
}

/// A simulator: cheap to clone, all clones are the same one.
#[derive(Clone)]
pub struct Sim {
    shared: Arc<Shared>,
}

/// State of one simulator.
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) journal: Journal,
    pub(crate) stopping: AtomicBool,
    defaults: Mutex<Arc<Script>>,
    once: Mutex<HashSet<Box<str>>>,
    kept: Mutex<VecDeque<(u64, request::Parts, Bytes)>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            defaults: Script::default(),
            created_unix_s: 1_750_000_000,
            body_bytes_max: 32 << 20,
            journal_entries_max: 1_000_000,
            kept_requests_max: 0,
            control: true,
            drain_ms: 1_000,
        }
    }
}

/// Serves a simulator until `shutdown` resolves.
pub async fn serve(listener: TcpListener, options: Options, shutdown: impl Future<Output = ()>) {
    Sim::new(options).serve(listener, shutdown).await;
}

impl Sim {
    /// A simulator that serves nothing yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let shared = Shared {
            journal: Journal::new(options.journal_entries_max),
            stopping: AtomicBool::new(false),
            defaults: Mutex::new(Arc::new(options.defaults.clone())),
            once: Mutex::default(),
            kept: Mutex::default(),
            options,
        };
        Self { shared: Arc::new(shared) }
    }

    /// Serves until `shutdown` resolves; then open answers have `drain_ms` to end.
    pub async fn serve(&self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        let graceful = GracefulShutdown::new();
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => self.connect(stream, &graceful, &mut connections),
                    Err(_) => tokio::time::sleep(ACCEPT_RETRY).await,
                },
            }
            while connections.try_join_next().is_some() {}
        }
        drop(listener);
        let drain = Duration::from_millis(self.shared.options.drain_ms);
        let drained = tokio::time::timeout(drain, graceful.shutdown()).await.is_ok();
        self.shared.stopping.store(!drained, Ordering::Relaxed);
        connections.shutdown().await;
    }

    fn connect(&self, stream: TcpStream, graceful: &GracefulShutdown, connections: &mut JoinSet<()>) {
        // Fails only for a connection that is gone already.
        let _gone = stream.set_nodelay(true);
        let control = Arc::new(Control::default());
        let io = TokioIo::new(Wire::new(stream, Arc::clone(&control)));
        let shared = Arc::clone(&self.shared);
        let service = service_fn(move |request| handle(Arc::clone(&shared), Arc::clone(&control), request));
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder.http1().writev(false).auto_date_header(false).max_buf_size(CONNECTION_BUFFER_BYTES_MAX);
        builder.http2().auto_date_header(false).max_concurrent_streams(STREAMS_MAX);
        let connection = graceful.watch(builder.serve_connection(io, service).into_owned());
        connections.spawn(async move {
            // A broken connection is the client's matter or scripted; the journal says how its request ended.
            let _broken = connection.await;
        });
    }

    /// The journal, in start order.
    #[must_use]
    pub fn journal(&self) -> Vec<Entry> {
        self.shared.journal.records().iter().map(|record| record.entry()).collect()
    }

    /// The journal's totals.
    #[must_use]
    pub fn summary(&self) -> Summary {
        self.shared.journal.summary()
    }

    /// Forgets the journal.
    pub fn journal_clear(&self) {
        self.shared.journal.clear();
    }

    /// Waits until the journal's totals fulfil `test`; they are looked at after every change of an entry.
    pub async fn until(&self, mut test: impl FnMut(&Summary) -> bool) -> Summary {
        loop {
            let mut changed = pin!(self.shared.journal.changed.notified());
            changed.as_mut().enable();
            let summary = self.summary();
            if test(&summary) {
                return summary;
            }
            changed.await;
        }
    }

    /// The server-wide defaults.
    #[must_use]
    pub fn defaults(&self) -> Script {
        (*self.shared.defaults()).clone()
    }

    /// Replaces the server-wide defaults.
    pub fn defaults_set(&self, script: Script) {
        self.shared.defaults_set(script);
    }

    /// The latest requests, oldest first.
    #[must_use]
    pub fn kept(&self) -> Vec<Kept> {
        self.shared.kept()
    }
}

impl Shared {
    pub(crate) fn defaults(&self) -> Arc<Script> {
        Arc::clone(&lock(&self.defaults))
    }

    pub(crate) fn defaults_set(&self, script: Script) {
        *lock(&self.defaults) = Arc::new(script);
    }

    /// Begins the journal's entry of a request, and keeps the request if the options say so.
    pub(crate) fn begin(&self, arrival: Arrival<'_>, parts: &request::Parts, body: &Bytes) -> Arc<Record> {
        let record = self.journal.begin(arrival);
        let most = self.options.kept_requests_max;
        if most > 0 {
            let mut kept = lock(&self.kept);
            if kept.len() >= most {
                kept.pop_front();
            }
            kept.push_back((record.order(), parts.clone(), body.clone()));
        }
        record
    }

    pub(crate) fn kept(&self) -> Vec<Kept> {
        lock(&self.kept).iter().filter_map(|(order, parts, body)| kept(*order, parts, body)).collect()
    }

    /// Whether this token of `status_once` is seen for the first time.
    pub(crate) fn first_time(&self, token: &str) -> bool {
        let mut once = lock(&self.once);
        if once.len() >= ONCE_TOKENS_MAX {
            once.clear();
        }
        once.insert(token.into())
    }
}

fn kept(order: u64, parts: &request::Parts, body: &Bytes) -> Option<Kept> {
    let secret = ["authorization", "x-api-key", "x-goog-api-key", "api-key"];
    let headers = parts.headers.iter().filter(|(name, _)| !secret.contains(&name.as_str()));
    let text = String::from_utf8_lossy(body).into_owned();
    // Valid JSON has line ends between its tokens only; without them it fits into one line of JSON Lines.
    let body = RawValue::from_string(text.replace(['\r', '\n'], " ")).or_else(|_| serde_json::value::to_raw_value(&text)).ok()?;
    Some(Kept {
        order,
        path: parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
        headers: headers.map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())).collect(),
        body,
    })
}

/// A holder that panicked leaves whole values: each critical section is one assignment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
