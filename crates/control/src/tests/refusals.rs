use axum::body::Body;
use axum::http::header::{ALLOW, CONTENT_SECURITY_POLICY, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{Method, Request};
use domain::key::{self, KeyKind};
use serde_json::{Value, json};
use store::{NewManagementKey, Role};

use crate::http::openapi::is_personal;
use crate::tests::world::{DAY, Tenant, World, author, hash};

#[tokio::test]
async fn every_route_refuses_an_anonymous_call_and_an_unknown_parameter() {
    let world = World::start().await;
    let document: Value = world.send(Method::GET, "/api/openapi.json", None, None).await.ok(200);
    for (path, item) in document["paths"].as_object().unwrap() {
        let path = path.replace("{id}", "x");
        for method in ["get", "post", "put", "patch", "delete"].into_iter().filter(|method| item.get(*method).is_some()) {
            let verb: Method = method.to_uppercase().parse().unwrap();
            let reply = world.send(verb.clone(), &path, None, Some(json!({}))).await;
            if is_personal(&path) {
                continue;
            }
            reply.refused(401, "missing_api_key");
            assert_eq!(reply.headers[WWW_AUTHENTICATE], "Bearer", "{method} {path}");
            let extra = world.send(verb, &format!("{path}?zzz=1"), Some(&world.first.management_key), Some(json!({}))).await;
            assert_eq!(extra.refused(400, "invalid_request"), Some("zzz"), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn each_wrong_key_has_its_own_answer() {
    let world = World::start().await;
    let mut mistyped = world.first.management_key.clone();
    mistyped.replace_range(10..11, if mistyped.as_bytes()[10] == b'x' { "y" } else { "x" });
    let unknown = key::spell(KeyKind::Management, &[9; 20]);
    for (key, code, says) in [
        (mistyped.as_str(), "malformed_api_key", "checksum"),
        ("llmgm_", "malformed_api_key", "checksum"),
        (unknown.as_str(), "invalid_api_key", "nobody"),
        (world.first.api_key.as_str(), "invalid_api_key", "llmgm_"),
        ("llmg_cut", "invalid_api_key", "llmgm_"),
        ("sk-1234", "invalid_api_key", "llmgm_"),
    ] {
        let reply = world.send(Method::GET, "/api/v1/credits", Some(key), None).await;
        reply.refused(401, code);
        assert!(reply.body["detail"].as_str().unwrap().contains(says), "{key}: {}", reply.text);
        assert!(!reply.text.contains(key) || key.len() < 8, "the answer repeats the key");
    }
    for header in ["llmgm_x", "Basic YTpi", "Bearer ", &format!("Bearer {}", "x".repeat(600))] {
        let request = Request::get("/api/v1/credits").header("authorization", header).body(Body::empty()).unwrap();
        world.raw(request).await.refused(401, "malformed_api_key");
    }
}

#[tokio::test]
async fn a_key_whose_ground_is_gone_is_refused() {
    let world = World::start().await;
    let other = world.tenant(2, Role::Owner).await;
    let asked = |key: String| {
        let world = &world;
        async move { world.send(Method::GET, "/api/v1/credits", Some(&key), None).await }
    };
    let expired = key::spell(KeyKind::Management, &[7; 20]);
    let row = NewManagementKey {
        id: domain::ManagementKeyId::from_uuid(uuid::Uuid::from_u128(77)),
        hash: hash(&expired),
        expires_at: Some(domain::UnixMicros(DAY)),
        ..world.first.new_management_key()
    };
    store::management_key_create(&world.db, &world.first.scope(), &row, &author(DAY)).await.unwrap();
    asked(expired).await.refused(401, "expired_api_key");

    world.sql("UPDATE organization SET status = 'suspended' WHERE name = 'Other 2'").await;
    asked(other.management_key.clone()).await.refused(403, "permission_denied");
    world.sql("UPDATE organization SET status = 'active'").await;
    world.sql(&format!("DELETE FROM member WHERE person_id = '{}'", other.user)).await;
    asked(other.management_key.clone()).await.refused(403, "permission_denied");

    revoke(&world, &world.first).await;
    asked(world.first.management_key.clone()).await.refused(401, "revoked_api_key");
}

async fn revoke(world: &World, tenant: &Tenant) {
    store::management_key_revoke(&world.db, &tenant.scope(), tenant.management_key_id, &author(DAY)).await.unwrap();
}

#[tokio::test]
async fn a_store_that_is_away_is_our_fault() {
    let world = World::start().await;
    world.analytics.close().await;
    for path in ["/api/v1/usage", "/api/v1/calls", "/api/v1/calls/req_00000000000000000000000000000001"] {
        let reply = world.get(path).await;
        reply.refused(503, "metering_unavailable");
        assert_eq!(reply.headers[RETRY_AFTER], "1");
    }
    world.get("/api/v1/credits").await.ok(200);
    world.db.close().await;
    world.get("/api/v1/credits").await.refused(503, "directory_unavailable");
    let unknown = key::spell(KeyKind::Management, &[9; 20]);
    world.send(Method::GET, "/api/v1/credits", Some(&unknown), None).await.refused(503, "directory_unavailable");
    // What is wrong without any look-up stays the caller's fault.
    world.send(Method::GET, "/api/v1/credits", None, None).await.refused(401, "missing_api_key");
}

#[tokio::test]
async fn bodies_are_json_within_the_limit() {
    let world = World::start().await;
    let post = |kind: &'static str, body: Vec<u8>| {
        let request = Request::post("/api/v1/api-keys")
            .header("authorization", format!("Bearer {}", world.first.management_key))
            .header("content-type", kind)
            .body(Body::from(body))
            .unwrap();
        world.raw(request)
    };
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""] {
        post(kind, b"{}".to_vec()).await.refused(415, "unsupported_media_type");
    }
    for body in ["", "{", "{}x", "name=k", "\u{1f600}"] {
        post("application/json", body.into()).await.refused(400, "invalid_json");
    }
    post("application/json", b"\xff\xfe".to_vec()).await.refused(400, "invalid_json");
    let padded = |bytes: usize| {
        let mut body = br#"{"name":"k"}"#.to_vec();
        body.resize(bytes, b' ');
        body
    };
    assert_eq!(post("Application/JSON; charset=utf-8", padded(1 << 20)).await.status, 201);
    post("application/json", padded((1 << 20) + 1)).await.refused(413, "body_too_large");
}

#[tokio::test]
async fn other_paths_and_methods_lead_nowhere() {
    let world = World::start().await;
    for path in ["/", "/api", "/api/", "/api/v1", "/api/v1/key", "/api/v1/usage/", "/v1/chat/completions"] {
        world.get(path).await.refused(404, "not_found");
    }
    let reply = world.delete("/api/v1/usage").await;
    reply.refused(405, "method_not_allowed");
    assert_eq!(reply.headers[ALLOW], "GET,HEAD");
    let reply = world.send(Method::PUT, "/api/v1/projects/x", None, None).await;
    reply.refused(405, "method_not_allowed");
    assert_eq!(reply.headers[ALLOW], "GET,HEAD,PATCH");
}

#[tokio::test]
async fn the_documents_are_open_and_the_page_runs_nothing() {
    let world = World::start().await;
    let document = world.send(Method::GET, "/api/openapi.json", None, None).await.ok(200);
    assert_eq!(document["openapi"], "3.1.0");
    let page = world.send(Method::GET, "/api/docs", None, None).await;
    assert_eq!((page.status.as_u16(), &page.headers[CONTENT_TYPE]), (200, &"text/html; charset=utf-8".parse().unwrap()));
    let policy = page.headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-") && !policy.contains("unsafe"), "{policy}");
    for outside in ["<script", "http://", "https://", "src=", "@import", "url(", " style="] {
        assert!(!page.text.contains(outside), "the page has {outside}");
    }
}
