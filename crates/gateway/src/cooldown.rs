//! Deployments that failed a moment ago are tried last for a while.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use catalog::Deployment;
use parking_lot::Mutex;

/// After a failure without a word of when to come back.
const COOLDOWN: Duration = Duration::from_secs(5);
/// Limit: what a provider's Retry-After may ask for.
const COOLDOWN_MAX: Duration = Duration::from_secs(60);

/// Provider id and the provider's name of the model.
type Key = (Arc<str>, Arc<str>);

/// What is left alone until when. Empty nearly always, and then it costs one atomic read.
#[derive(Default)]
pub(crate) struct Cooldowns {
    count: AtomicUsize,
    until: Mutex<HashMap<Key, Instant>>,
}

impl Cooldowns {
    pub(crate) fn start(&self, deployment: &Deployment, retry_after_ms: Option<u64>) {
        let pause = retry_after_ms.map_or(COOLDOWN, |ms| Duration::from_millis(ms).min(COOLDOWN_MAX));
        let mut until = self.until.lock();
        let now = Instant::now();
        until.retain(|_, end| *end > now);
        until.insert(key(deployment), now + pause);
        self.count.store(until.len(), Ordering::Release);
    }

    /// A call that got through ends the pause.
    pub(crate) fn end(&self, deployment: &Deployment) {
        if self.count.load(Ordering::Acquire) == 0 {
            return;
        }
        let mut until = self.until.lock();
        until.remove(&key(deployment));
        self.count.store(until.len(), Ordering::Release);
    }

    pub(crate) fn is_cooling(&self, deployment: &Deployment) -> bool {
        self.count.load(Ordering::Acquire) > 0 && self.until.lock().get(&key(deployment)).is_some_and(|end| *end > Instant::now())
    }
}

fn key(deployment: &Deployment) -> Key {
    (Arc::clone(&deployment.provider.id), Arc::clone(&deployment.upstream))
}
