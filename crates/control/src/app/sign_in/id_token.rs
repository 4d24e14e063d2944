//! What a provider's token proves. Nothing in it is believed before its signature, and no key is used with an algorithm that it
//! is not for.

use domain::UnixMicros;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// How far the provider's clock may be from ours.
const LEEWAY_SECONDS: i64 = 60;
/// A token is fetched by us the moment it is made; an older one is a copy.
const AGE_SECONDS_MAX: i64 = 600;
/// Limit: bytes of a token.
const BYTES_MAX: usize = 32 * 1_024;

/// What must be so.
pub(super) struct Expected<'a> {
    pub issuer: &'a str,
    pub client_id: &'a str,
    pub nonce: &'a str,
    /// What the provider says that it signs with; empty: anything that is allowed.
    pub algorithms: &'a [String],
    pub now: UnixMicros,
}

/// What we read of a token that was verified.
#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    pub sub: String,
    aud: Audience,
    azp: Option<String>,
    exp: i64,
    iat: i64,
    nbf: Option<i64>,
    nonce: Option<String>,
    pub email: Option<String>,
    #[serde(default, deserialize_with = "truth")]
    pub email_verified: bool,
    pub name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// Some providers write it as a text.
pub(super) fn truth<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    let value = Value::deserialize(from)?;
    Ok(value == Value::Bool(true) || value == "true")
}

/// The claims of a token, or why it proves nothing.
pub(super) fn verified(token: &str, keys: &[Value], expected: &Expected<'_>) -> Result<Claims, String> {
    if token.len() > BYTES_MAX {
        return Err("it is too long".to_owned());
    }
    let header = jsonwebtoken::decode_header(token).map_err(|error| format!("its header cannot be read: {error}"))?;
    let algorithm = header.alg;
    let spelled = format!("{algorithm:?}");
    if !expected.algorithms.is_empty() && !expected.algorithms.contains(&spelled) {
        return Err(format!("it is signed with {spelled}, which the provider does not sign with"));
    }
    let mut fitting = keys.iter().filter_map(|key| Jwk::deserialize(key).ok()).filter(|key| fits(key, algorithm));
    let key = match &header.kid {
        Some(id) => fitting.find(|key| key.common.key_id.as_ref() == Some(id)),
        None => fitting.next().filter(|_| fitting.next().is_none()),
    };
    let key = key.ok_or_else(|| format!("the provider has no key that it could be signed with ({spelled})"))?;
    let key = DecodingKey::from_jwk(&key).map_err(|error| format!("the provider's key cannot be read: {error}"))?;
    let mut rules = Validation::new(algorithm);
    rules.set_issuer(&[expected.issuer]);
    rules.set_audience(&[expected.client_id]);
    rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    // Times are held against the clock that everything else here is held against.
    (rules.validate_exp, rules.validate_nbf) = (false, false);
    let claims = jsonwebtoken::decode::<Claims>(token, &key, &rules).map_err(|error| error.to_string())?.claims;
    checked(claims, expected)
}

fn checked(claims: Claims, expected: &Expected<'_>) -> Result<Claims, String> {
    let now = expected.now.0.div_euclid(1_000_000);
    if claims.exp.saturating_add(LEEWAY_SECONDS) <= now {
        return Err("it has expired".to_owned());
    }
    if claims.nbf.unwrap_or(claims.iat).max(claims.iat).saturating_sub(LEEWAY_SECONDS) > now {
        return Err("it is of the future".to_owned());
    }
    if claims.iat.saturating_add(AGE_SECONDS_MAX) <= now {
        return Err("it is old".to_owned());
    }
    if claims.nonce.as_deref() != Some(expected.nonce) {
        return Err("it answers another question".to_owned());
    }
    let many = matches!(&claims.aud, Audience::Many(all) if all.len() > 1);
    if claims.azp.as_deref().map_or(many, |party| party != expected.client_id) {
        return Err("it was made for another application".to_owned());
    }
    if let Audience::One(one) = &claims.aud
        && one != expected.client_id
    {
        return Err("it is for another application".to_owned());
    }
    Ok(claims)
}

/// Only keys that everybody may know, and each with its own algorithm.
fn fits(key: &Jwk, algorithm: Algorithm) -> bool {
    if !matches!(key.common.public_key_use, None | Some(PublicKeyUse::Signature)) {
        return false;
    }
    if key.common.key_algorithm.is_some_and(|its| format!("{its:?}") != format!("{algorithm:?}")) {
        return false;
    }
    match (&key.algorithm, algorithm) {
        (
            AlgorithmParameters::RSA(_),
            Algorithm::RS256 | Algorithm::RS384 | Algorithm::RS512 | Algorithm::PS256 | Algorithm::PS384 | Algorithm::PS512,
        )
        | (AlgorithmParameters::OctetKeyPair(_), Algorithm::EdDSA) => true,
        (AlgorithmParameters::EllipticCurve(its), Algorithm::ES256) => its.curve == EllipticCurve::P256,
        (AlgorithmParameters::EllipticCurve(its), Algorithm::ES384) => its.curve == EllipticCurve::P384,
        _ => false,
    }
}
