//! `/api/v1/organizations` (a person's own), `/api/v1/organization` (the one that a request is about), and which one a
//! session shows.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::OrganizationId;
use serde::{Deserialize, Serialize};
use store::{OrganizationRow, OrganizationStatus};
use utoipa::ToSchema;

use crate::app::Control;
use crate::app::caller::{Admin, LoggedIn, Management};
use crate::app::checks::invalid;
use crate::http::auth::{AuthSessionOut, MembershipOut};
use crate::http::deletion::DeletionOut;
use crate::http::edge::Refused;
use crate::http::input::{self, NoParams, Params};
use crate::http::output;
use crate::http::page::{self, PageQuery};

/// Whether an organization may call.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum OrganizationStatusOut {
    /// It may.
    Active,
    /// An operator stopped it.
    Suspended,
    /// An owner asked to delete it.
    Deleting,
    /// It is erased.
    Deleted,
}

impl From<OrganizationStatus> for OrganizationStatusOut {
    fn from(status: OrganizationStatus) -> Self {
        match status {
            OrganizationStatus::Active => Self::Active,
            OrganizationStatus::Suspended => Self::Suspended,
            OrganizationStatus::Deleting => Self::Deleting,
            OrganizationStatus::Deleted => Self::Deleted,
        }
    }
}

/// An organization.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OrganizationOut {
    #[schema(example = "org_0190a6d4c1e47c0f8d5a6f1b2c3d4e5f")]
    id: String,
    #[schema(example = "Ada's organization")]
    name: String,
    #[schema(example = "self-hosted")]
    plan: String,
    #[schema(inline)]
    status: OrganizationStatusOut,
    #[schema(example = "2026-11-20T12:34:56.789012Z")]
    created_at: String,
    /// While it is being deleted.
    deletion: Option<DeletionOut>,
}

impl From<OrganizationRow> for OrganizationOut {
    fn from(row: OrganizationRow) -> Self {
        Self {
            id: row.id.to_string(),
            name: row.name,
            plan: row.plan,
            status: row.status.into(),
            created_at: output::time(row.created_at),
            deletion: None,
        }
    }
}

/// A page of a person's organizations.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OrganizationsOut {
    /// Oldest membership first.
    data: Vec<MembershipOut>,
    /// Whether another page follows.
    has_more: bool,
    /// Where the next page begins; null on the last.
    next_cursor: Option<String>,
}

/// An organization's name.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OrganizationIn {
    /// For display, 1 to 200 characters.
    #[schema(example = "Analytical Engines")]
    name: String,
}

/// What a session shows.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SwitchIn {
    /// Another of the person's organizations.
    #[schema(example = "org_0190a6d4c1e47c0f8d5a6f1b2c3d4e5f")]
    organization_id: String,
}

/// Own organizations
#[utoipa::path(get, path = "/api/v1/organizations", tag = "Organizations", params(PageQuery),
    responses((status = 200, description = "A page of organizations, oldest membership first.", body = OrganizationsOut)))]
pub(super) async fn organization_list(
    who: LoggedIn,
    State(control): State<Arc<Control>>,
    Params(query): Params<PageQuery>,
) -> Result<Json<OrganizationsOut>, Refused> {
    let list = control.organization_list(&who, query.page()?).await?;
    let (has_more, next_cursor) = page::next(list.next);
    Ok(Json(OrganizationsOut { data: list.rows.into_iter().map(MembershipOut::from).collect(), has_more, next_cursor }))
}

/// Make a further organization
///
/// With a first project; the person owns it. A person belongs to at most 100 organizations.
#[utoipa::path(post, path = "/api/v1/organizations", tag = "Organizations", request_body = OrganizationIn,
    responses((status = 201, description = "Made.", body = OrganizationOut)))]
pub(super) async fn organization_create(
    who: LoggedIn,
    State(control): State<Arc<Control>>,
    _: NoParams,
    input::Json(body): input::Json<OrganizationIn>,
) -> Result<(StatusCode, Json<OrganizationOut>), Refused> {
    Ok((StatusCode::CREATED, Json(control.organization_create(&who, &body.name).await?.into())))
}

/// The organization
#[utoipa::path(get, path = "/api/v1/organization", tag = "Organizations",
    responses((status = 200, description = "The one that the request is about.", body = OrganizationOut)))]
pub(super) async fn organization_get(
    who: Management,
    State(control): State<Arc<Control>>,
    _: NoParams,
) -> Result<Json<OrganizationOut>, Refused> {
    let row = control.organization_get(&who).await?;
    let deletion = if row.status == OrganizationStatus::Deleting { control.deletion_get(&who).await? } else { None };
    Ok(Json(OrganizationOut { deletion: deletion.map(DeletionOut::from), ..row.into() }))
}

/// Rename the organization
///
/// For owners and admins.
#[utoipa::path(patch, path = "/api/v1/organization", tag = "Organizations", request_body = OrganizationIn,
    responses((status = 200, description = "The organization as it is now.", body = OrganizationOut)))]
pub(super) async fn organization_update(
    who: Admin,
    State(control): State<Arc<Control>>,
    _: NoParams,
    input::Json(body): input::Json<OrganizationIn>,
) -> Result<Json<OrganizationOut>, Refused> {
    Ok(Json(control.organization_update(&who, &body.name).await?.into()))
}

/// Switch the session to another organization
///
/// From now on the session is about that organization, unless `X-Llmg-Organization` names another.
#[utoipa::path(patch, path = "/api/v1/auth/session", tag = "Log-in", request_body = SwitchIn,
    responses((status = 200, description = "The session as it is now.", body = AuthSessionOut)))]
pub(super) async fn session_switch(
    who: LoggedIn,
    State(control): State<Arc<Control>>,
    _: NoParams,
    input::Json(body): input::Json<SwitchIn>,
) -> Result<Json<AuthSessionOut>, Refused> {
    let id = input::id::<OrganizationId>("organization_id", Some(&body.organization_id))?;
    let id = id.ok_or_else(|| invalid("organization_id", "`organization_id` is missing"))?;
    control.session_switch(&who, id).await?;
    Ok(Json(AuthSessionOut::of(control.session_view(who.showing(id)).await?, control.mail_is_sent())))
}
