//! Accounts: who is at the door, log-out, another password. How people come in: `sign_up` and `log_in`.

use std::net::IpAddr;

use domain::{Code, Fault, OrganizationId, Secret, SessionId, UnixMicros, UserId};
use service::config::Signup;
use service::{clock, random};
use store::{Actor, Author, MembershipRow, NewSession, SecondFactor, SessionEnd, SessionProof};
use tokio::time::Instant;

use crate::app::caller::{LoggedIn, key_hash};
use crate::app::sessions::{self, Token};
use crate::app::{Control, ask, checks};

/// Limit: characters of the program's name that a session or the audit log keeps.
const AGENT_CHARS_MAX: usize = 200;

/// A session that began so recently proves its person like a password.
const FRESH_SECONDS: i64 = 600;

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

    /// Another password; all other sessions of the person end. Who has none yet needs a session that just began instead.
    pub async fn password_change(&self, who: &LoggedIn, now: Option<&Secret<String>>, new: &Secret<String>) -> Result<(), Fault> {
        checks::password(new.expose()).map_err(|fault| fault.param("new_password"))?;
        match now {
            Some(now) => self.password_proven(who.visitor(), who.user(), ("current_password", now)).await?,
            None if who.has_password() => return Err(checks::invalid("current_password", "`current_password` is missing")),
            None if clock::now() < who.created_at().plus_seconds(FRESH_SECONDS) => {}
            None => {
                let say = "log in again first: a first password is set within 10 minutes after a log-in";
                return Err(Fault::new(Code::PermissionDenied, say));
            }
        }
        let hash = self.passwords.hash(new).await?;
        let author = who.author(clock::now());
        let set = store::person_password_set(&self.db, who.user(), &hash, who.session(), &author);
        ask::store(Code::DirectoryUnavailable, set).await?;
        self.desk.nudge();
        tracing::info!(user.id = %who.user(), "a password was changed, and the person's other sessions ended");
        Ok(())
    }

    /// Proves once more that a session is in its person's hands. Wrong passwords count as at the log-in.
    pub(super) async fn password_proven(
        &self,
        visitor: &Visitor,
        person: UserId,
        (param, given): (&str, &Secret<String>),
    ) -> Result<(), Fault> {
        checks::password_given(param, given.expose())?;
        let person = ask::store(Code::DirectoryUnavailable, store::person_get(&self.db, person)).await?;
        if person.password_hash.is_empty() {
            return Err(Fault::new(Code::Conflict, "you have no password yet: set one on your account page first").param(param));
        }
        let taken = self.attempts.take(visitor.address, &person.email, Instant::now())?;
        if !self.passwords.verify(given, &person.password_hash).await? {
            return Err(Fault::new(Code::PermissionDenied, "the password is another one").param(param));
        }
        self.attempts.give_back(taken, Instant::now());
        Ok(())
    }

    pub(super) async fn session_open(
        &self,
        visitor: &Visitor,
        person: UserId,
        organization: OrganizationId,
        (proof, second_factor): (SessionProof, Option<SecondFactor>),
    ) -> Result<Opened, Fault> {
        let (token, now) = (Token::fresh()?, clock::now());
        let session = NewSession { proof, second_factor, ..new_session(visitor, &token, person, organization, now) };
        let author = visitor.author(Actor::Person(person), now);
        let begun = store::session_create(&self.db, &session, sessions::kept(now), &author);
        let begun = ask::store(Code::DirectoryUnavailable, begun).await;
        begun.map_err(|fault| if fault.code() == Code::NotFound { disabled() } else { fault })?;
        tracing::info!(user.id = %person, session.id = %session.id, "a session began");
        self.opened(visitor, token).await
    }

    pub(super) async fn opened(&self, visitor: &Visitor, token: Token) -> Result<Opened, Fault> {
        let caller = self.logged_in(token.text(), visitor.clone()).await?;
        Ok(Opened { token: token.secret(), caller })
    }
}

/// For somebody who proved who they are: strangers learn nothing of it.
pub(super) fn disabled() -> Fault {
    Fault::new(Code::PermissionDenied, "this account is switched off; ask the operator of this instance")
}

/// A session that a password alone began.
pub(super) fn new_session(visitor: &Visitor, token: &Token, person: UserId, organization: OrganizationId, now: UnixMicros) -> NewSession {
    NewSession {
        id: SessionId::from_uuid(random::uuid()),
        person,
        organization,
        hash: token.hash(),
        address: visitor.address_text(),
        user_agent: visitor.agent_text(),
        proof: SessionProof::Password,
        second_factor: None,
        now,
    }
}
