//! `/api/v1/calls`.

use std::sync::Arc;

use analytics::{CallFilter, CallOutcome, TimeRange};
use axum::Json;
use axum::extract::State;
use domain::{Fault, RequestId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::caller::Management;
use crate::app::{Control, checks};
use crate::http::call_out::{CallDetailOut, CallOut, Outcome};
use crate::http::edge::Refused;
use crate::http::input::{self, Id, NoParams, Params};
use crate::http::page;

/// Who paid.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum UsedModeIn {
    /// The organization's credits.
    Credits,
    /// The organization's own provider key.
    ApiKeys,
}

impl UsedModeIn {
    /// As stored.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Credits => "credits",
            Self::ApiKeys => "api-keys",
        }
    }
}

/// Whether a call was answered from the cache.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum CacheIn {
    /// The cache had nothing.
    Miss,
    /// It was.
    Hit,
    /// The cache was not asked.
    Off,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct CallsQuery {
    /// Calls that started at or after this moment: RFC 3339 or a date (midnight UTC).
    #[param(example = "2026-11-01")]
    from: Option<String>,
    /// Calls that started before this moment: RFC 3339 or a date (midnight UTC).
    #[param(example = "2026-12-01T00:00:00Z")]
    to: Option<String>,
    /// Of this project.
    project_id: Option<String>,
    /// Of this API key.
    api_key_id: Option<String>,
    /// The model used.
    #[param(example = "gpt-4o")]
    model: Option<String>,
    /// The provider used.
    #[param(example = "openai")]
    provider: Option<String>,
    /// Who paid.
    #[param(inline)]
    used_mode: Option<UsedModeIn>,
    /// How the call ended.
    #[param(inline)]
    outcome: Option<Outcome>,
    /// Answered with a status of 400 or above, or not.
    failed: Option<bool>,
    /// Answered with this status.
    #[param(minimum = 100, maximum = 599, example = 429)]
    http_status: Option<u32>,
    /// Answered with this error code.
    #[param(example = "rate_limit_exceeded")]
    error_code: Option<String>,
    /// Whether it was answered from the cache.
    #[param(inline)]
    cache: Option<CacheIn>,
    /// The caller's user.
    user: Option<String>,
    /// The caller's session.
    session: Option<String>,
    /// One of the caller's tags.
    tag: Option<String>,
    /// Calls on a page, 1 to 200. Default: 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// `next_cursor` of the page before, with the same filters.
    cursor: Option<String>,
}

/// A page of calls.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CallsOut {
    /// Newest first.
    data: Vec<CallOut>,
    /// Whether another page follows.
    has_more: bool,
    /// Where the next page begins; null on the last.
    next_cursor: Option<String>,
}

/// Calls
///
/// Newest first.
#[utoipa::path(get, path = "/api/v1/calls", tag = "Calls", params(CallsQuery),
    responses((status = 200, description = "A page of calls.", body = CallsOut)))]
pub(super) async fn call_list(
    who: Management,
    State(control): State<Arc<Control>>,
    Params(query): Params<CallsQuery>,
) -> Result<Json<CallsOut>, Refused> {
    let page = page::page(query.limit, query.cursor.as_deref())?;
    let list = control.call_list(&who, &filter(query)?, page).await?;
    let (has_more, next_cursor) = page::next(list.next);
    Ok(Json(CallsOut { data: list.rows.iter().map(CallOut::from).collect(), has_more, next_cursor }))
}

/// One call
///
/// Everything that is kept of it, with all attempts; never its content.
#[utoipa::path(get, path = "/api/v1/calls/{id}", tag = "Calls", params(("id" = String, Path, description = "`req_…`")),
    responses((status = 200, description = "The call.", body = CallDetailOut)))]
pub(super) async fn call_get(
    who: Management,
    State(control): State<Arc<Control>>,
    _: NoParams,
    Id(id): Id<RequestId>,
) -> Result<Json<CallDetailOut>, Refused> {
    let row = control.call_get(&who, id).await?;
    Ok(Json(CallDetailOut::try_from(&row)?))
}

/// No call was answered with anything else.
fn status(status: u32) -> Result<u32, Fault> {
    if (100..=599).contains(&status) { Ok(status) } else { Err(checks::invalid("http_status", "`http_status` must be 100 to 599")) }
}

fn filter(query: CallsQuery) -> Result<CallFilter, Fault> {
    let range = TimeRange {
        from: input::time("from", query.from.as_deref())?.unwrap_or(TimeRange::ALL.from),
        to: input::time("to", query.to.as_deref())?.unwrap_or(TimeRange::ALL.to),
    };
    Ok(CallFilter {
        range,
        project: input::id("project_id", query.project_id.as_deref())?,
        api_key: input::id("api_key_id", query.api_key_id.as_deref())?,
        model: query.model,
        provider: query.provider,
        used_mode: query.used_mode.map(|mode| mode.as_str().to_owned()),
        outcome: query.outcome.map(CallOutcome::from),
        failed: query.failed,
        http_status: query.http_status.map(status).transpose()?,
        error_code: query.error_code,
        cache: query.cache.map(|cache| match cache {
            CacheIn::Miss => "miss".to_owned(),
            CacheIn::Hit => "hit".to_owned(),
            CacheIn::Off => "off".to_owned(),
        }),
        user: query.user,
        session: query.session,
        tag: query.tag,
    })
}
