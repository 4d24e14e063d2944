use axum::http::Method;
use domain::SessionId;
use serde_json::json;
use store::Role;
use uuid::Uuid;

use crate::tests::browser::{Browser, PASSWORD};
use crate::tests::world::World;

#[tokio::test]
async fn people_see_and_end_their_own_sessions_only() {
    let world = World::deserted(|_| {}).await;
    let (mut ada, mut phone, mut bob) = (Browser::default(), Browser::default().with("user-agent", "Phone/1"), Browser::default());
    ada.sign_up(&world, "ada@example.com").await;
    phone.log_in(&world, "ada@example.com", PASSWORD).await.ok(200);
    let of_bob = bob.sign_up(&world, "bob@example.com").await["id"].as_str().unwrap().to_owned();

    let list = ada.get(&world, "/api/v1/auth/sessions").await.ok(200);
    let seen: Vec<_> = list["data"].as_array().unwrap().iter().map(|s| (s["current"].as_bool(), s["user_agent"].as_str())).collect();
    assert_eq!(seen, [(Some(false), Some("Phone/1")), (Some(true), None)]);
    assert_eq!(list["data"][0]["address"], "192.0.2.1");
    let of_phone = list["data"][0]["id"].as_str().unwrap().to_owned();

    let random = SessionId::from_uuid(Uuid::from_u128(99)).to_string();
    for id in [of_bob.as_str(), random.as_str(), "sess_x", "x"] {
        ada.send(&world, Method::DELETE, &format!("/api/v1/auth/sessions/{id}"), None).await.refused(404, "not_found");
    }
    bob.get(&world, "/api/v1/auth/session").await.ok(200);
    assert_eq!(ada.send(&world, Method::DELETE, &format!("/api/v1/auth/sessions/{of_phone}"), None).await.status, 204);
    phone.get(&world, "/api/v1/auth/session").await.refused(401, "session_ended");
    ada.get(&world, "/api/v1/auth/session").await.ok(200);
}

#[tokio::test]
async fn a_person_ends_all_other_sessions() {
    let world = World::deserted(|_| {}).await;
    let (mut ada, mut phone, mut bob) = (Browser::default(), Browser::default(), Browser::default());
    ada.sign_up(&world, "ada@example.com").await;
    bob.sign_up(&world, "bob@example.com").await;
    phone.log_in(&world, "ada@example.com", PASSWORD).await.ok(200);
    Browser::default().log_in(&world, "ada@example.com", PASSWORD).await.ok(200);
    for ended in [2, 0] {
        let reply = ada.send(&world, Method::DELETE, "/api/v1/auth/sessions", None).await;
        assert_eq!(reply.ok(200), json!({"ended": ended}));
    }
    phone.get(&world, "/api/v1/auth/session").await.refused(401, "session_ended");
    ada.get(&world, "/api/v1/auth/session").await.ok(200);
    bob.get(&world, "/api/v1/auth/session").await.ok(200);
}

#[tokio::test]
async fn another_password_ends_the_other_sessions() {
    let world = World::deserted(|_| {}).await;
    let (mut ada, mut phone) = (Browser::default(), Browser::default());
    ada.sign_up(&world, "ada@example.com").await;
    phone.log_in(&world, "ada@example.com", PASSWORD).await.ok(200);
    let change = |now: &str, new: &str| json!({"current_password": now, "new_password": new});
    let reply = ada.post(&world, "/api/v1/auth/password", change("wrong horse", "another horse")).await;
    assert_eq!(reply.refused(403, "permission_denied"), Some("current_password"));
    let reply = ada.post(&world, "/api/v1/auth/password", change(PASSWORD, "short")).await;
    assert_eq!(reply.refused(400, "invalid_request"), Some("new_password"));
    phone.get(&world, "/api/v1/auth/session").await.ok(200);

    assert_eq!(ada.post(&world, "/api/v1/auth/password", change(PASSWORD, "another horse")).await.status, 204);
    ada.get(&world, "/api/v1/auth/session").await.ok(200);
    phone.get(&world, "/api/v1/auth/session").await.refused(401, "session_ended");
    phone.log_in(&world, "ada@example.com", PASSWORD).await.refused(401, "invalid_credentials");
    phone.log_in(&world, "ada@example.com", "another horse").await.ok(200);
}

#[tokio::test]
async fn a_session_ends_by_itself() {
    let world = World::deserted(|_| {}).await;
    let mut ada = Browser::default();
    ada.sign_up(&world, "ada@example.com").await;
    let day_us = 86_400_000_000_i64;
    let now = service::clock::now().0;
    for (began, used, open) in [(89, 29, true), (31, 31, false), (91, 0, false), (0, 0, true)] {
        let (began, used) = (now - began * day_us, now - used * day_us);
        world.sql(&format!("UPDATE session SET created_at_us = {began}, last_used_at_us = {used}")).await;
        let reply = ada.get(&world, "/api/v1/auth/session").await;
        assert_eq!(reply.status.as_u16(), if open { 200 } else { 401 }, "{}", reply.text);
    }
    // A use is noted, though not each.
    world.sql(&format!("UPDATE session SET last_used_at_us = {}", now - day_us)).await;
    let before = ada.get(&world, "/api/v1/auth/sessions").await.ok(200)["data"][0]["last_used_at"].clone();
    ada.get(&world, "/api/v1/credits").await.ok(200);
    let after = ada.get(&world, "/api/v1/auth/sessions").await.ok(200)["data"][0]["last_used_at"].clone();
    assert_eq!(before, after);
    assert!(before.as_str().unwrap() > service::clock::rfc3339(domain::UnixMicros(now - day_us / 2)).as_str());
}

#[tokio::test]
async fn a_person_keeps_at_most_fifty_sessions() {
    let world = World::deserted(|_| {}).await;
    let mut first = Browser::default();
    first.sign_up(&world, "ada@example.com").await;
    for n in 0..49 {
        world
            .sql(&format!(
                "INSERT INTO session (id, person_id, organization_id, hash, address, user_agent, created_at_us, last_used_at_us) SELECT 'sess_{n:032x}', person_id, organization_id, CAST('hash{n}' AS BLOB), '', '', created_at_us, \
                 last_used_at_us + 1 + {n} FROM session LIMIT 1"
            ))
            .await;
    }
    let mut new = Browser::default();
    new.log_in(&world, "ada@example.com", PASSWORD).await.ok(200);
    assert_eq!(new.get(&world, "/api/v1/auth/sessions").await.ok(200)["data"].as_array().unwrap().len(), 50);
    first.get(&world, "/api/v1/auth/session").await.refused(401, "session_ended");
}

#[tokio::test]
async fn the_header_chooses_among_the_persons_organizations() {
    let world = World::start().await;
    let (mine, theirs) = (world.tenant(2, Role::Owner).await, world.tenant(3, Role::Owner).await);
    let mut ada = Browser::default();
    let session = ada.sign_up(&world, "grace@example.com").await;
    let user = session["user"]["id"].as_str().unwrap();
    world.sql(&format!("INSERT INTO member VALUES ('{}', '{user}', 'viewer', {})", mine.organization, i64::MAX)).await;

    let listed = ada.get(&world, "/api/v1/auth/session").await.ok(200);
    assert_eq!(listed["organizations"].as_array().unwrap().len(), 2);
    assert_eq!(listed["organizations"][1]["role"], "viewer");
    assert_eq!(ada.get(&world, "/api/v1/projects").await.ok(200)["data"][0]["name"], "Default");
    let mut there = ada.with("x-llmg-organization", &mine.organization.to_string());
    assert_eq!(there.get(&world, "/api/v1/projects").await.ok(200)["data"][0]["name"], "Theirs");
    there.post(&world, "/api/v1/api-keys", json!({"name": "k"})).await.refused(403, "permission_denied");
    let nobodys = domain::OrganizationId::from_uuid(Uuid::from_u128(99));
    for id in [theirs.organization.to_string(), world.first.organization.to_string(), nobodys.to_string(), "x".to_owned()] {
        let reply = ada.with("x-llmg-organization", &id).get(&world, "/api/v1/projects").await;
        assert_eq!(reply.refused(404, "not_found"), Some("X-Llmg-Organization"));
    }
    world.sql(&format!("UPDATE organization SET status = 'suspended' WHERE id = '{}'", mine.organization)).await;
    there.get(&world, "/api/v1/projects").await.refused(403, "permission_denied");
    world.sql(&format!("DELETE FROM member WHERE person_id = '{user}' AND role = 'owner'")).await;
    ada.get(&world, "/api/v1/projects").await.refused(403, "permission_denied");
    ada.get(&world, "/api/v1/auth/session").await.ok(200);

    let key = format!("Bearer {}", theirs.management_key);
    for (organization, status) in [(theirs.organization, 200), (mine.organization, 404)] {
        let mut program = Browser::default().with("authorization", &key).with("x-llmg-organization", &organization.to_string());
        assert_eq!(program.get(&world, "/api/v1/projects").await.status.as_u16(), status);
    }
    let mut program = Browser::default().with("authorization", &key);
    program.get(&world, "/api/v1/auth/session").await.refused(403, "permission_denied");
}
