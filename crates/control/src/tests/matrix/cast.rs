//! Who asks, and whose things they ask about.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use domain::ids::{IdentityId, InviteId, MailId};
use domain::key::{self, KeyKind};
use domain::{
    ApiKeyId, BudgetId, ManagementKeyId, NanoUsd, OrganizationId, Period, ProjectId, ProviderKeyId, RequestId, SessionId, SubAccountId,
    UnixMicros, UserId,
};
use parking_lot::Mutex;
use seal::{MasterKey, MasterKeys};
use store::{
    BudgetCounts, BudgetScope, BudgetScopeKind, DataKeyRow, Enforcement, NewApiKey, NewBudget, NewInvite, NewMail, NewManagementKey,
    NewProviderKey, NewSession, NewSubAccount, ProviderKeySecret, Role, SessionsKept,
};
use uuid::Uuid;

use super::Thing;
use crate::tests::browser::Browser;
use crate::tests::world::{DAY, Tenant, World, author, call, hash, request};

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    Anonymous,
    /// A member of the first organization with a session.
    Role(Role),
    /// A developer of the first organization who is limited to its first project, with a session.
    Limited,
    /// Was a member of the first organization, which the session shows still.
    Removed,
    /// Owner of an organization of their own, with a session.
    Operator,
    /// Of the first organization's owner.
    ManagementKey,
    /// Of the same, with the scope `api-keys:write` only.
    ScopedKey,
    /// Of the same, and its time is over.
    ExpiredKey,
    /// Of somebody who was removed from the first organization.
    RemovedKey,
    /// A member of the first organization whom the operator switched off, with a session that is there still.
    Disabled,
    /// Of the same.
    DisabledKey,
    /// An `llmg_` key of the first organization, which opens nothing here.
    ApiKey,
    /// Owner of the other organization, with a session.
    OtherOrganization,
}

pub(super) const CALLERS: &[Caller] = &[
    Caller::Anonymous,
    Caller::Role(Role::Viewer),
    Caller::Role(Role::Billing),
    Caller::Role(Role::Developer),
    Caller::Role(Role::Admin),
    Caller::Role(Role::Owner),
    Caller::Limited,
    Caller::Removed,
    Caller::Operator,
    Caller::ManagementKey,
    Caller::ScopedKey,
    Caller::ExpiredKey,
    Caller::RemovedKey,
    Caller::Disabled,
    Caller::DisabledKey,
    Caller::ApiKey,
    Caller::OtherOrganization,
];

/// Whose thing a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Whose {
    /// The caller's organization's, in the project that a limited caller sees.
    Own,
    /// The caller's organization's, in another project.
    OtherProject,
    OtherOrganization,
    /// It was the caller's organization's, and is no more.
    Deleted,
    /// An id that nothing has.
    Random,
}

impl Whose {
    /// Those that make a difference for a thing.
    pub(super) const fn of(thing: Thing) -> &'static [Self] {
        match thing {
            Thing::ApiKey | Thing::Call | Thing::Project => {
                &[Self::Own, Self::OtherProject, Self::OtherOrganization, Self::Deleted, Self::Random]
            }
            _ => &[Self::Own, Self::OtherOrganization, Self::Deleted, Self::Random],
        }
    }
}

/// The instance: who is where.
pub(super) struct Cast {
    pub(super) world: World,
    /// Of the roles.
    pub(super) ours: Tenant,
    theirs: Tenant,
    /// A further project of each of the three organizations.
    elsewhere: BTreeMap<OrganizationId, ProjectId>,
    /// Things that nobody changed, to be asked about again.
    spare: Mutex<BTreeMap<(Thing, OrganizationId, Whose), String>>,
    /// Makes every id, token and name another one.
    count: AtomicU32,
}

impl Cast {
    pub(super) async fn gather() -> Self {
        let world = World::start().await;
        let (ours, theirs) = (world.tenant(2, Role::Owner).await, world.tenant(3, Role::Owner).await);
        let mut cast = Self { world, ours, theirs, elsewhere: BTreeMap::new(), spare: Mutex::default(), count: AtomicU32::new(1_000) };
        for (n, role) in [
            (0, Role::Viewer),
            (1, Role::Billing),
            (2, Role::Developer),
            (3, Role::Admin),
            (4, Role::Developer),
            (5, Role::Owner),
            (6, Role::Owner),
        ] {
            cast.join(person(n), role).await;
        }
        let (organization, limited, project) = (cast.ours.organization, person(LIMITED), cast.ours.project);
        cast.world.sql(&format!("INSERT INTO member_limited VALUES ('{organization}', '{limited}')")).await;
        cast.world.sql(&format!("INSERT INTO member_project VALUES ('{organization}', '{limited}', '{project}')")).await;
        for tenant in [cast.world.first.clone(), cast.ours.clone(), cast.theirs.clone()] {
            let elsewhere = cast.project(&tenant).await;
            cast.elsewhere.insert(tenant.organization, elsewhere);
            let master = MasterKeys::of(MasterKey::new(&[1; 32]).unwrap());
            let (_, sealed) = master.data_key_new(tenant.organization, 1, &[7; 32], [0; 12]).unwrap();
            let key = DataKeyRow { version: 1, sealed: sealed.sealed, master_key: Some(sealed.master_key.to_string()) };
            store::data_key_create(&cast.world.db, &tenant.scope(), &key, UnixMicros(DAY)).await.unwrap();
        }
        cast.make_management_keys().await;
        cast.world.sql(&format!("DELETE FROM member WHERE person_id = '{}'", person(REMOVED))).await;
        cast.disable(person(DISABLED)).await;
        // Whoever has a proven address gets no letter, however often they ask for it.
        cast.world.sql(&format!("UPDATE person SET email_verified_at_us = {DAY}")).await;
        cast
    }

    /// What changes leave: the newest revision, and how many lines the logs of the three organizations have.
    pub(super) async fn trace(&self) -> (i64, i64) {
        let mut lines = 0;
        for tenant in [&self.world.first, &self.ours, &self.theirs] {
            let newest = store::audit_list(&self.world.db, &tenant.scope(), &store::AuditFilter::default(), None, 1).await.unwrap();
            lines += newest.first().map_or(0, |row| row.number);
        }
        (store::revision_latest(&self.world.db).await.unwrap(), lines)
    }

    async fn join(&self, user: UserId, role: Role) {
        let columns = "id, email, password_hash, is_operator, created_at_us";
        let email = format!("member{}@example.com", self.next());
        self.world.sql(&format!("INSERT INTO person ({columns}) VALUES ('{user}', '{email}', '$argon2id$', 0, {DAY})")).await;
        let (organization, word) = (self.ours.organization, role.as_str());
        self.world.sql(&format!("INSERT INTO member VALUES ('{organization}', '{user}', '{word}', {DAY})")).await;
    }

    async fn make_management_keys(&self) {
        for (n, created_by, scopes, expires_at) in [
            (SCOPED, self.ours.user, Some(vec!["api-keys:write".to_owned()]), None),
            (EXPIRED, self.ours.user, None, Some(UnixMicros(DAY))),
            (OF_REMOVED, person(REMOVED), None, None),
            (OF_DISABLED, person(DISABLED), None, None),
        ] {
            let (id, hash) = (ManagementKeyId::from_uuid(self.uuid()), hash(&management_key(n)));
            let key = NewManagementKey { id, hash, scopes, expires_at, created_by, ..self.ours.new_management_key() };
            store::management_key_create(&self.world.db, &self.ours.scope(), &key, &author(DAY)).await.unwrap();
        }
    }

    pub(super) fn next(&self) -> u32 {
        self.count.fetch_add(1, Ordering::Relaxed)
    }

    fn uuid(&self) -> Uuid {
        Uuid::from_u128((9 << 64) + u128::from(self.next()))
    }

    /// The caller's organization, and one that is not theirs.
    fn homes(&self, caller: Caller) -> (&Tenant, &Tenant) {
        match caller {
            Caller::Operator => (&self.world.first, &self.ours),
            Caller::OtherOrganization => (&self.theirs, &self.ours),
            _ => (&self.ours, &self.theirs),
        }
    }

    fn user(&self, caller: Caller) -> Option<UserId> {
        match caller {
            Caller::Role(Role::Owner) => Some(self.ours.user),
            Caller::Role(Role::Viewer) => Some(person(0)),
            Caller::Role(Role::Billing) => Some(person(1)),
            Caller::Role(Role::Developer) => Some(person(2)),
            Caller::Role(Role::Admin) => Some(person(3)),
            Caller::Limited => Some(person(LIMITED)),
            Caller::Removed => Some(person(REMOVED)),
            Caller::Disabled => Some(person(DISABLED)),
            Caller::Operator => Some(self.world.first.user),
            Caller::OtherOrganization => Some(self.theirs.user),
            Caller::Anonymous | Caller::ApiKey => None,
            Caller::ManagementKey | Caller::ScopedKey | Caller::ExpiredKey | Caller::RemovedKey | Caller::DisabledKey => None,
        }
    }

    fn key(&self, caller: Caller) -> Option<String> {
        match caller {
            Caller::ManagementKey => Some(self.ours.management_key.clone()),
            Caller::ApiKey => Some(self.ours.api_key.clone()),
            Caller::ScopedKey => Some(management_key(SCOPED)),
            Caller::ExpiredKey => Some(management_key(EXPIRED)),
            Caller::RemovedKey => Some(management_key(OF_REMOVED)),
            Caller::DisabledKey => Some(management_key(OF_DISABLED)),
            _ => None,
        }
    }

    /// With a session of its own, because some routes end it.
    pub(super) async fn browser(&self, caller: Caller) -> Browser {
        if let Some(key) = self.key(caller) {
            return Browser::default().with("authorization", &format!("Bearer {key}"));
        }
        let Some(user) = self.user(caller) else { return Browser::default() };
        let token = format!("token-{}", self.next());
        self.session(user, self.homes(caller).0.organization, &token).await;
        Browser { cookie: Some(format!("llmg_session={token}")), ..Browser::default() }
    }

    async fn session(&self, person: UserId, organization: OrganizationId, token: &str) -> SessionId {
        let id = SessionId::from_uuid(self.uuid());
        let (address, user_agent, now) = (String::new(), String::new(), service::clock::now());
        let (proof, second_factor) = (store::SessionProof::Password, None);
        let session = NewSession { id, person, organization, hash: hash(token), address, user_agent, proof, second_factor, now };
        let all = SessionsKept { created_after: UnixMicros(0), used_after: UnixMicros(0), count: u32::MAX };
        // Whoever is disabled gets no session: this one is from before.
        self.world.sql(&format!("UPDATE person SET disabled_at_us = NULL WHERE id = '{person}'")).await;
        store::session_create(&self.world.db, &session, all, &author(DAY)).await.unwrap();
        if Some(person) == self.user(Caller::Disabled) {
            self.disable(person).await;
        }
        id
    }

    async fn disable(&self, person: UserId) {
        self.world.sql(&format!("UPDATE person SET disabled_at_us = {DAY} WHERE id = '{person}'")).await;
    }

    /// The id of a thing, or of nothing. Who uses a thing up says so with [`Cast::used`].
    pub(super) async fn thing(&self, thing: Thing, caller: Caller, whose: Whose) -> String {
        let (own, other) = self.homes(caller);
        let tenant = if whose == Whose::OtherOrganization { other } else { own };
        // A session is a person's, not an organization's.
        let spare = (!matches!(thing, Thing::Session | Thing::Identity)).then_some((thing, tenant.organization, whose));
        if let Some(id) = spare.and_then(|spare| self.spare.lock().get(&spare).cloned()) {
            return id;
        }
        let mut tenant = tenant.clone();
        if whose == Whose::OtherProject {
            tenant.project = self.elsewhere[&tenant.organization];
        }
        let of = if whose == Whose::OtherOrganization { tenant.user } else { self.user(caller).unwrap_or(tenant.user) };
        let id = match whose {
            Whose::Random => self.unknown(thing),
            Whose::Deleted => self.deleted(thing, &tenant, of).await,
            Whose::Own | Whose::OtherProject | Whose::OtherOrganization => self.made(thing, &tenant, of).await,
        };
        if let Some(spare) = spare {
            self.spare.lock().insert(spare, id.clone());
        }
        id
    }

    /// The thing of the last request may be gone, or another than it was.
    pub(super) fn used(&self, thing: Thing, caller: Caller, whose: Whose) {
        self.spare.lock().remove(&(thing, self.homes(caller).0.organization, whose));
    }

    fn unknown(&self, thing: Thing) -> String {
        let id = self.uuid();
        match thing {
            Thing::Nothing => OrganizationId::from_uuid(id).to_string(),
            Thing::Project => ProjectId::from_uuid(id).to_string(),
            Thing::Call => RequestId::from_uuid(id).to_string(),
            Thing::ApiKey => ApiKeyId::from_uuid(id).to_string(),
            Thing::Budget => BudgetId::from_uuid(id).to_string(),
            Thing::ProviderKey => ProviderKeyId::from_uuid(id).to_string(),
            Thing::Invite => InviteId::from_uuid(id).to_string(),
            Thing::ManagementKey => ManagementKeyId::from_uuid(id).to_string(),
            Thing::Member | Thing::Person => UserId::from_uuid(id).to_string(),
            Thing::Session => SessionId::from_uuid(id).to_string(),
            Thing::SubAccount => SubAccountId::from_uuid(id).to_string(),
            Thing::Identity => IdentityId::from_uuid(id).to_string(),
        }
    }

    async fn made(&self, thing: Thing, tenant: &Tenant, person: UserId) -> String {
        match thing {
            Thing::Nothing => tenant.organization.to_string(),
            Thing::Project => tenant.project.to_string(),
            Thing::Call => self.call(tenant).await.to_string(),
            Thing::ApiKey => self.api_key(tenant).await.to_string(),
            Thing::Budget => self.budget(tenant).await.to_string(),
            Thing::SubAccount => self.sub_account(tenant).await.to_string(),
            Thing::ProviderKey => self.provider_key(tenant).await.to_string(),
            Thing::Invite => self.invite(tenant).await.to_string(),
            Thing::ManagementKey => self.management_key(tenant).await.to_string(),
            Thing::Member | Thing::Person => self.member(tenant).await.to_string(),
            Thing::Identity => self.identity(person).await.to_string(),
            Thing::Session => self.session(person, tenant.organization, &format!("spare-{}", self.next())).await.to_string(),
        }
    }

    async fn identity(&self, person: UserId) -> IdentityId {
        let id = IdentityId::from_uuid(self.uuid());
        let (issuer, subject) = (format!("https://{}.example.com", self.next()), "1".to_owned());
        let new = store::NewIdentity { id, issuer, subject, email: String::new() };
        store::identity_link(&self.world.db, person, &new, &author(DAY)).await.unwrap();
        id
    }

    async fn api_key(&self, tenant: &Tenant) -> ApiKeyId {
        let key = NewApiKey {
            id: ApiKeyId::from_uuid(self.uuid()),
            project: tenant.project,
            sub_account: None,
            acts_for_sub_accounts: false,
            name: "k".to_owned(),
            hash: hash(&format!("key {}", self.next())),
            prefix: String::new(),
            last4: String::new(),
            expires_at: None,
            rpm: None,
            tpm: None,
            concurrency: None,
            allowed_models: None,
            rules: store::KeyRules::default(),
            created_by: None,
        };
        store::api_key_create(&self.world.db, &tenant.scope(), &key, &author(DAY)).await.unwrap();
        key.id
    }

    async fn sub_account(&self, tenant: &Tenant) -> SubAccountId {
        let sub_account = NewSubAccount {
            id: SubAccountId::from_uuid(self.uuid()),
            project: tenant.project,
            external_id: format!("cast {}", self.next()),
            name: "s".to_owned(),
            rpm: None,
            tpm: None,
            concurrency: None,
            allowed_models: None,
            markup_basis_points: 0,
            metadata: std::collections::BTreeMap::new(),
        };
        store::sub_account_create(&self.world.db, &tenant.scope(), &sub_account, &author(DAY)).await.unwrap();
        sub_account.id
    }

    async fn budget(&self, tenant: &Tenant) -> BudgetId {
        let budget = NewBudget {
            id: BudgetId::from_uuid(self.uuid()),
            name: "b".to_owned(),
            scope: BudgetScope { kind: BudgetScopeKind::Tag, value: format!("tag {}", self.next()) },
            amount: NanoUsd(1_000),
            period: Period::Day,
            time_zone: "UTC".to_owned(),
            enforcement: Enforcement::Hard,
            counts: BudgetCounts::Cost,
            alerts: vec![50],
        };
        store::budget_create(&self.world.db, &tenant.scope(), &budget, &author(DAY)).await.unwrap();
        budget.id
    }

    async fn invite(&self, tenant: &Tenant) -> InviteId {
        let (id, n) = (InviteId::from_uuid(self.uuid()), self.next());
        let email = format!("invited{n}@example.com");
        let (subject, body, created_at) = (String::new(), String::new(), UnixMicros(DAY));
        let mail = NewMail { id: MailId::from_uuid(self.uuid()), recipient: email.clone(), subject, body, secret: None, created_at };
        let (hash, expires_at) = (hash(&email), service::clock::now().plus_seconds(60));
        let new = NewInvite { id, email, role: Role::Viewer, hash, invited_by: tenant.user, expires_at, mail };
        store::invite_create(&self.world.db, &tenant.scope(), &new, &author(DAY)).await.unwrap();
        id
    }

    async fn management_key(&self, tenant: &Tenant) -> ManagementKeyId {
        let (id, hash) = (ManagementKeyId::from_uuid(self.uuid()), hash(&format!("management key {}", self.next())));
        let key = NewManagementKey { id, hash, ..tenant.new_management_key() };
        store::management_key_create(&self.world.db, &tenant.scope(), &key, &author(DAY)).await.unwrap();
        id
    }

    /// A developer of the tenant who does nothing.
    async fn member(&self, tenant: &Tenant) -> UserId {
        let (user, n) = (UserId::from_uuid(self.uuid()), self.next());
        let columns = "id, email, password_hash, is_operator, created_at_us";
        self.world.sql(&format!("INSERT INTO person ({columns}) VALUES ('{user}', 'member{n}@example.com', '$argon2id$', 0, {DAY})")).await;
        self.world.sql(&format!("INSERT INTO member VALUES ('{}', '{user}', 'developer', {DAY})", tenant.organization)).await;
        user
    }

    async fn project(&self, tenant: &Tenant) -> ProjectId {
        let (id, organization) = (ProjectId::from_uuid(self.uuid()), tenant.organization);
        let columns = "id, organization_id, name, mode, cache_enabled, cache_ttl_seconds, created_at_us, updated_at_us";
        let values = format!("'{id}', '{organization}', 'p{}', 'credits', 0, 3600, {DAY} + 1, {DAY}", self.next());
        self.world.sql(&format!("INSERT INTO project ({columns}) VALUES ({values})")).await;
        id
    }

    async fn call(&self, tenant: &Tenant) -> RequestId {
        let n = u64::from(self.next());
        self.world.take_in(&[call(tenant, n)]).await;
        request(n)
    }

    /// Of a thing that was there, and is gone without a trace.
    async fn deleted(&self, thing: Thing, tenant: &Tenant, person: UserId) -> String {
        let table = match thing {
            // A tenant's own would take everything else with it; this one never had a row, as after its erasure.
            Thing::Nothing => return OrganizationId::from_uuid(self.uuid()).to_string(),
            Thing::Project => {
                let id = self.project(tenant).await.to_string();
                self.world.sql(&format!("DELETE FROM project WHERE id = '{id}'")).await;
                return id;
            }
            Thing::Member => {
                let id = self.member(tenant).await.to_string();
                self.world.sql(&format!("DELETE FROM member WHERE person_id = '{id}'")).await;
                return id;
            }
            Thing::Person => {
                let id = self.member(tenant).await.to_string();
                self.world.sql(&format!("DELETE FROM member WHERE person_id = '{id}'")).await;
                self.world.sql(&format!("DELETE FROM person WHERE id = '{id}'")).await;
                return id;
            }
            Thing::Call => {
                let id = self.call(tenant).await;
                let id = id.to_string();
                self.world.analytics_sql(&format!("DELETE FROM call WHERE request_id = X'{}'", &id["req_".len()..])).await;
                return id;
            }
            Thing::ApiKey => "api_key",
            Thing::Budget => "budget",
            Thing::SubAccount => "sub_account",
            Thing::ProviderKey => "provider_key",
            Thing::Invite => "invite",
            Thing::ManagementKey => "management_key",
            Thing::Session => "session",
            Thing::Identity => "identity",
        };
        let id = self.made(thing, tenant, person).await;
        self.world.sql(&format!("DELETE FROM {table} WHERE id = '{id}'")).await;
        id
    }

    async fn provider_key(&self, tenant: &Tenant) -> ProviderKeyId {
        let (base_url, sealed, tested_at) = (None, vec![0; 40], None);
        let key = NewProviderKey {
            id: ProviderKeyId::from_uuid(self.uuid()),
            provider: "openai".to_owned(),
            name: format!("key {}", self.next()),
            priority: 0,
            weight: 1,
            settings: store::ProviderKeySettings::default(),
            secret: ProviderKeySecret {
                base_url,
                sealed,
                key_version: 1,
                prefix: String::new(),
                last4: String::new(),
                tested_at,
                kind: store::SecretKind::Key,
            },
            created_by: tenant.user,
        };
        store::provider_key_create(&self.world.db, &tenant.scope(), &key, &author(DAY)).await.unwrap();
        key.id
    }
}

/// Numbers of [`person`].
const LIMITED: u8 = 4;
const REMOVED: u8 = 5;
const DISABLED: u8 = 6;
/// Numbers of [`management_key`].
const SCOPED: u8 = 101;
const EXPIRED: u8 = 102;
const OF_REMOVED: u8 = 103;
const OF_DISABLED: u8 = 104;

fn person(n: u8) -> UserId {
    UserId::from_uuid(Uuid::from_u128((10 << 64) + u128::from(n)))
}

fn management_key(n: u8) -> String {
    key::spell(KeyKind::Management, &[n; 20])
}
