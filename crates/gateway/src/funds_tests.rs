//! Holds against a real ledger.

use domain::ids::TransferId;
use domain::{ApiKeyId, ManagementKeyId, ProjectId, UnixMicros, UserId};
use store::{Account as LedgerAccount, Bootstrap, Bootstrapped, CreditsGrant, NewApiKey, NewManagementKey, OpenOptions, ProjectMode};

use super::*;

struct World {
    db: Db,
    scope: OrgScope,
    funds: Arc<Funds>,
    _folder: tempfile::TempDir,
}

const NOW: UnixMicros = UnixMicros(1_760_000_000_000_000);

fn id(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

#[expect(clippy::disallowed_methods, reason = "the test made the organization")]
async fn world(credits: NanoUsd) -> World {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(&format!("sqlite://{}", folder.path().join("t.db").display()), OpenOptions::default()).await.unwrap();
    db.migrate().await.unwrap();
    let api_key = NewApiKey {
        id: ApiKeyId::from_uuid(id(1)),
        project: ProjectId::from_uuid(id(2)),
        sub_account: None,
        acts_for_sub_accounts: false,
        name: "t".into(),
        hash: [1; 32],
        prefix: "llmg_0000".into(),
        last4: "0000".into(),
        expires_at: None,
        rpm: None,
        tpm: None,
        concurrency: None,
        allowed_models: None,
        rules: store::KeyRules::default(),
        created_by: None,
    };
    let management_key = NewManagementKey {
        id: ManagementKeyId::from_uuid(id(3)),
        name: "t".into(),
        hash: [2; 32],
        prefix: "llmgm_000".into(),
        last4: "0000".into(),
        scopes: None,
        expires_at: None,
        created_by: UserId::from_uuid(id(4)),
    };
    let new = Bootstrap {
        user: UserId::from_uuid(id(4)),
        email: "t@example.com".into(),
        password_hash: "x".into(),
        organization: OrganizationId::from_uuid(id(5)),
        organization_name: "t".into(),
        plan: "t".into(),
        markup_basis_points: 0,
        project: ProjectId::from_uuid(id(2)),
        project_name: "t".into(),
        mode: ProjectMode::Credits,
        cache_enabled: false,
        cache_ttl_seconds: 60,
        api_key,
        management_key,
        starter_credit: credits,
        starter_transfer: TransferId::from_uuid(id(6)),
        now: NOW,
    };
    let made = store::bootstrap(&db, &new).await.unwrap();
    assert!(matches!(made, Bootstrapped::Created(_)));
    let funds = Arc::new(Funds::new(db.clone(), GatewayId(id(7)), Epoch(1)));
    World { db, scope: OrgScope::proven(OrganizationId::from_uuid(id(5))), funds, _folder: folder }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_at_once_take_exactly_what_a_hundred_calls_cost() {
    let one = NanoUsd(1_234_567);
    let world = world(NanoUsd(one.0 * 100)).await;
    let tasks: Vec<_> = (0..1_000)
        .map(|_| {
            let (funds, scope) = (Arc::clone(&world.funds), world.scope);
            tokio::spawn(async move { funds.hold(scope, one, one).await.map(|hold| hold.settle(one)).map_err(|fault| fault.code()) })
        })
        .collect();
    let mut held = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(()) => held += 1,
            Err(code) => assert!(matches!(code, Code::InsufficientCredits | Code::InFlightBudgetExhausted), "{code}"),
        }
    }
    assert_eq!(held, 100);
    assert_eq!(world.funds.open_holds(), (0, NanoUsd::ZERO));
    let balance = store::balance(&world.db, &world.scope).await.unwrap();
    assert_eq!((balance.credits, balance.leased), (NanoUsd::ZERO, NanoUsd(one.0 * 100)), "all of it is leased, none of it twice");
}

#[tokio::test]
async fn what_is_held_is_refused_for_a_while_and_what_is_spent_for_good() {
    let world = world(NanoUsd(100)).await;
    let first = world.funds.hold(world.scope, NanoUsd(80), NanoUsd(80)).await.unwrap();
    let code = |result: Result<Hold, Fault>| result.map(|_| ()).unwrap_err().code();
    assert_eq!(code(world.funds.hold(world.scope, NanoUsd(30), NanoUsd(30)).await), Code::InFlightBudgetExhausted);
    assert_eq!(code(world.funds.hold(world.scope, NanoUsd(101), NanoUsd(101)).await), Code::InsufficientCredits, "it never fits");
    first.settle(NanoUsd(80));
    assert_eq!(code(world.funds.hold(world.scope, NanoUsd(30), NanoUsd(30)).await), Code::InsufficientCredits);
    assert!(world.funds.hold(world.scope, NanoUsd(20), NanoUsd(20)).await.is_ok(), "exactly the rest fits");
}

#[tokio::test]
async fn a_call_that_may_cost_less_takes_what_there_is() {
    let world = world(NanoUsd(100)).await;
    let hold = world.funds.hold(world.scope, NanoUsd(500), NanoUsd(10)).await.unwrap();
    assert_eq!(hold.amount(), NanoUsd(100));
    drop(hold);
    assert_eq!(world.funds.open_holds(), (0, NanoUsd::ZERO), "a dropped hold frees all of it");
}

#[tokio::test]
async fn new_credit_is_found_without_a_restart() {
    let world = world(NanoUsd(10)).await;
    assert!(world.funds.hold(world.scope, NanoUsd(50), NanoUsd(50)).await.is_err());
    let grant = CreditsGrant {
        transfer: TransferId::from_uuid(id(9)),
        from: LedgerAccount::Promo,
        amount: NanoUsd(40),
        reason: "test".into(),
        author: "test".into(),
        now: NOW,
    };
    let actor = store::Actor::Operator(domain::UserId::from_uuid(uuid::Uuid::from_u128(1)));
    let author = store::Author { actor, address: String::new(), user_agent: String::new(), at: grant.now };
    store::credits_grant(&world.db, &world.scope, &grant, &author).await.unwrap();
    assert!(world.funds.hold(world.scope, NanoUsd(50), NanoUsd(50)).await.is_ok());
}

#[tokio::test]
async fn credit_that_an_earlier_life_holds_is_our_fault_and_no_402() {
    let world = world(NanoUsd(100)).await;
    world.funds.hold(world.scope, NanoUsd(100), NanoUsd(100)).await.unwrap();
    let next_life = Funds::new(world.db.clone(), GatewayId(id(7)), Epoch(2));
    let fault = next_life.hold(world.scope, NanoUsd(50), NanoUsd(50)).await.map(|_| ()).unwrap_err();
    assert_eq!(fault.code(), Code::CreditsUnavailable);
}
