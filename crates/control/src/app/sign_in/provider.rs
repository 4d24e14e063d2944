//! Sign-in providers and what is said to them: OpenID Connect, and GitHub, which speaks OAuth only.

use std::fmt;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use axum::http::{Method, Request};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::{Code, Fault, Secret, UnixMicros};
use http_body_util::Full;
use outbound::{Limits, Upstream};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;
use url::form_urlencoded::Serializer;

use crate::app::sign_in::attempt::Attempt;
use crate::app::sign_in::id_token::{self, Claims, Expected};

/// Somebody waits for each answer.
const DEADLINE: Duration = Duration::from_secs(10);
/// Limit: bytes of an answer.
const BYTES_MAX: usize = 1 << 20;
/// Limit: characters of what a provider calls a person.
const SUBJECT_CHARS_MAX: usize = 255;

/// Who else says who people are.
#[derive(Debug, Clone)]
pub struct SignInProvider {
    /// A part of addresses. `github` speaks OAuth, all others OpenID Connect.
    pub id: String,
    /// What its button says.
    pub name: String,
    /// Beginning of everything that it says.
    pub issuer: String,
    /// Who this instance is there.
    pub client_id: String,
    /// And how it proves that.
    pub client_secret: Secret<String>,
}

/// Whom a provider knows.
#[derive(Debug)]
pub(super) struct Known {
    pub subject: String,
    /// As it is said, proven or not; may be empty.
    pub shown: String,
    /// Only when the provider proved it.
    pub email: Option<String>,
    pub name: Option<String>,
}

/// The way to providers, through the guarded dialler.
pub(in crate::app) struct Outside(Upstream);

impl fmt::Debug for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outside")
    }
}

/// What an issuer says about itself.
#[derive(Debug, Deserialize)]
struct Discovery {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
    #[serde(default)]
    id_token_signing_alg_values_supported: Vec<String>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Tokens {
    access_token: Option<Secret<String>>,
    id_token: Option<Secret<String>>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Keys {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct UserInfo {
    sub: String,
    email: Option<String>,
    #[serde(default, deserialize_with = "id_token::truth")]
    email_verified: bool,
}

#[derive(Deserialize)]
struct GithubUser {
    id: u64,
    name: Option<String>,
    login: String,
}

#[derive(Deserialize)]
struct GithubEmail {
    email: String,
    primary: bool,
    verified: bool,
}

impl SignInProvider {
    fn is_github(&self) -> bool {
        self.id == "github"
    }

    fn down(&self, code: Code, why: impl fmt::Display) -> Fault {
        let say = format!("`{}` did not answer as it should; try again in a moment, or log in another way", self.name);
        Fault::new(code, say).note(format!("ask the sign-in provider `{}`: {why}", self.id))
    }

    fn unproven(&self, why: impl fmt::Display) -> Fault {
        tracing::warn!(provider = self.id, "a sign-in provider's answer proves nothing: {why}");
        Fault::new(Code::InvalidCredentials, format!("the answer of `{}` does not prove who you are; begin again", self.name))
    }

    /// GitHub's API has a host of its own; that of a GitHub of one's own is below its address.
    fn github_api(&self) -> String {
        let issuer = self.issuer.trim_end_matches('/');
        if issuer == "https://github.com" { "https://api.github.com".to_owned() } else { format!("{issuer}/api/v3") }
    }
}

impl Outside {
    pub(in crate::app) fn new(allow_private: bool) -> Self {
        Self(Upstream::new(Limits { connect: DEADLINE, first_byte: DEADLINE, idle: DEADLINE }, allow_private))
    }

    /// Where the browser goes.
    pub(super) async fn leave(&self, to: &SignInProvider, attempt: &Attempt, redirect: &str) -> Result<String, Fault> {
        let (address, scope) = if to.is_github() {
            (format!("{}/login/oauth/authorize", to.issuer.trim_end_matches('/')), "read:user user:email")
        } else {
            (self.discovery(to).await?.authorization_endpoint, "openid email profile")
        };
        let mut url = Url::parse(&address).map_err(|error| to.down(Code::UpstreamInvalidResponse, error))?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err(to.down(Code::UpstreamInvalidResponse, "its page is at no web address"));
        }
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &to.client_id)
            .append_pair("redirect_uri", redirect)
            .append_pair("scope", scope)
            .append_pair("state", &attempt.state()?)
            .append_pair("code_challenge", &attempt.challenge()?)
            .append_pair("code_challenge_method", "S256");
        if !to.is_github() {
            url.query_pairs_mut().append_pair("nonce", &attempt.nonce()?);
        }
        Ok(url.into())
    }

    /// Whom the code of an answer stands for.
    pub(super) async fn known(
        &self,
        at: &SignInProvider,
        attempt: &Attempt,
        (redirect, code): (&str, &Secret<String>),
        now: UnixMicros,
    ) -> Result<Known, Fault> {
        let known = if at.is_github() {
            self.known_github(at, attempt, (redirect, code)).await?
        } else {
            self.known_oidc(at, attempt, (redirect, code), now).await?
        };
        if known.subject.is_empty() || known.subject.chars().count() > SUBJECT_CHARS_MAX {
            return Err(at.unproven("the subject is empty or too long"));
        }
        Ok(known)
    }

    async fn known_oidc(
        &self,
        at: &SignInProvider,
        attempt: &Attempt,
        answer: (&str, &Secret<String>),
        now: UnixMicros,
    ) -> Result<Known, Fault> {
        let found = self.discovery(at).await?;
        let methods = found.token_endpoint_auth_methods_supported.as_ref();
        let in_body = methods.is_some_and(|all| !all.iter().any(|one| one == "client_secret_basic"));
        let tokens = self.tokens(at, attempt, &found.token_endpoint, answer, in_body).await?;
        let token = tokens.id_token.ok_or_else(|| at.unproven("there is no id token"))?;
        let keys: Keys = self.json(at, get(&found.jwks_uri, None)).await?;
        let nonce = attempt.nonce()?;
        let algorithms = &found.id_token_signing_alg_values_supported[..];
        let expected = Expected { issuer: &at.issuer, client_id: &at.client_id, nonce: &nonce, algorithms, now };
        let claims = id_token::verified(token.expose(), &keys.keys, &expected).map_err(|why| at.unproven(why))?;
        match (&claims.email, &found.userinfo_endpoint, &tokens.access_token) {
            (None, Some(address), Some(token)) => self.with_userinfo(at, claims, address, token).await,
            _ => Ok(known(claims)),
        }
    }

    /// Some providers write no address into their token.
    async fn with_userinfo(&self, at: &SignInProvider, mut claims: Claims, address: &str, token: &Secret<String>) -> Result<Known, Fault> {
        let info: UserInfo = self.json(at, get(address, Some(token))).await?;
        if info.sub != claims.sub {
            return Err(at.unproven("it describes somebody else"));
        }
        (claims.email, claims.email_verified) = (info.email, info.email_verified);
        Ok(known(claims))
    }

    async fn known_github(&self, at: &SignInProvider, attempt: &Attempt, answer: (&str, &Secret<String>)) -> Result<Known, Fault> {
        let address = format!("{}/login/oauth/access_token", at.issuer.trim_end_matches('/'));
        let tokens = self.tokens(at, attempt, &address, answer, true).await?;
        let token = tokens.access_token.ok_or_else(|| at.unproven("there is no token"))?;
        let api = at.github_api();
        let user: GithubUser = self.json(at, get(&format!("{api}/user"), Some(&token))).await?;
        let emails: Vec<GithubEmail> = self.json(at, get(&format!("{api}/user/emails"), Some(&token))).await?;
        let email = emails.into_iter().find(|it| it.primary && it.verified).map(|it| it.email);
        let (shown, name) = (email.clone().unwrap_or_default(), user.name.or(Some(user.login)));
        Ok(Known { subject: user.id.to_string(), shown, email, name })
    }

    /// Each must say that it is who was asked.
    async fn discovery(&self, at: &SignInProvider) -> Result<Discovery, Fault> {
        let address = format!("{}/.well-known/openid-configuration", at.issuer.trim_end_matches('/'));
        let found: Discovery = self.json(at, get(&address, None)).await?;
        if found.issuer != at.issuer {
            return Err(at.down(Code::UpstreamInvalidResponse, format!("it calls itself {}", found.issuer)));
        }
        Ok(found)
    }

    async fn tokens(
        &self,
        at: &SignInProvider,
        attempt: &Attempt,
        address: &str,
        (redirect, code): (&str, &Secret<String>),
        in_body: bool,
    ) -> Result<Tokens, Fault> {
        let verifier = attempt.verifier()?;
        let mut form = vec![("grant_type", "authorization_code"), ("code", code.expose().as_str())];
        form.extend([("redirect_uri", redirect), ("code_verifier", verifier.as_str())]);
        let mut request = Request::builder().method(Method::POST).uri(address);
        request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        if in_body {
            form.extend([("client_id", at.client_id.as_str()), ("client_secret", at.client_secret.expose().as_str())]);
        } else {
            let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            let pair = format!("{}:{}", encoded(&at.client_id), encoded(at.client_secret.expose()));
            request = request.header(AUTHORIZATION, format!("Basic {}", STANDARD.encode(pair)));
        }
        let form = Serializer::new(String::new()).extend_pairs(form).finish();
        let tokens: Tokens = self.json(at, request.body(Full::from(form))).await?;
        match &tokens.error {
            None => Ok(tokens),
            // A code that was used, is over, or belongs to another browser.
            Some(error) if error == "invalid_grant" || error == "bad_verification_code" => Err(at.unproven(error)),
            Some(error) => Err(at.down(Code::UpstreamInvalidResponse, format!("it refused us: {error}"))),
        }
    }

    /// Also of a refusal, whose body says why.
    async fn json<T: DeserializeOwned>(
        &self,
        at: &SignInProvider,
        request: Result<Request<Full<Bytes>>, axum::http::Error>,
    ) -> Result<T, Fault> {
        let mut request = request.map_err(|error| at.down(Code::UpstreamInvalidResponse, error))?;
        let headers = request.headers_mut();
        headers.insert(ACCEPT, axum::http::HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, axum::http::HeaderValue::from_static("llmg"));
        let answer = self.0.fetch(request, BYTES_MAX, DEADLINE).await;
        let answer = answer.map_err(|down| at.down(down.code, "no answer").because(down.into_cause()))?;
        let status = answer.status();
        if status.is_server_error() || status.is_redirection() {
            return Err(at.down(Code::UpstreamInvalidResponse, format!("it answered {status}")));
        }
        // What it sent may hold tokens: only the place of the mistake is told.
        serde_json::from_slice(answer.body()).map_err(|error| {
            let at_byte = format!("it answered {status}, and line {} is not what was asked for", error.line());
            at.down(Code::UpstreamInvalidResponse, at_byte)
        })
    }
}

fn known(claims: Claims) -> Known {
    let shown = claims.email.clone().unwrap_or_default();
    Known { subject: claims.sub, shown, email: claims.email.filter(|_| claims.email_verified), name: claims.name }
}

fn get(address: &str, token: Option<&Secret<String>>) -> Result<Request<Full<Bytes>>, axum::http::Error> {
    let mut request = Request::builder().uri(address);
    if let Some(token) = token {
        request = request.header(AUTHORIZATION, format!("Bearer {}", token.expose()));
    }
    request.body(Full::default())
}
