//! Limits on guessing: per address, per address and account, and per account from everywhere. Nobody is locked out: whoever
//! guesses from elsewhere at most takes tries from addresses where the account never logged in; one try of those, and all of
//! an address where it did, stay. Whoever is refused waits for seconds.

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
/// Wrong tries of one account from everywhere, until it counts as under attack; kept for twice as long at most.
const EVERYWHERE: Rate = Rate { burst: 50, period: Duration::from_secs(30) };
/// Instead of [`ACCOUNT`], for an account under attack, from an address where it never logged in.
const ATTACKED: Rate = Rate { burst: 1, period: Duration::from_secs(60) };
/// Wrong codes of one account from all addresses where it never logged in, and how long until one more: with three codes of a
/// million that fit, a thief of the password has one chance in 3,000 a day.
const CODES: Rate = Rate { burst: 20, period: Duration::from_secs(15 * 60) };
/// Letters to one address of mail, whoever asks for them.
const LETTERS: Rate = Rate { burst: 3, period: Duration::from_secs(20 * 60) };
/// Letters that one address asks for, whomever they go to.
const ASKS: Rate = Rate { burst: 10, period: Duration::from_secs(60) };
/// Limit: remembered addresses and accounts; beyond it the one that is nearest to being forgotten goes first.
const KEYS_MAX: usize = 20_000;

#[derive(Clone, Copy)]
struct Rate {
    burst: u32,
    period: Duration,
}

/// An IPv4 address, or the /64 that one IPv6 customer has.
type Place = u64;

/// The beginning of an address's SHA-256, whether anybody has it or not.
type Account = [u8; 16];

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Address(Place),
    Account(Place, Account),
    Everywhere(Account),
    Code(Place, Account),
    Codes(Account),
    Recovery(Place, Account),
    Letters(Account),
    Asks(Place),
}

/// Tries that were taken; give them back when the password was right.
#[derive(Debug)]
pub(super) struct Taken {
    tries: Vec<(Key, Duration)>,
    /// Where an account logs in, if the tries were for one.
    home: Option<(Place, Account)>,
}

/// For each key, the moment at which all of its tries are free again.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    full_at: Mutex<HashMap<Key, Instant>>,
    /// Where accounts logged in, and when last.
    homes: Mutex<HashMap<(Place, Account), Instant>>,
}

impl Taken {
    /// What was proven is not all: the account is not known to log in from there.
    pub(super) fn away(self) -> Self {
        Self { home: None, ..self }
    }
}

impl Attempts {
    /// Takes a try for an account.
    pub(super) fn take(&self, address: Option<IpAddr>, email: &str, now: Instant) -> Result<Taken, Fault> {
        let place = place(address);
        let account = account(email);
        let home = (place, account);
        let attacked = self.everywhere(account, now) && !self.homes.lock().contains_key(&home);
        let rate = if attacked { ATTACKED } else { ACCOUNT };
        let mut taken = self.take_all(&[(Key::Address(place), ADDRESS), (Key::Account(place, account), rate)], now)?;
        self.count(account, now);
        taken.tries.push((Key::Everywhere(account), EVERYWHERE.period));
        taken.home = Some(home);
        Ok(taken)
    }

    /// Whether an account is under attack.
    fn everywhere(&self, account: Account, now: Instant) -> bool {
        let full_at = self.full_at.lock().get(&Key::Everywhere(account)).copied();
        full_at.is_some_and(|at| at.saturating_duration_since(now) >= EVERYWHERE.period * EVERYWHERE.burst)
    }

    /// Counts a try from everywhere. It refuses nobody, so what it remembers is bounded in time, too.
    fn count(&self, account: Account, now: Instant) {
        let (key, mut full_at) = (Key::Everywhere(account), self.full_at.lock());
        let next = full_at.get(&key).map_or(now, |at| (*at).max(now)) + EVERYWHERE.period;
        make_room(&mut full_at, &key, now);
        full_at.insert(key, next.min(now + EVERYWHERE.period * EVERYWHERE.burst * 2));
    }

    /// Takes a try that concerns no account yet.
    pub(super) fn take_address(&self, address: Option<IpAddr>, now: Instant) -> Result<Taken, Fault> {
        self.take_all(&[(Key::Address(place(address)), ADDRESS)], now)
    }

    /// Takes a letter to an address of mail.
    pub(super) fn take_letter(&self, email: &str, now: Instant) -> Result<(), Fault> {
        self.take_all(&[(Key::Letters(account(email)), LETTERS)], now).map(drop)
    }

    /// Takes a try of the code of somebody whom their password proved. Six digits are few: from all addresses where the account
    /// never logged in together there are only so many tries. Whoever knows the password could use these up, so a recovery
    /// code, a known address, and another password stay ways in.
    pub(super) fn take_code(&self, address: Option<IpAddr>, email: &str, now: Instant) -> Result<Taken, Fault> {
        let home = (place(address), account(email));
        let mut wanted = vec![(Key::Address(home.0), ADDRESS), (Key::Code(home.0, home.1), ACCOUNT)];
        if !self.homes.lock().contains_key(&home) {
            wanted.push((Key::Codes(home.1), CODES));
        }
        let mut taken = self.take_all(&wanted, now)?;
        taken.home = Some(home);
        Ok(taken)
    }

    /// Takes a try of a recovery code, which nobody guesses.
    pub(super) fn take_recovery(&self, address: Option<IpAddr>, email: &str, now: Instant) -> Result<Taken, Fault> {
        let home = (place(address), account(email));
        let mut taken = self.take_all(&[(Key::Address(home.0), ADDRESS), (Key::Recovery(home.0, home.1), ACCOUNT)], now)?;
        taken.home = Some(home);
        Ok(taken)
    }

    /// Takes a request for a letter, whoever gets it.
    pub(super) fn take_ask(&self, address: Option<IpAddr>, now: Instant) -> Result<(), Fault> {
        let place = place(address);
        self.take_all(&[(Key::Address(place), ADDRESS), (Key::Asks(place), ASKS)], now).map(drop)
    }

    /// The password was right: what was taken did not count, and the account is known to log in from there.
    pub(super) fn give_back(&self, taken: Taken, now: Instant) {
        if let Some(home) = taken.home {
            let mut homes = self.homes.lock();
            if homes.len() >= KEYS_MAX
                && !homes.contains_key(&home)
                && let Some(oldest) = homes.iter().min_by_key(|(_, at)| **at).map(|(home, _)| *home)
            {
                homes.remove(&oldest);
            }
            homes.insert(home, now);
        }
        let mut full_at = self.full_at.lock();
        for (key, period) in taken.tries {
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
        Ok(Taken { tries: wanted.iter().map(|(key, rate)| (*key, rate.period)).collect(), home: None })
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
    Fault::new(Code::RateLimitExceeded, format!("too many attempts; try again in {seconds} s")).retry_after_ms(ms)
}

fn account(email: &str) -> Account {
    let mut account: Account = [0; 16];
    account.iter_mut().zip(Sha256::digest(email)).for_each(|(to, from)| *to = from);
    account
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
    fn codes_are_guessed_slowly_from_everywhere_and_the_owner_has_ways_in() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        let password = attempts.take(ip("192.0.2.66"), "ada@example.com", now).unwrap();
        attempts.give_back(password.away(), now);
        attempts.give_back(attempts.take_code(ip("192.0.2.1"), "ada@example.com", now).unwrap(), now);
        let tries = |at: Instant| {
            let from = (0..200).map(|n| attempts.take_code(ip(&format!("198.51.100.{n}")), "ada@example.com", at));
            from.filter(Result::is_ok).count()
        };
        assert_eq!(tries(now), CODES.burst as usize);
        assert!(attempts.take_code(ip("192.0.2.66"), "ada@example.com", now).is_err(), "a password alone makes no home");
        assert!(attempts.take_code(ip("192.0.2.1"), "ada@example.com", now).is_ok(), "from home");
        assert!(attempts.take_recovery(ip("192.0.2.99"), "ada@example.com", now).is_ok(), "with a recovery code");
        assert!(attempts.take_code(ip("192.0.2.99"), "bob@example.com", now).is_ok());
        assert_eq!(tries(now + CODES.period), 1);
    }

    #[test]
    fn right_passwords_cost_nothing() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        for _ in 0..1_000 {
            let taken = attempts.take(ip("192.0.2.1"), "ada@example.com", now).unwrap();
            attempts.give_back(taken, now);
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
    fn guesses_from_everywhere_leave_the_owner_a_try_and_their_home_all() {
        let (attempts, mut now) = (Attempts::default(), Instant::now());
        let take = |from: &str, now| attempts.take(ip(from), "ada@example.com", now);
        attempts.give_back(take("192.0.2.1", now).unwrap(), now);
        for n in 0..u8::try_from(EVERYWHERE.burst).unwrap() {
            take(&format!("198.51.100.{n}"), now).unwrap();
        }
        // Guessers go on from new addresses, each with one try only.
        for n in 0..200 {
            assert!(take(&format!("203.0.113.{n}"), now).is_ok());
            assert_eq!(take(&format!("203.0.113.{n}"), now).unwrap_err().retry_after(), Some(60_000));
        }
        assert!(take("192.0.2.99", now).is_ok(), "the owner on a journey");
        for _ in 0..ACCOUNT.burst {
            take("192.0.2.1", now).unwrap();
        }
        assert!(attempts.take(ip("192.0.2.50"), "bob@example.com", now).is_ok());
        assert!(attempts.take(ip("192.0.2.50"), "bob@example.com", now).is_ok());
        // However long the attack was, it is forgotten.
        now += EVERYWHERE.period * EVERYWHERE.burst * 2;
        for _ in 0..ACCOUNT.burst {
            take("192.0.2.98", now).unwrap();
        }
    }

    #[test]
    fn letters_are_few_for_one_mailbox_and_for_one_who_asks() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        for _ in 0..LETTERS.burst {
            attempts.take_letter("ada@example.com", now).unwrap();
        }
        assert!(attempts.take_letter("ada@example.com", now).is_err());
        attempts.take_letter("bob@example.com", now).unwrap();
        attempts.take_letter("ada@example.com", now + LETTERS.period).unwrap();
        let asked = (0..50).filter(|_| attempts.take_ask(ip("192.0.2.1"), now).is_ok()).count();
        assert_eq!(asked, ASKS.burst as usize);
        attempts.take_ask(ip("192.0.2.2"), now).unwrap();
    }

    #[test]
    fn memory_is_bounded() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        for n in 0..u32::try_from(KEYS_MAX).unwrap() + 50 {
            let _ = attempts.take_address(Some(IpAddr::from(n.to_be_bytes())), now);
        }
        assert_eq!(attempts.full_at.lock().len(), KEYS_MAX);
        for n in 0..u32::try_from(KEYS_MAX).unwrap() + 50 {
            let home = Some((n.into(), [0; 16]));
            attempts.give_back(Taken { tries: Vec::new(), home }, now);
        }
        assert_eq!(attempts.homes.lock().len(), KEYS_MAX);
    }
}
