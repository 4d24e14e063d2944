//! The one table from error codes to HTTP status.

use domain::Code;
use http::StatusCode;

/// The status that a caller sees. Our own outage is never a 401, 402 or 403.
pub const fn of(code: Code) -> StatusCode {
    match code {
        Code::MissingApiKey
        | Code::MalformedApiKey
        | Code::InvalidApiKey
        | Code::RevokedApiKey
        | Code::ExpiredApiKey
        | Code::InvalidCredentials
        | Code::SessionEnded => StatusCode::UNAUTHORIZED,
        Code::InsufficientCredits | Code::BudgetExceeded => StatusCode::PAYMENT_REQUIRED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Code::Conflict => StatusCode::CONFLICT,
        Code::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Code::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::InvalidJson
        | Code::InvalidRequest
        | Code::ModelNotFound
        | Code::ProviderNotFound
        | Code::ProviderNotConfigured
        | Code::ModelNotSupported
        | Code::UnsupportedParameter
        | Code::PriceUnknown
        | Code::ContextLengthExceeded
        | Code::ContentPolicyViolation
        | Code::UpstreamInvalidRequest => StatusCode::BAD_REQUEST,
        Code::RateLimitExceeded | Code::InFlightBudgetExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::UpstreamAuthentication | Code::UpstreamError | Code::UpstreamUnreachable | Code::UpstreamInvalidResponse => {
            StatusCode::BAD_GATEWAY
        }
        Code::UpstreamRateLimited
        | Code::UpstreamOverloaded
        | Code::CreditsUnavailable
        | Code::BudgetUnavailable
        | Code::DirectoryUnavailable
        | Code::MeteringUnavailable
        | Code::Overloaded
        | Code::ShuttingDown => StatusCode::SERVICE_UNAVAILABLE,
        Code::UpstreamTimeout => StatusCode::GATEWAY_TIMEOUT,
        Code::RequestCancelled => CLIENT_CLOSED_REQUEST,
        Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// 499: nobody is there to read it; it is what the log and the call list show.
pub const CLIENT_CLOSED_REQUEST: StatusCode = match StatusCode::from_u16(499) {
    Ok(status) => status,
    Err(_) => StatusCode::BAD_REQUEST,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_outage_is_never_an_answer_about_the_caller() {
        for code in [
            Code::CreditsUnavailable,
            Code::BudgetUnavailable,
            Code::DirectoryUnavailable,
            Code::MeteringUnavailable,
            Code::Internal,
            Code::Overloaded,
            Code::ShuttingDown,
        ] {
            assert!(of(code).is_server_error(), "{code}");
        }
    }

    #[test]
    fn every_code_is_an_error_status() {
        for &code in Code::ALL {
            assert!(of(code).is_client_error() || of(code).is_server_error(), "{code}");
        }
    }
}
