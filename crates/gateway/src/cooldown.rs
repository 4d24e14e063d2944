//! Deployments that failed a moment ago are tried last for a while.
//!
//! What an organization's own key meets concerns that key alone: it has a table of its own, so that no tenant's failures
//! reach the platform's deployments or another tenant.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use catalog::Deployment;
use domain::ProviderKeyId;
use parking_lot::Mutex;

use crate::credentials::Credential;

/// After a failure without a word of when to come back.
const COOLDOWN: Duration = Duration::from_secs(5);
/// Limit: what a provider's Retry-After may ask for.
const COOLDOWN_MAX: Duration = Duration::from_secs(60);
/// Limit: deployments that cool at once, of the platform and of all own keys. Further ones are not left alone.
const COOLING_MAX: usize = 10_000;

/// What is left alone until when.
#[derive(Default)]
pub(crate) struct Cooldowns {
    /// By provider id and the provider's name of the model.
    platform: Table<(Arc<str>, Arc<str>)>,
    /// By key, which has one provider, and the provider's name of the model.
    own: Table<(ProviderKeyId, Arc<str>)>,
}

impl Cooldowns {
    pub(crate) fn start(&self, deployment: &Deployment, credential: Credential, retry_after_ms: Option<u64>) {
        let pause = pause(retry_after_ms);
        match credential {
            Credential::Platform => self.platform.start(of_platform(deployment), pause),
            Credential::Own(id) => self.own.start((id, Arc::clone(&deployment.upstream)), pause),
        }
    }

    /// A call that got through ends the pause.
    pub(crate) fn end(&self, deployment: &Deployment, credential: Credential) {
        match credential {
            Credential::Platform => self.platform.end(|| of_platform(deployment)),
            Credential::Own(id) => self.own.end(|| (id, Arc::clone(&deployment.upstream))),
        }
    }

    pub(crate) fn is_cooling(&self, deployment: &Deployment, credential: Credential) -> bool {
        match credential {
            Credential::Platform => self.platform.has(|| of_platform(deployment)),
            Credential::Own(id) => self.own.has(|| (id, Arc::clone(&deployment.upstream))),
        }
    }
}

/// How long a deployment is left alone.
pub(crate) fn pause(retry_after_ms: Option<u64>) -> Duration {
    retry_after_ms.map_or(COOLDOWN, |ms| Duration::from_millis(ms).min(COOLDOWN_MAX))
}

fn of_platform(deployment: &Deployment) -> (Arc<str>, Arc<str>) {
    (Arc::clone(&deployment.provider.id), Arc::clone(&deployment.upstream))
}

/// Empty nearly always, and then it costs one atomic read.
struct Table<K> {
    count: AtomicUsize,
    until: Mutex<HashMap<K, Instant>>,
}

impl<K> Default for Table<K> {
    fn default() -> Self {
        Self { count: AtomicUsize::new(0), until: Mutex::default() }
    }
}

impl<K: Eq + Hash> Table<K> {
    fn start(&self, key: K, pause: Duration) {
        let mut until = self.until.lock();
        let now = Instant::now();
        until.retain(|_, end| *end > now);
        if until.len() < COOLING_MAX {
            until.insert(key, now + pause);
        }
        self.count.store(until.len(), Ordering::Release);
    }

    fn end(&self, key: impl FnOnce() -> K) {
        if self.count.load(Ordering::Acquire) == 0 {
            return;
        }
        let mut until = self.until.lock();
        until.remove(&key());
        self.count.store(until.len(), Ordering::Release);
    }

    fn has(&self, key: impl FnOnce() -> K) -> bool {
        self.count.load(Ordering::Acquire) > 0 && self.until.lock().get(&key()).is_some_and(|end| *end > Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_own_key_cools_neither_the_platform_nor_another_tenants_key() {
        let catalog = catalog::Catalog::builtin().unwrap();
        let deployment = &catalog.model("gpt-4o").unwrap().deployments[0];
        let key = |n| Credential::Own(ProviderKeyId::from_uuid(uuid::Uuid::from_u128(n)));
        let cooldowns = Cooldowns::default();
        cooldowns.start(deployment, key(1), None);
        assert!(cooldowns.is_cooling(deployment, key(1)));
        assert!(!cooldowns.is_cooling(deployment, key(2)) && !cooldowns.is_cooling(deployment, Credential::Platform));
        cooldowns.start(deployment, Credential::Platform, None);
        cooldowns.end(deployment, Credential::Platform);
        assert!(!cooldowns.is_cooling(deployment, Credential::Platform) && cooldowns.is_cooling(deployment, key(1)));
    }
}
