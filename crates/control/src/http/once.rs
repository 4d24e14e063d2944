//! Around every POST that somebody proven sends with an `Idempotency-Key`.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::{Code, Fault};
use sha2::{Digest, Sha256};

use crate::app::Control;

use crate::app::checks::invalid;
use crate::app::idempotency::{Begun, HEADER, Kept};
use crate::http::BODY_BYTES_MAX;
use crate::http::caller::proven;
use crate::http::edge::Refused;
use crate::http::openapi::OPEN;

/// A client gets this long to send its whole body.
const BODY_DEADLINE: Duration = Duration::from_secs(30);
/// Says that nothing was done, because it had been done before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// The ledger itself counts a grant once, for ever.
const GRANTS: &str = "/api/v1/credits/grants";

/// Answers a repeated request with what was answered first.
pub(super) async fn once(State(control): State<Arc<Control>>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let applies = request.method() == Method::POST && request.headers().contains_key(HEADER) && path != GRANTS && !OPEN.contains(&path);
    if !applies {
        return next.run(request).await;
    }
    repeatable(control, request, next).await.unwrap_or_else(IntoResponse::into_response)
}

async fn repeatable(control: Arc<Control>, request: Request, next: Next) -> Result<Response, Refused> {
    let (parts, body) = request.into_parts();
    let who = proven(&parts, &control).await?;
    // Who may not ask any more gets the route's own refusal, and no kept answer.
    if !who.may_change(parts.uri.path()) {
        return Ok(next.run(Request::from_parts(parts, body)).await);
    }
    let wrong = || invalid(HEADER, format!("`{HEADER}` must be printable ASCII"));
    let key = parts.headers.get(HEADER).and_then(|value| value.to_str().ok()).ok_or_else(wrong)?.to_owned();
    let read = tokio::time::timeout(BODY_DEADLINE, to_bytes(body, BODY_BYTES_MAX)).await;
    let bytes = read
        .map_err(|late| Fault::new(Code::InvalidRequest, "the body did not arrive in time; send it again").because(late))?
        .map_err(|error| {
            Fault::new(Code::BodyTooLarge, format!("the body is over the limit of {BODY_BYTES_MAX} bytes; send less")).because(error)
        })?;
    let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
    let hash = Sha256::new().chain_update(target).chain_update([0]).chain_update(&bytes).finalize().into();
    match control.request_begin(&who, &key, hash).await? {
        Begun::Answered(kept) => replayed(kept),
        Begun::First(key) => {
            let request = Request::from_parts(parts, Body::from(bytes));
            // In a task of its own: a client that hangs up must find the answer when it comes again.
            let task = tokio::spawn(async move {
                let (response, kept) = split(next.run(request).await).await;
                if let Err(fault) = control.request_end(&who, &key, kept.as_ref()).await {
                    tracing::warn!(cause = fault.chain(), "an answer was not kept for its Idempotency-Key");
                }
                response
            });
            task.await.map_err(|error| Refused(Fault::internal("answer a request with an Idempotency-Key", error)))
        }
    }
}

/// An answer, and what is kept of it: nothing of a refusal.
async fn split(response: Response) -> (Response, Option<Kept>) {
    if !response.status().is_success() {
        return (response, None);
    }
    let (head, body) = response.into_parts();
    let bytes = match to_bytes(body, BODY_BYTES_MAX).await {
        Ok(bytes) => bytes,
        Err(error) => return (Refused(Fault::internal("read an answer", error)).into_response(), None),
    };
    let content_type = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let kept = Kept { status: head.status.as_u16(), content_type, body: String::from_utf8_lossy(&bytes).into_owned() };
    (Response::from_parts(head, Body::from(bytes)), Some(kept))
}

fn replayed(kept: Kept) -> Result<Response, Refused> {
    let wrong = |error| Refused(Fault::internal("read a kept answer", error));
    let status = StatusCode::from_u16(kept.status).map_err(|error| wrong(error.to_string()))?;
    let mut response = (status, kept.body).into_response();
    response.headers_mut().remove(CONTENT_TYPE);
    if let Some(kind) = kept.content_type {
        let kind = HeaderValue::try_from(kind).map_err(|error| wrong(error.to_string()))?;
        response.headers_mut().insert(CONTENT_TYPE, kind);
    }
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}
