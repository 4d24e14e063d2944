//! Answers with their headers.

use std::fmt::Display;

use domain::{Fault, RequestId};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use crate::body::Body;
use crate::pipeline::Answered;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Sets a header whose value is made of plain text; what a header cannot hold is left out.
fn set(headers: &mut HeaderMap, name: &'static str, value: impl Display) {
    if let Ok(value) = HeaderValue::from_str(&value.to_string()) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

/// Limit: bytes of the header that names dropped parameters; proxies refuse long ones.
const DROPPED_BYTES_MAX: usize = 1_024;

/// As many names as fit, then how many more there are.
fn named(dropped: &[String]) -> String {
    let mut text = String::new();
    for (at, name) in dropped.iter().enumerate() {
        if text.len() + name.len() > DROPPED_BYTES_MAX {
            return format!("{text},+{} more", dropped.len() - at);
        }
        if at > 0 {
            text.push(',');
        }
        text.push_str(name);
    }
    text
}

/// A call's answer.
pub(super) fn answer(answered: Answered, id: RequestId) -> Response<Body> {
    let mut response = Response::new(answered.body);
    let headers = response.headers_mut();
    headers.reserve(12);
    if answered.stream {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        // Tells buffering proxies in front of us to let events through.
        headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    } else {
        headers.insert(CONTENT_TYPE, JSON);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    set(headers, "x-llmg-request-id", id);
    set(headers, "x-llmg-provider", &answered.provider);
    set(headers, "x-llmg-model", &answered.model);
    headers.insert(HeaderName::from_static("x-llmg-cache"), HeaderValue::from_static(answered.cache.as_str()));
    headers.insert(HeaderName::from_static("x-llmg-attempts"), HeaderValue::from(answered.attempts));
    headers.insert(HeaderName::from_static("x-llmg-overhead-us"), HeaderValue::from(answered.overhead_us));
    if let Some(bill) = answered.bill {
        set(headers, "x-llmg-cost-usd", bill.cost);
        set(headers, "x-llmg-charged-usd", bill.charged);
    }
    if !answered.dropped.is_empty() {
        set(headers, "x-llmg-dropped-params", named(&answered.dropped));
    }
    if let Some(cap) = answered.output_cap {
        headers.insert(HeaderName::from_static("x-llmg-output-cap"), HeaderValue::from(cap));
    }
    if let Some((left, limit)) = answered.allowance.requests {
        headers.insert(HeaderName::from_static("x-ratelimit-limit-requests"), HeaderValue::from(limit));
        headers.insert(HeaderName::from_static("x-ratelimit-remaining-requests"), HeaderValue::from(left));
    }
    if let Some((left, limit)) = answered.allowance.tokens {
        headers.insert(HeaderName::from_static("x-ratelimit-limit-tokens"), HeaderValue::from(limit));
        headers.insert(HeaderName::from_static("x-ratelimit-remaining-tokens"), HeaderValue::from(left));
    }
    response
}

/// A fault in its dialect's envelope.
pub(super) fn fault(status: StatusCode, body: Vec<u8>, fault: &Fault, id: &str) -> Response<Body> {
    let mut response = Response::new(Body::whole(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, JSON);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    set(headers, "x-llmg-request-id", id);
    if let Some(ms) = fault.retry_after() {
        headers.insert(RETRY_AFTER, HeaderValue::from(ms.div_ceil(1_000)));
        headers.insert(HeaderName::from_static("retry-after-ms"), HeaderValue::from(ms));
    }
    if let Some((what, size)) = fault.used_up() {
        set(headers, if what == "tokens" { "x-ratelimit-limit-tokens" } else { "x-ratelimit-limit-requests" }, size);
        set(headers, if what == "tokens" { "x-ratelimit-remaining-tokens" } else { "x-ratelimit-remaining-requests" }, 0);
    }
    // OpenAI's SDKs obey this header: what more money or another request must mend is not tried again by itself.
    if status == StatusCode::PAYMENT_REQUIRED {
        headers.insert(HeaderName::from_static("x-should-retry"), HeaderValue::from_static("false"));
    }
    if let Some(detail) = fault.upstream_detail() {
        set(headers, "x-llmg-provider", &detail.provider);
        headers.insert(HeaderName::from_static("x-llmg-attempts"), HeaderValue::from(detail.attempts));
    }
    response
}

/// A JSON document.
pub(super) fn json(document: &serde_json::Value) -> Response<Body> {
    let mut response = Response::new(Body::whole(document.to_string()));
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}
