//! `/api/v1/usage` and `/api/v1/usage.csv`.

use std::sync::Arc;

use analytics::{Bucket, Figures, GroupBy, TimeRange, UsageAnswer, UsageFilter, UsageQuestion, UsageRow};
use axum::Json;
use axum::extract::State;
use axum::http::HeaderName;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use domain::Fault;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::Control;
use crate::app::caller::Management;
use crate::http::calls::UsedModeIn;
use crate::http::edge::Refused;
use crate::http::input::{self, Params};
use crate::http::output::{self, TokensOut};
use crate::http::usage_csv;

/// Without `from`, the range is this long.
const USUAL_RANGE_SECONDS: i64 = 30 * 24 * 3_600;

/// How long a bucket is.
#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum BucketIn {
    /// An hour.
    Hour,
    /// A day of UTC.
    #[default]
    Day,
    /// The whole range.
    None,
}

/// What buckets are split by.
#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum GroupIn {
    /// Nothing.
    #[default]
    None,
    /// The model used.
    Model,
    /// The provider used.
    Provider,
    /// The project.
    Project,
    /// The API key.
    ApiKey,
    /// Who paid: `credits` or `api-keys`.
    UsedMode,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct UsageQuery {
    /// First moment, RFC 3339 or a date (midnight UTC). Default: 30 days before `to`.
    #[param(example = "2026-11-01")]
    from: Option<String>,
    /// First moment after the range, RFC 3339 or a date (midnight UTC). Default: now.
    #[param(example = "2026-12-01T00:00:00Z")]
    to: Option<String>,
    /// How long a bucket is. Default: `day`.
    #[param(inline)]
    #[serde(default)]
    bucket: BucketIn,
    /// What buckets are split by. Default: `none`.
    #[param(inline)]
    #[serde(default)]
    group_by: GroupIn,
    /// Calls of this project.
    project_id: Option<String>,
    /// Calls of this API key.
    api_key_id: Option<String>,
    /// Calls that this model answered.
    #[param(example = "gpt-4o")]
    model: Option<String>,
    /// Calls that this provider answered.
    #[param(example = "openai")]
    provider: Option<String>,
    /// Calls that this paid for.
    #[param(inline)]
    used_mode: Option<UsedModeIn>,
}

/// Sums over calls. Money: `cost` is the provider's price whoever pays; `charged` was taken from credits.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SumsOut {
    /// All calls.
    calls: u64,
    /// Calls that ended with known usage.
    settled: u64,
    /// Calls that ended with nothing to bill.
    voided: u64,
    /// Calls whose gateway died; billed to the last progress.
    orphaned: u64,
    /// Calls answered with a status of 400 or above.
    failed: u64,
    /// Calls whose caller left.
    cancelled: u64,
    /// Calls answered from the cache.
    cache_hits: u64,
    /// Calls whose usage the gateway counted because the provider did not say.
    estimated: u64,
    tokens: TokensOut,
    /// Web searches on the provider's side.
    searches: u64,
    /// Mean time of a call in milliseconds, if there was one.
    duration_ms_mean: Option<u64>,
    /// Mean time to the first token in milliseconds, over the calls that had one.
    first_token_ms_mean: Option<u64>,
    /// Half of the calls took this many milliseconds or less. Percentiles are at most 3.2 % away from a call's true time.
    duration_ms_p50: Option<u32>,
    /// 95 of 100 calls took this many milliseconds or less.
    duration_ms_p95: Option<u32>,
    /// Half of the calls that had a first token had it after this many milliseconds or less.
    first_token_ms_p50: Option<u32>,
    /// 95 of 100 calls that had a first token had it after this many milliseconds or less.
    first_token_ms_p95: Option<u32>,
    /// Mean time that the gateway itself took, in microseconds.
    overhead_us_mean: Option<u64>,
    /// In nano-USD (10⁻⁹ USD).
    cost_nano_usd: i64,
    /// In USD, nine decimals.
    #[schema(example = "0.012500000")]
    cost_usd: String,
    /// In nano-USD (10⁻⁹ USD).
    charged_nano_usd: i64,
    /// In USD, nine decimals.
    #[schema(example = "0.013750000")]
    charged_usd: String,
}

/// One bucket, or one group of it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UsageRowOut {
    /// When the bucket begins.
    #[schema(example = "2026-11-20T00:00:00Z")]
    bucket_start: String,
    /// The model, provider, `proj_…`, `key_…` or payer; null without grouping.
    #[schema(example = "gpt-4o")]
    group: Option<String>,
    #[serde(flatten)]
    sums: SumsOut,
}

/// What was used.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UsageOut {
    /// First moment that was summed: the full hour of what was asked.
    #[schema(example = "2026-11-01T00:00:00Z")]
    from: String,
    /// First moment after what was summed: the next full hour.
    #[schema(example = "2026-12-01T00:00:00Z")]
    to: String,
    #[schema(inline)]
    bucket: BucketIn,
    #[schema(inline)]
    group_by: GroupIn,
    /// Over the whole range.
    totals: SumsOut,
    /// Oldest bucket first, then by group. Buckets without calls are left out.
    rows: Vec<UsageRowOut>,
}

/// Usage by time and group
///
/// Sums of calls by the hour of their start. A range that begins or ends within an hour includes that whole hour; the
/// answer says which range it covers. At most 10,000 rows. Hours of calls that are filtered by another property than they
/// are grouped by are answered for at most 8 days.
#[utoipa::path(get, path = "/api/v1/usage", tag = "Usage", params(UsageQuery),
    responses((status = 200, description = "What was used.", body = UsageOut)))]
pub(super) async fn usage_get(
    who: Management,
    State(control): State<Arc<Control>>,
    Params(query): Params<UsageQuery>,
) -> Result<Json<UsageOut>, Refused> {
    let answer = control.usage(&who, &question(&query)?).await?;
    Ok(Json(usage_out(&query, &answer)))
}

/// Usage as a table
///
/// The same rows as CSV (RFC 4180), with a header. A text that a spreadsheet would run as a formula has an apostrophe in
/// front.
#[utoipa::path(get, path = "/api/v1/usage.csv", tag = "Usage", params(UsageQuery),
    responses((status = 200, description = "What was used.", body = String, content_type = "text/csv")))]
pub(super) async fn usage_csv(
    who: Management,
    State(control): State<Arc<Control>>,
    Params(query): Params<UsageQuery>,
) -> Result<([(HeaderName, &'static str); 2], String), Refused> {
    let answer = control.usage(&who, &question(&query)?).await?;
    let headers = [(CONTENT_TYPE, "text/csv; charset=utf-8"), (CONTENT_DISPOSITION, "attachment; filename=\"usage.csv\"")];
    Ok((headers, usage_csv::table(&answer.rows)))
}

fn question(query: &UsageQuery) -> Result<UsageQuestion, Fault> {
    let to = input::time("to", query.to.as_deref())?.unwrap_or_else(service::clock::now);
    let from = input::time("from", query.from.as_deref())?.unwrap_or_else(|| to.plus_seconds(-USUAL_RANGE_SECONDS));
    Ok(UsageQuestion {
        range: TimeRange { from, to },
        bucket: match query.bucket {
            BucketIn::Hour => Bucket::Hour,
            BucketIn::Day => Bucket::Day,
            BucketIn::None => Bucket::Whole,
        },
        group_by: group(query.group_by),
        filter: UsageFilter {
            project: input::id("project_id", query.project_id.as_deref())?,
            api_key: input::id("api_key_id", query.api_key_id.as_deref())?,
            model: query.model.clone(),
            provider: query.provider.clone(),
            used_mode: query.used_mode.map(|mode| mode.as_str().to_owned()),
        },
    })
}

const fn group(by: GroupIn) -> GroupBy {
    match by {
        GroupIn::None => GroupBy::Nothing,
        GroupIn::Model => GroupBy::Model,
        GroupIn::Provider => GroupBy::Provider,
        GroupIn::Project => GroupBy::Project,
        GroupIn::ApiKey => GroupBy::ApiKey,
        GroupIn::UsedMode => GroupBy::UsedMode,
    }
}

fn usage_out(query: &UsageQuery, answer: &UsageAnswer) -> UsageOut {
    UsageOut {
        from: output::time(answer.range.from),
        to: output::time(answer.range.to),
        bucket: query.bucket,
        group_by: query.group_by,
        totals: SumsOut::from(&answer.totals),
        rows: answer.rows.iter().map(UsageRowOut::from).collect(),
    }
}

impl From<&UsageRow> for UsageRowOut {
    fn from(row: &UsageRow) -> Self {
        Self { bucket_start: output::time(row.bucket), group: output::some(&row.group), sums: SumsOut::from(&row.figures) }
    }
}

impl From<&Figures> for SumsOut {
    fn from(Figures { sums, duration, first_token }: &Figures) -> Self {
        Self {
            calls: sums.calls,
            settled: sums.settled,
            voided: sums.voided,
            orphaned: sums.orphaned,
            failed: sums.failed,
            cancelled: sums.cancelled,
            cache_hits: sums.cache_hits,
            estimated: sums.estimated,
            tokens: TokensOut::from(&sums.usage),
            searches: sums.usage.searches,
            duration_ms_mean: sums.duration_ms.checked_div(sums.calls),
            first_token_ms_mean: sums.first_token_ms.checked_div(sums.first_tokens),
            duration_ms_p50: duration.map(|of| of.p50_ms),
            duration_ms_p95: duration.map(|of| of.p95_ms),
            first_token_ms_p50: first_token.map(|of| of.p50_ms),
            first_token_ms_p95: first_token.map(|of| of.p95_ms),
            overhead_us_mean: sums.overhead_us.checked_div(sums.calls),
            cost_nano_usd: sums.cost.0,
            cost_usd: sums.cost.to_string(),
            charged_nano_usd: sums.charged.0,
            charged_usd: sums.charged.to_string(),
        }
    }
}
