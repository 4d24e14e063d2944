//! What a provider's error means, by its words and its status.

use domain::Code;

/// Pieces of sentences by which providers say that the input is too long.
const CONTEXT: &[&str] = &[
    "maximum context length",
    "context_length_exceeded",
    "context length",
    "context window",
    "prompt is too long",
    "input is too long",
    "input token count",
    "too many tokens",
    "too many input tokens",
    "exceed context limit",
    "exceeds the maximum number of tokens",
    "reduce the length of the messages",
];

/// Pieces of sentences by which providers say that a content policy refused.
const POLICY: &[&str] = &[
    "content_policy",
    "content policy",
    "content_filter",
    "content management policy",
    "output blocked by content filtering",
    "safety system",
    "usage policies",
    "responsibleaipolicyviolation",
    "prohibited_content",
];

/// The code for a failed answer. `words` are the provider's type, code and message.
pub(crate) fn code_of(status: u16, words: &[&str]) -> Code {
    let said = |pieces: &[&str]| {
        words.iter().any(|word| {
            let word = word.to_ascii_lowercase();
            pieces.iter().any(|piece| word.contains(piece))
        })
    };
    let client_fault = matches!(status, 0 | 400 | 413 | 422);
    if client_fault && said(CONTEXT) {
        return Code::ContextLengthExceeded;
    }
    if matches!(status, 0 | 400 | 403 | 422) && said(POLICY) {
        return Code::ContentPolicyViolation;
    }
    if status == 429 && said(&["insufficient_quota", "billing"]) {
        return Code::UpstreamAuthentication;
    }
    if said(&["overloaded"]) && (status >= 500 || status == 0) {
        return Code::UpstreamOverloaded;
    }
    if status == 400 && said(&["api key not valid", "api_key_invalid"]) {
        return Code::UpstreamAuthentication;
    }
    match status {
        401..=403 => Code::UpstreamAuthentication,
        404 if said(&["model"]) => Code::ModelNotFound,
        408 | 504 => Code::UpstreamTimeout,
        429 => Code::UpstreamRateLimited,
        503 | 529 => Code::UpstreamOverloaded,
        400..=499 => Code::UpstreamInvalidRequest,
        _ => Code::UpstreamError,
    }
}

/// The provider's text when its error is not in its dialect (a proxy's page): short, one line, without markup.
pub(crate) fn plain_message(status: u16, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body.get(..2_000).unwrap_or(body));
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(300).collect();
    if line.is_empty() || line.starts_with('<') {
        return format!("the provider answered with status {status} and no readable message");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_win_over_status() {
        for (status, words, code) in [
            (400, "This model's maximum context length is 128000 tokens", Code::ContextLengthExceeded),
            (400, "prompt is too long: 210000 tokens > 200000 maximum", Code::ContextLengthExceeded),
            (400, "Output blocked by content filtering policy", Code::ContentPolicyViolation),
            (400, "temperature must be in 0..2", Code::UpstreamInvalidRequest),
            (401, "bad key", Code::UpstreamAuthentication),
            (404, "model: claude-9", Code::ModelNotFound),
            (429, "slow down", Code::UpstreamRateLimited),
            (429, "insufficient_quota", Code::UpstreamAuthentication),
            (500, "overloaded_error", Code::UpstreamOverloaded),
            (529, "", Code::UpstreamOverloaded),
            (502, "bad gateway", Code::UpstreamError),
        ] {
            assert_eq!(code_of(status, &[words]), code, "{status} {words}");
        }
    }
}
