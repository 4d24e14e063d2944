use analytics::{CallOutcome, CallRow};
use domain::UnixMicros;
use serde_json::{Value, json};

use crate::tests::world::{DAY, HOUR, World, call, request};

const CALLS: &str = "/api/v1/calls";

fn ids(page: &Value) -> Vec<u64> {
    let number = |call: &Value| {
        let id = call["id"].as_str().unwrap();
        u64::from_str_radix(&id[id.len() - 16..], 16).unwrap()
    };
    page["data"].as_array().unwrap().iter().map(number).collect()
}

#[tokio::test]
async fn calls_come_newest_first_by_page() {
    let world = World::start().await;
    let mut calls: Vec<CallRow> = (1..=7).map(|n| call(&world.first, n)).collect();
    // Two of the same moment must not fall between two pages.
    calls[3].started_at = calls[2].started_at;
    world.take_in(&calls).await;
    let (mut seen, mut path) = (Vec::new(), format!("{CALLS}?limit=3"));
    loop {
        let page = world.get(&path).await.ok(200);
        seen.extend(ids(&page));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("{CALLS}?limit=3&cursor={cursor}");
    }
    assert_eq!(seen, [7, 6, 5, 4, 3, 2, 1]);
    let exact = world.get(&format!("{CALLS}?limit=7")).await.ok(200);
    assert_eq!((ids(&exact).len(), &exact["next_cursor"]), (7, &json!(null)));
}

#[tokio::test]
async fn filters_choose() {
    let world = World::start().await;
    let plain = call(&world.first, 1);
    let other = CallRow {
        model: "claude-opus-4-5".to_owned(),
        provider: "anthropic".to_owned(),
        used_mode: "api-keys".to_owned(),
        outcome: CallOutcome::Voided,
        http_status: 429,
        error_code: "upstream_rate_limited".to_owned(),
        cache: "hit".to_owned(),
        tags: vec!["eu west".to_owned()],
        user: "bob".to_owned(),
        session: "s/1".to_owned(),
        started_at: UnixMicros(DAY + 2 * HOUR),
        ..call(&world.first, 2)
    };
    world.take_in(&[plain, other]).await;
    for (query, wanted) in [
        (String::new(), &[2, 1][..]),
        ("model=gpt-4o".to_owned(), &[1]),
        ("provider=anthropic".to_owned(), &[2]),
        ("used_mode=api-keys".to_owned(), &[2]),
        ("outcome=voided".to_owned(), &[2]),
        ("failed=true".to_owned(), &[2]),
        ("failed=false".to_owned(), &[1]),
        ("http_status=429".to_owned(), &[2]),
        ("error_code=upstream_rate_limited".to_owned(), &[2]),
        ("error_code=upstream_rate_limited&failed=false".to_owned(), &[]),
        ("cache=hit".to_owned(), &[2]),
        ("cache=miss".to_owned(), &[]),
        ("tag=eu%20west".to_owned(), &[2]),
        ("tag=production".to_owned(), &[1]),
        ("user=bob".to_owned(), &[2]),
        ("session=s%2F1".to_owned(), &[2]),
        ("from=2025-10-09T01:00:00Z".to_owned(), &[2]),
        ("to=2025-10-09T01:00:00Z".to_owned(), &[1]),
        (format!("project_id={}", world.first.project), &[2, 1]),
        (format!("api_key_id=key_{:032x}", 99), &[]),
        ("provider=anthropic&failed=false".to_owned(), &[]),
    ] {
        assert_eq!(ids(&world.get(&format!("{CALLS}?{query}")).await.ok(200)), wanted, "{query}");
    }
}

#[tokio::test]
async fn one_call_has_everything() {
    let world = World::start().await;
    world.take_in(&[call(&world.first, 1)]).await;
    let shown = world.get(&format!("{CALLS}/{}", request(1))).await.ok(200);
    for (field, value) in [
        ("requested_model", json!("openai/gpt-4o")),
        ("outcome", json!("settled")),
        ("error_code", json!(null)),
        ("cost_nano_usd", json!(1_000)),
        ("cost_usd", json!("0.000001000")),
        ("charged_usd", json!("0.000001100")),
        ("hold_usd", json!("0.000005000")),
        ("provider_cost_usd", json!(null)),
        ("tokens_source", json!("provider")),
        ("started_at", json!("2025-10-09T00:00:01Z")),
        ("ended_at", json!("2025-10-09T00:00:01.9Z")),
        ("metadata", json!({"team": "search"})),
        ("session", json!(null)),
        ("seq", json!(1)),
    ] {
        assert_eq!(shown[field], value, "{field}");
    }
    assert_eq!(shown["attempts"].as_array().unwrap().len(), 2);
    assert_eq!((&shown["attempts"][0]["error_code"], &shown["attempts"][1]["credential"]), (&json!("upstream_overloaded"), &json!("own")));
    let listed = world.get(CALLS).await.ok(200);
    for (field, value) in listed["data"][0].as_object().unwrap() {
        assert_eq!(shown[field], *value, "{field} differs between the list and the call");
    }
}

#[tokio::test]
async fn unknown_calls_and_senseless_questions_are_refused() {
    let world = World::start().await;
    for id in [request(9).to_string(), "req_1".to_owned(), world.first.project.to_string(), "..%2f".to_owned()] {
        world.get(&format!("{CALLS}/{id}")).await.refused(404, "not_found");
    }
    for (query, param) in [
        ("limit=201", "limit"),
        ("limit=-1", "limit"),
        ("cursor=abc", "cursor"),
        ("outcome=done", "outcome"),
        ("failed=yes", "failed"),
        ("used_mode=hybrid", "used_mode"),
        ("cache=warm", "cache"),
        ("api_key_id=llmg_x", "api_key_id"),
        ("from=1", "from"),
        ("organization_id=org_1", "organization_id"),
    ] {
        let reply = world.get(&format!("{CALLS}?{query}")).await;
        assert_eq!(reply.refused(400, "invalid_request"), Some(param), "{query}: {}", reply.text);
    }
}
