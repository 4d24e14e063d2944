//! Whose key opens a provider, and the platform's endpoints, which are made at the start. An organization's own ones come from
//! its keys (`own_keys`).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use catalog::{AuthScheme, Catalog, Provider};
use domain::ProviderKeyId;
use http::{HeaderName, HeaderValue};
use service::config::{ConfigError, ProviderConfig};

use crate::endpoint::{Endpoint, auth_header, simulated_address};

/// Whose key opens an endpoint, and so who pays the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Credential {
    /// The operator's: the call is charged to credits.
    Platform,
    /// The calling organization's own: nothing is charged.
    Own(ProviderKeyId),
}

impl Credential {
    pub(crate) const fn is_own(self) -> bool {
        matches!(self, Self::Own(_))
    }

    /// As events and the call list name it: never the key.
    pub(crate) fn label(self) -> String {
        match self {
            Self::Platform => "platform".to_owned(),
            Self::Own(id) => id.to_string(),
        }
    }
}

/// Endpoints by provider id.
#[derive(Debug, Default)]
pub(crate) struct Credentials {
    endpoints: HashMap<Arc<str>, Arc<Endpoint>>,
}

impl Credentials {
    /// From the catalog's rows and the operator's settings. `simulated` is where the built-in provider listens.
    pub(crate) fn new(
        catalog: &Catalog,
        settings: &BTreeMap<String, ProviderConfig>,
        simulated: Option<&str>,
    ) -> Result<Self, ConfigError> {
        let mut given: HashMap<Arc<str>, &ProviderConfig> = HashMap::new();
        for (name, config) in settings {
            let provider = catalog.provider(name).ok_or_else(|| unknown(name))?;
            if !provider.is_callable_with_key() {
                let reason = format!("the provider `{}` cannot be called by this version", provider.id);
                return Err(ConfigError::new("settings", format!("providers.{name}"), reason, "remove it"));
            }
            given.insert(Arc::clone(&provider.id), config);
        }
        let mut endpoints = HashMap::new();
        for provider in catalog.providers().iter().filter(|p| p.is_callable_with_key()) {
            if let Some(endpoint) = endpoint(provider, given.get(&provider.id).copied(), simulated)? {
                endpoints.insert(Arc::clone(&provider.id), Arc::new(endpoint));
            }
        }
        Ok(Self { endpoints })
    }

    pub(crate) fn of(&self, provider: &Provider) -> Option<&Arc<Endpoint>> {
        self.endpoints.get(&provider.id)
    }
}

fn unknown(name: &str) -> ConfigError {
    ConfigError::new(
        "settings",
        format!("providers.{name}"),
        format!("there is no provider `{name}`"),
        "use a provider id of the catalog (GET /v1/models names them), or describe it in catalog_file",
    )
}

/// None: the provider has no key or no address here, so it cannot be called.
fn endpoint(provider: &Provider, given: Option<&ProviderConfig>, simulated: Option<&str>) -> Result<Option<Endpoint>, ConfigError> {
    let key = given.and_then(|g| g.api_key.as_ref());
    let own_address = given.and_then(|g| g.base_url.as_deref());
    let simulated = simulated_address(provider, simulated);
    let Some(base_url) = own_address.or(simulated.as_deref()).or(provider.base_url.as_deref()) else { return Ok(None) };
    let needs_key = provider.auth != AuthScheme::None;
    // A local server of an OpenAI-compatible provider often takes no key: an address alone is enough to call it.
    if needs_key && key.is_none() && own_address.is_none() {
        return Ok(None);
    }
    // A provider without authentication (a local Ollama, vLLM) is there only if the operator says where.
    if !needs_key && given.is_none() && simulated.is_none() {
        return Ok(None);
    }
    let auth = match key {
        Some(key) => Some(header(provider, key.expose())?),
        None => None,
    };
    Endpoint::platform(provider, base_url, auth).map_err(|_| {
        ConfigError::new("settings", format!("providers.{}.base_url", provider.id), "is no URL", "write it as http://… or https://…")
    })
}

fn header(provider: &Provider, key: &str) -> Result<(HeaderName, HeaderValue), ConfigError> {
    auth_header(provider, key).map_err(|_| {
        ConfigError::new(
            "settings",
            format!("providers.{}.api_key", provider.id),
            "has a character that no HTTP header may hold",
            "copy the key again, without line breaks",
        )
    })
}
