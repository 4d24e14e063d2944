//! How own provider keys do, for those who look after them: gathered in memory as calls find out, written in batches.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use domain::{OrganizationId, ProviderKeyId, UnixMicros};
use parking_lot::Mutex;
use rpc::Control;
use service::Shutdown;
use store::{KeyOutcome, ProviderKeyUse};

/// How often what was gathered is written.
const PERIOD: Duration = Duration::from_secs(2);
/// A store that takes longer counts as away.
const DEADLINE: Duration = Duration::from_secs(2);
/// A key that goes on doing well is noted this often only.
const WELL_SECONDS: i64 = 30;
/// Limit: keys that wait to be written; those that come beyond it are noted by a later call.
const PENDING_MAX: usize = 10_000;
/// Limit: keys written in one transaction.
const BATCH_MAX: usize = 500;
/// Limit: keys of which it is known when they were last written; beyond it they are written more often.
const WRITTEN_MAX: usize = 100_000;

/// What waits to be written, and what was.
pub(crate) struct KeyHealth {
    control: Control,
    pending: Mutex<HashMap<ProviderKeyId, ProviderKeyUse>>,
    /// When each was last written, and whether it was well then.
    written: Mutex<HashMap<ProviderKeyId, (UnixMicros, bool)>>,
}

impl KeyHealth {
    pub(crate) fn new(control: Control) -> Self {
        Self { control, pending: Mutex::default(), written: Mutex::default() }
    }

    /// Notes how a call found a key.
    pub(crate) fn note(&self, organization: OrganizationId, id: ProviderKeyId, outcome: KeyOutcome, now: UnixMicros) {
        let used = ProviderKeyUse { organization, id, used_at: now, outcome };
        let mut pending = self.pending.lock();
        if let Some(earlier) = pending.get_mut(&id) {
            let keeps = outcome == KeyOutcome::Neutral;
            *earlier = if keeps { ProviderKeyUse { used_at: now, ..earlier.clone() } } else { used };
            return;
        }
        let is_news = match self.written.lock().get(&id) {
            Some((at, was_well)) => !was_well || matches!(outcome, KeyOutcome::Failed { .. }) || at.plus_seconds(WELL_SECONDS) <= now,
            None => true,
        };
        if is_news && pending.len() < PENDING_MAX {
            pending.insert(id, used);
        }
    }

    /// Writes what was gathered until the process stops, and then once more.
    pub(crate) async fn follow(self: Arc<Self>, shutdown: Shutdown) {
        let mut ticks = tokio::time::interval(PERIOD);
        let stopping = shutdown.stopping();
        tokio::pin!(stopping);
        loop {
            tokio::select! {
                _ = ticks.tick() => self.write().await,
                () = &mut stopping => return self.write().await,
            }
        }
    }

    async fn write(&self) {
        let batch: Vec<ProviderKeyUse> = {
            let mut pending = self.pending.lock();
            let ids: Vec<ProviderKeyId> = pending.keys().copied().take(BATCH_MAX).collect();
            ids.iter().filter_map(|id| pending.remove(id)).collect()
        };
        if batch.is_empty() {
            return;
        }
        let written = tokio::time::timeout(DEADLINE, self.control.provider_keys_used(&batch)).await;
        let failed = match written {
            Ok(done) => done.err().map(|error| error.to_string()),
            Err(elapsed) => Some(elapsed.to_string()),
        };
        if let Some(error) = failed {
            tracing::warn!(error, keys = batch.len(), "how provider keys do could not be written; it is tried again");
            let mut pending = self.pending.lock();
            for used in batch {
                pending.entry(used.id).or_insert(used);
            }
            return;
        }
        let mut written = self.written.lock();
        if written.len() > WRITTEN_MAX {
            written.clear();
        }
        written.extend(batch.iter().map(|used| (used.id, (used.used_at, used.outcome == KeyOutcome::Well))));
    }
}
