use std::sync::Arc;

use axum::http::Method;
use parking_lot::Mutex;
use seal::{MasterKey, MasterKeys};
use serde_json::{Value, json};
use store::{ChangeKind, Role, changes_after, data_key_get, provider_keys_sealed, revision_latest};
use tracing::Level;
use tracing::subscriber::DefaultGuard;

use crate::tests::browser::Browser;
use crate::tests::world::{Reply, World};
use crate::{KeyAnswer, KeyCheck, KeyQuestion};

const KEYS: &str = "/api/v1/provider-keys";
/// Saved once, and then nowhere to be seen.
const CANARY: &str = "sk-canary-a8Zq41mWnE77tRk0PfLx";

fn openai(name: &str, key: &str) -> Value {
    json!({"provider": "openai", "name": name, "key": key})
}

/// All that is secret of what was asked with.
fn key_of(question: &KeyQuestion) -> String {
    question.secret.secrets().iter().map(|secret| secret.expose().as_str()).collect::<Vec<_>>().join(" ")
}

/// What the provider was asked.
type Asked = Arc<Mutex<Vec<KeyQuestion>>>;

/// A provider that answers what it is told to, and notes what it was asked.
fn provider(answer: KeyAnswer) -> (KeyCheck, Asked) {
    let asked = Asked::default();
    let notes = Arc::clone(&asked);
    let check = KeyCheck::Ask(Arc::new(move |question| {
        notes.lock().push(question);
        Box::pin(std::future::ready(answer))
    }));
    (check, asked)
}

async fn signed_up(answer: KeyAnswer) -> (World, Browser, Asked) {
    let (check, asked) = provider(answer);
    let world = World::deserted(|settings| settings.key_check = check).await;
    let mut ada = Browser::default();
    ada.sign_up(&world, "ada@example.com").await;
    (world, ada, asked)
}

/// Everything that this thread logs, at every level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn capture(&self) -> DefaultGuard {
        let log = self.clone();
        let subscriber = tracing_subscriber::fmt().with_max_level(Level::TRACE).with_writer(move || log.clone()).finish();
        tracing::subscriber::set_default(subscriber)
    }
}

#[tokio::test]
async fn a_saved_key_is_tested_masked_and_sealed() {
    let (world, mut ada, asked) = signed_up(KeyAnswer::Status(200)).await;
    let since = revision_latest(&world.db).await.unwrap();
    let saved = ada.post(&world, KEYS, openai(" main ", CANARY)).await.ok(201);
    assert_eq!(
        (&saved["provider"], &saved["name"], &saved["prefix"], &saved["last4"]),
        (&json!("openai"), &json!("main"), &json!("sk-c"), &json!("PfLx"))
    );
    assert_eq!((&saved["status"], &saved["priority"], &saved["weight"]), (&json!("active"), &json!(0), &json!(1)));
    assert!(saved["tested_at"].is_string() && saved["last_error"].is_null());
    let question = asked.lock().remove(0);
    assert_eq!((&*question.provider.id, question.base_url.as_deref(), key_of(&question)), ("openai", None, CANARY.to_owned()));
    let told: Vec<_> = changes_after(&world.db, since, 10).await.unwrap().into_iter().map(|change| change.kind).collect();
    assert_eq!(told, [ChangeKind::ProviderKeysChanged]);

    let path = format!("{KEYS}/{}", saved["id"].as_str().unwrap());
    let changed = ada.send(&world, Method::PATCH, &path, Some(json!({"priority": 5, "weight": 2, "status": "disabled"}))).await.ok(200);
    assert_eq!((&changed["priority"], &changed["weight"], &changed["status"]), (&json!(5), &json!(2), &json!("disabled")));
    assert_eq!(ada.get(&world, KEYS).await.ok(200)["data"], json!([changed]));
    let tested = ada.post(&world, &format!("{KEYS}/test"), json!({"id": saved["id"]})).await.ok(200);
    assert_eq!((&tested["verdict"], &tested["status"], &tested["code"]), (&json!("works"), &json!(200), &Value::Null));
    assert_eq!(key_of(&asked.lock().pop().unwrap()), CANARY, "what was sealed is what was given");
    assert_eq!(ada.send(&world, Method::DELETE, &path, None).await.status, 204);
    ada.send(&world, Method::DELETE, &path, None).await.refused(404, "not_found");
    assert_eq!(ada.get(&world, KEYS).await.ok(200)["data"], json!([]));
}

#[tokio::test]
async fn a_canary_is_in_no_answer_no_log_and_no_file() {
    let log = Log::default();
    let _capturing = log.capture();
    let (world, mut ada, asked) = signed_up(KeyAnswer::Status(200)).await;
    let mut replies: Vec<Reply> = vec![ada.post(&world, KEYS, openai("main", CANARY)).await];
    let id = replies[0].body["id"].as_str().unwrap().to_owned();
    let path = format!("{KEYS}/{id}");
    for (method, path, body) in [
        (Method::GET, KEYS.to_owned(), None),
        (Method::POST, KEYS.to_owned(), Some(openai("main", CANARY))),
        (Method::POST, KEYS.to_owned(), Some(openai("", CANARY))),
        (Method::POST, KEYS.to_owned(), Some(json!({"provider": CANARY, "name": "x", "key": CANARY}))),
        (Method::POST, KEYS.to_owned(), Some(json!({"provider": "openai", "name": "x", "key": [CANARY]}))),
        (Method::POST, KEYS.to_owned(), Some(json!({"provider": "openai", "name": "x", "key": format!("{CANARY} ")}))),
        (Method::PATCH, path.clone(), Some(json!({"key": CANARY, "name": "other"}))),
        (Method::PATCH, path.clone(), Some(json!({"key": {"is": CANARY}}))),
        (Method::POST, format!("{KEYS}/test"), Some(json!({"id": id}))),
        (Method::POST, format!("{KEYS}/test"), Some(json!({"provider": "openai", "key": CANARY}))),
        (Method::GET, "/api/v1/auth/session".to_owned(), None),
        (Method::GET, "/api/v1/api-keys".to_owned(), None),
    ] {
        replies.push(ada.send(&world, method, &path, body).await);
    }
    for reply in &replies {
        let headers = format!("{:?}", reply.headers);
        assert!(!reply.text.contains("canary-") && !headers.contains("canary-"), "{}", reply.text);
    }
    assert!(asked.lock().iter().all(|question| !format!("{question:?}").contains("canary-")), "a log would show it");
    let log = String::from_utf8(log.0.lock().clone()).unwrap();
    assert!(log.contains("a provider key was saved") && !log.contains("canary-"), "{log}");
    let stored = world.stored_bytes();
    assert!(!stored.windows(7).any(|bytes| bytes == b"canary-"), "a database column holds it");
}

#[tokio::test]
async fn a_key_that_its_provider_refuses_is_not_saved() {
    for (answer, status, code, param) in [
        (KeyAnswer::Status(401), 400, "invalid_request", "key"),
        (KeyAnswer::Status(403), 400, "invalid_request", "key"),
        (KeyAnswer::Status(302), 502, "upstream_invalid_response", "base_url"),
        (KeyAnswer::Status(500), 502, "upstream_error", "base_url"),
        (KeyAnswer::Unreachable, 502, "upstream_unreachable", "base_url"),
        (KeyAnswer::TimedOut, 504, "upstream_timeout", "base_url"),
    ] {
        let (world, mut ada, _) = signed_up(answer).await;
        assert_eq!(ada.post(&world, KEYS, openai("main", CANARY)).await.refused(status, code), Some(param));
        assert_eq!(ada.get(&world, KEYS).await.ok(200)["data"], json!([]));
        let tested = ada.post(&world, &format!("{KEYS}/test"), json!({"provider": "openai", "key": CANARY})).await.ok(200);
        assert_eq!(tested["verdict"], if status == 400 { "refused" } else { "no_answer" });
    }
    let (world, mut ada, _) = signed_up(KeyAnswer::Status(404)).await;
    assert_eq!(ada.post(&world, KEYS, openai("main", CANARY)).await.ok(201)["tested_at"], Value::Null);
}

#[tokio::test]
async fn a_stored_key_is_sent_to_no_other_address() {
    let (world, mut ada, asked) = signed_up(KeyAnswer::Status(200)).await;
    let saved = ada.post(&world, KEYS, openai("main", CANARY)).await.ok(201);
    let path = format!("{KEYS}/{}", saved["id"].as_str().unwrap());
    asked.lock().clear();
    let elsewhere = "https://collect.example/v1";
    let reply = ada.send(&world, Method::PATCH, &path, Some(json!({"base_url": elsewhere}))).await;
    assert_eq!(reply.refused(400, "invalid_request"), Some("key"));
    let reply = ada.post(&world, &format!("{KEYS}/test"), json!({"id": saved["id"], "base_url": elsewhere})).await;
    assert_eq!(reply.refused(400, "invalid_request"), Some("id"));
    assert!(asked.lock().is_empty());

    let both = json!({"base_url": format!("{elsewhere}/"), "key": "sk-other-0123456789"});
    let changed = ada.send(&world, Method::PATCH, &path, Some(both)).await.ok(200);
    assert_eq!((&changed["base_url"], &changed["last4"]), (&json!(elsewhere), &json!("6789")));
    let question = asked.lock().pop().unwrap();
    assert_eq!((question.base_url.as_deref(), key_of(&question)), (Some(elsewhere), "sk-other-0123456789".to_owned()));
}

#[tokio::test]
async fn a_sealed_key_copied_to_another_row_or_tenant_does_not_open() {
    let (world, mut ada, _) = signed_up(KeyAnswer::Status(200)).await;
    let mut bob = Browser::default();
    bob.sign_up(&world, "bob@example.com").await;
    let of_ada = ada.post(&world, KEYS, openai("main", CANARY)).await.ok(201)["id"].clone();
    let spare = ada.post(&world, KEYS, openai("spare", "sk-spare-0123456789")).await.ok(201)["id"].clone();
    let of_bob = bob.post(&world, KEYS, openai("main", "sk-bobs-01234567890")).await.ok(201)["id"].clone();
    let (of_ada, of_bob) = (of_ada.as_str().unwrap(), of_bob.as_str().unwrap());
    for victim in [spare.as_str().unwrap(), of_bob] {
        let sealed = format!("(SELECT sealed FROM provider_key WHERE id = '{of_ada}')");
        world.sql(&format!("UPDATE provider_key SET sealed = {sealed} WHERE id = '{victim}'")).await;
    }
    let test = |id: &str| json!({"id": id});
    ada.post(&world, &format!("{KEYS}/test"), test(spare.as_str().unwrap())).await.refused(500, "internal_error");
    bob.post(&world, &format!("{KEYS}/test"), test(of_bob)).await.refused(500, "internal_error");
    // Not with the other tenant's data key beside it either.
    world
        .sql(
            "UPDATE data_key SET sealed = (SELECT d.sealed FROM data_key d JOIN provider_key p ON p.organization_id = d.organization_id \
              WHERE p.name = 'spare')",
        )
        .await;
    bob.post(&world, &format!("{KEYS}/test"), test(of_bob)).await.refused(500, "internal_error");
    ada.post(&world, &format!("{KEYS}/test"), test(of_ada)).await.ok(200);
}

#[tokio::test]
async fn another_master_key_opens_nothing() {
    let world = World::start().await;
    world.post(KEYS, openai("main", CANARY)).await.ok(201);
    let scope = world.first.scope();
    let data_key = data_key_get(&world.db, &scope, None).await.unwrap().unwrap();
    let organization = world.first.organization;
    let opened = |key| {
        let keys = MasterKeys::of(MasterKey::new(&[key; 32]).unwrap());
        keys.data_key_open(organization, data_key.version, data_key.master_key.as_deref(), &data_key.sealed)
    };
    assert!(opened(2).is_err());
    let opened = opened(1).unwrap();
    let row = provider_keys_sealed(&world.db, &scope).await.unwrap().remove(0);
    assert_eq!(opened.open("provider_key", &row.id.to_string(), &row.sealed).unwrap().expose(), CANARY);
}

#[tokio::test]
async fn senseless_keys_are_refused() {
    let world = World::start().await;
    let with = |field: &str, value: Value| {
        let mut body = openai("k", "sk-0123456789abcdef");
        body[field] = value;
        body
    };
    for (body, code, param) in [
        (with("provider", json!("nobody")), "provider_not_found", "provider"),
        (with("provider", json!("sagemaker")), "provider_not_found", "provider"),
        (with("name", json!(" ")), "invalid_request", "name"),
        (with("key", json!("")), "invalid_request", "key"),
        (with("key", json!("a b")), "invalid_request", "key"),
        (with("key", json!("x".repeat(4_097))), "invalid_request", "key"),
        (with("priority", json!(1_001)), "invalid_request", "priority"),
        (with("weight", json!(0)), "invalid_request", "weight"),
        (with("base_url", json!("http://api.example.com")), "invalid_request", "base_url"),
        (with("base_url", json!("ftp://api.example.com")), "invalid_request", "base_url"),
        (with("base_url", json!("https://a:b@api.example.com")), "invalid_request", "base_url"),
        (with("base_url", json!("https://api.example.com/?x=1")), "invalid_request", "base_url"),
        (with("base_url", json!("api.example.com")), "invalid_request", "base_url"),
        (with("name", json!("my sk-0123456789abcdef")), "invalid_request", "name"),
        (with("base_url", json!("https://api.example.com/sk-0123456789abcdef")), "invalid_request", "base_url"),
        (with("sealed", json!("x")), "invalid_request", "sealed"),
    ] {
        assert_eq!(world.post(KEYS, body).await.refused(400, code), Some(param));
    }
    world.post(KEYS, openai("k", CANARY)).await.ok(201);
    assert_eq!(world.post(KEYS, openai("k", CANARY)).await.refused(409, "conflict"), Some("name"));
    for role in [Role::Viewer, Role::Developer, Role::Billing] {
        let n = 10 + u8::try_from(role.as_str().len()).unwrap();
        let key = world.tenant(n, role).await.management_key;
        for path in [KEYS.to_owned(), format!("{KEYS}/test")] {
            world.send(Method::POST, &path, Some(&key), Some(openai("k", CANARY))).await.refused(403, "permission_denied");
        }
        assert_eq!(world.send(Method::GET, KEYS, Some(&key), None).await.ok(200)["data"], json!([]));
    }
}

const ACCOUNT: &str = r#"{"type":"service_account","client_email":"a@p.iam.gserviceaccount.com","private_key_id":"1",
    "private_key":"-----BEGIN PRIVATE KEY-----\ncanary-a8Zq41mWnE77\n-----END PRIVATE KEY-----\n","token_uri":"https://oauth2.googleapis.com/token"}"#;

fn vertex() -> Value {
    json!({"provider": "google-vertex", "name": "v", "credentials": {"kind": "service_account", "json": ACCOUNT}, "region": "europe-west4",
        "options": {"kind": "vertex", "project": "my-project"}})
}

fn bedrock() -> Value {
    json!({"provider": "aws-bedrock", "name": "b", "region": "eu-west-1", "credentials": {"kind": "aws", "access_key_id": "AKIAIOSFODNN7EXAMPLE",
        "secret_access_key": "canary-secret-access-key", "session_token": "canary-session-token"}})
}

fn azure() -> Value {
    json!({"provider": "azure", "name": "a", "key": CANARY, "options": {"kind": "azure", "resource": "eu-1", "api_version": "2024-10-21",
        "deployments": {"gpt-4o": "my-gpt"}}, "allowed_models": ["gpt-4o"], "spend_cap_nano_usd": 5, "spend_window": "total"})
}

#[tokio::test]
async fn options_come_back_and_secrets_do_not() {
    let log = Log::default();
    let _capturing = log.capture();
    let (world, mut ada, asked) = signed_up(KeyAnswer::Status(200)).await;
    for (body, kind, secret) in [
        (azure(), "key", CANARY),
        (vertex(), "service_account", "-----BEGIN PRIVATE KEY-----\ncanary-a8Zq41mWnE77\n-----END PRIVATE KEY-----\n"),
        (bedrock(), "aws", "canary-secret-access-key canary-session-token"),
    ] {
        let reply = ada.post(&world, KEYS, body.clone()).await;
        assert!(!reply.text.contains("canary"), "{}", reply.text);
        let saved = reply.ok(201);
        assert_eq!(saved["kind"], kind);
        for field in ["region", "options", "allowed_models", "spend_cap_nano_usd", "spend_window"] {
            assert_eq!(saved[field], body[field], "{field}");
        }
        let tested = ada.post(&world, &format!("{KEYS}/test"), json!({"id": saved["id"]})).await.ok(200);
        assert_eq!(tested["verdict"], "works");
        assert_eq!(key_of(&asked.lock().pop().unwrap()), secret, "what was sealed is what was given");
    }
    assert!(!String::from_utf8(log.0.lock().clone()).unwrap().contains("canary"));
    assert!(!world.stored_bytes().windows(7).any(|bytes| bytes == b"canary-"));
}

#[tokio::test]
async fn what_decides_where_a_key_goes_changes_only_with_it() {
    let (world, mut ada, _) = signed_up(KeyAnswer::Status(200)).await;
    for (body, change) in [
        (azure(), json!({"options": {"kind": "azure", "resource": "elsewhere"}})),
        (bedrock(), json!({"region": "us-east-1"})),
        (vertex(), json!({"region": "us-central1"})),
    ] {
        let id = ada.post(&world, KEYS, body).await.ok(201)["id"].clone();
        let path = format!("{KEYS}/{}", id.as_str().unwrap());
        assert_eq!(ada.send(&world, Method::PATCH, &path, Some(change)).await.refused(400, "invalid_request"), Some("key"));
    }
    let id = ada.post(&world, KEYS, openai("o", CANARY)).await.ok(201)["id"].clone();
    let path = format!("{KEYS}/{}", id.as_str().unwrap());
    let change = json!({"region": "eu", "allowed_models": ["openai/gpt-4o"], "spend_cap_nano_usd": 9,
        "options": {"kind": "openai", "organization": "org-1", "project": null}});
    let changed = ada.send(&world, Method::PATCH, &path, Some(change)).await.ok(200);
    assert_eq!((&changed["region"], &changed["spend_cap_nano_usd"], &changed["spend_window"]), (&json!("eu"), &json!(9), &json!("month")));
    let change = json!({"region": null, "allowed_models": null, "spend_cap_nano_usd": null, "options": null});
    let changed = ada.send(&world, Method::PATCH, &path, Some(change)).await.ok(200);
    for field in ["region", "options", "allowed_models", "spend_cap_nano_usd", "spend_window"] {
        assert_eq!(changed[field], Value::Null, "{field}");
    }
}

#[tokio::test]
async fn senseless_options_are_refused() {
    let world = World::start().await;
    let with = |mut body: Value, field: &str, value: Value| {
        body[field] = value;
        body
    };
    for (body, param) in [
        (with(openai("k", CANARY), "options", json!({"kind": "vertex", "project": "p"})), "options.kind"),
        (with(openai("k", CANARY), "options", json!({"kind": "openai", "organization": "a b"})), "options.organization"),
        (with(openai("k", CANARY), "allowed_models", json!(["claude-opus-4-5-20251101"])), "allowed_models[0]"),
        (with(openai("k", CANARY), "allowed_models", json!([])), "allowed_models"),
        (with(openai("k", CANARY), "spend_cap_nano_usd", json!(0)), "spend_cap_nano_usd"),
        (with(openai("k", CANARY), "spend_window", json!("month")), "spend_cap_nano_usd"),
        (with(openai("k", CANARY), "region", json!("eu/../x")), "region"),
        (with(openai("k", CANARY), "region", json!(CANARY)), "region"),
        (with(openai("k", CANARY), "credentials", json!({"kind": "service_account", "json": "{}"})), "credentials"),
        (with(azure(), "options", json!({"kind": "azure"})), "options.resource"),
        (with(azure(), "options", json!({"kind": "azure", "resource": "a.b.example"})), "options.resource"),
        (with(azure(), "options", json!({"kind": "azure", "resource": "a", "deployments": {"nope": "x"}})), "options.deployments.nope"),
        (with(vertex(), "options", Value::Null), "options"),
        (with(vertex(), "region", Value::Null), "region"),
        (with(vertex(), "credentials", json!({"kind": "service_account", "json": "{}"})), "credentials.json"),
        (with(bedrock(), "region", Value::Null), "region"),
        (
            with(bedrock(), "credentials", json!({"kind": "aws", "access_key_id": "A", "secret_access_key": "a b"})),
            "credentials.secret_access_key",
        ),
    ] {
        assert_eq!(world.post(KEYS, body).await.refused(400, "invalid_request"), Some(param));
    }
}
