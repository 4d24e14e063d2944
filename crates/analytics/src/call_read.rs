//! From columns to a call.

use domain::{
    ApiKeyId, Epoch, GatewayId, Lane, LeaseId, NanoUsd, OrganizationId, ProjectId, RequestId, Seq, UnixMicros, Usage, UsageSource,
};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

use crate::call::{CallOutcome, CallRow};
use crate::error::{Act, AnalyticsError};

/// All columns of a call, for a select list.
macro_rules! call_columns {
    () => {
        "request_id, organization_id, project_id, api_key_id, lease_id, gateway, epoch, lane, seq, requested_model, model, provider, \
         dialect, stream, mode, used_mode, outcome, http_status, error_code, finish_reason, upstream_id, upstream_status, duration_ms, \
         first_token_ms, overhead_us, cancelled, cache, input, cached_input, cache_write_5m, cache_write_1h, audio_input, output, \
         reasoning, audio_output, image_output, searches, estimated, cost, charged, hold, price_version, provider_cost, started_at_us, \
         ended_at_us, tags, metadata, end_user, session, attempts"
    };
}
pub(crate) use call_columns;

/// Reads typed values out of one row; each failure names its column.
pub(crate) struct Columns<'r>(pub &'r SqliteRow);

impl Columns<'_> {
    pub(crate) fn text(&self, column: &'static str) -> Result<String, AnalyticsError> {
        self.0.try_get(column).act(column)
    }

    pub(crate) fn int(&self, column: &'static str) -> Result<i64, AnalyticsError> {
        self.0.try_get(column).act(column)
    }

    pub(crate) fn count(&self, column: &'static str) -> Result<u64, AnalyticsError> {
        u64::try_from(self.int(column)?).map_err(|_| AnalyticsError::Corrupt { what: column })
    }

    pub(crate) fn small(&self, column: &'static str) -> Result<u32, AnalyticsError> {
        u32::try_from(self.int(column)?).map_err(|_| AnalyticsError::Corrupt { what: column })
    }

    pub(crate) fn flag(&self, column: &'static str) -> Result<bool, AnalyticsError> {
        Ok(self.int(column)? != 0)
    }

    pub(crate) fn uuid_opt(&self, column: &'static str) -> Result<Option<Uuid>, AnalyticsError> {
        let bytes: Option<Vec<u8>> = self.0.try_get(column).act(column)?;
        bytes.map(|bytes| Uuid::from_slice(&bytes)).transpose().map_err(|_| AnalyticsError::Corrupt { what: column })
    }

    pub(crate) fn uuid(&self, column: &'static str) -> Result<Uuid, AnalyticsError> {
        self.uuid_opt(column)?.ok_or(AnalyticsError::Corrupt { what: column })
    }

    pub(crate) fn usage(&self, source: UsageSource) -> Result<Usage, AnalyticsError> {
        Ok(Usage {
            input: self.count("input")?,
            cached_input: self.count("cached_input")?,
            cache_write_5m: self.count("cache_write_5m")?,
            cache_write_1h: self.count("cache_write_1h")?,
            audio_input: self.count("audio_input")?,
            output: self.count("output")?,
            reasoning: self.count("reasoning")?,
            audio_output: self.count("audio_output")?,
            image_output: self.count("image_output")?,
            searches: self.count("searches")?,
            source,
        })
    }
}

/// One call.
pub(crate) fn call_row(row: &SqliteRow) -> Result<CallRow, AnalyticsError> {
    let columns = Columns(row);
    let source = if columns.flag("estimated")? { UsageSource::Estimated } else { UsageSource::Provider };
    let lane = u8::try_from(columns.int("lane")?).ok().and_then(Lane::from_index);
    let provider_cost: Option<i64> = row.try_get("provider_cost").act("provider_cost")?;
    let tags = serde_json::from_str(&columns.text("tags")?).map_err(|_| AnalyticsError::Corrupt { what: "tags" })?;
    Ok(CallRow {
        request: RequestId::from_uuid(columns.uuid("request_id")?),
        organization: OrganizationId::from_uuid(columns.uuid("organization_id")?),
        project: ProjectId::from_uuid(columns.uuid("project_id")?),
        api_key: ApiKeyId::from_uuid(columns.uuid("api_key_id")?),
        lease: columns.uuid_opt("lease_id")?.map(LeaseId::from_uuid),
        gateway: GatewayId(columns.uuid("gateway")?),
        epoch: Epoch(columns.count("epoch")?),
        lane: lane.ok_or(AnalyticsError::Corrupt { what: "lane" })?,
        seq: Seq(columns.count("seq")?),
        requested_model: columns.text("requested_model")?,
        model: columns.text("model")?,
        provider: columns.text("provider")?,
        dialect: columns.text("dialect")?,
        stream: columns.flag("stream")?,
        mode: columns.text("mode")?,
        used_mode: columns.text("used_mode")?,
        outcome: CallOutcome::parse(&columns.text("outcome")?).ok_or(AnalyticsError::Corrupt { what: "outcome" })?,
        http_status: columns.small("http_status")?,
        error_code: columns.text("error_code")?,
        finish_reason: columns.text("finish_reason")?,
        upstream_id: columns.text("upstream_id")?,
        upstream_status: columns.small("upstream_status")?,
        duration_ms: columns.small("duration_ms")?,
        first_token_ms: columns.small("first_token_ms")?,
        overhead_us: columns.small("overhead_us")?,
        cancelled: columns.flag("cancelled")?,
        cache: columns.text("cache")?,
        usage: columns.usage(source)?,
        cost: NanoUsd(columns.int("cost")?),
        charged: NanoUsd(columns.int("charged")?),
        hold: NanoUsd(columns.int("hold")?),
        price_version: columns.small("price_version")?,
        provider_cost: provider_cost.map(NanoUsd),
        started_at: UnixMicros(columns.int("started_at_us")?),
        ended_at: UnixMicros(columns.int("ended_at_us")?),
        tags,
        metadata_json: columns.text("metadata")?,
        user: columns.text("end_user")?,
        session: columns.text("session")?,
        attempts_json: columns.text("attempts")?,
    })
}
