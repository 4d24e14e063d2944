//! From a key to its caller, and from an organization to its own provider keys: answered from memory, filled from the store
//! on first sight, kept true by the change feed.
//!
//! Invariant: cut off from control it serves what it knows within the bounds below, and answers 503 to all else: what it does not
//! know may exist.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use domain::key::{self, KeyKind, Spelling};
use domain::{ApiKeyId, Code, Fault, OrgScope, OrganizationId, ProjectId, UnixMicros};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use rpc::{Control, Feed, News};
use seal::MasterKeys;
use service::Shutdown;
use sha2::{Digest, Sha256};
use store::{
    CallerRow, ChangeKind, ChangeRow, KeyStatus, OrganizationStatus, ProjectMode, ProjectStatus, RoutingStrategy, StoreError,
    SubAccountStatus,
};

use crate::budgets::KeyBudget;
use crate::levels::Levels;
use crate::misses::Misses;
use crate::own_keys::{self, OwnKeys};

/// Limit: callers kept in memory.
const CALLERS_MAX: usize = 100_000;
/// Limit: keys remembered as nobody's.
const NOBODIES_MAX: usize = 50_000;
/// Limit: memory of opened provider keys; those that were not used for the longest time are opened again on their next use.
const OWN_KEYS_BYTES_MAX: u64 = 256 << 20;
/// Organizations with opened provider keys that memory is laid out for.
const OWN_KEYS_EXPECTED: usize = 10_000;
/// Until the change feed says its first word.
const CONNECT_DEADLINE: Duration = Duration::from_secs(4);
/// Between two tries to follow the change feed.
const RECONNECT_PAUSE: Duration = Duration::from_millis(300);
/// A gateway that hears nothing of changes for this long takes no key for nobody's: it may be new.
const NOBODIES_STALE_SECONDS: i64 = 5;
/// … and for this long serves no calls that credits pay for.
const CREDITS_STALE_SECONDS: i64 = 15 * 60;
/// … and for this long none at all.
const KEYS_STALE_SECONDS: i64 = 24 * 3_600;
/// A look-up that takes longer counts as the directory being away.
const LOOKUP_DEADLINE: Duration = Duration::from_secs(2);
/// A caller that changes while it is read is read again, this often.
const READS_MAX: u32 = 4;

/// A revision before all others.
const NOTHING_KNOWN: i64 = -1;

type KeyHash = [u8; 32];

/// Who calls, as far as the gateway must know.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) scope: OrgScope,
    pub(crate) key: ApiKeyId,
    hash: KeyHash,
    pub(crate) project: ProjectId,
    key_status: KeyStatus,
    expires_at: Option<UnixMicros>,
    organization_status: OrganizationStatus,
    project_status: ProjectStatus,
    pub(crate) routing: RoutingStrategy,
    /// Of the sub-account whose key it is.
    sub_account_status: Option<SubAccountStatus>,
    pub(crate) mode: ProjectMode,
    /// Seconds that answers are kept; none: not at all.
    pub(crate) cache_ttl_seconds: Option<u32>,
    pub(crate) levels: Levels,
    pub(crate) markup_basis_points: u32,
    /// Those that its calls may count in; none for most keys.
    pub(crate) budgets: Box<[Arc<KeyBudget>]>,
}

impl Caller {
    #[expect(clippy::disallowed_methods, reason = "the key's SHA-256 matched: this proves the tenant")]
    fn proven(row: CallerRow, hash: KeyHash) -> Result<Self, StoreError> {
        let levels = Levels::new(row.levels).map_err(|_| StoreError::Corrupt { what: "rules" })?;
        let budgets = row.budgets.into_iter().map(|row| KeyBudget::new(row).map(Arc::new)).collect::<Result<_, _>>()?;
        Ok(Self {
            scope: OrgScope::proven(row.organization),
            key: row.key,
            hash,
            project: row.project,
            key_status: row.key_status,
            expires_at: row.expires_at,
            organization_status: row.organization_status,
            project_status: row.project_status,
            routing: row.routing,
            sub_account_status: row.sub_account.map(|sub_account| sub_account.status),
            mode: row.mode,
            cache_ttl_seconds: row.cache_enabled.then_some(row.cache_ttl_seconds),
            levels,
            markup_basis_points: row.markup_basis_points,
            budgets,
        })
    }

    pub(crate) fn organization(&self) -> OrganizationId {
        self.scope.organization()
    }

    /// Refuses a key that does not open, or is used from elsewhere than it may be.
    fn open(self: Arc<Self>, now: UnixMicros, client: IpAddr) -> Result<Arc<Self>, Fault> {
        self.opens(now)?;
        self.levels.address_allowed(client)?;
        Ok(self)
    }

    /// Refuses a key that is revoked, over its time, or of what does not call any more.
    fn opens(&self, now: UnixMicros) -> Result<(), Fault> {
        if self.key_status == KeyStatus::Revoked {
            return Err(Fault::new(Code::RevokedApiKey, "this API key was revoked; create another one in the dashboard under API keys"));
        }
        if self.expires_at.is_some_and(|at| at <= now) {
            return Err(Fault::new(
                Code::ExpiredApiKey,
                "this API key is past its expiry date; create another one in the dashboard under API keys",
            ));
        }
        let say = match self.organization_status {
            OrganizationStatus::Active => match (self.project_status, self.sub_account_status) {
                (ProjectStatus::Active, None | Some(SubAccountStatus::Active)) => return Ok(()),
                (ProjectStatus::Archived, _) => "this API key's project is archived; an owner or admin can restore it in the dashboard",
                (_, Some(SubAccountStatus::Suspended)) => "this key's account is suspended; whoever gave you the key can resume it",
                (_, Some(SubAccountStatus::Closed)) => "this key's account was closed",
            },
            OrganizationStatus::Suspended => "this organization is suspended; its owner finds the reason in the dashboard",
            OrganizationStatus::Deleting => "this organization is being deleted; its owners can take that back in the dashboard",
            OrganizationStatus::Deleted => "this organization was deleted",
        };
        Err(Fault::new(Code::PermissionDenied, say))
    }
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<OrganizationId, Arc<OwnKeys>> for ByBytes {
    fn weight(&self, _: &OrganizationId, keys: &Arc<OwnKeys>) -> u64 {
        keys.bytes()
    }
}

/// The directory.
pub(crate) struct Directory {
    control: Control,
    callers: Cache<KeyHash, Arc<Caller>>,
    nobodies: Cache<KeyHash, ()>,
    misses: Misses,
    master_keys: Arc<MasterKeys>,
    own_keys: Cache<OrganizationId, Arc<OwnKeys>, ByBytes>,
    /// The newest revision that the feed has handled.
    revision: AtomicI64,
    /// When the feed last said something, if only that nothing has changed; microseconds.
    heard_at: AtomicI64,
}

impl Directory {
    /// Knows nothing yet, and follows no feed before `begin`.
    pub(crate) fn new(control: Control, master_keys: Arc<MasterKeys>, unknown_keys_per_minute: u32) -> Self {
        Self {
            control,
            callers: Cache::new(CALLERS_MAX),
            nobodies: Cache::new(NOBODIES_MAX),
            misses: Misses::new(unknown_keys_per_minute),
            master_keys,
            own_keys: Cache::with_weighter(OWN_KEYS_EXPECTED, OWN_KEYS_BYTES_MAX, ByBytes),
            revision: AtomicI64::new(NOTHING_KNOWN),
            heard_at: AtomicI64::new(0),
        }
    }

    /// Who presents this key, from this address.
    pub(crate) async fn resolve(&self, key: &str, client: IpAddr, now: UnixMicros) -> Result<Arc<Caller>, Fault> {
        let hash: KeyHash = Sha256::digest(key.as_bytes()).into();
        if let Some(caller) = self.callers.get(&hash) {
            self.keys_are_known(now)?;
            return caller.open(now, client);
        }
        match key::read(key) {
            Spelling::Mistyped(_) => {
                return Err(Fault::new(
                    Code::MalformedApiKey,
                    "this API key is mistyped or cut off (its checksum is wrong); copy it again, whole",
                ));
            }
            Spelling::Ours(KeyKind::Management) => {
                return Err(Fault::new(
                    Code::InvalidApiKey,
                    "this is a management key (llmgm_), which opens /api; use an API key (llmg_) here",
                ));
            }
            Spelling::Ours(KeyKind::Api) | Spelling::Foreign => {}
        }
        if self.nobodies.get(&hash).is_some() && self.is_heard_within(NOBODIES_STALE_SECONDS, now) {
            return Err(nobody());
        }
        // Nothing tells an unknown key from one that was not used here yet, so that both wait while the address has none left.
        self.misses.allow(client, now)?;
        let loaded = self.load(hash).await;
        if loaded.as_ref().is_err_and(|fault| fault.code() == Code::InvalidApiKey) {
            self.misses.missed(client, now);
        }
        loaded?.open(now, client)
    }

    /// Why a caller that was let in may not go on; none when it may, and while the directory cannot be asked: that is our own
    /// fault, and ends no call.
    pub(crate) async fn refusal(&self, caller: &Caller, now: UnixMicros) -> Option<Fault> {
        let known = match self.callers.get(&caller.hash) {
            Some(known) => Ok(known),
            None => self.load(caller.hash).await,
        };
        let refusal = known.and_then(|known| known.opens(now)).err()?;
        (refusal.code() != Code::DirectoryUnavailable).then_some(refusal)
    }

    async fn load(&self, hash: KeyHash) -> Result<Arc<Caller>, Fault> {
        for _ in 0..READS_MAX {
            // Coalesced: many calls with a key that is new here make one query.
            let read = self.callers.get_or_insert_async(&hash, self.read(&hash));
            let before = self.revision.load(Ordering::Acquire);
            match tokio::time::timeout(LOOKUP_DEADLINE, read).await {
                Err(elapsed) => return Err(away(elapsed.into())),
                Ok(Err(Some(error))) => return Err(away(error.into())),
                Ok(Err(None)) => {
                    self.nobodies.insert(hash, ());
                    if self.revision.load(Ordering::Acquire) == before {
                        return Err(nobody());
                    }
                    self.nobodies.remove(&hash);
                }
                Ok(Ok(caller)) if self.revision.load(Ordering::Acquire) == before => return Ok(caller),
                // The feed moved while the row was read, so the row may be older than the change: read again.
                Ok(Ok(_)) => {
                    self.callers.remove(&hash);
                }
            }
        }
        Err(away("the directory changes faster than it can be read".into()))
    }

    /// The organization's own provider keys that are switched on, opened. Asked only where the caller's project may use them.
    pub(crate) async fn own_keys(&self, scope: OrgScope) -> Result<Arc<OwnKeys>, Fault> {
        let organization = scope.organization();
        if let Some(keys) = self.own_keys.get(&organization) {
            return Ok(keys);
        }
        for _ in 0..READS_MAX {
            let read = async {
                let sealed = self.control.provider_keys(&scope).await?;
                Ok::<_, StoreError>(Arc::new(own_keys::open(sealed, &self.master_keys, &scope)))
            };
            let read = self.own_keys.get_or_insert_async(&organization, read);
            let before = (self.revision.load(Ordering::Acquire), self.master_keys.changes());
            let keys = tokio::time::timeout(LOOKUP_DEADLINE, read).await.map_err(|elapsed| away(elapsed.into()))?;
            let keys = keys.map_err(|error| away(error.into()))?;
            if (self.revision.load(Ordering::Acquire), self.master_keys.changes()) == before {
                return Ok(keys);
            }
            // As with callers: what was read may be older than the change.
            self.own_keys.remove(&organization);
        }
        Err(away("the directory changes faster than it can be read".into()))
    }

    /// The caller in the store; `Err(None)` when the key is nobody's.
    async fn read(&self, hash: &KeyHash) -> Result<Arc<Caller>, Option<StoreError>> {
        let row = self.control.caller(hash).await.map_err(Some)?;
        let caller = Caller::proven(row.ok_or(None)?, *hash).map_err(Some)?;
        Ok(Arc::new(caller))
    }

    /// Begins to follow the change feed, so that nothing that is known is older than the first call. None: control is
    /// elsewhere and away, and is looked for from now on.
    pub(crate) async fn begin(&self, now: UnixMicros) -> Result<Option<Feed>, StoreError> {
        match self.connect(now).await {
            Ok(feed) => Ok(Some(feed)),
            Err(error) if self.control.is_remote() => {
                tracing::warn!(error = %chain(&error), "control is away; this gateway begins with what it knows");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// A feed whose first news is taken in.
    async fn connect(&self, now: UnixMicros) -> Result<Feed, StoreError> {
        let connected = async {
            let mut feed = self.control.watch(self.revision.load(Ordering::Acquire)).await?;
            let news = feed.next().await?;
            Ok::<_, StoreError>((feed, news))
        };
        let away = |elapsed: tokio::time::error::Elapsed| StoreError::Unavailable { act: "follow changes", source: elapsed.into() };
        let (feed, news) = tokio::time::timeout(CONNECT_DEADLINE, connected).await.map_err(away)??;
        self.learn(&news, now);
        Ok(feed)
    }

    /// Follows the change feed until the process stops.
    pub(crate) async fn follow(self: Arc<Self>, feed: Option<Feed>, shutdown: Shutdown) {
        let stopping = shutdown.stopping();
        tokio::pin!(stopping);
        tokio::select! {
            () = self.follow_on(feed) => {}
            () = &mut stopping => {}
        }
    }

    async fn follow_on(&self, mut feed: Option<Feed>) {
        loop {
            let Err(error) = self.follow_once(feed.take()).await;
            tracing::warn!(error = %chain(&error), "the change feed cannot be read; known keys go on for a while");
            tokio::time::sleep(RECONNECT_PAUSE).await;
        }
    }

    async fn follow_once(&self, feed: Option<Feed>) -> Result<Infallible, StoreError> {
        let mut feed = match feed {
            Some(feed) => feed,
            None => self.connect(service::clock::now()).await?,
        };
        let mut master_keys = self.master_keys.changes();
        loop {
            let news = feed.next().await?;
            // What did not open may open now.
            let changes = self.master_keys.changes();
            if changes != master_keys {
                self.own_keys.clear();
                master_keys = changes;
            }
            self.learn(&news, service::clock::now());
        }
    }

    /// Takes in what is new.
    fn learn(&self, news: &News, now: UnixMicros) {
        // The revision moves first: a read that began before it is then thrown away, whatever it saw.
        self.revision.store(news.revision, Ordering::Release);
        if news.reset {
            self.callers.clear();
            self.nobodies.clear();
            self.own_keys.clear();
        }
        for change in &news.changes {
            self.forget(change);
        }
        self.heard_at.store(now.0, Ordering::Release);
    }

    fn is_heard_within(&self, seconds: i64, now: UnixMicros) -> bool {
        UnixMicros(self.heard_at.load(Ordering::Acquire)).plus_seconds(seconds) > now
    }

    /// Refuses what credits would pay while too long nothing was heard of changes: by then the key or the organization may
    /// have lost its right to them.
    pub(crate) fn credits_are_known(&self, now: UnixMicros) -> Result<(), Fault> {
        if self.is_heard_within(CREDITS_STALE_SECONDS, now) {
            return Ok(());
        }
        Err(Fault::new(Code::CreditsUnavailable, "credits cannot be used right now; nothing was charged, try again in a moment")
            .retry_after_ms(1_000)
            .note("nothing was heard of control for too long"))
    }

    /// Refuses every call while too long nothing was heard of changes.
    fn keys_are_known(&self, now: UnixMicros) -> Result<(), Fault> {
        if self.is_heard_within(KEYS_STALE_SECONDS, now) {
            return Ok(());
        }
        Err(away("nothing was heard of control for too long".into()))
    }

    fn forget(&self, change: &ChangeRow) {
        match (&change.key_hash, change.kind) {
            (Some(hash), _) => {
                self.callers.remove(hash);
                self.nobodies.remove(hash);
            }
            (None, ChangeKind::ProviderKeysChanged) => {
                self.own_keys.remove(&change.organization);
            }
            (None, _) => self.callers.retain(|_, caller| caller.organization() != change.organization),
        }
    }
}

fn away(cause: domain::fault::Cause) -> Fault {
    Fault::new(Code::DirectoryUnavailable, "keys cannot be looked up right now; try again in a moment")
        .retry_after_ms(1_000)
        .note("look up a caller or its provider keys")
        .because(cause)
}

/// An error with its causes, on one line.
fn chain(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

fn nobody() -> Fault {
    Fault::new(Code::InvalidApiKey, "this API key is unknown here; check that it is whole and belongs to this instance")
}

#[cfg(test)]
#[path = "directory_tests.rs"]
mod tests;
