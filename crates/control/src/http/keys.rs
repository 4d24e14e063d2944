//! `/api/v1/api-keys`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::{ApiKeyId, Fault, ProjectId, Secret, SubAccountId};
use serde::{Deserialize, Serialize};
use store::{ApiKeyRow, KeyStatus};
use utoipa::{IntoParams, ToSchema};

use crate::app::Control;
use crate::app::caller::{Developer, Management};
use crate::app::keys::{ApiKeyMade, ApiKeyNew};
use crate::http::edge::Refused;
use crate::http::input::{self, Id, NoParams, Params};
use crate::http::key_rules::KeyRulesBody;
use crate::http::{output, page};

/// Whether a key opens.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum StatusOut {
    /// It does.
    Active,
    /// Its time is over.
    Expired,
    /// It never will again.
    Revoked,
}

/// An API key: everything but the key itself.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ApiKeyOut {
    #[schema(example = "key_0190a6d4c1e47c0f8d5a6f1b2c3d4e5f")]
    id: String,
    #[schema(example = "proj_0190a6d4c1e47c0f8d5a6f1b2c3d4e5f")]
    project_id: String,
    /// Whose calls it makes; null: the project's own.
    #[schema(example = "sub_0190a6d4c1e47c0f8d5a6f1b2c3d4e5f")]
    sub_account_id: Option<String>,
    /// Whether a call may name a sub-account of the project in the header `x-llmg-sub-account`.
    acts_for_sub_accounts: bool,
    #[schema(example = "production")]
    name: String,
    /// The key's beginning.
    #[schema(example = "llmg_3kTz")]
    prefix: String,
    /// The key's end.
    #[schema(example = "x9Qa")]
    last4: String,
    /// Taken over from another product.
    imported: bool,
    #[schema(inline)]
    status: StatusOut,
    /// From when on it does not open.
    expires_at: Option<String>,
    /// Requests a minute.
    rpm: Option<u32>,
    /// Tokens a minute.
    tpm: Option<u32>,
    /// Calls at once.
    concurrency: Option<u32>,
    /// Model ids that it may call; null: all.
    allowed_models: Option<Vec<String>>,
    rules: KeyRulesBody,
    /// Who made it.
    created_by: Option<String>,
    #[schema(example = "2026-11-20T12:34:56.789012Z")]
    created_at: String,
    revoked_at: Option<String>,
    /// About.
    last_used_at: Option<String>,
}

impl From<ApiKeyRow> for ApiKeyOut {
    fn from(row: ApiKeyRow) -> Self {
        let expired = row.expires_at.is_some_and(|end| end <= service::clock::now());
        let status = match row.status {
            KeyStatus::Revoked => StatusOut::Revoked,
            KeyStatus::Active if expired => StatusOut::Expired,
            KeyStatus::Active => StatusOut::Active,
        };
        Self {
            id: row.id.to_string(),
            project_id: row.project.to_string(),
            sub_account_id: row.sub_account.map(|sub_account| sub_account.to_string()),
            acts_for_sub_accounts: row.acts_for_sub_accounts,
            name: row.name,
            prefix: row.prefix,
            last4: row.last4,
            imported: row.imported,
            status,
            expires_at: row.expires_at.map(output::time),
            rpm: row.rpm,
            tpm: row.tpm,
            concurrency: row.concurrency,
            allowed_models: row.allowed_models,
            rules: row.rules.into(),
            created_by: row.created_by.map(|by| by.to_string()),
            created_at: output::time(row.created_at),
            revoked_at: row.revoked_at.map(output::time),
            last_used_at: row.last_used_at.map(output::time),
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct KeysQuery {
    /// Keys of this project only.
    #[param(example = "proj_0190a6d4c1e47c0f8d5a6f1b2c3d4e5f")]
    project_id: Option<String>,
    /// Keys of this sub-account only.
    #[param(example = "sub_0190a6d4c1e47c0f8d5a6f1b2c3d4e5f")]
    sub_account_id: Option<String>,
    /// Keys on a page, 1 to 200. Default: 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A page of API keys.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ApiKeysOut {
    /// Oldest first.
    data: Vec<ApiKeyOut>,
    /// Whether another page follows.
    has_more: bool,
    /// Where the next page begins; null on the last.
    next_cursor: Option<String>,
}

/// A key to make, or another product's to take over.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ApiKeyIn {
    /// For display, 1 to 200 characters.
    #[schema(example = "production")]
    name: String,
    /// Default: the organization's first project.
    #[schema(example = "proj_0190a6d4c1e47c0f8d5a6f1b2c3d4e5f")]
    project_id: Option<String>,
    /// Another product's key to import, 16 to 512 characters; clients that send it need no change. Only its SHA-256 is
    /// stored. Without it a fresh `llmg_` key is made.
    #[schema(value_type = Option<String>, format = Password, write_only)]
    key: Option<Secret<String>>,
    /// From when on it does not open: RFC 3339 or a date.
    #[schema(example = "2027-01-01T00:00:00Z")]
    expires_at: Option<String>,
    /// Requests a minute; without it, no limit.
    #[schema(minimum = 1)]
    rpm: Option<u32>,
    /// Tokens a minute; without it, no limit.
    #[schema(minimum = 1)]
    tpm: Option<u32>,
    /// Calls at once; without it, no limit.
    #[schema(minimum = 1)]
    concurrency: Option<u32>,
    /// Model ids that it may call; without it, all.
    #[schema(example = json!(["gpt-4o-mini"]))]
    allowed_models: Option<Vec<String>>,
    /// What else its calls are held to; without it, nothing.
    #[schema(value_type = Option<KeyRulesBody>)]
    rules: Option<input::Object<KeyRulesBody>>,
    /// Whether a call may name a sub-account of the project in the header `x-llmg-sub-account`. Default: false.
    acts_for_sub_accounts: Option<bool>,
}

/// A key that was made or imported.
#[derive(Serialize, ToSchema)]
pub(super) struct ApiKeyMadeOut {
    /// The key itself, when it is a fresh one: shown this once, and never again.
    #[schema(example = "llmg_…")]
    key: Option<String>,
    #[serde(flatten)]
    api_key: ApiKeyOut,
}

impl From<ApiKeyMade> for ApiKeyMadeOut {
    fn from(made: ApiKeyMade) -> Self {
        Self { key: made.key.map(|key| key.expose().clone()), api_key: made.row.into() }
    }
}

/// API keys
///
/// Oldest first, revoked ones included.
#[utoipa::path(get, path = "/api/v1/api-keys", tag = "API keys", params(KeysQuery),
    responses((status = 200, description = "A page of keys.", body = ApiKeysOut)))]
pub(super) async fn key_list(
    who: Management,
    State(control): State<Arc<Control>>,
    Params(query): Params<KeysQuery>,
) -> Result<Json<ApiKeysOut>, Refused> {
    let project = input::id::<ProjectId>("project_id", query.project_id.as_deref())?;
    let sub_account = input::id::<SubAccountId>("sub_account_id", query.sub_account_id.as_deref())?;
    let page = page::page(query.limit, query.cursor.as_deref())?;
    let list = match sub_account {
        Some(sub_account) => control.key_list_of_sub_account(&who, sub_account, project, page).await?,
        None => control.key_list(&who, project, page).await?,
    };
    let (has_more, next_cursor) = page::next(list.next);
    Ok(Json(ApiKeysOut { data: list.rows.into_iter().map(ApiKeyOut::from).collect(), has_more, next_cursor }))
}

/// Make or import an API key
///
/// For owners, admins and developers. The key is in this answer only. With `key`, another product's key is imported; one
/// that the organization has already is answered as it is.
#[utoipa::path(post, path = "/api/v1/api-keys", tag = "API keys", request_body = ApiKeyIn,
    responses((status = 201, description = "Made or imported.", body = ApiKeyMadeOut),
        (status = 200, description = "The organization had this imported key already.", body = ApiKeyMadeOut)))]
pub(super) async fn key_create(
    who: Developer,
    State(control): State<Arc<Control>>,
    _: NoParams,
    input::Json(body): input::Json<ApiKeyIn>,
) -> Result<(StatusCode, Json<ApiKeyMadeOut>), Refused> {
    let made = control.key_create(&who, key_new(body)?).await?;
    let status = if made.created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(made.into())))
}

/// Revoke an API key
///
/// For owners, admins and developers. It never opens again, on any gateway within a second. Repeating it changes nothing.
#[utoipa::path(delete, path = "/api/v1/api-keys/{id}", tag = "API keys", params(("id" = String, Path, description = "`key_…`")),
    responses((status = 200, description = "The key as it is now.", body = ApiKeyOut)))]
pub(super) async fn key_revoke(
    who: Developer,
    State(control): State<Arc<Control>>,
    _: NoParams,
    Id(id): Id<ApiKeyId>,
) -> Result<Json<ApiKeyOut>, Refused> {
    Ok(Json(control.key_revoke(&who, id).await?.into()))
}

fn key_new(body: ApiKeyIn) -> Result<ApiKeyNew, Fault> {
    Ok(ApiKeyNew {
        project: input::id::<ProjectId>("project_id", body.project_id.as_deref())?,
        expires_at: input::time("expires_at", body.expires_at.as_deref())?,
        name: body.name,
        imported: body.key,
        rpm: body.rpm,
        tpm: body.tpm,
        concurrency: body.concurrency,
        allowed_models: body.allowed_models,
        rules: body.rules.map(|rules| rules.0.into()).unwrap_or_default(),
        acts_for_sub_accounts: body.acts_for_sub_accounts.unwrap_or_default(),
    })
}
