//! `/api/v1/sub-accounts`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::{ProjectId, SubAccountId};
use serde::{Deserialize, Serialize};
use store::{SubAccountRow, SubAccountStatus, SubAccountUpdate};
use utoipa::{IntoParams, ToSchema};

use crate::app::Control;
use crate::app::caller::{Developer, Management};
use crate::app::sub_accounts::{SubAccountKeyMade, SubAccountKeysNew, SubAccountNew, SubAccountSearch};
use crate::http::edge::Refused;
use crate::http::input::{self, Id, NoParams, Params};
use crate::http::key_rules::KeyRulesBody;
use crate::http::{output, page};

/// Whether a sub-account may call.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum SubAccountStatusInOut {
    /// It may.
    Active,
    /// It may not until it is resumed.
    Suspended,
    /// It never will again.
    Closed,
}

impl From<SubAccountStatus> for SubAccountStatusInOut {
    fn from(status: SubAccountStatus) -> Self {
        match status {
            SubAccountStatus::Active => Self::Active,
            SubAccountStatus::Suspended => Self::Suspended,
            SubAccountStatus::Closed => Self::Closed,
        }
    }
}

impl From<SubAccountStatusInOut> for SubAccountStatus {
    fn from(status: SubAccountStatusInOut) -> Self {
        match status {
            SubAccountStatusInOut::Active => Self::Active,
            SubAccountStatusInOut::Suspended => Self::Suspended,
            SubAccountStatusInOut::Closed => Self::Closed,
        }
    }
}

/// A sub-account: a customer of the organization, within one project.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SubAccountOut {
    #[schema(example = "sub_0190a6d4c1e47c0f8d5a6f1b2c3d4e5f")]
    id: String,
    #[schema(example = "proj_0190a6d4c1e47c0f8d5a6f1b2c3d4e5f")]
    project_id: String,
    /// What the organization calls it.
    #[schema(example = "customer-42")]
    external_id: String,
    #[schema(example = "Globex")]
    name: String,
    #[schema(inline)]
    status: SubAccountStatusInOut,
    /// Requests a minute of all its keys; null: no limit.
    rpm: Option<u32>,
    /// Tokens a minute of all its keys; null: no limit.
    tpm: Option<u32>,
    /// Calls at once of all its keys; null: no limit.
    concurrency: Option<u32>,
    /// Model ids that it may call; null: all.
    allowed_models: Option<Vec<String>>,
    /// What its price adds to the cost of a call, in hundredths of a percent.
    #[schema(example = 1_500)]
    markup_basis_points: u32,
    metadata: BTreeMap<String, String>,
    #[schema(example = "2026-11-20T12:34:56.789012Z")]
    created_at: String,
    /// When a setting or the status last changed.
    #[schema(example = "2026-11-20T12:34:56.789012Z")]
    updated_at: String,
}

impl From<SubAccountRow> for SubAccountOut {
    fn from(row: SubAccountRow) -> Self {
        Self {
            id: row.id.to_string(),
            project_id: row.project.to_string(),
            external_id: row.external_id,
            name: row.name,
            status: row.status.into(),
            rpm: row.rpm,
            tpm: row.tpm,
            concurrency: row.concurrency,
            allowed_models: row.allowed_models,
            markup_basis_points: row.markup_basis_points,
            metadata: row.metadata,
            created_at: output::time(row.created_at),
            updated_at: output::time(row.updated_at),
        }
    }
}

/// A page of sub-accounts.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SubAccountsOut {
    /// Oldest first.
    data: Vec<SubAccountOut>,
    /// Whether another page follows.
    has_more: bool,
    /// Where the next page begins; null on the last.
    next_cursor: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SubAccountsQuery {
    /// With this text in the name or the external id, whatever its case. Every sign stands for itself.
    search: Option<String>,
    /// With exactly this external id.
    external_id: Option<String>,
    /// Of this project only.
    project_id: Option<String>,
    /// With this status only.
    #[param(inline)]
    status: Option<SubAccountStatusInOut>,
    /// Rows on a page, 1 to 200. Default: 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A sub-account to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SubAccountIn {
    /// What the organization calls it, 1 to 200 characters; unique in the organization, closed ones included.
    #[schema(example = "customer-42")]
    external_id: String,
    /// For display, 1 to 200 characters. Default: the external id.
    #[schema(example = "Globex")]
    name: Option<String>,
    /// Default: the organization's first project.
    #[schema(example = "proj_0190a6d4c1e47c0f8d5a6f1b2c3d4e5f")]
    project_id: Option<String>,
    /// Requests a minute of all its keys; without it, no limit.
    #[schema(minimum = 1)]
    rpm: Option<u32>,
    /// Tokens a minute of all its keys; without it, no limit.
    #[schema(minimum = 1)]
    tpm: Option<u32>,
    /// Calls at once of all its keys; without it, no limit.
    #[schema(minimum = 1)]
    concurrency: Option<u32>,
    /// Model ids that it may call; without it, all.
    #[schema(example = json!(["gpt-4o-mini"]))]
    allowed_models: Option<Vec<String>>,
    /// What its price adds to the cost of a call, in hundredths of a percent. Default: 0.
    #[schema(maximum = 1_000_000, example = 1_500)]
    markup_basis_points: Option<u32>,
    /// Notes of the organization, at most 4096 bytes as JSON.
    metadata: Option<BTreeMap<String, String>>,
}

/// New settings; what is left out stays, and null removes a limit.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SubAccountChangeIn {
    /// For display, 1 to 200 characters.
    #[schema(example = "Globex")]
    name: Option<String>,
    /// Requests a minute of all its keys.
    #[serde(default, deserialize_with = "input::given")]
    #[schema(value_type = Option<u32>, minimum = 1)]
    rpm: Option<Option<u32>>,
    /// Tokens a minute of all its keys.
    #[serde(default, deserialize_with = "input::given")]
    #[schema(value_type = Option<u32>, minimum = 1)]
    tpm: Option<Option<u32>>,
    /// Calls at once of all its keys.
    #[serde(default, deserialize_with = "input::given")]
    #[schema(value_type = Option<u32>, minimum = 1)]
    concurrency: Option<Option<u32>>,
    /// Model ids that it may call; null: all.
    #[serde(default, deserialize_with = "input::given")]
    #[schema(value_type = Option<Vec<String>>, example = json!(["gpt-4o-mini"]))]
    allowed_models: Option<Option<Vec<String>>>,
    /// What its price adds to the cost of a call from now on, in hundredths of a percent.
    #[schema(maximum = 1_000_000, example = 1_500)]
    markup_basis_points: Option<u32>,
    /// Other notes, as a whole.
    metadata: Option<BTreeMap<String, String>>,
}

/// Keys to make for a sub-account, all alike.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SubAccountKeysIn {
    /// For display, 1 to 200 characters; of several keys each has its number behind it.
    #[schema(example = "production")]
    name: String,
    /// How many. Default: 1.
    #[schema(minimum = 1, maximum = 1_000)]
    count: Option<u32>,
    /// From when on they do not open: RFC 3339 or a date.
    #[schema(example = "2027-01-01T00:00:00Z")]
    expires_at: Option<String>,
    /// Requests a minute of each; without it, no limit but the sub-account's.
    #[schema(minimum = 1)]
    rpm: Option<u32>,
    /// Tokens a minute of each; without it, no limit but the sub-account's.
    #[schema(minimum = 1)]
    tpm: Option<u32>,
    /// Calls at once of each; without it, no limit but the sub-account's.
    #[schema(minimum = 1)]
    concurrency: Option<u32>,
    /// Model ids that they may call; without it, all of the sub-account's.
    #[schema(example = json!(["gpt-4o-mini"]))]
    allowed_models: Option<Vec<String>>,
    /// What else their calls are held to; without it, nothing.
    #[schema(value_type = Option<KeyRulesBody>)]
    rules: Option<input::Object<KeyRulesBody>>,
}

/// A key that was made.
#[derive(Serialize, ToSchema)]
pub(super) struct SubAccountKeyMadeOut {
    #[schema(example = "key_0190a6d4c1e47c0f8d5a6f1b2c3d4e5f")]
    id: String,
    #[schema(example = "production 1")]
    name: String,
    /// The key itself: shown this once, and never again.
    #[schema(example = "llmg_…")]
    key: String,
}

impl From<SubAccountKeyMade> for SubAccountKeyMadeOut {
    fn from(made: SubAccountKeyMade) -> Self {
        Self { id: made.id.to_string(), name: made.name, key: made.key.expose().clone() }
    }
}

/// Keys that were made.
#[derive(Serialize, ToSchema)]
pub(super) struct SubAccountKeysMadeOut {
    /// In the order of their numbers.
    data: Vec<SubAccountKeyMadeOut>,
}

/// Sub-accounts
///
/// Customers of the organization, closed ones included.
#[utoipa::path(get, path = "/api/v1/sub-accounts", tag = "Sub-accounts", params(SubAccountsQuery),
    responses((status = 200, description = "A page of sub-accounts, oldest first.", body = SubAccountsOut)))]
pub(super) async fn sub_account_list(
    who: Management,
    State(control): State<Arc<Control>>,
    Params(query): Params<SubAccountsQuery>,
) -> Result<Json<SubAccountsOut>, Refused> {
    let search = SubAccountSearch {
        project: input::id::<ProjectId>("project_id", query.project_id.as_deref())?,
        external_id: query.external_id,
        text: query.search,
        status: query.status.map(SubAccountStatus::from),
    };
    let list = control.sub_account_list(&who, &search, page::page(query.limit, query.cursor.as_deref())?).await?;
    let (has_more, next_cursor) = page::next(list.next);
    Ok(Json(SubAccountsOut { data: list.rows.into_iter().map(SubAccountOut::from).collect(), has_more, next_cursor }))
}

/// Make a sub-account
///
/// For owners, admins and developers.
#[utoipa::path(post, path = "/api/v1/sub-accounts", tag = "Sub-accounts", request_body = SubAccountIn,
    responses((status = 201, description = "Made.", body = SubAccountOut)))]
pub(super) async fn sub_account_create(
    who: Developer,
    State(control): State<Arc<Control>>,
    _: NoParams,
    input::Json(body): input::Json<SubAccountIn>,
) -> Result<(StatusCode, Json<SubAccountOut>), Refused> {
    let new = SubAccountNew {
        project: input::id::<ProjectId>("project_id", body.project_id.as_deref())?,
        external_id: body.external_id,
        name: body.name,
        rpm: body.rpm,
        tpm: body.tpm,
        concurrency: body.concurrency,
        allowed_models: body.allowed_models,
        markup_basis_points: body.markup_basis_points.unwrap_or_default(),
        metadata: body.metadata.unwrap_or_default(),
    };
    Ok((StatusCode::CREATED, Json(control.sub_account_create(&who, new).await?.into())))
}

/// One sub-account
#[utoipa::path(get, path = "/api/v1/sub-accounts/{id}", tag = "Sub-accounts",
    params(("id" = String, Path, description = "`sub_…`")),
    responses((status = 200, description = "The sub-account.", body = SubAccountOut)))]
pub(super) async fn sub_account_get(
    who: Management,
    State(control): State<Arc<Control>>,
    _: NoParams,
    Id(id): Id<SubAccountId>,
) -> Result<Json<SubAccountOut>, Refused> {
    Ok(Json(control.sub_account_get(&who, id).await?.into()))
}

/// Change a sub-account
///
/// For owners, admins and developers. Gateways follow within a second. A closed one cannot be changed.
#[utoipa::path(patch, path = "/api/v1/sub-accounts/{id}", tag = "Sub-accounts",
    params(("id" = String, Path, description = "`sub_…`")), request_body = SubAccountChangeIn,
    responses((status = 200, description = "The sub-account as it is now.", body = SubAccountOut)))]
pub(super) async fn sub_account_update(
    who: Developer,
    State(control): State<Arc<Control>>,
    _: NoParams,
    Id(id): Id<SubAccountId>,
    input::Json(body): input::Json<SubAccountChangeIn>,
) -> Result<Json<SubAccountOut>, Refused> {
    let change = SubAccountUpdate {
        name: body.name,
        rpm: body.rpm,
        tpm: body.tpm,
        concurrency: body.concurrency,
        allowed_models: body.allowed_models,
        markup_basis_points: body.markup_basis_points,
        metadata: body.metadata,
    };
    Ok(Json(control.sub_account_update(&who, id, change).await?.into()))
}

/// Suspend a sub-account
///
/// For owners, admins and developers. Its calls are refused until it is resumed. Repeating it changes nothing.
#[utoipa::path(post, path = "/api/v1/sub-accounts/{id}/suspend", tag = "Sub-accounts",
    params(("id" = String, Path, description = "`sub_…`")),
    responses((status = 200, description = "The sub-account as it is now.", body = SubAccountOut)))]
pub(super) async fn sub_account_suspend(
    who: Developer,
    State(control): State<Arc<Control>>,
    _: NoParams,
    Id(id): Id<SubAccountId>,
) -> Result<Json<SubAccountOut>, Refused> {
    Ok(Json(control.sub_account_status_set(&who, id, SubAccountStatus::Suspended).await?.into()))
}

/// Resume a sub-account
///
/// For owners, admins and developers. Repeating it changes nothing.
#[utoipa::path(post, path = "/api/v1/sub-accounts/{id}/resume", tag = "Sub-accounts",
    params(("id" = String, Path, description = "`sub_…`")),
    responses((status = 200, description = "The sub-account as it is now.", body = SubAccountOut)))]
pub(super) async fn sub_account_resume(
    who: Developer,
    State(control): State<Arc<Control>>,
    _: NoParams,
    Id(id): Id<SubAccountId>,
) -> Result<Json<SubAccountOut>, Refused> {
    Ok(Json(control.sub_account_status_set(&who, id, SubAccountStatus::Active).await?.into()))
}

/// Close a sub-account
///
/// For owners, admins and developers. For ever, and its keys are revoked; what it used stays in the books. Repeating it changes nothing.
#[utoipa::path(post, path = "/api/v1/sub-accounts/{id}/close", tag = "Sub-accounts",
    params(("id" = String, Path, description = "`sub_…`")),
    responses((status = 200, description = "The sub-account as it is now.", body = SubAccountOut)))]
pub(super) async fn sub_account_close(
    who: Developer,
    State(control): State<Arc<Control>>,
    _: NoParams,
    Id(id): Id<SubAccountId>,
) -> Result<Json<SubAccountOut>, Refused> {
    Ok(Json(control.sub_account_status_set(&who, id, SubAccountStatus::Closed).await?.into()))
}

/// Make keys for a sub-account
///
/// For owners, admins and developers. Up to 1,000 at once: all are made, or none. The keys are in this answer only. `GET
/// /api/v1/api-keys?sub_account_id=…` lists a sub-account's keys.
#[utoipa::path(post, path = "/api/v1/sub-accounts/{id}/keys", tag = "Sub-accounts",
    params(("id" = String, Path, description = "`sub_…`")), request_body = SubAccountKeysIn,
    responses((status = 201, description = "The keys.", body = SubAccountKeysMadeOut)))]
pub(super) async fn sub_account_keys_create(
    who: Developer,
    State(control): State<Arc<Control>>,
    _: NoParams,
    Id(id): Id<SubAccountId>,
    input::Json(body): input::Json<SubAccountKeysIn>,
) -> Result<(StatusCode, Json<SubAccountKeysMadeOut>), Refused> {
    let new = SubAccountKeysNew {
        expires_at: input::time("expires_at", body.expires_at.as_deref())?,
        name: body.name,
        count: body.count.unwrap_or(1),
        rpm: body.rpm,
        tpm: body.tpm,
        concurrency: body.concurrency,
        allowed_models: body.allowed_models,
        rules: body.rules.map(|rules| rules.0.into()).unwrap_or_default(),
    };
    let made = control.sub_account_keys_create(&who, id, new).await?;
    Ok((StatusCode::CREATED, Json(SubAccountKeysMadeOut { data: made.into_iter().map(SubAccountKeyMadeOut::from).collect() })))
}
