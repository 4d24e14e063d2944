//! Rights and rate limits: may this caller make this call now?

use domain::{Code, Fault, UnixMicros};
use kv::{Allowance, Limiter, Refused, Wanted};

use crate::directory::Caller;

/// Refuses a model that the key may not call. `root` is the catalog's id, `asked` what the caller wrote.
pub(crate) fn model_allowed(caller: &Caller, root: &str, asked: &str) -> Result<(), Fault> {
    match &caller.allowed_models {
        Some(allowed) if !allowed.iter().any(|model| model == root || model == asked) => {
            Err(Fault::new(Code::PermissionDenied, format!("this API key may not call `{asked}`; it may call: {}", allowed.join(", ")))
                .param("model"))
        }
        _ => Ok(()),
    }
}

/// Takes the call out of the key's limits of requests and of calls at once, or says when it fits.
pub(crate) fn request_limits(limiter: &Limiter, caller: &Caller, now: UnixMicros) -> Result<Allowance, Fault> {
    let wanted = Wanted { rpm: caller.rpm, concurrency: caller.concurrency, ..Wanted::default() };
    limiter.take(caller.key, &wanted, now).map_err(|refused| refusal(&refused))
}

/// Takes the call's tokens out of the key's limit, or says when they fit.
pub(crate) fn token_limit(limiter: &Limiter, caller: &Caller, tokens: u64, now: UnixMicros) -> Result<Allowance, Fault> {
    let wanted = Wanted { tpm: caller.tpm, tokens, ..Wanted::default() };
    limiter.take(caller.key, &wanted, now).map_err(|refused| refusal(&refused))
}

fn refusal(refused: &Refused) -> Fault {
    let say = format!("this API key's limit of {} {} is reached; try again in {} ms", refused.limit, refused.what, refused.retry_after_ms);
    let fault = Fault::new(Code::RateLimitExceeded, say).retry_after_ms(refused.retry_after_ms);
    match refused.what {
        "requests per minute" => fault.limit("requests", refused.limit),
        "tokens per minute" => fault.limit("tokens", refused.limit),
        _ => fault,
    }
}
