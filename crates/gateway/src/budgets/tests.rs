//! Room against a real store: two gateways, one budget.

use domain::ids::TransferId;
use domain::{ApiKeyId, Code, LeaseId, ManagementKeyId, OrganizationId, Period, ProjectId, UserId, Window};
use proptest::prelude::*;
use store::{
    Actor, Author, Bootstrap, BudgetRow, BudgetScope, BudgetScopeKind, BudgetUpdate, BudgetUse as Posted, Db, Enforcement, NewApiKey,
    NewBudget, NewManagementKey, OpenOptions, OutcomeKind, PostBatch, PostedEvent, ProjectMode, UsedMode,
};
use uuid::Uuid;

use super::*;

const NOW: UnixMicros = UnixMicros(1_760_000_000_000_000);

struct World {
    db: Db,
    scope: OrgScope,
    _folder: tempfile::TempDir,
}

fn id(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

fn author() -> Author {
    Author { actor: Actor::Operator(UserId::from_uuid(id(4))), address: String::new(), user_agent: String::new(), at: NOW }
}

#[expect(clippy::disallowed_methods, reason = "the test made the organization")]
async fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(&format!("sqlite://{}", folder.path().join("t.db").display()), OpenOptions::default()).await.unwrap();
    db.migrate().await.unwrap();
    let (prefix, last4, name) = ("llmg_0000".to_owned(), "0000".to_owned(), "t".to_owned());
    let api_key = NewApiKey {
        id: ApiKeyId::from_uuid(id(1)),
        project: ProjectId::from_uuid(id(2)),
        sub_account: None,
        acts_for_sub_accounts: false,
        name: name.clone(),
        hash: [1; 32],
        prefix: prefix.clone(),
        last4: last4.clone(),
        expires_at: None,
        rpm: None,
        tpm: None,
        concurrency: None,
        allowed_models: None,
        rules: store::KeyRules::default(),
        created_by: None,
    };
    let (key, user) = (ManagementKeyId::from_uuid(id(3)), UserId::from_uuid(id(4)));
    let management_key =
        NewManagementKey { id: key, name: name.clone(), hash: [2; 32], prefix, last4, scopes: None, expires_at: None, created_by: user };
    let new = Bootstrap {
        user,
        email: "t@example.com".into(),
        password_hash: "x".into(),
        organization: OrganizationId::from_uuid(id(5)),
        organization_name: name.clone(),
        plan: name.clone(),
        markup_basis_points: 0,
        project: ProjectId::from_uuid(id(2)),
        project_name: name,
        mode: ProjectMode::Credits,
        cache_enabled: false,
        cache_ttl_seconds: 60,
        api_key,
        management_key,
        starter_credit: NanoUsd::ZERO,
        starter_transfer: TransferId::from_uuid(id(6)),
        now: NOW,
    };
    store::bootstrap(&db, &new).await.unwrap();
    World { db, scope: OrgScope::proven(OrganizationId::from_uuid(id(5))), _folder: folder }
}

impl World {
    async fn budget(&self, amount: i64, period: Period) -> Arc<KeyBudget> {
        let new = NewBudget {
            id: BudgetId::from_uuid(service::random::uuid()),
            name: "b".into(),
            scope: BudgetScope { kind: BudgetScopeKind::Organization, value: self.scope.organization().to_string() },
            amount: NanoUsd(amount),
            period,
            time_zone: "UTC".into(),
            enforcement: Enforcement::Hard,
            counts: BudgetCounts::Cost,
            alerts: Vec::new(),
        };
        let row = store::budget_create(&self.db, &self.scope, &new, &author()).await.unwrap();
        Arc::new(KeyBudget::new(row).unwrap())
    }

    fn gateway(&self, n: u128) -> Arc<Budgets> {
        Arc::new(Budgets::new(rpc::Control::Local(self.db.clone()), GatewayId(id(n)), Epoch(1)))
    }

    async fn take(&self, gateway: &Budgets, budget: &Arc<KeyBudget>, full: i64, least: i64) -> Result<RoomHold, Fault> {
        gateway.take(self.scope, budget, (NanoUsd(full), NanoUsd(least)), NOW).await
    }

    /// Posts a call as metering does.
    async fn post(&self, seq: u64, budget: &KeyBudget, lease: LeaseId, amount: i64) {
        let event = PostedEvent {
            gateway: GatewayId(id(70)),
            epoch: Epoch(1),
            lane: domain::Lane::of(self.scope.organization()),
            seq: domain::Seq(seq),
            organization: self.scope.organization(),
            project: ProjectId::from_uuid(id(2)),
            lease: None,
            used_mode: UsedMode::ApiKeys,
            outcome: OutcomeKind::Settled,
            usage: domain::Usage::default(),
            cost: NanoUsd(amount),
            charged: NanoUsd::ZERO,
            hold: NanoUsd::ZERO,
            provider_key: None,
            ended_at: NOW,
            budgets: vec![Posted { budget: budget.row.id, window: Window::ENDLESS, lease: Some(lease), amount: NanoUsd(amount) }],
        };
        let batch = PostBatch { events: &[event], offsets: &[], now: NOW };
        store::post_batch(&self.db, &batch).await.unwrap();
    }
}

fn code(result: Result<RoomHold, Fault>) -> Code {
    result.map(|_| ()).unwrap_err().code()
}

/// Two gateways, many calls of these sizes at once: (what each holds at most, what it costs).
async fn rush(amount: i64, calls: &[(i64, i64)]) -> i64 {
    let world = world().await;
    let budget = world.budget(amount, Period::Total).await;
    let gateways = [world.gateway(70), world.gateway(71)];
    let tasks: Vec<_> = calls
        .iter()
        .enumerate()
        .map(|(n, &(full, cost))| {
            let (gateway, budget, scope) = (Arc::clone(&gateways[n % 2]), Arc::clone(&budget), world.scope);
            tokio::spawn(async move {
                match gateway.take(scope, &budget, (NanoUsd(full), NanoUsd(full)), NOW).await {
                    Ok(hold) => {
                        tokio::task::yield_now().await;
                        hold.settle(NanoUsd(cost));
                        cost
                    }
                    Err(fault) => {
                        assert!(matches!(fault.code(), Code::BudgetExceeded | Code::InFlightBudgetExhausted), "{}", fault.chain());
                        0
                    }
                }
            })
        })
        .collect();
    let mut settled = 0;
    for task in tasks {
        settled += task.await.unwrap();
    }
    let figures = store::budget_figures(&world.db, &world.scope, &[budget.row.id], NOW).await.unwrap();
    assert!(figures[0].is_none_or(|figures| figures.leased.0 <= amount), "leases exceed the budget: {figures:?}");
    settled
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_at_once_on_two_gateways_never_overshoot() {
    let settled = rush(100_000, &[(1_000, 1_000); 400]).await;
    assert!(settled <= 100_000 && settled > 0, "{settled}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn random_sizes_never_overshoot(amount in 1_i64..200_000, sizes in proptest::collection::vec((1_i64..20_000, 0_i64..100), 1..60)) {
        let calls: Vec<(i64, i64)> = sizes.iter().map(|&(full, percent)| (full, full * percent / 100)).collect();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let settled = runtime.block_on(rush(amount, &calls));
        prop_assert!(settled <= amount, "{settled} of {amount}");
    }
}

#[tokio::test]
async fn held_is_refused_for_a_while_and_spent_until_the_window_ends() {
    let world = world().await;
    let (budget, gateway) = (world.budget(100, Period::Day).await, world.gateway(70));
    let first = world.take(&gateway, &budget, 80, 80).await.unwrap();
    assert_eq!(code(world.take(&gateway, &budget, 30, 30).await), Code::InFlightBudgetExhausted);
    assert_eq!(code(world.take(&gateway, &budget, 101, 101).await), Code::BudgetExceeded, "it never fits");
    first.settle(NanoUsd(80));
    let spent = world.take(&gateway, &budget, 30, 30).await.map(|_| ()).unwrap_err();
    assert_eq!(spent.code(), Code::BudgetExceeded);
    assert!(spent.say().contains("2025-10-10T00:00:00") && spent.say().contains("on the organization"), "{}", spent.say());
    let rest = world.take(&gateway, &budget, 30, 5).await.unwrap();
    assert_eq!(rest.amount(), NanoUsd(20), "a call that may cost less takes what there is");
    drop(rest);
    // The next day is another window.
    let tomorrow = NOW.plus_seconds(86_400);
    let anew = gateway.take(world.scope, &budget, (NanoUsd(100), NanoUsd(100)), tomorrow).await.unwrap();
    assert_eq!(anew.amount(), NanoUsd(100));
    gateway.sweep(tomorrow).await.unwrap();
    assert_eq!(gateway.rooms.read().len(), 1, "the day that is over went back");
    let old = store::budget_figures(&world.db, &world.scope, &[budget.row.id], NOW).await.unwrap()[0].unwrap();
    assert_eq!(old.leased, NanoUsd(80), "what was spent stays leased until it is posted");
}

#[tokio::test]
async fn the_last_unit_can_be_spent_from_either_gateway() {
    let world = world().await;
    let budget = world.budget(1_000, Period::Total).await;
    let (one, two) = (world.gateway(70), world.gateway(71));
    let first = world.take(&one, &budget, 100, 100).await.unwrap();
    let lease = first.lease.unwrap();
    first.settle(NanoUsd(100));
    world.post(1, &budget, lease, 100).await;
    // What the first one leased beyond its call is in the way of the second until it is recalled.
    let (taken, ()) = tokio::join!(world.take(&two, &budget, 900, 900), async {
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            one.answer_recalls().await.unwrap();
        }
    });
    taken.unwrap().settle(NanoUsd(900));
    let full = world.take(&one, &budget, 1, 1).await.map(|_| ()).unwrap_err();
    assert_eq!(full.code(), Code::InFlightBudgetExhausted, "it is not posted yet, so it may come back: {}", full.say());
}

#[tokio::test]
async fn a_budget_that_is_gone_or_smaller_is_one_within_moments() {
    let world = world().await;
    let (budget, gateway) = (world.budget(1_000, Period::Total).await, world.gateway(70));
    drop(world.take(&gateway, &budget, 10, 10).await.unwrap());
    let update = BudgetUpdate { amount: Some(NanoUsd(5)), ..BudgetUpdate::default() };
    let row: BudgetRow = store::budget_update(&world.db, &world.scope, budget.row.id, &update, &author()).await.unwrap();
    gateway.answer_recalls().await.unwrap();
    let lower = Arc::new(KeyBudget::new(row).unwrap());
    assert_eq!(code(world.take(&gateway, &lower, 10, 10).await), Code::BudgetExceeded);
    store::budget_delete(&world.db, &world.scope, budget.row.id, &author()).await.unwrap();
    gateway.rooms.write().clear();
    let mut hold = world.take(&gateway, &lower, 10, 10).await.unwrap();
    assert!(hold.lease.is_none() && hold.extend_now(NanoUsd(1_000_000)));
}
