//! Accounts: sign-up, log-in, log-out, another password.

use std::net::IpAddr;

use domain::ids::TransferId;
use domain::{Code, Fault, OrganizationId, ProjectId, Secret, SessionId, UnixMicros, UserId};
use service::config::Signup;
use service::{clock, random};
use store::{
    Actor, Author, MembershipRow, NewSession, OrganizationRow, OrganizationStatus, PersonRow, ProjectMode, ProjectRow, SessionEnd, SignUp,
    SignUpHome, SignedUp,
};
use tokio::time::Instant;

use crate::app::bootstrap::{CACHE_TTL_SECONDS, PLAN};
use crate::app::caller::{LoggedIn, key_hash};
use crate::app::invites::not_open;
use crate::app::sessions::{self, Token};
use crate::app::{Control, ask, checks};

/// What an unknown person's password is compared with: made with the same parameters as every stored one, so that the
/// answer takes as long. Nobody knows a password that fits.
const NOBODYS_HASH: &str = "$argon2id$v=19$m=65536,t=2,p=1$bm9ib2R5a25vd3N0aGlzIQ$Zm9yIG5vYm9keSBrbm93cyBhIHBhc3N3b3JkIHRoYXQ";
/// Limit: characters of the program's name that a session or the audit log keeps.
const AGENT_CHARS_MAX: usize = 200;

/// Somebody in front of the door: what is known before anybody is proven. Made by the extractor that checked host and
/// origin.
#[derive(Debug, Clone, Default)]
pub struct Visitor {
    pub(crate) address: Option<IpAddr>,
    pub(crate) agent: String,
}

impl Visitor {
    /// On the machine itself.
    pub(super) fn at_console() -> Self {
        Self { address: None, agent: "command line".to_owned() }
    }

    /// For the audit log: somebody who was proven, from here, now.
    pub(crate) fn author(&self, actor: Actor, at: UnixMicros) -> Author {
        Author { actor, address: self.address_text(), user_agent: self.agent_text(), at }
    }

    fn address_text(&self) -> String {
        self.address.map(|address| address.to_canonical().to_string()).unwrap_or_default()
    }

    fn agent_text(&self) -> String {
        self.agent.chars().filter(|c| !c.is_control()).take(AGENT_CHARS_MAX).collect()
    }
}

/// A new account.
#[derive(Debug, Clone)]
pub struct SignUpNew {
    /// Logs in with it.
    pub email: String,
    /// And with this.
    pub password: Secret<String>,
    /// For display; without it, the address's first part.
    pub name: Option<String>,
    /// Brings the person into the organization that invited them.
    pub invite: Option<Secret<String>>,
}

/// A session that just began.
#[derive(Debug, Clone)]
pub struct Opened {
    /// For the cookie; shown nowhere else.
    pub token: Secret<String>,
    /// Who has it.
    pub caller: LoggedIn,
}

/// What a person sees of themself.
#[derive(Debug, Clone)]
pub struct SessionView {
    /// The person and the session.
    pub caller: LoggedIn,
    /// Oldest membership first.
    pub memberships: Vec<MembershipRow>,
}

/// What anybody may know about the door.
#[derive(Debug, Clone, Copy)]
pub struct DoorView {
    /// Who may sign up.
    pub signup: Signup,
    /// Nobody has an account yet: whoever signs up now runs the instance.
    pub first: bool,
    /// Passwords and sessions may travel here.
    pub log_in: bool,
}

impl Control {
    /// Who may come in.
    pub async fn door(&self) -> Result<DoorView, Fault> {
        let people = ask::store(Code::DirectoryUnavailable, store::people_count(&self.db)).await?;
        Ok(DoorView { signup: self.settings.signup, first: people == 0, log_in: self.settings.front.is_open() })
    }

    /// Makes an account with an organization and a project, and logs it in.
    pub async fn sign_up(&self, visitor: &Visitor, new: SignUpNew) -> Result<Opened, Fault> {
        let email = checks::email(&new.email)?;
        checks::password(new.password.expose())?;
        let given = new.name.as_deref().map(|name| checks::name("name", name)).transpose()?;
        drop(self.attempts.take_address(visitor.address, Instant::now())?);
        let invite = match &new.invite {
            Some(token) if matches!(self.settings.signup, Signup::Open | Signup::Invite) => Some(self.invite_of(token, &email).await?),
            Some(_) => return Err(self.signup_closed()),
            None => None,
        };
        let first_only = self.settings.signup != Signup::Open && invite.is_none();
        if first_only && !self.door().await?.first {
            return Err(self.signup_closed());
        }
        let password_hash = self.passwords.hash(&new.password).await?;
        let now = clock::now();
        let shown = given.unwrap_or_else(|| email.split('@').next().unwrap_or_default().to_owned());
        let (organization, home) = match &invite {
            Some(invite) => (invite.organization, SignUpHome::Invited(invite.id)),
            None => own_home(&shown, now),
        };
        let (token, user) = (Token::fresh()?, UserId::from_uuid(random::uuid()));
        let session = new_session(visitor, &token, user, organization, now);
        let person = PersonRow { id: user, email, name: shown, password_hash, is_operator: false, created_at: now };
        let sign_up = SignUp {
            person,
            home,
            session,
            first_only,
            starter_credit: self.settings.starter_credit,
            starter_transfer: TransferId::from_uuid(random::uuid()),
        };
        let author = visitor.author(Actor::Person(user), now);
        let made = ask::store(Code::DirectoryUnavailable, store::sign_up(&self.db, &sign_up, &author)).await;
        let made = made.map_err(|fault| match fault.code() {
            Code::Conflict => Fault::new(Code::Conflict, "there is an account with this e-mail address; log in instead").param("email"),
            _ => not_open(&fault).unwrap_or(fault),
        })?;
        if made == SignedUp::Closed {
            return Err(self.signup_closed());
        }
        tracing::info!(user.id = %user, organization.id = %organization, operator = made == SignedUp::First, "a person signed up");
        self.opened(visitor, token).await
    }

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
        let stored = person.as_ref().map_or(NOBODYS_HASH, |person| &person.password_hash);
        let fits = self.passwords.verify(password, stored).await?;
        let Some(person) = person.filter(|_| fits) else {
            tracing::warn!(address = ?visitor.address, "a log-in failed");
            return Err(Fault::new(Code::InvalidCredentials, "the e-mail address and the password do not fit together"));
        };
        self.attempts.give_back(taken, Instant::now());
        let organization = match invite {
            Some(token) => {
                let invite = self.invite_of(token, &person.email).await?;
                let author = visitor.author(Actor::Person(person.id), clock::now());
                let accepted = store::invite_accept(&self.db, invite.id, person.id, &author);
                let accepted = ask::store(Code::DirectoryUnavailable, accepted).await;
                accepted.map_err(|fault| not_open(&fault).unwrap_or(fault))?.organization
            }
            None => self.first_organization(person.id).await?,
        };
        self.session_open(visitor, person.id, organization).await
    }

    async fn first_organization(&self, person: UserId) -> Result<OrganizationId, Fault> {
        let memberships = ask::store(Code::DirectoryUnavailable, store::memberships_of(&self.db, person)).await?;
        let first = memberships.first().map(|membership| membership.organization);
        first.ok_or_else(|| {
            let say = "you belong to no organization any more: ask a member to invite you, and log in with that invitation";
            Fault::new(Code::PermissionDenied, say)
        })
    }

    /// Ends the session whose token this is, if there is one.
    pub async fn log_out(&self, visitor: &Visitor, token: &str) -> Result<(), Fault> {
        let row = ask::store(Code::DirectoryUnavailable, store::session_caller_by_hash(&self.db, &key_hash(token))).await?;
        let Some(row) = row else { return Ok(()) };
        let author = visitor.author(Actor::Person(row.person), clock::now());
        let ended = store::session_revoke(&self.db, row.person, row.session, SessionEnd::LoggedOut, &author);
        match ask::store(Code::DirectoryUnavailable, ended).await {
            Err(fault) if fault.code() == Code::NotFound => Ok(()),
            ended => ended,
        }
    }

    /// Who is logged in, and where they belong.
    pub async fn session_view(&self, caller: LoggedIn) -> Result<SessionView, Fault> {
        let memberships = ask::store(Code::DirectoryUnavailable, store::memberships_of(&self.db, caller.user())).await?;
        Ok(SessionView { caller, memberships })
    }

    /// Another password; all other sessions of the person end.
    pub async fn password_change(&self, who: &LoggedIn, now: &Secret<String>, new: &Secret<String>) -> Result<(), Fault> {
        checks::password_given("current_password", now.expose())?;
        checks::password(new.expose()).map_err(|fault| fault.param("new_password"))?;
        let taken = self.attempts.take(who.visitor().address, who.email(), Instant::now())?;
        let person = ask::store(Code::DirectoryUnavailable, store::person_get(&self.db, who.user())).await?;
        if !self.passwords.verify(now, &person.password_hash).await? {
            return Err(Fault::new(Code::PermissionDenied, "the current password is another one").param("current_password"));
        }
        self.attempts.give_back(taken, Instant::now());
        let hash = self.passwords.hash(new).await?;
        let author = who.author(clock::now());
        let set = store::person_password_set(&self.db, who.user(), &hash, who.session(), &author);
        ask::store(Code::DirectoryUnavailable, set).await?;
        tracing::info!(user.id = %who.user(), "a password was changed, and the person's other sessions ended");
        Ok(())
    }

    async fn session_open(&self, visitor: &Visitor, person: UserId, organization: OrganizationId) -> Result<Opened, Fault> {
        let (token, now) = (Token::fresh()?, clock::now());
        let session = new_session(visitor, &token, person, organization, now);
        let author = visitor.author(Actor::Person(person), now);
        let begun = store::session_create(&self.db, &session, sessions::kept(now), &author);
        ask::store(Code::DirectoryUnavailable, begun).await?;
        tracing::info!(user.id = %person, session.id = %session.id, "a session began");
        self.opened(visitor, token).await
    }

    async fn opened(&self, visitor: &Visitor, token: Token) -> Result<Opened, Fault> {
        let caller = self.logged_in(token.text(), visitor.clone()).await?;
        Ok(Opened { token: token.secret(), caller })
    }

    fn signup_closed(&self) -> Fault {
        let say = match self.settings.signup {
            Signup::Invite => "sign-up is by invitation: ask a member to invite you, and open the address in the letter",
            Signup::Domain => "sign-up is for verified domains, and domains cannot be verified yet; ask the operator of this instance",
            Signup::Open | Signup::Closed => "sign-up is closed on this instance; ask its operator",
        };
        Fault::new(Code::PermissionDenied, say)
    }
}

/// An organization of the person's own, with a first project.
fn own_home(shown: &str, now: UnixMicros) -> (OrganizationId, SignUpHome) {
    let id = OrganizationId::from_uuid(random::uuid());
    let organization = OrganizationRow {
        id,
        name: format!("{shown}'s organization").chars().take(checks::NAME_CHARS_MAX).collect(),
        plan: PLAN.to_owned(),
        markup_basis_points: 0,
        status: OrganizationStatus::Active,
        created_at: now,
    };
    let project = ProjectRow {
        id: ProjectId::from_uuid(random::uuid()),
        organization: id,
        name: "Default".to_owned(),
        mode: ProjectMode::Hybrid,
        cache_enabled: false,
        cache_ttl_seconds: CACHE_TTL_SECONDS,
        created_at: now,
        updated_at: now,
    };
    (id, SignUpHome::Own { organization, project })
}

fn new_session(visitor: &Visitor, token: &Token, person: UserId, organization: OrganizationId, now: UnixMicros) -> NewSession {
    NewSession {
        id: SessionId::from_uuid(random::uuid()),
        person,
        organization,
        hash: token.hash(),
        address: visitor.address_text(),
        user_agent: visitor.agent_text(),
        now,
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
