//! Organizations' own keys at providers: brought, tested, sealed, and never shown again.

use std::sync::Arc;

use axum::http::Uri;
use catalog::Provider;
use domain::{Code, Fault, ProviderKeyId, UnixMicros, key};
use service::{clock, random};
use store::{
    NewProviderKey, Page, ProviderKeyPlace, ProviderKeyRow, ProviderKeySecret, ProviderKeySettings, ProviderKeyStatus, ProviderKeyUpdate,
    ProviderOptions, ProviderSecret, SealedProviderKeyRow, SpendCap,
};

use crate::app::caller::{Admin, Management};
use crate::app::key_check::{KeyQuestion, KeyTested, KeyVerdict, busy};
use crate::app::page::{Listed, one_more};
use crate::app::provider_settings::{self, SecretGiven};
use crate::app::{Control, ask, checks};

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
    /// What opens the provider.
    pub secret: SecretGiven,
    /// Where it may be sent; `None`: the provider's usual address.
    pub base_url: Option<String>,
    /// The lowest is used first.
    pub priority: u32,
    /// Share among those of the same priority.
    pub weight: u32,
    /// What it may be used for, and how.
    pub settings: ProviderKeySettings,
}

/// New settings; `None` leaves one as it is.
#[derive(Debug, Clone, Default)]
pub struct ProviderKeyChange {
    /// Another name.
    pub name: Option<String>,
    /// Another key; tested like a new one.
    pub secret: Option<SecretGiven>,
    /// Another address, `Some(None)` for the usual one. Only together with a key: an address that somebody chose later would
    /// read the stored one. The same holds for a region or a resource that is part of the address.
    pub base_url: Option<Option<String>>,
    /// Another place in the order.
    pub priority: Option<u32>,
    /// Another share.
    pub weight: Option<u32>,
    /// On or off.
    pub status: Option<ProviderKeyStatus>,
    /// Another region, or none.
    pub region: Option<Option<String>>,
    /// Other options, or none.
    pub options: Option<Option<ProviderOptions>>,
    /// Other models, or all.
    pub allowed_models: Option<Option<Vec<String>>>,
    /// Another cap, or none.
    pub spend_cap: Option<Option<SpendCap>>,
}

impl ProviderKeyChange {
    fn is_empty(&self) -> bool {
        let Self { name, secret, base_url, priority, weight, status, .. } = self;
        name.is_none()
            && secret.is_none()
            && base_url.is_none()
            && priority.is_none()
            && weight.is_none()
            && status.is_none()
            && !self.changes_settings()
    }

    const fn changes_settings(&self) -> bool {
        self.region.is_some() || self.options.is_some() || self.allowed_models.is_some() || self.spend_cap.is_some()
    }

    /// The settings as they will be.
    fn settings(&self, old: ProviderKeySettings) -> ProviderKeySettings {
        ProviderKeySettings {
            region: self.region.clone().unwrap_or(old.region),
            options: self.options.clone().unwrap_or(old.options),
            allowed_models: self.allowed_models.clone().unwrap_or(old.allowed_models),
            spend_cap: self.spend_cap.unwrap_or(old.spend_cap),
        }
    }
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
        /// What opens the provider.
        secret: SecretGiven,
        /// `None`: the provider's usual address.
        base_url: Option<String>,
        /// Region and options count.
        settings: Box<ProviderKeySettings>,
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
        let rows = store::provider_key_list(&self.db, who.scope(), &page, clock::now());
        let rows = ask::store(Code::DirectoryUnavailable, rows).await?;
        let place = |row: &ProviderKeyRow| ProviderKeyPlace { provider: row.provider.clone(), priority: row.priority, id: row.id };
        Ok(Listed::cut(rows, limit, place))
    }

    /// Tests a key, seals it and saves it.
    pub async fn provider_key_create(&self, who: &Admin, new: ProviderKeyNew) -> Result<ProviderKeyRow, Fault> {
        let name = checks::name("name", &new.name)?;
        order_check(Some(new.priority), Some(new.weight))?;
        let caller = who.management();
        let provider = self.provider(&new.provider)?;
        let secret = provider_settings::secret(&provider, new.secret, self.settings.plain_providers)?;
        let shown = [("name", Some(&*name)), ("base_url", new.base_url.as_deref())];
        provider_settings::elsewhere(&secret, &shown, Some(&new.settings))?;
        let id = ProviderKeyId::from_uuid(random::uuid());
        let secret = self.secret_new(caller, id, &provider, &secret, new.base_url, &new.settings).await?;
        let row = NewProviderKey {
            id,
            provider: provider.id.to_string(),
            name,
            priority: new.priority,
            weight: new.weight,
            settings: new.settings,
            secret,
            created_by: caller.user(),
        };
        let author = caller.author(clock::now());
        let created = store::provider_key_create(&self.db, caller.scope(), &row, &author);
        ask::store(Code::DirectoryUnavailable, created).await.map_err(name_taken)?;
        tracing::info!(provider_key.id = %id, provider = row.provider, by = %caller.via(), "a provider key was saved");
        ask::store(Code::DirectoryUnavailable, store::provider_key_get(&self.db, caller.scope(), id, clock::now())).await
    }

    /// Changes settings, or replaces the key; gateways follow within a second.
    pub async fn provider_key_update(&self, who: &Admin, id: ProviderKeyId, change: ProviderKeyChange) -> Result<ProviderKeyRow, Fault> {
        if change.is_empty() {
            let say = "name at least one of `name`, `key`, `credentials`, `base_url`, `priority`, `weight`, `status`, `region`, `options`, \
                       `allowed_models`, `spend_cap_nano_usd`";
            return Err(Fault::new(Code::InvalidRequest, say));
        }
        if change.base_url.is_some() && change.secret.is_none() {
            return Err(checks::invalid("key", "give `key` again together with another `base_url`: a stored key is sent nowhere else"));
        }
        let name = change.name.as_deref().map(|name| checks::name("name", name)).transpose()?;
        order_check(change.priority, change.weight)?;
        let caller = who.management();
        let old = ask::store(Code::DirectoryUnavailable, store::provider_key_get(&self.db, caller.scope(), id, clock::now())).await?;
        let provider = self.provider(&old.provider)?;
        let settings = change.settings(old.settings.clone());
        let base_url = change.base_url.clone().unwrap_or(old.base_url);
        let secret = match change.secret.clone() {
            Some(given) => {
                let secret = provider_settings::secret(&provider, given, self.settings.plain_providers)?;
                let shown = [("name", name.as_deref()), ("base_url", base_url.as_deref())];
                provider_settings::elsewhere(&secret, &shown, Some(&settings))?;
                Some(self.secret_new(caller, id, &provider, &secret, base_url, &settings).await?)
            }
            None => {
                let place = |settings| provider_settings::place(&provider, settings);
                if place(&settings) != place(&old.settings) {
                    let say = "give the key again together with another region or resource: a stored key is sent nowhere else";
                    return Err(checks::invalid("key", say));
                }
                let is_signed = old.kind == store::SecretKind::Aws;
                provider_settings::checked(&provider, &self.settings.catalog, base_url.as_deref(), &settings, is_signed)?;
                None
            }
        };
        let replaced = secret.is_some();
        let ProviderKeyChange { priority, weight, status, .. } = change;
        let settings = change.changes_settings().then_some(settings);
        let update = ProviderKeyUpdate { name, priority, weight, status, settings, secret };
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
            ProviderKeyTest::Given { provider, secret, base_url, settings } => {
                let provider = self.provider(&provider)?;
                let secret = provider_settings::secret(&provider, secret, self.settings.plain_providers)?;
                let base_url = self.address(&provider, base_url, &settings, &secret)?;
                self.key_ask(&provider, base_url, secret, *settings).await
            }
        }
    }

    async fn stored_test(&self, caller: &Management, id: ProviderKeyId) -> Result<KeyTested, Fault> {
        let rows = ask::store(Code::DirectoryUnavailable, store::provider_keys_sealed(&self.db, caller.scope())).await?;
        let row: SealedProviderKeyRow = rows.into_iter().find(|row| row.id == id).ok_or_else(|| ask::not_found("provider key"))?;
        let provider = self.provider(&row.provider)?;
        let secret = self.key_open(caller, &row).await?;
        let tested = self.key_ask(&provider, row.base_url, secret, row.settings).await?;
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
        secret: &ProviderSecret,
        base_url: Option<String>,
        settings: &ProviderKeySettings,
    ) -> Result<ProviderKeySecret, Fault> {
        let base_url = self.address(provider, base_url, settings, secret)?;
        let tested = self.key_ask(provider, base_url.clone(), secret.clone(), settings.clone()).await?;
        tested.for_saving()?;
        let (sealed, key_version) = self.key_seal(caller, id, secret).await?;
        let (prefix, last4) = match secret {
            ProviderSecret::Key(key) => key::display(key.expose()),
            ProviderSecret::Aws { access_key_id, .. } => key::display(access_key_id),
            ProviderSecret::ServiceAccount(_) => (String::new(), String::new()),
        };
        let tested_at: Option<UnixMicros> = (tested.verdict == KeyVerdict::Works).then(clock::now);
        Ok(ProviderKeySecret { base_url, sealed, key_version, prefix, last4, tested_at, kind: secret.kind() })
    }

    async fn key_ask(
        &self,
        provider: &Arc<Provider>,
        base_url: Option<String>,
        secret: ProviderSecret,
        settings: ProviderKeySettings,
    ) -> Result<KeyTested, Fault> {
        let _place = self.key_tests.try_acquire().map_err(|full| busy().because(full))?;
        let question = KeyQuestion { provider: Arc::clone(provider), base_url, secret, settings };
        Ok(KeyTested::of(self.settings.key_check.ask(question).await, provider))
    }

    fn provider(&self, name: &str) -> Result<Arc<Provider>, Fault> {
        let provider = self.settings.catalog.provider(name).filter(|provider| provider.is_callable());
        provider.cloned().ok_or_else(|| {
            let say = "this instance can call no provider of this name; GET /v1/models names those it can call";
            Fault::new(Code::ProviderNotFound, say).param("provider")
        })
    }

    /// An address that a key may be sent to, with settings that fit the provider. Without one it must follow from these.
    fn address(
        &self,
        provider: &Provider,
        given: Option<String>,
        settings: &ProviderKeySettings,
        secret: &ProviderSecret,
    ) -> Result<Option<String>, Fault> {
        let is_signed = secret.kind() == store::SecretKind::Aws;
        provider_settings::checked(provider, &self.settings.catalog, given.as_deref(), settings, is_signed)?;
        match given {
            Some(text) => url_checked("base_url", &text, self.settings.plain_providers).map(Some),
            None if provider_settings::has_place(provider, settings) => Ok(None),
            None => Err(checks::invalid("base_url", format!("{} has no address of its own: give `base_url`", provider.name))),
        }
    }
}

/// An address that a secret may be sent to, without a slash at its end. `plain`: also without TLS.
pub(super) fn url_checked(param: &str, text: &str, plain: bool) -> Result<String, Fault> {
    let text = text.trim().trim_end_matches('/').to_owned();
    let url: Option<Uri> = text.parse().ok().filter(|_| text.len() <= URL_BYTES_MAX && !text.contains(['?', '#']));
    let wrong = || checks::invalid(param, format!("`{param}` must be an address such as https://api.example.com/v1"));
    let url = url.ok_or_else(wrong)?;
    if url.authority().is_none_or(|authority| authority.as_str().contains('@') || authority.host().is_empty()) {
        return Err(wrong());
    }
    match url.scheme_str() {
        Some("https") => Ok(text),
        Some("http") if plain => Ok(text),
        Some("http") => Err(checks::invalid(param, format!("`{param}` must begin with https://: a key would travel for all to read"))),
        _ => Err(wrong()),
    }
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
