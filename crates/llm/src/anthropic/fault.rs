//! Errors: a provider's envelope → meaning, and fault → our envelope.

use domain::{Code, Fault};
use serde_json::{Map, Value, json};

use crate::classify::code_of;
use crate::dialect::UpstreamFault;

pub(super) fn read(status: u16, body: &[u8]) -> UpstreamFault {
    let value: Option<Value> = serde_json::from_slice(body).ok();
    match value.as_ref().and_then(|value| value.get("error")) {
        Some(error) => from_error(status, error),
        None => UpstreamFault::plain(status, body),
    }
}

/// The `error` object. Status 0 means: inside a stream, where the type says which status it would have been.
pub(super) fn from_error(status: u16, error: &Value) -> UpstreamFault {
    let word = |key: &str| error.get(key).and_then(Value::as_str).map(str::to_owned);
    let kind = word("type");
    let status = match (status, kind.as_deref()) {
        (0, Some("invalid_request_error" | "billing_error")) => 400,
        (0, Some("authentication_error")) => 401,
        (0, Some("permission_error")) => 403,
        (0, Some("not_found_error")) => 404,
        (0, Some("request_too_large")) => 413,
        (0, Some("rate_limit_error")) => 429,
        (0, Some("timeout_error")) => 504,
        (0, Some("overloaded_error")) => 529,
        (0, _) => 500,
        (status, _) => status,
    };
    let message = word("message").unwrap_or_else(|| format!("the provider answered with status {status} and no message"));
    let billing = kind.as_deref() == Some("billing_error") || message.contains("credit balance is too low");
    let code = if billing { Code::UpstreamAuthentication } else { code_of(status, &[kind.as_deref().unwrap_or(""), &message]) };
    UpstreamFault {
        code,
        message,
        status: Some(status),
        provider_code: error.pointer("/details/error_code").and_then(Value::as_str).map(str::to_owned),
        provider_type: kind,
        param: None,
        retry_after_ms: None,
    }
}

pub(super) fn write(status: u16, fault: &Fault, request_id: &str) -> Vec<u8> {
    let mut error = Map::new();
    error.insert("type".to_owned(), json!(type_of(status)));
    error.insert("message".to_owned(), json!(fault.say()));
    error.insert("code".to_owned(), json!(fault.code().as_str()));
    if let Some(param) = fault.wrong_param() {
        error.insert("param".to_owned(), json!(param));
    }
    if let Some(detail) = fault.upstream_detail() {
        error.insert("provider".to_owned(), json!(detail.provider));
        error.insert("status".to_owned(), json!(detail.status));
        error.insert("provider_code".to_owned(), json!(detail.code));
        error.insert("attempts".to_owned(), json!(detail.attempts));
    }
    let id = if request_id.is_empty() { Value::Null } else { json!(request_id) };
    serde_json::to_vec(&json!({"type": "error", "error": error, "request_id": id})).unwrap_or_default()
}

/// The SDK's closed list of error types.
fn type_of(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        429 => "rate_limit_error",
        400..=499 => "invalid_request_error",
        503 | 529 => "overloaded_error",
        504 => "timeout_error",
        _ => "api_error",
    }
}
