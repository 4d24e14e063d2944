//! The journal: for each request what it asked and what was sent for it. The oracle of the fault tests.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde::Serialize;
use tokio::sync::Notify;

/// Limit: characters kept of a client's request id and of a model's name.
const NAME_CHARS_MAX: usize = 200;

/// The dialect of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// `/v1/chat/completions`
    OpenAi,
    /// `/v1/messages`
    Anthropic,
    /// `/v1beta/models/…`
    Gemini,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// It has not.
    Open,
    /// All of the answer was handed to the connection; the answer may be a scripted error status.
    Completed,
    /// The client left before.
    Cancelled,
    /// The simulator cut the answer as scripted.
    Fault,
    /// The simulator was stopped before.
    Stopped,
}

/// One request, as the journal prints it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Start order, from 1.
    pub order: u64,
    /// The request's `x-client-request-id`.
    pub client_request_id: Option<Box<str>>,
    /// The last four characters of the credential, if one was sent.
    pub key_last4: Option<Box<str>>,
    /// Dialect spoken.
    pub dialect: Dialect,
    /// Model asked for.
    pub model: Arc<str>,
    /// Whether a stream was asked for.
    pub stream: bool,
    /// Bytes of the request's body.
    pub bytes_received: u64,
    /// The answer's status; 0 until its headers were handed to the connection.
    pub status: u16,
    /// Tokens of the request.
    pub input_tokens: u64,
    /// Of these, reported as read from a cache.
    pub cached_tokens: u64,
    /// Of these, reported as written to a cache.
    pub cache_write_tokens: u64,
    /// Tokens handed to the connection so far, reasoning included.
    pub output_tokens: u64,
    /// Of these, reasoning.
    pub reasoning_tokens: u64,
    /// Bytes of the answer's body handed to the connection so far.
    pub bytes_sent: u64,
    /// How it ended.
    pub end: End,
    /// Milliseconds from its arrival to its end; absent while open.
    pub ended_ms: Option<u64>,
}

/// Totals over the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Entries.
    pub requests: u64,
    /// Not ended yet.
    pub open: u64,
    /// Answered in full with a status below 400.
    pub completed: u64,
    /// Answered in full with a status of 400 or more.
    pub refused: u64,
    /// Left by the client.
    pub cancelled: u64,
    /// Cut as scripted.
    pub faulted: u64,
    /// Cut by the end of the simulator.
    pub stopped: u64,
    /// Input tokens of the requests whose answer began with status 200.
    pub input_tokens: u64,
    /// Of these, reported as read from a cache.
    pub cached_tokens: u64,
    /// Of these, reported as written to a cache.
    pub cache_write_tokens: u64,
    /// Output tokens handed to connections, reasoning included.
    pub output_tokens: u64,
    /// Of these, reasoning.
    pub reasoning_tokens: u64,
    /// Entries dropped because the journal was full.
    pub dropped: u64,
}

/// What is known of a request when it arrives.
pub(crate) struct Arrival<'a> {
    pub(crate) client_request_id: Option<&'a str>,
    pub(crate) key_last4: Option<Box<str>>,
    pub(crate) dialect: Dialect,
    pub(crate) model: &'a Arc<str>,
    pub(crate) stream: bool,
    pub(crate) bytes_received: u64,
    pub(crate) input_tokens: u64,
    pub(crate) cached_tokens: u64,
    pub(crate) cache_write_tokens: u64,
    pub(crate) arrived: Instant,
}

/// A live entry: what changes is atomic, so that a stream writes to it without a lock.
pub(crate) struct Record {
    order: u64,
    client_request_id: Option<Box<str>>,
    key_last4: Option<Box<str>>,
    dialect: Dialect,
    model: Arc<str>,
    stream: bool,
    bytes_received: u64,
    input_tokens: u64,
    cached_tokens: u64,
    cache_write_tokens: u64,
    arrived: Instant,
    status: AtomicU16,
    end: AtomicU8,
    output_tokens: AtomicU64,
    reasoning_tokens: AtomicU64,
    bytes_sent: AtomicU64,
    ended_ms: AtomicU64,
}

/// All records, in start order, bounded.
pub(crate) struct Journal {
    rows: Mutex<Rows>,
    entries_max: usize,
    /// Told at every change of a record.
    pub(crate) changed: Notify,
}

#[derive(Default)]
struct Rows {
    records: VecDeque<Arc<Record>>,
    orders: u64,
    dropped: u64,
}

impl Record {
    pub(crate) fn order(&self) -> u64 {
        self.order
    }

    pub(crate) fn client_request_id(&self) -> Option<&str> {
        self.client_request_id.as_deref()
    }

    pub(crate) fn entry(&self) -> Entry {
        let end = End::from_code(self.end.load(Ordering::Acquire));
        Entry {
            order: self.order,
            client_request_id: self.client_request_id.clone(),
            key_last4: self.key_last4.clone(),
            dialect: self.dialect,
            model: Arc::clone(&self.model),
            stream: self.stream,
            bytes_received: self.bytes_received,
            status: self.status.load(Ordering::Relaxed),
            input_tokens: self.input_tokens,
            cached_tokens: self.cached_tokens,
            cache_write_tokens: self.cache_write_tokens,
            output_tokens: self.output_tokens.load(Ordering::Relaxed),
            reasoning_tokens: self.reasoning_tokens.load(Ordering::Relaxed),
            bytes_sent: self.bytes_sent.load(Ordering::Relaxed),
            end,
            ended_ms: (end != End::Open).then(|| self.ended_ms.load(Ordering::Relaxed)),
        }
    }

    pub(crate) fn answered(&self, status: u16) {
        self.status.store(status, Ordering::Relaxed);
    }

    pub(crate) fn sent(&self, output_tokens: u64, reasoning_tokens: u64, bytes: u64) {
        self.output_tokens.fetch_add(output_tokens, Ordering::Relaxed);
        self.reasoning_tokens.fetch_add(reasoning_tokens, Ordering::Relaxed);
        self.bytes_sent.fetch_add(bytes, Ordering::Relaxed);
    }

    /// The first end stands. Only the owner of the request ends it, so a check before the store is enough.
    pub(crate) fn ended(&self, end: End) {
        if self.end.load(Ordering::Relaxed) == End::Open.code() {
            self.ended_ms.store(u64::try_from(self.arrived.elapsed().as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
            self.end.store(end.code(), Ordering::Release);
        }
    }
}

impl Journal {
    pub(crate) fn new(entries_max: usize) -> Self {
        Self { rows: Mutex::default(), entries_max: entries_max.max(1), changed: Notify::new() }
    }

    pub(crate) fn begin(&self, arrival: Arrival<'_>) -> Arc<Record> {
        let mut rows = self.rows();
        rows.orders += 1;
        let record = Arc::new(Record {
            order: rows.orders,
            client_request_id: arrival.client_request_id.map(|id| id.chars().take(NAME_CHARS_MAX).collect()),
            key_last4: arrival.key_last4,
            dialect: arrival.dialect,
            model: short(arrival.model),
            stream: arrival.stream,
            bytes_received: arrival.bytes_received,
            input_tokens: arrival.input_tokens,
            cached_tokens: arrival.cached_tokens,
            cache_write_tokens: arrival.cache_write_tokens,
            arrived: arrival.arrived,
            status: AtomicU16::new(0),
            end: AtomicU8::new(End::Open.code()),
            output_tokens: AtomicU64::new(0),
            reasoning_tokens: AtomicU64::new(0),
            bytes_sent: AtomicU64::new(0),
            ended_ms: AtomicU64::new(0),
        });
        if rows.records.len() >= self.entries_max {
            rows.records.pop_front();
            rows.dropped += 1;
        }
        rows.records.push_back(Arc::clone(&record));
        drop(rows);
        self.changed.notify_waiters();
        record
    }

    pub(crate) fn records(&self) -> Vec<Arc<Record>> {
        self.rows().records.iter().cloned().collect()
    }

    /// Forgets all entries; requests that are open go on unrecorded. Orders go on counting.
    pub(crate) fn clear(&self) {
        let mut rows = self.rows();
        rows.records.clear();
        rows.dropped = 0;
    }

    pub(crate) fn summary(&self) -> Summary {
        let (records, dropped) = {
            let rows = self.rows();
            (rows.records.iter().cloned().collect::<Vec<_>>(), rows.dropped)
        };
        let mut sum = Summary { dropped, ..Summary::default() };
        for entry in records.iter().map(|record| record.entry()) {
            sum.add(&entry);
        }
        sum
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Summary {
    fn add(&mut self, entry: &Entry) {
        self.requests += 1;
        match entry.end {
            End::Open => self.open += 1,
            End::Completed if entry.status >= 400 => self.refused += 1,
            End::Completed => self.completed += 1,
            End::Cancelled => self.cancelled += 1,
            End::Fault => self.faulted += 1,
            End::Stopped => self.stopped += 1,
        }
        if entry.status == 200 {
            self.input_tokens += entry.input_tokens;
            self.cached_tokens += entry.cached_tokens;
            self.cache_write_tokens += entry.cache_write_tokens;
            self.output_tokens += entry.output_tokens;
            self.reasoning_tokens += entry.reasoning_tokens;
        }
    }
}

impl End {
    const fn code(self) -> u8 {
        match self {
            Self::Open => 0,
            Self::Completed => 1,
            Self::Cancelled => 2,
            Self::Fault => 3,
            Self::Stopped => 4,
        }
    }

    const fn from_code(code: u8) -> Self {
        match code {
            1 => Self::Completed,
            2 => Self::Cancelled,
            3 => Self::Fault,
            4 => Self::Stopped,
            _ => Self::Open,
        }
    }
}

fn short(model: &Arc<str>) -> Arc<str> {
    if model.len() <= NAME_CHARS_MAX { Arc::clone(model) } else { model.chars().take(NAME_CHARS_MAX).collect::<String>().into() }
}
