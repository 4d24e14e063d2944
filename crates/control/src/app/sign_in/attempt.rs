//! What a browser keeps between leaving for a sign-in provider and coming back.
//!
//! Everything that the provider is given is a hash of the whole of it, so the store keeps nothing of people who have not come
//! in, and an answer fits only the browser that left, for what it left for. Who reads an address learns nothing of the cookie.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{Code, Fault, Secret, UnixMicros, UserId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::app::sessions::Token;

/// How long a browser may be away.
pub(crate) const LIFE_SECONDS: i64 = 600;
/// Limit: bytes of a cookie that is looked at.
const BYTES_MAX: usize = 1_024;

/// One browser's way to a provider and back.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Attempt {
    /// What nobody else knows.
    token: String,
    /// Where it went.
    pub provider: String,
    at_us: i64,
    /// Brings the person into the organization that invited them.
    pub invite: Option<String>,
    /// Who wants to come in through it from now on; `None`: somebody who wants in now.
    pub person: Option<UserId>,
}

impl Attempt {
    pub(super) fn begin(provider: &str, invite: Option<&Secret<String>>, person: Option<UserId>, now: UnixMicros) -> Result<Self, Fault> {
        let token = Token::fresh()?.text().to_owned();
        let invite = invite.map(|token| token.expose().trim().to_owned());
        Ok(Self { token, provider: provider.to_owned(), at_us: now.0, invite, person })
    }

    /// For the cookie.
    pub(super) fn spelled(&self) -> Result<Secret<String>, Fault> {
        let text = serde_json::to_vec(self).map_err(|error| Fault::internal("spell a sign-in", error))?;
        Ok(Secret::new(URL_SAFE_NO_PAD.encode(text)))
    }

    /// Of a cookie; one that is too old is none.
    pub(super) fn read(cookie: Option<&str>, provider: &str, now: UnixMicros) -> Result<Self, Fault> {
        let cookie = cookie.filter(|text| text.len() <= BYTES_MAX);
        let bytes = cookie.and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        let attempt = bytes.and_then(|bytes| serde_json::from_slice::<Self>(&bytes).ok());
        let open = |it: &Self| it.at_us <= now.0 && now < UnixMicros(it.at_us).plus_seconds(LIFE_SECONDS);
        attempt.filter(|it| it.provider == provider && open(it)).ok_or_else(other)
    }

    /// What the provider gives back unchanged. Its beginning tells the page what to do with the answer.
    pub(super) fn state(&self) -> Result<String, Fault> {
        let begin = if self.person.is_some() { "link" } else { "in" };
        Ok(format!("{begin}.{}", self.derived("state")?))
    }

    /// What the provider writes into its token.
    pub(super) fn nonce(&self) -> Result<String, Fault> {
        self.derived("nonce")
    }

    /// Proves to the provider that whoever brings the code is who left (PKCE).
    pub(super) fn verifier(&self) -> Result<String, Fault> {
        self.derived("verifier")
    }

    /// What the provider holds the verifier against.
    pub(super) fn challenge(&self) -> Result<String, Fault> {
        Ok(URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier()?)))
    }

    /// Refuses an answer that is not to this attempt.
    pub(super) fn check(&self, state: &str) -> Result<(), Fault> {
        if self.state()? == state { Ok(()) } else { Err(other()) }
    }

    fn derived(&self, what: &str) -> Result<String, Fault> {
        let text = format!("{what}:{}", self.spelled()?.expose());
        Ok(URL_SAFE_NO_PAD.encode(Sha256::digest(text)))
    }
}

fn other() -> Fault {
    let say = "this sign-in was begun in another browser, or more than 10 minutes ago, or is over; begin again";
    Fault::new(Code::InvalidRequest, say).param("state")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMicros = UnixMicros(1_760_000_000_000_000);

    #[test]
    fn an_answer_fits_its_own_attempt_only_and_in_time() {
        let one = Attempt::begin("okta", None, None, NOW).unwrap();
        let two = Attempt::begin("okta", None, None, NOW).unwrap();
        assert!(one.check(&one.state().unwrap()).is_ok() && one.check(&two.state().unwrap()).is_err());
        let cookie = one.spelled().unwrap();
        let read = |provider, seconds| Attempt::read(Some(cookie.expose()), provider, NOW.plus_seconds(seconds));
        assert_eq!(read("okta", 599).unwrap().state().unwrap(), one.state().unwrap());
        for (provider, seconds) in [("okta", 600), ("okta", -1), ("google", 0)] {
            assert_eq!(read(provider, seconds).unwrap_err().wrong_param(), Some("state"));
        }
        let long = "A".repeat(2_000);
        for cookie in [None, Some(""), Some("e30"), Some(&*long)] {
            assert!(Attempt::read(cookie, "okta", NOW).is_err(), "{cookie:?}");
        }
    }

    #[test]
    fn nothing_that_leaves_is_what_stays_and_each_differs() {
        let person = UserId::from_uuid(uuid::Uuid::from_u128(1));
        let one = Attempt::begin("okta", Some(&Secret::new("invitation".to_owned())), Some(person), NOW).unwrap();
        let parts = [one.state().unwrap(), one.nonce().unwrap(), one.challenge().unwrap(), one.verifier().unwrap()];
        assert!(parts[0].starts_with("link."));
        for (n, part) in parts.iter().enumerate() {
            assert!(!one.spelled().unwrap().expose().contains(part) && !part.contains(&one.token));
            assert!(parts.iter().skip(n + 1).all(|other| other != part));
        }
    }
}
