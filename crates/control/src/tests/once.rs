//! Requests with an `Idempotency-Key`.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use store::Role;

use crate::tests::browser::{Browser, PASSWORD};
use crate::tests::world::{Reply, World};

const KEYS: &str = "/api/v1/api-keys";

async fn post(world: &World, management_key: &str, idempotency_key: &str, path: &str, body: &Value) -> Reply {
    let request = Request::post(path)
        .header("authorization", format!("Bearer {management_key}"))
        .header("content-type", "application/json")
        .header("idempotency-key", idempotency_key)
        .body(Body::from(body.to_string()))
        .unwrap();
    world.raw(request).await
}

async fn keys(world: &World) -> usize {
    world.get(KEYS).await.ok(200)["data"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_repeated_request_gets_the_first_answer_and_does_nothing() {
    let world = World::start().await;
    let owner = world.first.management_key.clone();
    let body = json!({"name": "k"});
    let first = post(&world, &owner, "a", KEYS, &body).await;
    assert!(!first.headers.contains_key("idempotency-replayed"));
    let again = post(&world, &owner, "a", KEYS, &body).await;
    assert_eq!(
        (again.headers["idempotency-replayed"].to_str().unwrap(), &again.headers["content-type"]),
        ("true", &first.headers["content-type"])
    );
    let (first, again) = (first.ok(201), again.ok(201));
    assert_eq!(first, again);
    assert_eq!(keys(&world).await, 2);
    let secret = first["key"].as_str().unwrap().as_bytes();
    assert!(!world.stored_bytes().windows(secret.len()).any(|bytes| bytes == secret), "the answer is stored in the clear");

    let other = post(&world, &owner, "a", KEYS, &json!({"name": "other"})).await;
    assert_eq!(other.refused(409, "conflict"), Some("Idempotency-Key"));
    let elsewhere = post(&world, &owner, "a", "/api/v1/invites", &body).await;
    assert_eq!(elsewhere.refused(409, "conflict"), Some("Idempotency-Key"));
    post(&world, &owner, "b", KEYS, &body).await.ok(201);
    assert_eq!(keys(&world).await, 3);
    let tenant = world.tenant(2, Role::Owner).await;
    let theirs = post(&world, &tenant.management_key, "a", KEYS, &body).await.ok(201);
    assert_ne!(theirs["id"], first["id"]);

    world.sql("UPDATE idempotency SET created_at_us = created_at_us - 2593000000000").await;
    let late = post(&world, &owner, "a", KEYS, &body).await.ok(201);
    assert_ne!(late["id"], first["id"], "30 days are over");
}

#[tokio::test]
async fn a_refusal_is_not_kept() {
    let world = World::start().await;
    let owner = world.first.management_key.clone();
    let invite = json!({"email": "bob@example.com", "role": "king"});
    for _ in 0..2 {
        let reply = post(&world, &owner, "a", "/api/v1/invites", &invite).await;
        assert_eq!(reply.refused(400, "invalid_request"), Some("role"));
    }
    post(&world, &owner, "a", "/api/v1/invites", &json!({"email": "bob@example.com", "role": "viewer"})).await.ok(201);
    for key in ["", &"k".repeat(256)] {
        assert_eq!(post(&world, &owner, key, KEYS, &json!({"name": "k"})).await.refused(400, "invalid_request"), Some("Idempotency-Key"));
    }
    post(&world, "llmgm_x", "a", KEYS, &json!({"name": "k"})).await.refused(401, "malformed_api_key");
}

#[tokio::test]
async fn an_answer_is_for_who_may_still_ask() {
    let world = World::start().await;
    let admin = world.tenant(2, Role::Admin).await;
    let body = json!({"name": "k"});
    post(&world, &admin.management_key, "a", KEYS, &body).await.ok(201);
    world.sql(&format!("UPDATE member SET role = 'viewer' WHERE person_id = '{}'", admin.user)).await;
    post(&world, &admin.management_key, "a", KEYS, &body).await.refused(403, "permission_denied");
    world.sql(&format!("DELETE FROM member WHERE person_id = '{}'", admin.user)).await;
    post(&world, &admin.management_key, "a", KEYS, &body).await.refused(403, "permission_denied");
}

#[tokio::test]
async fn what_has_no_answer_is_not_done_again() {
    let world = World::start().await;
    let owner = world.first.management_key.clone();
    let body = json!({"name": "k"});
    post(&world, &owner, "a", KEYS, &body).await.ok(201);
    world.sql("UPDATE idempotency SET answer = NULL").await;
    let running = post(&world, &owner, "a", KEYS, &body).await;
    assert_eq!(running.refused(409, "conflict"), Some("Idempotency-Key"));
    assert_eq!(running.headers["retry-after"], "1");
    world.sql("UPDATE idempotency SET created_at_us = created_at_us - 121000000").await;
    let lost = post(&world, &owner, "a", KEYS, &body).await;
    lost.refused(409, "conflict");
    assert!(lost.text.contains("ended without an answer") && !lost.headers.contains_key("retry-after"), "{}", lost.text);
    assert_eq!(keys(&world).await, 2);
}

#[tokio::test]
async fn people_repeat_themselves_too() {
    let world = World::deserted(|_| {}).await;
    let mut ada = Browser::default();
    ada.sign_up(&world, "ada@example.com").await;
    let mut again = ada.with("idempotency-key", "a");
    let first = again.post(&world, "/api/v1/organizations", json!({"name": "Further"})).await.ok(201);
    assert_eq!(again.post(&world, "/api/v1/organizations", json!({"name": "Further"})).await.ok(201), first);
    assert_eq!(ada.get(&world, "/api/v1/organizations").await.ok(200)["data"].as_array().unwrap().len(), 2);
    // A session that begins is never an old one.
    let mut tokens = Vec::new();
    for _ in 0..2 {
        let mut phone = Browser::default().with("idempotency-key", "b");
        phone.log_in(&world, "ada@example.com", PASSWORD).await.ok(200);
        tokens.push(phone.cookie);
    }
    assert_ne!(tokens[0], tokens[1]);
}
