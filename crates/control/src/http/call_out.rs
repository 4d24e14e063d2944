//! How a call is shown.

use analytics::{CallOutcome, CallRow};
use domain::Fault;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::http::output::{self, SourceOut, TokensOut};

/// How a call ended.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    /// Its usage is known or counted.
    Settled,
    /// Nothing was sent, or it failed before the first token: nothing is billed.
    Voided,
    /// Its gateway died; billed to the last progress.
    Orphaned,
}

impl From<CallOutcome> for Outcome {
    fn from(outcome: CallOutcome) -> Self {
        match outcome {
            CallOutcome::Settled => Self::Settled,
            CallOutcome::Voided => Self::Voided,
            CallOutcome::Orphaned => Self::Orphaned,
        }
    }
}

impl From<Outcome> for CallOutcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Settled => Self::Settled,
            Outcome::Voided => Self::Voided,
            Outcome::Orphaned => Self::Orphaned,
        }
    }
}

/// A call. Never its content.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CallOut {
    /// As in the `x-llmg-request-id` header of its answer.
    #[schema(example = "req_0190a6d4c1e47c0f8d5a6f1b2c3d4e5f")]
    id: String,
    project_id: String,
    api_key_id: String,
    /// As the caller wrote it.
    #[schema(example = "openai/gpt-4o")]
    requested_model: String,
    /// The model used.
    #[schema(example = "gpt-4o")]
    model: String,
    /// The provider used.
    #[schema(example = "openai")]
    provider: String,
    /// The caller's dialect.
    #[schema(example = "openai_chat")]
    dialect: String,
    /// Whether the answer was streamed.
    stream: bool,
    /// The project's mode: `credits`, `api-keys` or `hybrid`.
    mode: String,
    /// Who paid: `credits` or `api-keys`.
    used_mode: String,
    #[schema(inline)]
    outcome: Outcome,
    /// What the caller got.
    http_status: u32,
    /// Null when the call succeeded.
    error_code: Option<String>,
    /// Why the model stopped.
    finish_reason: Option<String>,
    /// From the first byte in to the last byte out.
    duration_ms: u32,
    /// To the first token; null when there was none.
    first_token_ms: Option<u32>,
    /// What the gateway itself took.
    overhead_us: u32,
    /// The caller left.
    cancelled: bool,
    /// `miss`, `hit` or `off`.
    cache: String,
    tokens: TokensOut,
    #[schema(inline)]
    tokens_source: SourceOut,
    /// Web searches on the provider's side.
    searches: u64,
    /// Provider price, whoever pays, in nano-USD (10⁻⁹ USD).
    cost_nano_usd: i64,
    /// Provider price, whoever pays, in USD.
    cost_usd: String,
    /// Taken from credits, in nano-USD.
    charged_nano_usd: i64,
    /// Taken from credits, in USD.
    charged_usd: String,
    #[schema(example = "2026-11-20T12:34:56.789012Z")]
    started_at: String,
    #[schema(example = "2026-11-20T12:34:57.689012Z")]
    ended_at: String,
    /// The caller's tags.
    tags: Vec<String>,
    /// The caller's user.
    user: Option<String>,
    /// The caller's session.
    session: Option<String>,
}

/// One attempt at a provider.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub(super) struct AttemptOut {
    provider: String,
    model: String,
    /// The provider's status; 0 when it did not answer.
    status: u32,
    /// Ours; empty when it succeeded.
    error_code: String,
    duration_ms: u32,
    /// Whose key was used: `platform`, or the id of the organization's own one.
    credential: String,
}

/// Everything that is kept of a call.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CallDetailOut {
    #[serde(flatten)]
    call: CallOut,
    /// All attempts, in their order.
    attempts: Vec<AttemptOut>,
    /// The caller's metadata.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Value>,
    /// The provider's id of the answer.
    upstream_id: Option<String>,
    /// The provider's status; null when it did not answer.
    upstream_status: Option<u32>,
    /// What was reserved at the end, in nano-USD (10⁻⁹ USD).
    hold_nano_usd: i64,
    /// What was reserved at the end, in USD.
    hold_usd: String,
    /// Which prices the cost was computed with.
    price_version: u32,
    /// As the provider reported it, in nano-USD; null when it did not.
    provider_cost_nano_usd: Option<i64>,
    /// As the provider reported it, in USD.
    provider_cost_usd: Option<String>,
    /// The credit that it was held against; null when credits did not pay.
    lease_id: Option<String>,
    /// Who served it.
    gateway_id: String,
    /// In which of its lives.
    epoch: u64,
    /// In which order of that life.
    lane: u8,
    /// At which place there.
    seq: u64,
}

impl From<&CallRow> for CallOut {
    fn from(row: &CallRow) -> Self {
        Self {
            id: row.request.to_string(),
            project_id: row.project.to_string(),
            api_key_id: row.api_key.to_string(),
            requested_model: row.requested_model.clone(),
            model: row.model.clone(),
            provider: row.provider.clone(),
            dialect: row.dialect.clone(),
            stream: row.stream,
            mode: row.mode.clone(),
            used_mode: row.used_mode.clone(),
            outcome: row.outcome.into(),
            http_status: row.http_status,
            error_code: output::some(&row.error_code),
            finish_reason: output::some(&row.finish_reason),
            duration_ms: row.duration_ms,
            first_token_ms: (row.first_token_ms > 0).then_some(row.first_token_ms),
            overhead_us: row.overhead_us,
            cancelled: row.cancelled,
            cache: row.cache.clone(),
            tokens: TokensOut::from(&row.usage),
            tokens_source: row.usage.source.into(),
            searches: row.usage.searches,
            cost_nano_usd: row.cost.0,
            cost_usd: row.cost.to_string(),
            charged_nano_usd: row.charged.0,
            charged_usd: row.charged.to_string(),
            started_at: output::time(row.started_at),
            ended_at: output::time(row.ended_at),
            tags: row.tags.clone(),
            user: output::some(&row.user),
            session: output::some(&row.session),
        }
    }
}

impl TryFrom<&CallRow> for CallDetailOut {
    type Error = Fault;

    fn try_from(row: &CallRow) -> Result<Self, Fault> {
        let read = |act: &str, error: serde_json::Error| Fault::internal(act, error);
        let attempts = match row.attempts_json.as_str() {
            "" => Vec::new(),
            text => serde_json::from_str(text).map_err(|error| read("read a call's attempts", error))?,
        };
        let metadata = output::some(&row.metadata_json).map(|text| serde_json::from_str(&text)).transpose();
        Ok(Self {
            call: CallOut::from(row),
            attempts,
            metadata: metadata.map_err(|error| read("read a call's metadata", error))?,
            upstream_id: output::some(&row.upstream_id),
            upstream_status: (row.upstream_status > 0).then_some(row.upstream_status),
            hold_nano_usd: row.hold.0,
            hold_usd: row.hold.to_string(),
            price_version: row.price_version,
            provider_cost_nano_usd: row.provider_cost.map(|cost| cost.0),
            provider_cost_usd: row.provider_cost.map(|cost| cost.to_string()),
            lease_id: row.lease.map(|lease| lease.to_string()),
            gateway_id: row.gateway.to_string(),
            epoch: row.epoch.0,
            lane: row.lane.as_u8(),
            seq: row.seq.0,
        })
    }
}
