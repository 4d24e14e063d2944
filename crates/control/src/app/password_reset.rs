//! Another password for somebody who does not know theirs. What is asked for an address is answered before anybody looks
//! whether it has an account, so that text, status and time are the same.

use domain::{Code, Fault, Secret};
use service::clock;
use store::{Actor, NewLetterToken, TokenPurpose};
use tokio::time::Instant;

use crate::app::auth::Visitor;
use crate::app::email::{token_gone, token_used};
use crate::app::letters::Letter;
use crate::app::mail::Ask;
use crate::app::sessions::{Token, token_hash};
use crate::app::{Control, ask, checks};

/// A token resets a password for an hour.
const LIFE_SECONDS: i64 = 3_600;

impl Control {
    /// Sends a letter to an address if it has an account.
    pub async fn password_forgot(&self, visitor: &Visitor, email: &str) -> Result<(), Fault> {
        let email = checks::email(email)?;
        self.attempts.take_ask(visitor.address, Instant::now())?;
        self.mail_room().await?;
        self.desk.put(Ask::PasswordReset { email })
    }

    /// Gives a person another password on the word of a letter's token. All of their sessions end; a second factor stays.
    pub async fn password_reset(&self, visitor: &Visitor, token: &Secret<String>, new: &Secret<String>) -> Result<(), Fault> {
        drop(self.attempts.take_address(visitor.address, Instant::now())?);
        let (hash, now) = (token_hash(token).ok_or_else(token_gone)?, clock::now());
        let person = store::letter_token_person(&self.db, &hash, TokenPurpose::ResetPassword, now);
        let person = ask::store(Code::DirectoryUnavailable, person).await?.ok_or_else(token_gone)?;
        checks::password(new.expose()).map_err(|fault| fault.param("new_password"))?;
        let password_hash = self.passwords.hash(new).await?;
        let author = visitor.author(Actor::Person(person), clock::now());
        let reset = ask::store(Code::DirectoryUnavailable, store::password_reset(&self.db, &hash, &password_hash, &author)).await;
        reset.map_err(|fault| token_used(&fault).unwrap_or(fault))?;
        self.desk.nudge();
        tracing::info!(user.id = %person, "a password was reset, and all sessions of the person ended");
        Ok(())
    }

    /// Refuses whoever asks while no letter can be queued, whether there would be one or not.
    pub(super) async fn mail_room(&self) -> Result<(), Fault> {
        if ask::store(Code::DirectoryUnavailable, store::mail_has_room(&self.db)).await? {
            return Ok(());
        }
        Err(Fault::new(Code::Overloaded, "too many letters wait for the mail server; try again later").retry_after_ms(60_000))
    }

    /// Few letters an hour for one address; more would be a nuisance, and are left out silently.
    pub(super) async fn password_reset_letter(&self, email: &str) -> Result<(), Fault> {
        let person = ask::store(Code::DirectoryUnavailable, store::person_by_email(&self.db, email)).await?;
        let Some(person) = person.filter(|person| person.disabled_at.is_none()) else { return Ok(()) };
        if self.attempts.take_letter(email, Instant::now()).is_err() {
            tracing::info!(user.id = %person.id, "a letter was left out: the address got several just now");
            return Ok(());
        }
        let (token, now) = (Token::fresh()?, clock::now());
        let expires_at = now.plus_seconds(LIFE_SECONDS);
        let (subject, body) = ("Reset your password for llmg".to_owned(), self.reset_text());
        let letter = Letter { recipient: email, subject, body, secret: Some((&token, expires_at)), now };
        let (person, purpose) = (person.id, TokenPurpose::ResetPassword);
        let new = NewLetterToken { hash: token.hash(), person, purpose, expires_at, mail: letter.mail() };
        ask::store(Code::DirectoryUnavailable, store::letter_token_create(&self.db, &new)).await
    }
}
