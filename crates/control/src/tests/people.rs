//! Operators look after people.

use axum::http::Method;
use serde_json::json;

use crate::tests::browser::{Browser, PASSWORD};
use crate::tests::world::World;

const PEOPLE: &str = "/api/v1/operator/people";

#[tokio::test]
async fn whoever_is_switched_off_has_nothing_open_and_strangers_learn_nothing() {
    let world = World::deserted(|_| {}).await;
    let (mut ada, mut bob) = (Browser::default(), Browser { address: Some([192, 0, 2, 9]), ..Browser::default() });
    ada.sign_up(&world, "ada@example.com").await;
    let id = bob.sign_up(&world, "bob@example.com").await["user"]["id"].as_str().unwrap().to_owned();
    let key = bob.post(&world, "/api/v1/management-keys", json!({"name": "k"})).await.ok(201)["key"].as_str().unwrap().to_owned();
    let program = || Browser::default().with("authorization", &format!("Bearer {key}"));
    program().get(&world, "/api/v1/projects").await.ok(200);

    let (one, off) = (format!("{PEOPLE}/{id}"), Some(json!({"disabled": true})));
    let row = ada.send(&world, Method::PATCH, &one, off.clone()).await.ok(200);
    assert_eq!((&row["disabled"], &row["email"]), (&json!(true), &json!("bob@example.com")));
    bob.get(&world, "/api/v1/auth/session").await.refused(401, "session_ended");
    program().get(&world, "/api/v1/projects").await.refused(403, "permission_denied");
    let wrong = bob.log_in(&world, "bob@example.com", "wrong horse").await;
    let unknown = bob.log_in(&world, "nobody@example.com", "wrong horse").await;
    assert_eq!((wrong.status, &wrong.body["detail"]), (unknown.status, &unknown.body["detail"]));
    let right = bob.log_in(&world, "bob@example.com", PASSWORD).await;
    right.refused(403, "permission_denied");
    assert!(right.text.contains("switched off"), "{}", right.text);
    let before = world.letters().await;
    bob.post(&world, "/api/v1/auth/password/forgot", json!({"email": "bob@example.com"})).await.ok(202);
    assert_eq!(world.letters().await, before, "a letter for somebody who is switched off");

    ada.send(&world, Method::PATCH, &one, Some(json!({"disabled": false}))).await.ok(200);
    bob.log_in(&world, "bob@example.com", PASSWORD).await.ok(200);
    program().get(&world, "/api/v1/projects").await.ok(200);
    let log = ada.get(&world, "/api/v1/audit").await.ok(200);
    assert_eq!((&log["data"][0]["action"], &log["data"][1]["action"]), (&json!("person.enabled"), &json!("person.disabled")));
    assert_eq!(log["data"][1]["after"], json!({"disabled": true}));
}

#[tokio::test]
async fn an_instance_keeps_an_operator() {
    let world = World::deserted(|_| {}).await;
    let (mut ada, mut bob) = (Browser::default(), Browser::default());
    let id = |session: serde_json::Value| session["user"]["id"].as_str().unwrap().to_owned();
    let ada_id = id(ada.sign_up(&world, "ada@example.com").await);
    let bob_id = id(bob.sign_up(&world, "bob@example.com").await);
    bob.get(&world, PEOPLE).await.refused(403, "permission_denied");
    let own = format!("{PEOPLE}/{ada_id}");
    for last in [json!({"disabled": true}), json!({"is_operator": false})] {
        ada.send(&world, Method::PATCH, &own, Some(last)).await.refused(409, "conflict");
    }
    ada.send(&world, Method::PATCH, &format!("{PEOPLE}/{bob_id}"), Some(json!({"is_operator": true}))).await.ok(200);
    bob.get(&world, PEOPLE).await.ok(200);
    ada.send(&world, Method::PATCH, &own, Some(json!({"is_operator": false}))).await.ok(200);
    ada.get(&world, PEOPLE).await.refused(403, "permission_denied");
}

#[tokio::test]
async fn people_come_by_page_and_by_address() {
    let world = World::start().await;
    for n in 2..7 {
        world.tenant(n, store::Role::Owner).await;
    }
    let (mut emails, mut path) = (Vec::new(), format!("{PEOPLE}?limit=4"));
    loop {
        let page = world.get(&path).await.ok(200);
        emails.extend(page["data"].as_array().unwrap().iter().map(|row| row["email"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("{PEOPLE}?limit=4&cursor={cursor}");
    }
    assert_eq!((emails.len(), &*emails[5]), (6, "ada@example.com"));
    for (search, count) in [("PERSON", 5), ("person2", 1), ("%25", 0), ("_", 0), ("%5C", 0), ("nobody", 0)] {
        let page = world.get(&format!("{PEOPLE}?search={search}")).await.ok(200);
        assert_eq!(page["data"].as_array().unwrap().len(), count, "{search}");
    }
    for (query, param) in [("cursor=x", "cursor"), ("limit=0", "limit"), ("search=%0A", "search"), ("search=", "search")] {
        assert_eq!(world.get(&format!("{PEOPLE}?{query}")).await.refused(400, "invalid_request"), Some(param), "{query}");
    }
}
