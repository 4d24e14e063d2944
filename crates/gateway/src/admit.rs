//! Admission: money is set aside before a call goes out, as much as its bill can be at most.

use std::sync::Arc;

use domain::{Code, Fault, NanoUsd};

use crate::budgets::{KeyBudget, Output, RoomHold};
use crate::call::Call;
use crate::cover::Cover;
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
    /// What the hold covers on whichever candidate serves.
    pub(crate) cover: Cover,
}

/// Why an attempt is not made.
pub(crate) struct Refusal {
    pub(crate) fault: Fault,
    /// Credits do not pay, for whichever candidate; else a budget that this candidate counts in.
    pub(crate) of_credits: bool,
}

/// Makes sure that whoever pays for `next` can: the platform's candidates need a hold, an own key needs none and keeps none.
///
/// Budgets are held for the candidate that is about to serve, all of them or none.
///
/// Invariant: credits are asked only when they are about to pay, so that own keys work without any.
pub(crate) async fn pay(open: &mut OpenCall, call: &Call, next: &Candidate, candidates: &[Candidate]) -> Result<(), Refusal> {
    if next.is_own() {
        open.pay_own();
    } else if open.hold.is_none() {
        open.pay_credits();
        let known = open.gateway().directory.credits_are_known(service::clock::now());
        let admitted = match known {
            Ok(()) => hold(&open.gateway().funds, &open.caller, call, candidates).await,
            Err(fault) => Err(fault),
        };
        open.admit(admitted.map_err(|fault| Refusal { fault, of_credits: true })?);
    }
    if open.caller.budgets.is_empty() {
        return Ok(());
    }
    budget(open, call, next).await.map_err(|fault| Refusal { fault, of_credits: false })
}

/// Holds what this candidate may cost, of the output that credits cover, in every budget that it counts in.
async fn budget(open: &mut OpenCall, call: &Call, next: &Candidate) -> Result<(), Fault> {
    open.budgets.clear();
    open.count_in(Vec::new());
    open.cover_only(open.by_credits);
    let caller = Arc::clone(&open.caller);
    let counted = |b: &Arc<KeyBudget>| b.is_hard() && b.counts(&call.options.tags, next);
    if let Some(param) = call.unpriced().filter(|_| caller.budgets.iter().any(counted)) {
        let say = format!("`{param}` changes what a call costs in a way that cannot be kept within a budget yet; leave it out");
        return Err(Fault::new(Code::UnsupportedParameter, say).param(param));
    }
    let in_steps = call.stream && !next.hides_output();
    let most = next.output_max.min(open.by_credits.output);
    let full = if in_steps { most.min(STREAM_STEP_TOKENS.saturating_mul(call.n)) } else { most };
    let least = if in_steps || call.max_tokens.is_some() { full } else { full.min(OUTPUT_MIN_TOKENS.saturating_mul(call.n)) };
    let (budgets, output) = (Arc::clone(&open.gateway().budgets), Output { full, least });
    let held = budgets.hold(caller.scope, &caller.budgets, &call.options.tags, next, output, service::clock::now()).await?;
    open.count_in(held.uses);
    if held.holds.is_empty() {
        return Ok(());
    }
    let within = |hold: &RoomHold| next.output_counted_within(hold.budget().row.counts, hold.amount());
    let covered = held.holds.iter().map(within).min().unwrap_or(full).min(full);
    let output_cap = if covered < full { Some((covered / call.n.max(1)).max(1)) } else { open.by_credits.output_cap };
    open.budgets = held.holds;
    open.cover_only(Cover { output: covered, output_cap });
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
        return Ok(Admitted { hold, cover: Cover { output, output_cap: None } });
    }
    let covered = candidates().map(|c| c.output_within(hold.amount())).min().unwrap_or(0);
    let output_cap = Some((covered / call.n.max(1)).max(1));
    Ok(Admitted { hold, cover: Cover { output: covered, output_cap } })
}

fn dearest<'a>(candidates: impl Iterator<Item = &'a Candidate>, output: u64) -> NanoUsd {
    candidates.map(|c| c.hold_for(output.min(c.output_max))).max().unwrap_or(NanoUsd::MAX)
}
