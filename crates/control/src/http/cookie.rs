//! The cookies: the session's, and that of a browser which is away at a sign-in provider. Over TLS it is a `__Host-` cookie, which no other host and no plain connection can set; on a
//! loopback listener without TLS browsers allow no such cookie, so there it has a plain name.

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};
use domain::{Fault, Secret};

use crate::app::front::Front;
use crate::app::sessions::LIFE_SECONDS;
use crate::app::sign_in;

const SECURE_NAME: &str = "__Host-llmg_session";
const PLAIN_NAME: &str = "llmg_session";
/// Limit: bytes of a token that is looked at.
const TOKEN_BYTES_MAX: usize = 128;
const SIGN_IN_SECURE_NAME: &str = "__Host-llmg_sign_in";
const SIGN_IN_PLAIN_NAME: &str = "llmg_sign_in";

const fn name(front: &Front) -> &'static str {
    if front.is_secure() { SECURE_NAME } else { PLAIN_NAME }
}

const fn sign_in_name(front: &Front) -> &'static str {
    if front.is_secure() { SIGN_IN_SECURE_NAME } else { SIGN_IN_PLAIN_NAME }
}

/// The token in a request, if there is one.
pub(super) fn token<'a>(headers: &'a HeaderMap, front: &Front) -> Option<&'a str> {
    named(headers, name(front)).filter(|token| !token.is_empty() && token.len() <= TOKEN_BYTES_MAX)
}

/// What a browser kept while it was away at a sign-in provider.
pub(super) fn sign_in<'a>(headers: &'a HeaderMap, front: &Front) -> Option<&'a str> {
    named(headers, sign_in_name(front))
}

fn named<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let pairs = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(';'));
    pairs.filter_map(|pair| pair.trim().split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// `Set-Cookie` for a session that began.
pub(super) fn set(front: &Front, token: &Secret<String>) -> Result<HeaderValue, Fault> {
    value(front, name(front), token.expose(), LIFE_SECONDS)
}

/// `Set-Cookie` for a session that ended.
pub(super) fn clear(front: &Front) -> Result<HeaderValue, Fault> {
    value(front, name(front), "", 0)
}

/// `Set-Cookie` for a browser that leaves for a sign-in provider.
pub(super) fn sign_in_set(front: &Front, kept: &Secret<String>) -> Result<HeaderValue, Fault> {
    value(front, sign_in_name(front), kept.expose(), sign_in::LIFE_SECONDS)
}

/// `Set-Cookie` for one that is back.
pub(super) fn sign_in_clear(front: &Front) -> Result<HeaderValue, Fault> {
    value(front, sign_in_name(front), "", 0)
}

fn value(front: &Front, name: &str, token: &str, age_seconds: i64) -> Result<HeaderValue, Fault> {
    let secure = if front.is_secure() { "; Secure" } else { "" };
    let text = format!("{name}={token}; Path=/; Max-Age={age_seconds}; HttpOnly; SameSite=Lax{secure}");
    let mut value = HeaderValue::try_from(text).map_err(|error| Fault::internal("write a cookie", error))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_over_tls_is_bound_to_its_host() {
        let (secure, plain) = (Front::OwnTls, Front::Loopback { port: 4000 });
        let token = Secret::new("abc".to_owned());
        assert_eq!(set(&secure, &token).unwrap(), "__Host-llmg_session=abc; Path=/; Max-Age=7776000; HttpOnly; SameSite=Lax; Secure");
        assert_eq!(set(&plain, &token).unwrap(), "llmg_session=abc; Path=/; Max-Age=7776000; HttpOnly; SameSite=Lax");
        assert_eq!(clear(&plain).unwrap(), "llmg_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
    }

    #[test]
    fn the_token_is_found_among_other_cookies_and_only_under_the_name_of_this_front() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("a=b; llmg_session=plain"));
        headers.append(COOKIE, HeaderValue::from_static("__Host-llmg_session=secure; llmg_session=second"));
        assert_eq!(token(&headers, &Front::OwnTls), Some("secure"));
        assert_eq!(token(&headers, &Front::Loopback { port: 1 }), Some("plain"));
        let long = format!("llmg_session={}", "x".repeat(200));
        for value in ["", "llmg_session", "llmg_session=", "xllmg_session=a", long.as_str()] {
            let headers = HeaderMap::from_iter([(COOKIE, HeaderValue::try_from(value).unwrap())]);
            assert_eq!(token(&headers, &Front::Loopback { port: 1 }), None, "{value}");
        }
    }
}
