//! A developer who is limited to one project of an organization that has two.

use analytics::CallRow;
use axum::http::Method;
use serde_json::{Value, json};

use crate::tests::browser::Browser;
use crate::tests::world::{World, call, request};

const KEYS: &str = "/api/v1/api-keys";

/// Ada owns two projects, each with a key; Bob develops in the second only.
struct Two {
    world: World,
    ada: Browser,
    bob: Browser,
    bob_id: String,
    projects: [String; 2],
    keys: [String; 2],
    organization: String,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

async fn two() -> Two {
    let world = World::deserted(|_| {}).await;
    let (mut ada, mut bob) = (Browser::default(), Browser::default());
    let organization = text(&ada.sign_up(&world, "ada@example.com").await["organization_id"]);
    let bob_id = text(&bob.sign_up(&world, "bob@example.com").await["user"]["id"]);
    let first = text(&ada.get(&world, "/api/v1/projects").await.ok(200)["data"][0]["id"]);
    let second = format!("proj_{:032x}", 77);
    world.sql(&format!("INSERT INTO member VALUES ('{organization}', '{bob_id}', 'developer', 1)")).await;
    world.sql(&format!("INSERT INTO project (id, organization_id, name, mode, cache_enabled, cache_ttl_seconds, created_at_us, updated_at_us) SELECT '{second}', organization_id, 'Second', mode, 0, 60, created_at_us + 1, 1 FROM project WHERE id = '{first}'")).await;
    let mut keys = Vec::new();
    for project in [&first, &second] {
        let key = ada.post(&world, KEYS, json!({"name": "k", "project_id": project})).await.ok(201);
        keys.push(text(&key["id"]));
    }
    let limit = json!({"project_ids": [second]});
    let path = format!("/api/v1/members/{bob_id}/projects");
    let member = ada.send(&world, Method::PUT, &path, Some(limit)).await.ok(200);
    assert_eq!(member["project_ids"], json!([second]));
    let bob = bob.with("x-llmg-organization", &organization);
    Two { world, ada, bob, bob_id, projects: [first, second], keys: keys.try_into().unwrap(), organization }
}

#[tokio::test]
async fn a_limited_developer_sees_and_changes_their_project_only() {
    let Two { world, mut bob, projects: [first, second], keys: [their_key, own_key], .. } = two().await;
    let projects = bob.get(&world, "/api/v1/projects").await.ok(200);
    assert_eq!(projects["data"].as_array().unwrap().iter().map(|p| p["id"].clone()).collect::<Vec<_>>(), [json!(second)]);
    let ids = |page: &Value| page["data"].as_array().unwrap().iter().map(|key| text(&key["id"])).collect::<Vec<_>>();
    assert_eq!(ids(&bob.get(&world, KEYS).await.ok(200)), std::slice::from_ref(&own_key));
    assert!(ids(&bob.get(&world, &format!("{KEYS}?project_id={first}")).await.ok(200)).is_empty());

    let unknown = format!("key_{:032x}", 99);
    let rotate = || Some(json!({"grace_seconds": 1}));
    for (method, suffix, body) in
        [(Method::PATCH, "", Some(json!({"rpm": 5}))), (Method::POST, "/rotate", rotate()), (Method::DELETE, "", None)]
    {
        let theirs = bob.send(&world, method.clone(), &format!("{KEYS}/{their_key}{suffix}"), body.clone()).await;
        let nobodys = bob.send(&world, method.clone(), &format!("{KEYS}/{unknown}{suffix}"), body.clone()).await;
        theirs.refused(404, "not_found");
        assert_eq!(theirs.body["detail"], nobodys.body["detail"]);
        let own = bob.send(&world, method, &format!("{KEYS}/{own_key}{suffix}"), body).await;
        assert!(own.status.is_success(), "{}", own.text);
    }
    bob.get(&world, &format!("/api/v1/projects/{first}")).await.refused(404, "not_found");
    bob.get(&world, &format!("/api/v1/projects/{second}")).await.ok(200);
    let made = bob.post(&world, KEYS, json!({"name": "n", "project_id": first})).await;
    assert_eq!(made.refused(404, "not_found"), Some("project_id"));
    assert_eq!(bob.post(&world, KEYS, json!({"name": "n"})).await.ok(201)["project_id"], json!(second));
}

#[tokio::test]
async fn a_limited_developer_takes_over_no_key_of_another_project() {
    let Two { world, mut ada, mut bob, projects: [first, _], .. } = two().await;
    let import = |name: &str| json!({"name": name, "key": "sk-abcdefghijklmnopqrstuv"});
    let mut of_first = import("theirs");
    of_first["project_id"] = json!(first);
    ada.post(&world, KEYS, of_first).await.ok(201);
    let reply = bob.post(&world, KEYS, import("mine")).await;
    assert_eq!(reply.refused(409, "conflict"), Some("key"));
    assert!(!reply.text.contains("theirs"));
}

#[tokio::test]
async fn usage_and_calls_are_those_of_their_projects_whatever_is_asked_for() {
    let Two { world, mut ada, mut bob, bob_id, projects: [first, second], keys: [their_key, own_key], organization } = two().await;
    let of = |project: &str, key: &str, n: u64| CallRow {
        organization: organization.parse().unwrap(),
        project: project.parse().unwrap(),
        api_key: key.parse().unwrap(),
        ..call(&world.first, n)
    };
    world.take_in(&[of(&first, &their_key, 1), of(&second, &own_key, 2), of(&first, &their_key, 3)]).await;
    let range = "from=2025-10-09&to=2025-10-10";
    let count = |answer: Value| answer["totals"]["calls"].as_u64().unwrap();
    let ids = |page: Value| page["data"].as_array().unwrap().iter().map(|call| text(&call["id"])).collect::<Vec<_>>();
    for (filter, all, theirs) in [
        (String::new(), 3, 1),
        ("&group_by=model".to_owned(), 3, 1),
        ("&bucket=hour&group_by=project".to_owned(), 3, 1),
        (format!("&project_id={first}"), 2, 0),
        (format!("&project_id={second}"), 1, 1),
        (format!("&api_key_id={their_key}&group_by=api_key"), 2, 0),
    ] {
        let usage = format!("/api/v1/usage?{range}{filter}");
        assert_eq!(count(ada.get(&world, &usage).await.ok(200)), all, "{filter}");
        let answer = bob.get(&world, &usage).await;
        assert!(!answer.text.contains(&first) && !answer.text.contains(&their_key), "{}", answer.text);
        assert_eq!(count(answer.ok(200)), theirs, "{filter}");
        let table = bob.get(&world, &usage.replace("usage?", "usage.csv?")).await;
        assert_eq!(table.text.lines().count() as u64 - 1, theirs, "{}", table.text);
        if !filter.contains("by") {
            let calls = bob.get(&world, &format!("/api/v1/calls?{range}{filter}")).await.ok(200);
            assert_eq!(ids(calls), vec![request(2).to_string(); theirs.try_into().unwrap()], "{filter}");
        }
    }
    bob.get(&world, &format!("/api/v1/calls/{}", request(2))).await.ok(200);
    let theirs = bob.get(&world, &format!("/api/v1/calls/{}", request(1))).await;
    let nobodys = bob.get(&world, &format!("/api/v1/calls/{}", request(9))).await;
    theirs.refused(404, "not_found");
    assert_eq!(theirs.body["detail"], nobodys.body["detail"]);
    // Who lost the last project sees nothing, and not everything.
    let none = Some(json!({"project_ids": []}));
    ada.send(&world, Method::PUT, &format!("/api/v1/members/{bob_id}/projects"), none).await.ok(200);
    assert_eq!(count(bob.get(&world, &format!("/api/v1/usage?{range}")).await.ok(200)), 0);
    assert!(ids(bob.get(&world, "/api/v1/calls").await.ok(200)).is_empty());
}

#[tokio::test]
async fn what_is_about_the_whole_organization_is_not_theirs() {
    let Two { world, mut ada, mut bob, bob_id, projects: [_, second], .. } = two().await;
    for path in ["/api/v1/credits", "/api/v1/provider-keys"] {
        let reply = bob.get(&world, path).await;
        reply.refused(403, "permission_denied");
        assert!(reply.text.contains("limited to some of its projects"), "{}", reply.text);
    }
    let members = bob.get(&world, "/api/v1/members").await.ok(200);
    assert_eq!((&members["data"][0]["project_ids"], &members["data"][1]["project_ids"]), (&json!([second]), &Value::Null));
    let path = format!("/api/v1/members/{bob_id}/projects");
    let all = ada.send(&world, Method::PUT, &path, Some(json!({"project_ids": null}))).await.ok(200);
    assert_eq!(all["project_ids"], Value::Null);
    bob.get(&world, "/api/v1/credits").await.ok(200);
    let ada_id = text(&ada.get(&world, "/api/v1/auth/session").await.ok(200)["user"]["id"]);
    for (body, status, code, id) in [
        (json!({}), 400, "invalid_request", &bob_id),
        (json!({"project_ids": ["x"]}), 400, "invalid_request", &bob_id),
        (json!({"project_ids": [format!("proj_{:032x}", 99)]}), 404, "not_found", &bob_id),
        (json!({"project_ids": []}), 409, "conflict", &ada_id),
    ] {
        let path = format!("/api/v1/members/{id}/projects");
        ada.send(&world, Method::PUT, &path, Some(body)).await.refused(status, code);
    }
}
