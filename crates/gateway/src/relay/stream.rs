//! A streamed answer on its way: forwarded as it comes, its hold extended as it grows, settled before its last byte.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use domain::fault::UpstreamDetail;
use domain::{Code, Fault, Usage};
use http_body::Body as _;
use hyper::body::Incoming;
use llm::passthrough::StreamPass;
use llm::{Bill, Dialect, StreamHead, UpstreamFault};
use tokio::time::Sleep;

use crate::admit::STREAM_STEP_TOKENS;
use crate::attempt::{Served, outward};
use crate::cache::Recorder;
use crate::relay::standing::{STANDING_PERIOD, Standing};
use crate::relay::translate::Translation;
use crate::settle::{Ending, OpenCall};

/// A comment goes out after this long without a byte from the provider.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// After the provider's last event its connection is read to the end in the background, so that it can be used again.
const DRAIN_DEADLINE: Duration = Duration::from_secs(5);

/// The status that an error inside a stream stands for, where the provider does not say.
const STREAM_ERROR_STATUS: u16 = 500;
/// More bytes than any text has per token on average.
const RUNAWAY_BYTES_PER_TOKEN: u64 = 16;

/// What the client asked of its stream.
pub(crate) struct Wishes {
    pub(crate) dialect: Dialect,
    pub(crate) include_usage: bool,
    pub(crate) created: i64,
    pub(crate) recorder: Option<Recorder>,
}

#[expect(clippy::large_enum_variant, reason = "the body that holds it is boxed")]
enum Relay {
    Pass(StreamPass),
    Translate(Box<Translation>),
}

/// The brokers are being asked for more credit and more room in budgets.
struct Refill {
    answer: Pin<Box<dyn Future<Output = Result<(), Fault>> + Send>>,
    /// Output tokens that are covered then.
    covers: u64,
}

/// The body of a streamed answer. Dropping it (the client left) cancels the provider and settles what was received.
pub(crate) struct StreamBody {
    open: OpenCall,
    /// How many tries it took, for errors.
    attempts: u32,
    /// When the first chunk came.
    began: Instant,
    upstream: Option<Incoming>,
    relay: Relay,
    wishes: Wishes,
    first: Option<Bytes>,
    ready: Vec<Bytes>,
    refill: Option<Refill>,
    /// Why there is no more credit; the stream goes on until what is held is used up.
    dry: Option<Fault>,
    /// Bytes and words of output that went to the client.
    released: (u64, u64),
    timer: Pin<Box<Sleep>>,
    last_byte: Instant,
    last_sent: Instant,
    idle: Duration,
    standing: Standing,
    waiting_since: Option<Instant>,
    /// The provider's last event came; the end follows once what came is covered.
    ending: bool,
    over: bool,
}

impl StreamBody {
    pub(crate) fn new(mut open: OpenCall, served: Served, wishes: Wishes) -> Self {
        let Served { response, candidate, restore, passes, attempts, peeked, .. } = served;
        open.seen.upstream_status = response.status().as_u16();
        let now = Instant::now();
        let began = peeked.as_ref().map_or(now, |p| p.at);
        let relay = if passes {
            Relay::Pass(StreamPass::default())
        } else {
            let head = StreamHead { id: format!("chatcmpl-{}", open.id), model: candidate.model.id.to_string(), created: wishes.created };
            Relay::Translate(Box::new(Translation::new(candidate.endpoint.dialect, wishes.dialect, restore, head)))
        };
        let idle = open.gateway().upstream.limits.idle;
        Self {
            open,
            attempts,
            began,
            upstream: Some(response.into_body()),
            relay,
            wishes,
            first: peeked.map(|p| p.chunk),
            ready: Vec::new(),
            refill: None,
            dry: None,
            released: (0, 0),
            timer: Box::pin(tokio::time::sleep(STANDING_PERIOD.min(idle))),
            last_byte: now,
            last_sent: now,
            idle,
            standing: Standing::new(now),
            waiting_since: None,
            ending: false,
            over: false,
        }
    }

    pub(crate) const fn is_over(&self) -> bool {
        self.over && self.ready.is_empty()
    }

    /// The next bytes for the client.
    pub(crate) fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let this = &mut *self;
        loop {
            if !this.is_uncovered()
                && let Some(bytes) = this.take_ready()
            {
                this.last_sent = Instant::now();
                return Poll::Ready(Some(bytes));
            }
            if this.over {
                return Poll::Ready(None);
            }
            this.poll_refill(cx);
            if this.is_uncovered() {
                if this.refill.is_some() {
                    return this.poll_silence(cx);
                }
                this.cover_or_fail();
                continue;
            }
            if this.ending {
                this.ending = false;
                this.finished();
                continue;
            }
            let next = match this.first.take() {
                Some(chunk) => Poll::Ready(Some(Ok(chunk))),
                None => this.poll_upstream(cx),
            };
            match next {
                Poll::Ready(Some(Ok(chunk))) => this.received(chunk),
                Poll::Ready(Some(Err(fault))) => this.fail(fault),
                Poll::Ready(None) => this.finished(),
                Poll::Pending => return this.poll_silence(cx),
            }
        }
    }

    fn take_ready(&mut self) -> Option<Bytes> {
        self.released = (self.open.seen.text_bytes, self.open.seen.words);
        let bytes = match self.ready.len() {
            0 => return None,
            1 => self.ready.pop()?,
            _ => Bytes::from(std::mem::take(&mut self.ready).concat()),
        };
        Some(bytes)
    }

    fn poll_upstream(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Fault>>> {
        let Some(upstream) = &mut self.upstream else { return Poll::Ready(None) };
        loop {
            let polled = Pin::new(&mut *upstream).poll_frame(cx);
            if polled.is_pending() {
                self.waiting_since.get_or_insert_with(Instant::now);
                return Poll::Pending;
            }
            if let Some(since) = self.waiting_since.take() {
                self.open.upstream_us += u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX);
            }
            match ready!(polled) {
                None => return Poll::Ready(None),
                Some(Err(error)) => {
                    let say = "the provider broke its stream off; what came until then was billed";
                    return Poll::Ready(Some(Err(Fault::new(Code::UpstreamError, say).because(error))));
                }
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Poll::Ready(Some(Ok(data)));
                    }
                }
            }
        }
    }

    /// Sends a comment after a silence; gives up on a provider that is silent for too long, and on a caller that may not
    /// call any more.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            if let Some(refusal) = self.standing.poll_refusal(cx) {
                self.dismiss(refusal);
                return Poll::Ready(self.take_ready());
            }
            ready!(self.timer.as_mut().poll(cx));
            let now = Instant::now();
            let (quiet, unsent) = (now.duration_since(self.last_byte), now.duration_since(self.last_sent));
            if quiet >= self.idle {
                let fault = Fault::new(
                    Code::UpstreamTimeout,
                    "the provider fell silent in the middle of its stream; what came until then was billed",
                );
                self.fail(fault);
                return Poll::Ready(self.take_ready());
            }
            self.standing.look(&self.open, now);
            let due = unsent >= KEEP_ALIVE;
            let comment = if due { KEEP_ALIVE } else { KEEP_ALIVE.saturating_sub(unsent) };
            let wait = comment.min(self.idle.saturating_sub(quiet)).min(self.standing.due_in(now));
            self.timer.as_mut().reset(tokio::time::Instant::now() + wait);
            if due {
                self.last_sent = now;
                return Poll::Ready(Some(Bytes::from_static(self.wishes.dialect.codec().keep_alive())));
            }
        }
    }

    fn received(&mut self, chunk: Bytes) {
        self.last_byte = Instant::now();
        if let Err(fault) = self.relayed(chunk) {
            return self.fail(fault);
        }
        if self.open.seen.first_token.is_none() && self.open.seen.text_bytes > 0 {
            self.open.seen.first_token = Some(self.began.max(self.last_byte));
        }
        if self.is_runaway() {
            let say = "the provider goes on beyond the output limit; the stream was ended, and the limit was billed";
            return self.fail(Fault::new(Code::UpstreamInvalidResponse, say));
        }
        if let Some(recorder) = &mut self.wishes.recorder {
            recorder.add(&self.ready);
        }
        self.extend();
        if matches!(&self.relay, Relay::Pass(pass) if pass.done) {
            self.ending = true;
            return;
        }
        self.open.progress();
    }

    /// Puts what the client gets for a chunk into `ready`, and what is seen of it into `seen`.
    fn relayed(&mut self, chunk: Bytes) -> Result<(), Fault> {
        let said = match &mut self.relay {
            Relay::Pass(pass) => {
                let pushed = pass.push(chunk, &mut self.ready);
                let seen = &mut self.open.seen;
                (seen.text_bytes, seen.words) = (pass.scan.text_bytes, pass.scan.words);
                seen.usage = pass.scan.usage.or(seen.usage);
                if pushed.is_err() {
                    let say = "the provider sent an event that cannot be read; what came until then was billed";
                    return Err(Fault::new(Code::UpstreamInvalidResponse, say));
                }
                pass.error.take().map(|error| Dialect::OpenAiChat.codec().fault_read(STREAM_ERROR_STATUS, &error))
            }
            Relay::Translate(translation) => {
                let mut out = Vec::new();
                let pushed = translation.push(chunk, &mut self.open.seen, &mut out);
                if !out.is_empty() {
                    self.ready.push(out.into());
                }
                pushed.err()
            }
        };
        said.map_or(Ok(()), |said| Err(self.outward(said)))
    }

    fn outward(&self, said: UpstreamFault) -> Fault {
        self.open.candidate.as_ref().map_or_else(|| Fault::internal("read a stream", "no candidate"), |c| outward(said, c))
    }

    fn provider(&self) -> &str {
        self.open.candidate.as_ref().map_or("", |candidate| &candidate.deployment.provider.id)
    }

    /// The provider does not keep to the limit that it was given. (Text has at least a few bytes per token.)
    fn is_runaway(&self) -> bool {
        let Some(candidate) = &self.open.candidate else { return false };
        let tokens = match candidate.model.tokenizer {
            catalog::Tokenizer::Sim => self.open.seen.words,
            catalog::Tokenizer::Bytes => self.open.seen.text_bytes / RUNAWAY_BYTES_PER_TOKEN,
        };
        tokens > candidate.output_max.saturating_add(STREAM_STEP_TOKENS)
    }

    /// Output so far, as it bounds what is billed: bytes bound the tokens of every byte-level tokenizer, words are the
    /// simulated provider's tokens.
    fn written(&self) -> u64 {
        match self.open.candidate.as_ref().map(|candidate| candidate.model.tokenizer) {
            Some(catalog::Tokenizer::Sim) => self.open.seen.words,
            _ => self.open.seen.text_bytes,
        }
    }

    /// More was received than the hold covers: it waits here until it does.
    fn is_uncovered(&self) -> bool {
        let most = self.open.candidate.as_ref().map_or(u64::MAX, |candidate| candidate.output_max);
        !self.over && self.open.is_held() && self.open.covered < most && self.written() > self.open.covered
    }

    /// Keeps the hold ahead of the output: it is extended when less than half a step is left, so that the broker has
    /// answered before the step is used up.
    fn extend(&mut self) {
        let ahead = self.written().saturating_add(STREAM_STEP_TOKENS / 2);
        let Some(candidate) = &self.open.candidate else { return };
        if self.refill.is_some() || self.dry.is_some() || ahead <= self.open.covered || self.open.covered >= candidate.output_max {
            return;
        }
        let covers = ahead.saturating_add(STREAM_STEP_TOKENS).min(candidate.output_max);
        if self.open.is_held() && !self.open.cover(covers) {
            self.ask(covers);
        }
    }

    fn ask(&mut self, covers: u64) {
        self.refill = Some(Refill { answer: Box::pin(self.open.refill(covers)), covers });
    }

    fn poll_refill(&mut self, cx: &mut Context<'_>) {
        let Some(refill) = &mut self.refill else { return };
        let Poll::Ready(answered) = refill.answer.as_mut().poll(cx) else { return };
        let covers = refill.covers;
        self.refill = None;
        match answered {
            Err(fault) => self.dry = Some(fault),
            Ok(()) if self.open.cover(covers) => {}
            // Others took what was leased: it is asked for again. Its first poll is the next turn of the loop.
            Ok(()) => {
                self.ask(covers);
                cx.waker().wake_by_ref();
            }
        }
    }

    /// The hold is used up and the broker has said its last word: takes what the lease has free, and ends the stream if
    /// that is not enough. What was not delivered is not billed.
    fn cover_or_fail(&mut self) {
        let Some(candidate) = &self.open.candidate else { return };
        let (written, most) = (self.written(), candidate.output_max);
        if self.open.cover(written.min(most)) {
            self.open.covered = written;
            return;
        }
        let fault = self.dry.take().unwrap_or_else(|| Fault::internal("extend a hold", "no answer of the broker"));
        (self.open.seen.text_bytes, self.open.seen.words) = self.released;
        self.open.seen.usage = None;
        self.ready.clear();
        self.fail(fault);
    }

    /// The provider's last byte came, or its last event.
    fn finished(&mut self) {
        let mut out = Vec::new();
        let said = match &mut self.relay {
            Relay::Pass(pass) if pass.done || pass.scan.finish.is_some() => {
                let seen = &mut self.open.seen;
                seen.finish = pass.scan.finish.take();
                seen.upstream_id.clone_from(&pass.scan.id);
                None
            }
            Relay::Pass(_) => {
                let say = "the provider ended its stream without an end; what came until then was billed";
                return self.fail(Fault::new(Code::UpstreamError, say));
            }
            Relay::Translate(translation) => translation.finish(&mut self.open.seen, &mut out).err(),
        };
        if !out.is_empty() {
            let out = [Bytes::from(out)];
            if let Some(recorder) = &mut self.wishes.recorder {
                recorder.add(&out);
            }
            self.ready.extend(out);
        }
        match said {
            None => self.end(),
            Some(said) => {
                let fault = self.outward(said);
                self.fail(fault);
            }
        }
    }

    fn end(&mut self) {
        self.open.seen.complete = true;
        let usage = self.open.usage_so_far();
        let bill = self.open.settle(Ending::Done);
        if let Some(recorder) = self.wishes.recorder.take() {
            let whole = match &self.relay {
                Relay::Pass(_) => matches!(self.open.seen.finish.as_deref(), Some("stop" | "tool_calls")),
                Relay::Translate(translation) => translation.is_whole(),
            };
            if whole {
                recorder.keep(self.open.gateway(), &usage);
            }
        }
        let end = self.end_bytes(&usage, bill);
        self.ready.push(end.into());
        self.leave();
        self.over = true;
    }

    fn end_bytes(&mut self, usage: &Usage, bill: Bill) -> Vec<u8> {
        match &mut self.relay {
            Relay::Pass(pass) => {
                let model = self.open.candidate.as_ref().map_or("", |c| &*c.model.id);
                pass.end(usage, (bill.cost, bill.charged), self.wishes.include_usage, model, self.wishes.created)
            }
            Relay::Translate(translation) => {
                let mut out = Vec::new();
                translation.end(usage, &bill, self.wishes.include_usage, &mut out);
                out
            }
        }
    }

    /// An error event, never a clean finish.
    fn fail(&mut self, fault: Fault) {
        let detail = fault.upstream_detail().cloned().unwrap_or_default();
        let fault = fault.upstream(UpstreamDetail { provider: self.provider().to_owned(), attempts: self.attempts, ..detail });
        let code = fault.code();
        tracing::warn!(code = code.as_str(), call.id = %self.open.id, cause = fault.chain(), "a stream failed after it began");
        self.open.settle(Ending::Failed(code));
        self.break_off(&fault);
    }

    /// The key was revoked or its time is over: the call ends as if the client had left.
    fn dismiss(&mut self, refusal: Fault) {
        tracing::info!(code = refusal.code().as_str(), call.id = %self.open.id, "a stream was ended: its caller may not call any more");
        self.open.settle(Ending::Cancelled);
        self.break_off(&refusal);
    }

    fn break_off(&mut self, fault: &Fault) {
        self.refill = None;
        self.upstream = None;
        let status = service::http_status::of(fault.code()).as_u16();
        let id = self.open.id.to_string();
        let mut out = Vec::new();
        match &mut self.relay {
            Relay::Pass(_) => {
                let head = StreamHead { id: id.clone(), model: String::new(), created: self.wishes.created };
                Dialect::OpenAiChat.codec().stream_writer(head).error(status, fault, &id, &mut out);
            }
            Relay::Translate(translation) => translation.error(status, fault, &id, &mut out),
        }
        self.ready.push(out.into());
        self.over = true;
    }

    /// Reads the rest of the provider's connection in the background, so that it goes back to the pool.
    fn leave(&mut self) {
        let Some(mut upstream) = self.upstream.take() else { return };
        if upstream.is_end_stream() {
            return;
        }
        tokio::spawn(async move {
            let rest = async { while let Some(Ok(_)) = http_body_util::BodyExt::frame(&mut upstream).await {} };
            // Past the deadline the connection is dropped, which is all that is left to do.
            let _ = tokio::time::timeout(DRAIN_DEADLINE, rest).await;
        });
    }
}
