//! Endpoints: a provider's address and the header that opens it. The platform's are made at the start, an organization's own
//! ones from its keys (`own_keys`).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use catalog::{AuthScheme, Catalog, Provider};
use domain::{ProviderKeyId, Secret};
use http::header::{AUTHORIZATION, InvalidHeaderValue};
use http::{HeaderName, HeaderValue, Uri};
use llm::Dialect;
use service::config::{ConfigError, ProviderConfig};

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

/// Where and how a provider is called.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) dialect: Dialect,
    pub(crate) credential: Credential,
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

    /// A provider's words without this endpoint's key: some quote it, whole or in part, when they refuse it.
    pub(crate) fn without_key(&self, words: &str) -> String {
        let header = self.auth.as_ref().and_then(|(_, value)| value.to_str().ok()).unwrap_or_default();
        masked(words, header.strip_prefix(BEARER).unwrap_or(header))
    }
}

const BEARER: &str = "Bearer ";
/// So many characters in a row of a key give it away; what is shown of a key on purpose is shorter.
const TELLING_CHARS: usize = 6;
const MASK: &str = "[key]";

/// `words` with each piece of `key` replaced that is long enough to tell something.
fn masked(words: &str, key: &str) -> String {
    // Keys are ASCII, so that a match in bytes never splits a character.
    let (bytes, key) = (words.as_bytes(), key.as_bytes());
    let telling = TELLING_CHARS.min(key.len()).max(1);
    let mut out = String::with_capacity(words.len());
    let (mut at, mut kept) = (0, 0);
    while at + telling <= bytes.len() {
        let length = longest_match(&bytes[at..], key);
        if length < telling {
            at += 1;
            continue;
        }
        out.push_str(words.get(kept..at).unwrap_or_default());
        out.push_str(MASK);
        at += length;
        kept = at;
    }
    out.push_str(words.get(kept..).unwrap_or_default());
    out
}

/// How many of the first bytes of `text` stand somewhere in `key` in a row.
fn longest_match(text: &[u8], key: &[u8]) -> usize {
    let common = |from: usize| text.iter().zip(&key[from..]).take_while(|(a, b)| a == b).count();
    (0..key.len()).map(common).max().unwrap_or(0)
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
    made(provider, base_url, auth, Credential::Platform).map_err(|_| {
        ConfigError::new("settings", format!("providers.{}.base_url", provider.id), "is no URL", "write it as http://… or https://…")
    })
}

/// None: nothing here speaks the provider's dialect.
fn made(
    provider: &Provider,
    base_url: &str,
    auth: Option<(HeaderName, HeaderValue)>,
    credential: Credential,
) -> Result<Option<Endpoint>, http::uri::InvalidUri> {
    let dialect = match provider.dialect {
        catalog::Dialect::OpenaiChat => Dialect::OpenAiChat,
        catalog::Dialect::Anthropic => Dialect::Anthropic,
        catalog::Dialect::Gemini => Dialect::Gemini,
        _ => return Ok(None),
    };
    let base_url = base_url.trim_end_matches('/').to_owned();
    let chat_uri = format!("{base_url}{CHAT_PATH}").parse()?;
    Ok(Some(Endpoint { dialect, credential, base_url, chat_uri, auth }))
}

/// Where an organization's own key is sent: to the address that was given with it, or to the catalog's. Never to one that
/// the operator set for the platform's key: the key was not tested there. None: it cannot be sent anywhere.
pub(crate) fn own(
    provider: &Provider,
    id: ProviderKeyId,
    key: &Secret<String>,
    address: Option<&str>,
    simulated: Option<&str>,
) -> Option<Endpoint> {
    let simulated = simulated_address(provider, simulated);
    let base_url = address.or(simulated.as_deref()).or(provider.base_url.as_deref())?;
    let auth = auth_header(provider, key.expose()).ok()?;
    made(provider, base_url, Some(auth), Credential::Own(id)).ok().flatten()
}

/// Where the built-in provider answers in this provider's place.
fn simulated_address(provider: &Provider, origin: Option<&str>) -> Option<String> {
    let version_path = if provider.dialect == catalog::Dialect::OpenaiChat { "/v1" } else { "" };
    origin.filter(|_| provider.simulated).map(|origin| format!("{origin}{version_path}"))
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
        _ => (AUTHORIZATION, format!("{BEARER}{key}")),
    };
    let mut value = HeaderValue::from_str(&text)?;
    value.set_sensitive(true);
    Ok((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "sk-canary-a8Zq41mWnE77";

    #[test]
    fn a_key_is_masked_wherever_and_however_much_of_it_is_quoted() {
        for (words, clean) in [
            ("wrong key: sk-canary-a8Zq41mWnE77.", "wrong key: [key]."),
            ("sk-canary-a8Zq41mWnE77 sk-canary-a8Zq41mWnE77", "[key] [key]"),
            ("it begins with sk-canary-a and ends with mWnE77", "it begins with [key] and ends with [key]"),
            ("sk-c****nE77 is masked by the provider", "sk-c****nE77 is masked by the provider"),
            ("Schlüssel sk-canary-a8Zq41mWnE77 ungültig", "Schlüssel [key] ungültig"),
            ("", ""),
            ("no key", "no key"),
        ] {
            assert_eq!(masked(words, KEY), clean, "{words}");
        }
        assert_eq!(masked("short abc here", "abc"), "short [key] here");
        assert_eq!(masked("nothing to hide", ""), "nothing to hide");
    }

    #[test]
    fn an_own_key_goes_to_its_own_address_or_the_catalogs_and_never_to_the_platforms() {
        let catalog = Catalog::builtin().unwrap();
        let provider = catalog.provider("openai").unwrap();
        let (id, key) = (ProviderKeyId::from_uuid(uuid::Uuid::from_u128(1)), Secret::new(KEY.to_owned()));
        let given = own(provider, id, &key, Some("https://eu.example.com/v1/"), None).unwrap();
        assert_eq!((given.base_url.as_str(), given.credential), ("https://eu.example.com/v1", Credential::Own(id)));
        assert_eq!(own(provider, id, &key, None, Some("http://127.0.0.1:1")).unwrap().base_url, "https://api.openai.com/v1");
        assert!(!format!("{given:?}").contains("canary"));
        assert_eq!(given.without_key("bad key sk-canary-a8Zq41mWnE77"), "bad key [key]");
        let sim = catalog.provider("sim").unwrap();
        assert_eq!(own(sim, id, &key, None, Some("http://127.0.0.1:1")).unwrap().base_url, "http://127.0.0.1:1/v1");
    }
}
