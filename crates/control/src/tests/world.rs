//! An instance with one organization, and short words for requests.

use std::sync::Arc;

use analytics::{Analytics, CallOutcome, CallRow, events_insert};
use axum::Router;
use axum::body::Body;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use catalog::Catalog;
use domain::ids::TransferId;
use domain::key::{self, KeyKind};
use domain::{
    ApiKeyId, Epoch, GatewayId, Lane, ManagementKeyId, NanoUsd, OrgScope, OrganizationId, ProjectId, RequestId, Seq, UnixMicros, Usage,
    UserId,
};
use http_body_util::BodyExt;
use seal::{MasterKey, MasterKeys};
use serde_json::Value;
use service::config::Signup;
use sha2::{Digest, Sha256};
use store::{Actor, Author, Bootstrap, Db, NewApiKey, NewManagementKey, OpenOptions, ProjectMode, Role};
use tower::ServiceExt;
use uuid::Uuid;

use crate::{Control, Front, KeyAnswer, KeyCheck, Settings, router};

/// 2025-10-09T00:00:00Z: the start of a day.
pub const DAY: i64 = 1_759_968_000_000_000;
pub const HOUR: i64 = 3_600_000_000;

pub struct World {
    pub db: Db,
    pub analytics: Analytics,
    pub control: Arc<Control>,
    router: Router,
    url: String,
    /// The first organization's: its owner is the operator.
    pub first: Tenant,
    folder: tempfile::TempDir,
}

#[derive(Clone)]
pub struct Tenant {
    pub organization: OrganizationId,
    pub project: ProjectId,
    pub user: UserId,
    pub management_key: String,
    pub management_key_id: ManagementKeyId,
    pub api_key: String,
    pub api_key_id: ApiKeyId,
}

impl Tenant {
    #[expect(clippy::disallowed_methods, reason = "a test acts for any organization")]
    pub fn scope(&self) -> OrgScope {
        OrgScope::proven(self.organization)
    }

    fn new(n: u8) -> Self {
        let id = |kind: u128| Uuid::from_u128((kind << 64) + u128::from(n));
        Self {
            organization: OrganizationId::from_uuid(id(1)),
            project: ProjectId::from_uuid(id(2)),
            user: UserId::from_uuid(id(3)),
            management_key: key::spell(KeyKind::Management, &[n; 20]),
            management_key_id: ManagementKeyId::from_uuid(id(4)),
            api_key: key::spell(KeyKind::Api, &[n; 20]),
            api_key_id: ApiKeyId::from_uuid(id(5)),
        }
    }

    fn new_api_key(&self) -> NewApiKey {
        let (prefix, last4) = key::display(&self.api_key);
        NewApiKey {
            id: self.api_key_id,
            project: self.project,
            sub_account: None,
            acts_for_sub_accounts: false,
            name: "first".to_owned(),
            hash: hash(&self.api_key),
            prefix,
            last4,
            expires_at: None,
            rpm: None,
            tpm: None,
            concurrency: None,
            allowed_models: None,
            rules: store::KeyRules::default(),
            created_by: Some(self.user),
        }
    }

    pub fn new_management_key(&self) -> NewManagementKey {
        let (prefix, last4) = key::display(&self.management_key);
        NewManagementKey {
            id: self.management_key_id,
            name: "first".to_owned(),
            hash: hash(&self.management_key),
            prefix,
            last4,
            scopes: None,
            expires_at: None,
            created_by: self.user,
        }
    }
}

/// Nobody in particular.
pub fn author(at: i64) -> Author {
    let actor = Actor::Person(UserId::from_uuid(Uuid::from_u128(1)));
    Author { actor, address: String::new(), user_agent: String::new(), at: UnixMicros(at) }
}

pub fn hash(key: &str) -> [u8; 32] {
    Sha256::digest(key).into()
}

/// Stores without anybody in them.
pub async fn empty() -> (Db, Analytics, String, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("llmg.db").display());
    let db = Db::open(&url, OpenOptions::default()).await.unwrap();
    db.migrate().await.unwrap();
    let analytics = Analytics::open(&folder.path().join("analytics.db"), 2).await.unwrap();
    analytics.migrate().await.unwrap();
    (db, analytics, url, folder)
}

impl World {
    /// With nobody in it, reached as `http://127.0.0.1:4000`, and open to all.
    pub async fn deserted(change: impl FnOnce(&mut Settings)) -> Self {
        let (db, analytics, url, folder) = empty().await;
        let mut settings = Settings {
            signup: Signup::Open,
            front: Front::Loopback { port: 4_000 },
            starter_credit: NanoUsd::from_usd(5),
            catalog: Arc::new(Catalog::builtin().unwrap()),
            master_keys: Some(Arc::new(MasterKeys::of(MasterKey::new(&[1; 32]).unwrap()))),
            key_check: KeyCheck::Fixed(KeyAnswer::Status(200)),
            smtp: None,
            outbox: None,
            plain_providers: false,
            requests_per_minute: u32::MAX,
            sign_in: Vec::new(),
            deletion_grace_days: 30,
        };
        change(&mut settings);
        let control = Arc::new(Control::new(db.clone(), analytics.clone(), settings));
        Self { router: router(Arc::clone(&control)), control, db, analytics, url, first: Tenant::new(1), folder }
    }

    /// With one organization that has 5 USD.
    pub async fn start() -> Self {
        let world = Self::deserted(|_| {}).await;
        let first = world.first.clone();
        let new = Bootstrap {
            user: first.user,
            email: "ada@example.com".to_owned(),
            password_hash: "$argon2id$".to_owned(),
            organization: first.organization,
            organization_name: "Acme".to_owned(),
            plan: "self-hosted".to_owned(),
            markup_basis_points: 0,
            project: first.project,
            project_name: "Default".to_owned(),
            mode: ProjectMode::Credits,
            cache_enabled: false,
            cache_ttl_seconds: 3_600,
            api_key: first.new_api_key(),
            management_key: first.new_management_key(),
            starter_credit: NanoUsd::from_usd(5),
            starter_transfer: TransferId::from_uuid(Uuid::from_u128(6)),
            now: UnixMicros(DAY),
        };
        store::bootstrap(&world.db, &new).await.unwrap();
        world
    }

    /// All that the relational store's files hold.
    pub fn stored_bytes(&self) -> Vec<u8> {
        let files = std::fs::read_dir(self.folder.path()).unwrap();
        files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
    }

    /// One more organization, whose only member has this role.
    pub async fn tenant(&self, n: u8, role: Role) -> Tenant {
        let tenant = Tenant::new(n);
        let (user, organization, project) = (tenant.user, tenant.organization, tenant.project);
        self.sql(&format!("INSERT INTO person (id, email, password_hash, is_operator, created_at_us) VALUES ('{user}', 'person{n}@example.com', '$argon2id$', 0, {DAY})")).await;
        self.sql(&format!("INSERT INTO organization (id, name, plan, markup_basis_points, status, created_at_us) VALUES ('{organization}', 'Other {n}', 'free', 1000, 'active', {DAY})")).await;
        self.sql(&format!("INSERT INTO member VALUES ('{organization}', '{user}', '{}', {DAY})", role.as_str())).await;
        self.sql(&format!("INSERT INTO project (id, organization_id, name, mode, cache_enabled, cache_ttl_seconds, created_at_us, updated_at_us) VALUES ('{project}', '{organization}', 'Theirs', 'credits', 0, 3600, {DAY}, {DAY})")).await;
        store::management_key_create(&self.db, &tenant.scope(), &tenant.new_management_key(), &author(DAY)).await.unwrap();
        store::api_key_create(&self.db, &tenant.scope(), &tenant.new_api_key(), &author(DAY)).await.unwrap();
        tenant
    }

    /// Does what waits, and answers the newest letter to an address.
    pub async fn letter(&self, to: &str) -> store::MailRow {
        self.control.mail_round().await;
        let rows = store::mail_list(&self.db, None, 200).await.unwrap();
        rows.into_iter().find(|row| row.recipient == to).unwrap_or_else(|| panic!("no letter to {to}"))
    }

    /// How many letters there are.
    pub async fn letters(&self) -> usize {
        self.control.mail_round().await;
        store::mail_list(&self.db, None, 200).await.unwrap().len()
    }

    /// What no function of the store does (yet).
    pub async fn sql(&self, statement: &str) {
        testkit::sql(&self.url, statement).await;
    }

    /// The same in the analytics store.
    pub async fn analytics_sql(&self, statement: &str) {
        testkit::sql(&format!("sqlite://{}", self.folder.path().join("analytics.db").display()), statement).await;
    }

    pub async fn take_in(&self, calls: &[CallRow]) {
        events_insert(&self.analytics, calls, &[]).await.unwrap();
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, Some(&self.first.management_key), None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.send(Method::POST, path, Some(&self.first.management_key), Some(body)).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Reply {
        self.send(Method::PATCH, path, Some(&self.first.management_key), Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.send(Method::DELETE, path, Some(&self.first.management_key), None).await
    }

    pub async fn send(&self, method: Method, path: &str, key: Option<&str>, body: Option<Value>) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(key) = key {
            request = request.header(AUTHORIZATION, format!("Bearer {key}"));
        }
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let body = body.map_or(Body::empty(), |body| Body::from(body.to_string()));
        self.raw(request.body(body).unwrap()).await
    }

    pub async fn raw(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Reply { status: head.status, headers: head.headers, bytes: bytes.to_vec(), text, body }
    }
}

pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
    pub text: String,
    pub body: Value,
}

impl Reply {
    /// The answer, which must have this status.
    #[track_caller]
    pub fn ok(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self.body
    }

    /// The refusal must be whole, and have this status and code; answers the wrong parameter.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) -> Option<&str> {
        assert_eq!((self.status.as_u16(), self.body["code"].as_str()), (status, Some(code)), "{}", self.text);
        assert_eq!(self.headers[CONTENT_TYPE], "application/problem+json");
        assert_eq!(self.body["status"], status);
        assert_eq!(self.body["request_id"].as_str(), self.headers["x-llmg-request-id"].to_str().ok());
        for field in ["type", "title", "detail"] {
            assert!(self.body[field].as_str().is_some_and(|text| !text.is_empty()), "{field} is missing: {}", self.text);
        }
        self.body["param"].as_str()
    }
}

pub fn request(n: u64) -> RequestId {
    RequestId::from_uuid(Uuid::from_u128((7 << 64) + u128::from(n)))
}

/// Call `n` of a tenant, one second after the one before.
pub fn call(tenant: &Tenant, n: u64) -> CallRow {
    let started = DAY + i64::try_from(n).unwrap() * 1_000_000;
    CallRow {
        request: request(n),
        organization: tenant.organization,
        project: tenant.project,
        api_key: tenant.api_key_id,
        lease: None,
        gateway: GatewayId(Uuid::from_u128(8)),
        epoch: Epoch(1),
        lane: Lane::of(tenant.organization),
        seq: Seq(n),
        requested_model: "openai/gpt-4o".to_owned(),
        model: "gpt-4o".to_owned(),
        provider: "openai".to_owned(),
        dialect: "openai_chat".to_owned(),
        stream: true,
        mode: "credits".to_owned(),
        used_mode: "credits".to_owned(),
        outcome: CallOutcome::Settled,
        http_status: 200,
        error_code: String::new(),
        finish_reason: "stop".to_owned(),
        upstream_id: format!("chatcmpl-{n}"),
        upstream_status: 200,
        duration_ms: 900,
        first_token_ms: 250,
        overhead_us: 180,
        cancelled: false,
        cache: "off".to_owned(),
        usage: Usage { input: 100, cached_input: 40, output: 20, reasoning: 5, ..Usage::default() },
        cost: NanoUsd(1_000),
        charged: NanoUsd(1_100),
        hold: NanoUsd(5_000),
        price_version: 3,
        provider_cost: None,
        started_at: UnixMicros(started),
        ended_at: UnixMicros(started + 900_000),
        tags: vec!["production".to_owned()],
        metadata_json: r#"{"team":"search"}"#.to_owned(),
        user: "user-17".to_owned(),
        session: String::new(),
        attempts_json: r#"[{"provider":"openai","model":"gpt-4o","status":503,"error_code":"upstream_overloaded","duration_ms":20,"credential":"platform"},
            {"provider":"azure","model":"gpt-4o","status":200,"error_code":"","duration_ms":860,"credential":"own"}]"#
            .to_owned(),
    }
}
