//! Limits on guessing: per address, and per address and account. Somebody who guesses from elsewhere never locks the owner
//! out, and whoever is refused waits for seconds.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use domain::{Code, Fault};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

/// Tries of one account from one address at once, and how long until one more.
const ACCOUNT: Rate = Rate { burst: 8, period: Duration::from_secs(15) };
/// Tries from one address at once, whatever the account, and how long until one more.
const ADDRESS: Rate = Rate { burst: 120, period: Duration::from_secs(1) };
/// Limit: remembered addresses and accounts; beyond it the one that is nearest to being forgotten goes first.
const KEYS_MAX: usize = 20_000;

#[derive(Clone, Copy)]
struct Rate {
    burst: u32,
    period: Duration,
}

/// An IPv4 address, or the /64 that one IPv6 customer has.
type Place = u64;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Address(Place),
    Account(Place, [u8; 16]),
}

/// Tries that were taken; give them back when the password was right.
#[derive(Debug)]
pub(super) struct Taken(Vec<(Key, Duration)>);

/// For each key, the moment at which all of its tries are free again.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    full_at: Mutex<HashMap<Key, Instant>>,
}

impl Attempts {
    /// Takes a try for an account.
    pub(super) fn take(&self, address: Option<IpAddr>, email: &str, now: Instant) -> Result<Taken, Fault> {
        let place = place(address);
        let mut account = [0; 16];
        account.iter_mut().zip(Sha256::digest(email)).for_each(|(to, from)| *to = from);
        self.take_all(&[(Key::Address(place), ADDRESS), (Key::Account(place, account), ACCOUNT)], now)
    }

    /// Takes a try that concerns no account yet.
    pub(super) fn take_address(&self, address: Option<IpAddr>, now: Instant) -> Result<Taken, Fault> {
        self.take_all(&[(Key::Address(place(address)), ADDRESS)], now)
    }

    /// What was taken did not count.
    pub(super) fn give_back(&self, taken: Taken) {
        let mut full_at = self.full_at.lock();
        for (key, period) in taken.0 {
            if let Some(at) = full_at.get_mut(&key) {
                *at = at.checked_sub(period).unwrap_or(*at);
            }
        }
    }

    /// All or none.
    fn take_all(&self, wanted: &[(Key, Rate)], now: Instant) -> Result<Taken, Fault> {
        let mut full_at = self.full_at.lock();
        let next = |full_at: &HashMap<Key, Instant>, key: &Key, rate: Rate| full_at.get(key).map_or(now, |at| (*at).max(now)) + rate.period;
        for (key, rate) in wanted {
            let debt = next(&full_at, key, *rate).saturating_duration_since(now);
            if let Some(wait) = debt.checked_sub(rate.period * rate.burst).filter(|wait| !wait.is_zero()) {
                return Err(too_many(wait));
            }
        }
        for (key, rate) in wanted {
            let at = next(&full_at, key, *rate);
            make_room(&mut full_at, key, now);
            full_at.insert(*key, at);
        }
        Ok(Taken(wanted.iter().map(|(key, rate)| (*key, rate.period)).collect()))
    }
}

fn make_room(full_at: &mut HashMap<Key, Instant>, key: &Key, now: Instant) {
    if full_at.len() < KEYS_MAX || full_at.contains_key(key) {
        return;
    }
    full_at.retain(|_, at| *at > now);
    if full_at.len() >= KEYS_MAX
        && let Some(nearest) = full_at.iter().min_by_key(|(_, at)| **at).map(|(key, _)| *key)
    {
        full_at.remove(&nearest);
    }
}

fn too_many(wait: Duration) -> Fault {
    let ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    let seconds = ms.div_ceil(1_000);
    Fault::new(Code::RateLimitExceeded, format!("too many attempts from this address; try again in {seconds} s")).retry_after_ms(ms)
}

fn place(address: Option<IpAddr>) -> Place {
    match address.map(|address| address.to_canonical()) {
        None => 0,
        Some(IpAddr::V4(v4)) => u64::from(u32::from(v4)),
        Some(IpAddr::V6(v6)) => {
            let [a, b, c, d, ..] = v6.segments();
            (u64::from(a) << 48) | (u64::from(b) << 32) | (u64::from(c) << 16) | u64::from(d)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn a_guesser_waits_seconds_and_locks_nobody_else_out() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        for _ in 0..ACCOUNT.burst {
            attempts.take(ip("192.0.2.1"), "ada@example.com", now).unwrap();
        }
        let fault = attempts.take(ip("192.0.2.1"), "ada@example.com", now).unwrap_err();
        assert_eq!((fault.code(), fault.retry_after()), (Code::RateLimitExceeded, Some(15_000)));
        attempts.take(ip("192.0.2.2"), "ada@example.com", now).unwrap();
        attempts.take(ip("192.0.2.1"), "bob@example.com", now).unwrap();
        attempts.take(ip("192.0.2.1"), "ada@example.com", now + ACCOUNT.period).unwrap();
        assert!(attempts.take(ip("192.0.2.1"), "ada@example.com", now + ACCOUNT.period).is_err());
    }

    #[test]
    fn right_passwords_cost_nothing() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        for _ in 0..1_000 {
            let taken = attempts.take(ip("192.0.2.1"), "ada@example.com", now).unwrap();
            attempts.give_back(taken);
        }
    }

    #[test]
    fn many_accounts_from_one_address_are_one_guesser() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        let tries = (0..200).filter(|n| attempts.take(ip(&format!("2001:db8::{n}")), &format!("{n}@example.com"), now).is_ok()).count();
        assert_eq!(tries, ADDRESS.burst as usize);
        assert!(attempts.take_address(ip("2001:db8::ffff"), now).is_err());
        assert!(attempts.take_address(ip("2001:db8:0:1::"), now).is_ok());
    }

    #[test]
    fn memory_is_bounded() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        for n in 0..u32::try_from(KEYS_MAX).unwrap() + 50 {
            let _ = attempts.take_address(Some(IpAddr::from(n.to_be_bytes())), now);
        }
        assert_eq!(attempts.full_at.lock().len(), KEYS_MAX);
    }
}
