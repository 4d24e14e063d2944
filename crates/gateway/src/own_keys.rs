//! An organization's own provider keys, opened: in memory only, and never shown.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use catalog::{Catalog, Deployment, Dialect, Provider};
use domain::{OrgScope, ProviderKeyId};
use seal::{DataKey, MasterKeys};
use store::{Db, ProviderKeySettings, ProviderKeyStatus, ProviderOptions, ProviderSecret, SealedProviderKeyRow, StoreError};

use crate::endpoint::{Endpoint, OwnParts};
use crate::oauth::Tokens;
use crate::rules::is_meant;

/// What a sealed provider key is bound to, beside its row and organization.
const PROVIDER_KEYS: &str = "provider_key";
/// About what a key takes in memory beside its texts.
const KEY_BYTES: u64 = 512;

/// Keys by provider id, each list in the order of use: by priority, then by id (the oldest first).
#[derive(Default)]
pub(crate) struct OwnKeys {
    by_provider: HashMap<Arc<str>, Vec<OwnKey>>,
    /// Providers with a key that does not open: it is there, and the fault is ours.
    shut: HashSet<String>,
    capped: Vec<ProviderKeyId>,
}

/// One key.
pub(crate) struct OwnKey {
    pub(crate) id: ProviderKeyId,
    priority: u32,
    weight: u32,
    /// None: the catalog's.
    address: Option<String>,
    secret: ProviderSecret,
    pub(crate) settings: ProviderKeySettings,
    /// Of a service account.
    tokens: Option<Arc<Tokens>>,
    /// Made on first use; again when the catalog's row of the provider is another one.
    made: ArcSwapOption<Made>,
}

/// Endpoints at one row of the catalog, by the dialect that is spoken there.
struct Made {
    provider: Arc<Provider>,
    endpoints: Vec<(Dialect, Arc<Endpoint>)>,
}

impl fmt::Debug for OwnKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.by_provider.iter().map(|(provider, keys)| (provider, keys.len()))).finish()
    }
}

impl OwnKeys {
    pub(crate) fn has(&self, provider: &Provider) -> bool {
        self.by_provider.contains_key(&provider.id)
    }

    /// A key is used for this deployment.
    pub(crate) fn serves(&self, catalog: &Catalog, deployment: &Arc<Deployment>) -> bool {
        self.all(&deployment.provider).iter().any(|key| key.serves(catalog, deployment))
    }

    /// Those that may spend so much only.
    pub(crate) fn capped(&self) -> &[ProviderKeyId] {
        &self.capped
    }

    /// A key of this provider is stored and cannot be opened.
    pub(crate) fn is_shut(&self, provider: &Provider) -> bool {
        self.shut.contains(&*provider.id)
    }

    /// About how much memory they take.
    pub(crate) fn bytes(&self) -> u64 {
        let texts = |key: &OwnKey| {
            let secrets: usize = key.secret.secrets().iter().map(|secret| secret.expose().len()).sum();
            let models = key.settings.allowed_models.iter().flatten().map(String::len).sum::<usize>();
            let deployments = match &key.settings.options {
                Some(ProviderOptions::Azure { deployments, .. }) => deployments.iter().map(|(k, v)| k.len() + v.len()).sum(),
                _ => 0,
            };
            secrets + models + deployments + key.address.as_ref().map_or(0, String::len)
        };
        let key = |key: &OwnKey| KEY_BYTES.saturating_add(u64::try_from(texts(key).saturating_mul(3)).unwrap_or(u64::MAX));
        self.by_provider.values().flatten().map(key).fold(KEY_BYTES, u64::saturating_add)
    }

    /// A provider's keys without any order of turns.
    pub(crate) fn all(&self, provider: &Provider) -> &[OwnKey] {
        self.by_provider.get(&provider.id).map_or(&[], Vec::as_slice)
    }

    /// A provider's keys in the order in which a call tries them: by priority; those of one priority by lot, each as often
    /// first as its weight says. `lot` is random.
    pub(crate) fn in_turn(&self, provider: &Provider, mut lot: u64) -> Vec<&OwnKey> {
        let mut rest: Vec<&OwnKey> = self.all(provider).iter().collect();
        let mut ordered = Vec::with_capacity(rest.len());
        while let Some(first) = rest.first() {
            let priority = first.priority;
            let same = || rest.iter().take_while(|key| key.priority == priority);
            let total = same().map(|key| u64::from(key.weight)).sum::<u64>().max(1);
            let mut left = lot % total;
            let drawn = same().position(|key| {
                let hit = left < u64::from(key.weight);
                left = left.saturating_sub(u64::from(key.weight));
                hit
            });
            lot = lot.rotate_right(16);
            ordered.push(rest.remove(drawn.unwrap_or(0)));
        }
        ordered
    }
}

impl OwnKey {
    /// Where and how a deployment is called with it. None: it cannot be sent anywhere.
    pub(crate) fn endpoint(&self, deployment: &Deployment, simulated: Option<&str>) -> Option<Arc<Endpoint>> {
        let (provider, spoken) = (&deployment.provider, deployment.spoken()?);
        let made = self.made.load();
        let made = made.as_ref().filter(|made| Arc::ptr_eq(&made.provider, provider));
        if let Some((_, endpoint)) = made.and_then(|made| made.endpoints.iter().find(|(dialect, _)| *dialect == spoken)) {
            return Some(Arc::clone(endpoint));
        }
        let (id, address, tokens) = (self.id, self.address.as_deref(), self.tokens.as_ref());
        let parts = OwnParts { id, secret: &self.secret, address, settings: &self.settings, tokens };
        let endpoint = Arc::new(Endpoint::own(provider, spoken, &parts, simulated)?);
        let mut endpoints = made.map(|made| made.endpoints.clone()).unwrap_or_default();
        endpoints.push((spoken, Arc::clone(&endpoint)));
        self.made.store(Some(Arc::new(Made { provider: Arc::clone(provider), endpoints })));
        Some(endpoint)
    }

    /// Whether it is used for this deployment, as far as its settings say.
    pub(crate) fn serves(&self, catalog: &Catalog, deployment: &Arc<Deployment>) -> bool {
        let allowed = self.settings.allowed_models.as_ref();
        allowed.is_none_or(|allowed| allowed.iter().any(|entry| is_meant(entry, catalog, deployment)))
    }

    /// Whether it is used for calls that ask for this region.
    pub(crate) fn is_in(&self, region: Option<&str>) -> bool {
        match (region, self.settings.region.as_deref()) {
            (Some(asked), Some(own)) => asked == own,
            _ => true,
        }
    }
}

/// Reads and opens the keys of the scope that are switched on. One that does not open is left out, and the log says which.
pub(crate) async fn read(db: &Db, master_keys: &MasterKeys, scope: &OrgScope) -> Result<OwnKeys, StoreError> {
    let mut data_keys: HashMap<u32, Option<DataKey>> = HashMap::new();
    let mut keys = OwnKeys::default();
    let rows = store::provider_keys_sealed(db, scope).await?;
    for row in rows.into_iter().filter(|row| row.status == ProviderKeyStatus::Active) {
        let data_key = match data_keys.entry(row.key_version) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(data_key(db, master_keys, scope, row.key_version).await?),
        };
        let opened = data_key.as_ref().map(|key| -> Result<ProviderSecret, Box<dyn std::error::Error>> {
            let text = key.open(PROVIDER_KEYS, &row.id.to_string(), &row.sealed)?;
            Ok(ProviderSecret::read(row.kind, text)?)
        });
        match opened {
            Some(Ok(secret)) => {
                keys.add(row, secret);
                continue;
            }
            Some(Err(error)) => {
                tracing::error!(provider_key.id = %row.id, %error, "a provider key cannot be opened, so calls do without it");
            }
            // The log has said so of its data key.
            None => {}
        }
        keys.shut.insert(row.provider);
    }
    Ok(keys)
}

async fn data_key(db: &Db, master_keys: &MasterKeys, scope: &OrgScope, version: u32) -> Result<Option<DataKey>, StoreError> {
    let organization = scope.organization();
    let Some(stored) = store::data_key_get(db, scope, Some(version)).await? else {
        tracing::error!(organization.id = %organization, version, "an organization's data key is gone, so calls do without its provider keys");
        return Ok(None);
    };
    match master_keys.data_key_open(organization, stored.version, stored.master_key.as_deref(), &stored.sealed) {
        Ok(key) => Ok(Some(key)),
        Err(error) => {
            tracing::error!(organization.id = %organization, %error, "an organization's data key cannot be opened, so calls do without its provider keys; is its master key among those of this process?");
            Ok(None)
        }
    }
}

impl OwnKeys {
    /// Behind those of its priority: rows come by priority and id.
    fn add(&mut self, row: SealedProviderKeyRow, secret: ProviderSecret) {
        let SealedProviderKeyRow { id, provider, priority, weight, base_url, settings, .. } = row;
        let tokens = match &secret {
            ProviderSecret::ServiceAccount(account) => Some(Arc::new(Tokens::new(account.clone()))),
            _ => None,
        };
        if settings.spend_cap.is_some() {
            self.capped.push(id);
        }
        let key = OwnKey { id, priority, weight, address: base_url, secret, settings, tokens, made: ArcSwapOption::empty() };
        let keys = self.by_provider.entry(provider.into()).or_default();
        keys.push(key);
        keys.sort_by_key(|key| key.priority);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use domain::Secret;
    use store::SecretKind;
    use uuid::Uuid;

    use super::*;

    /// Keys of (id, provider, priority, weight).
    pub(crate) fn keys(rows: &[(u128, &str, u32, u32)]) -> OwnKeys {
        let mut keys = OwnKeys::default();
        for &(id, provider, priority, weight) in rows {
            let row = SealedProviderKeyRow {
                id: ProviderKeyId::from_uuid(Uuid::from_u128(id)),
                provider: provider.to_owned(),
                priority,
                weight,
                base_url: None,
                sealed: Vec::new(),
                key_version: 1,
                kind: SecretKind::Key,
                settings: ProviderKeySettings::default(),
                status: ProviderKeyStatus::Active,
            };
            keys.add(row, ProviderSecret::Key(Secret::new(format!("sk-canary-{id:032x}"))));
        }
        keys
    }

    fn order(keys: &OwnKeys, lot: u64) -> Vec<u128> {
        let catalog = catalog::Catalog::builtin().unwrap();
        keys.in_turn(catalog.provider("openai").unwrap(), lot).iter().map(|key| key.id.uuid().as_u128()).collect()
    }

    #[test]
    fn priority_comes_first_and_weight_draws_among_equals() {
        let keys = keys(&[(1, "openai", 0, 3), (2, "openai", 0, 1), (3, "openai", 7, 1_000), (4, "anthropic", 0, 1)]);
        let firsts: Vec<u128> = (0..4).map(|lot| order(&keys, lot)[0]).collect();
        assert_eq!(firsts, [1, 1, 1, 2]);
        for lot in [0, 1, 77, u64::MAX] {
            let order = order(&keys, lot);
            assert_eq!((order.len(), order[2]), (3, 3), "the lowest number of priority first, and nobody twice: {order:?}");
            assert_ne!(order[0], order[1]);
        }
        assert!(!format!("{keys:?}").contains("canary"));
    }

    #[test]
    fn an_endpoint_is_made_once_and_again_for_another_row_of_the_catalog() {
        let (keys, catalog) = (keys(&[(1, "openai", 0, 1)]), catalog::Catalog::builtin().unwrap());
        let resolved = catalog.resolve("openai/gpt-4o").unwrap();
        let (provider, deployment) = (resolved.pinned.unwrap(), resolved.deployments().next().unwrap());
        let key = &keys.all(provider)[0];
        let first = key.endpoint(deployment, None).unwrap();
        assert!(Arc::ptr_eq(&first, &key.endpoint(deployment, None).unwrap()));
        let moved = Arc::new(Provider { base_url: Some("https://moved.example.com".into()), ..Provider::clone(provider) });
        let moved = Deployment { provider: moved, ..Deployment::clone(deployment) };
        assert_eq!(key.endpoint(&moved, None).unwrap().base_url, "https://moved.example.com");
    }
}
