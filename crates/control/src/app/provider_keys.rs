//! Organizations' own keys at providers: brought, tested, sealed, and never shown again.

use std::sync::Arc;

use axum::http::Uri;
use catalog::Provider;
use domain::{Code, Fault, ProviderKeyId, Secret, UnixMicros, key};
use service::{clock, random};
use store::{
    NewProviderKey, Page, ProviderKeyPlace, ProviderKeyRow, ProviderKeySecret, ProviderKeyStatus, ProviderKeyUpdate, SealedProviderKeyRow,
};

use crate::app::caller::{Admin, Management};
use crate::app::key_check::{KeyQuestion, KeyTested, KeyVerdict, busy};
use crate::app::page::{Listed, one_more};
use crate::app::{Control, ask, checks};

/// Limit: bytes of a provider's key.
const KEY_BYTES_MAX: usize = 4_096;
/// A shorter one is no secret, and may well be part of a name.
const SECRET_BYTES_MIN: usize = 8;
/// Limit: bytes of an address.
const URL_BYTES_MAX: usize = 2_048;
/// Limit: the highest number of `priority` and `weight`.
pub(crate) const ORDER_MAX: u32 = 1_000;

/// A key about to be saved.
#[derive(Debug, Clone)]
pub struct ProviderKeyNew {
    /// Id or alias of the catalog.
    pub provider: String,
    /// Unique for its provider in the organization.
    pub name: String,
    /// The key.
    pub key: Secret<String>,
    /// Where it may be sent; `None`: the catalog's address.
    pub base_url: Option<String>,
    /// The lowest is used first.
    pub priority: u32,
    /// Share among those of the same priority.
    pub weight: u32,
}

/// New settings; `None` leaves one as it is.
#[derive(Debug, Clone, Default)]
pub struct ProviderKeyChange {
    /// Another name.
    pub name: Option<String>,
    /// Another key; tested like a new one.
    pub key: Option<Secret<String>>,
    /// Another address, `Some(None)` for the catalog's. Only together with a key: an address that somebody chose later
    /// would read the stored one.
    pub base_url: Option<Option<String>>,
    /// Another place in the order.
    pub priority: Option<u32>,
    /// Another share.
    pub weight: Option<u32>,
    /// On or off.
    pub status: Option<ProviderKeyStatus>,
}

/// What is to be tested.
#[derive(Debug, Clone)]
pub enum ProviderKeyTest {
    /// A stored key, at its own address.
    Stored(ProviderKeyId),
    /// A key that is not saved.
    Given {
        /// Id or alias of the catalog.
        provider: String,
        /// The key.
        key: Secret<String>,
        /// `None`: the catalog's address.
        base_url: Option<String>,
    },
}

impl Control {
    /// A page of keys by provider, in the order of their use.
    pub async fn provider_key_list(
        &self,
        who: &Management,
        page: Page<ProviderKeyPlace>,
    ) -> Result<Listed<ProviderKeyRow, ProviderKeyPlace>, Fault> {
        let (limit, page) = (page.limit, one_more(page));
        let rows = ask::store(Code::DirectoryUnavailable, store::provider_key_list(&self.db, who.scope(), &page)).await?;
        let place = |row: &ProviderKeyRow| ProviderKeyPlace { provider: row.provider.clone(), priority: row.priority, id: row.id };
        Ok(Listed::cut(rows, limit, place))
    }

    /// Tests a key, seals it and saves it.
    pub async fn provider_key_create(&self, who: &Admin, new: ProviderKeyNew) -> Result<ProviderKeyRow, Fault> {
        let name = checks::name("name", &new.name)?;
        order_check(Some(new.priority), Some(new.weight))?;
        elsewhere_check(&new.key, &[("name", Some(&name)), ("base_url", new.base_url.as_deref())])?;
        let provider = self.provider(&new.provider)?;
        let (caller, id) = (who.management(), ProviderKeyId::from_uuid(random::uuid()));
        let secret = self.secret_new(caller, id, &provider, &new.key, new.base_url).await?;
        let row = NewProviderKey {
            id,
            provider: provider.id.to_string(),
            name,
            priority: new.priority,
            weight: new.weight,
            secret,
            created_by: caller.user(),
        };
        let author = caller.author(clock::now());
        let created = store::provider_key_create(&self.db, caller.scope(), &row, &author);
        ask::store(Code::DirectoryUnavailable, created).await.map_err(name_taken)?;
        tracing::info!(provider_key.id = %id, provider = %provider.id, by = %caller.via(), "a provider key was saved");
        ask::store(Code::DirectoryUnavailable, store::provider_key_get(&self.db, caller.scope(), id)).await
    }

    /// Changes settings, or replaces the key; gateways follow within a second.
    pub async fn provider_key_update(&self, who: &Admin, id: ProviderKeyId, change: ProviderKeyChange) -> Result<ProviderKeyRow, Fault> {
        let ProviderKeyChange { name, key, base_url, priority, weight, status } = change;
        if name.is_none() && key.is_none() && base_url.is_none() && priority.is_none() && weight.is_none() && status.is_none() {
            let say = "name at least one of `name`, `key`, `base_url`, `priority`, `weight`, `status`";
            return Err(Fault::new(Code::InvalidRequest, say));
        }
        if base_url.is_some() && key.is_none() {
            return Err(checks::invalid("key", "give `key` again together with another `base_url`: a stored key is sent nowhere else"));
        }
        let name = name.map(|name| checks::name("name", &name)).transpose()?;
        order_check(priority, weight)?;
        if let Some(key) = &key {
            let address = base_url.as_ref().and_then(|url| url.as_deref());
            elsewhere_check(key, &[("name", name.as_deref()), ("base_url", address)])?;
        }
        let caller = who.management();
        let old = ask::store(Code::DirectoryUnavailable, store::provider_key_get(&self.db, caller.scope(), id)).await?;
        let secret = match &key {
            Some(key) => {
                let provider = self.provider(&old.provider)?;
                Some(self.secret_new(caller, id, &provider, key, base_url.unwrap_or(old.base_url)).await?)
            }
            None => None,
        };
        let replaced = secret.is_some();
        let update = ProviderKeyUpdate { name, priority, weight, status, secret };
        let author = caller.author(clock::now());
        let changed = store::provider_key_update(&self.db, caller.scope(), id, &update, &author);
        let row = ask::store(Code::DirectoryUnavailable, changed).await.map_err(name_taken)?;
        tracing::info!(provider_key.id = %id, by = %caller.via(), replaced, "a provider key was changed");
        Ok(row)
    }

    /// Forgets a key.
    pub async fn provider_key_delete(&self, who: &Admin, id: ProviderKeyId) -> Result<(), Fault> {
        let caller = who.management();
        let author = caller.author(clock::now());
        ask::store(Code::DirectoryUnavailable, store::provider_key_delete(&self.db, caller.scope(), id, &author)).await?;
        tracing::info!(provider_key.id = %id, by = %caller.via(), "a provider key was deleted");
        Ok(())
    }

    /// Asks the provider whether it takes a key.
    pub async fn provider_key_test(&self, who: &Admin, test: ProviderKeyTest) -> Result<KeyTested, Fault> {
        match test {
            ProviderKeyTest::Stored(id) => self.stored_test(who.management(), id).await,
            ProviderKeyTest::Given { provider, key, base_url } => {
                let provider = self.provider(&provider)?;
                key_check(&key)?;
                let base_url = self.address(&provider, base_url)?;
                self.key_ask(&provider, base_url, key).await
            }
        }
    }

    async fn stored_test(&self, caller: &Management, id: ProviderKeyId) -> Result<KeyTested, Fault> {
        let rows = ask::store(Code::DirectoryUnavailable, store::provider_keys_sealed(&self.db, caller.scope())).await?;
        let row: SealedProviderKeyRow = rows.into_iter().find(|row| row.id == id).ok_or_else(|| ask::not_found("provider key"))?;
        let provider = self.provider(&row.provider)?;
        let key = self.key_open(caller, &row).await?;
        let tested = self.key_ask(&provider, row.base_url, key).await?;
        if tested.verdict != KeyVerdict::Unsure {
            let error = tested.code.map(Code::as_str);
            let author = caller.author(clock::now());
            let noted = store::provider_key_tested(&self.db, caller.scope(), id, error, &author);
            ask::store(Code::DirectoryUnavailable, noted).await?;
        }
        Ok(tested)
    }

    /// Tests a key and seals it for its row.
    async fn secret_new(
        &self,
        caller: &Management,
        id: ProviderKeyId,
        provider: &Arc<Provider>,
        key: &Secret<String>,
        base_url: Option<String>,
    ) -> Result<ProviderKeySecret, Fault> {
        key_check(key)?;
        let base_url = self.address(provider, base_url)?;
        let tested = self.key_ask(provider, base_url.clone(), key.clone()).await?;
        tested.for_saving()?;
        let (sealed, key_version) = self.key_seal(caller, id, key).await?;
        let (prefix, last4) = key::display(key.expose());
        let tested_at: Option<UnixMicros> = (tested.verdict == KeyVerdict::Works).then(clock::now);
        Ok(ProviderKeySecret { base_url, sealed, key_version, prefix, last4, tested_at })
    }

    async fn key_ask(&self, provider: &Arc<Provider>, base_url: Option<String>, key: Secret<String>) -> Result<KeyTested, Fault> {
        let _place = self.key_tests.try_acquire().map_err(|full| busy().because(full))?;
        let question = KeyQuestion { provider: Arc::clone(provider), base_url, key };
        Ok(KeyTested::of(self.settings.key_check.ask(question).await, provider))
    }

    fn provider(&self, name: &str) -> Result<Arc<Provider>, Fault> {
        let provider = self.settings.catalog.provider(name).filter(|provider| provider.is_callable());
        provider.cloned().ok_or_else(|| {
            Fault::new(Code::ProviderNotFound, "this instance can call no provider of this name; GET /v1/models names those it can call")
                .param("provider")
        })
    }

    /// An address that a key may be sent to. Without one the catalog must know it.
    fn address(&self, provider: &Provider, given: Option<String>) -> Result<Option<String>, Fault> {
        let Some(text) = given else {
            if provider.base_url.is_none() && !provider.simulated {
                return Err(checks::invalid("base_url", format!("{} has no address of its own: give `base_url`", provider.name)));
            }
            return Ok(None);
        };
        let text = text.trim().trim_end_matches('/').to_owned();
        let url: Option<Uri> = text.parse().ok().filter(|_| text.len() <= URL_BYTES_MAX && !text.contains(['?', '#']));
        let wrong = || checks::invalid("base_url", "`base_url` must be an address such as https://api.example.com/v1");
        let url = url.ok_or_else(wrong)?;
        if url.authority().is_none_or(|authority| authority.as_str().contains('@') || authority.host().is_empty()) {
            return Err(wrong());
        }
        match url.scheme_str() {
            Some("https") => Ok(Some(text)),
            Some("http") if self.settings.plain_providers => Ok(Some(text)),
            Some("http") => Err(checks::invalid("base_url", "`base_url` must begin with https://: a key would travel for all to read")),
            _ => Err(wrong()),
        }
    }
}

fn key_check(key: &Secret<String>) -> Result<(), Fault> {
    let text = key.expose();
    if text.is_empty() || text.len() > KEY_BYTES_MAX || !text.bytes().all(|b| b.is_ascii_graphic()) {
        let say = format!("`key` must have 1 to {KEY_BYTES_MAX} printable ASCII characters without blanks; copy it again");
        return Err(checks::invalid("key", say));
    }
    Ok(())
}

/// A key that was pasted into the wrong field too would be shown with that field.
fn elsewhere_check(key: &Secret<String>, fields: &[(&str, Option<&str>)]) -> Result<(), Fault> {
    if key.expose().len() < SECRET_BYTES_MIN {
        return Ok(());
    }
    let shown = fields.iter().find(|(_, text)| text.is_some_and(|text| text.contains(key.expose().as_str())));
    shown.map_or(Ok(()), |(param, _)| {
        Err(checks::invalid(param, format!("`{param}` holds the key itself; it is shown, so write something else")))
    })
}

fn order_check(priority: Option<u32>, weight: Option<u32>) -> Result<(), Fault> {
    if priority.is_some_and(|priority| priority > ORDER_MAX) {
        return Err(checks::invalid("priority", format!("`priority` must be 0 to {ORDER_MAX}")));
    }
    if weight.is_some_and(|weight| weight == 0 || weight > ORDER_MAX) {
        return Err(checks::invalid("weight", format!("`weight` must be 1 to {ORDER_MAX}; switch a key off with `status`")));
    }
    Ok(())
}

fn name_taken(fault: Fault) -> Fault {
    if fault.code() == Code::Conflict { fault.param("name") } else { fault }
}
