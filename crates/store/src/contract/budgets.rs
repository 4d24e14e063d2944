//! Budgets: their rows, the leases on their windows, and what is posted to them.

use domain::{BudgetId, LeaseId, NanoUsd, Period, UnixMicros, Window};
use uuid::Uuid;

use crate::contract::world::{
    EPOCH, NOW, author, event, funded, gateway, key, lease, organization, other_organization, post, project, proven, scope, user,
};
use crate::ledger::LeaseReturn;
use crate::{
    AuditFilter, BUDGETS_PER_SCOPE_MAX, BudgetAsk, BudgetCounts, BudgetFigures, BudgetFilter, BudgetGranted, BudgetScope, BudgetScopeKind,
    BudgetStatus, BudgetUpdate, BudgetUse, ChangeKind, Db, Enforcement, EpochClose, EpochRecord, LeaseState, NewBudget, PostedEvent,
    StoreError, audit_list, budget_alerts_after, budget_create, budget_delete, budget_ensure, budget_figures, budget_get, budget_lease_ask,
    budget_lease_get, budget_lease_return, budget_leases_recalled, budget_list, budget_update, budgets_of, caller_by_key_hash,
    changes_after, epoch_record, epochs_open, leases_close_epoch, revision_latest,
};

pub fn budget(n: u128) -> BudgetId {
    BudgetId::from_uuid(Uuid::from_u128(0x2000 + n))
}

pub const DAY: Window = Window { start: UnixMicros(NOW.0 - 1_000), end: Some(UnixMicros(NOW.0 + 1_000)) };

pub fn new_budget(n: u128, kind: BudgetScopeKind, value: &str, amount: i64) -> NewBudget {
    NewBudget {
        id: budget(n),
        name: format!("budget {n}"),
        scope: BudgetScope { kind, value: value.to_owned() },
        amount: NanoUsd(amount),
        period: Period::Day,
        time_zone: "Europe/Berlin".to_owned(),
        enforcement: Enforcement::Hard,
        counts: BudgetCounts::Cost,
        alerts: vec![50, 80, 100],
    }
}

/// Budget 1, on the whole organization.
pub async fn with_budget(db: &Db, amount: i64) {
    funded(db, 0).await;
    let new = new_budget(1, BudgetScopeKind::Organization, &organization(1).to_string(), amount);
    budget_create(db, &scope(1), &new, &author(NOW)).await.unwrap();
}

pub fn ask_of(g: u128, n: u128, want: i64, least: i64) -> BudgetAsk {
    BudgetAsk {
        budget: budget(1),
        window: DAY,
        lease: lease(n),
        extension: None,
        gateway: gateway(g),
        epoch: EPOCH,
        want: NanoUsd(want),
        least: NanoUsd(least),
        now: NOW,
    }
}

async fn asked(db: &Db, ask: &BudgetAsk) -> BudgetGranted {
    budget_lease_ask(db, &scope(1), ask).await.unwrap()
}

pub fn used(seq: u64, on: Option<LeaseId>, cost: i64) -> PostedEvent {
    let used = BudgetUse { budget: budget(1), window: DAY, lease: on, amount: NanoUsd(cost) };
    PostedEvent { charged: NanoUsd::ZERO, cost: NanoUsd(cost), budgets: vec![used], ..event(seq, None, 0) }
}

/// Spent, leased, overshoot, calls.
pub async fn figures(db: &Db) -> (i64, i64, i64, u64) {
    let found = budget_figures(db, &scope(1), &[budget(1)], NOW).await.unwrap()[0];
    found.map_or((0, 0, 0, 0), |BudgetFigures { spent, leased, overshoot, calls, .. }| (spent.0, leased.0, overshoot.0, calls))
}

pub const fn back(n: LeaseId, id: u128, amount: i64, last: bool) -> LeaseReturn {
    LeaseReturn { lease: n, id: Uuid::from_u128(id), amount: NanoUsd(amount), last, now: NOW }
}

pub async fn budgets_live_in_their_organization(db: Db) {
    with_budget(&db, 100).await;
    other_organization(&db, 2, 0).await;
    let before = revision_latest(&db).await.unwrap();
    let tag = new_budget(2, BudgetScopeKind::Tag, "eu", 7);
    let made = budget_create(&db, &scope(1), &tag, &author(NOW)).await.unwrap();
    assert_eq!(budget_get(&db, &scope(1), budget(2)).await.unwrap(), made);
    let told = changes_after(&db, before, 10).await.unwrap();
    assert_eq!((told.len(), told[0].kind, &*told[0].subject), (1, ChangeKind::BudgetsChanged, &*budget(2).to_string()));
    let update = BudgetUpdate { amount: Some(NanoUsd(9)), status: Some(BudgetStatus::Disabled), ..BudgetUpdate::default() };
    let changed = budget_update(&db, &scope(1), budget(2), &update, &author(NOW)).await.unwrap();
    assert_eq!((changed.amount, changed.status, &*changed.name), (NanoUsd(9), BudgetStatus::Disabled, "budget 2"));

    let all = BudgetFilter { limit: 10, ..BudgetFilter::default() };
    assert_eq!(budget_list(&db, &scope(1), &all).await.unwrap().len(), 2);
    let behind = BudgetFilter { after: Some(budget(1)), ..all.clone() };
    assert_eq!(budget_list(&db, &scope(1), &behind).await.unwrap(), [changed]);
    let tags = BudgetFilter { kind: Some(BudgetScopeKind::Tag), value: Some("us".to_owned()), ..all.clone() };
    assert!(budget_list(&db, &scope(1), &tags).await.unwrap().is_empty());
    assert!(budget_list(&db, &scope(2), &all).await.unwrap().is_empty());
    for refused in [
        budget_get(&db, &scope(2), budget(1)).await.err(),
        budget_update(&db, &scope(2), budget(1), &update, &author(NOW)).await.err(),
        budget_delete(&db, &scope(2), budget(1), &author(NOW)).await.err(),
    ] {
        assert!(matches!(refused, Some(StoreError::NotFound { .. })));
    }

    budget_delete(&db, &scope(1), budget(2), &author(NOW)).await.unwrap();
    assert!(matches!(budget_delete(&db, &scope(1), budget(2), &author(NOW)).await, Err(StoreError::NotFound { .. })));
    assert_eq!(budget_list(&db, &scope(1), &all).await.unwrap().len(), 1);
    let lines = audit_list(&db, &scope(1), &AuditFilter { subject: Some(budget(2).to_string()), ..AuditFilter::default() }, None, 9).await;
    let actions: Vec<_> = lines.unwrap().iter().map(|line| line.action.as_str()).collect();
    assert_eq!(actions, ["budget.deleted", "budget.changed", "budget.created"]);

    for n in 10..10 + u128::try_from(BUDGETS_PER_SCOPE_MAX).unwrap() {
        budget_create(&db, &scope(1), &new_budget(n, BudgetScopeKind::Model, "m", 1), &author(NOW)).await.unwrap();
    }
    let one_more = new_budget(50, BudgetScopeKind::Model, "m", 1);
    assert!(matches!(budget_create(&db, &scope(1), &one_more, &author(NOW)).await, Err(StoreError::Invalid { .. })));
}

pub async fn a_key_finds_its_budgets(db: Db) {
    funded(&db, 0).await;
    let on = [
        (1, BudgetScopeKind::Organization, organization(1).to_string()),
        (2, BudgetScopeKind::Project, project(1).to_string()),
        (3, BudgetScopeKind::Project, project(2).to_string()),
        (4, BudgetScopeKind::ApiKey, key(1).to_string()),
        (5, BudgetScopeKind::ApiKey, key(2).to_string()),
        (6, BudgetScopeKind::Member, user(1).to_string()),
        (7, BudgetScopeKind::Tag, "eu".to_owned()),
        (8, BudgetScopeKind::Provider, "openai".to_owned()),
        (9, BudgetScopeKind::SubAccount, "sub_1".to_owned()),
    ];
    for (n, kind, value) in on {
        budget_create(&db, &scope(1), &new_budget(n, kind, &value, 1), &author(NOW)).await.unwrap();
    }
    let off = BudgetUpdate { status: Some(BudgetStatus::Disabled), ..BudgetUpdate::default() };
    budget_update(&db, &scope(1), budget(8), &off, &author(NOW)).await.unwrap();
    let caller = caller_by_key_hash(&db, &[1; 32]).await.unwrap().unwrap();
    let found: Vec<_> = caller.budgets.iter().map(|found| found.id).collect();
    assert_eq!(found, [budget(1), budget(2), budget(4), budget(7)], "nobody made the first key");
    let sub = BudgetScope { kind: BudgetScopeKind::SubAccount, value: "sub_1".to_owned() };
    assert_eq!(budgets_of(&db, &scope(1), &sub).await.unwrap()[0].id, budget(9));
    assert!(budgets_of(&db, &scope(2), &sub).await.unwrap().is_empty());
    // What comes with something else is made once, and stays as it is.
    let token = new_budget(10, BudgetScopeKind::Ephemeral, "t", 5);
    let made = budget_ensure(&db, &scope(1), &token, NOW).await.unwrap();
    let again = budget_ensure(&db, &scope(1), &NewBudget { amount: NanoUsd(50), ..token }, NOW).await.unwrap();
    assert_eq!((made.amount, again), (NanoUsd(5), made.clone()));
}

pub async fn two_hundred_asks_at_once_fit_exactly(db: Db) {
    with_budget(&db, 1_000).await;
    let tasks: Vec<_> = (0..200)
        .map(|n| {
            let db = db.clone();
            tokio::spawn(async move { budget_lease_ask(&db, &scope(1), &ask_of(n % 4, n, 10, 10)).await.unwrap().granted.0 })
        })
        .collect();
    let mut granted = 0;
    for task in tasks {
        granted += task.await.unwrap();
    }
    assert_eq!(granted, 1_000);
    assert_eq!(figures(&db).await, (0, 1_000, 0, 0));
    proven(&db).await;
}

pub async fn the_same_ask_is_granted_once(db: Db) {
    with_budget(&db, 1_000).await;
    let first = ask_of(1, 1, 100, 100);
    for _ in 0..2 {
        assert_eq!(asked(&db, &first).await.granted, NanoUsd(100));
    }
    let more = BudgetAsk { extension: Some(Uuid::from_u128(5)), want: NanoUsd(50), least: NanoUsd(50), ..first };
    for _ in 0..2 {
        assert_eq!(asked(&db, &more).await.granted, NanoUsd(50));
    }
    for _ in 0..2 {
        assert_eq!(budget_lease_return(&db, &scope(1), &back(lease(1), 9, 30, false)).await.unwrap(), NanoUsd(30));
    }
    assert_eq!(figures(&db).await, (0, 120, 0, 0));
    let other = BudgetAsk { gateway: gateway(2), ..first };
    assert!(matches!(budget_lease_ask(&db, &scope(1), &other).await, Err(StoreError::Conflict { .. })));
    assert_eq!(budget_lease_return(&db, &scope(1), &back(lease(1), 10, 120, true)).await.unwrap(), NanoUsd(120));
    assert_eq!(budget_lease_get(&db, &scope(1), lease(1)).await.unwrap().state, LeaseState::Closed);
    let late = BudgetAsk { extension: Some(Uuid::from_u128(6)), ..more };
    assert!(matches!(budget_lease_ask(&db, &scope(1), &late).await, Err(StoreError::Conflict { .. })));
    proven(&db).await;
}

pub async fn an_ask_takes_less_the_less_there_is(db: Db) {
    with_budget(&db, 1_000).await;
    assert_eq!(asked(&db, &ask_of(1, 1, 900, 10)).await.granted, NanoUsd(250), "a quarter of what is free");
    assert_eq!(asked(&db, &ask_of(2, 2, 900, 10)).await.granted, NanoUsd(187));
    assert_eq!(asked(&db, &ask_of(1, 3, 900, 500)).await.granted, NanoUsd(500), "what is needed, if it is there");
    assert_eq!(asked(&db, &ask_of(1, 4, 900, 60)).await.granted, NanoUsd(60));
    let none = asked(&db, &ask_of(1, 5, 900, 60)).await;
    assert_eq!((none.granted, none.available, none.elsewhere), (NanoUsd(0), NanoUsd(3), NanoUsd(997)));
    proven(&db).await;
}

pub async fn an_ask_that_gets_nothing_recalls_the_others(db: Db) {
    with_budget(&db, 100).await;
    asked(&db, &ask_of(1, 1, 90, 90)).await;
    assert!(budget_leases_recalled(&db, gateway(1), EPOCH).await.unwrap().is_empty());
    assert_eq!(asked(&db, &ask_of(2, 2, 20, 20)).await.granted, NanoUsd::ZERO);
    assert_eq!(budget_leases_recalled(&db, gateway(1), EPOCH).await.unwrap(), [lease(1)]);
    assert!(budget_leases_recalled(&db, gateway(2), EPOCH).await.unwrap().is_empty());
    budget_lease_return(&db, &scope(1), &back(lease(1), 1, 40, false)).await.unwrap();
    assert!(budget_leases_recalled(&db, gateway(1), EPOCH).await.unwrap().is_empty(), "a return answers the recall");
    assert_eq!(asked(&db, &ask_of(2, 2, 20, 20)).await.granted, NanoUsd(20));
    proven(&db).await;
}

pub async fn a_lowered_or_deleted_budget_grants_nothing_more(db: Db) {
    with_budget(&db, 100).await;
    asked(&db, &ask_of(1, 1, 60, 60)).await;
    let lower = BudgetUpdate { amount: Some(NanoUsd(50)), ..BudgetUpdate::default() };
    budget_update(&db, &scope(1), budget(1), &lower, &author(NOW)).await.unwrap();
    assert_eq!(budget_leases_recalled(&db, gateway(1), EPOCH).await.unwrap(), [lease(1)]);
    let none = asked(&db, &ask_of(2, 2, 1, 1)).await;
    assert_eq!((none.granted, none.available, none.gone), (NanoUsd(0), NanoUsd(-10), false));
    budget_lease_return(&db, &scope(1), &back(lease(1), 1, 30, false)).await.unwrap();
    assert_eq!(asked(&db, &ask_of(2, 2, 5, 5)).await.granted, NanoUsd(5));
    budget_delete(&db, &scope(1), budget(1), &author(NOW)).await.unwrap();
    let none = asked(&db, &ask_of(2, 3, 5, 5)).await;
    assert!(none.gone && none.granted == NanoUsd::ZERO);
    post(&db, &[used(1, Some(lease(1)), 20)]).await;
    assert_eq!(figures(&db).await, (20, 15, 0, 1), "calls in flight settle in it");
    proven(&db).await;
}

pub async fn calls_are_posted_once_and_alert_once(db: Db) {
    with_budget(&db, 100).await;
    asked(&db, &ask_of(1, 1, 100, 100)).await;
    let first = [used(1, Some(lease(1)), 30), used(2, Some(lease(1)), 15)];
    post(&db, &first).await;
    assert!(budget_alerts_after(&db, 0, 9).await.unwrap().is_empty());
    post(&db, &first).await;
    assert_eq!(figures(&db).await, (45, 55, 0, 2), "the same batch again counts nothing");
    post(&db, &[used(3, Some(lease(1)), 5)]).await;
    post(&db, &[used(4, Some(lease(1)), 50)]).await;
    assert_eq!(figures(&db).await, (100, 0, 0, 4));
    let alerts = budget_alerts_after(&db, 0, 9).await.unwrap();
    let said: Vec<_> = alerts.iter().map(|alert| (alert.threshold, alert.spent.0, alert.amount.0, alert.window)).collect();
    assert_eq!(said, [(50, 50, 100, DAY), (80, 100, 100, DAY), (100, 100, 100, DAY)]);
    assert_eq!(budget_alerts_after(&db, alerts[1].position, 9).await.unwrap(), alerts[2..]);
    // A call that nothing was held for counts, too; nothing is covered by a lease then.
    post(&db, &[used(5, None, 7)]).await;
    assert_eq!(figures(&db).await, (107, 0, 0, 5));
    assert_eq!(budget_alerts_after(&db, 0, 9).await.unwrap().len(), 3);
    let next = Window { start: UnixMicros(NOW.0 - 10), end: None };
    let call = used(6, None, 60);
    let later = BudgetUse { window: next, ..call.budgets[0] };
    post(&db, &[PostedEvent { budgets: vec![later, later], ..call }]).await;
    assert_eq!(figures(&db).await, (60, 0, 0, 1), "another window; a budget that is named twice counts once");
    assert_eq!(budget_alerts_after(&db, 0, 9).await.unwrap().len(), 4);
    proven(&db).await;
}

pub async fn a_bill_above_its_hold_is_named(db: Db) {
    with_budget(&db, 100).await;
    asked(&db, &ask_of(1, 1, 40, 40)).await;
    post(&db, &[used(1, Some(lease(1)), 30), used(2, Some(lease(1)), 25), used(3, Some(lease(9)), 4)]).await;
    assert_eq!(figures(&db).await, (59, 0, 19, 3));
    let none = asked(&db, &ask_of(2, 2, 42, 42)).await;
    assert_eq!((none.granted, none.available), (NanoUsd(0), NanoUsd(41)), "what was overshot is not granted again");
    proven(&db).await;
}

pub async fn budget_leases_of_an_epoch_close(db: Db) {
    with_budget(&db, 100).await;
    asked(&db, &ask_of(1, 1, 60, 60)).await;
    post(&db, &[used(1, Some(lease(1)), 10)]).await;
    assert_eq!(epochs_open(&db).await.unwrap(), [(gateway(1), EPOCH)]);
    let mut last_seq = [0; domain::Lane::COUNT];
    last_seq[domain::Lane::of(organization(1)).index()] = 1;
    let record = EpochRecord {
        gateway: gateway(1),
        epoch: EPOCH,
        events: 1,
        input_tokens: 10,
        output_tokens: 5,
        cost: NanoUsd(10),
        charged: NanoUsd::ZERO,
        last_seq,
        recovered: true,
        now: NOW,
    };
    epoch_record(&db, &record).await.unwrap();
    for _ in 0..2 {
        assert!(matches!(leases_close_epoch(&db, gateway(1), EPOCH, NOW).await.unwrap(), EpochClose::Closed { .. }));
    }
    assert_eq!(figures(&db).await, (10, 0, 0, 1));
    assert!(epochs_open(&db).await.unwrap().is_empty());
    let late = budget_lease_ask(&db, &scope(1), &ask_of(1, 2, 1, 1)).await;
    assert!(matches!(late, Err(StoreError::Conflict { .. })), "an ended epoch gets no lease");
    proven(&db).await;
}

pub async fn a_budget_is_not_touched_through_another_scope(db: Db) {
    with_budget(&db, 100).await;
    other_organization(&db, 2, 0).await;
    asked(&db, &ask_of(1, 1, 40, 40)).await;
    let none = budget_lease_ask(&db, &scope(2), &ask_of(1, 2, 10, 10)).await.unwrap();
    assert!(none.gone && none.granted == NanoUsd::ZERO);
    assert!(matches!(budget_lease_return(&db, &scope(2), &back(lease(1), 1, 10, false)).await, Err(StoreError::NotFound { .. })));
    assert!(matches!(budget_lease_get(&db, &scope(2), lease(1)).await, Err(StoreError::NotFound { .. })));
    let thief = PostedEvent { organization: organization(2), lane: domain::Lane::of(organization(2)), ..used(1, Some(lease(1)), 30) };
    post(&db, &[thief]).await;
    assert_eq!(figures(&db).await, (0, 40, 0, 0));
    assert_eq!(budget_figures(&db, &scope(2), &[budget(1)], NOW).await.unwrap(), [None]);
    for (want, least) in [(1, 0), (1, 2), (-1, -1)] {
        let refused = budget_lease_ask(&db, &scope(1), &ask_of(1, 7, want, least)).await;
        assert!(matches!(refused, Err(StoreError::Invalid { .. })));
    }
    proven(&db).await;
}
