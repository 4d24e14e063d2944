//! A key management service: it wraps master keys, so that the file that holds them is useless without it.
//!
//! It is asked when a process starts and when its master keys change, never on a call's way. One more service is one more
//! variant here.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::Secret;
use http::Request;
use http::header::CONTENT_TYPE;
use http_body_util::Full;
use outbound::{Limits, Upstream};
use service::Config;
use service::config::ConfigError;
use url::Url;

const DEADLINE: Duration = Duration::from_secs(10);
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// What a key that Vault wrapped begins with.
pub(crate) const VAULT_PREFIX: &str = "vault:";

/// The service that the settings name.
pub(crate) enum Kms {
    /// The transit engine of HashiCorp Vault or OpenBao.
    Vault(Vault),
}

/// A key of a transit engine.
pub(crate) struct Vault {
    upstream: Upstream,
    /// `https://host:8200`
    origin: String,
    /// Of the engine: `transit`.
    mount: String,
    key: String,
    /// Read anew for each request: agents renew what is in it.
    token_file: PathBuf,
}

impl Kms {
    /// Of the settings; none when they name none.
    pub(crate) fn of(config: &Config) -> Result<Option<Self>, ConfigError> {
        let (Some(url), Some(token_file)) = (&config.kms_url, &config.kms_token_file) else { return Ok(None) };
        let wrong = || {
            let mend = "write it as vault+https://HOST:PORT/MOUNT/KEY; vault+http:// is for this machine only";
            ConfigError::new("settings", "kms_url", "names no transit key", mend)
        };
        let url: Url = url.strip_prefix("vault+").and_then(|url| url.parse().ok()).ok_or_else(wrong)?;
        let here = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
        let (mount, key) = url.path().trim_matches('/').rsplit_once('/').ok_or_else(wrong)?;
        if !(url.scheme() == "https" || url.scheme() == "http" && here) || mount.is_empty() || key.is_empty() {
            return Err(wrong());
        }
        Ok(Some(Self::Vault(Vault {
            // The operator names it: it is where the operator says, inside or not.
            upstream: Upstream::new(Limits { connect: DEADLINE, first_byte: DEADLINE, idle: DEADLINE }, true),
            origin: url.origin().ascii_serialization(),
            mount: mount.to_owned(),
            key: key.to_owned(),
            token_file: token_file.clone(),
        })))
    }

    /// What the service makes of a key; only it can undo that.
    pub(crate) async fn wrap(&self, key: &[u8; seal::KEY_BYTES]) -> anyhow::Result<String> {
        let Self::Vault(vault) = self;
        let wrapped = vault.ask("encrypt", "plaintext", &STANDARD.encode(key), "ciphertext").await?;
        anyhow::ensure!(wrapped.starts_with(VAULT_PREFIX), "the key management service did not answer with a wrapped key");
        Ok(wrapped)
    }

    /// The key that it wrapped.
    pub(crate) async fn unwrap(&self, wrapped: &str) -> anyhow::Result<Secret<[u8; seal::KEY_BYTES]>> {
        let Self::Vault(vault) = self;
        let text = Secret::new(vault.ask("decrypt", "ciphertext", wrapped, "plaintext").await?);
        let bytes = STANDARD.decode(text.expose()).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Secret::new).context("what the key management service unwrapped is not a key of 32 bytes")
    }
}

impl Vault {
    async fn ask(&self, act: &str, field: &str, value: &str, wanted: &str) -> anyhow::Result<String> {
        let token = tokio::fs::read_to_string(&self.token_file).await;
        let token = Secret::new(token.with_context(|| format!("read {}", self.token_file.display()))?);
        let url = format!("{}/v1/{}/{act}/{}", self.origin, self.mount, self.key);
        let request = Request::post(&url)
            .header("x-vault-token", token.expose().trim())
            .header("x-vault-request", "true")
            .header(CONTENT_TYPE, "application/json")
            .body(Full::from(serde_json::json!({ field: value }).to_string()))
            .context("the token is not what a header takes")?;
        let answer = self.upstream.fetch(request, ANSWER_BYTES_MAX, DEADLINE).await;
        let answer = answer.map_err(|down| super::command::refused(down.into_fault("the key management service")))?;
        // Its own words are left out: they may repeat what was sent.
        anyhow::ensure!(answer.status().is_success(), "the key management service refused to {act} with {url}: {}", answer.status());
        let answer: serde_json::Value =
            serde_json::from_slice(answer.body()).context("the key management service did not answer in JSON")?;
        let found = answer.get("data").and_then(|data| data.get(wanted)).and_then(serde_json::Value::as_str);
        found.map(str::to_owned).with_context(|| format!("the key management service's answer has no {wanted}"))
    }
}
