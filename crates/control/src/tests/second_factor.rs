//! A log-in in two steps: nobody comes in with a password alone once its person wants more.

use axum::http::Method;
use axum::http::header::SET_COOKIE;
use serde_json::{Value, json};
use totp_rs::{Builder, Secret};

use crate::tests::browser::{Browser, PASSWORD};
use crate::tests::world::{Reply, World};

const ADA: &str = "ada@example.com";
const FACTOR: &str = "/api/v1/auth/second-factor";
const SECOND: &str = "/api/v1/auth/log-in/second";

/// What an authenticator app shows now, or some steps ahead.
pub fn app_code(secret: &str, ahead: u64) -> String {
    let totp = Builder::new().with_secret(Secret::try_from_base32(secret).unwrap()).build().unwrap();
    let now = u64::try_from(service::clock::now().0 / 1_000_000).unwrap();
    totp.generate(now + 30 * ahead).to_string()
}

/// A code that fits at no time near now.
fn wrong_code(secret: &str) -> String {
    let now = service::clock::now();
    let near: Vec<_> = (0..4).map(|ahead| app_code(secret, ahead)).collect();
    let guess = (0..5).map(|n| format!("{:06}", (now.0 + n) % 1_000_000));
    guess.into_iter().find(|code| !near.contains(code)).unwrap()
}

/// Sets the second factor up; answers its secret and the recovery codes.
async fn set_up(world: &World, ada: &mut Browser) -> (String, Vec<String>) {
    let made = ada.post(world, &format!("{FACTOR}/totp"), json!({"password": PASSWORD})).await.ok(200);
    let secret = made["secret"].as_str().unwrap().to_owned();
    let codes = ada.post(world, &format!("{FACTOR}/totp/confirm"), json!({"code": app_code(&secret, 0)})).await.ok(200);
    let codes: Vec<_> = codes["recovery_codes"].as_array().unwrap().iter().map(|code| code.as_str().unwrap().to_owned()).collect();
    (secret, codes)
}

/// The token of a log-in that owes its second factor.
async fn owed(world: &World, browser: &mut Browser, password: &str) -> Value {
    let reply = browser.log_in(world, ADA, password).await;
    assert!(!reply.headers.contains_key(SET_COOKIE), "a cookie before the second factor");
    let body = reply.ok(202);
    assert_eq!(body["second_factor"], true);
    body["token"].clone()
}

async fn second(world: &World, browser: &mut Browser, token: &Value, code: &str) -> Reply {
    browser.post(world, SECOND, json!({"token": token, "code": code})).await
}

#[tokio::test]
async fn a_log_in_owes_its_second_factor_and_each_code_counts_once() {
    let world = World::deserted(|_| {}).await;
    let (mut ada, mut phone) = (Browser::default(), Browser::default());
    ada.sign_up(&world, ADA).await;
    let none = json!({"totp": false, "totp_at": null, "recovery_codes": 0});
    assert_eq!(ada.get(&world, FACTOR).await.ok(200), none);
    let setting = format!("{FACTOR}/totp");
    let reply = ada.post(&world, &setting, json!({"password": "wrong horse"})).await;
    assert_eq!(reply.refused(403, "permission_denied"), Some("password"));
    ada.post(&world, &format!("{setting}/confirm"), json!({"code": "123456"})).await.refused(409, "conflict");
    let made = ada.post(&world, &setting, json!({"password": PASSWORD})).await.ok(200);
    let secret = made["secret"].as_str().unwrap().to_owned();
    let url = format!("otpauth://totp/llmg:ada%40example.com?secret={secret}&issuer=llmg");
    assert_eq!(made["url"], url);
    phone.log_in(&world, ADA, PASSWORD).await.ok(200);
    let wrong = json!({"code": wrong_code(&secret)});
    assert_eq!(ada.post(&world, &format!("{setting}/confirm"), wrong).await.refused(403, "permission_denied"), Some("code"));

    let first = app_code(&secret, 0);
    let codes = ada.post(&world, &format!("{setting}/confirm"), json!({"code": first})).await.ok(200);
    let codes: Vec<_> = codes["recovery_codes"].as_array().unwrap().iter().map(|code| code.as_str().unwrap().to_owned()).collect();
    assert_eq!((codes.len(), codes[0].len()), (10, 19));
    phone.get(&world, "/api/v1/auth/session").await.refused(401, "session_ended");
    ada.post(&world, &setting, json!({"password": PASSWORD})).await.refused(409, "conflict");

    let token = owed(&world, &mut phone, PASSWORD).await;
    phone.get(&world, "/api/v1/auth/session").await.refused(401, "session_ended");
    for code in [wrong_code(&secret), first, "0000-0000-0000-0000".to_owned(), "x".to_owned(), String::new()] {
        let reply = second(&world, &mut phone, &token, &code).await;
        assert_eq!(reply.refused(401, "invalid_credentials"), Some("code"), "{code}");
    }
    let next = app_code(&secret, 1);
    second(&world, &mut phone, &token, &next).await.ok(200);
    second(&world, &mut phone, &token, &codes[9]).await.refused(401, "session_ended");
    let list = phone.get(&world, "/api/v1/auth/sessions").await.ok(200);
    assert_eq!((&list["data"][0]["proof"], &list["data"][0]["second_factor"]), (&json!("password"), &json!("totp")));
    assert_eq!(list["data"][1]["second_factor"], Value::Null);

    let token = owed(&world, &mut Browser::default(), PASSWORD).await;
    second(&world, &mut phone, &token, &next).await.refused(401, "invalid_credentials");
    second(&world, &mut phone, &token, &codes[0].to_uppercase().replace('-', " ")).await.ok(200);
    let token = owed(&world, &mut Browser::default(), PASSWORD).await;
    second(&world, &mut phone, &token, &codes[0]).await.refused(401, "invalid_credentials");
    assert_eq!(phone.get(&world, FACTOR).await.ok(200)["recovery_codes"], 9);

    let stored = world.stored_bytes();
    for secret in codes.iter().chain([&secret, &token.as_str().unwrap().to_owned()]) {
        assert!(!stored.windows(secret.len()).any(|bytes| bytes == secret.as_bytes()), "a secret is stored in clear");
    }
}

#[tokio::test]
async fn another_password_goes_round_nothing_and_ends_log_ins_that_wait() {
    let world = World::deserted(|_| {}).await;
    let (mut ada, mut eve) = (Browser::default(), Browser::default());
    ada.sign_up(&world, ADA).await;
    let (_, codes) = set_up(&world, &mut ada).await;
    let token = owed(&world, &mut eve, PASSWORD).await;
    ada.post(&world, "/api/v1/auth/password/forgot", json!({"email": ADA})).await.ok(202);
    let letter = world.letter(ADA).await.secret.unwrap();
    let reset = json!({"token": letter, "new_password": "another horse"});
    assert_eq!(ada.post(&world, "/api/v1/auth/password/reset", reset).await.status, 204);
    second(&world, &mut eve, &token, &codes[0]).await.refused(401, "session_ended");
    let token = owed(&world, &mut ada, "another horse").await;
    second(&world, &mut ada, &token, &codes[0]).await.ok(200);

    let waits = owed(&world, &mut eve, "another horse").await;
    let change = json!({"current_password": "another horse", "new_password": "third horse"});
    assert_eq!(ada.post(&world, "/api/v1/auth/password", change).await.status, 204);
    second(&world, &mut eve, &waits, &codes[1]).await.refused(401, "session_ended");
    let late = owed(&world, &mut eve, "third horse").await;
    world.sql("UPDATE pending_log_in SET expires_at_us = created_at_us").await;
    second(&world, &mut eve, &late, &codes[1]).await.refused(401, "session_ended");
}

#[tokio::test]
async fn guessing_codes_ends_soon_and_strangers_learn_nothing() {
    let world = World::deserted(|_| {}).await;
    let mut ada = Browser { address: Some([192, 0, 2, 9]), ..Browser::default() };
    ada.sign_up(&world, ADA).await;
    let unknown = Browser::default().log_in(&world, "eve@example.com", "wrong horse").await;
    let (secret, codes) = set_up(&world, &mut ada).await;
    let wrong = Browser::default().log_in(&world, ADA, "wrong horse").await;
    assert_eq!((unknown.status, &unknown.body["detail"]), (wrong.status, &wrong.body["detail"]));

    let mut eve = Browser::default();
    for _ in 0..8 {
        let token = owed(&world, &mut eve, PASSWORD).await;
        second(&world, &mut eve, &token, &wrong_code(&secret)).await.refused(401, "invalid_credentials");
    }
    let token = owed(&world, &mut eve, PASSWORD).await;
    second(&world, &mut eve, &token, &app_code(&secret, 1)).await.refused(429, "rate_limit_exceeded");
    for n in 0..12 {
        eve.address = Some([198, 51, 100, n]);
        let token = owed(&world, &mut eve, PASSWORD).await;
        second(&world, &mut eve, &token, &wrong_code(&secret)).await.refused(401, "invalid_credentials");
    }
    eve.address = Some([198, 51, 100, 99]);
    second(&world, &mut eve, &token, &app_code(&secret, 1)).await.refused(429, "rate_limit_exceeded");
    // Ada comes in from where she confirmed her app, and elsewhere with a recovery code.
    let token = owed(&world, &mut ada, PASSWORD).await;
    second(&world, &mut ada, &token, &app_code(&secret, 1)).await.ok(200);
    let mut away = Browser { address: Some([203, 0, 113, 7]), ..Browser::default() };
    let token = owed(&world, &mut away, PASSWORD).await;
    second(&world, &mut away, &token, &codes[0]).await.ok(200);
}

#[tokio::test]
async fn a_second_factor_ends_with_both_proofs_or_by_an_operator() {
    let world = World::deserted(|_| {}).await;
    let (mut olga, mut ada) = (Browser::default(), Browser::default());
    olga.sign_up(&world, "olga@example.com").await;
    let id = ada.sign_up(&world, ADA).await["user"]["id"].as_str().unwrap().to_owned();
    let (secret, codes) = set_up(&world, &mut ada).await;
    let both = |password: &str, code: &str| json!({"password": password, "code": code});
    for path in ["remove", "recovery-codes"] {
        let path = format!("{FACTOR}/{path}");
        assert_eq!(ada.post(&world, &path, both("wrong horse", &codes[0])).await.refused(403, "permission_denied"), Some("password"));
        assert_eq!(ada.post(&world, &path, both(PASSWORD, &wrong_code(&secret))).await.refused(403, "permission_denied"), Some("code"));
    }
    let renewed = ada.post(&world, &format!("{FACTOR}/recovery-codes"), both(PASSWORD, &codes[0])).await.ok(200);
    let renewed = renewed["recovery_codes"][3].as_str().unwrap();
    let removing = format!("{FACTOR}/remove");
    assert_eq!(ada.post(&world, &removing, both(PASSWORD, &codes[1])).await.refused(403, "permission_denied"), Some("code"));
    assert_eq!(ada.post(&world, &removing, both(PASSWORD, renewed)).await.status, 204);
    ada.log_in(&world, ADA, PASSWORD).await.ok(200);

    set_up(&world, &mut ada).await;
    let token = owed(&world, &mut Browser::default(), PASSWORD).await;
    let one = format!("/api/v1/operator/people/{id}");
    ada.send(&world, Method::DELETE, &format!("{one}/second-factor"), None).await.refused(403, "permission_denied");
    let row = olga.get(&world, "/api/v1/operator/people?search=ada").await.ok(200);
    assert_eq!(row["data"][0]["second_factor"], true);
    for lines in [1, 1] {
        let row = olga.send(&world, Method::DELETE, &format!("{one}/second-factor"), None).await.ok(200);
        assert_eq!(row["second_factor"], false);
        let log = olga.get(&world, "/api/v1/audit?action=person.second_factor_removed").await.ok(200);
        assert_eq!(log["data"].as_array().unwrap().len(), lines);
        assert_eq!(log["data"][0]["subject"], json!({"kind": "person", "id": id}));
    }
    second(&world, &mut ada, &token, "123456").await.refused(401, "invalid_credentials");
    ada.log_in(&world, ADA, PASSWORD).await.ok(200);

    set_up(&world, &mut ada).await;
    let token = owed(&world, &mut Browser::default(), PASSWORD).await;
    olga.send(&world, Method::PATCH, &one, Some(json!({"disabled": true}))).await.ok(200);
    second(&world, &mut ada, &token, "123456").await.refused(401, "session_ended");
}
