//! A sign-in provider on a port of this machine, with keys of its own, that can be told to lie.

use std::collections::HashMap;
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use domain::Secret;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use parking_lot::Mutex;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;

use crate::SignInProvider;
use crate::tests::browser::Browser;
use crate::tests::world::{Reply, World};

pub const SECRET: &str = "s3cret/of the+application";

/// How a token is signed.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub enum Signing {
    #[default]
    Honest,
    /// By a key that the provider does not publish.
    OtherKey,
    /// Not at all.
    None,
    /// With the public key, as if it were a shared secret.
    PublicKeyAsSecret,
    /// With the secret of the application.
    ClientSecret,
}

struct Waiting {
    claims: Value,
    challenge: String,
    signing: Signing,
}

pub struct Stub {
    pub issuer: String,
    key: EncodingKey,
    other_key: EncodingKey,
    jwk: Value,
    codes: Mutex<HashMap<String, Waiting>>,
    /// What the endpoint about people says.
    pub userinfo: Mutex<Value>,
    task: Mutex<Option<tokio::task::JoinHandle<()>>>,
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.task.lock().take().inspect(tokio::task::JoinHandle::abort);
    }
}

fn key() -> EncodingKey {
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
    EncodingKey::from_ec_der(pkcs8.as_ref())
}

impl Stub {
    pub async fn start() -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let key = key();
        let mut jwk = serde_json::to_value(Jwk::from_encoding_key(&key, Algorithm::ES256).unwrap()).unwrap();
        jwk["kid"] = json!("one");
        let (codes, userinfo, task) = (Mutex::default(), Mutex::new(Value::Null), Mutex::default());
        let stub = Arc::new(Self { issuer, key, other_key: self::key(), jwk, codes, userinfo, task });
        let weak = Arc::downgrade(&stub);
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/keys", get(keys))
            .route("/token", post(token))
            .route("/userinfo", get(userinfo_get))
            .with_state(weak);
        let served = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        *stub.task.lock() = Some(served);
        stub
    }

    pub fn provider(&self, id: &str) -> SignInProvider {
        let (client_id, client_secret) = ("llmg".to_owned(), Secret::new(SECRET.to_owned()));
        SignInProvider { id: id.to_owned(), name: "Stub".to_owned(), issuer: self.issuer.clone(), client_id, client_secret }
    }

    /// What a person who agrees is sent back with.
    pub fn agree(&self, url: &str, claims: Value, signing: Signing) -> (String, String) {
        let url = Url::parse(url).unwrap();
        let query: HashMap<_, _> = url.query_pairs().into_owned().collect();
        assert_eq!((query["response_type"].as_str(), query["code_challenge_method"].as_str()), ("code", "S256"));
        assert_eq!((query["client_id"].as_str(), query["scope"].as_str()), ("llmg", "openid email profile"));
        assert_eq!(query["redirect_uri"], "http://127.0.0.1:4000/sign-in/stub");
        let now = service::clock::now().0 / 1_000_000;
        let mut all = json!({"iss": self.issuer, "aud": "llmg", "sub": "1", "iat": now, "exp": now + 300, "nonce": query["nonce"]});
        for (name, value) in claims.as_object().unwrap() {
            if value.is_null() { drop(all.as_object_mut().unwrap().remove(name)) } else { all[name] = value.clone() }
        }
        let code = format!("code-{}", service::random::uuid());
        self.codes.lock().insert(code.clone(), Waiting { claims: all, challenge: query["code_challenge"].clone(), signing });
        (code, query["state"].clone())
    }

    fn signed(&self, waiting: &Waiting) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let header = Header { kid: Some("one".to_owned()), ..Header::new(Algorithm::ES256) };
        let by_secret = |secret: &[u8]| {
            let header = Header { kid: Some("one".to_owned()), ..Header::new(Algorithm::HS256) };
            jsonwebtoken::encode(&header, &waiting.claims, &EncodingKey::from_secret(secret)).unwrap()
        };
        match waiting.signing {
            Signing::Honest => jsonwebtoken::encode(&header, &waiting.claims, &self.key).unwrap(),
            Signing::OtherKey => jsonwebtoken::encode(&header, &waiting.claims, &self.other_key).unwrap(),
            Signing::None => format!("{}.{}.", part(&json!({"alg": "none", "kid": "one"})), part(&waiting.claims)),
            Signing::PublicKeyAsSecret => by_secret(self.jwk["x"].as_str().unwrap().as_bytes()),
            Signing::ClientSecret => by_secret(SECRET.as_bytes()),
        }
    }
}

type Shared = State<std::sync::Weak<Stub>>;

async fn discovery(State(stub): Shared) -> Json<Value> {
    let at = &stub.upgrade().unwrap().issuer;
    Json(json!({"issuer": at, "authorization_endpoint": format!("{at}/authorize?tenant=1"), "token_endpoint": format!("{at}/token"),
        "jwks_uri": format!("{at}/keys"), "userinfo_endpoint": format!("{at}/userinfo")}))
}

async fn keys(State(stub): Shared) -> Json<Value> {
    // One of a kind that nobody here knows stands before it.
    Json(json!({"keys": [{"kty": "new", "kid": "zero"}, stub.upgrade().unwrap().jwk]}))
}

async fn userinfo_get(State(stub): Shared, headers: HeaderMap) -> Json<Value> {
    assert_eq!(headers["authorization"], "Bearer access");
    Json(stub.upgrade().unwrap().userinfo.lock().clone())
}

async fn token(State(stub): Shared, headers: HeaderMap, body: String) -> (StatusCode, Json<Value>) {
    let stub = stub.upgrade().unwrap();
    let form: HashMap<_, _> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let encoded = url::form_urlencoded::byte_serialize(SECRET.as_bytes()).collect::<String>();
    assert_eq!(headers["authorization"], format!("Basic {}", STANDARD.encode(format!("llmg:{encoded}"))));
    assert_eq!((form["grant_type"].as_str(), form["redirect_uri"].as_str()), ("authorization_code", "http://127.0.0.1:4000/sign-in/stub"));
    let refused = (StatusCode::BAD_REQUEST, Json(json!({"error": "invalid_grant"})));
    let Some(waiting) = stub.codes.lock().remove(&form["code"]) else { return refused };
    if URL_SAFE_NO_PAD.encode(Sha256::digest(&form["code_verifier"])) != waiting.challenge {
        return refused;
    }
    (StatusCode::OK, Json(json!({"access_token": "access", "token_type": "Bearer", "id_token": stub.signed(&waiting)})))
}

/// A browser that leaves for the stub: its cookie is kept beside the session's.
pub async fn leave(browser: &mut Browser, world: &World, begin: &str, body: Value) -> String {
    let session = browser.cookie.take();
    browser.cookie.clone_from(&session);
    let begun = browser.post(world, begin, body).await;
    let set = browser.cookie.take().unwrap();
    browser.cookie = Some(session.map_or_else(|| set.clone(), |session| format!("{session}; {set}")));
    assert!(set.starts_with("llmg_sign_in="), "{set}");
    begun.ok(200)["url"].as_str().unwrap().to_owned()
}

/// Leaves, agrees there, and comes back.
pub async fn come_in(browser: &mut Browser, world: &World, stub: &Stub, claims: Value, signing: Signing) -> Reply {
    browser.cookie = None;
    let url = leave(browser, world, "/api/v1/auth/sign-in/begin", json!({"provider": "stub"})).await;
    let (code, state) = stub.agree(&url, claims, signing);
    browser.post(world, "/api/v1/auth/sign-in/finish", json!({"provider": "stub", "code": code, "state": state})).await
}
