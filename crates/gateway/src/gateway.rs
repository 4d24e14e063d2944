//! The gateway's parts, and how they are put together at the start.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use catalog::{Catalog, CatalogHandle};
use events::Journal;
use kv::{Cache, Limiter};
use outbound::{Limits, Upstream};
use rpc::Control;
use seal::MasterKeys;
use service::config::{ConfigError, ProviderConfig};
use service::{Config, Shutdown};
use store::StoreError;

use crate::budgets::Budgets;
use crate::cooldown::Cooldowns;
use crate::credentials::Credentials;
use crate::directory::Directory;
use crate::funds::Funds;
use crate::key_health::KeyHealth;
use crate::key_spend::KeySpends;
use crate::metrics::Metrics;

/// Limit: bytes of all bodies in memory; beyond it calls are answered with 503 `overloaded`.
const BODY_BYTES_ALL_MAX: u64 = 1 << 30;
/// How often gauges are read off.
const GAUGE_PERIOD: Duration = Duration::from_millis(250);
/// How often the catalog's local file is looked at.
const CATALOG_PERIOD: Duration = Duration::from_secs(1);

/// What the gateway takes from the configuration.
#[derive(Debug, Clone)]
pub struct Settings {
    pub(crate) body_bytes_max: usize,
    pub(crate) in_flight_max: u64,
    unknown_keys_per_minute: u32,
    limits: Limits,
    allow_private: bool,
    cache_bytes_max: u64,
    providers: BTreeMap<String, ProviderConfig>,
    /// `http://ip:port` of the built-in simulated provider.
    simulated: Option<String>,
}

impl Settings {
    /// From the configuration; `simulated` is where the built-in provider listens, if it does.
    pub fn new(config: &Config, simulated: Option<String>) -> Self {
        let ms = Duration::from_millis;
        Self {
            body_bytes_max: usize::try_from(config.body_bytes_max).unwrap_or(usize::MAX),
            in_flight_max: config.in_flight_max,
            unknown_keys_per_minute: u32::try_from(config.unknown_keys_per_minute).unwrap_or(u32::MAX),
            limits: Limits {
                connect: ms(config.upstream_connect_timeout_ms),
                first_byte: ms(config.upstream_first_byte_timeout_ms),
                idle: ms(config.upstream_idle_timeout_ms),
            },
            allow_private: config.private_upstreams_allowed(),
            cache_bytes_max: config.cache_bytes_max,
            providers: config.providers.clone(),
            simulated,
        }
    }
}

/// What others made for the gateway.
pub struct Parts {
    /// Directory and lease broker.
    pub control: Control,
    /// The event log, open for this life of the gateway.
    pub journal: Arc<Journal>,
    /// Providers, models and prices, local changes included.
    pub catalog: Catalog,
    /// Open organizations' own provider keys.
    pub master_keys: Arc<MasterKeys>,
    /// Registered numbers.
    pub metrics: Metrics,
}

/// Why the gateway cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting that only the catalog can judge.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The store does not answer.
    #[error("read the directory's revision")]
    Store(#[source] StoreError),
}

/// One gateway.
pub struct Gateway {
    pub(crate) settings: Settings,
    pub(crate) directory: Arc<Directory>,
    pub(crate) funds: Funds,
    pub(crate) budgets: Arc<Budgets>,
    pub(crate) catalog: CatalogHandle,
    pub(crate) credentials: ArcSwap<Credentials>,
    /// To where the operator says: the catalog, the settings, the built-in simulated provider.
    pub(crate) upstream: Upstream,
    /// To where an organization says: nowhere inside, unless the operator allows it.
    pub(crate) upstream_own: Upstream,
    pub(crate) journal: Arc<Journal>,
    pub(crate) limiter: Limiter,
    pub(crate) cache: Cache,
    pub(crate) cooldowns: Cooldowns,
    pub(crate) key_health: Arc<KeyHealth>,
    pub(crate) spends: Arc<KeySpends>,
    pub(crate) metrics: Metrics,
    in_flight: AtomicU64,
    body_bytes: AtomicU64,
}

impl Gateway {
    /// Puts the parts together and starts the background tasks.
    pub async fn start(settings: Settings, parts: Parts, shutdown: &Shutdown) -> Result<Arc<Self>, StartError> {
        let Parts { control, journal, catalog, master_keys, metrics } = parts;
        let credentials = Credentials::new(&catalog, &settings.providers, settings.simulated.as_deref())?;
        let directory = Arc::new(Directory::new(control.clone(), master_keys, settings.unknown_keys_per_minute));
        let feed = directory.begin(service::clock::now()).await.map_err(StartError::Store)?;
        let gateway = Arc::new(Self {
            funds: Funds::new(control.clone(), journal.gateway(), journal.epoch()),
            budgets: Arc::new(Budgets::new(control.clone(), journal.gateway(), journal.epoch())),
            directory,
            catalog: CatalogHandle::new(catalog),
            credentials: ArcSwap::from_pointee(credentials),
            upstream: Upstream::new(settings.limits, true),
            upstream_own: Upstream::new(settings.limits, settings.allow_private),
            journal,
            limiter: Limiter::memory(),
            cache: Cache::memory(settings.cache_bytes_max),
            cooldowns: Cooldowns::default(),
            key_health: Arc::new(KeyHealth::new(control.clone())),
            spends: Arc::new(KeySpends::new(control)),
            metrics,
            in_flight: AtomicU64::new(0),
            body_bytes: AtomicU64::new(0),
            settings,
        });
        shutdown.spawn(Arc::clone(&gateway.directory).follow(feed, shutdown.clone()));
        shutdown.spawn(Arc::clone(&gateway.budgets).follow(shutdown.clone()));
        shutdown.spawn(Arc::clone(&gateway.key_health).follow(shutdown.clone()));
        shutdown.spawn(Arc::clone(&gateway.spends).follow(shutdown.clone()));
        shutdown.spawn(Arc::clone(&gateway).read_gauges(shutdown.clone()));
        Ok(gateway)
    }

    /// Follows the catalog's local file: a good change is taken, a bad one leaves the old catalog and says why.
    pub async fn follow_catalog(self: Arc<Self>, path: std::path::PathBuf, shutdown: Shutdown) {
        let mut ticks = tokio::time::interval(CATALOG_PERIOD);
        let mut known = text_of(&path).await;
        let stopping = shutdown.stopping();
        tokio::pin!(stopping);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = &mut stopping => return,
            }
            let text = text_of(&path).await;
            if text == known {
                continue;
            }
            match text.as_deref().map_or(Err("the file cannot be read".to_owned()), |text| self.catalog_change(text)) {
                Ok(()) => tracing::info!(file = %path.display(), "the catalog's local file was read again"),
                Err(reason) => {
                    tracing::error!(file = %path.display(), reason, "the catalog's local file is refused; the catalog stays as it was")
                }
            }
            known = text;
        }
    }

    fn catalog_change(&self, text: &str) -> Result<(), String> {
        let builtin = Catalog::builtin().map_err(|e| e.to_string())?;
        let catalog = builtin.with_overrides(text).map_err(|e| e.to_string())?;
        let credentials =
            Credentials::new(&catalog, &self.settings.providers, self.settings.simulated.as_deref()).map_err(|e| e.to_string())?;
        self.catalog.swap(catalog);
        self.credentials.store(Arc::new(credentials));
        Ok(())
    }

    /// `http://ip:port` of the built-in simulated provider.
    pub(crate) fn simulated(&self) -> Option<&str> {
        self.settings.simulated.as_deref()
    }

    /// Whether a call would be taken now; the reason if not.
    pub fn ready(&self) -> Result<(), String> {
        self.journal.accepts().map_err(|e| e.to_string())
    }

    /// A place among the calls in flight; none when they are too many.
    pub(crate) fn enter(self: &Arc<Self>) -> Option<InFlight> {
        let before = self.in_flight.fetch_add(1, Ordering::AcqRel);
        let place = InFlight(Arc::clone(self));
        (before < self.settings.in_flight_max).then_some(place)
    }

    /// Room for a body that is about to be read; none when all calls' bodies together would take too much memory.
    pub(crate) fn room(self: &Arc<Self>, bytes: u64) -> Option<BodyBytes> {
        let before = self.body_bytes.fetch_add(bytes, Ordering::AcqRel);
        let room = BodyBytes(Arc::clone(self), bytes);
        (before.saturating_add(bytes) <= BODY_BYTES_ALL_MAX).then_some(room)
    }

    async fn read_gauges(self: Arc<Self>, shutdown: Shutdown) {
        let mut ticks = tokio::time::interval(GAUGE_PERIOD);
        let stopping = shutdown.stopping();
        tokio::pin!(stopping);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = &mut stopping => return,
            }
            let (holds, held) = self.funds.open_holds();
            let counters = self.journal.counters();
            self.metrics.open_holds.set(i64::try_from(holds).unwrap_or(i64::MAX));
            self.metrics.held_nano_usd.set(held.0);
            self.metrics.log_bytes.set(counters.log_bytes);
            self.metrics.log_unsynced_bytes.set(counters.unsynced_bytes);
            self.metrics.log_failures.set(counters.append_failures);
        }
    }
}

async fn text_of(path: &Path) -> Option<String> {
    tokio::fs::read_to_string(path).await.ok()
}

/// Memory of one call's body.
pub(crate) struct BodyBytes(Arc<Gateway>, u64);

impl Drop for BodyBytes {
    fn drop(&mut self) {
        self.0.body_bytes.fetch_sub(self.1, Ordering::AcqRel);
    }
}

/// One call's place among those in flight.
pub(crate) struct InFlight(Arc<Gateway>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::AcqRel);
    }
}
