//! Management keys with scopes: what they do, and what they do not.

use axum::http::Method;
use serde_json::{Value, json};
use store::Role;

use crate::tests::world::{Reply, World};

const KEYS: &str = "/api/v1/management-keys";

async fn made(world: &World, by: &str, body: Value) -> Reply {
    world.send(Method::POST, KEYS, Some(by), Some(body)).await
}

fn key(made: &Value) -> String {
    made["key"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_key_does_what_its_scopes_say() {
    let world = World::start().await;
    let owner = world.first.management_key.clone();
    let made = made(&world, &owner, json!({"name": "ci", "scopes": ["api-keys:write", "usage:read"]})).await.ok(201);
    assert_eq!(made["scopes"], json!(["api-keys:read", "api-keys:write", "usage:read"]));
    let ci = key(&made);
    let send = async |method: Method, path: &str, body: Option<Value>| world.send(method, path, Some(&ci), body).await;
    send(Method::GET, "/api/v1/api-keys", None).await.ok(200);
    send(Method::POST, "/api/v1/api-keys", Some(json!({"name": "k"}))).await.ok(201);
    send(Method::GET, "/api/v1/usage", None).await.ok(200);
    for (method, path, scope) in [
        (Method::GET, "/api/v1/projects", "projects:read"),
        (Method::GET, "/api/v1/credits", "credits:read"),
        (Method::POST, "/api/v1/credits/grants", "credits:write"),
        (Method::GET, "/api/v1/audit", "audit:read"),
        (Method::GET, KEYS, "management-keys:read"),
        (Method::POST, KEYS, "management-keys:write"),
        (Method::GET, "/api/v1/operator/outbox", "operator:read"),
    ] {
        let reply = send(method, path, Some(json!({}))).await;
        reply.refused(403, "permission_denied");
        assert!(reply.text.contains(&format!("`{scope}`")), "{}", reply.text);
    }
    let listed = world.get(KEYS).await;
    assert!(!listed.text.contains(&ci));
    let listed = listed.ok(200);
    assert_eq!((&listed["data"][0]["scopes"], &listed["data"][1]["name"]), (&Value::Null, &json!("ci")));

    let path = format!("{KEYS}/{}", made["id"].as_str().unwrap());
    for _ in 0..2 {
        assert_eq!(world.delete(&path).await.ok(200)["status"], "revoked");
    }
    send(Method::GET, "/api/v1/api-keys", None).await.refused(401, "revoked_api_key");
}

#[tokio::test]
async fn a_key_gives_away_no_more_than_it_has() {
    let world = World::start().await;
    let owner = world.first.management_key.clone();
    let body = json!({"name": "minter", "scopes": ["management-keys:write", "usage:read"], "expires_at": "2999-01-01"});
    let minter = key(&made(&world, &owner, body).await.ok(201));
    for (body, param) in [
        (json!({"name": "k", "expires_at": "2998-01-01"}), "scopes"),
        (json!({"name": "k", "scopes": ["api-keys:read"], "expires_at": "2998-01-01"}), "scopes"),
        (json!({"name": "k", "scopes": ["usage:read"]}), "expires_at"),
        (json!({"name": "k", "scopes": ["usage:read"], "expires_at": "2999-01-02"}), "expires_at"),
    ] {
        assert_eq!(made(&world, &minter, body.clone()).await.refused(403, "permission_denied"), Some(param), "{body}");
    }
    let child = made(&world, &minter, json!({"name": "k", "scopes": ["usage:read"], "expires_at": "2998-01-01"})).await.ok(201);
    world.send(Method::GET, "/api/v1/usage", Some(&key(&child)), None).await.ok(200);

    let admin = world.tenant(2, Role::Admin).await;
    let reply = made(&world, &admin.management_key, json!({"name": "k", "scopes": ["credits:write"]})).await;
    assert_eq!(reply.refused(403, "permission_denied"), Some("scopes"));
}

#[tokio::test]
async fn a_key_follows_its_maker_down() {
    let world = World::start().await;
    let admin = world.tenant(2, Role::Admin).await;
    let all = key(&made(&world, &admin.management_key, json!({"name": "all"})).await.ok(201));
    let some = key(&made(&world, &admin.management_key, json!({"name": "some", "scopes": ["api-keys:write"]})).await.ok(201));
    world.sql(&format!("UPDATE member SET role = 'viewer' WHERE person_id = '{}'", admin.user)).await;
    for key in [&all, &some] {
        let made = world.send(Method::POST, "/api/v1/api-keys", Some(key), Some(json!({"name": "k"}))).await;
        made.refused(403, "permission_denied");
        world.send(Method::GET, "/api/v1/api-keys", Some(key), None).await.ok(200);
    }
    world.send(Method::GET, KEYS, Some(&all), None).await.refused(403, "permission_denied");
}

#[tokio::test]
async fn senseless_keys_are_refused() {
    let world = World::start().await;
    let owner = world.first.management_key.clone();
    for (body, param) in [
        (json!({}), "name"),
        (json!({"name": " "}), "name"),
        (json!({"name": "k", "scopes": []}), "scopes"),
        (json!({"name": "k", "scopes": ["usage:read", "x"]}), "scopes[1]"),
        (json!({"name": "k", "scopes": ["usage:write"]}), "scopes[0]"),
        (json!({"name": "k", "expires_at": "2001-01-01"}), "expires_at"),
    ] {
        assert_eq!(made(&world, &owner, body.clone()).await.refused(400, "invalid_request"), Some(param), "{body}");
    }
}
