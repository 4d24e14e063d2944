//! Answers with their headers.

use domain::{Fault, RequestId};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use crate::body::Body;
use crate::pipeline::Answered;

// Made at build time: a name that is made from text is checked letter by letter on every answer.
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
const CACHE: HeaderName = HeaderName::from_static("x-llmg-cache");
const ATTEMPTS: HeaderName = HeaderName::from_static("x-llmg-attempts");
const OVERHEAD_US: HeaderName = HeaderName::from_static("x-llmg-overhead-us");
const OUTPUT_CAP: HeaderName = HeaderName::from_static("x-llmg-output-cap");
const RATELIMIT_LIMIT_REQUESTS: HeaderName = HeaderName::from_static("x-ratelimit-limit-requests");
const RATELIMIT_REMAINING_REQUESTS: HeaderName = HeaderName::from_static("x-ratelimit-remaining-requests");
const RATELIMIT_LIMIT_TOKENS: HeaderName = HeaderName::from_static("x-ratelimit-limit-tokens");
const RATELIMIT_REMAINING_TOKENS: HeaderName = HeaderName::from_static("x-ratelimit-remaining-tokens");
const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-llmg-request-id");
const PROVIDER: HeaderName = HeaderName::from_static("x-llmg-provider");
const MODEL: HeaderName = HeaderName::from_static("x-llmg-model");
const COST_USD: HeaderName = HeaderName::from_static("x-llmg-cost-usd");
const CHARGED_USD: HeaderName = HeaderName::from_static("x-llmg-charged-usd");
const DROPPED_PARAMS: HeaderName = HeaderName::from_static("x-llmg-dropped-params");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Sets a header whose value is made of plain text; what a header cannot hold is left out.
fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
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
        headers.insert(ACCEL_BUFFERING, HeaderValue::from_static("no"));
    } else {
        headers.insert(CONTENT_TYPE, JSON);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    set(headers, REQUEST_ID, &id.to_string());
    set(headers, PROVIDER, &answered.provider);
    set(headers, MODEL, &answered.model);
    headers.insert(CACHE, HeaderValue::from_static(answered.cache.as_str()));
    headers.insert(ATTEMPTS, HeaderValue::from(answered.attempts));
    headers.insert(OVERHEAD_US, HeaderValue::from(answered.overhead_us));
    if let Some(bill) = answered.bill {
        set(headers, COST_USD, &bill.cost.to_string());
        set(headers, CHARGED_USD, &bill.charged.to_string());
    }
    if !answered.dropped.is_empty() {
        set(headers, DROPPED_PARAMS, &named(&answered.dropped));
    }
    if let Some(cap) = answered.output_cap {
        headers.insert(OUTPUT_CAP, HeaderValue::from(cap));
    }
    if let Some((left, limit)) = answered.allowance.requests {
        headers.insert(RATELIMIT_LIMIT_REQUESTS, HeaderValue::from(limit));
        headers.insert(RATELIMIT_REMAINING_REQUESTS, HeaderValue::from(left));
    }
    if let Some((left, limit)) = answered.allowance.tokens {
        headers.insert(RATELIMIT_LIMIT_TOKENS, HeaderValue::from(limit));
        headers.insert(RATELIMIT_REMAINING_TOKENS, HeaderValue::from(left));
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
    set(headers, REQUEST_ID, id);
    if let Some(ms) = fault.retry_after() {
        headers.insert(RETRY_AFTER, HeaderValue::from(ms.div_ceil(1_000)));
        headers.insert(RETRY_AFTER_MS, HeaderValue::from(ms));
    }
    if let Some((what, size)) = fault.used_up() {
        set(headers, if what == "tokens" { RATELIMIT_LIMIT_TOKENS } else { RATELIMIT_LIMIT_REQUESTS }, &size.to_string());
        set(headers, if what == "tokens" { RATELIMIT_REMAINING_TOKENS } else { RATELIMIT_REMAINING_REQUESTS }, "0");
    }
    // OpenAI's SDKs obey this header: what more money or another request must mend is not tried again by itself.
    if status == StatusCode::PAYMENT_REQUIRED {
        headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
    }
    if let Some(detail) = fault.upstream_detail() {
        set(headers, PROVIDER, &detail.provider);
        headers.insert(ATTEMPTS, HeaderValue::from(detail.attempts));
    }
    response
}

/// A JSON document.
pub(super) fn json(document: &serde_json::Value) -> Response<Body> {
    let mut response = Response::new(Body::whole(document.to_string()));
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}
