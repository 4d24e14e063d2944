//! Credit that this gateway has leased, and the holds against it: memory only, so that the hot path asks nobody.
//!
//! Invariant V2: of each lease, open holds + settled ≤ granted, except by what a call's true bill exceeds its hold (named
//! `overshoot` in the ledger). The lease itself is one conditional update in the store (V1), so that all leases together
//! never exceed the credits, however many gateways there are.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use domain::{Code, Epoch, Fault, GatewayId, LeaseId, NanoUsd, OrgScope, OrganizationId};
use parking_lot::{Mutex, RwLock};
use rpc::Control;
use store::{LeaseExtend, LeaseGrant, LeaseGranted, StoreError};
use uuid::Uuid;

/// A broker that takes longer counts as away: 503, never 402.
const BROKER_DEADLINE: Duration = Duration::from_secs(2);
/// A lease asks for this many times what is missing, so that the next calls find it there…
const LEASE_CALLS: i64 = 64;
/// … and for at least this much.
const LEASE_MIN: NanoUsd = NanoUsd::from_usd(1);
/// Limit: organizations with a lease at once; further ones are refused with 503.
const ACCOUNTS_MAX: usize = 100_000;
/// When in-flight calls hold everything: about the time that one takes.
const IN_FLIGHT_RETRY_MS: u64 = 1_000;

/// All accounts of this gateway's epoch.
pub(crate) struct Funds {
    control: Control,
    gateway: GatewayId,
    epoch: Epoch,
    accounts: RwLock<HashMap<OrganizationId, Arc<Account>>>,
}

/// One organization's leased credit.
pub(crate) struct Account {
    scope: OrgScope,
    state: Mutex<State>,
    /// Held while the broker is asked: callers that find too little wait for the one that asks.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    lease: Option<LeaseId>,
    granted: NanoUsd,
    settled: NanoUsd,
    held: NanoUsd,
    open_holds: u64,
    /// An ask whose answer never came: it is asked again with the same id, so that it cannot be granted twice.
    unanswered: Option<Ask>,
}

#[derive(Clone, Copy)]
struct Ask {
    lease: LeaseId,
    /// None: the grant itself.
    extension: Option<Uuid>,
    want: NanoUsd,
    least: NanoUsd,
}

impl State {
    fn free(&self) -> NanoUsd {
        self.granted - self.settled - self.held
    }

    fn take(&mut self, amount: NanoUsd) -> Option<LeaseId> {
        let lease = self.lease.filter(|_| amount <= self.free())?;
        self.held += amount;
        self.open_holds += 1;
        Some(lease)
    }
}

/// Money set aside for one call. Dropped without `settle`, all of it is free again.
pub(crate) struct Hold {
    account: Arc<Account>,
    pub(crate) lease: LeaseId,
    amount: NanoUsd,
}

impl Hold {
    pub(crate) const fn amount(&self) -> NanoUsd {
        self.amount
    }

    /// Takes `more` from what the lease has free. False: ask the broker with `Funds::extend`.
    pub(crate) fn extend_now(&mut self, more: NanoUsd) -> bool {
        let mut state = self.account.state.lock();
        if more > state.free() {
            return false;
        }
        state.held += more;
        self.amount += more;
        true
    }

    /// The account, for `Funds::refill`.
    pub(crate) fn account(&self) -> &Arc<Account> {
        &self.account
    }

    /// Ends the hold with what the call was charged.
    pub(crate) fn settle(mut self, charged: NanoUsd) {
        let amount = std::mem::replace(&mut self.amount, NanoUsd(-1));
        let mut state = self.account.state.lock();
        state.held -= amount;
        state.settled += charged;
        state.open_holds -= 1;
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if !self.amount.is_negative() {
            let mut state = self.account.state.lock();
            state.held -= self.amount;
            state.open_holds -= 1;
        }
    }
}

impl Funds {
    pub(crate) fn new(control: Control, gateway: GatewayId, epoch: Epoch) -> Self {
        Self { control, gateway, epoch, accounts: RwLock::new(HashMap::new()) }
    }

    /// Open holds and what they hold together, for metrics.
    pub(crate) fn open_holds(&self) -> (u64, NanoUsd) {
        self.accounts.read().values().fold((0, NanoUsd::ZERO), |(count, sum), account| {
            let state = account.state.lock();
            (count + state.open_holds, sum + state.held)
        })
    }

    /// Sets `full` aside; when that is not there and `least` is smaller, as much as there is but at least `least`.
    pub(crate) async fn hold(&self, scope: OrgScope, full: NanoUsd, least: NanoUsd) -> Result<Hold, Fault> {
        let account = self.account(scope)?;
        if let Some(hold) = take(&account, full) {
            return Ok(hold);
        }
        let refused = self.refill(&account, full, None).await.err();
        // What the broker added may have gone to others that waited: then whoever comes next asks again.
        if let Some(hold) = take(&account, full) {
            return Ok(hold);
        }
        if least < full
            && let Some(hold) = take_up_to(&account, full, least)
        {
            return Ok(hold);
        }
        Err(refused.unwrap_or_else(|| in_flight(full)))
    }

    /// Leases more until `need` is free, or says why not. `own` is what the asking call holds already, if it does.
    pub(crate) async fn refill(&self, account: &Arc<Account>, need: NanoUsd, own: Option<NanoUsd>) -> Result<(), Fault> {
        let _asking = account.asking.lock().await;
        let (ask, free) = {
            let mut state = account.state.lock();
            let free = state.free();
            if need <= free && state.lease.is_some() {
                return Ok(());
            }
            let ask = state.unanswered.unwrap_or_else(|| new_ask(&state, need - free));
            state.unanswered = Some(ask);
            (ask, free)
        };
        let answer = tokio::time::timeout(BROKER_DEADLINE, self.ask(&account.scope, ask)).await;
        let answer = match answer {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(unavailable(error)),
            Err(elapsed) => return Err(unavailable(elapsed)),
        };
        {
            let mut state = account.state.lock();
            state.unanswered = None;
            if answer.granted > NanoUsd::ZERO {
                state.lease = Some(ask.lease);
                state.granted += answer.granted;
                return Ok(());
            }
        }
        // Nothing granted: what is left is less than what is missing. Take that rest too, so that it can be spent.
        if answer.available > NanoUsd::ZERO {
            self.take_rest(account, answer.available).await?;
        }
        Err(self.refusal(account, need, free.saturating_add(answer.available), own).await)
    }

    async fn take_rest(&self, account: &Arc<Account>, available: NanoUsd) -> Result<(), Fault> {
        let ask = {
            let mut state = account.state.lock();
            let ask = Ask { want: available, least: NanoUsd(1), ..new_ask(&state, available) };
            state.unanswered = Some(ask);
            ask
        };
        let answer =
            tokio::time::timeout(BROKER_DEADLINE, self.ask(&account.scope, ask)).await.map_err(unavailable)?.map_err(unavailable)?;
        let mut state = account.state.lock();
        state.unanswered = None;
        if answer.granted > NanoUsd::ZERO {
            state.lease = Some(ask.lease);
            state.granted += answer.granted;
        }
        Ok(())
    }

    async fn ask(&self, scope: &OrgScope, ask: Ask) -> Result<LeaseGranted, StoreError> {
        let now = service::clock::now();
        match ask.extension {
            None => {
                let grant =
                    LeaseGrant { lease: ask.lease, gateway: self.gateway, epoch: self.epoch, want: ask.want, least: ask.least, now };
                self.control.lease_grant(scope, &grant).await
            }
            Some(extension) => {
                let extend = LeaseExtend { lease: ask.lease, extension, want: ask.want, least: ask.least, now };
                self.control.lease_extend(scope, &extend).await
            }
        }
    }

    /// 503 while credit is bound elsewhere for our own reason; 429 while calls in flight may free enough; else 402.
    async fn refusal(&self, account: &Account, need: NanoUsd, free: NanoUsd, own: Option<NanoUsd>) -> Fault {
        let own_lease = account.state.lock().lease;
        match tokio::time::timeout(BROKER_DEADLINE, self.control.leases_open(&account.scope)).await {
            Ok(Ok(leases)) if leases.iter().any(|lease| Some(*lease) != own_lease) => {
                return unavailable("credit is still leased to an earlier life of a gateway").retry_after_ms(IN_FLIGHT_RETRY_MS);
            }
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return unavailable(error),
            Err(elapsed) => return unavailable(elapsed),
        }
        let (held, open_holds) = {
            let state = account.state.lock();
            (state.held - own.unwrap_or_default(), state.open_holds - u64::from(own.is_some()))
        };
        if open_holds > 0 && need <= free.saturating_add(held) {
            return in_flight(need);
        }
        let left = if free.is_negative() { NanoUsd::ZERO } else { free };
        Fault::new(
            Code::InsufficientCredits,
            format!(
                "the organization's credits are spent: this call may cost up to ${need}, and ${left} is left; add credits, or send a smaller `max_tokens`"
            ),
        )
    }

    fn account(&self, scope: OrgScope) -> Result<Arc<Account>, Fault> {
        if let Some(account) = self.accounts.read().get(&scope.organization()) {
            return Ok(Arc::clone(account));
        }
        let mut accounts = self.accounts.write();
        if accounts.len() >= ACCOUNTS_MAX {
            return Err(unavailable("too many organizations hold a lease here"));
        }
        let new = || Arc::new(Account { scope, state: Mutex::default(), asking: tokio::sync::Mutex::new(()) });
        Ok(Arc::clone(accounts.entry(scope.organization()).or_insert_with(new)))
    }
}

fn take(account: &Arc<Account>, amount: NanoUsd) -> Option<Hold> {
    let lease = account.state.lock().take(amount)?;
    Some(Hold { account: Arc::clone(account), lease, amount })
}

fn take_up_to(account: &Arc<Account>, full: NanoUsd, least: NanoUsd) -> Option<Hold> {
    let mut state = account.state.lock();
    let amount = state.free().min(full);
    if amount < least {
        return None;
    }
    let lease = state.take(amount)?;
    drop(state);
    Some(Hold { account: Arc::clone(account), lease, amount })
}

fn new_ask(state: &State, missing: NanoUsd) -> Ask {
    let missing = missing.max(NanoUsd(1));
    let want = NanoUsd(missing.0.saturating_mul(LEASE_CALLS)).max(LEASE_MIN);
    match state.lease {
        Some(lease) => Ask { lease, extension: Some(service::random::uuid()), want, least: missing },
        None => Ask { lease: LeaseId::from_uuid(service::random::uuid()), extension: None, want, least: missing },
    }
}

fn in_flight(need: NanoUsd) -> Fault {
    Fault::new(
        Code::InFlightBudgetExhausted,
        format!("the calls now in flight hold the credits that this one needs (up to ${need}); try again when one of them has ended"),
    )
    .retry_after_ms(IN_FLIGHT_RETRY_MS)
}

fn unavailable(cause: impl Into<domain::fault::Cause>) -> Fault {
    Fault::new(Code::CreditsUnavailable, "credits cannot be reserved right now; nothing was charged, try again in a moment")
        .retry_after_ms(IN_FLIGHT_RETRY_MS)
        .note("lease credit")
        .because(cause)
}

#[cfg(test)]
#[path = "funds_tests.rs"]
mod tests;
