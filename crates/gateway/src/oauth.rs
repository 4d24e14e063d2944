//! Access tokens of Google Cloud for a service account: a signed assertion is exchanged for a token that opens for an hour.
//! (RFC 7523; Google: "Using OAuth 2.0 for server to server applications".)

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use domain::fault::Cause;
use domain::{Secret, UnixMicros};
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Request, StatusCode};
use http_body_util::Full;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use outbound::{Down, Upstream};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use store::ServiceAccount;
use tokio::sync::Mutex;

const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// How long an assertion holds, which is also the most that Google allows.
const ASSERTION_SECONDS: i64 = 3_600;
/// A token that ends within this is not used any more.
const SPARE_SECONDS: i64 = 30;
/// A token that ends within this is replaced by the next call that comes, while the others go on with it.
const AHEAD_SECONDS: i64 = 300;
/// Limit: seconds that a token is believed to open for, whatever its giver says.
const LIFE_SECONDS_MAX: i64 = 12 * 3_600;
/// For one exchange.
const DEADLINE: Duration = Duration::from_secs(10);
/// Limit: bytes of an answer.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Why there is no token.
#[derive(Debug)]
pub(crate) enum TokenError {
    /// The account is refused, with this HTTP status.
    Refused(u16),
    /// Nobody was reached, or the answer is none.
    Down(Down),
    /// Ours: the private key does not sign.
    Broken(Cause),
}

/// One service account's tokens: one is kept, and only one exchange runs at a time.
pub(crate) struct Tokens {
    account: ServiceAccount,
    current: ArcSwapOption<Token>,
    exchanging: Mutex<()>,
}

struct Token {
    header: HeaderValue,
    secret: Secret<String>,
    ends_at: UnixMicros,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    scope: &'static str,
    aud: &'a str,
    iat: i64,
    exp: i64,
}

#[derive(Deserialize)]
struct Granted {
    access_token: Secret<String>,
    expires_in: i64,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[tokens of {}]", self.account.client_email)
    }
}

impl Tokens {
    pub(crate) fn new(account: ServiceAccount) -> Self {
        Self { account, current: ArcSwapOption::empty(), exchanging: Mutex::new(()) }
    }

    /// `Authorization` with a token that holds for a while.
    pub(crate) async fn header(&self, upstream: &Upstream, now: UnixMicros) -> Result<HeaderValue, TokenError> {
        if let Some(token) = self.usable(now) {
            let ends_soon = token.ends_at < now.plus_seconds(AHEAD_SECONDS);
            if ends_soon && let Ok(_turn) = self.exchanging.try_lock() {
                match self.exchange(upstream, now).await {
                    Ok(fresh) => return Ok(fresh),
                    // The old one still opens; a later call tries again.
                    Err(error) => tracing::warn!(?error, "an access token could not be replaced before its end"),
                }
            }
            return Ok(token.header.clone());
        }
        // Behind a token endpoint that hangs, nobody waits for the turns of all who came before.
        let turn = tokio::time::timeout(DEADLINE, self.exchanging.lock()).await;
        let _turn = turn.map_err(|_| TokenError::Down(Down::late("the token endpoint keeps earlier calls waiting")))?;
        match self.usable(now) {
            Some(token) => Ok(token.header.clone()),
            None => self.exchange(upstream, now).await,
        }
    }

    /// What a provider must not quote.
    pub(crate) fn current_secret(&self) -> Option<Secret<String>> {
        self.current.load().as_ref().map(|token| token.secret.clone())
    }

    fn usable(&self, now: UnixMicros) -> Option<Arc<Token>> {
        self.current.load_full().filter(|token| token.ends_at > now.plus_seconds(SPARE_SECONDS))
    }

    async fn exchange(&self, upstream: &Upstream, now: UnixMicros) -> Result<HeaderValue, TokenError> {
        let assertion = self.assertion(now).map_err(TokenError::Broken)?;
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let form = format!("grant_type={}&assertion={}", encoded(GRANT), encoded(&assertion));
        let request = Request::post(&*self.account.token_uri)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::new(Bytes::from(form)))
            .map_err(|error| TokenError::Broken(error.into()))?;
        let answer = upstream.fetch(request, ANSWER_BYTES_MAX, DEADLINE).await.map_err(TokenError::Down)?;
        let status = answer.status();
        if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS {
            return Err(TokenError::Refused(status.as_u16()));
        }
        let useless = |why: String| TokenError::Down(Down::useless(why));
        if !status.is_success() {
            return Err(useless(format!("the token endpoint answered {status}")));
        }
        // The error would quote what was read.
        let granted: Granted = serde_json::from_slice(answer.body()).map_err(|_| useless("the answer holds no token".to_owned()))?;
        let mut header = HeaderValue::from_str(&format!("Bearer {}", granted.access_token.expose()))
            .map_err(|_| useless("the token has characters that no header may hold".to_owned()))?;
        header.set_sensitive(true);
        let ends_at = now.plus_seconds(granted.expires_in.clamp(0, LIFE_SECONDS_MAX));
        let token = Token { header: header.clone(), secret: granted.access_token, ends_at };
        self.current.store(Some(Arc::new(token)));
        Ok(header)
    }

    fn assertion(&self, now: UnixMicros) -> Result<String, Cause> {
        let ServiceAccount { client_email, private_key, private_key_id, token_uri } = &self.account;
        let header = Header { kid: private_key_id.clone(), ..Header::new(Algorithm::RS256) };
        let iat = now.seconds();
        let claims = Claims { iss: client_email, scope: SCOPE, aud: token_uri, iat, exp: iat + ASSERTION_SECONDS };
        let key = EncodingKey::from_rsa_pem(private_key.expose().as_bytes())?;
        Ok(jsonwebtoken::encode(&header, &claims, &key)?)
    }
}

#[cfg(test)]
mod tests {
    use outbound::Limits;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_longer_than_one_exchange_for_a_turn() {
        let limits = Limits { connect: DEADLINE, first_byte: DEADLINE, idle: DEADLINE };
        let account = ServiceAccount {
            client_email: "robot@example.com".to_owned(),
            private_key: Secret::new(String::new()),
            private_key_id: None,
            token_uri: "https://tokens.invalid".to_owned(),
        };
        let tokens = Tokens::new(account);
        // An exchange that never ends has the turn.
        let _turn = tokens.exchanging.lock().await;
        let began = tokio::time::Instant::now();
        let refused = tokens.header(&Upstream::new(limits, true), UnixMicros(0)).await;
        assert!(matches!(refused, Err(TokenError::Down(down)) if down.code == domain::Code::UpstreamTimeout && down.unsent));
        assert_eq!(began.elapsed().as_secs(), DEADLINE.as_secs());
    }
}
