//! Lets the log go where both consumers have passed it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use domain::{Epoch, GatewayId};
use events::Position;
use parking_lot::Mutex;
use store::Db;

use crate::status::Consumer;

/// The stored places of both consumers.
#[derive(Debug)]
pub(crate) struct Retain {
    events_dir: PathBuf,
    db: Db,
    places: Mutex<BTreeMap<GatewayId, Places>>,
}

#[derive(Debug, Clone, Copy)]
struct Places {
    ledger: Position,
    analytics: Position,
    /// Up to where it was deleted: whole segments only.
    done: (Epoch, u64),
}

impl Retain {
    pub(crate) fn new(events_dir: PathBuf, db: Db) -> Self {
        Self { events_dir, db, places: Mutex::new(BTreeMap::new()) }
    }

    /// Notes that a consumer stored a place; deletes what both have passed then. A failure is tried again at the next
    /// place.
    pub(crate) async fn passed(&self, consumer: Consumer, gateway: GatewayId, at: Position) {
        let Some(least) = self.note(consumer, gateway, at) else { return };
        let (dir, kept) = (self.events_dir.clone(), least);
        let work = tokio::task::spawn_blocking(move || {
            let gone = events::segments_forget(&dir, gateway, kept)?;
            Ok::<_, events::ReadError>((gone, events::epochs_kept(&dir, gateway)?))
        });
        match work.await {
            Ok(Ok((_, epochs))) => self.epochs_forget(gateway, least, epochs).await,
            Ok(Err(error)) => tracing::warn!(%error, "consumed event logs could not be deleted; trying again later"),
            Err(error) => tracing::warn!(%error, "the deletion of consumed event logs broke off"),
        }
    }

    /// The least place of both, when it has reached a further segment.
    fn note(&self, consumer: Consumer, gateway: GatewayId, at: Position) -> Option<Position> {
        let mut places = self.places.lock();
        let start = Places { ledger: Position::START, analytics: Position::START, done: (Epoch(0), 0) };
        let places = places.entry(gateway).or_insert(start);
        match consumer {
            Consumer::Ledger => places.ledger = at,
            Consumer::Analytics => places.analytics = at,
        }
        let least = places.ledger.min(places.analytics);
        let reached = (least.epoch, least.segment);
        (reached > places.done).then(|| {
            places.done = reached;
            least
        })
    }

    /// Forgets closed epochs before the least place whose totals the ledger holds.
    async fn epochs_forget(&self, gateway: GatewayId, least: Position, kept: Vec<Epoch>) {
        let passed: Vec<Epoch> = kept.into_iter().filter(|epoch| *epoch < least.epoch).collect();
        if passed.is_empty() {
            return;
        }
        let recorded = match store::epochs_list(&self.db).await {
            Ok(recorded) => recorded,
            Err(error) => return tracing::warn!(%error, "recorded epochs could not be listed; their logs stay"),
        };
        for epoch in passed {
            if recorded.iter().any(|row| row.gateway == gateway && row.epoch == epoch) {
                let dir = self.events_dir.clone();
                let gone = tokio::task::spawn_blocking(move || events::epoch_forget(&dir, gateway, epoch)).await;
                if let Ok(Err(error)) = gone {
                    tracing::warn!(%error, "the log of a recorded epoch could not be deleted");
                }
            }
        }
    }
}
