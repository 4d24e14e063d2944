//! Rate limits: requests and tokens per minute, and calls at once, of keys and of what is above them.
//!
//! Requests and tokens are buckets that hold one minute's worth and refill evenly, so that a refused caller can be told
//! exactly when its next call fits.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use domain::{OrganizationId, UnixMicros};
use parking_lot::Mutex;
use uuid::Uuid;

const MICROS_PER_MINUTE: u64 = 60_000_000;
const SHARDS: usize = 16;
/// Limit: counters followed at once per shard; beyond it, those with full buckets are forgotten (forgetting one changes nothing).
const COUNTERS_PER_SHARD_MAX: usize = 65_536;

/// What a call wants of one counter. `None` is unlimited.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted {
    /// Requests per minute.
    pub rpm: Option<u32>,
    /// Tokens per minute.
    pub tpm: Option<u32>,
    /// Calls at once.
    pub concurrency: Option<u32>,
    /// Tokens that the call is expected to take.
    pub tokens: u64,
}

/// What is left after a call was let in; for the `x-ratelimit-*` headers.
#[derive(Debug, Clone, Default)]
pub struct Allowance {
    /// Requests left in the bucket, and its size.
    pub requests: Option<(u64, u32)>,
    /// Tokens left in the bucket, and its size.
    pub tokens: Option<(u64, u32)>,
    slots: Vec<Slot>,
}

/// The limit that refused a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// The counter that is exhausted.
    pub counter: Uuid,
    /// `requests per minute`, `tokens per minute` or `calls at once`.
    pub what: &'static str,
    /// The limit.
    pub limit: u32,
    /// Milliseconds until the same call fits, if nothing else is taken.
    pub retry_after_ms: u64,
}

/// One call's place among those of a counter; freed when dropped.
#[derive(Debug, Clone)]
struct Slot(#[expect(dead_code, reason = "held for its drop")] Arc<SlotInner>);

#[derive(Debug)]
struct SlotInner(Arc<AtomicU32>);

impl Drop for SlotInner {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Allowance {
    /// True while the call counts among somebody's calls at once.
    pub fn holds_slot(&self) -> bool {
        !self.slots.is_empty()
    }
}

/// A bucket's fill, in millionths of a minute's worth per limit: integer micros × limit.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// Tokens × `MICROS_PER_MINUTE`, so that refilling is exact.
    fill: u64,
    at: UnixMicros,
}

impl Bucket {
    fn full(limit: u32, now: UnixMicros) -> Self {
        Self { fill: u64::from(limit) * MICROS_PER_MINUTE, at: now }
    }

    fn refill(&mut self, limit: u32, now: UnixMicros) {
        let passed = u64::try_from(now.since(self.at)).unwrap_or(0).min(MICROS_PER_MINUTE);
        let most = u64::from(limit) * MICROS_PER_MINUTE;
        self.fill = self.fill.saturating_add(passed * u64::from(limit)).min(most);
        self.at = now;
    }

    /// Milliseconds until `amount` is there.
    fn wait_ms(&self, amount: u64, limit: u32) -> u64 {
        let missing = (amount * MICROS_PER_MINUTE).saturating_sub(self.fill);
        missing.div_ceil(u64::from(limit).max(1)).div_ceil(1_000).max(1)
    }
}

#[derive(Debug, Default)]
struct Counter {
    requests: Option<Bucket>,
    tokens: Option<Bucket>,
    at_once: Arc<AtomicU32>,
}

type Shard = HashMap<Uuid, Counter>;

/// The limiter. All counters of an organization are in one shard, so that a call takes from several under one lock.
pub struct Limiter(Backend);

enum Backend {
    Memory(Vec<Mutex<Shard>>),
}

impl Limiter {
    /// In this process.
    pub fn memory() -> Self {
        Self(Backend::Memory((0..SHARDS).map(|_| Mutex::new(HashMap::new())).collect()))
    }

    /// Takes what the call wants from every limit of every counter, or nothing from any. What is left is told of the limit that is
    /// nearest.
    pub fn take(&self, organization: OrganizationId, wants: &[(Uuid, Wanted)], now: UnixMicros) -> Result<Allowance, Refused> {
        let mut allowance = Allowance::default();
        if wants.is_empty() {
            return Ok(allowance);
        }
        let mut shard = self.shard(organization).lock();
        for (id, wanted) in wants {
            if shard.len() >= COUNTERS_PER_SHARD_MAX && !shard.contains_key(id) {
                shard.retain(|_, counter| !counter.idle(now));
            }
            let (requests, tokens) = shard.entry(*id).or_default().check(*id, wanted, now)?;
            allowance.requests = nearest(allowance.requests, requests);
            allowance.tokens = nearest(allowance.tokens, tokens);
        }
        for (id, wanted) in wants {
            allowance.slots.extend(shard.get_mut(id).and_then(|counter| counter.take(wanted)));
        }
        Ok(allowance)
    }

    /// Corrects a token bucket once the true count is known: positive `more` takes, negative gives back.
    pub fn correct_tokens(&self, organization: OrganizationId, id: Uuid, tpm: u32, more: i64) {
        let mut shard = self.shard(organization).lock();
        if let Some(bucket) = shard.get_mut(&id).and_then(|counter| counter.tokens.as_mut()) {
            let amount = more.unsigned_abs().saturating_mul(MICROS_PER_MINUTE);
            bucket.fill = if more > 0 {
                bucket.fill.saturating_sub(amount)
            } else {
                bucket.fill.saturating_add(amount).min(u64::from(tpm) * MICROS_PER_MINUTE)
            };
        }
    }

    fn shard(&self, organization: OrganizationId) -> &Mutex<Shard> {
        let Backend::Memory(shards) = &self.0;
        &shards[usize::from(organization.uuid().as_bytes()[15]) % SHARDS]
    }
}

/// What is left of a bucket, and its size.
type Left = Option<(u64, u32)>;

fn nearest(one: Left, other: Left) -> Left {
    one.into_iter().chain(other).min()
}

impl Counter {
    fn idle(&self, now: UnixMicros) -> bool {
        let rested = |bucket: &Option<Bucket>| bucket.is_none_or(|b| now.since(b.at) >= 60_000_000);
        self.at_once.load(Ordering::Acquire) == 0 && rested(&self.requests) && rested(&self.tokens)
    }

    /// What would be left after the call, or the limit that it does not fit.
    fn check(&mut self, counter: Uuid, wanted: &Wanted, now: UnixMicros) -> Result<(Left, Left), Refused> {
        let requests = check(counter, &mut self.requests, wanted.rpm, 1, now, "requests per minute")?;
        let tokens = check(counter, &mut self.tokens, wanted.tpm, wanted.tokens_taken(), now, "tokens per minute")?;
        if let Some(limit) = wanted.concurrency
            && self.at_once.load(Ordering::Acquire) >= limit
        {
            return Err(Refused { counter, what: "calls at once", limit, retry_after_ms: 1_000 });
        }
        Ok((requests, tokens))
    }

    /// Takes what was checked under the same lock.
    fn take(&mut self, wanted: &Wanted) -> Option<Slot> {
        if let Some(bucket) = self.requests.as_mut().filter(|_| wanted.rpm.is_some()) {
            bucket.fill = bucket.fill.saturating_sub(MICROS_PER_MINUTE);
        }
        if let Some(bucket) = self.tokens.as_mut().filter(|_| wanted.tpm.is_some()) {
            bucket.fill = bucket.fill.saturating_sub(wanted.tokens_taken() * MICROS_PER_MINUTE);
        }
        wanted.concurrency.map(|_| {
            self.at_once.fetch_add(1, Ordering::AcqRel);
            Slot(Arc::new(SlotInner(self.at_once.clone())))
        })
    }
}

impl Wanted {
    /// A call larger than a minute's worth could never fit; it waits for a full bucket instead.
    fn tokens_taken(&self) -> u64 {
        self.tpm.map_or(0, |limit| self.tokens.min(u64::from(limit)))
    }
}

/// What would be left of a bucket after `amount`, or when it fits.
fn check(
    counter: Uuid,
    bucket: &mut Option<Bucket>,
    limit: Option<u32>,
    amount: u64,
    now: UnixMicros,
    what: &'static str,
) -> Result<Left, Refused> {
    let Some(limit) = limit else { return Ok(None) };
    let bucket = bucket.get_or_insert_with(|| Bucket::full(limit, now));
    bucket.refill(limit, now);
    let need = amount.max(u64::from(limit == 0)) * MICROS_PER_MINUTE;
    if bucket.fill < need {
        return Err(Refused { counter, what, limit, retry_after_ms: bucket.wait_ms(amount, limit) });
    }
    Ok(Some(((bucket.fill - need) / MICROS_PER_MINUTE, limit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Uuid = Uuid::from_u128(1);

    fn organization() -> OrganizationId {
        OrganizationId::from_uuid(Uuid::from_u128(7))
    }

    fn take(limiter: &Limiter, wanted: &Wanted, now: UnixMicros) -> Result<Allowance, Refused> {
        limiter.take(organization(), &[(ONE, *wanted)], now)
    }

    fn at(ms: i64) -> UnixMicros {
        UnixMicros(ms * 1_000)
    }

    #[test]
    fn requests_refill_evenly_and_the_wait_is_exact() {
        let limiter = Limiter::memory();
        let wanted = Wanted { rpm: Some(2), ..Wanted::default() };
        assert_eq!(take(&limiter, &wanted, at(0)).unwrap().requests, Some((1, 2)));
        assert_eq!(take(&limiter, &wanted, at(0)).unwrap().requests, Some((0, 2)));
        let refused = take(&limiter, &wanted, at(0)).unwrap_err();
        assert_eq!((refused.what, refused.limit, refused.retry_after_ms), ("requests per minute", 2, 30_000));
        assert!(take(&limiter, &wanted, at(29_999)).is_err());
        assert!(take(&limiter, &wanted, at(30_000)).is_ok());
    }

    #[test]
    fn a_refusal_by_one_limit_takes_nothing_from_the_others() {
        let limiter = Limiter::memory();
        let wanted = Wanted { rpm: Some(10), tpm: Some(100), tokens: 60, ..Wanted::default() };
        take(&limiter, &wanted, at(0)).unwrap();
        assert_eq!(take(&limiter, &wanted, at(0)).unwrap_err().what, "tokens per minute");
        let left = take(&limiter, &Wanted { rpm: Some(10), ..Wanted::default() }, at(0)).unwrap();
        assert_eq!(left.requests, Some((8, 10)), "the refused call took no request");
        limiter.correct_tokens(organization(), ONE, 100, -50);
        assert!(take(&limiter, &wanted, at(0)).is_ok(), "tokens given back can be taken");
    }

    #[test]
    fn calls_at_once_are_counted_until_each_ends() {
        let limiter = Limiter::memory();
        let wanted = Wanted { concurrency: Some(1), ..Wanted::default() };
        let first = take(&limiter, &wanted, at(0)).unwrap();
        assert!(first.holds_slot() && take(&limiter, &wanted, at(0)).is_err());
        drop(first);
        assert!(take(&limiter, &wanted, at(0)).is_ok());
    }

    #[test]
    fn many_threads_never_take_more_than_there_is() {
        let limiter = Limiter::memory();
        let wanted = Wanted { rpm: Some(100), ..Wanted::default() };
        let taken: usize = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..8).map(|_| scope.spawn(|| (0..100).filter(|_| take(&limiter, &wanted, at(0)).is_ok()).count())).collect();
            threads.into_iter().map(|t| t.join().unwrap()).sum()
        });
        assert_eq!(taken, 100);
    }

    #[test]
    fn a_counter_that_refuses_leaves_the_others_alone() {
        let (limiter, other) = (Limiter::memory(), Uuid::from_u128(2));
        let (wide, narrow) =
            (Wanted { rpm: Some(5), concurrency: Some(3), ..Wanted::default() }, Wanted { rpm: Some(1), ..Wanted::default() });
        let both = [(ONE, wide), (other, narrow)];
        let first = limiter.take(organization(), &both, at(0)).unwrap();
        assert_eq!((first.requests, first.slots.len()), (Some((0, 1)), 1));
        let refused = limiter.take(organization(), &both, at(0)).unwrap_err();
        assert_eq!((refused.counter, refused.what), (other, "requests per minute"));
        let left = take(&limiter, &wide, at(0)).unwrap();
        assert_eq!(left.requests, Some((3, 5)), "the refused call took nothing");
    }
}
