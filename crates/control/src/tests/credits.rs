use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::{Value, json};
use store::Role;

use crate::tests::world::{Reply, World};

const CREDITS: &str = "/api/v1/credits";
const GRANTS: &str = "/api/v1/credits/grants";

async fn grant(world: &World, idempotency_key: &str, body: &Value) -> Reply {
    let request = Request::post(GRANTS)
        .header("authorization", format!("bearer {}", world.first.management_key))
        .header("content-type", "application/json; charset=utf-8")
        .header("idempotency-key", idempotency_key)
        .body(Body::from(body.to_string()))
        .unwrap();
    world.raw(request).await
}

#[tokio::test]
async fn the_balance_is_in_nano_usd_and_in_usd() {
    let world = World::start().await;
    let balance = world.get(CREDITS).await.ok(200);
    assert_eq!(
        balance,
        json!({"credits_nano_usd": 5_000_000_000_i64, "credits_usd": "5.000000000", "leased_nano_usd": 0, "leased_usd": "0.000000000",
            "spent_nano_usd": 0, "spent_usd": "0.000000000"})
    );
}

#[tokio::test]
async fn a_grant_with_a_key_is_made_once() {
    let world = World::start().await;
    let body = json!({"amount_usd": "2.50", "reason": "pilot"});
    let first = grant(&world, "a", &body).await.ok(201);
    assert_eq!(
        (&first["created"], &first["amount_nano_usd"], &first["amount_usd"]),
        (&json!(true), &json!(2_500_000_000_i64), &json!("2.500000000"))
    );
    let again = grant(&world, "a", &body).await.ok(200);
    assert_eq!((&again["created"], &again["id"]), (&json!(false), &first["id"]));
    assert_eq!(again["balance"]["credits_usd"], "7.500000000");
    let other_amount = grant(&world, "a", &json!({"amount_usd": "3", "reason": "pilot"})).await;
    assert_eq!(other_amount.refused(409, "conflict"), Some("Idempotency-Key"));

    let other = world.tenant(2, Role::Owner).await;
    let theirs = json!({"amount_nano_usd": 1, "reason": "pilot", "organization_id": other.organization.to_string()});
    let granted = grant(&world, "a", &theirs).await.ok(201);
    assert_eq!(granted["balance"]["credits_nano_usd"], 1);
    let seen = world.send(Method::GET, CREDITS, Some(&other.management_key), None).await.ok(200);
    assert_eq!(seen["credits_nano_usd"], 1);
    assert_eq!(world.get(CREDITS).await.ok(200)["credits_usd"], "7.500000000");
}

#[tokio::test]
async fn without_a_key_each_grant_counts() {
    let world = World::start().await;
    for _ in 0..2 {
        world.post(GRANTS, json!({"amount_usd": "1", "reason": "pilot"})).await.ok(201);
    }
    assert_eq!(world.get(CREDITS).await.ok(200)["credits_usd"], "7.000000000");
}

#[tokio::test]
async fn only_operators_grant() {
    let world = World::start().await;
    let other = world.tenant(2, Role::Owner).await;
    let body = json!({"amount_usd": "1", "reason": "mine"});
    world.send(Method::POST, GRANTS, Some(&other.management_key), Some(body)).await.refused(403, "permission_denied");
    // Who may not grant does not learn what a right grant looks like, either.
    world.send(Method::POST, GRANTS, Some(&other.management_key), Some(json!({}))).await.refused(403, "permission_denied");
}

#[tokio::test]
async fn senseless_grants_are_refused_by_field() {
    let world = World::start().await;
    for (body, param) in [
        (json!({"amount_usd": "1"}), "reason"),
        (json!({"amount_usd": "1", "reason": " "}), "reason"),
        (json!({"reason": "r"}), "amount_usd"),
        (json!({"amount_usd": "1", "amount_nano_usd": 1, "reason": "r"}), "amount_usd"),
        (json!({"amount_usd": "0", "reason": "r"}), "amount_usd"),
        (json!({"amount_usd": "-1", "reason": "r"}), "amount_usd"),
        (json!({"amount_usd": "1e3", "reason": "r"}), "amount_usd"),
        (json!({"amount_usd": 1, "reason": "r"}), "amount_usd"),
        (json!({"amount_usd": "1000000.000000001", "reason": "r"}), "amount_usd"),
        (json!({"amount_nano_usd": i64::MAX, "reason": "r"}), "amount_usd"),
        (json!({"amount_usd": "1", "reason": "r", "organization_id": "org_x"}), "organization_id"),
        (json!({"amount_usd": "1", "reason": "r", "organization": "x"}), "organization"),
    ] {
        let reply = world.post(GRANTS, body.clone()).await;
        assert_eq!(reply.refused(400, "invalid_request"), Some(param), "{body}");
    }
    let nobody = json!({"amount_usd": "1", "reason": "r", "organization_id": format!("org_{:032x}", 99)});
    assert_eq!(world.post(GRANTS, nobody).await.refused(404, "not_found"), Some("organization_id"));
    let body = json!({"amount_usd": "1", "reason": "r"});
    assert_eq!(grant(&world, "", &body).await.refused(400, "invalid_request"), Some("Idempotency-Key"));
    assert_eq!(world.get(CREDITS).await.ok(200)["credits_usd"], "5.000000000");
}
