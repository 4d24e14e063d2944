//! Log-in: a person is proven by something, where they want it by a second thing, and a session begins.

use domain::{Code, Fault, OrganizationId, Secret, UnixMicros, UserId};
use service::clock;
use store::{Actor, OrganizationStatus, PendingLogInRow, PersonRow, SecondFactor, SessionProof};
use tokio::time::Instant;

use crate::app::auth::{Opened, Visitor, disabled};
use crate::app::invites::not_open;
use crate::app::second_factor::factor_of;
use crate::app::sessions::{Token, token_hash};
use crate::app::{Control, ask, checks};

/// What an unknown person's password is compared with: made with the same parameters as every stored one, so that the
/// answer takes as long. Nobody knows a password that fits.
const NOBODYS_HASH: &str = "$argon2id$v=19$m=65536,t=2,p=1$bm9ib2R5a25vd3N0aGlzIQ$Zm9yIG5vYm9keSBrbm93cyBhIHBhc3N3b3JkIHRoYXQ";
/// So long a log-in waits for its second factor.
const PENDING_SECONDS: i64 = 600;

/// A person whom something proved.
pub(super) struct Proven<'a> {
    /// Who.
    pub(super) person: PersonRow,
    /// What proved them.
    pub(super) proof: SessionProof,
    /// Brings the person into the organization that invited them.
    pub(super) invite: Option<&'a Secret<String>>,
}

/// How far a log-in came.
#[derive(Debug)]
pub enum Entry {
    /// A session began.
    In(Box<Opened>),
    /// The person's second factor is owed.
    Owed(Owed),
}

/// A log-in that waits for its second factor.
#[derive(Debug)]
pub struct Owed {
    /// To come back with.
    pub token: Secret<String>,
    /// When it waits no more.
    pub expires_at: UnixMicros,
}

impl Control {
    /// Begins a session, with a new token, or asks for the second factor. The answer to a wrong password never says whether there
    /// is such an account, nor does its time.
    pub async fn log_in(
        &self,
        visitor: &Visitor,
        email: &str,
        password: &Secret<String>,
        invite: Option<&Secret<String>>,
    ) -> Result<Entry, Fault> {
        let email = checks::email(email)?;
        checks::password_given("password", password.expose())?;
        let taken = self.attempts.take(visitor.address, &email, Instant::now())?;
        let person = ask::store(Code::DirectoryUnavailable, store::person_by_email(&self.db, &email)).await?;
        // Whoever comes in through a sign-in provider only has no password that fits.
        let stored = person.as_ref().map(|person| &*person.password_hash).filter(|hash| !hash.is_empty()).unwrap_or(NOBODYS_HASH);
        let fits = self.passwords.verify(password, stored).await?;
        let Some(person) = person.filter(|_| fits) else {
            tracing::warn!(address = ?visitor.address, "a log-in failed");
            return Err(Fault::new(Code::InvalidCredentials, "the e-mail address and the password do not fit together"));
        };
        let entry = self.enter(visitor, Proven { person, proof: SessionProof::Password, invite }).await;
        let taken = if matches!(entry, Ok(Entry::Owed(_))) { taken.away() } else { taken };
        self.attempts.give_back(taken, Instant::now());
        entry
    }

    /// Lets a person in whom something proved: a password, or what another module asked for. Each way in ends here, so that
    /// none goes round a second factor.
    pub(super) async fn enter(&self, visitor: &Visitor, proven: Proven<'_>) -> Result<Entry, Fault> {
        if proven.person.disabled_at.is_some() {
            return Err(disabled());
        }
        let (person, proof) = (proven.person.id, proven.proof);
        let totp = ask::store(Code::DirectoryUnavailable, store::totp_get(&self.db, person)).await?;
        if totp.is_none_or(|row| row.confirmed_at.is_none()) {
            return self.let_in(visitor, proven, None).await.map(|opened| Entry::In(Box::new(opened)));
        }
        let (token, now) = (Token::fresh()?, clock::now());
        let (new, expires_at) = (PendingLogInRow { person, proof }, now.plus_seconds(PENDING_SECONDS));
        let hash = token.hash();
        let waits = store::pending_log_in_create(&self.db, &hash, new, now, expires_at);
        ask::store(Code::DirectoryUnavailable, waits).await?;
        Ok(Entry::Owed(Owed { token: token.secret(), expires_at }))
    }

    /// The second factor of somebody whom the first proved: a code of their app, or a recovery code.
    pub async fn log_in_second(
        &self,
        visitor: &Visitor,
        token: &Secret<String>,
        code: &Secret<String>,
        invite: Option<&Secret<String>>,
    ) -> Result<Opened, Fault> {
        let over = || Fault::new(Code::SessionEnded, "this log-in waited too long: log in again");
        drop(self.attempts.take_address(visitor.address, Instant::now())?);
        let hash = token_hash(token).ok_or_else(over)?;
        let pending = store::pending_log_in_get(&self.db, &hash, clock::now());
        let pending = ask::store(Code::DirectoryUnavailable, pending).await?.ok_or_else(over)?;
        let person = ask::store(Code::DirectoryUnavailable, store::person_get(&self.db, pending.person)).await?;
        let wrong = || {
            tracing::warn!(user.id = %pending.person, address = ?visitor.address, "a second factor was wrong");
            let say = "the code does not fit, or it was used already; wait for the next one, or take a recovery code";
            Fault::new(Code::InvalidCredentials, say).param("code")
        };
        let used = self.code_fits(visitor, person.id, &person.email, code).await?.ok_or_else(wrong)?;
        let taken = store::pending_log_in_take(&self.db, &hash, person.id, used);
        ask::store(Code::DirectoryUnavailable, taken)
            .await
            .map_err(|fault| if fault.code() == Code::NotFound { wrong() } else { fault })?;
        self.let_in(visitor, Proven { person, proof: pending.proof, invite }, Some(factor_of(used))).await
    }

    /// Nothing is owed any more.
    async fn let_in(&self, visitor: &Visitor, proven: Proven<'_>, second: Option<SecondFactor>) -> Result<Opened, Fault> {
        let person = proven.person;
        let organization = match proven.invite {
            Some(token) => {
                let invite = self.invite_of(token, &person.email).await?;
                let author = visitor.author(Actor::Person(person.id), clock::now());
                let accepted = store::invite_accept(&self.db, invite.id, person.id, &author);
                let accepted = ask::store(Code::DirectoryUnavailable, accepted).await;
                self.desk.nudge();
                accepted.map_err(|fault| not_open(&fault).unwrap_or(fault))?.organization
            }
            None => self.first_organization(person.id).await?,
        };
        self.session_open(visitor, person.id, organization, (proven.proof, second)).await
    }

    async fn first_organization(&self, person: UserId) -> Result<OrganizationId, Fault> {
        let memberships = ask::store(Code::DirectoryUnavailable, store::memberships_of(&self.db, person)).await?;
        // One that is being deleted comes last: only its owners see it.
        let first =
            memberships.iter().find(|it| it.status != OrganizationStatus::Deleting).or(memberships.first()).map(|it| it.organization);
        first.ok_or_else(|| {
            let say = "you belong to no organization any more: ask a member to invite you, and log in with that invitation";
            Fault::new(Code::PermissionDenied, say)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::password::Passwords;

    #[tokio::test]
    async fn nobodys_hash_is_compared_like_any_other_and_fits_nothing() {
        let passwords = Passwords::new();
        let real = passwords.hash(&Secret::new("correct horse".to_owned())).await.unwrap();
        assert_eq!(NOBODYS_HASH.rsplitn(3, '$').last(), real.rsplitn(3, '$').last(), "other parameters take another time");
        assert_eq!(NOBODYS_HASH.len(), real.len());
        assert!(!passwords.verify(&Secret::new("correct horse".to_owned()), NOBODYS_HASH).await.unwrap());
    }
}
