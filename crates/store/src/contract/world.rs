//! A database of its own for each test, and short words for ids and rows.

use domain::ids::TransferId;
use domain::{
    ApiKeyId, Epoch, GatewayId, Lane, LeaseId, ManagementKeyId, NanoUsd, OrgScope, OrganizationId, ProjectId, Seq, UnixMicros, Usage,
    UserId,
};
use uuid::Uuid;

use crate::audit::Trail;
use crate::db::commit;
use crate::organization::organization_insert;
use crate::{
    Account, Actor, Author, Bootstrap, CreditsGrant, Db, LeaseGrant, LeaseGranted, NewApiKey, NewManagementKey, OpenOptions,
    OrganizationRow, OrganizationStatus, OutcomeKind, PostBatch, Posted, PostedEvent, ProjectMode, UsedMode,
};

pub const NOW: UnixMicros = UnixMicros(1_760_000_000_000_000);

pub struct World {
    pub db: Db,
    _folder: Option<tempfile::TempDir>,
}

impl World {
    pub async fn close(self) {
        self.db.close().await;
    }
}

pub async fn sqlite() -> World {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("llmg.db").display());
    open(&url, Some(folder)).await
}

pub async fn postgres() -> World {
    open(&testkit::postgres::database().await, None).await
}

async fn open(url: &str, folder: Option<tempfile::TempDir>) -> World {
    let options = OpenOptions { acquire_timeout: std::time::Duration::from_secs(60), ..OpenOptions::default() };
    let db = Db::open(url, options).await.unwrap();
    db.migrate().await.unwrap();
    World { db, _folder: folder }
}

pub fn organization(n: u128) -> OrganizationId {
    OrganizationId::from_uuid(Uuid::from_u128(0x0a00 + n))
}

#[expect(clippy::disallowed_methods, reason = "a test acts for any organization")]
pub fn scope(n: u128) -> OrgScope {
    OrgScope::proven(organization(n))
}

pub fn project(n: u128) -> ProjectId {
    ProjectId::from_uuid(Uuid::from_u128(0x0b00 + n))
}

pub fn key(n: u128) -> ApiKeyId {
    ApiKeyId::from_uuid(Uuid::from_u128(0x0c00 + n))
}

pub fn lease(n: u128) -> LeaseId {
    LeaseId::from_uuid(Uuid::from_u128(0x0d00_0000 + n))
}

pub fn user(n: u128) -> UserId {
    UserId::from_uuid(Uuid::from_u128(0x0e00 + n))
}

pub fn transfer(n: u128) -> TransferId {
    TransferId::from_uuid(Uuid::from_u128(0x0f00 + n))
}

pub const fn gateway(n: u128) -> GatewayId {
    GatewayId(Uuid::from_u128(0x1000 + n))
}

pub const EPOCH: Epoch = Epoch(7);

pub fn new_key(n: u8) -> NewApiKey {
    NewApiKey {
        id: key(n.into()),
        project: project(1),
        sub_account: None,
        acts_for_sub_accounts: false,
        name: format!("key {n}"),
        hash: [n; 32],
        prefix: "llmg_abc".to_owned(),
        last4: "wxyz".to_owned(),
        expires_at: None,
        rpm: None,
        tpm: None,
        concurrency: None,
        allowed_models: None,
        rules: crate::KeyRules::default(),
        created_by: None,
    }
}

pub fn new_management_key(n: u8) -> NewManagementKey {
    NewManagementKey {
        id: ManagementKeyId::from_uuid(Uuid::from_u128(n.into())),
        name: "management".to_owned(),
        hash: [0x80 | n; 32],
        prefix: "llmgm_ab".to_owned(),
        last4: "wxyz".to_owned(),
        scopes: None,
        expires_at: None,
        created_by: user(1),
    }
}

pub fn first_start(starter: NanoUsd) -> Bootstrap {
    Bootstrap {
        user: user(1),
        email: "Ada@Example.com".to_owned(),
        password_hash: "$argon2id$".to_owned(),
        organization: organization(1),
        organization_name: "Acme".to_owned(),
        plan: "self-hosted".to_owned(),
        markup_basis_points: 0,
        project: project(1),
        project_name: "Default".to_owned(),
        mode: ProjectMode::Hybrid,
        cache_enabled: false,
        cache_ttl_seconds: 3_600,
        api_key: new_key(1),
        management_key: new_management_key(1),
        starter_credit: starter,
        starter_transfer: transfer(1),
        now: NOW,
    }
}

/// Organization 1 with that much credit.
pub async fn funded(db: &Db, credit: i64) {
    crate::bootstrap(db, &first_start(NanoUsd(credit))).await.unwrap();
}

/// One more organization, with nothing in it but credit.
pub async fn other_organization(db: &Db, n: u128, credit: i64) {
    let row = OrganizationRow {
        id: organization(n),
        name: format!("Other {n}"),
        plan: "free".to_owned(),
        markup_basis_points: 1_000,
        status: OrganizationStatus::Active,
        created_at: NOW,
    };
    let mut tx = db.begin_write().await.unwrap();
    organization_insert(&mut tx, &row).await.unwrap();
    commit(tx, "test", Trail::Bookkeeping).await.unwrap();
    if credit > 0 {
        crate::credits_grant(db, &scope(n), &grant(0x50 + n, credit), &author(NOW)).await.unwrap();
    }
}

pub fn grant(id: u128, amount: i64) -> CreditsGrant {
    CreditsGrant {
        transfer: transfer(id),
        from: Account::Promo,
        amount: NanoUsd(amount),
        reason: "test".to_owned(),
        author: "test".to_owned(),
        now: NOW,
    }
}

pub fn ask(n: u128, want: i64, least: i64) -> LeaseGrant {
    LeaseGrant { lease: lease(n), gateway: gateway(1), epoch: EPOCH, want: NanoUsd(want), least: NanoUsd(least), now: NOW }
}

pub async fn leased(db: &Db, n: u128, amount: i64) -> LeaseGranted {
    crate::lease_grant(db, &scope(1), &ask(n, amount, amount)).await.unwrap()
}

/// A settled call of organization 1, charged to a lease.
pub fn event(seq: u64, on: Option<u128>, charged: i64) -> PostedEvent {
    PostedEvent {
        gateway: gateway(1),
        epoch: EPOCH,
        lane: Lane::of(organization(1)),
        seq: Seq(seq),
        organization: organization(1),
        project: project(1),
        lease: on.map(lease),
        used_mode: UsedMode::Credits,
        outcome: OutcomeKind::Settled,
        usage: Usage { input: 10, output: 5, ..Usage::default() },
        cost: NanoUsd(charged),
        charged: NanoUsd(charged),
        hold: NanoUsd(charged),
        provider_key: None,
        ended_at: NOW,
        budgets: Vec::new(),
    }
}

/// Ada, at a time.
pub fn author(at: UnixMicros) -> Author {
    Author { actor: Actor::Person(user(1)), address: "192.0.2.1".to_owned(), user_agent: "test".to_owned(), at }
}

pub async fn post(db: &Db, events: &[PostedEvent]) -> Posted {
    crate::post_batch(db, &PostBatch { events, offsets: &[], now: NOW }).await.unwrap()
}

/// Every kept figure is what it should be.
pub async fn proven(db: &Db) {
    let proof = crate::ledger_prove(db).await.unwrap();
    assert!(proof.holds(), "{:#?}", proof.differences);
}

/// Free, leased, spent.
pub async fn balance(db: &Db) -> (i64, i64, i64) {
    let balance = crate::balance(db, &scope(1)).await.unwrap();
    (balance.credits.0, balance.leased.0, balance.spent.0)
}
