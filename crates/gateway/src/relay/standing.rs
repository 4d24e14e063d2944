//! Whether the caller of a stream that is under way may still call. It is asked from time to time, and never per event.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use domain::Fault;

use crate::settle::OpenCall;

/// How often the directory is asked. With the feed's period and the directory's deadline it is less than 5 seconds until the
/// streams of a revoked key have ended.
pub(crate) const STANDING_PERIOD: Duration = Duration::from_secs(2);

/// What is known of it.
pub(crate) struct Standing {
    asked: Instant,
    answer: Option<Pin<Box<dyn Future<Output = Option<Fault>> + Send>>>,
}

impl Standing {
    /// A caller that was let in just now.
    pub(crate) const fn new(now: Instant) -> Self {
        Self { asked: now, answer: None }
    }

    /// How long it is until the next look.
    pub(crate) fn due_in(&self, now: Instant) -> Duration {
        STANDING_PERIOD.saturating_sub(now.duration_since(self.asked))
    }

    /// Asks the directory, if it is time: from memory for all streams whose key did not change.
    pub(crate) fn look(&mut self, open: &OpenCall, now: Instant) {
        if self.answer.is_some() || !self.due_in(now).is_zero() {
            return;
        }
        self.asked = now;
        let directory = Arc::clone(&open.gateway().directory);
        let caller = Arc::clone(&open.caller);
        self.answer = Some(Box::pin(async move { directory.refusal(&caller, service::clock::now()).await }));
    }

    /// Why the caller may not go on, once that is known.
    pub(crate) fn poll_refusal(&mut self, cx: &mut Context<'_>) -> Option<Fault> {
        let Poll::Ready(refusal) = self.answer.as_mut()?.as_mut().poll(cx) else { return None };
        self.answer = None;
        refusal
    }
}
