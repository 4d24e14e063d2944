//! Log-in: a person is proven by something, and a session begins.

use domain::{Code, Fault, OrganizationId, Secret, UserId};
use service::clock;
use store::{Actor, OrganizationStatus, PersonRow};
use tokio::time::Instant;

use crate::app::auth::{Opened, Visitor, disabled};
use crate::app::invites::not_open;
use crate::app::{Control, ask, checks};

/// What an unknown person's password is compared with: made with the same parameters as every stored one, so that the
/// answer takes as long. Nobody knows a password that fits.
const NOBODYS_HASH: &str = "$argon2id$v=19$m=65536,t=2,p=1$bm9ib2R5a25vd3N0aGlzIQ$Zm9yIG5vYm9keSBrbm93cyBhIHBhc3N3b3JkIHRoYXQ";

/// A person whom something proved.
pub(super) struct Proven<'a> {
    /// Who.
    pub(super) person: PersonRow,
    /// Brings the person into the organization that invited them.
    pub(super) invite: Option<&'a Secret<String>>,
}

impl Control {
    /// Begins a session, with a new token. The answer never says whether there is such an account, nor does its time.
    pub async fn log_in(
        &self,
        visitor: &Visitor,
        email: &str,
        password: &Secret<String>,
        invite: Option<&Secret<String>>,
    ) -> Result<Opened, Fault> {
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
        self.attempts.give_back(taken, Instant::now());
        self.enter(visitor, Proven { person, invite }).await
    }

    /// Lets a person in whom something proved: a password, or what another module asked for. Each way in ends here.
    pub(super) async fn enter(&self, visitor: &Visitor, proven: Proven<'_>) -> Result<Opened, Fault> {
        let person = proven.person;
        if person.disabled_at.is_some() {
            return Err(disabled());
        }
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
        self.session_open(visitor, person.id, organization).await
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
