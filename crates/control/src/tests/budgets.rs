use axum::http::Method;
use domain::{BudgetId, Epoch, GatewayId, Lane, NanoUsd, OrgScope, Period, Seq, Usage};
use serde_json::{Value, json};
use store::{
    BudgetCounts, BudgetScope, BudgetScopeKind, BudgetUse, ChangeKind, Enforcement, NewBudget, OutcomeKind, PostBatch, PostedEvent, Role,
    UsedMode, changes_after, revision_latest,
};
use uuid::Uuid;

use crate::tests::world::{Tenant, World};

const BUDGETS: &str = "/api/v1/budgets";

fn new(scope: &str, value: Option<&str>) -> Value {
    json!({"name": " Team ", "scope": scope, "scope_value": value, "window": "month", "amount_usd": "100"})
}

/// One posted call that counts in a budget's window of now.
pub async fn spend(world: &World, tenant: &Tenant, budget: BudgetId, seq: u64, amount: i64) {
    let now = service::clock::now();
    let clock = policy::budget::Clock::named("UTC").unwrap();
    let window = clock.window(Period::Month, now).unwrap();
    let event = PostedEvent {
        gateway: GatewayId(Uuid::from_u128(8)),
        epoch: Epoch(1),
        lane: Lane::of(tenant.organization),
        seq: Seq(seq),
        organization: tenant.organization,
        project: tenant.project,
        lease: None,
        used_mode: UsedMode::ApiKeys,
        outcome: OutcomeKind::Settled,
        usage: Usage { input: 10, output: 5, ..Usage::default() },
        cost: NanoUsd(amount),
        charged: NanoUsd::ZERO,
        hold: NanoUsd(amount),
        provider_key: None,
        ended_at: now,
        budgets: vec![BudgetUse { budget, window, lease: None, amount: NanoUsd(amount) }],
    };
    store::post_batch(&world.db, &PostBatch { events: &[event], offsets: &[], now }).await.unwrap();
}

#[tokio::test]
async fn a_budget_is_made_shown_changed_and_deleted() {
    let world = World::start().await;
    let before = revision_latest(&world.db).await.unwrap();
    let made = world.post(BUDGETS, new("project", Some(&world.first.project.to_string()))).await.ok(201);
    assert_eq!((&made["name"], &made["scope"], &made["status"]), (&json!("Team"), &json!("project"), &json!("active")));
    assert_eq!((&made["amount_nano_usd"], &made["amount_usd"]), (&json!(100_000_000_000_i64), &json!("100.000000000")));
    assert_eq!((&made["enforcement"], &made["counts"], &made["alerts"]), (&json!("hard"), &json!("cost"), &json!([50, 80, 100])));
    assert_eq!((&made["spent_nano_usd"], &made["remaining_usd"], &made["calls"]), (&json!(0), &json!("100.000000000"), &json!(0)));
    let (began, resets) = (made["window_started_at"].as_str().unwrap(), made["resets_at"].as_str().unwrap());
    assert!(began.ends_with("-01T00:00:00Z") && resets.ends_with("-01T00:00:00Z") && began < resets, "{began} {resets}");

    let path = format!("{BUDGETS}/{}", made["id"].as_str().unwrap());
    assert_eq!(world.get(&path).await.ok(200), made);
    assert_eq!(world.get(BUDGETS).await.ok(200)["data"], json!([made]));
    let change = json!({"name": "All", "amount_nano_usd": 0, "enforcement": "soft", "alerts": [100, 1, 100], "status": "disabled"});
    let changed = world.patch(&path, change).await.ok(200);
    assert_eq!((&changed["name"], &changed["amount_nano_usd"], &changed["enforcement"]), (&json!("All"), &json!(0), &json!("soft")));
    assert_eq!((&changed["alerts"], &changed["status"], &changed["window"]), (&json!([1, 100]), &json!("disabled"), &json!("month")));
    assert_eq!(world.delete(&path).await.status, 204);
    world.get(&path).await.refused(404, "not_found");
    world.delete(&path).await.refused(404, "not_found");
    let told = changes_after(&world.db, before, 10).await.unwrap();
    assert!(told.len() == 3 && told.iter().all(|change| change.kind == ChangeKind::BudgetsChanged), "gateways hear of each");
}

#[tokio::test]
async fn what_is_spent_held_and_left_is_of_this_window() {
    let world = World::start().await;
    let made = world.post(BUDGETS, new("organization", None)).await.ok(201);
    assert_eq!(made["scope_value"], world.first.organization.to_string());
    let id: BudgetId = made["id"].as_str().unwrap().parse().unwrap();
    spend(&world, &world.first, id, 1, 60_000_000_000).await;
    let path = format!("{BUDGETS}/{id}");
    let shown = world.get(&path).await.ok(200);
    assert_eq!(
        (&shown["spent_usd"], &shown["remaining_usd"], &shown["calls"]),
        (&json!("60.000000000"), &json!("40.000000000"), &json!(1))
    );
    spend(&world, &world.first, id, 2, 60_000_000_000).await;
    let over = world.get(&path).await.ok(200);
    assert_eq!((&over["spent_usd"], &over["remaining_nano_usd"]), (&json!("120.000000000"), &json!(0)));
    // A window of long ago says nothing of now.
    world.sql(&format!("UPDATE budget SET period = 'day' WHERE id = '{id}'")).await;
    let daily = world.get(&path).await.ok(200);
    let is_first = daily["window_started_at"] == shown["window_started_at"];
    assert_eq!(daily["spent_nano_usd"] == 0, !is_first, "the month's figures are not the day's: {daily}");
}

#[tokio::test]
async fn budgets_are_about_what_is_there() {
    let world = World::start().await;
    let other = world.tenant(2, Role::Owner).await;
    for (scope, value) in [
        ("api_key", world.first.api_key_id.to_string()),
        ("member", world.first.user.to_string()),
        ("tag", "search".to_owned()),
        ("provider", "openai".to_owned()),
        ("model", "gpt-4o".to_owned()),
    ] {
        assert_eq!(world.post(BUDGETS, new(scope, Some(&value))).await.ok(201)["scope_value"], value);
    }
    assert_eq!(world.post(BUDGETS, new("provider", Some("gemini"))).await.ok(201)["scope_value"], "google-ai-studio");
    for (scope, theirs) in [
        ("project", other.project.to_string()),
        ("api_key", other.api_key_id.to_string()),
        ("member", other.user.to_string()),
        ("member", "x".to_owned()),
    ] {
        let reply = world.post(BUDGETS, new(scope, Some(&theirs))).await;
        assert_eq!(reply.refused(404, "not_found"), Some("scope_value"), "{scope} {theirs}");
    }
    let of_tag = world.get(&format!("{BUDGETS}?scope=tag&scope_value=search")).await.ok(200);
    assert_eq!(of_tag["data"].as_array().unwrap().len(), 1);
    let of_others = world.send(Method::GET, BUDGETS, Some(&other.management_key), None).await.ok(200);
    assert_eq!(of_others["data"], json!([]));
}

#[tokio::test]
async fn senseless_budgets_are_refused_by_field() {
    let world = World::start().await;
    let with = |field: &str, value: Value| {
        let mut body = new("organization", None);
        body[field] = value;
        body
    };
    for (body, param) in [
        (json!({}), "name"),
        (with("name", json!(" ")), "name"),
        (with("scope", json!("team")), "scope"),
        (with("scope", json!("sub_account")), "scope_value"),
        (with("scope_value", json!("x")), "scope_value"),
        (with("scope", json!("tag")), "scope_value"),
        (new("tag", Some("a,b")), "scope_value"),
        (new("tag", Some(" a")), "scope_value"),
        (new("model", Some("nobody/nothing")), "scope_value"),
        (new("provider", Some("nobody")), "scope_value"),
        (new("ephemeral", Some("x")), "scope"),
        (with("window", json!("year")), "window"),
        (with("time_zone", json!("Mars/Olympus")), "time_zone"),
        (with("amount_nano_usd", json!(1)), "amount_usd"),
        (with("amount_usd", json!("-1")), "amount_nano_usd"),
        (with("amount_usd", json!("1.0000000001")), "amount_usd"),
        (with("amount_usd", json!("1000000001")), "amount_nano_usd"),
        (with("amount_usd", Value::Null), "amount_nano_usd"),
        (with("alerts", json!([0])), "alerts"),
        (with("alerts", json!([1001])), "alerts"),
        (with("alerts", json!([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])), "alerts"),
        (with("enforcement", json!("strict")), "enforcement"),
        (with("id", json!("bud_1")), "id"),
    ] {
        let reply = world.post(BUDGETS, body.clone()).await;
        assert_eq!(reply.refused(400, "invalid_request"), Some(param), "{body}");
    }
    let id = world.post(BUDGETS, new("organization", None)).await.ok(201)["id"].as_str().unwrap().to_owned();
    for (body, param) in
        [(json!({}), None), (json!({"window": "day"}), Some("window")), (json!({"amount_nano_usd": -1}), Some("amount_nano_usd"))]
    {
        let reply = world.patch(&format!("{BUDGETS}/{id}"), body.clone()).await;
        assert_eq!(reply.refused(400, "invalid_request"), param, "{body}");
    }
    for query in ["scope=x", "scope_value=x", "scope=", "limit=0"] {
        world.get(&format!("{BUDGETS}?{query}")).await.refused(400, "invalid_request");
    }
    for _ in 1..10 {
        world.post(BUDGETS, new("organization", None)).await.ok(201);
    }
    world.post(BUDGETS, new("organization", None)).await.refused(400, "invalid_request");
}

#[tokio::test]
async fn budgets_of_short_lived_tokens_are_listed_when_asked_for() {
    let world = World::start().await;
    let new = NewBudget {
        id: BudgetId::from_uuid(Uuid::from_u128(77)),
        name: "token".to_owned(),
        scope: BudgetScope { kind: BudgetScopeKind::Ephemeral, value: "t1".to_owned() },
        amount: NanoUsd(5),
        period: Period::Total,
        time_zone: "UTC".to_owned(),
        enforcement: Enforcement::Hard,
        counts: BudgetCounts::Cost,
        alerts: Vec::new(),
    };
    let scope: OrgScope = world.first.scope();
    store::budget_ensure(&world.db, &scope, &new, service::clock::now()).await.unwrap();
    assert_eq!(world.get(BUDGETS).await.ok(200)["data"], json!([]));
    let asked = world.get(&format!("{BUDGETS}?scope=ephemeral")).await.ok(200);
    assert_eq!((&asked["data"][0]["resets_at"], &asked["data"][0]["window_started_at"]), (&Value::Null, &Value::Null));
}
