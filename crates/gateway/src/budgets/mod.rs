//! Budgets that refuse: each call is held in every one that it counts in, or in none, against room leased from the broker.
//! A warm budget asks nobody.

mod key_budget;
mod refusal;
mod room;
mod tend;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use domain::{BudgetId, Epoch, Fault, GatewayId, NanoUsd, OrgScope, UnixMicros};
use parking_lot::RwLock;
use proto::usage::v1::BudgetUse;
use proto::usage::v1::budget_use::Counts;
use rpc::Control;
use store::{BudgetAsk, BudgetCounts, BudgetGranted, StoreError};

use crate::plan::Candidate;
use room::Ask;

pub(crate) use key_budget::KeyBudget;
pub(crate) use room::{Room, RoomHold};

/// A broker that takes longer counts as away: 503, never 402.
const BROKER_DEADLINE: Duration = Duration::from_secs(2);
/// Limit: windows with room here at once; further ones are refused with 503.
const ROOMS_MAX: usize = 200_000;
/// Others may have taken what an ask brought: then it is asked again, this often.
const ASKS_MAX: u32 = 3;
/// How long a call waits for what other gateways give back, and how often it looks.
const RECALL_WAIT: Duration = Duration::from_millis(600);
const RECALL_LOOK: Duration = Duration::from_millis(150);

/// All room of this gateway's epoch.
pub(crate) struct Budgets {
    control: Control,
    gateway: GatewayId,
    epoch: Epoch,
    rooms: RwLock<HashMap<(BudgetId, UnixMicros), Arc<Room>>>,
}

/// What a call holds in budgets when one candidate serves it.
#[derive(Default)]
pub(crate) struct Held {
    pub(crate) holds: Vec<RoomHold>,
    /// For the event: every budget that it counts in.
    pub(crate) uses: Vec<BudgetUse>,
}

/// How much output a hold is for: all of it, or what there is but at least something.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    pub(crate) full: u64,
    pub(crate) least: u64,
}

/// What came of looking for room.
enum Refilled {
    Enough,
    Short(BudgetGranted),
}

impl Budgets {
    pub(crate) fn new(control: Control, gateway: GatewayId, epoch: Epoch) -> Self {
        Self { control, gateway, epoch, rooms: RwLock::default() }
    }

    /// Holds a call in all of these budgets that it counts in, or in none.
    pub(crate) async fn hold(
        &self,
        scope: OrgScope,
        budgets: &[Arc<KeyBudget>],
        tags: &[String],
        candidate: &Candidate,
        output: Output,
        now: UnixMicros,
    ) -> Result<Held, Fault> {
        let mut held = Held::default();
        for budget in budgets.iter().filter(|budget| budget.counts(tags, candidate)) {
            let hold = if budget.is_hard() { self.hold_one(scope, budget, candidate, output, now).await? } else { None };
            let Some(window) = hold.as_ref().map(|hold| hold.room.window).or_else(|| budget.window(now)) else { continue };
            held.uses.push(BudgetUse {
                budget_id: budget.row.id.uuid().into_bytes().to_vec(),
                window_start_us: window.start.0,
                window_end_us: window.end_stored(),
                lease_id: hold.as_ref().and_then(|hold| hold.lease).map(|lease| lease.uuid().into_bytes().to_vec()).unwrap_or_default(),
                counts: match budget.row.counts {
                    BudgetCounts::Cost => Counts::Cost,
                    BudgetCounts::Charged => Counts::Charged,
                }
                .into(),
            });
            held.holds.extend(hold);
        }
        Ok(held)
    }

    async fn hold_one(
        &self,
        scope: OrgScope,
        budget: &Arc<KeyBudget>,
        candidate: &Candidate,
        output: Output,
        now: UnixMicros,
    ) -> Result<Option<RoomHold>, Fault> {
        let counts = budget.row.counts;
        if candidate.version().is_none() {
            return Err(refusal::unpriced(budget, candidate));
        }
        // Nothing at all is refused where nothing is left.
        let full = candidate.counted_for(counts, output.full).max(NanoUsd(1));
        let least = candidate.counted_for(counts, output.least).max(NanoUsd(1)).min(full);
        self.take(scope, budget, (full, least), now).await.map(Some)
    }

    /// Sets `full` aside, or when that is not there as much as there is but at least `least`.
    async fn take(
        &self,
        scope: OrgScope,
        budget: &Arc<KeyBudget>,
        (full, least): (NanoUsd, NanoUsd),
        now: UnixMicros,
    ) -> Result<RoomHold, Fault> {
        let (mut waited, mut asks) = (Duration::ZERO, 0);
        loop {
            let room = self.room(scope, budget, now)?;
            if let Some(hold) = room.take(full, full) {
                return Ok(hold);
            }
            let refilled = self.refill(&room, full, least).await?;
            if let Some(hold) = room.take(full, full).or_else(|| room.take(full, least)) {
                return Ok(hold);
            }
            match refilled {
                Refilled::Enough if asks < ASKS_MAX => asks += 1,
                Refilled::Enough => return Err(refusal::in_flight(budget, least)),
                Refilled::Short(answer) if waited < RECALL_WAIT && refusal::may_come(&room, least, &answer) => {
                    tokio::time::sleep(RECALL_LOOK).await;
                    waited += RECALL_LOOK;
                }
                Refilled::Short(answer) => return Err(refusal::refusal(budget, &room, least, NanoUsd::ZERO, &answer)),
            }
        }
    }

    /// Leases until `more` is free for a call that holds `own` already, or says why not.
    pub(crate) async fn extend(&self, room: &Arc<Room>, more: NanoUsd, own: NanoUsd) -> Result<(), Fault> {
        match self.refill(room, more, more).await? {
            Refilled::Enough => Ok(()),
            Refilled::Short(answer) => Err(refusal::refusal(&room.budget, room, more, own, &answer)),
        }
    }

    async fn refill(&self, room: &Arc<Room>, full: NanoUsd, least: NanoUsd) -> Result<Refilled, Fault> {
        let _asking = room.asking.lock().await;
        if let Some(before) = room.unanswered() {
            self.ask(room, before).await?;
        }
        let Some(missing) = room.missing(full) else { return Ok(Refilled::Enough) };
        let first = match room.refused(missing) {
            Some(answer) => answer,
            None => self.ask(room, room.ask(missing, true)).await?,
        };
        if first.granted > NanoUsd::ZERO || first.gone {
            return Ok(Refilled::Enough);
        }
        // Less than the call may cost, and perhaps enough for one that may cost less.
        let Some(some) = room.missing(least) else { return Ok(Refilled::Enough) };
        if least == full || first.available < some {
            return Ok(Refilled::Short(first));
        }
        let second = self.ask(room, room.ask(first.available.min(missing), false)).await?;
        Ok(if second.granted > NanoUsd::ZERO || second.gone { Refilled::Enough } else { Refilled::Short(second) })
    }

    /// The only question to the broker on a call's way.
    async fn ask(&self, room: &Room, ask: Ask) -> Result<BudgetGranted, Fault> {
        let question = BudgetAsk {
            budget: room.budget.row.id,
            window: room.window,
            lease: ask.lease,
            extension: ask.extension,
            gateway: self.gateway,
            epoch: self.epoch,
            want: ask.want,
            least: ask.least,
            now: service::clock::now(),
        };
        let asked = tokio::time::timeout(BROKER_DEADLINE, self.control.budget_lease_ask(&room.scope, &question)).await;
        let answer = match asked.map_err(refusal::unavailable)? {
            Ok(answer) => answer,
            Err(error @ (StoreError::Conflict { .. } | StoreError::Invalid { .. })) => {
                room.withdrawn();
                return Err(refusal::unavailable(error));
            }
            Err(error) => return Err(refusal::unavailable(error)),
        };
        room.answered(&ask, &answer);
        Ok(answer)
    }

    fn room(&self, scope: OrgScope, budget: &Arc<KeyBudget>, now: UnixMicros) -> Result<Arc<Room>, Fault> {
        let window = budget.window(now).ok_or_else(|| Fault::internal("find a budget's window", "the time is beyond all calendars"))?;
        let key = (budget.row.id, window.start);
        if let Some(room) = self.rooms.read().get(&key).filter(|room| !room.is_closed()) {
            return Ok(Arc::clone(room));
        }
        let mut rooms = self.rooms.write();
        if let Some(room) = rooms.get(&key).filter(|room| !room.is_closed()) {
            return Ok(Arc::clone(room));
        }
        if rooms.len() >= ROOMS_MAX {
            return Err(refusal::unavailable("too many budgets have room here").retry_after_ms(1_000));
        }
        let room = Arc::new(Room::new(scope, Arc::clone(budget), window));
        rooms.insert(key, Arc::clone(&room));
        Ok(room)
    }
}

#[cfg(test)]
mod tests;
