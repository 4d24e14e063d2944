//! Rate limits: may this caller make this call now?

use domain::{Code, Fault, OrganizationId, UnixMicros};
use kv::{Allowance, Limiter, Refused};

use crate::levels::{Levels, subject};

/// Takes the call out of each level's limits of requests and of calls at once, or says when it fits.
pub(crate) fn request_limits(
    limiter: &Limiter,
    organization: OrganizationId,
    levels: &Levels,
    now: UnixMicros,
) -> Result<Allowance, Fault> {
    limiter.take(organization, &levels.wanted_request(), now).map_err(|refused| refusal(levels, &refused))
}

/// Takes the call's tokens out of each level's limit, or says when they fit.
pub(crate) fn token_limit(
    limiter: &Limiter,
    organization: OrganizationId,
    levels: &Levels,
    tokens: u64,
    now: UnixMicros,
) -> Result<Allowance, Fault> {
    limiter.take(organization, &levels.wanted_tokens(tokens), now).map_err(|refused| refusal(levels, &refused))
}

fn refusal(levels: &Levels, refused: &Refused) -> Fault {
    let whose = subject(levels.level_of(refused.counter));
    let say = format!("{whose}'s limit of {} {} is reached; try again in {} ms", refused.limit, refused.what, refused.retry_after_ms);
    let fault = Fault::new(Code::RateLimitExceeded, say).retry_after_ms(refused.retry_after_ms);
    match refused.what {
        "requests per minute" => fault.limit("requests", refused.limit),
        "tokens per minute" => fault.limit("tokens", refused.limit),
        _ => fault,
    }
}
