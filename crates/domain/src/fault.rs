//! One closed list of error codes, and the fault that carries one outward.
//!
//! A fault has two texts that never mix: `say` goes to the caller and tells what to do; `note` and the cause stay in
//! the log. The code is public, stable, and also the metric label. `service::http` maps codes to HTTP status;
//! `docs/ERRORS.md` lists them all.

use std::error::Error;
use std::fmt;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident => $text:literal,)*) => {
        /// What went wrong, for programs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// Every code, in the order of `docs/ERRORS.md`.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The stable public spelling.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

codes! {
    /// No key was sent.
    MissingApiKey => "missing_api_key",
    /// The key is mistyped or cut: its checksum is wrong.
    MalformedApiKey => "malformed_api_key",
    /// Nobody's key.
    InvalidApiKey => "invalid_api_key",
    /// The key was revoked.
    RevokedApiKey => "revoked_api_key",
    /// The key's time is over.
    ExpiredApiKey => "expired_api_key",
    /// The e-mail address and the password do not fit together.
    InvalidCredentials => "invalid_credentials",
    /// The browser's session has ended: expired, revoked or logged out.
    SessionEnded => "session_ended",
    /// The caller is known and may not do this.
    PermissionDenied => "permission_denied",
    /// There is no such thing for this caller.
    NotFound => "not_found",
    /// The path exists, the method does not.
    MethodNotAllowed => "method_not_allowed",
    /// The body is not `application/json`.
    UnsupportedMediaType => "unsupported_media_type",
    /// The body is over the limit.
    BodyTooLarge => "body_too_large",
    /// The body is not JSON.
    InvalidJson => "invalid_json",
    /// A field is missing, of the wrong type or out of range.
    InvalidRequest => "invalid_request",
    /// No such model.
    ModelNotFound => "model_not_found",
    /// No such provider.
    ProviderNotFound => "provider_not_found",
    /// The model is known, but no provider that serves it has a key here.
    ProviderNotConfigured => "provider_not_configured",
    /// The model cannot do what the call asks.
    ModelNotSupported => "model_not_supported",
    /// Strict mode: the target cannot express a parameter.
    UnsupportedParameter => "unsupported_parameter",
    /// The model has no price, so that credits cannot pay for it.
    PriceUnknown => "price_unknown",
    /// The state changed under the caller, or the name is taken.
    Conflict => "conflict",
    /// A request limit is reached.
    RateLimitExceeded => "rate_limit_exceeded",
    /// The calls now in flight hold all that is left; settling them frees room.
    InFlightBudgetExhausted => "in_flight_budget_exhausted",
    /// The organization's credits are spent.
    InsufficientCredits => "insufficient_credits",
    /// A budget's window is spent.
    BudgetExceeded => "budget_exceeded",
    /// The client left before the answer.
    RequestCancelled => "request_cancelled",
    /// The input is longer than the model's context window.
    ContextLengthExceeded => "context_length_exceeded",
    /// The provider's content policy refused the call.
    ContentPolicyViolation => "content_policy_violation",
    /// The provider refused the request as wrong.
    UpstreamInvalidRequest => "upstream_invalid_request",
    /// The provider refused our credential.
    UpstreamAuthentication => "upstream_authentication",
    /// The provider's rate limit is reached.
    UpstreamRateLimited => "upstream_rate_limited",
    /// The provider is overloaded.
    UpstreamOverloaded => "upstream_overloaded",
    /// The provider failed.
    UpstreamError => "upstream_error",
    /// The provider could not be reached.
    UpstreamUnreachable => "upstream_unreachable",
    /// The provider took too long.
    UpstreamTimeout => "upstream_timeout",
    /// The provider answered something that is not its dialect.
    UpstreamInvalidResponse => "upstream_invalid_response",
    /// Credits cannot be reserved now, for our own reason.
    CreditsUnavailable => "credits_unavailable",
    /// Room in a budget cannot be reserved now, for our own reason.
    BudgetUnavailable => "budget_unavailable",
    /// Keys cannot be looked up now, for our own reason.
    DirectoryUnavailable => "directory_unavailable",
    /// Usage cannot be recorded now, so that nothing is served unbilled.
    MeteringUnavailable => "metering_unavailable",
    /// This process is at its limit.
    Overloaded => "overloaded",
    /// This process is stopping.
    ShuttingDown => "shutting_down",
    /// Our fault, and nothing more is known.
    Internal => "internal_error",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A boxed cause, kept for the log.
pub type Cause = Box<dyn Error + Send + Sync + 'static>;

/// What the provider said, when the fault is about a provider.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UpstreamDetail {
    /// Provider id of the last attempt.
    pub provider: String,
    /// The provider's HTTP status, if it answered.
    pub status: Option<u16>,
    /// The provider's own error code or type.
    pub code: Option<String>,
    /// How many attempts were made on all providers.
    pub attempts: u32,
}

/// A failed act: a stable code, a sentence for the caller, and the rest for the log.
#[derive(Debug)]
pub struct Fault {
    inner: Box<Inner>,
}

#[derive(Debug)]
struct Inner {
    code: Code,
    say: String,
    param: Option<String>,
    retry_after_ms: Option<u64>,
    limit: Option<(&'static str, u32)>,
    upstream: Option<UpstreamDetail>,
    note: Option<String>,
    cause: Option<Cause>,
}

impl Fault {
    /// A fault with the sentence that tells the caller what to do.
    pub fn new(code: Code, say: impl Into<String>) -> Self {
        Self {
            inner: Box::new(Inner {
                code,
                say: say.into(),
                param: None,
                retry_after_ms: None,
                limit: None,
                upstream: None,
                note: None,
                cause: None,
            }),
        }
    }

    /// Our own failure: the caller learns only that it may try again; `act` says what we were doing.
    pub fn internal(act: impl Into<String>, cause: impl Into<Cause>) -> Self {
        Self::new(Code::Internal, "something failed on our side; try again, and quote the request id if it goes on")
            .note(act)
            .because(cause)
    }

    /// The request field that is wrong, as a path: `messages[2].content`.
    #[must_use]
    pub fn param(mut self, param: impl Into<String>) -> Self {
        self.inner.param = Some(param.into());
        self
    }

    /// When trying again makes sense.
    #[must_use]
    pub fn retry_after_ms(mut self, ms: u64) -> Self {
        self.inner.retry_after_ms = Some(ms);
        self
    }

    /// The limit that is used up: `requests` or `tokens`, and its size per minute.
    #[must_use]
    pub fn limit(mut self, what: &'static str, size: u32) -> Self {
        self.inner.limit = Some((what, size));
        self
    }

    /// What the provider said.
    #[must_use]
    pub fn upstream(mut self, detail: UpstreamDetail) -> Self {
        self.inner.upstream = Some(detail);
        self
    }

    /// The same fault with another sentence for the caller.
    #[must_use]
    pub fn reword(mut self, say: impl Into<String>) -> Self {
        self.inner.say = say.into();
        self
    }

    /// For the log only. Never a secret, a prompt or a key.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.inner.note = Some(note.into());
        self
    }

    /// For the log only.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Cause>) -> Self {
        self.inner.cause = Some(cause.into());
        self
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        self.inner.code
    }

    /// The sentence for the caller.
    pub fn say(&self) -> &str {
        &self.inner.say
    }

    /// The wrong field, if one is.
    pub fn wrong_param(&self) -> Option<&str> {
        self.inner.param.as_deref()
    }

    /// When trying again makes sense, if known.
    pub fn retry_after(&self) -> Option<u64> {
        self.inner.retry_after_ms
    }

    /// The limit that is used up, if one is.
    pub fn used_up(&self) -> Option<(&'static str, u32)> {
        self.inner.limit
    }

    /// What the provider said, if the fault is about one.
    pub fn upstream_detail(&self) -> Option<&UpstreamDetail> {
        self.inner.upstream.as_ref()
    }

    /// The whole chain for the log: note, then each cause.
    pub fn chain(&self) -> String {
        let mut text = self.inner.note.clone().unwrap_or_default();
        let mut cause: Option<&(dyn Error + 'static)> = self.inner.cause.as_deref().map(|c| c as &(dyn Error + 'static));
        while let Some(error) = cause {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_snake_case() {
        let mut seen = std::collections::BTreeSet::new();
        for code in Code::ALL {
            assert!(seen.insert(code.as_str()), "{code} twice");
            assert!(code.as_str().bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{code}");
        }
    }

    #[test]
    fn the_chain_names_the_act_and_every_cause() {
        let fault = Fault::internal("read the ledger", std::io::Error::other("disk"));
        assert_eq!(fault.chain(), "read the ledger: disk");
        assert!(!fault.say().contains("disk"));
    }
}
