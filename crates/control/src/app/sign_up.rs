//! Sign-up: a new account, with a first organization or in the one that invited.

use domain::ids::TransferId;
use domain::{Code, Fault, OrganizationId, ProjectId, Secret, UnixMicros, UserId};
use service::config::Signup;
use service::{clock, random};
use store::{
    Actor, InviteRow, NewIdentity, NewSession, OrganizationRow, OrganizationStatus, PendingSignUpRow, PersonRow, ProjectMode, ProjectRow,
    SessionProof, SignUp, SignUpHome, SignedUp,
};
use tokio::time::Instant;

use crate::app::auth::{Opened, Visitor, new_session};
use crate::app::bootstrap::PLAN;
use crate::app::email::{token_gone, token_used};
use crate::app::invites::not_open;
use crate::app::letters::Letter;
use crate::app::mail::Ask;
use crate::app::sessions::{Token, token_hash};
use crate::app::{Control, ask, checks};

/// An account waits for its letter's token for a day.
const LIFE_SECONDS: i64 = 24 * 3_600;

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

/// What a sign-up came to.
#[derive(Debug, Clone)]
pub enum SignUpDone {
    /// There is an account, and it is logged in.
    In(Box<Opened>),
    /// A letter is on its way, whether there is an account or not.
    Letter,
}

/// An account that is made now.
pub(super) struct Account {
    pub email: String,
    pub name: String,
    /// Empty: comes in through the identity only.
    pub password_hash: String,
    pub pending: Option<[u8; 32]>,
    /// Who proved the address, if that was a sign-in provider.
    pub identity: Option<NewIdentity>,
    pub invite: Option<InviteRow>,
    pub first_only: bool,
}

impl Control {
    /// Makes an account with an organization and a project, and logs it in. Where a mail server brings letters, nothing is made
    /// before the token of one comes back, so that nobody learns whether an address has an account. The first person has nobody
    /// to be told apart from, and an invitation's token proves its address.
    pub async fn sign_up(&self, visitor: &Visitor, new: SignUpNew) -> Result<SignUpDone, Fault> {
        let email = checks::email(&new.email)?;
        checks::password(new.password.expose())?;
        let given = new.name.as_deref().map(|name| checks::name("name", name)).transpose()?;
        drop(self.attempts.take_address(visitor.address, Instant::now())?);
        let (invite, first_only) = self.sign_up_allowed(&email, new.invite.as_ref()).await?;
        let first = self.door().await?.first;
        let password_hash = self.passwords.hash(&new.password).await?;
        let name = given.unwrap_or_else(|| email.split('@').next().unwrap_or_default().to_owned());
        if self.mail_is_sent() && invite.is_none() && !first {
            self.attempts.take_ask(visitor.address, Instant::now())?;
            self.mail_room().await?;
            self.desk.put(Ask::SignUp { email, name, password_hash })?;
            return Ok(SignUpDone::Letter);
        }
        let account = Account { email, name, password_hash, pending: None, identity: None, invite, first_only };
        self.account_make(visitor, account).await.map(|opened| SignUpDone::In(Box::new(opened)))
    }

    /// Makes the account that waits for a letter's token. The password is asked for again: who only has the letter did not choose
    /// it, and would make somebody else's account.
    pub async fn sign_up_confirm(&self, visitor: &Visitor, token: &Secret<String>, password: &Secret<String>) -> Result<Opened, Fault> {
        checks::password_given("password", password.expose())?;
        drop(self.attempts.take_address(visitor.address, Instant::now())?);
        let hash = token_hash(token).ok_or_else(token_gone)?;
        let pending = store::pending_sign_up_get(&self.db, &hash, clock::now());
        let pending = ask::store(Code::DirectoryUnavailable, pending).await?.ok_or_else(token_gone)?;
        let taken = self.attempts.take(visitor.address, &pending.email, Instant::now())?;
        if !self.passwords.verify(password, &pending.password_hash).await? {
            return Err(
                Fault::new(Code::InvalidCredentials, "this is not the password that this account was asked for with").param("password")
            );
        }
        self.attempts.give_back(taken, Instant::now());
        let (email, name, password_hash) = (pending.email, pending.name, pending.password_hash);
        let account = Account { email, name, password_hash, pending: Some(hash), identity: None, invite: None, first_only: false };
        let made = self.account_make(visitor, account).await;
        made.map_err(|fault| token_used(&fault).unwrap_or(fault))
    }

    /// Whether an address may have an account now: the invitation that lets it in, and whether only the first person may come.
    pub(super) async fn sign_up_allowed(&self, email: &str, invite: Option<&Secret<String>>) -> Result<(Option<InviteRow>, bool), Fault> {
        let invite = match invite {
            Some(token) if matches!(self.settings.signup, Signup::Open | Signup::Invite) => Some(self.invite_of(token, email).await?),
            Some(_) => return Err(self.signup_closed()),
            None => None,
        };
        let first_only = self.settings.signup != Signup::Open && invite.is_none();
        if first_only && !self.door().await?.first {
            return Err(self.signup_closed());
        }
        Ok((invite, first_only))
    }

    /// Makes an account and begins its first session. The caller has asked whether it may be made.
    pub(super) async fn account_make(&self, visitor: &Visitor, account: Account) -> Result<Opened, Fault> {
        let Account { email, name, password_hash, pending, identity, invite, first_only } = account;
        let now = clock::now();
        let (organization, home) = match &invite {
            Some(invite) => (invite.organization, SignUpHome::Invited(invite.id)),
            None => own_home(&name, now),
        };
        let (token, user) = (Token::fresh()?, UserId::from_uuid(random::uuid()));
        let proof = if identity.is_some() { SessionProof::Provider } else { SessionProof::Password };
        let session = NewSession { proof, ..new_session(visitor, &token, user, organization, now) };
        let person = PersonRow {
            id: user,
            email: email.clone(),
            name,
            password_hash,
            is_operator: false,
            email_verified_at: (pending.is_some() || identity.is_some()).then_some(now),
            disabled_at: None,
            created_at: now,
        };
        let proven = person.email_verified_at.is_some();
        let sign_up = SignUp {
            person,
            identity,
            home,
            session,
            pending,
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
        self.desk.nudge();
        if made == SignedUp::First && self.mail_is_sent() && !proven {
            self.email_letter(user, &email).await?;
        }
        self.opened(visitor, token).await
    }

    /// Tells an address that it has an account, or lets one wait for its token. Few letters an hour for one address.
    pub(super) async fn sign_up_letter(&self, email: String, name: String, password_hash: String) -> Result<(), Fault> {
        if self.attempts.take_letter(&email, Instant::now()).is_err() {
            tracing::info!("a letter was left out: the address got several just now");
            return Ok(());
        }
        let (token, now) = (Token::fresh()?, clock::now());
        if ask::store(Code::DirectoryUnavailable, store::person_by_email(&self.db, &email)).await?.is_some() {
            let subject = "You have an account on llmg".to_owned();
            return self.letter_send(Letter { recipient: &email, subject, body: self.known_text(), secret: None, now }).await;
        }
        let expires_at = now.plus_seconds(LIFE_SECONDS);
        let (subject, body) = ("Confirm your account on llmg".to_owned(), self.confirm_text());
        let mail = Letter { recipient: &email, subject, body, secret: Some((&token, expires_at)), now }.mail();
        let pending = PendingSignUpRow { email, name, password_hash, expires_at };
        ask::store(Code::DirectoryUnavailable, store::pending_sign_up_create(&self.db, &token.hash(), &pending, &mail)).await
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
    let project = ProjectRow::new(ProjectId::from_uuid(random::uuid()), id, "Default".to_owned(), ProjectMode::Hybrid, now);
    (id, SignUpHome::Own { organization, project: Box::new(project) })
}
