//! Coming in through a sign-in provider: who is let in, what proves nothing, and whose account is whose.

use axum::http::Method;
use serde_json::{Value, json};
use service::config::Signup;

use crate::tests::browser::{Browser, PASSWORD};
use crate::tests::sign_in_stub::{Signing, Stub, come_in, leave};
use crate::tests::world::World;

const BEGIN: &str = "/api/v1/auth/sign-in/begin";
const FINISH: &str = "/api/v1/auth/sign-in/finish";
const IDENTITIES: &str = "/api/v1/auth/identities";

async fn world(stub: &Stub, signup: Signup) -> World {
    let provider = stub.provider("stub");
    World::deserted(|settings| {
        settings.sign_in = vec![provider];
        settings.plain_providers = true;
        settings.signup = signup;
    })
    .await
}

fn ada() -> Value {
    json!({"sub": "ada", "email": "Ada@example.com", "email_verified": true, "name": "Ada L"})
}

#[tokio::test]
async fn somebody_new_gets_an_account_and_comes_in_again_whatever_their_address() {
    let stub = Stub::start().await;
    let world = world(&stub, Signup::Open).await;
    let mut browser = Browser::default();
    let door = browser.get(&world, "/api/v1/auth/settings").await.ok(200);
    assert_eq!(door["sign_in"], json!([{"id": "stub", "name": "Stub"}]));
    let first = come_in(&mut browser, &world, &stub, ada(), Signing::Honest).await.ok(200);
    assert_eq!((&first["user"]["email"], &first["user"]["name"]), (&json!("ada@example.com"), &json!("Ada L")));
    assert_eq!((&first["user"]["email_verified"], &first["user"]["has_password"]), (&json!(true), &json!(false)));
    assert_eq!(first["user"]["is_operator"], true);
    let moved = json!({"sub": "ada", "email": "other@example.com", "email_verified": false});
    let again = come_in(&mut browser, &world, &stub, moved, Signing::Honest).await.ok(200);
    assert_eq!((&again["user"]["id"], &again["user"]["email"]), (&first["user"]["id"], &json!("ada@example.com")));
    let listed = browser.get(&world, IDENTITIES).await.ok(200);
    assert_eq!((&listed["data"][0]["provider"], &listed["data"][0]["email"]), (&json!("stub"), &json!("other@example.com")));

    // No password opens it, in no other time and with no other answer than nobody's.
    for password in ["", PASSWORD] {
        let reply = Browser::default().log_in(&world, "ada@example.com", password).await;
        assert!(reply.status.is_client_error() && reply.body["code"] != "internal_error", "{}", reply.text);
    }
    // Nothing is deleted without one, and unlinking would lock out.
    let delete = json!({"email": "ada@example.com", "password": "x"});
    browser.post(&world, "/api/v1/auth/account/delete", delete).await.refused(409, "conflict");
    let one = format!("{IDENTITIES}/{}", listed["data"][0]["id"].as_str().unwrap());
    browser.send(&world, Method::DELETE, &one, None).await.refused(409, "conflict");
    world.sql("UPDATE session SET created_at_us = created_at_us - 600000000").await;
    let set = json!({"new_password": PASSWORD});
    browser.post(&world, "/api/v1/auth/password", set.clone()).await.refused(403, "permission_denied");
    world.sql("UPDATE session SET created_at_us = created_at_us + 600000000").await;
    assert_eq!(browser.post(&world, "/api/v1/auth/password", set.clone()).await.status, 204);
    let reply = browser.post(&world, "/api/v1/auth/password", set).await;
    assert_eq!(reply.refused(400, "invalid_request"), Some("current_password"));
    assert_eq!(browser.send(&world, Method::DELETE, &one, None).await.status, 204);
    Browser::default().log_in(&world, "ada@example.com", PASSWORD).await.ok(200);
}

#[tokio::test]
async fn what_proves_nothing_lets_nobody_in() {
    let stub = Stub::start().await;
    let world = world(&stub, Signup::Open).await;
    let now = service::clock::now().0 / 1_000_000;
    let lies = [
        (json!({"nonce": "another"}), Signing::Honest),
        (json!({"nonce": null}), Signing::Honest),
        (json!({"exp": now - 61}), Signing::Honest),
        (json!({"exp": null}), Signing::Honest),
        (json!({"iat": now - 3_600}), Signing::Honest),
        (json!({"iat": now + 3_600}), Signing::Honest),
        (json!({"nbf": now + 3_600}), Signing::Honest),
        (json!({"aud": "another"}), Signing::Honest),
        (json!({"aud": null}), Signing::Honest),
        (json!({"aud": ["llmg", "another"]}), Signing::Honest),
        (json!({"aud": ["llmg"], "azp": "another"}), Signing::Honest),
        (json!({"iss": "https://accounts.example.com"}), Signing::Honest),
        (json!({"sub": null}), Signing::Honest),
        (json!({"sub": ""}), Signing::Honest),
        (json!({}), Signing::OtherKey),
        (json!({}), Signing::None),
        (json!({}), Signing::PublicKeyAsSecret),
        (json!({}), Signing::ClientSecret),
    ];
    for (lie, signing) in lies {
        let mut claims = ada();
        claims.as_object_mut().unwrap().extend(lie.as_object().unwrap().clone());
        let mut browser = Browser { address: Some([192, 0, 2, 9]), ..Browser::default() };
        let reply = come_in(&mut browser, &world, &stub, claims, signing).await;
        reply.refused(401, "invalid_credentials");
    }
    for unproven in [json!({"email_verified": false}), json!({"email_verified": null}), json!({"email": "nonsense"})] {
        let mut claims = ada();
        claims.as_object_mut().unwrap().extend(unproven.as_object().unwrap().clone());
        come_in(&mut Browser::default(), &world, &stub, claims, Signing::Honest).await.refused(403, "permission_denied");
    }
    assert_eq!(store::people_count(&world.db).await.unwrap(), 0);
    // The same person with the truth.
    come_in(&mut Browser::default(), &world, &stub, ada(), Signing::Honest).await.ok(200);
}

#[tokio::test]
async fn an_answer_is_for_the_browser_that_left_and_works_once() {
    let stub = Stub::start().await;
    let world = world(&stub, Signup::Open).await;
    let (mut browser, mut other) = (Browser::default(), Browser::default());
    let url = leave(&mut browser, &world, BEGIN, json!({"provider": "stub"})).await;
    leave(&mut other, &world, BEGIN, json!({"provider": "stub"})).await;
    let (code, state) = stub.agree(&url, ada(), Signing::Honest);
    let answer = json!({"provider": "stub", "code": code, "state": state});
    let wrong_state = json!({"provider": "stub", "code": code, "state": format!("{state}x")});
    let cookie = browser.cookie.clone();
    for (who, answer) in [(&mut other, &answer), (&mut Browser::default(), &answer), (&mut browser.clone(), &wrong_state)] {
        assert_eq!(who.post(&world, FINISH, answer.clone()).await.refused(400, "invalid_request"), Some("state"));
    }
    let elsewhere = browser.with("origin", "https://evil.example.com");
    elsewhere.clone().post(&world, FINISH, answer.clone()).await.refused(403, "permission_denied");
    browser.post(&world, FINISH, answer.clone()).await.ok(200);
    // Whoever copied both the cookie and the answer gets nothing: the code was used.
    let mut thief = Browser { cookie, ..Browser::default() };
    thief.post(&world, FINISH, answer).await.refused(401, "invalid_credentials");
    Browser::default().post(&world, BEGIN, json!({"provider": "nobody"})).await.refused(404, "not_found");
}

#[tokio::test]
async fn an_account_is_shared_only_with_who_proved_the_same_address() {
    let stub = Stub::start().await;
    let world = world(&stub, Signup::Open).await;
    // Somebody signed up with an address that is not theirs, and waits for its owner.
    let session = Browser::default().sign_up(&world, "ada@example.com").await;
    come_in(&mut Browser::default(), &world, &stub, ada(), Signing::Honest).await.refused(409, "conflict");
    world.sql("UPDATE person SET email_verified_at_us = 1").await;
    let mut browser = Browser::default();
    let linked = come_in(&mut browser, &world, &stub, ada(), Signing::Honest).await.ok(200);
    assert_eq!(linked["user"]["id"], session["user"]["id"]);
    let log = browser.get(&world, "/api/v1/audit?action=person.identity_linked").await.ok(200);
    assert_eq!(log["data"].as_array().unwrap().len(), 1);

    // Another account of the same provider is nobody's way into it.
    let second = json!({"sub": "ada-2", "email": "ada@example.com", "email_verified": true});
    come_in(&mut Browser::default(), &world, &stub, second, Signing::Honest).await.refused(409, "conflict");
    world.sql("UPDATE person SET disabled_at_us = 1").await;
    come_in(&mut Browser::default(), &world, &stub, ada(), Signing::Honest).await.refused(403, "permission_denied");
}

#[tokio::test]
async fn sign_up_is_as_open_as_elsewhere_and_an_invitation_is_for_its_address() {
    let stub = Stub::start().await;
    for signup in [Signup::Closed, Signup::Invite, Signup::Domain] {
        let world = world(&stub, signup).await;
        let mut operator = Browser::default();
        come_in(&mut operator, &world, &stub, ada(), Signing::Honest).await.ok(200);
        let bob = json!({"sub": "bob", "email": "bob@example.com", "email_verified": true});
        come_in(&mut Browser::default(), &world, &stub, bob.clone(), Signing::Honest).await.refused(403, "permission_denied");
        operator.post(&world, "/api/v1/invites", json!({"email": "bob@example.com", "role": "viewer"})).await.ok(201);
        let token = world.letter("bob@example.com").await.secret.unwrap();
        let through = async |claims: Value| {
            let mut browser = Browser::default();
            let url = leave(&mut browser, &world, BEGIN, json!({"provider": "stub", "invite": token})).await;
            let (code, state) = stub.agree(&url, claims, Signing::Honest);
            browser.post(&world, FINISH, json!({"provider": "stub", "code": code, "state": state})).await
        };
        let carl = json!({"sub": "carl", "email": "carl@example.com", "email_verified": true});
        through(carl).await.refused(403, "permission_denied");
        if signup == Signup::Invite {
            assert_eq!(through(bob).await.ok(200)["organizations"][0]["role"], "viewer");
        } else {
            through(bob).await.refused(403, "permission_denied");
        }
    }
}

#[tokio::test]
async fn an_account_elsewhere_is_linked_by_whoever_is_logged_in_and_by_nobody_else() {
    let stub = Stub::start().await;
    let world = world(&stub, Signup::Open).await;
    *stub.userinfo.lock() = json!({"sub": "x"});
    let (mut ada, mut bob) = (Browser::default(), Browser::default());
    ada.sign_up(&world, "ada@example.com").await;
    bob.sign_up(&world, "bob@example.com").await;
    let (session, of_bob) = (ada.cookie.clone().unwrap(), bob.cookie.clone().unwrap());
    let begin = format!("{IDENTITIES}/begin");
    let finish = format!("{IDENTITIES}/finish");
    let url = leave(&mut ada, &world, &begin, json!({"provider": "stub"})).await;
    let (code, state) = stub.agree(&url, json!({"sub": "x", "email": "private@example.com"}), Signing::Honest);
    assert!(state.starts_with("link."));
    let answer = json!({"provider": "stub", "code": code, "state": state});
    // The answer to one question is none to the other, and none of another account's.
    assert_eq!(ada.clone().post(&world, FINISH, answer.clone()).await.refused(400, "invalid_request"), Some("state"));
    let mut mixed = Browser { cookie: Some(ada.cookie.clone().unwrap().replace(&session, &of_bob)), ..Browser::default() };
    assert_eq!(mixed.post(&world, &finish, answer.clone()).await.refused(400, "invalid_request"), Some("state"));
    assert_eq!(ada.post(&world, &finish, answer).await.ok(200)["provider"], "stub");
    let opened = come_in(&mut Browser::default(), &world, &stub, json!({"sub": "x"}), Signing::Honest).await.ok(200);
    assert_eq!(opened["user"]["email"], "ada@example.com");

    let url = leave(&mut bob, &world, &begin, json!({"provider": "stub"})).await;
    let (code, state) = stub.agree(&url, json!({"sub": "x"}), Signing::Honest);
    bob.post(&world, &finish, json!({"provider": "stub", "code": code, "state": state})).await.refused(409, "conflict");
}

#[tokio::test]
async fn an_address_may_come_from_where_the_provider_describes_people() {
    let stub = Stub::start().await;
    let world = world(&stub, Signup::Open).await;
    *stub.userinfo.lock() = json!({"sub": "somebody else", "email": "ada@example.com", "email_verified": true});
    come_in(&mut Browser::default(), &world, &stub, json!({"sub": "ada"}), Signing::Honest).await.refused(401, "invalid_credentials");
    *stub.userinfo.lock() = json!({"sub": "ada", "email": "ada@example.com", "email_verified": "true"});
    come_in(&mut Browser::default(), &world, &stub, json!({"sub": "ada"}), Signing::Honest).await.ok(200);
}
