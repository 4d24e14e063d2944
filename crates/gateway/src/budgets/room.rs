//! Room of one budget's window that this gateway has leased, and the holds against it: memory only.
//!
//! Invariant V2: open holds + settled ≤ granted, except by what a call's true bill exceeds its hold (named `overshoot` in
//! the ledger).

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::{LeaseId, NanoUsd, OrgScope, Window};
use parking_lot::Mutex;
use store::BudgetGranted;
use uuid::Uuid;

use crate::budgets::key_budget::KeyBudget;

/// A lease asks for this many times what is missing, so that the next calls find it there…
const LEASE_CALLS: i64 = 64;
/// … and for at least this much. The broker gives a fraction when little is left.
const LEASE_MIN: NanoUsd = NanoUsd::from_usd(1);
/// A refusal of the broker is believed for so long, so that refused calls cost no transaction each.
const REFUSAL_KEPT: Duration = Duration::from_millis(100);
/// A budget that is gone, or refuses nothing any more, is asked about again after this.
const GONE_KEPT: Duration = Duration::from_secs(1);

/// What is leased of one window.
pub(crate) struct Room {
    pub(super) scope: OrgScope,
    pub(super) budget: Arc<KeyBudget>,
    pub(super) window: Window,
    state: Mutex<State>,
    /// Held while the broker is asked: calls that find too little wait for the one that asks.
    pub(super) asking: tokio::sync::Mutex<()>,
}

struct State {
    lease: Option<LeaseId>,
    granted: NanoUsd,
    settled: NanoUsd,
    held: NanoUsd,
    open_holds: u64,
    /// An ask whose answer never came: it is asked again with the same id, so that it cannot be granted twice.
    unanswered: Option<Ask>,
    /// The same of a return.
    returning: Option<Return>,
    refused: Option<(NanoUsd, BudgetGranted, Instant)>,
    gone_until: Option<Instant>,
    used_at: Instant,
    /// Nothing more is held against it: whoever comes next makes another.
    closed: bool,
}

/// One ask for room.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ask {
    pub(super) lease: LeaseId,
    /// None: the grant itself.
    pub(super) extension: Option<Uuid>,
    pub(super) want: NanoUsd,
    pub(super) least: NanoUsd,
}

/// Room on its way back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Return {
    pub(super) lease: LeaseId,
    pub(super) id: Uuid,
    pub(super) amount: NanoUsd,
    pub(super) last: bool,
}

/// What a room has, as a refusal tells.
#[derive(Debug, Clone, Copy)]
pub(super) struct Figures {
    pub(super) free: NanoUsd,
    pub(super) held: NanoUsd,
    pub(super) open_holds: u64,
}

impl State {
    fn free(&self) -> NanoUsd {
        self.granted - self.settled - self.held
    }

    /// The budget does not refuse any more, by what the broker said last.
    fn is_gone(&self) -> bool {
        self.gone_until.is_some_and(|until| Instant::now() < until)
    }
}

impl Room {
    pub(super) fn new(scope: OrgScope, budget: Arc<KeyBudget>, window: Window) -> Self {
        let state = State {
            lease: None,
            granted: NanoUsd::ZERO,
            settled: NanoUsd::ZERO,
            held: NanoUsd::ZERO,
            open_holds: 0,
            unanswered: None,
            returning: None,
            refused: None,
            gone_until: None,
            used_at: Instant::now(),
            closed: false,
        };
        Self { scope, budget, window, state: Mutex::new(state), asking: tokio::sync::Mutex::new(()) }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    pub(super) fn lease(&self) -> Option<LeaseId> {
        self.state.lock().lease
    }

    /// Takes `full`, or as much as is free when that is at least `least`.
    pub(super) fn take(self: &Arc<Self>, full: NanoUsd, least: NanoUsd) -> Option<RoomHold> {
        let mut state = self.state.lock();
        if state.closed {
            return None;
        }
        let amount = if state.is_gone() { full } else { state.free().min(full) };
        if amount < least || (state.lease.is_none() && !state.is_gone()) {
            return None;
        }
        state.held += amount;
        state.open_holds += 1;
        state.used_at = Instant::now();
        let lease = state.lease;
        drop(state);
        Some(RoomHold { room: Arc::clone(self), lease, amount })
    }

    /// What is missing until `need` is free; none when it is.
    pub(super) fn missing(&self, need: NanoUsd) -> Option<NanoUsd> {
        let state = self.state.lock();
        let missing = need - state.free();
        let enough = state.closed || state.is_gone() || (missing <= NanoUsd::ZERO && state.lease.is_some());
        (!enough).then_some(missing.max(NanoUsd(1)))
    }

    pub(super) fn unanswered(&self) -> Option<Ask> {
        self.state.lock().unanswered
    }

    /// Notes an ask before it is made: with plenty when `least` is only what is missing.
    pub(super) fn ask(&self, least: NanoUsd, plenty: bool) -> Ask {
        let mut state = self.state.lock();
        let want = if plenty { NanoUsd(least.0.saturating_mul(LEASE_CALLS)).max(LEASE_MIN) } else { least };
        let ask = match state.lease {
            Some(lease) => Ask { lease, extension: Some(service::random::uuid()), want, least },
            None => Ask { lease: LeaseId::from_uuid(service::random::uuid()), extension: None, want, least },
        };
        state.unanswered = Some(ask);
        ask
    }

    pub(super) fn answered(&self, ask: &Ask, answer: &BudgetGranted) {
        let mut state = self.state.lock();
        state.unanswered = None;
        if answer.gone {
            state.gone_until = Some(Instant::now() + GONE_KEPT);
        } else if answer.granted > NanoUsd::ZERO {
            state.lease = Some(ask.lease);
            state.granted += answer.granted;
            state.refused = None;
            state.gone_until = None;
        } else {
            state.refused = Some((ask.least, *answer, Instant::now()));
        }
    }

    /// The broker refused this ask for good: it is not made again.
    pub(super) fn withdrawn(&self) {
        self.state.lock().unanswered = None;
    }

    /// What the broker said a moment ago to an ask for as much or less.
    pub(super) fn refused(&self, missing: NanoUsd) -> Option<BudgetGranted> {
        let (least, answer, at) = self.state.lock().refused?;
        (missing >= least && at.elapsed() < REFUSAL_KEPT).then_some(answer)
    }

    pub(super) fn figures(&self) -> Figures {
        let state = self.state.lock();
        Figures { free: state.free(), held: state.held, open_holds: state.open_holds }
    }

    /// The return that was not answered, or a new one of all that is free. `closing`: the lease ends with it when no
    /// call holds anything.
    pub(super) fn give(&self, closing: bool) -> Option<Return> {
        let mut state = self.state.lock();
        if state.returning.is_none() {
            let last = closing && state.open_holds == 0 && state.unanswered.is_none();
            let Some(lease) = state.lease else {
                state.closed |= last;
                return None;
            };
            let amount = state.free().max(NanoUsd::ZERO);
            state.granted -= amount;
            state.closed |= last;
            state.returning = Some(Return { lease, id: service::random::uuid(), amount, last });
        }
        state.returning
    }

    pub(super) fn given(&self) {
        self.state.lock().returning = None;
    }

    /// No call used it for so long.
    pub(super) fn is_idle(&self, since: Duration) -> bool {
        let state = self.state.lock();
        state.open_holds == 0 && state.used_at.elapsed() >= since
    }
}

/// Room set aside for one call. Dropped without `settle`, all of it is free again.
pub(crate) struct RoomHold {
    pub(super) room: Arc<Room>,
    pub(super) lease: Option<LeaseId>,
    amount: NanoUsd,
}

impl RoomHold {
    pub(crate) const fn amount(&self) -> NanoUsd {
        self.amount
    }

    pub(crate) fn budget(&self) -> &KeyBudget {
        &self.room.budget
    }

    pub(crate) fn room(&self) -> &Arc<Room> {
        &self.room
    }

    /// Takes `more` from what is free. False: ask the broker with `Budgets::extend`.
    pub(crate) fn extend_now(&mut self, more: NanoUsd) -> bool {
        let mut state = self.room.state.lock();
        if more > state.free() && !state.is_gone() {
            return false;
        }
        state.held += more;
        self.amount += more;
        true
    }

    /// Ends the hold with what the call adds to the budget.
    pub(crate) fn settle(mut self, spent: NanoUsd) {
        let amount = std::mem::replace(&mut self.amount, NanoUsd(-1));
        self.room.end(amount, spent);
    }
}

impl Room {
    fn end(&self, held: NanoUsd, spent: NanoUsd) {
        let mut state = self.state.lock();
        state.held -= held;
        state.settled += spent;
        state.open_holds -= 1;
    }
}

impl Drop for RoomHold {
    fn drop(&mut self) {
        if !self.amount.is_negative() {
            self.room.end(self.amount, NanoUsd::ZERO);
        }
    }
}
