//! Nobody sees or moves anything of another organization, and does not even learn that it exists.

use axum::http::Method;
use serde_json::{Value, json};
use store::Role;

use crate::tests::world::{Reply, World, call, request};

/// The refusal without what differs between any two requests.
fn anonymous(reply: &Reply) -> Value {
    let mut body = reply.body.clone();
    body["request_id"] = Value::Null;
    body
}

#[tokio::test]
async fn a_second_organization_sees_nothing_of_the_first() {
    let world = World::start().await;
    let other = world.tenant(2, Role::Owner).await;
    world.take_in(&[call(&world.first, 1), call(&world.first, 2), call(&other, 3)]).await;
    let of_first =
        [world.first.organization.to_string(), world.first.project.to_string(), world.first.api_key_id.to_string(), request(1).to_string()];
    for path in [
        "/api/v1/usage?from=2025-10-09&to=2025-10-10&bucket=none&group_by=project".to_owned(),
        "/api/v1/usage?from=2025-10-09&to=2025-10-10&group_by=api_key".to_owned(),
        "/api/v1/usage.csv?from=2025-10-09&to=2025-10-10&group_by=api_key".to_owned(),
        "/api/v1/calls".to_owned(),
        format!("/api/v1/calls?project_id={}", world.first.project),
        format!("/api/v1/calls?api_key_id={}", world.first.api_key_id),
        "/api/v1/credits".to_owned(),
        "/api/v1/api-keys".to_owned(),
        format!("/api/v1/api-keys?project_id={}", world.first.project),
        "/api/v1/projects".to_owned(),
    ] {
        let reply = world.send(Method::GET, &path, Some(&other.management_key), None).await;
        for id in &of_first {
            assert!(!reply.text.contains(id), "{path} shows {id}: {}", reply.text);
        }
        reply.ok(200);
    }
    let usage = world.send(Method::GET, "/api/v1/usage?from=2025-10-09&to=2025-10-10", Some(&other.management_key), None).await.ok(200);
    assert_eq!(usage["totals"]["calls"], 1);
    let credits = world.send(Method::GET, "/api/v1/credits", Some(&other.management_key), None).await.ok(200);
    assert_eq!(credits["credits_nano_usd"], 0);
    let keys = world.send(Method::GET, "/api/v1/api-keys", Some(&other.management_key), None).await.ok(200);
    assert_eq!(keys["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn foreign_ids_answer_like_random_ones() {
    let world = World::start().await;
    let other = world.tenant(2, Role::Owner).await;
    world.take_in(&[call(&world.first, 1)]).await;
    let random = format!("{:032x}", 0xdead_u32);
    let ask = |method: &'static str, path: String, body: Option<Value>| {
        let method: Method = method.parse().unwrap();
        let (world, key) = (&world, other.management_key.clone());
        async move { world.send(method, &path, Some(&key), body).await }
    };
    let name = || Some(json!({"name": "mine now"}));
    for (method, path, foreign, unknown, body) in [
        ("GET", "/api/v1/calls", request(1).to_string(), format!("req_{random}"), None),
        ("DELETE", "/api/v1/api-keys", world.first.api_key_id.to_string(), format!("key_{random}"), None),
        ("GET", "/api/v1/projects", world.first.project.to_string(), format!("proj_{random}"), None),
        ("PATCH", "/api/v1/projects", world.first.project.to_string(), format!("proj_{random}"), name()),
    ] {
        let theirs = ask(method, format!("{path}/{foreign}"), body.clone()).await;
        let nobodys = ask(method, format!("{path}/{unknown}"), body).await;
        theirs.refused(404, "not_found");
        assert_eq!(anonymous(&theirs), anonymous(&nobodys), "{method} {path}");
    }
    let into = |project: String| ask("POST", "/api/v1/api-keys".to_owned(), Some(json!({"name": "k", "project_id": project})));
    let (theirs, nobodys) = (into(world.first.project.to_string()).await, into(format!("proj_{random}")).await);
    theirs.refused(404, "not_found");
    assert_eq!(anonymous(&theirs), anonymous(&nobodys));

    let unchanged = world.get("/api/v1/projects").await.ok(200);
    assert_eq!(unchanged["data"][0]["name"], "Default");
    assert_eq!(world.get("/api/v1/api-keys").await.ok(200)["data"][0]["status"], "active");
}

#[tokio::test]
async fn a_foreign_cursor_shows_only_own_rows() {
    let world = World::start().await;
    let other = world.tenant(2, Role::Owner).await;
    world.take_in(&[call(&world.first, 1), call(&world.first, 3), call(&other, 2)]).await;
    let page = world.get("/api/v1/calls?limit=1").await.ok(200);
    let path = format!("/api/v1/calls?cursor={}", page["next_cursor"].as_str().unwrap());
    let seen = world.send(Method::GET, &path, Some(&other.management_key), None).await.ok(200);
    assert_eq!(seen["data"].as_array().unwrap().len(), 1);
    assert_eq!(seen["data"][0]["id"], request(2).to_string());
}
