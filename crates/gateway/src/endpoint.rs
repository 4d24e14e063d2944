//! Endpoints: where a provider is called, and what opens it there.

use std::collections::BTreeMap;
use std::sync::Arc;

use catalog::{AuthScheme, Deployment, Model, Provider};
use domain::{ProviderKeyId, Secret};
use http::header::{AUTHORIZATION, InvalidHeaderValue};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri};
use llm::Dialect;
use outbound::{Down, Upstream};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use store::{ProviderKeySettings, ProviderOptions, ProviderSecret};

use crate::credentials::Credential;
use crate::mask::masked;
use crate::oauth::{TokenError, Tokens};
use crate::sigv4::Signer;

/// What OpenAI's dialect appends to a provider's address.
pub(crate) const CHAT_PATH: &str = "/chat/completions";
/// Bedrock's OpenAI-compatible service with an address of its own.
pub(crate) const MANTLE: &str = "aws-bedrock-mantle";
const BEARER: &str = "Bearer ";
/// What may stand in a path as it is.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Where and how a provider is called.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) dialect: Dialect,
    pub(crate) credential: Credential,
    /// Without a trailing slash.
    pub(crate) base_url: String,
    shape: Shape,
    /// Where an OpenAI chat call goes, made once because nearly every call does.
    chat_uri: Uri,
    auth: Auth,
    /// The account's organization and project, for those who ask.
    headers: HeaderMap,
    /// From model ids to Azure's deployments.
    deployments: BTreeMap<String, String>,
    /// What a provider must not quote.
    secrets: Vec<Secret<String>>,
}

/// How the codec's path becomes an address.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Shape {
    /// Appended to the base.
    Plain,
    /// Behind the deployment's name, with the API's version.
    AzureDeployments { api_version: String },
    /// Without the version, which is in the base.
    VertexGemini,
    /// Below `/v1`, or for OpenAI's newer models below `/openai/v1`.
    Mantle,
}

/// What opens a provider.
#[derive(Debug)]
enum Auth {
    None,
    Header(HeaderName, HeaderValue),
    Signed(Box<Signer>),
    Token(Arc<Tokens>),
}

/// Why a request could not be given what opens the provider.
#[derive(Debug)]
pub(crate) enum Unauthorized {
    /// Whoever gives out tokens refused the account, with this HTTP status.
    Refused(u16),
    /// Whoever gives out tokens was not reached, or answered nothing of use.
    Down(Down),
    /// Ours.
    Broken(domain::fault::Cause),
}

/// One own key, for its endpoints.
pub(crate) struct OwnParts<'a> {
    pub(crate) id: ProviderKeyId,
    pub(crate) secret: &'a ProviderSecret,
    /// `None`: the provider's usual one.
    pub(crate) address: Option<&'a str>,
    pub(crate) settings: &'a ProviderKeySettings,
    /// Of a service account.
    pub(crate) tokens: Option<&'a Arc<Tokens>>,
}

impl Endpoint {
    /// The platform's. None: nothing here speaks the provider's dialect.
    pub(crate) fn platform(
        provider: &Provider,
        base_url: &str,
        auth: Option<(HeaderName, HeaderValue)>,
    ) -> Result<Option<Self>, http::uri::InvalidUri> {
        let secret = auth.as_ref().and_then(|(_, value)| value.to_str().ok());
        let secrets = secret.map(|text| Secret::new(text.strip_prefix(BEARER).unwrap_or(text).to_owned())).into_iter().collect();
        let auth = auth.map_or(Auth::None, |(name, value)| Auth::Header(name, value));
        let Some(dialect) = dialect(provider.dialect) else { return Ok(None) };
        Self::made((dialect, Credential::Platform), (base_url.to_owned(), Shape::Plain), auth, secrets).map(Some)
    }

    /// Where an organization's own key is sent, for deployments that are `spoken` to in this dialect: to the address that was
    /// given with it, or to the provider's usual one. Never to one that the operator set for the platform's key: the key was
    /// not tested there. None: it cannot be sent anywhere.
    pub(crate) fn own(provider: &Provider, spoken: catalog::Dialect, own: &OwnParts<'_>, simulated: Option<&str>) -> Option<Self> {
        let place = place(provider, spoken, own, simulated)?;
        let auth = match own.secret {
            ProviderSecret::Key(key) => {
                let (name, value) = auth_header(provider, key.expose()).ok()?;
                Auth::Header(name, value)
            }
            ProviderSecret::Aws { access_key_id, secret_access_key, session_token } => {
                let service = if &*provider.id == MANTLE { MANTLE_SERVICE } else { RUNTIME_SERVICE };
                let region = own.settings.region.clone()?;
                Auth::Signed(Box::new(Signer::new(access_key_id, secret_access_key, session_token.as_ref(), region, service)))
            }
            ProviderSecret::ServiceAccount(_) => Auth::Token(Arc::clone(own.tokens?)),
        };
        let secrets = own.secret.secrets().into_iter().cloned().collect();
        let mut made = Self::made((dialect(spoken)?, Credential::Own(own.id)), place, auth, secrets).ok()?;
        match &own.settings.options {
            Some(ProviderOptions::Azure { deployments, .. }) => made.deployments.clone_from(deployments),
            Some(ProviderOptions::Openai { organization, project }) => {
                for (name, value) in [("openai-organization", organization), ("openai-project", project)] {
                    if let Some(value) = value {
                        made.headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).ok()?);
                    }
                }
            }
            Some(ProviderOptions::Vertex { .. }) | None => {}
        }
        Some(made)
    }

    fn made(
        (dialect, credential): (Dialect, Credential),
        (base_url, shape): (String, Shape),
        auth: Auth,
        secrets: Vec<Secret<String>>,
    ) -> Result<Self, http::uri::InvalidUri> {
        let base_url = base_url.trim_end_matches('/').to_owned();
        let chat_uri = format!("{base_url}{CHAT_PATH}").parse()?;
        let (headers, deployments) = (HeaderMap::new(), BTreeMap::new());
        Ok(Self { dialect, credential, base_url, shape, chat_uri, auth, headers, deployments, secrets })
    }

    /// The address for a codec's path, for a model by the name that it is sent as; an empty name is of no model.
    pub(crate) fn uri(&self, path: &str, model: &str) -> Result<Uri, http::uri::InvalidUri> {
        let base = &self.base_url;
        match &self.shape {
            Shape::Plain if path == CHAT_PATH => Ok(self.chat_uri.clone()),
            Shape::Plain => format!("{base}{path}").parse(),
            Shape::AzureDeployments { api_version } => {
                let (model, version) = (utf8_percent_encode(model, SEGMENT), utf8_percent_encode(api_version, SEGMENT));
                if model.clone().next().is_none() {
                    return format!("{base}/openai{path}?api-version={version}").parse();
                }
                format!("{base}/openai/deployments/{model}{path}?api-version={version}").parse()
            }
            Shape::VertexGemini => format!("{base}{}", path.strip_prefix("/v1beta").unwrap_or(path)).parse(),
            Shape::Mantle if model.starts_with("openai.gpt-") && !model.starts_with("openai.gpt-oss") => {
                format!("{base}/openai/v1{path}").parse()
            }
            Shape::Mantle => format!("{base}/v1{path}").parse(),
        }
    }

    /// The name that a model is sent as: its deployment's on Azure, the provider's own elsewhere.
    pub(crate) fn sent_as<'a>(&'a self, model: &Model, deployment: &'a Deployment) -> &'a str {
        if self.deployments.is_empty() {
            return &deployment.upstream;
        }
        let known = self.deployments.get(&*model.id).or_else(|| self.deployments.get(&*deployment.upstream));
        known.map_or(&*deployment.upstream, String::as_str)
    }

    /// Gives a request what opens the provider. All other headers must be there.
    pub(crate) async fn authorize(&self, request: &mut Request<()>, body: &[u8], upstream: &Upstream) -> Result<(), Unauthorized> {
        for (name, value) in &self.headers {
            request.headers_mut().insert(name, value.clone());
        }
        match &self.auth {
            Auth::None => {}
            Auth::Header(name, value) => {
                request.headers_mut().insert(name, value.clone());
            }
            Auth::Signed(signer) => signer.sign(request, body, service::clock::now()).map_err(Unauthorized::Broken)?,
            Auth::Token(tokens) => {
                let token = tokens.header(upstream, service::clock::now()).await.map_err(|error| match error {
                    TokenError::Refused(status) => Unauthorized::Refused(status),
                    TokenError::Down(down) => Unauthorized::Down(down),
                    TokenError::Broken(cause) => Unauthorized::Broken(cause),
                })?;
                request.headers_mut().insert(AUTHORIZATION, token);
            }
        }
        Ok(())
    }

    /// A provider's words without this endpoint's secrets: some quote a key, whole or in part, when they refuse it.
    pub(crate) fn without_key(&self, words: &str) -> String {
        let token = if let Auth::Token(tokens) = &self.auth { tokens.current_secret() } else { None };
        self.secrets.iter().chain(token.as_ref()).fold(words.to_owned(), |words, secret| masked(&words, secret.expose()))
    }
}

const RUNTIME_SERVICE: &str = "bedrock";
const MANTLE_SERVICE: &str = "bedrock-mantle";

/// The base of addresses, and how paths are put behind it.
fn place(provider: &Provider, spoken: catalog::Dialect, own: &OwnParts<'_>, simulated: Option<&str>) -> Option<(String, Shape)> {
    let region = own.settings.region.as_deref();
    let address = own.address.map(|text| text.trim_end_matches('/').to_owned());
    if provider.dialect == catalog::Dialect::Vertex {
        let Some(ProviderOptions::Vertex { project }) = &own.settings.options else { return None };
        let region = region?;
        let host = address.unwrap_or_else(|| vertex_host(region));
        let root = format!("{host}/v1/projects/{project}/locations/{region}");
        return Some(match spoken {
            catalog::Dialect::Gemini => (format!("{root}/publishers/google"), Shape::VertexGemini),
            _ => (format!("{root}/endpoints/openapi"), Shape::Plain),
        });
    }
    if provider.dialect == catalog::Dialect::Bedrock {
        let usual = || Some(format!("https://bedrock-runtime.{}.amazonaws.com/openai/v1", region?));
        return address.or_else(usual).map(|base| (base, Shape::Plain));
    }
    if &*provider.id == MANTLE && address.is_none() {
        return Some((format!("https://bedrock-mantle.{}.api.aws", region?), Shape::Mantle));
    }
    if let Some(ProviderOptions::Azure { resource, api_version, .. }) = &own.settings.options {
        let usual = || Some(format!("https://{}.openai.azure.com", resource.as_deref()?));
        let base = address.or_else(usual)?;
        return Some(match api_version {
            Some(version) => (base, Shape::AzureDeployments { api_version: version.clone() }),
            None => (format!("{base}/openai/v1"), Shape::Plain),
        });
    }
    let simulated = simulated_address(provider, simulated);
    let base = address.or(simulated).or_else(|| provider.base_url.as_deref().map(str::to_owned))?;
    Some((base, Shape::Plain))
}

fn vertex_host(region: &str) -> String {
    if region == "global" { "https://aiplatform.googleapis.com".to_owned() } else { format!("https://{region}-aiplatform.googleapis.com") }
}

fn dialect(spoken: catalog::Dialect) -> Option<Dialect> {
    match spoken {
        catalog::Dialect::OpenaiChat => Some(Dialect::OpenAiChat),
        catalog::Dialect::Anthropic => Some(Dialect::Anthropic),
        catalog::Dialect::Gemini => Some(Dialect::Gemini),
        _ => None,
    }
}

/// Where the built-in provider answers in this provider's place.
pub(crate) fn simulated_address(provider: &Provider, origin: Option<&str>) -> Option<String> {
    let version_path = if provider.dialect == catalog::Dialect::OpenaiChat { "/v1" } else { "" };
    origin.filter(|_| provider.simulated).map(|origin| format!("{origin}{version_path}"))
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
#[path = "endpoint_tests.rs"]
mod tests;
