//! Several people in one organization, and several organizations of one person.

use axum::http::Method;
use domain::UserId;
use serde_json::{Value, json};
use store::Role;
use uuid::Uuid;

use crate::tests::browser::Browser;
use crate::tests::world::World;

const MEMBERS: &str = "/api/v1/members";
const SESSION: &str = "/api/v1/auth/session";

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// Somebody else with an account; a member of Ada's organization when a role is given.
async fn person(world: &World, organization: &str, email: &str, role: Option<Role>) -> (Browser, String) {
    let mut browser = Browser::default();
    let id = text(&browser.sign_up(world, email).await["user"]["id"]);
    if let Some(role) = role {
        world.sql(&format!("INSERT INTO member VALUES ('{organization}', '{id}', '{}', {})", role.as_str(), i64::MAX)).await;
    }
    (browser.with("x-llmg-organization", organization), id)
}

async fn adas() -> (World, Browser, String) {
    let world = World::deserted(|_| {}).await;
    let mut ada = Browser::default();
    let organization = text(&ada.sign_up(&world, "ada@example.com").await["organization_id"]);
    (world, ada, organization)
}

#[tokio::test]
async fn members_are_seen_with_their_roles_and_change_at_once() {
    let (world, mut ada, organization) = adas().await;
    let (mut bob, bob_id) = person(&world, &organization, "bob@example.com", Some(Role::Viewer)).await;
    let list = bob.get(&world, MEMBERS).await.ok(200);
    let seen: Vec<_> = list["data"].as_array().unwrap().iter().map(|m| (m["email"].clone(), m["role"].clone())).collect();
    assert_eq!(seen, [(json!("ada@example.com"), json!("owner")), (json!("bob@example.com"), json!("viewer"))]);
    bob.post(&world, "/api/v1/api-keys", json!({"name": "k"})).await.refused(403, "permission_denied");

    let path = format!("{MEMBERS}/{bob_id}");
    let changed = ada.send(&world, Method::PATCH, &path, Some(json!({"role": "developer"}))).await.ok(200);
    assert_eq!((&changed["user_id"], &changed["role"]), (&json!(bob_id), &json!("developer")));
    bob.post(&world, "/api/v1/api-keys", json!({"name": "k"})).await.ok(201);
    let reply = ada.send(&world, Method::PATCH, &path, Some(json!({"role": "king"}))).await;
    assert_eq!(reply.refused(400, "invalid_request"), Some("role"));
}

#[tokio::test]
async fn a_refusal_names_the_role_that_is_needed() {
    let (world, mut ada, organization) = adas().await;
    let (mut bob, bob_id) = person(&world, &organization, "bob@example.com", Some(Role::Viewer)).await;
    let (mut eve, eve_id) = person(&world, &organization, "eve@example.com", Some(Role::Admin)).await;
    let ada_id = text(&ada.get(&world, SESSION).await.ok(200)["user"]["id"]);
    let role = |role: &str| Some(json!({"role": role}));
    let asks = [
        (Method::POST, "/api/v1/api-keys".to_owned(), Some(json!({"name": "k"})), "an owner, admin or developer"),
        (Method::PATCH, format!("{MEMBERS}/{eve_id}"), role("viewer"), "an owner or admin"),
    ];
    for (method, path, body, says) in asks {
        let reply = bob.send(&world, method, &path, body).await;
        reply.refused(403, "permission_denied");
        assert!(reply.text.contains(says), "{}", reply.text);
    }
    for (method, path, body) in [
        (Method::PATCH, format!("{MEMBERS}/{ada_id}"), role("viewer")),
        (Method::DELETE, format!("{MEMBERS}/{ada_id}"), None),
        (Method::PATCH, format!("{MEMBERS}/{bob_id}"), role("owner")),
        (Method::PATCH, format!("{MEMBERS}/{eve_id}"), role("owner")),
        (Method::POST, "/api/v1/organization/transfer".to_owned(), Some(json!({"user_id": eve_id}))),
    ] {
        let reply = eve.send(&world, method, &path, body).await;
        reply.refused(403, "permission_denied");
        assert!(reply.text.contains("this needs an owner of the organization"), "{}", reply.text);
    }
}

#[tokio::test]
async fn the_last_owner_stays_and_stays_owner() {
    let (world, mut ada, organization) = adas().await;
    let (_, bob_id) = person(&world, &organization, "bob@example.com", Some(Role::Viewer)).await;
    let ada_id = text(&ada.get(&world, SESSION).await.ok(200)["user"]["id"]);
    let mine = format!("{MEMBERS}/{ada_id}");
    let leave = json!({"organization_id": organization});
    ada.send(&world, Method::PATCH, &mine, Some(json!({"role": "admin"}))).await.refused(409, "conflict");
    ada.send(&world, Method::DELETE, &mine, None).await.refused(409, "conflict");
    ada.post(&world, "/api/v1/organizations/leave", leave.clone()).await.refused(409, "conflict");

    let to = |id: &str| json!({"user_id": id});
    let nobody = UserId::from_uuid(Uuid::from_u128(99)).to_string();
    let reply = ada.post(&world, "/api/v1/organization/transfer", to(&nobody)).await;
    assert_eq!(reply.refused(404, "not_found"), Some("user_id"));
    let reply = ada.post(&world, "/api/v1/organization/transfer", to(&ada_id)).await;
    assert_eq!(reply.refused(400, "invalid_request"), Some("user_id"));
    assert_eq!(ada.post(&world, "/api/v1/organization/transfer", to(&bob_id)).await.status, 204);
    ada.post(&world, "/api/v1/organization/transfer", to(&bob_id)).await.refused(403, "permission_denied");
    let other = json!({"organization_id": format!("org_{:032x}", 9)});
    let reply = ada.post(&world, "/api/v1/organizations/leave", other).await;
    assert_eq!(reply.refused(404, "not_found"), Some("organization_id"));
    assert_eq!(ada.post(&world, "/api/v1/organizations/leave", leave).await.status, 204);
    ada.get(&world, "/api/v1/projects").await.refused(403, "permission_denied");
}

#[tokio::test]
async fn a_removed_members_sessions_and_keys_end_at_once() {
    let (world, mut ada, organization) = adas().await;
    let (mut bob, bob_id) = person(&world, &organization, "bob@example.com", Some(Role::Developer)).await;
    let key = text(&bob.post(&world, "/api/v1/api-keys", json!({"name": "k"})).await.ok(201)["id"]);
    let since = store::revision_latest(&world.db).await.unwrap();
    assert_eq!(ada.send(&world, Method::DELETE, &format!("{MEMBERS}/{bob_id}?revoke_api_keys=true"), None).await.status, 204);
    let reply = bob.get(&world, "/api/v1/projects").await;
    assert_eq!(reply.refused(404, "not_found"), Some("X-Llmg-Organization"));
    let told = store::changes_after(&world.db, since, 9).await.unwrap();
    assert_eq!((told.len(), &told[0].subject, told[0].kind), (1, &key, store::ChangeKind::KeyRevoked));
    bob.with("x-llmg-organization", "").get(&world, "/api/v1/projects").await.ok(200);
    ada.send(&world, Method::DELETE, &format!("{MEMBERS}/{bob_id}"), None).await.refused(404, "not_found");
    for id in ["user_x", "x", &format!("user_{:032x}", 99)] {
        ada.send(&world, Method::DELETE, &format!("{MEMBERS}/{id}"), None).await.refused(404, "not_found");
    }
}

#[tokio::test]
async fn a_person_has_several_organizations_and_switches() {
    let (world, mut ada, first) = adas().await;
    let made = ada.post(&world, "/api/v1/organizations", json!({"name": " Further "})).await.ok(201);
    assert_eq!((&made["name"], &made["status"]), (&json!("Further"), &json!("active")));
    let list = ada.get(&world, "/api/v1/organizations").await.ok(200);
    let roles: Vec<_> = list["data"].as_array().unwrap().iter().map(|o| (o["id"].clone(), o["role"].clone())).collect();
    assert_eq!(roles, [(json!(first), json!("owner")), (made["id"].clone(), json!("owner"))]);
    assert_eq!(ada.get(&world, "/api/v1/organization").await.ok(200)["id"], json!(first));

    let switch = |id: &Value| Some(json!({"organization_id": id}));
    let session = ada.send(&world, Method::PATCH, SESSION, switch(&made["id"])).await.ok(200);
    assert_eq!(session["organization_id"], made["id"]);
    assert_eq!(ada.get(&world, SESSION).await.ok(200)["organization_id"], made["id"]);
    assert_eq!(ada.get(&world, "/api/v1/organization").await.ok(200)["id"], made["id"]);
    assert_eq!(ada.get(&world, "/api/v1/credits").await.ok(200)["credits_nano_usd"], 0);
    let renamed = ada.send(&world, Method::PATCH, "/api/v1/organization", Some(json!({"name": "Other"}))).await.ok(200);
    assert_eq!(renamed["name"], "Other");

    let (mut bob, _) = person(&world, &first, "bob@example.com", None).await;
    let theirs = bob.with("x-llmg-organization", "").get(&world, SESSION).await.ok(200)["organization_id"].clone();
    for id in [theirs, json!(format!("org_{:032x}", 99))] {
        let reply = ada.send(&world, Method::PATCH, SESSION, switch(&id)).await;
        assert_eq!(reply.refused(404, "not_found"), Some("organization_id"));
    }
    bob.get(&world, MEMBERS).await.refused(404, "not_found");
}
