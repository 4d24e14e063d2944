//! What own provider keys with a cap have spent.
//!
//! The ledger is what counts, and it follows the calls by a second or two. A gateway adds its own calls at once, so that on one
//! gateway only the calls in flight when a cap is reached go beyond it; with several, also what the others ended since the
//! ledger was last asked ([`PERIOD`] and the ledger's delay).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use domain::{Code, Fault, NanoUsd, OrgScope, ProviderKeyId, UnixMicros};
use parking_lot::Mutex;
use rpc::Control;
use service::Shutdown;
use store::{SpendCap, SpendWindow};

/// How often the ledger is asked about keys in use.
const PERIOD: Duration = Duration::from_secs(2);
/// Limit: keys asked about in one period.
const ASKED_MAX: usize = 500;
/// A key that no call used for this long is forgotten, and read again on its next call.
const IDLE_SECONDS: i64 = 3_600;
/// Limit: keys in memory.
const KEYS_MAX: usize = 100_000;
/// The ledger that takes longer counts as away.
const DEADLINE: Duration = Duration::from_secs(2);

/// Amounts of the month and of all time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Amounts {
    month: NanoUsd,
    total: NanoUsd,
}

#[derive(Debug)]
struct Spent {
    scope: OrgScope,
    month: i64,
    /// As the ledger said first, before this gateway's calls.
    before: Amounts,
    /// This gateway's calls since.
    here: Amounts,
    /// As the ledger said last.
    ledger: Amounts,
    used_at: UnixMicros,
}

impl Spent {
    fn turn(&mut self, now: UnixMicros) {
        let month = now.month_utc();
        if self.month != month {
            self.month = month;
            (self.before.month, self.here.month, self.ledger.month) = (NanoUsd::ZERO, NanoUsd::ZERO, NanoUsd::ZERO);
        }
    }

    fn of(&self, window: SpendWindow) -> NanoUsd {
        let pick = |amounts: &Amounts| if window == SpendWindow::Month { amounts.month } else { amounts.total };
        pick(&self.ledger).max(pick(&self.before).saturating_add(pick(&self.here)))
    }
}

/// What is known of keys with caps.
pub(crate) struct KeySpends {
    control: Option<Control>,
    known: Mutex<HashMap<ProviderKeyId, Spent>>,
}

impl KeySpends {
    pub(crate) fn new(control: Control) -> Self {
        Self { control: Some(control), known: Mutex::default() }
    }

    /// Nothing is known and nobody is asked.
    #[cfg(test)]
    pub(crate) fn unknown() -> Self {
        Self { control: None, known: Mutex::default() }
    }

    /// Asks the ledger about those of these keys that are not known yet.
    pub(crate) async fn load(&self, scope: OrgScope, ids: &[ProviderKeyId], now: UnixMicros) -> Result<(), Fault> {
        let unknown: Vec<ProviderKeyId> = {
            let known = self.known.lock();
            ids.iter().copied().filter(|id| !known.contains_key(id)).collect()
        };
        for id in unknown {
            let ledger = self.ask(scope, id, now).await?;
            let mut known = self.known.lock();
            if known.len() < KEYS_MAX {
                let spent = Spent { scope, month: now.month_utc(), before: ledger, here: Amounts::default(), ledger, used_at: now };
                known.entry(id).or_insert(spent);
            }
        }
        Ok(())
    }

    async fn ask(&self, scope: OrgScope, id: ProviderKeyId, now: UnixMicros) -> Result<Amounts, Fault> {
        let away = |cause: domain::fault::Cause| {
            let say = "what the organization's own keys have spent cannot be read right now; try again in a moment";
            Fault::new(Code::DirectoryUnavailable, say).retry_after_ms(1_000).note("read what a provider key spent").because(cause)
        };
        let Some(control) = &self.control else { return Err(away("there is no ledger here".into())) };
        let read = tokio::time::timeout(DEADLINE, control.provider_key_spent(&scope, id, now)).await;
        let (month, total) = read.map_err(|elapsed| away(elapsed.into()))?.map_err(|error| away(error.into()))?;
        Ok(Amounts { month, total })
    }

    /// Whether a key has nothing left. One that is not known counts as spent.
    pub(crate) fn is_spent(&self, id: ProviderKeyId, cap: &SpendCap, now: UnixMicros) -> bool {
        let mut known = self.known.lock();
        known.get_mut(&id).is_none_or(|spent| {
            spent.turn(now);
            spent.used_at = now;
            spent.of(cap.window) >= cap.amount
        })
    }

    /// Adds a call that ended here; keys without a cap are not known and not counted.
    pub(crate) fn add(&self, id: ProviderKeyId, cost: NanoUsd, now: UnixMicros) {
        if let Some(spent) = self.known.lock().get_mut(&id) {
            spent.turn(now);
            spent.here.month = spent.here.month.saturating_add(cost);
            spent.here.total = spent.here.total.saturating_add(cost);
        }
    }

    /// Follows the ledger until the process stops.
    pub(crate) async fn follow(self: Arc<Self>, shutdown: Shutdown) {
        let mut ticks = tokio::time::interval(PERIOD);
        let stopping = shutdown.stopping();
        tokio::pin!(stopping);
        loop {
            tokio::select! {
                _ = ticks.tick() => self.refresh(service::clock::now()).await,
                () = &mut stopping => return,
            }
        }
    }

    async fn refresh(&self, now: UnixMicros) {
        let in_use: Vec<(ProviderKeyId, OrgScope)> = {
            let mut known = self.known.lock();
            known.retain(|_, spent| spent.used_at.plus_seconds(IDLE_SECONDS) > now);
            let recent = |spent: &Spent| spent.used_at.plus_seconds(60) > now;
            known.iter().filter(|(_, spent)| recent(spent)).map(|(id, spent)| (*id, spent.scope)).take(ASKED_MAX).collect()
        };
        for (id, scope) in in_use {
            match self.ask(scope, id, now).await {
                Ok(ledger) => {
                    if let Some(spent) = self.known.lock().get_mut(&id) {
                        spent.turn(now);
                        spent.ledger = ledger;
                    }
                }
                Err(fault) => {
                    tracing::warn!(fault = %fault.chain(), "what provider keys spent could not be read; what is known counts on");
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOVEMBER: UnixMicros = UnixMicros(1_796_083_199_000_000);

    #[test]
    fn the_ledger_and_what_ended_here_count_once_and_a_month_ends() {
        let amounts = |n| Amounts { month: NanoUsd(n), total: NanoUsd(n) };
        #[expect(clippy::disallowed_methods, reason = "a test's tenant")]
        let scope = OrgScope::proven(domain::OrganizationId::from_uuid(uuid::Uuid::from_u128(1)));
        let (spends, id) = (KeySpends::unknown(), ProviderKeyId::from_uuid(uuid::Uuid::from_u128(1)));
        let cap = |amount, window| SpendCap { amount: NanoUsd(amount), window };
        assert!(spends.is_spent(id, &cap(1, SpendWindow::Total), NOVEMBER), "what is not known is spent");
        let spent =
            Spent { scope, month: NOVEMBER.month_utc(), before: amounts(10), here: amounts(0), ledger: amounts(10), used_at: NOVEMBER };
        spends.known.lock().insert(id, spent);
        spends.add(id, NanoUsd(5), NOVEMBER);
        assert!(
            spends.is_spent(id, &cap(15, SpendWindow::Month), NOVEMBER) && !spends.is_spent(id, &cap(16, SpendWindow::Month), NOVEMBER)
        );
        // The ledger has this gateway's call now, and another's of 2.
        spends.known.lock().get_mut(&id).unwrap().ledger = amounts(17);
        assert!(
            spends.is_spent(id, &cap(17, SpendWindow::Month), NOVEMBER) && !spends.is_spent(id, &cap(18, SpendWindow::Month), NOVEMBER)
        );
        let december = NOVEMBER.plus_seconds(1);
        assert!(!spends.is_spent(id, &cap(1, SpendWindow::Month), december) && spends.is_spent(id, &cap(17, SpendWindow::Total), december));
    }
}
