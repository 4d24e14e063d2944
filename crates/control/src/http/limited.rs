//! Around every route: so many requests a minute per caller, said in `RateLimit-*` headers.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use crate::app::Control;
use crate::app::rates::{ADDRESS_FACTOR, CallerHash, Left};
use crate::http::caller::Peer;
use crate::http::cookie;
use crate::http::edge::Refused;

const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// Lets a request in, or answers 429.
pub(super) async fn limited(State(control): State<Arc<Control>>, request: Request, next: Next) -> Response {
    let left = counted(&control, &request);
    let mut response = if left.over { Refused(left.refusal()).into_response() } else { next.run(request).await };
    let headers = response.headers_mut();
    headers.insert(LIMIT, HeaderValue::from(left.limit));
    headers.insert(REMAINING, HeaderValue::from(left.remaining));
    headers.insert(RESET, HeaderValue::from(left.reset.as_secs().saturating_add(1)));
    response
}

/// The tighter of the two counts: of what the caller presents, and of its address.
fn counted(control: &Control, request: &Request) -> Left {
    let (now, limit) = (Instant::now(), control.requests_per_minute());
    let address = request.extensions().get::<Peer>().map(|peer| peer.0.to_string()).unwrap_or_default();
    let address_limit = limit.saturating_mul(ADDRESS_FACTOR);
    let presented = match request.headers().get(AUTHORIZATION) {
        Some(value) => Some(value.as_bytes()),
        None => cookie::token(request.headers(), control.front()).map(str::as_bytes),
    };
    let of_address = control.rates().count(hash("address", address.as_bytes()), address_limit, now);
    match presented {
        Some(presented) if !of_address.over => control.rates().count(hash("presented", presented), limit, now),
        _ => of_address,
    }
}

fn hash(kind: &str, text: &[u8]) -> CallerHash {
    Sha256::new().chain_update(kind).chain_update([0]).chain_update(text).finalize().into()
}
