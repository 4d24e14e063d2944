//! Coming in through a sign-in provider: a browser leaves for it, comes back with a code, and what the code stands for proves a
//! person.
//!
//! An identity that is known lets its person in. Another one is linked on the word of the provider that it gets an address's mail,
//! and only to an account that proved the same: else whoever signed up first with somebody's address would share their account.

mod attempt;
mod id_token;
mod provider;

use domain::ids::IdentityId;
use domain::{Code, Fault, Secret};
use service::{clock, random};
use store::{Actor, IdentityRow, IdentityUnlink, NewIdentity, PersonRow, SessionProof};
use tokio::time::Instant;

use self::attempt::Attempt;
pub(crate) use self::attempt::LIFE_SECONDS;
use self::provider::Known;
pub(super) use self::provider::Outside;
pub use self::provider::SignInProvider;
use crate::app::auth::{Opened, Visitor, disabled};
use crate::app::caller::LoggedIn;
use crate::app::log_in::{Entry, Proven};
use crate::app::sign_up::Account;
use crate::app::{Control, ask, checks};

/// Limit: characters of a code.
const CODE_CHARS_MAX: usize = 2_048;

/// A browser that leaves.
#[derive(Debug)]
pub struct SignInBegun {
    /// Where to.
    pub url: String,
    /// What it keeps meanwhile, in a cookie.
    pub cookie: Secret<String>,
}

/// A browser that came back.
#[derive(Debug)]
pub struct SignInAnswer {
    /// The address that the browser is at, without a path.
    pub origin: String,
    /// The provider that it says it comes from.
    pub provider: String,
    /// What it kept.
    pub cookie: Option<Secret<String>>,
    /// What the provider gave back.
    pub state: String,
    /// What stands for the person there, once.
    pub code: Secret<String>,
}

/// An identity, and who says so.
#[derive(Debug, Clone)]
pub struct IdentityView {
    /// As it is stored.
    pub row: IdentityRow,
    /// The provider that has this issuer now, if one has.
    pub provider: Option<SignInProvider>,
}

impl Control {
    /// Who else says who people are.
    pub fn sign_in_providers(&self) -> &[SignInProvider] {
        &self.settings.sign_in
    }

    /// Sends a browser to a provider, to come in.
    pub async fn sign_in_begin(
        &self,
        visitor: &Visitor,
        (origin, provider): (&str, &str),
        invite: Option<&Secret<String>>,
    ) -> Result<SignInBegun, Fault> {
        drop(self.attempts.take_address(visitor.address, Instant::now())?);
        let attempt = Attempt::begin(provider, invite, None, clock::now())?;
        self.leave(origin, provider, &attempt).await
    }

    /// Sends a browser to a provider, for its person to come in through it from now on.
    pub async fn identity_begin(&self, who: &LoggedIn, (origin, provider): (&str, &str)) -> Result<SignInBegun, Fault> {
        drop(self.attempts.take_address(who.visitor().address, Instant::now())?);
        let attempt = Attempt::begin(provider, None, Some(who.user()), clock::now())?;
        self.leave(origin, provider, &attempt).await
    }

    /// Lets in whom the provider's answer proves: somebody known, or somebody new as far as sign-up allows.
    pub async fn sign_in_finish(&self, visitor: &Visitor, answer: &SignInAnswer) -> Result<Entry, Fault> {
        drop(self.attempts.take_address(visitor.address, Instant::now())?);
        let attempt = attempt_of(answer)?;
        if attempt.person.is_some() {
            return Err(Fault::new(Code::InvalidRequest, "this answer is for the account page; begin again").param("state"));
        }
        let invite = attempt.invite.clone().map(Secret::new);
        let (provider, known) = self.known(&attempt, answer).await?;
        let now = clock::now();
        let found = store::person_by_identity(&self.db, &provider.issuer, &known.subject);
        if let Some(person) = ask::store(Code::DirectoryUnavailable, found).await? {
            let used = store::identity_used(&self.db, &provider.issuer, &known.subject, &known.shown, now);
            ask::store(Code::DirectoryUnavailable, used).await?;
            return self.enter(visitor, Proven { person, proof: SessionProof::Provider, invite: invite.as_ref() }).await;
        }
        let email = proven_email(provider, &known)?;
        let person = ask::store(Code::DirectoryUnavailable, store::person_by_email(&self.db, &email)).await?;
        let identity = identity(provider, &known);
        match person {
            Some(person) => {
                self.identity_adopt(visitor, &person, &identity, provider).await?;
                self.enter(visitor, Proven { person, proof: SessionProof::Provider, invite: invite.as_ref() }).await
            }
            None => {
                let opened = self.sign_up_through(visitor, email, (known, identity), invite.as_ref()).await?;
                Ok(Entry::In(Box::new(opened)))
            }
        }
    }

    /// Lets a person in through an identity from now on. Whoever is logged in may choose any of their own.
    pub async fn identity_finish(&self, who: &LoggedIn, answer: &SignInAnswer) -> Result<IdentityView, Fault> {
        drop(self.attempts.take_address(who.visitor().address, Instant::now())?);
        let attempt = attempt_of(answer)?;
        if attempt.person != Some(who.user()) {
            let say = "this answer is not for the account that is logged in here; begin again";
            return Err(Fault::new(Code::InvalidRequest, say).param("state"));
        }
        let (provider, known) = self.known(&attempt, answer).await?;
        let (new, now) = (identity(provider, &known), clock::now());
        let author = who.author(now);
        let linked = store::identity_link(&self.db, who.user(), &new, &author);
        ask::store(Code::DirectoryUnavailable, linked).await.map_err(|fault| taken(fault, provider))?;
        tracing::info!(user.id = %who.user(), provider = provider.id, "a person may come in through a sign-in provider");
        let row = IdentityRow { id: new.id, issuer: new.issuer, email: new.email, created_at: now, last_used_at: now };
        Ok(IdentityView { row, provider: Some(provider.clone()) })
    }

    /// The person's own identities, oldest first.
    pub async fn identity_list(&self, who: &LoggedIn) -> Result<Vec<IdentityView>, Fault> {
        let rows = ask::store(Code::DirectoryUnavailable, store::identity_list(&self.db, who.user())).await?;
        let provider = |row: &IdentityRow| self.settings.sign_in.iter().find(|it| it.issuer == row.issuer).cloned();
        Ok(rows.into_iter().map(|row| IdentityView { provider: provider(&row), row }).collect())
    }

    /// Lets the person in through an identity no more, unless nothing else would let them in.
    pub async fn identity_unlink(&self, who: &LoggedIn, id: IdentityId) -> Result<(), Fault> {
        let author = who.author(clock::now());
        let unlinked = store::identity_unlink(&self.db, who.user(), id, &author);
        match ask::store(Code::DirectoryUnavailable, unlinked).await {
            Ok(IdentityUnlink::Done) => {}
            Ok(IdentityUnlink::LastWayIn) => {
                let say = "nothing else would let you in: set a password first, or link another provider";
                return Err(Fault::new(Code::Conflict, say));
            }
            Err(fault) if fault.code() == Code::NotFound => return Err(ask::not_found("identity")),
            Err(fault) => return Err(fault),
        }
        tracing::info!(user.id = %who.user(), identity.id = %id, "a person comes in through a sign-in provider no more");
        Ok(())
    }

    async fn leave(&self, origin: &str, provider: &str, attempt: &Attempt) -> Result<SignInBegun, Fault> {
        let to = self.sign_in_provider(provider)?;
        let url = self.outside.leave(to, attempt, &redirect(origin, provider)).await?;
        Ok(SignInBegun { url, cookie: attempt.spelled()? })
    }

    async fn known(&self, attempt: &Attempt, answer: &SignInAnswer) -> Result<(&SignInProvider, Known), Fault> {
        let provider = self.sign_in_provider(&answer.provider)?;
        let redirect = redirect(&answer.origin, &answer.provider);
        let known = self.outside.known(provider, attempt, (&redirect, &answer.code), clock::now()).await?;
        Ok((provider, known))
    }

    fn sign_in_provider(&self, id: &str) -> Result<&SignInProvider, Fault> {
        let found = self.settings.sign_in.iter().find(|it| it.id == id);
        found.ok_or_else(|| Fault::new(Code::NotFound, "this instance knows no such sign-in provider"))
    }

    /// Links an account to the provider that proved the account's address, if the account proved it, too.
    async fn identity_adopt(
        &self,
        visitor: &Visitor,
        person: &PersonRow,
        identity: &NewIdentity,
        provider: &SignInProvider,
    ) -> Result<(), Fault> {
        if person.disabled_at.is_some() {
            return Err(disabled());
        }
        if person.email_verified_at.is_none() {
            let say = format!(
                "there is an account with this e-mail address, and nobody proved yet whose it is: log in with its password and link `{}` \
                 on the account page, or ask for a letter to set another password",
                provider.name
            );
            return Err(Fault::new(Code::Conflict, say));
        }
        let author = visitor.author(Actor::Person(person.id), clock::now());
        let linked = store::identity_link(&self.db, person.id, identity, &author);
        ask::store(Code::DirectoryUnavailable, linked).await.map_err(|fault| taken(fault, provider))?;
        tracing::info!(user.id = %person.id, provider = provider.id, "an account was linked by its proven address");
        Ok(())
    }

    async fn sign_up_through(
        &self,
        visitor: &Visitor,
        email: String,
        (known, identity): (Known, NewIdentity),
        invite: Option<&Secret<String>>,
    ) -> Result<Opened, Fault> {
        let (invite, first_only) = self.sign_up_allowed(&email, invite).await?;
        let name = known.name.and_then(|name| checks::name("name", &name).ok());
        let name = name.unwrap_or_else(|| email.split('@').next().unwrap_or_default().to_owned());
        let account = Account { email, name, password_hash: String::new(), pending: None, identity: Some(identity), invite, first_only };
        self.account_make(visitor, account).await
    }
}

/// Each provider has its own address to come back to, so that none can pass off another's answer as its own.
fn redirect(origin: &str, provider: &str) -> String {
    format!("{origin}/sign-in/{provider}")
}

fn attempt_of(answer: &SignInAnswer) -> Result<Attempt, Fault> {
    let cookie = answer.cookie.as_ref().map(|cookie| cookie.expose().as_str());
    let attempt = Attempt::read(cookie, &answer.provider, clock::now())?;
    attempt.check(&answer.state)?;
    let chars = answer.code.expose().chars().count();
    if chars == 0 || chars > CODE_CHARS_MAX {
        return Err(checks::invalid("code", format!("`code` must have 1 to {CODE_CHARS_MAX} characters")));
    }
    Ok(attempt)
}

fn identity(provider: &SignInProvider, known: &Known) -> NewIdentity {
    let id = IdentityId::from_uuid(random::uuid());
    NewIdentity { id, issuer: provider.issuer.clone(), subject: known.subject.clone(), email: known.shown.clone() }
}

fn proven_email(provider: &SignInProvider, known: &Known) -> Result<String, Fault> {
    let email = known.email.as_deref().and_then(|email| checks::email(email).ok());
    email.ok_or_else(|| {
        let say = format!("`{}` did not prove an e-mail address of yours: verify your address there, or log in another way", provider.name);
        Fault::new(Code::PermissionDenied, say)
    })
}

fn taken(fault: Fault, provider: &SignInProvider) -> Fault {
    if fault.code() != Code::Conflict {
        return fault;
    }
    let say =
        format!("this account of `{0}` is linked already, or another account of `{0}` is linked here: unlink that first", provider.name);
    Fault::new(Code::Conflict, say)
}
