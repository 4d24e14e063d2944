//! How many requests to `/api` a caller may make in a minute: each key or session for itself, and each address ten times
//! as many, so that nobody gets more by making keys up.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use domain::{Code, Fault};
use parking_lot::Mutex;

/// Limit: callers that are counted one by one. While more come within a minute, those share one count.
const CALLERS_MAX: usize = 50_000;
const WINDOW: Duration = Duration::from_secs(60);
/// An address may stand for many people.
pub(crate) const ADDRESS_FACTOR: u32 = 10;

/// SHA-256 of what a caller presents, or of its address.
pub(crate) type CallerHash = [u8; 32];

/// The count of whoever finds no room.
const THE_REST: CallerHash = [0; 32];

/// What is left to a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Left {
    /// Requests of a window.
    pub limit: u32,
    /// Of them, not yet made.
    pub remaining: u32,
    /// Until the window ends.
    pub reset: Duration,
    /// This request is one too many.
    pub over: bool,
}

impl Left {
    /// The refusal.
    pub(crate) fn refusal(self) -> Fault {
        let say = format!("more than {} requests in a minute; wait for `Retry-After`", self.limit);
        let wait_ms = u64::try_from(self.reset.as_millis()).unwrap_or(u64::MAX).max(1);
        Fault::new(Code::RateLimitExceeded, say).retry_after_ms(wait_ms)
    }
}

/// Counts of this process.
#[derive(Debug, Default)]
pub(crate) struct Rates(Mutex<HashMap<CallerHash, (Instant, u32)>>);

impl Rates {
    /// Counts a request.
    pub(crate) fn count(&self, caller: CallerHash, limit: u32, now: Instant) -> Left {
        let mut windows = self.0.lock();
        if windows.len() >= CALLERS_MAX && !windows.contains_key(&caller) {
            windows.retain(|_, (began, _)| now.duration_since(*began) < WINDOW);
        }
        let room = windows.len() < CALLERS_MAX || windows.contains_key(&caller);
        let (began, made) = windows.entry(if room { caller } else { THE_REST }).or_insert((now, 0));
        if now.duration_since(*began) >= WINDOW {
            (*began, *made) = (now, 0);
        }
        *made = made.saturating_add(1);
        let reset = WINDOW.saturating_sub(now.duration_since(*began));
        Left { limit, remaining: limit.saturating_sub(*made), reset, over: *made > limit }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(n: u32) -> CallerHash {
        let mut hash = [9; 32];
        hash[..4].copy_from_slice(&n.to_be_bytes());
        hash
    }

    #[test]
    fn each_caller_has_its_own_minute() {
        let (rates, start) = (Rates::default(), Instant::now());
        for left in [1, 0] {
            let seen = rates.count(caller(1), 2, start);
            assert_eq!((seen.remaining, seen.over), (left, false));
        }
        let late = rates.count(caller(1), 2, start + Duration::from_secs(59));
        assert!(late.over && late.reset == Duration::from_secs(1), "{late:?}");
        assert_eq!(late.refusal().retry_after(), Some(1_000));
        assert!(!rates.count(caller(2), 2, start).over);
        assert!(!rates.count(caller(1), 2, start + WINDOW).over);
    }

    #[test]
    fn memory_is_bounded_and_the_rest_is_limited_together() {
        let (rates, start) = (Rates::default(), Instant::now());
        for n in 0..60_000 {
            rates.count(caller(n), 100, start);
        }
        assert!(rates.0.lock().len() <= CALLERS_MAX + 1);
        assert!(rates.count(caller(70_000), 100, start).over);
        assert!(!rates.count(caller(1), 100, start).over, "who was there before has its own count");
        assert!(!rates.count(caller(70_000), 100, start + WINDOW).over);
    }
}
