//! How often an address may present keys that nobody has: each costs a question to the store.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use domain::{Code, Fault, UnixMicros};
use quick_cache::sync::Cache;

/// Limit: addresses followed at once. One that makes room for others begins anew.
const ADDRESSES_MAX: usize = 50_000;
const MICROS_PER_MINUTE: i64 = 60_000_000;
/// Limit: what an address can owe: two minutes' worth.
const OWED_MICROS_MAX: i64 = 2 * MICROS_PER_MINUTE;
/// Whoever has one address of IPv6 has all with these first bits.
const IPV6_PREFIX_MASK: u128 = !0 << 64;

/// Look-ups of unknown keys by address: a bucket that holds one minute's worth and refills evenly.
pub(crate) struct Misses {
    /// When the bucket of an address is full again.
    full_at: Cache<IpAddr, Arc<AtomicI64>>,
    per_minute: u32,
}

impl Misses {
    pub(crate) fn new(per_minute: u32) -> Self {
        Self { full_at: Cache::new(ADDRESSES_MAX), per_minute: per_minute.max(1) }
    }

    fn micros_each(&self) -> i64 {
        MICROS_PER_MINUTE / i64::from(self.per_minute)
    }

    /// Refuses an address that presented too many, and says when it may present another key.
    pub(crate) fn allow(&self, client: IpAddr, now: UnixMicros) -> Result<(), Fault> {
        let Some(full_at) = self.full_at.get(&network(client)) else { return Ok(()) };
        let full_in = full_at.load(Ordering::Acquire).saturating_sub(now.0);
        let wait_us = full_in.saturating_add(self.micros_each()).saturating_sub(MICROS_PER_MINUTE);
        let wait_ms = u64::try_from(wait_us).unwrap_or(0).div_ceil(1_000);
        if wait_ms == 0 { Ok(()) } else { Err(refused(wait_ms)) }
    }

    /// Counts a key that was nobody's. Those that were under way together may take more than there was; that is waited for.
    pub(crate) fn missed(&self, client: IpAddr, now: UnixMicros) {
        // Making a bucket cannot fail.
        let found: Result<_, Infallible> = self.full_at.get_or_insert_with(&network(client), || Ok(Arc::new(AtomicI64::new(0))));
        let Ok(full_at) = found;
        let (each, most) = (self.micros_each(), now.0.saturating_add(OWED_MICROS_MAX));
        // The closure always has a next value.
        let _ = full_at.fetch_update(Ordering::AcqRel, Ordering::Acquire, |at| Some(at.max(now.0).saturating_add(each).min(most)));
    }
}

/// What counts as one address.
fn network(client: IpAddr) -> IpAddr {
    match client {
        IpAddr::V4(_) => client,
        IpAddr::V6(six) => Ipv6Addr::from_bits(six.to_bits() & IPV6_PREFIX_MASK).into(),
    }
}

fn refused(wait_ms: u64) -> Fault {
    let say = format!(
        "too many unknown API keys came from this address; check the key, and try again in {wait_ms} ms (keys that are in use here go on)"
    );
    Fault::new(Code::RateLimitExceeded, say).retry_after_ms(wait_ms)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use domain::{Code, UnixMicros};

    use super::{ADDRESSES_MAX, Misses};

    const NOW: UnixMicros = UnixMicros(1_800_000_000_000_000);

    fn at(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn later(ms: i64) -> UnixMicros {
        UnixMicros(NOW.0 + ms * 1_000)
    }

    fn miss(misses: &Misses, client: &str, now: UnixMicros) -> Result<(), u64> {
        misses.allow(at(client), now).map_err(|fault| {
            assert_eq!(fault.code(), Code::RateLimitExceeded);
            fault.retry_after().unwrap()
        })?;
        misses.missed(at(client), now);
        Ok(())
    }

    #[test]
    fn a_minutes_worth_at_once_and_then_as_it_refills() {
        let misses = Misses::new(60);
        for _ in 0..60 {
            assert_eq!(miss(&misses, "192.0.2.1", NOW), Ok(()));
        }
        assert_eq!(miss(&misses, "192.0.2.1", NOW), Err(1_000));
        assert_eq!(miss(&misses, "192.0.2.2", NOW), Ok(()), "another address has its own");
        assert_eq!(miss(&misses, "192.0.2.1", later(400)), Err(600));
        assert_eq!(miss(&misses, "192.0.2.1", later(1_000)), Ok(()));
        assert_eq!(miss(&misses, "192.0.2.1", later(1_000)), Err(1_000));
        for _ in 0..60 {
            assert_eq!(miss(&misses, "192.0.2.1", later(3_600_000)), Ok(()), "a rested address has all of it, and no more");
        }
        assert_eq!(miss(&misses, "192.0.2.1", later(3_600_000)), Err(1_000));
    }

    #[test]
    fn keys_that_are_somebodys_count_nothing_and_what_is_owed_has_an_end() {
        let misses = Misses::new(1);
        for _ in 0..10 {
            assert!(misses.allow(at("192.0.2.1"), NOW).is_ok());
        }
        for _ in 0..10 {
            misses.missed(at("192.0.2.1"), NOW);
        }
        assert_eq!(miss(&misses, "192.0.2.1", NOW), Err(120_000));
        assert_eq!(miss(&misses, "192.0.2.1", later(120_000)), Ok(()));
    }

    #[test]
    fn addresses_of_one_ipv6_network_count_together_and_the_table_is_bounded() {
        let misses = Misses::new(1);
        assert_eq!(miss(&misses, "2001:db8::1", NOW), Ok(()));
        assert_eq!(miss(&misses, "2001:db8::ffff:2", NOW), Err(60_000));
        assert_eq!(miss(&misses, "2001:db8:0:1::1", NOW), Ok(()));
        for n in 0..u32::try_from(ADDRESSES_MAX).unwrap() + 1_000 {
            misses.missed(std::net::Ipv4Addr::from_bits(n).into(), NOW);
        }
        assert!(misses.full_at.len() <= ADDRESSES_MAX);
    }
}
