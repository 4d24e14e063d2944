//! `/api/v1/organization/rules` and `/api/v1/projects/{id}/rules`: what the calls of all keys below are held to.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use domain::ProjectId;
use serde::{Deserialize, Serialize};
use store::{Narrowing, NarrowingUpdate};
use utoipa::ToSchema;

use crate::app::Control;
use crate::app::caller::{Admin, Management};
use crate::http::edge::Refused;
use crate::http::input::{self, Id, NoParams};
use crate::http::key_rules::KeyRulesBody;

/// What calls are held to. Each level (organization, project, API key) only narrows what the ones above it leave: a call passes when
/// all of them let it pass.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LevelRulesOut {
    /// Requests a minute of all keys below together.
    rpm: Option<u32>,
    /// Tokens a minute of all keys below together.
    tpm: Option<u32>,
    /// Calls at once of all keys below together.
    concurrency: Option<u32>,
    /// Model ids that may be called; null: all.
    allowed_models: Option<Vec<String>>,
    rules: KeyRulesBody,
}

impl From<Narrowing> for LevelRulesOut {
    fn from(narrowing: Narrowing) -> Self {
        Self {
            rpm: narrowing.rpm,
            tpm: narrowing.tpm,
            concurrency: narrowing.concurrency,
            allowed_models: narrowing.allowed_models,
            rules: narrowing.rules.into(),
        }
    }
}

/// Other limits and rules; what is left out stays, and null removes a limit.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LevelRulesIn {
    /// Requests a minute of all keys below together.
    #[serde(default, deserialize_with = "input::given")]
    #[schema(value_type = Option<u32>, minimum = 1)]
    rpm: Option<Option<u32>>,
    /// Tokens a minute of all keys below together.
    #[serde(default, deserialize_with = "input::given")]
    #[schema(value_type = Option<u32>, minimum = 1)]
    tpm: Option<Option<u32>>,
    /// Calls at once of all keys below together.
    #[serde(default, deserialize_with = "input::given")]
    #[schema(value_type = Option<u32>, minimum = 1)]
    concurrency: Option<Option<u32>>,
    /// Model ids that may be called; null: all.
    #[serde(default, deserialize_with = "input::given")]
    #[schema(value_type = Option<Vec<String>>, example = json!(["gpt-4o-mini"]))]
    allowed_models: Option<Option<Vec<String>>>,
    /// The other rules, as a whole: what is left out of them is no rule any more; null removes all.
    #[serde(default, deserialize_with = "input::given")]
    #[schema(value_type = Option<KeyRulesBody>)]
    rules: Option<Option<input::Object<KeyRulesBody>>>,
}

impl From<LevelRulesIn> for NarrowingUpdate {
    fn from(body: LevelRulesIn) -> Self {
        Self {
            rpm: body.rpm,
            tpm: body.tpm,
            concurrency: body.concurrency,
            allowed_models: body.allowed_models,
            rules: body.rules.map(|rules| rules.map(|rules| rules.0.into()).unwrap_or_default()),
        }
    }
}

/// The organization's rules
#[utoipa::path(get, path = "/api/v1/organization/rules", tag = "Organizations",
    responses((status = 200, description = "What all of its calls are held to.", body = LevelRulesOut)))]
pub(super) async fn organization_rules_get(
    who: Management,
    State(control): State<Arc<Control>>,
    _: NoParams,
) -> Result<Json<LevelRulesOut>, Refused> {
    Ok(Json(control.organization_rules_get(&who).await?.into()))
}

/// Change the organization's rules
///
/// For owners and admins. Gateways follow within a second.
#[utoipa::path(patch, path = "/api/v1/organization/rules", tag = "Organizations", request_body = LevelRulesIn,
    responses((status = 200, description = "What all of its calls are held to now.", body = LevelRulesOut)))]
pub(super) async fn organization_rules_update(
    who: Admin,
    State(control): State<Arc<Control>>,
    _: NoParams,
    input::Json(body): input::Json<LevelRulesIn>,
) -> Result<Json<LevelRulesOut>, Refused> {
    Ok(Json(control.organization_rules_update(&who, body.into()).await?.into()))
}

/// A project's rules
#[utoipa::path(get, path = "/api/v1/projects/{id}/rules", tag = "Projects",
    params(("id" = String, Path, description = "`proj_…`")),
    responses((status = 200, description = "What its calls are held to, beside the organization's rules.", body = LevelRulesOut)))]
pub(super) async fn project_rules_get(
    who: Management,
    State(control): State<Arc<Control>>,
    _: NoParams,
    Id(id): Id<ProjectId>,
) -> Result<Json<LevelRulesOut>, Refused> {
    Ok(Json(control.project_rules_get(&who, id).await?.into()))
}

/// Change a project's rules
///
/// For owners and admins. Gateways follow within a second.
#[utoipa::path(patch, path = "/api/v1/projects/{id}/rules", tag = "Projects",
    params(("id" = String, Path, description = "`proj_…`")), request_body = LevelRulesIn,
    responses((status = 200, description = "What its calls are held to now.", body = LevelRulesOut)))]
pub(super) async fn project_rules_update(
    who: Admin,
    State(control): State<Arc<Control>>,
    _: NoParams,
    Id(id): Id<ProjectId>,
    input::Json(body): input::Json<LevelRulesIn>,
) -> Result<Json<LevelRulesOut>, Refused> {
    Ok(Json(control.project_rules_update(&who, id, body.into()).await?.into()))
}
