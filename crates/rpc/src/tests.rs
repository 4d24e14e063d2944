//! Both ends, over a real socket.

use domain::{ApiKeyId, BudgetId, NanoUsd, OrganizationId, Period, ProjectId, Secret, SubAccountId, UnixMicros};
use service::Shutdown;
use store::{
    BudgetCounts, BudgetRow, BudgetScope, BudgetScopeKind, BudgetStatus, BudgetUnit, CallerRow, CallerSubAccount, Db, Enforcement,
    KeyRules, KeyStatus, Level, LevelRow, Narrowing, OpenOptions, OrganizationStatus, ProjectMode, ProjectStatus, RoutingStrategy,
    StoreError, SubAccountStatus,
};
use uuid::Uuid;

use crate::{Control, Remote, convert, serve};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

struct World {
    address: String,
    stop: Shutdown,
    _folder: tempfile::TempDir,
}

async fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(&format!("sqlite://{}", folder.path().join("t.db").display()), OpenOptions::default()).await.unwrap();
    db.migrate().await.unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let stop = Shutdown::new();
    let stopping = stop.clone();
    stop.spawn(async move { serve(listener, db, &token(TOKEN), None, stopping).await.unwrap() });
    World { address, stop, _folder: folder }
}

fn token(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

fn control(world: &World, text: &str) -> Control {
    Control::Remote(Box::new(Remote::new(&world.address, &token(text), None).unwrap()))
}

fn id(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

/// Every field has a value that is not its default: one that is not carried is missed. A new field does not compile here
/// without a value.
fn caller() -> CallerRow {
    let budget = BudgetRow {
        id: BudgetId::from_uuid(id(8)),
        organization: OrganizationId::from_uuid(id(2)),
        name: "b".into(),
        scope: BudgetScope { kind: BudgetScopeKind::Tag, value: "team".into() },
        unit: BudgetUnit::NanoUsd,
        amount: NanoUsd(7),
        period: Period::Week,
        time_zone: "Europe/Berlin".into(),
        enforcement: Enforcement::Hard,
        counts: BudgetCounts::Charged,
        alerts: vec![50, 80],
        status: BudgetStatus::Active,
        created_at: UnixMicros(9),
        updated_at: UnixMicros(10),
    };
    let rules = KeyRules {
        allowed_ips: vec!["10.0.0.0/8".into()],
        denied_models: vec!["a".into()],
        allowed_providers: vec!["b".into()],
        denied_providers: vec!["c".into()],
        input_price_max_nano_usd_per_million: Some(1),
        output_price_max_nano_usd_per_million: Some(2),
        tags: vec!["d".into()],
        metadata: [("e".to_owned(), "f".to_owned())].into(),
    };
    let narrowing = Narrowing { rpm: Some(6), tpm: Some(7), concurrency: Some(8), allowed_models: Some(vec!["gpt-4o".into()]), rules };
    CallerRow {
        key: ApiKeyId::from_uuid(id(1)),
        organization: OrganizationId::from_uuid(id(2)),
        project: ProjectId::from_uuid(id(3)),
        key_status: KeyStatus::Revoked,
        expires_at: Some(UnixMicros(4)),
        organization_status: OrganizationStatus::Suspended,
        project_status: ProjectStatus::Archived,
        routing: RoutingStrategy::Price,
        mode: ProjectMode::ApiKeys,
        cache_enabled: true,
        cache_ttl_seconds: 5,
        levels: vec![LevelRow { level: Level::Project, id: id(17), narrowing }],
        plan: "pro".into(),
        markup_basis_points: 9,
        sub_account: Some(sub_account()),
        acts_for_sub_accounts: true,
        budgets: vec![budget],
        revision: 11,
    }
}

fn sub_account() -> CallerSubAccount {
    CallerSubAccount {
        id: SubAccountId::from_uuid(id(12)),
        status: SubAccountStatus::Suspended,
        rpm: Some(13),
        tpm: Some(14),
        concurrency: Some(15),
        allowed_models: Some(vec!["m".into()]),
        markup_basis_points: 16,
    }
}

#[test]
fn a_caller_arrives_as_it_left_and_a_rule_that_is_not_known_is_not_passed_over() {
    let spelled = convert::row_spell(&caller()).unwrap();
    assert_eq!(convert::row_read::<CallerRow>(&spelled, "caller").unwrap(), caller());
    let mut later: serde_json::Value = serde_json::from_slice(&spelled).unwrap();
    later["moon_phase"] = "full".into();
    let read = convert::row_read::<CallerRow>(later.to_string().as_bytes(), "caller");
    assert!(matches!(read, Err(StoreError::Corrupt { what: "caller" })), "{read:?}");
}

#[tokio::test]
async fn nobody_is_answered_without_the_token() {
    let world = world().await;
    for wrong in ["0123456789abcdef0123456789abcdeg", "0123456789abcdef0123456789abcdef0", "x"] {
        let error = control(&world, wrong).caller(&[1; 32]).await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable { .. }), "our own fault is no answer about a key: {error:?}");
        assert!(control(&world, wrong).watch(-1).await.is_err());
    }
    assert_eq!(control(&world, TOKEN).caller(&[1; 32]).await.unwrap(), None);
    world.stop.stop();
    world.stop.wait().await;
}

#[tokio::test]
async fn a_feed_begins_anew_when_nothing_is_known_or_too_much_and_ends_with_control() {
    let world = world().await;
    let control = control(&world, TOKEN);
    for (after, reset) in [(-1, true), (1_000_000, true), (0, false)] {
        let mut feed = control.watch(after).await.unwrap();
        let news = feed.next().await.unwrap();
        assert_eq!((news.reset, news.revision, news.changes.len()), (reset, 0, 0), "after {after}");
    }
    let mut feed = control.watch(0).await.unwrap();
    feed.next().await.unwrap();
    world.stop.stop();
    world.stop.wait().await;
    // What was on its way still comes; then the feed says that it is over.
    let ended = tokio::time::timeout(std::time::Duration::from_secs(10), async { while feed.next().await.is_ok() {} }).await;
    ended.unwrap();
    assert!(matches!(control.caller(&[1; 32]).await, Err(StoreError::Unavailable { .. })));
}
