//! What is leased and not needed goes back: at once when another gateway asks for it, and when its window or its use is over.

use std::sync::Arc;
use std::time::Duration;

use service::Shutdown;
use store::{LeaseReturn, StoreError};

use crate::budgets::room::Room;
use crate::budgets::{BROKER_DEADLINE, Budgets};

/// How often recalls are asked for.
const PERIOD: Duration = Duration::from_millis(200);
/// How often rooms are looked through, in periods.
const SWEEP_PERIODS: u32 = 25;
/// Room that no call used for this long goes back.
const IDLE: Duration = Duration::from_secs(600);
/// Limit: rooms given back in one sweep.
const SWEPT_MAX: usize = 1_000;

impl Budgets {
    /// Gives back what is due until the process stops; the end of its epoch gives back the rest.
    pub(crate) async fn follow(self: Arc<Self>, shutdown: Shutdown) {
        let mut ticks = tokio::time::interval(PERIOD);
        let stopping = shutdown.stopping();
        tokio::pin!(stopping);
        let mut periods: u32 = 0;
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = &mut stopping => return,
            }
            periods = periods.wrapping_add(1);
            let sweeps = periods.is_multiple_of(SWEEP_PERIODS);
            let tended = async {
                self.answer_recalls().await?;
                if sweeps { self.sweep(service::clock::now()).await } else { Ok(()) }
            };
            if let Err(error) = tended.await {
                tracing::warn!(%error, "room of budgets cannot be given back right now; it is tried again");
            }
        }
    }

    /// Gives back what is free on leases that another gateway needs room of.
    pub(super) async fn answer_recalls(&self) -> Result<(), StoreError> {
        if self.rooms.read().is_empty() {
            return Ok(());
        }
        let recalled = self.control.budget_leases_recalled(self.gateway, self.epoch).await?;
        if recalled.is_empty() {
            return Ok(());
        }
        let rooms: Vec<Arc<Room>> =
            self.rooms.read().values().filter(|room| room.lease().is_some_and(|lease| recalled.contains(&lease))).cloned().collect();
        for room in rooms {
            self.give(&room, false).await?;
        }
        Ok(())
    }

    /// Gives back windows that are over, and what nobody used for long.
    pub(super) async fn sweep(&self, now: domain::UnixMicros) -> Result<(), StoreError> {
        let due = |room: &Room| !room.window.contains(now) || room.is_idle(IDLE) || room.is_closed();
        let rooms: Vec<Arc<Room>> = self.rooms.read().values().filter(|room| due(room)).take(SWEPT_MAX).cloned().collect();
        for room in rooms {
            self.give(&room, true).await?;
            let (mut rooms, key) = (self.rooms.write(), (room.budget.row.id, room.window.start));
            if room.is_closed() && rooms.get(&key).is_some_and(|kept| Arc::ptr_eq(kept, &room)) {
                rooms.remove(&key);
            }
        }
        Ok(())
    }

    async fn give(&self, room: &Room, closing: bool) -> Result<(), StoreError> {
        let failed = |source| StoreError::Failed { act: "give room of a budget back", source };
        let _asking = room.asking.lock().await;
        if let Some(before) = room.unanswered() {
            self.ask(room, before).await.map_err(|fault| failed(fault.chain().into()))?;
        }
        let Some(give) = room.give(closing) else { return Ok(()) };
        let give = LeaseReturn { lease: give.lease, id: give.id, amount: give.amount, last: give.last, now: service::clock::now() };
        let given = tokio::time::timeout(BROKER_DEADLINE, self.control.budget_lease_return(&room.scope, &give)).await;
        given.map_err(|elapsed| failed(elapsed.into()))??;
        room.given();
        Ok(())
    }
}
