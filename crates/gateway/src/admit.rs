//! Admission: money is set aside before a call goes out, as much as its bill can be at most.

use domain::{Fault, NanoUsd};

use crate::call::Call;
use crate::directory::Caller;
use crate::funds::{Funds, Hold};
use crate::plan::Candidate;
use crate::settle::OpenCall;

/// A stream holds this much output at first, and at each extension.
pub(crate) const STREAM_STEP_TOKENS: u64 = 1_024;
/// A plain call without `max_tokens` is let in when the funds cover at least this much output.
const OUTPUT_MIN_TOKENS: u64 = 16;

/// A held call.
pub(crate) struct Admitted {
    pub(crate) hold: Hold,
    /// Output tokens that the hold covers, on whichever candidate serves.
    pub(crate) covered: u64,
    /// What is set as the limit upstream, because the caller set none and the funds do not cover the model's.
    pub(crate) output_cap: Option<u64>,
}

/// Makes sure that whoever pays for `next` can: the platform's candidates need a hold, an own key needs none and keeps none.
///
/// Invariant: credits are asked only when they are about to pay, so that own keys work without any.
pub(crate) async fn pay(open: &mut OpenCall, call: &Call, next: &Candidate, candidates: &[Candidate]) -> Result<(), Fault> {
    if next.is_own() {
        open.pay_own();
    } else if open.hold.is_none() {
        open.pay_credits();
        open.gateway().directory.credits_are_known(service::clock::now())?;
        let admitted = hold(&open.gateway().funds, &open.caller, call, candidates).await?;
        open.admit(admitted);
    }
    Ok(())
}

/// Holds the most that any candidate that credits pay for may cost: all of the output for plain calls and for models that
/// think unseen, the first step of it for streams.
async fn hold(funds: &Funds, caller: &Caller, call: &Call, candidates: &[Candidate]) -> Result<Admitted, Fault> {
    let candidates = || candidates.iter().filter(|c| !c.is_own());
    let in_steps = call.stream && !candidates().any(Candidate::hides_output);
    let output_max = candidates().map(|c| c.output_max).max().unwrap_or(0);
    let output = if in_steps { output_max.min(STREAM_STEP_TOKENS.saturating_mul(call.n)) } else { output_max };
    let full = dearest(candidates(), output);
    let least = if in_steps || call.max_tokens.is_some() {
        full
    } else {
        dearest(candidates(), output.min(OUTPUT_MIN_TOKENS.saturating_mul(call.n)))
    };
    let hold = funds.hold(caller.scope, full, least).await?;
    if hold.amount() >= full {
        return Ok(Admitted { hold, covered: output, output_cap: None });
    }
    let covered = candidates().map(|c| c.output_within(hold.amount())).min().unwrap_or(0);
    Ok(Admitted { hold, covered, output_cap: Some((covered / call.n.max(1)).max(1)) })
}

fn dearest<'a>(candidates: impl Iterator<Item = &'a Candidate>, output: u64) -> NanoUsd {
    candidates.map(|c| c.hold_for(output.min(c.output_max))).max().unwrap_or(NanoUsd::MAX)
}
