//! Sign-in providers: Google, GitHub, and whoever speaks OpenID Connect.

use std::collections::BTreeMap;

use domain::Secret;
use serde::Deserialize;

/// Limit: characters of the name in the settings, which is a part of addresses.
const ID_CHARS_MAX: usize = 40;

/// Who else says who people are, and who we are there.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignInConfig {
    /// Beginning of everything that the provider says. Google's and GitHub's are known.
    pub issuer: Option<String>,
    /// Who this instance is there.
    pub client_id: Option<String>,
    /// And how it proves that.
    pub client_secret: Option<Secret<String>>,
    /// What its button says; unset: the name in the settings.
    pub name: Option<String>,
}

impl SignInConfig {
    /// The issuer that is set, or the known one of that name.
    pub fn issuer_of(&self, id: &str) -> Option<&str> {
        let known = match id {
            "google" => Some("https://accounts.google.com"),
            "github" => Some("https://github.com"),
            _ => None,
        };
        self.issuer.as_deref().or(known)
    }
}

/// The first field that is wrong, why, and how it is mended.
pub(super) fn first_wrong(all: &BTreeMap<String, SignInConfig>) -> Option<(String, (&'static str, &'static str))> {
    all.iter().find_map(|(id, one)| {
        let field = |name: &str| format!("sign_in.{id}.{name}");
        let clean = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if id.is_empty() || id.len() > ID_CHARS_MAX || !id.chars().all(clean) {
            let mend = "use 1 to 40 lower-case letters, digits and hyphens, such as `[sign_in.okta]`";
            return Some((format!("sign_in.{id}"), ("not a name for an address", mend)));
        }
        let copy = "copy it from the provider's page about this application";
        if one.client_id.as_deref().is_none_or(str::is_empty) {
            return Some((field("client_id"), ("not set", copy)));
        }
        if one.client_secret.as_ref().is_none_or(|secret| secret.expose().is_empty()) {
            return Some((field("client_secret"), ("not set", copy)));
        }
        let mend = "write it as https://… or http://…, as the provider spells it";
        match one.issuer_of(id) {
            None => Some((field("issuer"), ("not set", mend))),
            Some(url) if !(url.starts_with("https://") || url.starts_with("http://")) => Some((field("issuer"), ("not a URL", mend))),
            Some(_) => None,
        }
    })
}
