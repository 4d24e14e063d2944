//! Invitations, from the letter to the membership.

use axum::http::Method;
use serde_json::{Value, json};
use service::config::Signup;
use store::Role;

use crate::tests::browser::{Browser, PASSWORD};
use crate::tests::world::{Reply, World};

const INVITES: &str = "/api/v1/invites";
const ACCEPT: &str = "/api/v1/auth/invites/accept";
const OUTBOX: &str = "/api/v1/operator/outbox";

async fn adas(signup: Signup) -> (World, Browser) {
    let world = World::deserted(|settings| settings.signup = signup).await;
    let mut ada = Browser::default();
    ada.sign_up(&world, "ada@example.com").await;
    (world, ada)
}

/// Invites, and takes the token out of the letter.
async fn invited(world: &World, ada: &mut Browser, email: &str, role: &str) -> (Value, String) {
    let made = ada.post(world, INVITES, json!({"email": email, "role": role})).await.ok(201);
    let letter = ada.get(world, &format!("{OUTBOX}?limit=1")).await.ok(200)["data"][0].clone();
    assert_eq!(letter["recipient"], json!(email.to_lowercase()));
    let token = letter["body"].as_str().unwrap().split_once("http://127.0.0.1:4000/invite#").unwrap().1;
    (made, token.split_whitespace().next().unwrap().to_owned())
}

async fn sign_up(world: &World, email: &str, invite: &str) -> (Browser, Reply) {
    let mut browser = Browser::default();
    let body = json!({"email": email, "password": PASSWORD, "invite": invite});
    let reply = browser.post(world, "/api/v1/auth/sign-up", body).await;
    (browser, reply)
}

#[tokio::test]
async fn the_invited_sign_up_where_nobody_else_can() {
    let (world, mut ada) = adas(Signup::Invite).await;
    let (made, token) = invited(&world, &mut ada, "Bob@example.com", "developer").await;
    assert_eq!((&made["email"], &made["role"], &made["status"]), (&json!("bob@example.com"), &json!("developer"), &json!("pending")));
    assert_eq!(token.len(), 43);
    assert!(!made.to_string().contains(&token), "the answer shows the token");
    let (_, reply) = sign_up(&world, "eve@example.com", &token).await;
    assert_eq!(reply.refused(403, "permission_denied"), Some("invite"));
    let (_, reply) = sign_up(&world, "bob@example.com", &format!("{token}x")).await;
    assert_eq!(reply.refused(404, "not_found"), Some("invite"));

    let (mut bob, reply) = sign_up(&world, "bob@example.com", &token).await;
    let session = reply.ok(201);
    assert_eq!(session["organizations"].as_array().unwrap().len(), 1, "the invited need no organization of their own");
    assert_eq!(
        (&session["organizations"][0]["name"], &session["organizations"][0]["role"]),
        (&json!("ada's organization"), &json!("developer"))
    );
    assert_eq!(session["user"]["is_operator"], false);
    bob.get(&world, "/api/v1/projects").await.ok(200);
    let listed = ada.get(&world, INVITES).await.ok(200);
    assert_eq!(listed["data"][0]["status"], "accepted");
    let (_, reply) = sign_up(&world, "bob@example.com", &token).await;
    assert_eq!(reply.refused(404, "not_found"), Some("invite"));
    ada.send(&world, Method::DELETE, &format!("{INVITES}/{}", made["id"].as_str().unwrap()), None).await.refused(409, "conflict");
}

#[tokio::test]
async fn a_closed_instance_stays_closed() {
    let (world, mut ada) = adas(Signup::Closed).await;
    let (_, token) = invited(&world, &mut ada, "bob@example.com", "viewer").await;
    let (_, reply) = sign_up(&world, "bob@example.com", &token).await;
    reply.refused(403, "permission_denied");
}

#[tokio::test]
async fn signing_up_with_an_invited_address_is_no_proof() {
    let (world, mut ada) = adas(Signup::Open).await;
    let (_, token) = invited(&world, &mut ada, "bob@example.com", "admin").await;
    let mut bob = Browser::default();
    let session = bob.sign_up(&world, "bob@example.com").await;
    assert_eq!(session["organizations"].as_array().unwrap().len(), 1);
    bob.post(&world, ACCEPT, json!({"invite": ""})).await.refused(404, "not_found");
    let mut eve = Browser::default();
    eve.sign_up(&world, "eve@example.com").await;
    assert_eq!(eve.post(&world, ACCEPT, json!({"invite": token})).await.refused(403, "permission_denied"), Some("invite"));

    let joined = bob.post(&world, ACCEPT, json!({"invite": token})).await.ok(200);
    assert_eq!((&joined["name"], &joined["role"]), (&json!("ada's organization"), &json!("admin")));
    bob.post(&world, ACCEPT, json!({"invite": token})).await.refused(404, "not_found");
    let member = ada.post(&world, INVITES, json!({"email": "bob@example.com", "role": "owner"})).await;
    assert_eq!(member.refused(409, "conflict"), Some("email"));
}

#[tokio::test]
async fn an_invitation_ends_by_time_by_word_and_by_another() {
    let (world, mut ada) = adas(Signup::Open).await;
    let mut bob = Browser::default();
    bob.sign_up(&world, "bob@example.com").await;
    let (_, first) = invited(&world, &mut ada, "bob@example.com", "viewer").await;
    let (made, second) = invited(&world, &mut ada, "bob@example.com", "viewer").await;
    bob.post(&world, ACCEPT, json!({"invite": first})).await.refused(404, "not_found");
    let path = format!("{INVITES}/{}", made["id"].as_str().unwrap());
    for _ in 0..2 {
        assert_eq!(ada.send(&world, Method::DELETE, &path, None).await.ok(200)["status"], "revoked");
    }
    bob.post(&world, ACCEPT, json!({"invite": second})).await.refused(404, "not_found");
    let (_, third) = invited(&world, &mut ada, "bob@example.com", "viewer").await;
    world.sql(&format!("UPDATE invite SET expires_at_us = {}", service::clock::now().0)).await;
    bob.post(&world, ACCEPT, json!({"invite": third})).await.refused(404, "not_found");
    let listed = ada.get(&world, &format!("{INVITES}?limit=2")).await.ok(200);
    let seen: Vec<_> = listed["data"].as_array().unwrap().iter().map(|invite| invite["status"].clone()).collect();
    assert_eq!(seen, [json!("expired"), json!("revoked")]);
    let next = ada.get(&world, &format!("{INVITES}?cursor={}", listed["next_cursor"].as_str().unwrap())).await.ok(200);
    assert_eq!((next["data"].as_array().unwrap().len(), &next["next_cursor"]), (1, &Value::Null));
}

#[tokio::test]
async fn who_belongs_nowhere_comes_back_with_an_invitation() {
    let (world, mut ada) = adas(Signup::Invite).await;
    let (_, token) = invited(&world, &mut ada, "bob@example.com", "viewer").await;
    let (_, reply) = sign_up(&world, "bob@example.com", &token).await;
    let bob_id = reply.ok(201)["user"]["id"].clone();
    assert_eq!(ada.send(&world, Method::DELETE, &format!("/api/v1/members/{}", bob_id.as_str().unwrap()), None).await.status, 204);
    let mut bob = Browser::default();
    bob.log_in(&world, "bob@example.com", PASSWORD).await.refused(403, "permission_denied");
    let (_, again) = invited(&world, &mut ada, "bob@example.com", "billing").await;
    let body = json!({"email": "bob@example.com", "password": PASSWORD, "invite": again});
    let session = bob.post(&world, "/api/v1/auth/log-in", body).await.ok(200);
    assert_eq!(session["organizations"][0]["role"], "billing");
}

#[tokio::test]
async fn only_owners_invite_owners_and_only_operators_read_the_outbox() {
    let world = World::start().await;
    let admin = world.tenant(2, Role::Admin).await;
    let key = Some(admin.management_key.as_str());
    let invite = |role: &str| Some(json!({"email": "new@example.com", "role": role}));
    let reply = world.send(Method::POST, INVITES, key, invite("owner")).await;
    assert_eq!(reply.refused(403, "permission_denied"), Some("role"));
    world.send(Method::POST, INVITES, key, invite("admin")).await.ok(201);
    let wrong = world.send(Method::POST, INVITES, key, Some(json!({"email": "new", "role": "admin"}))).await;
    assert_eq!(wrong.refused(400, "invalid_request"), Some("email"));
    world.send(Method::GET, OUTBOX, key, None).await.refused(403, "permission_denied");
    let letters = world.get(OUTBOX).await.ok(200);
    let body = letters["data"][0]["body"].as_str().unwrap();
    assert!(body.starts_with("person2@example.com invites you to join Other 2 as admin."), "{body}");
    let token = body.split_once('#').unwrap().1.split_whitespace().next().unwrap();
    let log = world.send(Method::GET, "/api/v1/audit", key, None).await;
    assert!(log.text.contains("invite.created") && !log.text.contains(token), "{}", log.text);
}

#[tokio::test]
async fn a_letter_lies_in_the_outbox_folder() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = folder.path().join("outbox");
    let world = World::deserted(|settings| settings.outbox = Some(outbox.clone())).await;
    let mut ada = Browser::default();
    ada.sign_up(&world, "ada@example.com").await;
    let (_, token) = invited(&world, &mut ada, "bob@example.com", "viewer").await;
    world.letter("bob@example.com").await;
    let file = std::fs::read_dir(&outbox).unwrap().next().unwrap().unwrap().path();
    let letter = std::fs::read_to_string(file).unwrap();
    assert!(
        letter.starts_with("To: bob@example.com\nSubject: Invitation to ada's organization on llmg\n\n") && letter.contains(&token),
        "{letter}"
    );
}
