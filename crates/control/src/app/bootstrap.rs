//! The first start of an instance: an operator, an organization, a project, its keys and its first credit.

use domain::ids::TransferId;
use domain::key::KeyKind;
use domain::{ApiKeyId, Code, Fault, ManagementKeyId, NanoUsd, OrgScope, OrganizationId, ProjectId, Secret, UnixMicros, UserId};
use service::{clock, random};
use store::{Actor, Bootstrap, BootstrapState, KeyRules, NewApiKey, NewManagementKey, ProjectMode};

use crate::app::auth::Visitor;
use crate::app::keys::Minted;
use crate::app::{Control, ask, checks};

/// How long answers are kept once a project's cache is switched on, unless it says otherwise.
const CACHE_TTL_SECONDS: u32 = 3_600;

/// The plan of organizations that nobody gave another.
pub(super) const PLAN: &str = "self-hosted";

/// What the first start should make.
#[derive(Debug, Clone)]
pub struct BootstrapAsk {
    /// The operator's address.
    pub email: String,
    /// The operator's password.
    pub password: Secret<String>,
    /// Credit to begin with; zero for none.
    pub credits: NanoUsd,
    /// Name of the first organization.
    pub organization_name: String,
    /// Name of its first project.
    pub project_name: String,
    /// Name of its plan.
    pub plan: String,
    /// What credits cost on top of the provider's price, in hundredths of a percent.
    pub markup_basis_points: u32,
}

impl BootstrapAsk {
    /// With the names and prices of a self-hosted instance.
    pub fn new(email: impl Into<String>, password: Secret<String>, credits: NanoUsd) -> Self {
        Self {
            email: email.into(),
            password,
            credits,
            organization_name: "My organization".to_owned(),
            project_name: "Default".to_owned(),
            plan: PLAN.to_owned(),
            markup_basis_points: 0,
        }
    }
}

/// What a bootstrap made or found. The keys are always fresh, and shown only here.
#[derive(Debug, Clone)]
pub struct Bootstrapped {
    /// Calls `/v1`.
    pub api_key: Secret<String>,
    /// Calls `/api`.
    pub management_key: Secret<String>,
    /// The operator's organization.
    pub organization_id: OrganizationId,
    /// Its first project.
    pub project_id: ProjectId,
    /// The operator.
    pub user_id: UserId,
    /// True when all but the keys was there already: no second organization, project or credit was made.
    pub existed: bool,
}

/// The two keys of a bootstrap, as texts and as rows to store.
struct Keys {
    api_key: Secret<String>,
    management_key: Secret<String>,
    api_row: NewApiKey,
    management_row: NewManagementKey,
}

impl Control {
    /// Makes the first operator with everything needed for a first call. Safe to repeat with the same address and
    /// password: then it only mints fresh keys, because stored ones cannot be shown again.
    pub async fn bootstrap(&self, ask: &BootstrapAsk) -> Result<Bootstrapped, Fault> {
        let email = checks::email(&ask.email)?;
        checks::password(ask.password.expose())?;
        if ask.credits.is_negative() {
            return Err(checks::invalid("credits", "`credits` must not be below zero"));
        }
        let known = ask::store(Code::DirectoryUnavailable, store::person_by_email(&self.db, &email)).await?;
        if known.is_some() {
            return self.bootstrap_repeat(&email, &ask.password).await;
        }
        let organization_name = checks::name("organization_name", &ask.organization_name)?;
        let project_name = checks::name("project_name", &ask.project_name)?;
        let password_hash = self.passwords.hash(&ask.password).await?;
        let now = clock::now();
        let (user, project) = (UserId::from_uuid(random::uuid()), ProjectId::from_uuid(random::uuid()));
        let keys = Keys::mint("bootstrap", user, project)?;
        let new = Bootstrap {
            user,
            email: email.clone(),
            password_hash,
            organization: OrganizationId::from_uuid(random::uuid()),
            organization_name,
            plan: ask.plan.clone(),
            markup_basis_points: ask.markup_basis_points,
            project,
            project_name,
            mode: ProjectMode::Credits,
            cache_enabled: false,
            cache_ttl_seconds: CACHE_TTL_SECONDS,
            api_key: keys.api_row.clone(),
            management_key: keys.management_row.clone(),
            starter_credit: ask.credits,
            starter_transfer: TransferId::from_uuid(random::uuid()),
            now,
        };
        match ask::store(Code::DirectoryUnavailable, store::bootstrap(&self.db, &new)).await {
            Ok(store::Bootstrapped::Created(state)) => {
                tracing::info!(user.id = %state.user, organization.id = %state.organization, "the instance has its first operator");
                Ok(keys.shown(&state, false))
            }
            // Another process was faster with the same address.
            Ok(store::Bootstrapped::Existed(_)) => self.bootstrap_repeat(&email, &ask.password).await,
            Err(fault) if fault.code() == Code::Conflict => Err(Fault::new(
                Code::Conflict,
                "this instance has an operator with another e-mail address; repeat the bootstrap with that address and its password",
            )
            .param("email")),
            Err(fault) => Err(fault),
        }
    }

    /// Verifies the password, and mints fresh keys for what an earlier bootstrap made.
    async fn bootstrap_repeat(&self, email: &str, password: &Secret<String>) -> Result<Bootstrapped, Fault> {
        let person = ask::store(Code::DirectoryUnavailable, store::person_by_email(&self.db, email)).await?;
        let state = ask::store(Code::DirectoryUnavailable, store::bootstrap_state(&self.db, email)).await?;
        let (Some(person), Some(state)) = (person, state) else {
            return Err(Fault::new(
                Code::Conflict,
                "this person belongs to no organization with a project; bootstrap with another address",
            ));
        };
        if !self.passwords.verify(password, &person.password_hash).await? {
            return Err(Fault::new(
                Code::PermissionDenied,
                "this e-mail address is known here with another password; repeat the bootstrap with the password of the first time",
            )
            .param("password"));
        }
        if !state.is_operator {
            return Err(Fault::new(Code::PermissionDenied, "this person is no operator of this instance").param("email"));
        }
        let now = clock::now();
        let keys = Keys::mint(&format!("bootstrap, repeated {}", second(now)), state.user, state.project)?;
        #[expect(clippy::disallowed_methods, reason = "the operator's password was verified, and the organization is that person's own")]
        let scope = OrgScope::proven(state.organization);
        let author = Visitor::at_console().author(Actor::Operator(state.user), now);
        ask::store(Code::DirectoryUnavailable, store::api_key_create(&self.db, &scope, &keys.api_row, &author)).await?;
        ask::store(Code::DirectoryUnavailable, store::management_key_create(&self.db, &scope, &keys.management_row, &author)).await?;
        Ok(keys.shown(&state, true))
    }
}

impl Keys {
    fn mint(name: &str, user: UserId, project: ProjectId) -> Result<Self, Fault> {
        let (api, management) = (Minted::new(KeyKind::Api)?, Minted::new(KeyKind::Management)?);
        let api_row = NewApiKey {
            id: ApiKeyId::from_uuid(random::uuid()),
            project,
            sub_account: None,
            acts_for_sub_accounts: false,
            name: name.to_owned(),
            hash: api.hash,
            prefix: api.prefix,
            last4: api.last4,
            expires_at: None,
            rpm: None,
            tpm: None,
            concurrency: None,
            allowed_models: None,
            rules: KeyRules::default(),
            created_by: Some(user),
        };
        let management_row = NewManagementKey {
            id: ManagementKeyId::from_uuid(random::uuid()),
            name: name.to_owned(),
            hash: management.hash,
            prefix: management.prefix,
            last4: management.last4,
            scopes: None,
            expires_at: None,
            created_by: user,
        };
        Ok(Self { api_key: api.text, management_key: management.text, api_row, management_row })
    }

    fn shown(self, state: &BootstrapState, existed: bool) -> Bootstrapped {
        Bootstrapped {
            api_key: self.api_key,
            management_key: self.management_key,
            organization_id: state.organization,
            project_id: state.project,
            user_id: state.user,
            existed,
        }
    }
}

/// The moment without its fraction of a second: for a name.
fn second(now: UnixMicros) -> String {
    clock::rfc3339(UnixMicros(now.seconds().saturating_mul(1_000_000)))
}
