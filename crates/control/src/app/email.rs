//! Addresses that are proven by a token of a letter. It matters only where a mail server brings letters: elsewhere the
//! operator passes them on, and nothing waits for it.

use domain::{Code, Fault, Secret};
use service::clock;
use store::{Actor, NewLetterToken, PersonRow, TokenPurpose};
use tokio::time::Instant;

use crate::app::auth::Visitor;
use crate::app::caller::LoggedIn;
use crate::app::letters::Letter;
use crate::app::sessions::{Token, token_hash};
use crate::app::{Control, ask};

/// A token proves an address for a day.
const LIFE_SECONDS: i64 = 24 * 3_600;

impl Control {
    /// Whether addresses are proven before they count: letters reach them without the operator's help.
    pub(crate) const fn mail_is_sent(&self) -> bool {
        self.settings.smtp.is_some()
    }

    /// Refuses somebody whose address nobody proved, where that can be asked for.
    pub(super) fn verified(&self, person: &PersonRow) -> Result<(), Fault> {
        if !self.mail_is_sent() || person.email_verified_at.is_some() {
            return Ok(());
        }
        let say =
            "verify your e-mail address first: open the address in the letter that you got, or ask for another one on your account page";
        Err(Fault::new(Code::PermissionDenied, say))
    }

    /// Sends another letter to prove the person's own address. A proven one needs none.
    pub async fn email_resend(&self, who: &LoggedIn) -> Result<(), Fault> {
        if who.email_verified() {
            return Ok(());
        }
        self.attempts.take_letter(who.email(), Instant::now())?;
        self.email_letter(who.user(), who.email()).await
    }

    pub(super) async fn email_letter(&self, person: domain::UserId, email: &str) -> Result<(), Fault> {
        let (token, now) = (Token::fresh()?, clock::now());
        let expires_at = now.plus_seconds(LIFE_SECONDS);
        let (subject, body) = ("Confirm your e-mail address for llmg".to_owned(), self.verify_text());
        let letter = Letter { recipient: email, subject, body, secret: Some((&token, expires_at)), now };
        let new = NewLetterToken { hash: token.hash(), person, purpose: TokenPurpose::VerifyEmail, expires_at, mail: letter.mail() };
        ask::store(Code::DirectoryUnavailable, store::letter_token_create(&self.db, &new)).await?;
        self.desk.nudge();
        Ok(())
    }

    /// Uses the token of a letter. Whoever has it gets the address's mail; no session is needed.
    pub async fn email_verify(&self, visitor: &Visitor, token: &Secret<String>) -> Result<(), Fault> {
        drop(self.attempts.take_address(visitor.address, Instant::now())?);
        let (hash, now) = (token_hash(token).ok_or_else(token_gone)?, clock::now());
        let person = store::letter_token_person(&self.db, &hash, TokenPurpose::VerifyEmail, now);
        let person = ask::store(Code::DirectoryUnavailable, person).await?.ok_or_else(token_gone)?;
        let author = visitor.author(Actor::Person(person), now);
        let verified = ask::store(Code::DirectoryUnavailable, store::email_verify(&self.db, &hash, &author)).await;
        verified.map_err(|fault| token_used(&fault).unwrap_or(fault))?;
        tracing::info!(user.id = %person, "an e-mail address was verified");
        Ok(())
    }
}

/// A token that another request used in the meantime.
pub(super) fn token_used(fault: &Fault) -> Option<Fault> {
    (fault.code() == Code::NotFound).then(token_gone)
}

pub(super) fn token_gone() -> Fault {
    let say = "this address was used already, has expired, or is mistyped; ask for another letter";
    Fault::new(Code::NotFound, say).param("token")
}
