//! Asks a provider whether it takes a key, by a call that costs nothing: its list of models. Through the same guarded
//! dialler as every call; redirects are not followed, and the answer's body is not read.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use catalog::{Dialect, Provider};
use domain::{Code, ProviderKeyId};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use outbound::{Limits, Upstream};
use store::{ProviderKeySettings, ProviderSecret};

use crate::endpoint::{Endpoint, OwnParts, Unauthorized};
use crate::oauth::Tokens;

/// For the whole question.
const DEADLINE: Duration = Duration::from_secs(10);
/// Anthropic answers nothing without it.
const ANTHROPIC_VERSION: (&str, HeaderValue) = ("anthropic-version", HeaderValue::from_static("2023-06-01"));

/// What came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probed {
    /// An answer with this HTTP status.
    Status(u16),
    /// An answer with this HTTP status, which says nothing about the key.
    Unclear(u16),
    /// No such host, no connection, or an address that is not allowed.
    Unreachable,
    /// Nothing came in time.
    TimedOut,
}

/// What is asked with.
pub struct ProbedKey<'a> {
    /// What opens the provider.
    pub secret: &'a ProviderSecret,
    /// `None`: the provider's usual address.
    pub base_url: Option<&'a str>,
    /// Region and options count.
    pub settings: &'a ProviderKeySettings,
}

/// Asks providers.
pub struct Probe {
    upstream: Upstream,
}

impl Probe {
    /// `allow_private`: addresses of this machine and its networks may be asked, too.
    pub fn new(allow_private: bool) -> Self {
        Self { upstream: Upstream::new(Limits { connect: DEADLINE, first_byte: DEADLINE, idle: DEADLINE }, allow_private) }
    }

    /// Asks with a key, as a call would be made with it.
    pub async fn ask(&self, provider: &Provider, key: &ProbedKey<'_>) -> Probed {
        let tokens = match key.secret {
            ProviderSecret::ServiceAccount(account) => Some(Arc::new(Tokens::new(account.clone()))),
            _ => None,
        };
        let id = ProviderKeyId::from_uuid(uuid::Uuid::nil());
        let own = OwnParts { id, secret: key.secret, address: key.base_url, settings: key.settings, tokens: tokens.as_ref() };
        let spoken = if provider.dialect == Dialect::Vertex { Dialect::Gemini } else { spoken(provider) };
        let Some(endpoint) = Endpoint::own(provider, spoken, &own, None) else { return Probed::Unreachable };
        let (method, path, body) = question(provider);
        let Ok(uri) = endpoint.uri(path, "") else { return Probed::Unreachable };
        let mut request = Request::new(());
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        if !body.is_empty() {
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if provider.dialect == Dialect::Anthropic {
            let (name, value) = ANTHROPIC_VERSION;
            request.headers_mut().insert(name, value);
        }
        match endpoint.authorize(&mut request, body.as_bytes(), &self.upstream).await {
            Ok(()) => {}
            Err(Unauthorized::Refused(_)) => return Probed::Status(StatusCode::UNAUTHORIZED.as_u16()),
            Err(Unauthorized::Down(down)) if down.code == Code::UpstreamTimeout => return Probed::TimedOut,
            Err(Unauthorized::Down(_)) => return Probed::Unreachable,
            // A private key that does not sign never reaches anybody.
            Err(Unauthorized::Broken(_)) => return Probed::Status(StatusCode::UNAUTHORIZED.as_u16()),
        }
        match self.upstream.send(request.map(|()| Full::new(Bytes::from(body)))).await {
            Ok(response) if may_not(&response) => Probed::Unclear(response.status().as_u16()),
            Ok(response) => Probed::Status(response.status().as_u16()),
            Err(down) if down.code == Code::UpstreamTimeout => Probed::TimedOut,
            Err(_) => Probed::Unreachable,
        }
    }
}

fn spoken(provider: &Provider) -> Dialect {
    if provider.dialect == Dialect::Bedrock { Dialect::OpenaiChat } else { provider.dialect }
}

/// A question that costs nothing: the list of models, or on Vertex AI, which has none for a project, the tokens of a word.
fn question(provider: &Provider) -> (Method, &'static str, &'static str) {
    match provider.dialect {
        Dialect::Anthropic => (Method::GET, "/v1/models", ""),
        Dialect::Gemini => (Method::GET, "/v1beta/models", ""),
        Dialect::Vertex => {
            (Method::POST, "/v1beta/models/gemini-2.5-flash:countTokens", r#"{"contents":[{"role":"user","parts":[{"text":"Hello"}]}]}"#)
        }
        _ => (Method::GET, "/models", ""),
    }
}

/// AWS knows the key, which may not list models: it may well call them.
fn may_not<B>(response: &Response<B>) -> bool {
    let kind = response.headers().get("x-amzn-errortype").and_then(|value| value.to_str().ok());
    response.status() == StatusCode::FORBIDDEN && kind.is_some_and(|kind| kind.starts_with("AccessDenied"))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    fn key() -> (ProviderSecret, ProviderKeySettings) {
        (ProviderSecret::Key(domain::Secret::new("sk-1".to_owned())), ProviderKeySettings::default())
    }

    /// Answers one request after the other with a status, and tells what was asked.
    async fn provider(answer: &'static str) -> (String, tokio::sync::mpsc::UnboundedReceiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (tell, told) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = vec![0; 4_096];
                let read = stream.read(&mut head).await.unwrap();
                tell.send(String::from_utf8_lossy(&head[..read]).into_owned()).unwrap();
                stream.write_all(format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").as_bytes()).await.unwrap();
            }
        });
        (url, told)
    }

    #[tokio::test]
    async fn each_dialect_is_asked_in_its_own_way() {
        let catalog = catalog::Catalog::builtin().unwrap();
        let (secret, settings) = key();
        for (provider_id, path, header) in [
            ("openai", "GET /models ", "authorization: Bearer sk-1"),
            ("anthropic", "GET /v1/models ", "x-api-key: sk-1"),
            ("google-ai-studio", "GET /v1beta/models ", "x-goog-api-key: sk-1"),
        ] {
            let (url, mut told) = provider("200 OK").await;
            let row = catalog.provider(provider_id).unwrap();
            let key = ProbedKey { secret: &secret, base_url: Some(&format!("{url}/")), settings: &settings };
            assert_eq!(Probe::new(true).ask(row, &key).await, Probed::Status(200));
            let asked = told.recv().await.unwrap();
            assert!(asked.starts_with(path) && asked.contains(header), "{asked}");
            assert_eq!(asked.contains("anthropic-version"), provider_id == "anthropic");
        }
    }

    #[tokio::test]
    async fn redirects_are_not_followed_and_private_addresses_are_not_asked() {
        let catalog = catalog::Catalog::builtin().unwrap();
        let (openai, (secret, settings)) = (catalog.provider("openai").unwrap(), key());
        let at = |url| ProbedKey { secret: &secret, base_url: Some(url), settings: &settings };
        let (other, mut never) = provider("200 OK").await;
        let moved: &'static str = Box::leak(format!("302 Found\r\nlocation: {other}/models").into_boxed_str());
        let (url, mut told) = provider(moved).await;
        assert_eq!(Probe::new(true).ask(openai, &at(&url)).await, Probed::Status(302));
        assert!(told.recv().await.is_some() && never.try_recv().is_err());
        assert_eq!(Probe::new(false).ask(openai, &at(&url)).await, Probed::Unreachable);
        assert_eq!(Probe::new(true).ask(openai, &at("http://127.0.0.1:9")).await, Probed::Unreachable);
        assert_eq!(Probe::new(true).ask(openai, &at("no address")).await, Probed::Unreachable);
    }
}
