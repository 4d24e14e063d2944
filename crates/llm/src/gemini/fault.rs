//! Errors: a provider's envelope → meaning, and fault → our envelope.

use domain::{Code, Fault};
use serde_json::{Map, Value, json};

use crate::classify::code_of;
use crate::dialect::UpstreamFault;

pub(super) fn read(status: u16, body: &[u8]) -> UpstreamFault {
    let value: Option<Value> = serde_json::from_slice(body).ok();
    // Some endpoints send a list of one envelope.
    let value = value.map(|value| match value {
        Value::Array(mut list) if list.len() == 1 => list.remove(0),
        other => other,
    });
    match value.as_ref().and_then(|value| value.get("error")) {
        Some(error) => from_error(status, error),
        None => UpstreamFault::plain(status, body),
    }
}

/// The `error` object. Status 0 means: inside a stream, where the error's own code is the status.
pub(super) fn from_error(status: u16, error: &Value) -> UpstreamFault {
    let told = error.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
    let status = if status == 0 { told.unwrap_or(500) } else { status };
    let kind = error.get("status").and_then(Value::as_str).map(str::to_owned);
    let message = error.get("message").and_then(Value::as_str).map(str::to_owned);
    let message = message.unwrap_or_else(|| format!("the provider answered with status {status} and no message"));
    let details = error.get("details").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let find = |key: &str| details.iter().find_map(|detail| detail.get(key));
    let reason = find("reason").and_then(Value::as_str).map(str::to_owned);
    let code = match kind.as_deref() {
        Some("DEADLINE_EXCEEDED") => Code::UpstreamTimeout,
        _ => code_of(status, &[kind.as_deref().unwrap_or(""), reason.as_deref().unwrap_or(""), &message]),
    };
    UpstreamFault {
        code,
        message,
        status: Some(status),
        provider_code: reason,
        provider_type: kind,
        param: find("fieldViolations").and_then(|list| list.pointer("/0/field")).and_then(Value::as_str).map(str::to_owned),
        retry_after_ms: find("retryDelay").and_then(Value::as_str).and_then(delay_ms),
    }
}

/// `17s` or `1.5s` → milliseconds.
fn delay_ms(text: &str) -> Option<u64> {
    let (whole, part) = text.strip_suffix('s')?.split_once('.').unwrap_or((text.strip_suffix('s')?, ""));
    let part: String = part.chars().chain("000".chars()).take(3).collect();
    whole.parse::<u64>().ok()?.checked_mul(1_000)?.checked_add(part.parse().ok()?)
}

pub(super) fn write(status: u16, fault: &Fault, request_id: &str) -> Vec<u8> {
    let mut metadata = Map::new();
    let mut note = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            metadata.insert(key.to_owned(), json!(value));
        }
    };
    note("code", Some(fault.code().as_str().to_owned()));
    note("param", fault.wrong_param().map(str::to_owned));
    if let Some(detail) = fault.upstream_detail() {
        note("provider", Some(detail.provider.clone()));
        note("status", detail.status.map(|status| status.to_string()));
        note("provider_code", detail.code.clone());
        note("attempts", Some(detail.attempts.to_string()));
    }
    let reason = fault.code().as_str().to_ascii_uppercase();
    let mut details =
        vec![json!({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "llmg", "metadata": metadata})];
    if let Some(ms) = fault.retry_after() {
        let delay = format!("{}.{:03}s", ms / 1_000, ms % 1_000);
        details.push(json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}));
    }
    if !request_id.is_empty() {
        details.push(json!({"@type": "type.googleapis.com/google.rpc.RequestInfo", "requestId": request_id}));
    }
    let error = json!({"code": status, "message": fault.say(), "status": status_word(status), "details": details});
    serde_json::to_vec(&json!({"error": error})).unwrap_or_default()
}

/// Google's words for HTTP statuses.
fn status_word(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        402 | 403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        409 => "ABORTED",
        429 => "RESOURCE_EXHAUSTED",
        499 => "CANCELLED",
        400..=498 => "INVALID_ARGUMENT",
        502 | 503 | 529 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        _ => "INTERNAL",
    }
}
