//! A usage event as the ledger and as analytics keep it. Both refuse the same events.

use analytics::{CallOutcome, CallRow};
use domain::{
    ApiKeyId, BudgetId, Epoch, GatewayId, Lane, LeaseId, NanoUsd, OrganizationId, ProjectId, RequestId, Seq, UnixMicros, Usage,
    UsageSource, Window,
};
use proto::usage::v1::budget_use::Counts;
use proto::usage::v1::outcome::Kind;
use proto::usage::v1::{Attempt, Facts, Outcome, UsageEvent, UsageTokens};
use serde_json::json;
use store::{BudgetUse, OutcomeKind, PostedEvent, UsedMode};
use uuid::Uuid;

/// The version of events that is understood.
const SCHEMA: u32 = 1;

/// An event that cannot be taken in: it goes to the quarantine with this reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Poison {
    /// Why.
    pub reason: &'static str,
}

/// What the ledger posts.
pub fn posted_event(event: &UsageEvent) -> Result<PostedEvent, Poison> {
    let checked = Checked::of(event)?;
    Ok(PostedEvent {
        gateway: checked.gateway,
        epoch: Epoch(event.epoch),
        lane: checked.lane,
        seq: Seq(event.seq),
        organization: checked.organization,
        project: checked.project,
        lease: checked.lease,
        used_mode: checked.used_mode,
        outcome: match checked.outcome {
            CallOutcome::Settled => OutcomeKind::Settled,
            CallOutcome::Voided => OutcomeKind::Voided,
            CallOutcome::Orphaned => OutcomeKind::Orphaned,
        },
        usage: checked.usage,
        cost: NanoUsd(event.cost_nano_usd),
        charged: NanoUsd(event.charged_nano_usd),
        hold: NanoUsd(event.hold_nano_usd),
        provider_key: event.facts.as_ref().and_then(|facts| facts.credential.parse().ok()),
        ended_at: UnixMicros(event.ended_at_us),
        budgets: checked.budgets,
    })
}

/// What analytics keep.
pub fn call_row(event: &UsageEvent) -> Result<CallRow, Poison> {
    let checked = Checked::of(event)?;
    let (facts, outcome) = (event.facts.clone().unwrap_or_default(), event.outcome.clone().unwrap_or_default());
    let attempts_json = attempts_json(&event.attempts);
    Ok(CallRow {
        request: checked.request,
        organization: checked.organization,
        project: checked.project,
        api_key: checked.api_key,
        lease: checked.lease,
        gateway: checked.gateway,
        epoch: Epoch(event.epoch),
        lane: checked.lane,
        seq: Seq(event.seq),
        requested_model: facts.requested_model,
        model: facts.model,
        provider: facts.provider,
        dialect: facts.dialect,
        stream: facts.stream,
        mode: facts.mode,
        used_mode: facts.used_mode,
        outcome: checked.outcome,
        http_status: outcome.http_status,
        error_code: outcome.error_code,
        finish_reason: outcome.finish_reason,
        upstream_id: outcome.upstream_id,
        upstream_status: outcome.upstream_status,
        duration_ms: outcome.duration_ms,
        first_token_ms: outcome.first_token_ms,
        overhead_us: outcome.overhead_us,
        cancelled: outcome.cancelled,
        cache: outcome.cache,
        usage: checked.usage,
        cost: NanoUsd(event.cost_nano_usd),
        charged: NanoUsd(event.charged_nano_usd),
        hold: NanoUsd(event.hold_nano_usd),
        price_version: event.price_version,
        provider_cost: event.provider_cost_nano_usd.map(NanoUsd),
        started_at: UnixMicros(facts.started_at_us),
        ended_at: UnixMicros(event.ended_at_us),
        tags: facts.tags,
        metadata_json: facts.metadata_json,
        user: facts.user,
        session: facts.session,
        attempts_json,
    })
}

/// The parts of an event that can be wrong.
struct Checked {
    request: RequestId,
    organization: OrganizationId,
    project: ProjectId,
    api_key: ApiKeyId,
    lease: Option<LeaseId>,
    gateway: GatewayId,
    lane: Lane,
    outcome: CallOutcome,
    used_mode: UsedMode,
    usage: Usage,
    budgets: Vec<BudgetUse>,
}

impl Checked {
    fn of(event: &UsageEvent) -> Result<Self, Poison> {
        if event.schema != SCHEMA {
            return poison("the event's schema version is unknown; a newer release of metering may read it");
        }
        let (Some(facts), Some(outcome)) = (&event.facts, &event.outcome) else {
            return poison("the event has no facts or no outcome");
        };
        if event.seq == 0 || event.cost_nano_usd < 0 || event.charged_nano_usd < 0 || event.hold_nano_usd < 0 {
            return poison("the event has no sequence number, or a negative amount");
        }
        let (Some(lane), Some(outcome)) = (lane(event), kind(outcome)) else {
            return poison("the event's lane or kind of outcome is unknown");
        };
        let Some(used_mode) = UsedMode::parse(&facts.used_mode) else {
            return poison("the event does not say who paid");
        };
        let Some(usage) = usage(&event.usage.unwrap_or_default()) else {
            return poison("the event counts more tokens than can be stored");
        };
        Self::with_ids(event, facts, lane, outcome, used_mode, usage)
            .ok_or(Poison { reason: "an id of the event is not 16 bytes, or a budget counts something unknown" })
    }

    fn with_ids(event: &UsageEvent, facts: &Facts, lane: Lane, outcome: CallOutcome, used_mode: UsedMode, usage: Usage) -> Option<Self> {
        let uuid = |bytes: &[u8]| Uuid::from_slice(bytes).ok();
        Some(Self {
            request: RequestId::from_uuid(uuid(&event.request_id)?),
            organization: OrganizationId::from_uuid(uuid(&facts.organization_id)?),
            project: ProjectId::from_uuid(uuid(&facts.project_id)?),
            api_key: ApiKeyId::from_uuid(uuid(&facts.api_key_id)?),
            lease: if facts.lease_id.is_empty() { None } else { Some(LeaseId::from_uuid(uuid(&facts.lease_id)?)) },
            gateway: GatewayId(uuid(&event.gateway_id)?),
            lane,
            outcome,
            used_mode,
            usage,
            budgets: facts.budgets.iter().map(|used| budget_use(event, used)).collect::<Option<_>>()?,
        })
    }
}

/// What a call adds to a budget; `None` when an id is none, or what counts is unknown.
fn budget_use(event: &UsageEvent, used: &proto::usage::v1::BudgetUse) -> Option<BudgetUse> {
    let uuid = |bytes: &[u8]| Uuid::from_slice(bytes).ok();
    let amount = match Counts::try_from(used.counts).ok()? {
        Counts::Cost => event.cost_nano_usd,
        Counts::Charged => event.charged_nano_usd,
        Counts::Unspecified => return None,
    };
    Some(BudgetUse {
        budget: BudgetId::from_uuid(uuid(&used.budget_id)?),
        window: Window::stored(used.window_start_us, used.window_end_us),
        lease: if used.lease_id.is_empty() { None } else { Some(LeaseId::from_uuid(uuid(&used.lease_id)?)) },
        amount: NanoUsd(amount),
    })
}

fn poison<T>(reason: &'static str) -> Result<T, Poison> {
    Err(Poison { reason })
}

fn lane(event: &UsageEvent) -> Option<Lane> {
    u8::try_from(event.lane).ok().and_then(Lane::from_index)
}

fn kind(outcome: &Outcome) -> Option<CallOutcome> {
    match Kind::try_from(outcome.kind) {
        Ok(Kind::Settled) => Some(CallOutcome::Settled),
        Ok(Kind::Voided) => Some(CallOutcome::Voided),
        Ok(Kind::Orphaned) => Some(CallOutcome::Orphaned),
        Ok(Kind::Unspecified) | Err(_) => None,
    }
}

/// `None` when a count does not fit what databases hold.
fn usage(tokens: &UsageTokens) -> Option<Usage> {
    let fits = |count: u64| i64::try_from(count).is_ok();
    let usage = Usage {
        input: tokens.input,
        cached_input: tokens.cached_input,
        cache_write_5m: tokens.cache_write_5m,
        cache_write_1h: tokens.cache_write_1h,
        audio_input: tokens.audio_input,
        output: tokens.output,
        reasoning: tokens.reasoning,
        audio_output: tokens.audio_output,
        image_output: tokens.image_output,
        searches: tokens.searches,
        source: if tokens.estimated { UsageSource::Estimated } else { UsageSource::Provider },
    };
    (fits(usage.input) && fits(usage.output) && fits(usage.searches)).then(|| usage.clamped())
}

fn attempts_json(attempts: &[Attempt]) -> String {
    let each = |attempt: &Attempt| {
        json!({
            "provider": attempt.provider,
            "model": attempt.model,
            "status": attempt.status,
            "error_code": attempt.error_code,
            "duration_ms": attempt.duration_ms,
            "credential": attempt.credential,
        })
    };
    serde_json::Value::from(attempts.iter().map(each).collect::<Vec<_>>()).to_string()
}
