//! Asks a provider whether it takes a key, by a call that costs nothing: its list of models. Through the same guarded
//! dialler as every call; redirects are not followed, and the answer's body is not read.

use std::time::Duration;

use bytes::Bytes;
use catalog::{Dialect, Provider};
use domain::{Code, Secret};
use http::{HeaderValue, Request};
use http_body_util::Full;
use outbound::{Limits, Upstream};

use crate::credentials::auth_header;

/// For the whole question.
const DEADLINE: Duration = Duration::from_secs(10);
/// Anthropic answers nothing without it.
const ANTHROPIC_VERSION: (&str, HeaderValue) = ("anthropic-version", HeaderValue::from_static("2023-06-01"));

/// What came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probed {
    /// An answer with this HTTP status.
    Status(u16),
    /// No such host, no connection, or an address that is not allowed.
    Unreachable,
    /// Nothing came in time.
    TimedOut,
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

    /// Asks for the list of models with a key. `base_url` is what the gateway would be given for this provider.
    pub async fn models(&self, provider: &Provider, base_url: &str, key: &Secret<String>) -> Probed {
        let path = match provider.dialect {
            Dialect::Anthropic => "/v1/models",
            Dialect::Gemini => "/v1beta/models",
            _ => "/models",
        };
        let mut request = Request::get(format!("{}{path}", base_url.trim_end_matches('/')));
        match auth_header(provider, key.expose()) {
            Ok((name, value)) => request = request.header(name, value),
            // A key that no header can hold never reaches anybody.
            Err(_) => return Probed::Unreachable,
        }
        if provider.dialect == Dialect::Anthropic {
            let (name, value) = ANTHROPIC_VERSION;
            request = request.header(name, value);
        }
        let Ok(request) = request.body(Full::new(Bytes::new())) else { return Probed::Unreachable };
        match self.upstream.send(request).await {
            Ok(response) => Probed::Status(response.status().as_u16()),
            Err(down) if down.code == Code::UpstreamTimeout => Probed::TimedOut,
            Err(_) => Probed::Unreachable,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

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
        let key = Secret::new("sk-1".to_owned());
        for (provider_id, path, header) in [
            ("openai", "GET /models ", "authorization: Bearer sk-1"),
            ("anthropic", "GET /v1/models ", "x-api-key: sk-1"),
            ("google-ai-studio", "GET /v1beta/models ", "x-goog-api-key: sk-1"),
        ] {
            let (url, mut told) = provider("200 OK").await;
            let row = catalog.provider(provider_id).unwrap();
            assert_eq!(Probe::new(true).models(row, &format!("{url}/"), &key).await, Probed::Status(200));
            let asked = told.recv().await.unwrap();
            assert!(asked.starts_with(path) && asked.contains(header), "{asked}");
            assert_eq!(asked.contains("anthropic-version"), provider_id == "anthropic");
        }
    }

    #[tokio::test]
    async fn redirects_are_not_followed_and_private_addresses_are_not_asked() {
        let catalog = catalog::Catalog::builtin().unwrap();
        let (openai, key) = (catalog.provider("openai").unwrap(), Secret::new("sk-1".to_owned()));
        let (other, mut never) = provider("200 OK").await;
        let moved: &'static str = Box::leak(format!("302 Found\r\nlocation: {other}/models").into_boxed_str());
        let (url, mut told) = provider(moved).await;
        assert_eq!(Probe::new(true).models(openai, &url, &key).await, Probed::Status(302));
        assert!(told.recv().await.is_some() && never.try_recv().is_err());
        assert_eq!(Probe::new(false).models(openai, &url, &key).await, Probed::Unreachable);
        assert_eq!(Probe::new(true).models(openai, "http://127.0.0.1:9", &key).await, Probed::Unreachable);
        assert_eq!(Probe::new(true).models(openai, "no address", &key).await, Probed::Unreachable);
    }
}
