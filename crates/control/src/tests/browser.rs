//! A browser: it keeps the cookie, and says where it is.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, COOKIE, HOST, ORIGIN, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, Method, Request};
use serde_json::{Value, json};

use crate::http::caller::Peer;
use crate::tests::world::{Reply, World};

#[derive(Clone, Default)]
pub struct Browser {
    /// `name=value`.
    pub cookie: Option<String>,
    /// Beside what every browser sends; an empty value removes that.
    pub headers: HeaderMap,
    pub address: Option<[u8; 4]>,
}

impl Browser {
    /// A copy with another header.
    pub fn with(&self, name: &'static str, value: &str) -> Self {
        let mut changed = self.clone();
        changed.headers.insert(name, HeaderValue::from_str(value).unwrap());
        changed
    }

    pub async fn send(&mut self, world: &World, method: Method, path: &str, body: Option<Value>) -> Reply {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("127.0.0.1:4000"));
        if method != Method::GET {
            headers.insert(ORIGIN, HeaderValue::from_static("http://127.0.0.1:4000"));
        }
        if let Some(cookie) = &self.cookie {
            headers.insert(COOKIE, HeaderValue::from_str(cookie).unwrap());
        }
        if body.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        for (name, value) in &self.headers {
            if value.is_empty() { drop(headers.remove(name)) } else { drop(headers.insert(name, value.clone())) }
        }
        let mut request = Request::new(body.map_or(Body::empty(), |body| Body::from(body.to_string())));
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().unwrap();
        *request.headers_mut() = headers;
        request.extensions_mut().insert(Peer(self.address.unwrap_or([192, 0, 2, 1]).into()));
        let reply = world.raw(request).await;
        if let Some(set) = reply.headers.get(SET_COOKIE) {
            let (cookie, _) = set.to_str().unwrap().split_once(';').unwrap();
            self.cookie = (!cookie.ends_with('=')).then(|| cookie.to_owned());
        }
        reply
    }

    pub async fn get(&mut self, world: &World, path: &str) -> Reply {
        self.send(world, Method::GET, path, None).await
    }

    pub async fn post(&mut self, world: &World, path: &str, body: Value) -> Reply {
        self.send(world, Method::POST, path, Some(body)).await
    }

    /// Signs up; answers what the person then sees.
    pub async fn sign_up(&mut self, world: &World, email: &str) -> Value {
        self.post(world, "/api/v1/auth/sign-up", json!({"email": email, "password": PASSWORD})).await.ok(201)
    }

    pub async fn log_in(&mut self, world: &World, email: &str, password: &str) -> Reply {
        self.post(world, "/api/v1/auth/log-in", json!({"email": email, "password": password})).await
    }
}

pub const PASSWORD: &str = "correct horse";
