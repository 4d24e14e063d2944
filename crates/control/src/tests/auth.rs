use axum::http::Method;
use axum::http::header::{RETRY_AFTER, SET_COOKIE};
use serde_json::{Value, json};
use service::config::Signup;

use crate::Front;
use crate::tests::browser::{Browser, PASSWORD};
use crate::tests::world::{Reply, World};

/// The refusal without what differs between any two requests.
fn anonymous(reply: &Reply) -> Value {
    let mut body = reply.body.clone();
    body["request_id"] = Value::Null;
    body
}

#[tokio::test]
async fn whoever_signs_up_first_runs_the_instance() {
    let world = World::deserted(|_| {}).await;
    let (mut ada, mut bob) = (Browser::default(), Browser::default());
    let door = ada.get(&world, "/api/v1/auth/settings").await.ok(200);
    assert_eq!(door, json!({"signup": "open", "first": true, "mail": false, "log_in": true, "sign_in": [], "version": "0.1.0"}));

    let reply = ada.post(&world, "/api/v1/auth/sign-up", json!({"email": "Ada@Example.com", "password": PASSWORD, "name": "Ada"})).await;
    let cookie = reply.headers[SET_COOKIE].to_str().unwrap().to_owned();
    assert!(cookie.starts_with("llmg_session=") && cookie.ends_with("; Path=/; Max-Age=7776000; HttpOnly; SameSite=Lax"), "{cookie}");
    let session = reply.ok(201);
    assert_eq!((&session["user"]["email"], &session["user"]["name"]), (&json!("ada@example.com"), &json!("Ada")));
    assert_eq!((&session["user"]["is_operator"], &session["organizations"][0]["role"]), (&json!(true), &json!("owner")));
    assert_eq!(session["organizations"][0]["name"], "Ada's organization");
    assert_eq!(session["organizations"][0]["id"], session["organization_id"]);
    assert_eq!(ada.get(&world, "/api/v1/auth/session").await.ok(200)["id"], session["id"]);
    let projects = ada.get(&world, "/api/v1/projects").await.ok(200);
    assert_eq!((&projects["data"][0]["name"], &projects["data"][0]["mode"]), (&json!("Default"), &json!("hybrid")));
    assert_eq!(ada.get(&world, "/api/v1/credits").await.ok(200)["credits_usd"], "5.000000000");

    let further = bob.sign_up(&world, "bob@example.com").await;
    assert_eq!((&further["user"]["is_operator"], &further["user"]["name"]), (&json!(false), &json!("bob")));
    assert_eq!(bob.get(&world, "/api/v1/credits").await.ok(200)["credits_nano_usd"], 0);
    assert_eq!(bob.get(&world, "/api/v1/auth/settings").await.ok(200)["first"], false);
    let grant = json!({"amount_usd": "1", "reason": "gift", "organization_id": further["organization_id"]});
    bob.post(&world, "/api/v1/credits/grants", grant.clone()).await.refused(403, "permission_denied");
    ada.post(&world, "/api/v1/credits/grants", grant).await.ok(201);

    let taken = Browser::default().post(&world, "/api/v1/auth/sign-up", json!({"email": "BOB@example.com", "password": PASSWORD})).await;
    assert_eq!(taken.refused(409, "conflict"), Some("email"));
}

#[tokio::test]
async fn a_closed_instance_still_has_a_first_person() {
    for signup in [Signup::Closed, Signup::Invite, Signup::Domain] {
        let world = World::deserted(|settings| settings.signup = signup).await;
        assert_eq!(Browser::default().sign_up(&world, "ada@example.com").await["user"]["is_operator"], true);
        for email in ["bob@example.com", "ada@example.com"] {
            let reply = Browser::default().post(&world, "/api/v1/auth/sign-up", json!({"email": email, "password": PASSWORD})).await;
            reply.refused(403, "permission_denied");
        }
    }
}

#[tokio::test]
async fn senseless_accounts_are_refused() {
    let world = World::deserted(|_| {}).await;
    for (email, password, name, param) in [
        ("ada", PASSWORD, "Ada", "email"),
        ("ada@example.com", "1234567", "Ada", "password"),
        ("ada@example.com", &"x".repeat(257), "Ada", "password"),
        ("ada@example.com", PASSWORD, " ", "name"),
    ] {
        let body = json!({"email": email, "password": password, "name": name});
        let reply = Browser::default().post(&world, "/api/v1/auth/sign-up", body).await;
        assert_eq!(reply.refused(400, "invalid_request"), Some(param));
        assert!(!reply.text.contains(password), "the answer repeats the password");
    }
    let extra = json!({"email": "ada@example.com", "password": PASSWORD, "is_operator": true});
    let reply = Browser::default().post(&world, "/api/v1/auth/sign-up", extra).await;
    assert_eq!(reply.refused(400, "invalid_request"), Some("is_operator"));
}

#[tokio::test]
async fn a_log_in_says_nothing_about_who_exists_and_makes_a_new_token() {
    let world = World::deserted(|_| {}).await;
    let mut ada = Browser::default();
    ada.sign_up(&world, "ada@example.com").await;
    let first = ada.cookie.clone().unwrap();
    let unknown = Browser::default().log_in(&world, "eve@example.com", PASSWORD).await;
    let wrong = Browser::default().log_in(&world, "ada@example.com", "wrong horse").await;
    unknown.refused(401, "invalid_credentials");
    assert_eq!(anonymous(&unknown), anonymous(&wrong));
    assert!(!unknown.headers.contains_key(SET_COOKIE) && !wrong.headers.contains_key(SET_COOKIE));

    ada.log_in(&world, " ADA@example.com", PASSWORD).await.ok(200);
    let second = ada.cookie.clone().unwrap();
    assert_ne!(first, second);
    for cookie in [&first, &second] {
        let token = cookie.split_once('=').unwrap().1.as_bytes();
        assert_eq!(token.len(), 43);
        assert!(!world.stored_bytes().windows(token.len()).any(|bytes| bytes == token), "a token is stored");
    }
    let reply = ada.send(&world, Method::POST, "/api/v1/auth/log-out", None).await;
    assert_eq!((reply.status.as_u16(), ada.cookie.clone()), (204, None));
    let mut stale = Browser { cookie: Some(second), ..Browser::default() };
    stale.get(&world, "/api/v1/auth/session").await.refused(401, "session_ended");
    stale.get(&world, "/api/v1/credits").await.refused(401, "session_ended");
    assert_eq!(stale.send(&world, Method::POST, "/api/v1/auth/log-out", None).await.status, 204);
    let mut other = Browser { cookie: Some(first), ..Browser::default() };
    other.get(&world, "/api/v1/auth/session").await.ok(200);
}

#[tokio::test]
async fn guessing_is_slowed_down_for_the_guesser_only() {
    let world = World::deserted(|_| {}).await;
    let mut ada = Browser { address: Some([192, 0, 2, 9]), ..Browser::default() };
    ada.sign_up(&world, "ada@example.com").await;
    let mut eve = Browser::default();
    for _ in 0..8 {
        eve.log_in(&world, "ada@example.com", "wrong horse").await.refused(401, "invalid_credentials");
    }
    let slowed = eve.log_in(&world, "Ada@example.com", PASSWORD).await;
    slowed.refused(429, "rate_limit_exceeded");
    let seconds: u64 = slowed.headers[RETRY_AFTER].to_str().unwrap().parse().unwrap();
    assert!((1..=15).contains(&seconds), "{seconds}");
    ada.log_in(&world, "ada@example.com", PASSWORD).await.ok(200);
}

#[tokio::test]
async fn other_sites_and_other_hosts_do_nothing_with_a_session() {
    let world = World::deserted(|_| {}).await;
    let mut ada = Browser::default();
    ada.sign_up(&world, "ada@example.com").await;
    let name = || json!({"name": "k"});
    for (header, value) in [
        ("origin", ""),
        ("origin", "null"),
        ("origin", "http://evil.example"),
        ("origin", "http://127.0.0.1:4001"),
        ("origin", "https://127.0.0.1:4000"),
        ("origin", "http://localhost:4000"),
        ("host", ""),
        ("host", "evil.example:4000"),
        ("host", "127.0.0.1"),
    ] {
        let mut forged = ada.with(header, value);
        forged.post(&world, "/api/v1/api-keys", name()).await.refused(403, "permission_denied");
        let body = json!({"current_password": PASSWORD, "new_password": "another horse"});
        forged.post(&world, "/api/v1/auth/password", body).await.refused(403, "permission_denied");
        forged.send(&world, Method::POST, "/api/v1/auth/log-out", None).await.refused(403, "permission_denied");
        if !value.is_empty() || header == "host" {
            forged.log_in(&world, "ada@example.com", PASSWORD).await.refused(403, "permission_denied");
            forged.get(&world, "/api/v1/credits").await.refused(403, "permission_denied");
        }
    }
    ada.get(&world, "/api/v1/credits").await.ok(200);
    ada.post(&world, "/api/v1/api-keys", name()).await.ok(201);
    // A key is no cookie: nothing sends it by itself.
    let key = world.tenant(2, store::Role::Owner).await.management_key;
    let mut program = Browser::default().with("authorization", &format!("Bearer {key}")).with("origin", "http://evil.example");
    program.post(&world, "/api/v1/api-keys", name()).await.ok(201);
}

#[tokio::test]
async fn passwords_do_not_travel_where_others_listen() {
    let world = World::deserted(|settings| settings.front = Front::Closed).await;
    let mut ada = Browser::default();
    assert_eq!(ada.get(&world, "/api/v1/auth/settings").await.ok(200)["log_in"], false);
    for path in ["/api/v1/auth/sign-up", "/api/v1/auth/log-in"] {
        let reply = ada.post(&world, path, json!({"email": "ada@example.com", "password": PASSWORD})).await;
        reply.refused(403, "permission_denied");
        assert!(reply.text.contains("tls_cert"), "{}", reply.text);
    }
}

#[tokio::test]
async fn over_tls_only_the_cookie_of_this_host_counts() {
    let front = Front::of(Some("https://llm.example.com"), false, "0.0.0.0:4000".parse().unwrap());
    let world = World::deserted(|settings| settings.front = front).await;
    let mut ada = Browser::default().with("host", "llm.example.com").with("origin", "https://llm.example.com");
    ada.sign_up(&world, "ada@example.com").await;
    let cookie = ada.cookie.clone().unwrap();
    assert!(cookie.starts_with("__Host-llmg_session="), "{cookie}");
    ada.get(&world, "/api/v1/credits").await.ok(200);
    ada.cookie = Some(cookie.replace("__Host-", ""));
    ada.get(&world, "/api/v1/credits").await.refused(401, "missing_api_key");
}
