//! Around every route: the request's id, and the one place where a fault becomes an answer and a log line.

use std::future::{Ready, ready};
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::{Code, Fault, RequestId};
use serde::Serialize;
use utoipa::ToSchema;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-llmg-request-id");
const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// What handlers and extractors give back instead of an answer; [`answer`] writes it.
#[derive(Debug)]
pub struct Refused(pub(super) Fault);

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Self(fault)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = service::http_status::of(self.0.code()).into_response();
        response.extensions_mut().insert(Arc::new(self.0));
        response
    }
}

/// Why a request was refused (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Problem {
    /// Where the code is explained.
    #[schema(example = "/api/docs#error-not_found")]
    r#type: String,
    /// The code in words.
    #[schema(example = "Not found")]
    title: String,
    /// The HTTP status.
    #[schema(example = 404)]
    status: u16,
    /// What happened here, and what to do.
    #[schema(example = "there is no such project in this organization")]
    detail: String,
    /// The stable code, for programs.
    #[schema(example = "not_found")]
    code: &'static str,
    /// Quote it when asking for help.
    #[schema(example = "req_0190a6d4c1e47c0f8d5a6f1b2c3d4e5f")]
    request_id: String,
    /// The field, parameter or header that is wrong, if one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    param: Option<String>,
}

/// Gives each request an id, and turns a fault into its answer and a log line.
pub(super) async fn answer(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = RequestId::from_uuid(service::random::uuid());
    // The route and not the path: what a stranger writes into a path, or into a field that a refusal quotes, may be a secret.
    let path = request.extensions().get::<MatchedPath>().map_or("a path that leads nowhere", MatchedPath::as_str).to_owned();
    let method = known_method(request.method());
    let mut response = next.run(request).await;
    if let Some(fault) = response.extensions_mut().remove::<Arc<Fault>>() {
        let (code, cause) = (fault.code().as_str(), fault.chain());
        if response.status().is_server_error() {
            tracing::error!(code, request.id = %id, cause, "{method} {path} failed, `{id}`");
        } else {
            tracing::debug!(code, request.id = %id, cause, "{method} {path} was refused, `{id}`");
        }
        response = problem(response, &fault, id);
    }
    let status = response.status().as_u16();
    let duration_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    tracing::info!(request.id = %id, status, duration_us, "{method} {path} answered {status}");
    if let Ok(value) = HeaderValue::try_from(id.to_string()) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response.headers_mut().entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// A method is a word of the client's, too.
fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "another method at",
    }
}

/// For paths that lead nowhere.
pub(super) fn nothing_here(uri: Uri) -> Ready<Refused> {
    let path = uri.path();
    ready(Refused(Fault::new(Code::NotFound, format!("there is nothing at {path}; GET /api/docs lists what there is"))))
}

/// For paths that know other methods.
pub(super) fn wrong_method(uri: Uri) -> Ready<Refused> {
    let path = uri.path();
    ready(Refused(Fault::new(Code::MethodNotAllowed, format!("{path} does not take this method; see the `Allow` header"))))
}

/// Keeps the headers that are there (`Allow`) and writes the rest.
fn problem(refused: Response, fault: &Fault, id: RequestId) -> Response {
    let code = fault.code();
    let status = refused.status();
    let body = Problem {
        r#type: format!("/api/docs#error-{code}"),
        title: title(code),
        status: status.as_u16(),
        detail: fault.say().to_owned(),
        code: code.as_str(),
        request_id: id.to_string(),
        param: fault.wrong_param().map(ToOwned::to_owned),
    };
    let (mut head, _) = refused.into_parts();
    head.headers.remove(CONTENT_LENGTH);
    head.headers.insert(CONTENT_TYPE, PROBLEM_JSON);
    if status == StatusCode::UNAUTHORIZED {
        head.headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(ms) = fault.retry_after() {
        head.headers.insert(RETRY_AFTER, HeaderValue::from(ms.div_ceil(1_000)));
    }
    // A struct of texts and a number always has a JSON spelling.
    Response::from_parts(head, Body::from(serde_json::to_vec(&body).unwrap_or_default()))
}

/// `not_found` as `Not found`.
pub(super) fn title(code: Code) -> String {
    let words = code.as_str().replace('_', " ").replace("api key", "key");
    let mut chars = words.chars();
    chars.next().map(|first| first.to_ascii_uppercase().to_string() + chars.as_str()).unwrap_or_default()
}
