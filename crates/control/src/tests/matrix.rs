//! Who may do what, cell by cell: each route of the document × each kind of caller × whose thing it is about.
//!
//! The routes come from the router itself; a route that has no line in [`LINES`] fails here, and so does a line without a
//! route.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::http::Method;
use domain::ids::{InviteId, MailId};
use domain::{ApiKeyId, ManagementKeyId, OrganizationId, ProjectId, ProviderKeyId, RequestId, SessionId, UnixMicros, UserId};
use seal::MasterKey;
use serde_json::{Value, json};
use store::{
    DataKeyRow, MailRow, NewApiKey, NewInvite, NewManagementKey, NewProviderKey, NewSession, ProviderKeySecret, Role, SessionsKept,
};
use uuid::Uuid;

use crate::tests::browser::Browser;
use crate::tests::world::{DAY, Tenant, World, author, call, hash, request};

/// What a route asks of its caller.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    /// Nothing.
    Nobody,
    /// A session.
    Person,
    /// Any role.
    Member,
    /// An owner, admin or developer.
    Developer,
    /// An owner or admin.
    Admin,
    /// An owner.
    Owner,
    /// Who runs the instance.
    Operator,
}

/// What the id in a path names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Thing {
    ApiKey,
    Call,
    Invite,
    ManagementKey,
    Member,
    Project,
    ProviderKey,
    Session,
    /// No id: the organization is chosen by header.
    Nothing,
}

/// What is sent; a route that lets its caller in answers with the status.
type Line = (&'static str, &'static str, Needs, Thing, Option<fn(u32) -> Value>, u16);

/// Bodies that change nothing lasting are wrong on purpose: 400 says that the caller was let in.
const LINES: &[Line] = &[
    ("GET", "/api/v1/auth/settings", Needs::Nobody, Thing::Nothing, None, 200),
    ("POST", "/api/v1/auth/sign-up", Needs::Nobody, Thing::Nothing, Some(|_| json!({})), 400),
    ("POST", "/api/v1/auth/log-in", Needs::Nobody, Thing::Nothing, Some(|_| json!({})), 400),
    ("POST", "/api/v1/auth/log-out", Needs::Nobody, Thing::Nothing, None, 204),
    ("GET", "/api/v1/auth/session", Needs::Person, Thing::Nothing, None, 200),
    ("POST", "/api/v1/auth/password", Needs::Person, Thing::Nothing, Some(|_| json!({})), 400),
    ("GET", "/api/v1/auth/sessions", Needs::Person, Thing::Nothing, None, 200),
    ("DELETE", "/api/v1/auth/sessions", Needs::Person, Thing::Nothing, None, 200),
    ("DELETE", "/api/v1/auth/sessions/{id}", Needs::Person, Thing::Session, None, 204),
    ("GET", "/api/v1/usage", Needs::Member, Thing::Nothing, None, 200),
    ("GET", "/api/v1/usage.csv", Needs::Member, Thing::Nothing, None, 200),
    ("GET", "/api/v1/calls", Needs::Member, Thing::Nothing, None, 200),
    ("GET", "/api/v1/calls/{id}", Needs::Member, Thing::Call, None, 200),
    ("GET", "/api/v1/credits", Needs::Member, Thing::Nothing, None, 200),
    ("POST", "/api/v1/credits/grants", Needs::Operator, Thing::Nothing, Some(|_| json!({"amount_nano_usd": 1, "reason": "test"})), 201),
    ("GET", "/api/v1/api-keys", Needs::Member, Thing::Nothing, None, 200),
    ("POST", "/api/v1/api-keys", Needs::Developer, Thing::Nothing, Some(|_| json!({"name": "k"})), 201),
    ("PATCH", "/api/v1/api-keys/{id}", Needs::Developer, Thing::ApiKey, Some(|_| json!({"rpm": 5})), 200),
    ("DELETE", "/api/v1/api-keys/{id}", Needs::Developer, Thing::ApiKey, None, 200),
    ("POST", "/api/v1/api-keys/{id}/rotate", Needs::Developer, Thing::ApiKey, Some(|_| json!({"grace_seconds": 60})), 201),
    ("GET", "/api/v1/provider-keys", Needs::Member, Thing::Nothing, None, 200),
    (
        "POST",
        "/api/v1/provider-keys",
        Needs::Admin,
        Thing::Nothing,
        Some(|n| json!({"provider": "openai", "name": format!("made {n}"), "key": "sk-0123456789abcdef"})),
        201,
    ),
    ("PATCH", "/api/v1/provider-keys/{id}", Needs::Admin, Thing::ProviderKey, Some(|_| json!({"weight": 2})), 200),
    ("DELETE", "/api/v1/provider-keys/{id}", Needs::Admin, Thing::ProviderKey, None, 204),
    (
        "POST",
        "/api/v1/provider-keys/test",
        Needs::Admin,
        Thing::Nothing,
        Some(|_| json!({"provider": "openai", "key": "sk-0123456789abcdef"})),
        200,
    ),
    ("PATCH", "/api/v1/auth/session", Needs::Person, Thing::Nothing, Some(|_| json!({})), 400),
    ("GET", "/api/v1/organizations", Needs::Person, Thing::Nothing, None, 200),
    ("POST", "/api/v1/organizations", Needs::Person, Thing::Nothing, Some(|n| json!({"name": format!("o {n}")})), 201),
    ("GET", "/api/v1/organization", Needs::Member, Thing::Nothing, None, 200),
    ("PATCH", "/api/v1/organization", Needs::Admin, Thing::Nothing, Some(|n| json!({"name": format!("o {n}")})), 200),
    ("POST", "/api/v1/organization/transfer", Needs::Owner, Thing::Nothing, Some(|_| json!({})), 400),
    ("POST", "/api/v1/organizations/leave", Needs::Person, Thing::Nothing, Some(|_| json!({})), 400),
    ("GET", "/api/v1/members", Needs::Member, Thing::Nothing, None, 200),
    ("PATCH", "/api/v1/members/{id}", Needs::Admin, Thing::Member, Some(|_| json!({"role": "viewer"})), 200),
    ("PUT", "/api/v1/members/{id}/projects", Needs::Admin, Thing::Member, Some(|_| json!({"project_ids": []})), 200),
    ("DELETE", "/api/v1/members/{id}", Needs::Admin, Thing::Member, None, 204),
    ("GET", "/api/v1/management-keys", Needs::Admin, Thing::Nothing, None, 200),
    ("POST", "/api/v1/management-keys", Needs::Admin, Thing::Nothing, Some(|_| json!({"name": "k"})), 201),
    ("DELETE", "/api/v1/management-keys/{id}", Needs::Admin, Thing::ManagementKey, None, 200),
    ("GET", "/api/v1/invites", Needs::Admin, Thing::Nothing, None, 200),
    (
        "POST",
        "/api/v1/invites",
        Needs::Admin,
        Thing::Nothing,
        Some(|n| json!({"email": format!("invited{n}@example.com"), "role": "viewer"})),
        201,
    ),
    ("DELETE", "/api/v1/invites/{id}", Needs::Admin, Thing::Invite, None, 200),
    ("POST", "/api/v1/auth/invites/accept", Needs::Person, Thing::Nothing, Some(|_| json!({})), 400),
    ("GET", "/api/v1/operator/outbox", Needs::Operator, Thing::Nothing, None, 200),
    ("GET", "/api/v1/audit", Needs::Admin, Thing::Nothing, None, 200),
    ("GET", "/api/v1/audit/export", Needs::Admin, Thing::Nothing, None, 200),
    ("GET", "/api/v1/projects", Needs::Member, Thing::Nothing, None, 200),
    ("GET", "/api/v1/projects/{id}", Needs::Member, Thing::Project, None, 200),
    ("PATCH", "/api/v1/projects/{id}", Needs::Admin, Thing::Project, Some(|_| json!({"cache_enabled": true})), 200),
];

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Caller {
    Anonymous,
    /// A member of the first organization with a session.
    Role(Role),
    /// Owner of an organization of their own, with a session.
    Operator,
    /// Of the first organization's owner.
    ManagementKey,
    /// An `llmg_` key of the first organization, which opens nothing here.
    ApiKey,
    /// Owner of the other organization, with a session.
    OtherOrganization,
}

const CALLERS: &[Caller] = &[
    Caller::Anonymous,
    Caller::Role(Role::Viewer),
    Caller::Role(Role::Billing),
    Caller::Role(Role::Developer),
    Caller::Role(Role::Admin),
    Caller::Role(Role::Owner),
    Caller::Operator,
    Caller::ManagementKey,
    Caller::ApiKey,
    Caller::OtherOrganization,
];

/// Whose thing a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Own,
    Other,
    /// An id that nothing has.
    Nobodys,
}

const WHOSE: &[Whose] = &[Whose::Own, Whose::Other, Whose::Nobodys];

/// The instance: who is where.
struct Cast {
    world: World,
    /// Of the roles.
    ours: Tenant,
    theirs: Tenant,
    /// Makes every id, token and name another one.
    count: AtomicU32,
}

impl Cast {
    async fn gather() -> Self {
        let world = World::start().await;
        let (ours, theirs) = (world.tenant(2, Role::Owner).await, world.tenant(3, Role::Owner).await);
        for role in [Role::Viewer, Role::Billing, Role::Developer, Role::Admin] {
            let (user, word) = (person(role), role.as_str());
            let columns = "id, email, password_hash, is_operator, created_at_us";
            world.sql(&format!("INSERT INTO person ({columns}) VALUES ('{user}', '{word}@example.com', '$argon2id$', 0, {DAY})")).await;
            world.sql(&format!("INSERT INTO member VALUES ('{}', '{user}', '{word}', {DAY})", ours.organization)).await;
        }
        world.take_in(&[call(&world.first, 1), call(&ours, 2), call(&theirs, 3)]).await;
        for tenant in [&world.first, &ours, &theirs] {
            let master = MasterKey::new(&[1; 32]).unwrap();
            let (_, sealed) = master.data_key_new(tenant.organization, 1, &[7; 32], [0; 12]).unwrap();
            let key = DataKeyRow { version: 1, sealed };
            store::data_key_create(&world.db, &tenant.scope(), &key, UnixMicros(DAY)).await.unwrap();
        }
        Self { world, ours, theirs, count: AtomicU32::new(1_000) }
    }

    fn next(&self) -> u32 {
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
            Caller::Role(role) => Some(person(role)),
            Caller::Operator => Some(self.world.first.user),
            Caller::OtherOrganization => Some(self.theirs.user),
            Caller::Anonymous | Caller::ManagementKey | Caller::ApiKey => None,
        }
    }

    /// With a session of its own, because some routes end it.
    async fn browser(&self, caller: Caller) -> Browser {
        let key = match caller {
            Caller::ManagementKey => Some(&self.ours.management_key),
            Caller::ApiKey => Some(&self.ours.api_key),
            _ => None,
        };
        if let Some(key) = key {
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
        let session = NewSession { id, person, organization, hash: hash(token), address, user_agent, now };
        let all = SessionsKept { created_after: UnixMicros(0), used_after: UnixMicros(0), count: u32::MAX };
        store::session_create(&self.world.db, &session, all, &author(DAY)).await.unwrap();
        id
    }

    /// The id of a fresh thing, or of nothing.
    async fn thing(&self, thing: Thing, caller: Caller, whose: Whose) -> String {
        let (own, other) = self.homes(caller);
        let tenant = if whose == Whose::Own { own } else { other };
        let nobodys = whose == Whose::Nobodys;
        match thing {
            Thing::Nothing if nobodys => OrganizationId::from_uuid(self.uuid()).to_string(),
            Thing::Nothing => tenant.organization.to_string(),
            Thing::Project if nobodys => ProjectId::from_uuid(self.uuid()).to_string(),
            Thing::Project => tenant.project.to_string(),
            Thing::Call if nobodys => RequestId::from_uuid(self.uuid()).to_string(),
            Thing::Call if tenant.organization == self.world.first.organization => request(1).to_string(),
            Thing::Call => request(if tenant.organization == self.ours.organization { 2 } else { 3 }).to_string(),
            Thing::ApiKey if nobodys => ApiKeyId::from_uuid(self.uuid()).to_string(),
            Thing::ApiKey => self.api_key(tenant).await.to_string(),
            Thing::ProviderKey if nobodys => ProviderKeyId::from_uuid(self.uuid()).to_string(),
            Thing::ProviderKey => self.provider_key(tenant).await.to_string(),
            Thing::Invite if nobodys => InviteId::from_uuid(self.uuid()).to_string(),
            Thing::Invite => self.invite(tenant).await.to_string(),
            Thing::ManagementKey if nobodys => ManagementKeyId::from_uuid(self.uuid()).to_string(),
            Thing::ManagementKey => self.management_key(tenant).await.to_string(),
            Thing::Member if nobodys => UserId::from_uuid(self.uuid()).to_string(),
            Thing::Member => self.member(tenant).await.to_string(),
            Thing::Session if nobodys => SessionId::from_uuid(self.uuid()).to_string(),
            Thing::Session => {
                let of = if whose == Whose::Own { self.user(caller).unwrap_or(tenant.user) } else { tenant.user };
                self.session(of, tenant.organization, &format!("spare-{}", self.next())).await.to_string()
            }
        }
    }

    async fn api_key(&self, tenant: &Tenant) -> ApiKeyId {
        let key = NewApiKey {
            id: ApiKeyId::from_uuid(self.uuid()),
            project: tenant.project,
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

    async fn invite(&self, tenant: &Tenant) -> InviteId {
        let (id, n) = (InviteId::from_uuid(self.uuid()), self.next());
        let email = format!("invited{n}@example.com");
        let (subject, body, created_at) = (String::new(), String::new(), UnixMicros(DAY));
        let mail = MailRow { id: MailId::from_uuid(self.uuid()), recipient: email.clone(), subject, body, created_at };
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

    async fn provider_key(&self, tenant: &Tenant) -> ProviderKeyId {
        let (base_url, sealed, tested_at) = (None, vec![0; 40], None);
        let key = NewProviderKey {
            id: ProviderKeyId::from_uuid(self.uuid()),
            provider: "openai".to_owned(),
            name: format!("key {}", self.next()),
            priority: 0,
            weight: 1,
            secret: ProviderKeySecret { base_url, sealed, key_version: 1, prefix: String::new(), last4: String::new(), tested_at },
            created_by: tenant.user,
        };
        store::provider_key_create(&self.world.db, &tenant.scope(), &key, &author(DAY)).await.unwrap();
        key.id
    }
}

fn person(role: Role) -> UserId {
    UserId::from_uuid(Uuid::from_u128((10 << 64) + role as u128))
}

/// The status of a cell, and for a refusal its code.
fn wanted(&(_, _, needs, thing, _, let_in): &Line, caller: Caller, whose: Whose) -> (u16, Option<&'static str>) {
    let refused = (403, Some("permission_denied"));
    let nothing_there = (404, Some("not_found"));
    if needs == Needs::Nobody {
        return (let_in, None);
    }
    match caller {
        Caller::Anonymous => return (401, Some("missing_api_key")),
        Caller::ApiKey => return (401, Some("invalid_api_key")),
        Caller::ManagementKey if needs == Needs::Person => return refused,
        _ => {}
    }
    // Another organization is not even looked into; what is about a person has no organization.
    if thing == Thing::Nothing && whose != Whose::Own && needs != Needs::Person {
        return nothing_there;
    }
    let role = if let Caller::Role(role) = caller { role } else { Role::Owner };
    let may = match needs {
        Needs::Nobody | Needs::Person | Needs::Member => true,
        Needs::Developer => matches!(role, Role::Owner | Role::Admin | Role::Developer),
        Needs::Admin => matches!(role, Role::Owner | Role::Admin),
        Needs::Owner => role == Role::Owner,
        Needs::Operator => caller == Caller::Operator,
    };
    if !may {
        return refused;
    }
    if thing != Thing::Nothing && whose != Whose::Own { nothing_there } else { (let_in, None) }
}

#[tokio::test]
async fn every_cell_of_route_caller_and_ownership() {
    let cast = Cast::gather().await;
    let mut cells = 0;
    for line in LINES {
        let &(method, path, _, thing, body, _) = line;
        let verb: Method = method.parse().unwrap();
        for &caller in CALLERS {
            for &whose in WHOSE {
                let n = cast.next();
                let id = cast.thing(thing, caller, whose).await;
                let mut browser = cast.browser(caller).await;
                if thing == Thing::Nothing {
                    browser = browser.with("x-llmg-organization", &id);
                }
                let before = store::revision_latest(&cast.world.db).await.unwrap();
                let reply = browser.send(&cast.world, verb.clone(), &path.replace("{id}", &id), body.map(|body| body(n))).await;
                let (status, code) = wanted(line, caller, whose);
                let cell = format!("{method} {path}, {caller:?}, {whose:?}");
                assert_eq!(reply.status.as_u16(), status, "{cell}: {}", reply.text);
                if let Some(code) = code {
                    reply.refused(status, code);
                }
                if status >= 400 {
                    assert_eq!(store::revision_latest(&cast.world.db).await.unwrap(), before, "{cell}: refused, and something changed");
                }
                cells += 1;
            }
        }
    }
    println!("{} routes x {} callers x {} owners = {cells} cells", LINES.len(), CALLERS.len(), WHOSE.len());
    assert_eq!(cells, LINES.len() * CALLERS.len() * WHOSE.len());
}

#[test]
fn every_route_has_a_line() {
    let document = serde_json::to_value(crate::http::document()).unwrap();
    let mut routes = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in ["get", "post", "put", "patch", "delete", "head", "options", "trace"] {
            if item.get(method).is_some() {
                routes.insert((method.to_uppercase(), path.clone()));
            }
        }
    }
    let lines: BTreeSet<_> = LINES.iter().map(|line| (line.0.to_owned(), line.1.to_owned())).collect();
    assert_eq!(lines.len(), LINES.len(), "a line comes twice");
    assert!(routes.is_subset(&lines), "say who may use these routes: {:?}", routes.difference(&lines).collect::<Vec<_>>());
    assert!(lines.is_subset(&routes), "there are no such routes: {:?}", lines.difference(&routes).collect::<Vec<_>>());
    // Beside the document's routes there are only the document itself and its page.
    let source = include_str!("../http/mod.rs");
    let beside: Vec<_> = source.lines().filter_map(|line| line.split(".route(\"").nth(1)?.split('"').next()).collect();
    assert_eq!(beside, ["/api/openapi.json", "/api/docs"]);
    assert_eq!(source.matches(".route(").count() + source.matches(".nest").count() + source.matches(".merge(").count(), beside.len());
}

#[test]
fn the_document_says_what_opens_each_route() {
    let document = serde_json::to_value(crate::http::document()).unwrap();
    for &(method, path, needs, ..) in LINES {
        let security = &document["paths"][path][method.to_lowercase()]["security"];
        let wanted = match needs {
            Needs::Nobody => json!([]),
            Needs::Person => json!([{"session": []}]),
            _ => json!([{"management_key": []}, {"session": []}]),
        };
        assert_eq!(*security, wanted, "{method} {path}");
    }
}

/// Refresh: `LLMG_REFRESH=1 cargo test -p control matrix`.
#[test]
#[expect(clippy::disallowed_methods, reason = "a test's own switch")]
fn the_page_about_roles_says_what_the_code_says() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/roles.md");
    let page = std::fs::read_to_string(&file).unwrap();
    let mut current = between(&page, "rights", &rights_table());
    current = between(&current, "routes", &routes_table());
    if std::env::var("LLMG_REFRESH").is_ok() {
        std::fs::write(&file, &current).unwrap();
    } else {
        assert!(page == current, "docs/roles.md is not what the code says; refresh it with `LLMG_REFRESH=1 cargo test -p control matrix`");
    }
}

/// The page with another text between two marks.
fn between(page: &str, mark: &str, text: &str) -> String {
    let (begin, end) = (format!("<!-- {mark} -->\n"), format!("<!-- end of {mark} -->"));
    let (head, rest) = page.split_once(&begin).unwrap();
    let (_, tail) = rest.split_once(&end).unwrap();
    format!("{head}{begin}{text}{end}{tail}")
}

fn rights_table() -> String {
    let roles: Vec<_> = Role::ALL.iter().map(|role| role.as_str()).collect();
    let mut text = format!("| right | {} | what |\n|---|{}---|\n", roles.join(" | "), "---|".repeat(roles.len()));
    for line in crate::app::rights::TABLE {
        let cells: Vec<_> = Role::ALL.iter().map(|role| if line.right.is_of(*role) { "yes" } else { "–" }).collect();
        text.push_str(&format!("| {} | {} | {} |\n", line.name, cells.join(" | "), line.what));
    }
    text
}

/// What the cells above prove.
fn routes_table() -> String {
    let mut text = "| route | needs |\n|---|---|\n".to_owned();
    for (method, path, needs, ..) in LINES {
        let needs = match needs {
            Needs::Nobody => "nothing",
            Needs::Person => "a session",
            Needs::Member => "look",
            Needs::Developer => "develop",
            Needs::Admin => "administer",
            Needs::Owner => "own",
            Needs::Operator => "an operator of the instance",
        };
        text.push_str(&format!("| {method} {path} | {needs} |\n"));
    }
    text
}

#[test]
fn every_route_of_an_organization_has_an_area() {
    for (method, path, needs, ..) in LINES {
        let personal = matches!(needs, Needs::Nobody | Needs::Person);
        assert_eq!(crate::app::areas::Area::of(path).is_none(), personal, "{method} {path}");
    }
    for (segment, _) in crate::app::areas::SEGMENTS {
        let path = format!("/api/v1/{segment}");
        assert!(LINES.iter().any(|line| line.1 == path || line.1.starts_with(&format!("{path}/"))), "no route is below {path}");
    }
}

#[test]
fn what_scopes_ask_for_is_what_routes_ask_for() {
    use crate::app::areas::Area;
    use crate::app::rights::Right;
    use crate::app::scopes::{Access, Need, need};
    let mut seen = Vec::new();
    for (method, path, needs, ..) in LINES {
        let Some(area) = Area::of(path) else { continue };
        let access = if *method == "GET" { Access::Read } else { Access::Write };
        let asked = need(area, access);
        let as_strict = match needs {
            Needs::Operator => asked == Need::Operator,
            Needs::Member => asked == Need::Right(Right::Look),
            Needs::Developer => asked == Need::Right(Right::Develop),
            Needs::Admin | Needs::Owner => asked == Need::Right(Right::Administer),
            Needs::Nobody | Needs::Person => false,
        };
        assert!(as_strict, "{method} {path}: scopes ask for {asked:?}");
        seen.push((area, access));
    }
    for (_, area) in crate::app::areas::SEGMENTS {
        for access in [Access::Read, Access::Write] {
            assert_eq!(need(*area, access) == Need::Nothing, !seen.contains(&(*area, access)), "{area:?} {access:?}");
        }
    }
}
