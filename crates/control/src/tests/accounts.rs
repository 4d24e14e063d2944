//! Confirmed accounts, verified addresses, reset passwords; and what a stranger learns of it: nothing.

use domain::Secret;
use serde_json::{Value, json};
use store::MailStatus;

use crate::Smtp;
use crate::tests::browser::{Browser, PASSWORD};
use crate::tests::world::{Reply, World};

const SIGN_UP: &str = "/api/v1/auth/sign-up";
const CONFIRM: &str = "/api/v1/auth/sign-up/confirm";
const FORGOT: &str = "/api/v1/auth/password/forgot";
const RESET: &str = "/api/v1/auth/password/reset";
const VERIFY: &str = "/api/v1/auth/email/verify";

/// With a mail server that does not answer: letters wait.
async fn with_mail() -> World {
    let url = Secret::new("smtp://127.0.0.1:1".to_owned());
    World::deserted(|settings| settings.smtp = Some(Smtp::new(&url, "llmg <no-reply@example.com>").unwrap())).await
}

fn account(email: &str) -> Value {
    json!({"email": email, "password": PASSWORD})
}

fn same(a: &Reply, b: &Reply) {
    let without_id = |reply: &Reply| {
        let mut headers = reply.headers.clone();
        // What is left of the caller's limit counts requests, whatever they ask.
        for name in ["x-llmg-request-id", "ratelimit-remaining", "ratelimit-reset"] {
            headers.remove(name);
        }
        (reply.status, headers, reply.text.clone())
    };
    assert_eq!(without_id(a), without_id(b), "a stranger sees a difference");
}

#[tokio::test]
async fn passwords_that_everybody_guesses_are_refused_everywhere() {
    let world = World::deserted(|_| {}).await;
    let mut ada = Browser::default();
    let common = json!({"email": "ada@example.com", "password": "Password1"});
    assert_eq!(ada.post(&world, SIGN_UP, common).await.refused(400, "invalid_request"), Some("password"));
    ada.sign_up(&world, "ada@example.com").await;
    let change = json!({"current_password": PASSWORD, "new_password": "Password1"});
    assert_eq!(ada.post(&world, "/api/v1/auth/password", change).await.refused(400, "invalid_request"), Some("new_password"));
    ada.post(&world, FORGOT, json!({"email": "ada@example.com"})).await.ok(202);
    let token = world.letter("ada@example.com").await.secret.unwrap();
    let reset = json!({"token": token, "new_password": "Password1"});
    assert_eq!(ada.post(&world, RESET, reset).await.refused(400, "invalid_request"), Some("new_password"));
}

#[tokio::test]
async fn a_sign_up_tells_nobody_who_has_an_account() {
    let world = with_mail().await;
    let mut ada = Browser::default();
    ada.sign_up(&world, "ada@example.com").await;
    let mut eve = Browser::default();
    let known = eve.post(&world, SIGN_UP, account("Ada@example.com")).await;
    let unknown = eve.post(&world, SIGN_UP, account("bob@example.com")).await;
    assert_eq!((unknown.status.as_u16(), &unknown.body), (202, &json!({"letter": true})));
    same(&known, &unknown);
    assert!(eve.cookie.is_none());
    let told = world.letter("ada@example.com").await;
    assert!(told.secret.is_none() && told.text(true).contains("you have one already"), "{}", told.text(true));
    eve.log_in(&world, "bob@example.com", PASSWORD).await.refused(401, "invalid_credentials");
    assert_eq!(store::people_count(&world.db).await.unwrap(), 1, "nothing is made before the letter's token came back");
    // Whoever has the letter only did not choose the password.
    let letter = world.letter("bob@example.com").await;
    let token = letter.secret.clone().unwrap();
    assert!(letter.text(true).contains(&format!("http://127.0.0.1:4000/confirm-sign-up#{token}")), "{}", letter.text(true));
    let mut bob = Browser::default();
    let wrong = json!({"token": token, "password": "another horse"});
    assert_eq!(bob.post(&world, CONFIRM, wrong).await.refused(401, "invalid_credentials"), Some("password"));
    let right = json!({"token": token, "password": PASSWORD});
    let session = bob.post(&world, CONFIRM, right.clone()).await.ok(201);
    assert_eq!((&session["user"]["email_verified"], &session["user"]["is_operator"]), (&json!(true), &json!(false)));
    assert_eq!(bob.get(&world, "/api/v1/projects").await.ok(200)["data"][0]["name"], "Default");
    assert_eq!(bob.post(&world, CONFIRM, right).await.refused(404, "not_found"), Some("token"), "a token works once");
    assert_eq!(world.letter("bob@example.com").await.secret, None);
    let first = world.stored_bytes().windows(token.len()).filter(|bytes| *bytes == token.as_bytes()).count();
    assert_eq!(store::mail_list(&world.db, None, 9).await.unwrap().iter().filter(|row| row.secret.is_some()).count(), 1, "{first}");
}

#[tokio::test]
async fn a_reset_tells_nobody_who_has_an_account() {
    let world = World::deserted(|_| {}).await;
    let mut ada = Browser { address: Some([192, 0, 2, 9]), ..Browser::default() };
    ada.sign_up(&world, "ada@example.com").await;
    let mut eve = Browser::default();
    let known = eve.post(&world, FORGOT, json!({"email": "ada@example.com"})).await;
    let unknown = eve.post(&world, FORGOT, json!({"email": "nobody@example.com"})).await;
    assert_eq!((known.status.as_u16(), &known.body), (202, &json!({"letter": true})));
    same(&known, &unknown);
    assert_eq!(world.letters().await, 1);

    let letter = world.letter("ada@example.com").await;
    assert_eq!(letter.status, MailStatus::Kept, "without a mail server the operator passes it on");
    let token = letter.secret.clone().unwrap();
    assert!(letter.text(true).contains(&format!("/reset-password#{token}")));
    let outbox = ada.get(&world, "/api/v1/operator/outbox").await.ok(200);
    assert!(outbox["data"][0]["body"].as_str().unwrap().contains(&token));
    for wrong in ["", "x", &"x".repeat(500)] {
        let body = json!({"token": wrong, "new_password": "another horse"});
        assert_eq!(eve.post(&world, RESET, body).await.refused(404, "not_found"), Some("token"));
    }
    let reset = json!({"token": token, "new_password": "another horse"});
    assert_eq!(eve.post(&world, RESET, reset.clone()).await.status, 204);
    assert_eq!(eve.post(&world, RESET, reset).await.refused(404, "not_found"), Some("token"), "a token works once");
    ada.get(&world, "/api/v1/auth/session").await.refused(401, "session_ended");
    ada.log_in(&world, "ada@example.com", PASSWORD).await.refused(401, "invalid_credentials");
    let session = ada.log_in(&world, "ada@example.com", "another horse").await.ok(200);
    assert_eq!(session["user"]["email_verified"], true, "who got the letter has the address");
    let outbox = ada.get(&world, "/api/v1/operator/outbox").await.ok(200);
    assert!(!outbox.to_string().contains(&token), "a used token is still in the outbox");
    let row = world.letter("ada@example.com").await;
    assert_eq!((row.secret, row.status), (None, MailStatus::Withdrawn));
}

#[tokio::test]
async fn few_letters_go_to_one_address_and_few_are_asked_for_from_one() {
    let world = World::deserted(|_| {}).await;
    let mut ada = Browser { address: Some([192, 0, 2, 9]), ..Browser::default() };
    ada.sign_up(&world, "ada@example.com").await;
    let mut statuses = Vec::new();
    for n in 0..12 {
        let mut eve = Browser { address: Some([198, 51, 100, 1]), ..Browser::default() };
        statuses.push(eve.post(&world, FORGOT, json!({"email": "ada@example.com"})).await.status.as_u16());
        assert!(world.letters().await <= 3, "{n}");
    }
    assert_eq!((&statuses[..10], &statuses[10..]), (&[202; 10][..], &[429, 429][..]));
    // The last letter still works: the owner is not locked out.
    let token = world.letter("ada@example.com").await.secret.unwrap();
    ada.post(&world, FORGOT, json!({"email": "ada@example.com"})).await.ok(202);
    assert_eq!(world.letters().await, 3);
    assert_eq!(ada.post(&world, RESET, json!({"token": token, "new_password": "another horse"})).await.status, 204);
}

#[tokio::test]
async fn invitations_need_a_verified_address_where_letters_are_sent() {
    let world = with_mail().await;
    let mut ada = Browser::default();
    let session = ada.sign_up(&world, "ada@example.com").await;
    assert_eq!((&session["user"]["email_verified"], &session["user"]["must_verify_email"]), (&json!(false), &json!(true)));
    let invite = json!({"email": "bob@example.com", "role": "viewer"});
    let refused = ada.post(&world, "/api/v1/invites", invite.clone()).await;
    refused.refused(403, "permission_denied");
    assert!(refused.text.contains("verify your e-mail address"), "{}", refused.text);
    let first = world.letter("ada@example.com").await;
    assert_eq!(first.status, MailStatus::Waiting, "the mail server is away");
    assert!(first.error.is_some() && first.tries == 1);
    let outbox = ada.get(&world, "/api/v1/operator/outbox").await.ok(200);
    assert!(!outbox.to_string().contains(first.secret.as_ref().unwrap()), "an operator reads other people's letters");
    assert_eq!(ada.post(&world, "/api/v1/auth/email/resend", json!({})).await.status, 204);
    let second = world.letter("ada@example.com").await.secret.unwrap();
    let mut anybody = Browser::default();
    let old = json!({"token": first.secret});
    assert_eq!(anybody.post(&world, VERIFY, old).await.refused(404, "not_found"), Some("token"));
    assert_eq!(anybody.post(&world, VERIFY, json!({"token": second})).await.status, 204);
    let session = ada.get(&world, "/api/v1/auth/session").await.ok(200);
    assert_eq!((&session["user"]["email_verified"], &session["user"]["must_verify_email"]), (&json!(true), &json!(false)));
    ada.post(&world, "/api/v1/invites", invite).await.ok(201);
    let count = world.letters().await;
    assert_eq!(ada.post(&world, "/api/v1/auth/email/resend", json!({})).await.status, 204);
    assert_eq!(world.letters().await, count, "a proven address needs no letter");
    // The invited prove their address by the invitation.
    let token = world.letter("bob@example.com").await.secret.unwrap();
    let body = json!({"email": "bob@example.com", "password": PASSWORD, "invite": token});
    assert_eq!(Browser::default().post(&world, SIGN_UP, body).await.ok(201)["user"]["email_verified"], true);
    assert_eq!(world.letter("bob@example.com").await.secret, None, "a used invitation stays in the outbox");
}

#[tokio::test]
async fn without_a_mail_server_nothing_waits_for_a_letter() {
    let world = World::deserted(|_| {}).await;
    let mut ada = Browser::default();
    let session = ada.sign_up(&world, "ada@example.com").await;
    assert_eq!((&session["user"]["email_verified"], &session["user"]["must_verify_email"]), (&json!(false), &json!(false)));
    ada.post(&world, "/api/v1/invites", json!({"email": "bob@example.com", "role": "viewer"})).await.ok(201);
    assert_eq!(world.letter("bob@example.com").await.status, MailStatus::Kept);
}
