//! One call, as the usage event told of it.

use domain::{ApiKeyId, Epoch, GatewayId, Lane, LeaseId, NanoUsd, OrganizationId, ProjectId, RequestId, Seq, UnixMicros, Usage};

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CallOutcome {
    /// Its usage is known or counted.
    Settled,
    /// Nothing was sent, or it failed before the first token.
    Voided,
    /// Its gateway died; billed to the last progress.
    Orphaned,
}

impl CallOutcome {
    /// As stored, and as shown to users.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Settled => "settled",
            Self::Voided => "voided",
            Self::Orphaned => "orphaned",
        }
    }

    /// Reads the stored spelling.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "settled" => Some(Self::Settled),
            "voided" => Some(Self::Voided),
            "orphaned" => Some(Self::Orphaned),
            _ => None,
        }
    }
}

/// Everything that is kept of a call. Never its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRow {
    /// The idempotency id: a second row with the same id changes nothing.
    pub request: RequestId,
    /// The tenant.
    pub organization: OrganizationId,
    /// The project.
    pub project: ProjectId,
    /// The key.
    pub api_key: ApiKeyId,
    /// What it was held against; `None` when credits did not pay.
    pub lease: Option<LeaseId>,
    /// Who served it.
    pub gateway: GatewayId,
    /// In which of its lives.
    pub epoch: Epoch,
    /// In which order.
    pub lane: Lane,
    /// At which place there.
    pub seq: Seq,
    /// As the caller wrote it.
    pub requested_model: String,
    /// The catalog's id of the model used.
    pub model: String,
    /// Provider id.
    pub provider: String,
    /// The caller's dialect.
    pub dialect: String,
    /// Whether the answer was streamed.
    pub stream: bool,
    /// The project's mode: `credits`, `api-keys`, `hybrid`.
    pub mode: String,
    /// Who paid: `credits`, `api-keys`.
    pub used_mode: String,
    /// How it ended.
    pub outcome: CallOutcome,
    /// What the caller got.
    pub http_status: u32,
    /// Ours; empty when the call succeeded.
    pub error_code: String,
    /// Why the model stopped.
    pub finish_reason: String,
    /// The provider's id of the answer.
    pub upstream_id: String,
    /// The provider's status; 0 when it did not answer.
    pub upstream_status: u32,
    /// From the first byte in to the last byte out.
    pub duration_ms: u32,
    /// To the first token; 0 when there was none.
    pub first_token_ms: u32,
    /// What the gateway itself took.
    pub overhead_us: u32,
    /// The caller left.
    pub cancelled: bool,
    /// `miss`, `hit`, `off`.
    pub cache: String,
    /// Tokens by class; `source` says whether we counted them.
    pub usage: Usage,
    /// Provider price, whoever pays.
    pub cost: NanoUsd,
    /// Taken from credits.
    pub charged: NanoUsd,
    /// What was reserved at the end.
    pub hold: NanoUsd,
    /// Which prices it was computed with.
    pub price_version: u32,
    /// As the provider reported it.
    pub provider_cost: Option<NanoUsd>,
    /// Accepted.
    pub started_at: UnixMicros,
    /// Ended.
    pub ended_at: UnixMicros,
    /// The caller's tags.
    pub tags: Vec<String>,
    /// The caller's metadata as JSON; may be empty.
    pub metadata_json: String,
    /// The caller's user; may be empty.
    pub user: String,
    /// The caller's session; may be empty.
    pub session: String,
    /// All attempts as a JSON array.
    pub attempts_json: String,
}
