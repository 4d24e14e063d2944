//! Why a budget lets a call not through: it is spent, calls in flight hold the rest, or we cannot tell.

use domain::{Code, Fault, NanoUsd};
use store::BudgetGranted;

use crate::budgets::key_budget::{KeyBudget, anew, left};
use crate::budgets::room::Room;
use crate::plan::Candidate;

/// When in-flight calls hold everything: about the time that one takes.
const IN_FLIGHT_RETRY_MS: u64 = 1_000;

/// Whether what other gateways have leased, idle or held, would be enough together with what is here.
pub(super) fn may_come(room: &Room, need: NanoUsd, answer: &BudgetGranted) -> bool {
    answer.elsewhere > NanoUsd::ZERO && need <= within_reach(room, answer)
}

fn within_reach(room: &Room, answer: &BudgetGranted) -> NanoUsd {
    room.figures().free.saturating_add(answer.available).saturating_add(answer.elsewhere)
}

/// 429 while the end of calls under way may free enough, here or elsewhere; else 402. `own` is what the asking call holds.
pub(super) fn refusal(budget: &KeyBudget, room: &Room, need: NanoUsd, own: NanoUsd, answer: &BudgetGranted) -> Fault {
    let here = room.figures();
    let others = here.held - own;
    let others_open = here.open_holds > u64::from(own > NanoUsd::ZERO);
    let with_others = if others_open { within_reach(room, answer).saturating_add(others) } else { within_reach(room, answer) };
    if (others_open || answer.elsewhere > NanoUsd::ZERO) && need <= with_others {
        return in_flight(budget, need);
    }
    let left = left(here.free.saturating_add(answer.available));
    let say = format!(
        "{} is spent: this call may cost up to ${need}, and ${left} is left; {}; raise it, or send a smaller `max_tokens`",
        budget.named(),
        anew(&room.window)
    );
    Fault::new(Code::BudgetExceeded, say)
}

pub(super) fn in_flight(budget: &KeyBudget, need: NanoUsd) -> Fault {
    let say = format!(
        "the calls now in flight hold what is left of {}, and this one needs up to ${need}; try again when one of them has ended",
        budget.named()
    );
    Fault::new(Code::InFlightBudgetExhausted, say).retry_after_ms(IN_FLIGHT_RETRY_MS)
}

/// Fail closed: what nobody can price cannot be kept within a budget.
pub(super) fn unpriced(budget: &KeyBudget, candidate: &Candidate) -> Fault {
    let say = format!(
        "the price of `{}` is not known, so it cannot be kept within {}; choose another model, or ask the operator to add a price in catalog_file",
        candidate.model.id,
        budget.named()
    );
    Fault::new(Code::PriceUnknown, say).param("model")
}

pub(super) fn unavailable(cause: impl Into<domain::fault::Cause>) -> Fault {
    let say = "room in a budget cannot be reserved right now; nothing was charged, try again in a moment";
    Fault::new(Code::BudgetUnavailable, say).retry_after_ms(IN_FLIGHT_RETRY_MS).note("lease room in a budget").because(cause)
}
