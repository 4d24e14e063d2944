//! `/api/v1/api-keys/{id}`: edit and rotate.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::{ApiKeyId, Fault};
use serde::Deserialize;
use store::ApiKeyUpdate;
use utoipa::ToSchema;

use crate::app::Control;
use crate::app::caller::Developer;
use crate::http::edge::Refused;
use crate::http::input::{self, Id, NoParams};
use crate::http::key_rules::KeyRulesBody;
use crate::http::keys::{ApiKeyMadeOut, ApiKeyOut};

/// New settings; what is left out stays, and null removes a limit.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ApiKeyChangeIn {
    /// For display, 1 to 200 characters.
    #[schema(example = "production")]
    name: Option<String>,
    /// From when on it does not open: RFC 3339 or a date, in the future; null: never.
    #[serde(default, deserialize_with = "input::given")]
    #[schema(value_type = Option<String>, example = "2027-01-01T00:00:00Z")]
    expires_at: Option<Option<String>>,
    /// Requests a minute.
    #[serde(default, deserialize_with = "input::given")]
    #[schema(value_type = Option<u32>, minimum = 1)]
    rpm: Option<Option<u32>>,
    /// Tokens a minute.
    #[serde(default, deserialize_with = "input::given")]
    #[schema(value_type = Option<u32>, minimum = 1)]
    tpm: Option<Option<u32>>,
    /// Calls at once.
    #[serde(default, deserialize_with = "input::given")]
    #[schema(value_type = Option<u32>, minimum = 1)]
    concurrency: Option<Option<u32>>,
    /// Model ids that it may call; null: all.
    #[serde(default, deserialize_with = "input::given")]
    #[schema(value_type = Option<Vec<String>>, example = json!(["gpt-4o-mini"]))]
    allowed_models: Option<Option<Vec<String>>>,
    /// Its other rules, as a whole: what is left out of them is no rule any more; null removes all.
    #[serde(default, deserialize_with = "input::given")]
    #[schema(value_type = Option<KeyRulesBody>)]
    rules: Option<Option<input::Object<KeyRulesBody>>>,
    /// Whether a call may name a sub-account of the project in the header `x-llmg-sub-account`; not for a sub-account's own key.
    acts_for_sub_accounts: Option<bool>,
}

/// How a key is replaced.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RotateIn {
    /// How long the old key opens beside the new one: 0 to 604800 (7 days).
    #[schema(maximum = 604_800, example = 3600)]
    grace_seconds: u32,
}

/// Change an API key
///
/// For owners, admins and developers. Gateways follow within a second. A revoked key cannot be changed.
#[utoipa::path(patch, path = "/api/v1/api-keys/{id}", tag = "API keys", params(("id" = String, Path, description = "`key_…`")),
    request_body = ApiKeyChangeIn,
    responses((status = 200, description = "The key as it is now.", body = ApiKeyOut)))]
pub(super) async fn key_update(
    who: Developer,
    State(control): State<Arc<Control>>,
    _: NoParams,
    Id(id): Id<ApiKeyId>,
    input::Json(body): input::Json<ApiKeyChangeIn>,
) -> Result<Json<ApiKeyOut>, Refused> {
    Ok(Json(control.key_update(&who, id, change(body)?).await?.into()))
}

/// Rotate an API key
///
/// For owners, admins and developers. Makes a new key with the same project, name, limits, rules and expiry; it is in this answer
/// only. The old key expires after the grace.
#[utoipa::path(post, path = "/api/v1/api-keys/{id}/rotate", tag = "API keys", params(("id" = String, Path, description = "`key_…`")),
    request_body = RotateIn,
    responses((status = 201, description = "The new key.", body = ApiKeyMadeOut)))]
pub(super) async fn key_rotate(
    who: Developer,
    State(control): State<Arc<Control>>,
    _: NoParams,
    Id(id): Id<ApiKeyId>,
    input::Json(body): input::Json<RotateIn>,
) -> Result<(StatusCode, Json<ApiKeyMadeOut>), Refused> {
    let made = control.key_rotate(&who, id, body.grace_seconds).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

fn change(body: ApiKeyChangeIn) -> Result<ApiKeyUpdate, Fault> {
    let expires_at = match body.expires_at {
        None => None,
        Some(moment) => Some(input::time("expires_at", moment.as_deref())?),
    };
    Ok(ApiKeyUpdate {
        name: body.name,
        expires_at,
        rpm: body.rpm,
        tpm: body.tpm,
        concurrency: body.concurrency,
        allowed_models: body.allowed_models,
        rules: body.rules.map(|rules| rules.map(|rules| rules.0.into()).unwrap_or_default()),
        acts_for_sub_accounts: body.acts_for_sub_accounts,
    })
}
