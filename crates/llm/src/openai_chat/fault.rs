//! Errors: a provider's envelope → meaning, and fault → our envelope.

use domain::{Code, Fault};
use serde_json::{Map, Value, json};

use crate::classify::code_of;
use crate::dialect::UpstreamFault;

pub(super) fn read(status: u16, body: &[u8]) -> UpstreamFault {
    let value: Option<Value> = serde_json::from_slice(body).ok();
    // Some send a list of one envelope; some put the fields at the top.
    let value = value.map(|value| match value {
        Value::Array(mut list) if list.len() == 1 => list.remove(0),
        other => other,
    });
    match value {
        Some(Value::Object(map)) => {
            from_error(status, map.get("error").filter(|error| !error.is_null()).unwrap_or(&Value::Object(map.clone())))
        }
        _ => UpstreamFault::plain(status, body),
    }
}

/// The `error` object, or an error that is only a text. Status 0 means: inside a stream or a 200 answer, where the
/// error's own numeric code is taken for the status.
pub(super) fn from_error(status: u16, error: &Value) -> UpstreamFault {
    let word = |key: &str| match error.get(key) {
        Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let (provider_code, provider_type) = (word("code"), word("type"));
    let said = error.as_str().map(str::to_owned).or_else(|| word("message")).or_else(|| word("detail"));
    let status = match status {
        0 => status_of(provider_code.as_deref(), provider_type.as_deref()),
        status => status,
    };
    let message = said.unwrap_or_else(|| format!("the provider answered with status {status} and no message"));
    let words = [provider_code.as_deref().unwrap_or(""), provider_type.as_deref().unwrap_or(""), &message];
    UpstreamFault {
        code: code_of(status, &words),
        message,
        status: (status != 0).then_some(status),
        provider_code,
        provider_type,
        param: word("param"),
        retry_after_ms: None,
    }
}

fn status_of(code: Option<&str>, kind: Option<&str>) -> u16 {
    if let Some(status) = code.and_then(|code| code.parse().ok()).filter(|status| (400..=599).contains(status)) {
        return status;
    }
    match kind.or(code) {
        Some("invalid_request_error") => 400,
        Some("authentication_error") => 401,
        Some("permission_error") => 403,
        Some("rate_limit_error" | "rate_limit_exceeded" | "tokens" | "requests") => 429,
        Some("server_error" | "api_error") => 500,
        Some("overloaded_error" | "service_unavailable") => 503,
        _ => 0,
    }
}

pub(super) fn write(status: u16, fault: &Fault, request_id: &str) -> Vec<u8> {
    serde_json::to_vec(&envelope(status, fault, request_id)).unwrap_or_default()
}

/// OpenAI's envelope. `message`, `type`, `param` and `code` are OpenAI's; what follows is ours and says which provider
/// refused, how, and after how many attempts.
pub(super) fn envelope(status: u16, fault: &Fault, request_id: &str) -> Value {
    let mut error = Map::new();
    error.insert("message".to_owned(), json!(fault.say()));
    error.insert("type".to_owned(), json!(type_of(status, fault.code())));
    error.insert("param".to_owned(), json!(fault.wrong_param()));
    error.insert("code".to_owned(), json!(fault.code().as_str()));
    if let Some(detail) = fault.upstream_detail() {
        error.insert("provider".to_owned(), json!(detail.provider));
        error.insert("status".to_owned(), json!(detail.status));
        error.insert("provider_code".to_owned(), json!(detail.code));
        error.insert("attempts".to_owned(), json!(detail.attempts));
    }
    if !request_id.is_empty() {
        error.insert("request_id".to_owned(), json!(request_id));
    }
    json!({"error": error})
}

fn type_of(status: u16, code: Code) -> &'static str {
    match (code, status) {
        (Code::InsufficientCredits | Code::BudgetExceeded, _) => "insufficient_quota",
        (_, 401) => "authentication_error",
        (_, 403) => "permission_error",
        (_, 404) => "not_found_error",
        (_, 429) => "rate_limit_error",
        (_, 400..=499) => "invalid_request_error",
        _ => "server_error",
    }
}
