//! The body of an answer: hands bytes to the connection, at the pace and with the faults of the script, and writes
//! each hand-over into the journal.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

use crate::answer::Answer;
use crate::conn::Control;
use crate::journal::{Dialect, End, Record};
use crate::script::{Fault, Newline, Script};
use crate::steps::{Said, Step, Steps};
use crate::{Shared, anthropic, gemini, openai};

/// Owns a record and ends it however the request ends.
pub(crate) struct Tracker {
    record: Arc<Record>,
    shared: Arc<Shared>,
}

/// The body of every response.
pub(crate) enum Reply {
    /// Of the simulator's own pages.
    Page(Option<Bytes>),
    /// Piece by piece, made on demand.
    Pages(Box<dyn Iterator<Item = Bytes> + Send + Sync>),
    /// An answer, or an error in its place.
    Sending(Box<Sending>),
}

/// An answer on its way.
pub(crate) struct Sending {
    tracker: Tracker,
    control: Arc<Control>,
    /// Bytes to hand over next, and what they say.
    queue: Bytes,
    queue_said: Said,
    split: usize,
    /// Wait before anything else is handed over.
    pause: Option<Pin<Box<Sleep>>>,
    /// Let the connection flush before going on.
    breathe: bool,
    /// What happens when the queue is empty; `None`: the source is asked.
    last: Option<Last>,
    source: Option<Source>,
    declared_bytes: Option<u64>,
}

/// How an answer ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Last {
    /// Properly, as far as HTTP goes.
    Whole(End),
    /// The connection is closed before the announced end.
    Close,
    /// The connection is reset.
    Reset,
    /// Nothing more comes.
    Stall,
}

/// Where a stream's bytes come from.
struct Source {
    dialect: Dialect,
    answer: Answer,
    head: String,
    steps: Steps,
    said: Said,
    gap: Duration,
    begun: bool,
    newline: Newline,
    strike: Option<(u64, Strike)>,
    spoil_next: bool,
    padding: usize,
    done: bool,
}

#[derive(Clone, Copy)]
enum Strike {
    Last(Last),
    ErrorEvent,
}

impl Tracker {
    pub(crate) fn new(record: Arc<Record>, shared: Arc<Shared>) -> Self {
        Self { record, shared }
    }

    pub(crate) fn answered(&self, status: u16) {
        self.record.answered(status);
        self.shared.journal.changed.notify_waiters();
    }

    pub(crate) fn end(&self, end: End) {
        self.record.ended(end);
        self.shared.journal.changed.notify_waiters();
    }

    fn sent(&self, said: Said, bytes: usize) {
        self.record.sent(said.output, said.reasoning, u64::try_from(bytes).unwrap_or(u64::MAX));
        self.shared.journal.changed.notify_waiters();
    }
}

impl Drop for Tracker {
    fn drop(&mut self) {
        let stopping = self.shared.stopping.load(Ordering::Relaxed);
        self.end(if stopping { End::Stopped } else { End::Cancelled });
    }
}

impl Sending {
    /// A body that is known whole. `said` counts when its first byte is handed over.
    pub(crate) fn plain(tracker: Tracker, control: Arc<Control>, bytes: Bytes, said: Said, script: &Script) -> Self {
        let len = bytes.len();
        let half = bytes.slice(..len / 2);
        let (queue, last) = match &script.fault {
            Some(Fault::ResetAfter(_)) => (half, Last::Reset),
            Some(Fault::StallAfter(_)) => (half, Last::Stall),
            Some(Fault::Truncate) => (bytes, Last::Close),
            _ => (bytes, Last::Whole(End::Completed)),
        };
        Self {
            tracker,
            control,
            queue,
            queue_said: said,
            split: 0,
            pause: pause(script.first_ms),
            breathe: false,
            last: Some(last),
            source: None,
            declared_bytes: if last == Last::Close { None } else { u64::try_from(len).ok() },
        }
    }

    /// A stream of server-sent events.
    pub(crate) fn stream(tracker: Tracker, control: Arc<Control>, dialect: Dialect, answer: Answer, script: &Script) -> Self {
        Self {
            tracker,
            control,
            queue: Bytes::new(),
            queue_said: Said::default(),
            split: script.split.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(0),
            pause: pause(script.first_ms),
            breathe: false,
            last: None,
            source: Some(Source::new(dialect, answer, script)),
            declared_bytes: None,
        }
    }

    /// Hands over the next piece of the queue.
    fn hand_over(&mut self) -> Bytes {
        let piece = if self.split > 0 && self.split < self.queue.len() {
            self.breathe = true;
            self.queue.split_to(self.split)
        } else {
            std::mem::take(&mut self.queue)
        };
        self.tracker.sent(std::mem::take(&mut self.queue_said), piece.len());
        match self.last {
            Some(Last::Whole(end)) if self.queue.is_empty() => self.tracker.end(end),
            // What was handed over must leave before the connection is cut.
            Some(Last::Close | Last::Reset) => self.breathe = true,
            _ => {}
        }
        piece
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        loop {
            if let Some(pause) = self.pause.as_mut() {
                ready!(pause.as_mut().poll(cx));
                self.pause = None;
            }
            if std::mem::take(&mut self.breathe) {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if !self.queue.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(self.hand_over()))));
            }
            match (self.last, self.source.as_mut()) {
                (Some(Last::Whole(end)), _) => {
                    self.tracker.end(end);
                    return Poll::Ready(None);
                }
                (Some(Last::Stall), _) => return Poll::Pending,
                (Some(Last::Reset), _) => {
                    self.control.reset();
                    return self.cut();
                }
                (Some(Last::Close), _) => return self.cut(),
                (None, Some(source)) => {
                    let before = source.said;
                    let gap = source.begun && !source.gap.is_zero();
                    let (bytes, last) = source.fill();
                    self.queue = bytes;
                    self.queue_said = source.said.since(before);
                    self.last = last;
                    self.pause = gap.then(|| Box::pin(tokio::time::sleep(source.gap)));
                    // With nothing to hand over, the headers at least must leave before a cut.
                    self.breathe = self.queue.is_empty();
                }
                (None, None) => return Poll::Ready(None),
            }
        }
    }

    fn cut(&self) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.tracker.end(End::Fault);
        Poll::Ready(Some(Err(io::Error::new(io::ErrorKind::ConnectionAborted, "cut as scripted"))))
    }
}

impl Source {
    fn new(dialect: Dialect, answer: Answer, script: &Script) -> Self {
        let head = if dialect == Dialect::OpenAi { openai::head(&answer) } else { String::new() };
        let steps = Steps::new(dialect != Dialect::Gemini);
        let strike = match script.fault {
            Some(Fault::ResetAfter(chunk)) => Some((chunk, Strike::Last(Last::Reset))),
            Some(Fault::StallAfter(chunk)) => Some((chunk, Strike::Last(Last::Stall))),
            Some(Fault::ErrorEventAfter(chunk)) => Some((chunk, Strike::ErrorEvent)),
            Some(Fault::Truncate) => Some((steps.content_total(&answer) / 2, Strike::Last(Last::Close))),
            _ => None,
        };
        let padding = match script.fault {
            Some(Fault::BigEvent(bytes)) => usize::try_from(bytes).unwrap_or(0),
            _ => 0,
        };
        Self {
            dialect,
            head,
            steps,
            said: Said::default(),
            gap: Duration::from_millis(script.gap_ms.unwrap_or(0)),
            begun: false,
            newline: script.newline.unwrap_or(Newline::Lf),
            strike,
            spoil_next: script.fault == Some(Fault::BadJson),
            padding,
            done: script.fault != Some(Fault::NoDone),
            answer,
        }
    }

    /// The next events, up to and with the next content chunk, and how the stream ends if it does so after them.
    fn fill(&mut self) -> (Bytes, Option<Last>) {
        let mut out = Vec::with_capacity(512);
        self.begun = true;
        let last = loop {
            if let Some(last) = self.strike(&mut out) {
                break Some(last);
            }
            if self.padding > 0 && self.steps.opened(&self.answer) {
                let bytes = std::mem::take(&mut self.padding);
                match self.dialect {
                    Dialect::OpenAi => openai::padding(&self.head, bytes, &mut out),
                    Dialect::Anthropic => anthropic::padding(bytes, &mut out),
                    Dialect::Gemini => gemini::padding(bytes, &mut out),
                }
            }
            let sent = self.steps.content_sent();
            if !self.step(&mut out) {
                break Some(Last::Whole(End::Completed));
            }
            let content = self.steps.content_sent() > sent;
            if content && std::mem::take(&mut self.spoil_next) {
                spoil(&mut out);
            }
            if content && self.steps.content_sent() < self.steps.content_total(&self.answer) {
                break None;
            }
        };
        self.said = self.steps.said();
        (with_newlines(out, self.newline).into(), last)
    }

    /// The scripted fault, if this is its place.
    fn strike(&self, out: &mut Vec<u8>) -> Option<Last> {
        let (chunk, strike) = self.strike?;
        if !self.steps.opened(&self.answer) || self.steps.content_sent() != chunk {
            return None;
        }
        match strike {
            Strike::Last(last) => Some(last),
            Strike::ErrorEvent => {
                match self.dialect {
                    Dialect::OpenAi => openai::error_event(out),
                    Dialect::Anthropic => anthropic::error_event(out),
                    Dialect::Gemini => gemini::error_event(out),
                }
                Some(Last::Whole(End::Fault))
            }
        }
    }

    /// Writes the next step; `false` when there is none.
    fn step(&mut self, out: &mut Vec<u8>) -> bool {
        let Some(step) = self.steps.next(&self.answer) else { return false };
        let terminator = match self.dialect {
            Dialect::OpenAi | Dialect::Anthropic => matches!(step, Step::Done),
            Dialect::Gemini => matches!(step, Step::Finish { .. }),
        };
        if terminator && !self.done {
            return true;
        }
        match self.dialect {
            Dialect::OpenAi => openai::render(&self.answer, &self.head, &step, out),
            Dialect::Anthropic => anthropic::render(&self.answer, &step, out),
            Dialect::Gemini => gemini::render(&self.answer, &step, self.steps.said(), out),
        }
        true
    }
}

impl Said {
    fn since(self, before: Self) -> Self {
        Self { output: self.output - before.output, reasoning: self.reasoning - before.reasoning }
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.get_mut() {
            Self::Page(page) => Poll::Ready(page.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Pages(pages) => Poll::Ready(pages.next().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Sending(sending) => sending.poll(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Page(page) => page.is_none(),
            Self::Pages(_) => false,
            Self::Sending(sending) => sending.queue.is_empty() && matches!(sending.last, Some(Last::Whole(_))),
        }
    }

    fn size_hint(&self) -> SizeHint {
        let exact = match self {
            Self::Page(page) => page.as_ref().map_or(Some(0), |bytes| u64::try_from(bytes.len()).ok()),
            Self::Pages(_) => None,
            Self::Sending(sending) => sending.declared_bytes,
        };
        exact.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

fn pause(ms: Option<u64>) -> Option<Pin<Box<Sleep>>> {
    let ms = ms.filter(|ms| *ms > 0)?;
    Some(Box::pin(tokio::time::sleep(Duration::from_millis(ms))))
}

/// Takes the closing brace from the last event.
fn spoil(out: &mut Vec<u8>) {
    out.truncate(out.len().saturating_sub(3));
    out.extend_from_slice(b"\n\n");
}

/// Compact JSON holds no line end: each one in `out` is one of the framing.
fn with_newlines(out: Vec<u8>, newline: Newline) -> Vec<u8> {
    match newline {
        Newline::Lf => out,
        Newline::Cr => out.into_iter().map(|byte| if byte == b'\n' { b'\r' } else { byte }).collect(),
        Newline::Crlf => {
            let mut long = Vec::with_capacity(out.len() + 16);
            for byte in out {
                if byte == b'\n' {
                    long.push(b'\r');
                }
                long.push(byte);
            }
            long
        }
    }
}
