//! The platform's endpoints: for each provider that can be called, its address and the header that opens it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use catalog::{AuthScheme, Catalog, Provider};
use http::header::{AUTHORIZATION, InvalidHeaderValue};
use http::{HeaderName, HeaderValue, Uri};
use llm::Dialect;
use service::config::{ConfigError, ProviderConfig};

/// Where and how a provider is called.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) dialect: Dialect,
    /// Without a trailing slash; what the codec says is appended.
    pub(crate) base_url: String,
    /// Where an OpenAI chat call goes, made once because nearly every call does.
    chat_uri: Uri,
    pub(crate) auth: Option<(HeaderName, HeaderValue)>,
}

/// What OpenAI's dialect appends to a provider's address.
pub(crate) const CHAT_PATH: &str = "/chat/completions";

impl Endpoint {
    /// The address for a codec's path.
    pub(crate) fn uri(&self, path: &str) -> Result<Uri, http::uri::InvalidUri> {
        if path == CHAT_PATH { Ok(self.chat_uri.clone()) } else { format!("{}{path}", self.base_url).parse() }
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
            if !provider.is_callable() {
                let reason = format!("the provider `{}` cannot be called by this version", provider.id);
                return Err(ConfigError::new("settings", format!("providers.{name}"), reason, "remove it"));
            }
            given.insert(Arc::clone(&provider.id), config);
        }
        let mut endpoints = HashMap::new();
        for provider in catalog.providers().iter().filter(|p| p.is_callable()) {
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
    let simulated = simulated.filter(|_| provider.simulated);
    let version_path = if provider.dialect == catalog::Dialect::OpenaiChat { "/v1" } else { "" };
    let simulated = simulated.map(|origin| format!("{origin}{version_path}"));
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
    let dialect = match provider.dialect {
        catalog::Dialect::OpenaiChat => Dialect::OpenAiChat,
        catalog::Dialect::Anthropic => Dialect::Anthropic,
        catalog::Dialect::Gemini => Dialect::Gemini,
        _ => return Ok(None),
    };
    let auth = match key {
        Some(key) => Some(header(provider, key.expose())?),
        None => None,
    };
    let base_url = base_url.trim_end_matches('/').to_owned();
    let chat_uri = format!("{base_url}{CHAT_PATH}").parse().map_err(|_| {
        ConfigError::new("settings", format!("providers.{}.base_url", provider.id), "is no URL", "write it as http://… or https://…")
    })?;
    Ok(Some(Endpoint { dialect, base_url, chat_uri, auth }))
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

/// The header that opens a provider.
pub(crate) fn auth_header(provider: &Provider, key: &str) -> Result<(HeaderName, HeaderValue), InvalidHeaderValue> {
    let (name, text) = match provider.auth {
        AuthScheme::XApiKey => (HeaderName::from_static("x-api-key"), key.to_owned()),
        AuthScheme::XGoogApiKey => (HeaderName::from_static("x-goog-api-key"), key.to_owned()),
        AuthScheme::ApiKey => (HeaderName::from_static("api-key"), key.to_owned()),
        _ => (AUTHORIZATION, format!("Bearer {key}")),
    };
    let mut value = HeaderValue::from_str(&text)?;
    value.set_sensitive(true);
    Ok((name, value))
}
