//! `/api/v1/members`, and what a member does with the whole membership.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::{Fault, OrganizationId, ProjectId, UserId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::Control;
use crate::app::caller::{Admin, LoggedIn, Management, Owner};
use crate::app::checks::invalid;
use crate::app::members::MemberView;
use crate::http::auth::RoleInOut;
use crate::http::edge::Refused;
use crate::http::input::{self, Id, NoParams, Params};
use crate::http::output;
use crate::http::page::{self, PageQuery};

/// A member of the organization.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MemberOut {
    #[schema(example = "user_0190a6d4c1e47c0f8d5a6f1b2c3d4e5f")]
    user_id: String,
    #[schema(example = "ada@example.com")]
    email: String,
    /// May be empty.
    #[schema(example = "Ada")]
    name: String,
    #[schema(inline)]
    role: RoleInOut,
    /// The projects that they are limited to; null: all.
    project_ids: Option<Vec<String>>,
    /// When they joined.
    #[schema(example = "2026-11-20T12:34:56.789012Z")]
    created_at: String,
}

impl From<MemberView> for MemberOut {
    fn from(view: MemberView) -> Self {
        let row = view.row;
        Self {
            project_ids: view.projects.map(|projects| projects.iter().map(ToString::to_string).collect()),
            user_id: row.person.to_string(),
            email: row.email,
            name: row.name,
            role: row.role.into(),
            created_at: output::time(row.created_at),
        }
    }
}

/// A page of members.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MembersOut {
    /// Oldest membership first.
    data: Vec<MemberOut>,
    /// Whether another page follows.
    has_more: bool,
    /// Where the next page begins; null on the last.
    next_cursor: Option<String>,
}

/// Another role.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MemberIn {
    #[schema(inline)]
    role: RoleInOut,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct MemberRemoveQuery {
    /// Revoke the API keys that they made, too. Default: false. Their management keys are always revoked.
    revoke_api_keys: Option<bool>,
}

/// Whom the organization goes to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TransferIn {
    /// Another member.
    #[schema(example = "user_0190a6d4c1e47c0f8d5a6f1b2c3d4e5f")]
    user_id: String,
}

/// What is left.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LeaveIn {
    /// One of the person's organizations.
    #[schema(example = "org_0190a6d4c1e47c0f8d5a6f1b2c3d4e5f")]
    organization_id: String,
}

/// Members
#[utoipa::path(get, path = "/api/v1/members", tag = "Organizations", params(PageQuery),
    responses((status = 200, description = "A page of members, oldest membership first.", body = MembersOut)))]
pub(super) async fn member_list(
    who: Management,
    State(control): State<Arc<Control>>,
    Params(query): Params<PageQuery>,
) -> Result<Json<MembersOut>, Refused> {
    let list = control.member_list(&who, query.page()?).await?;
    let (has_more, next_cursor) = page::next(list.next);
    Ok(Json(MembersOut { data: list.rows.into_iter().map(MemberOut::from).collect(), has_more, next_cursor }))
}

/// Change a member's role
///
/// For owners and admins; only owners make and change owners. An organization keeps an owner. It counts from the member's
/// next request on.
#[utoipa::path(patch, path = "/api/v1/members/{id}", tag = "Organizations", params(("id" = String, Path, description = "`user_…`")),
    request_body = MemberIn,
    responses((status = 200, description = "The member as they are now.", body = MemberOut)))]
pub(super) async fn member_update(
    who: Admin,
    State(control): State<Arc<Control>>,
    _: NoParams,
    Id(id): Id<UserId>,
    input::Json(body): input::Json<MemberIn>,
) -> Result<Json<MemberOut>, Refused> {
    Ok(Json(control.member_role_set(&who, id, body.role.into()).await?.into()))
}

/// What a member sees.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MemberProjectsIn {
    /// At most 1000; null: all projects.
    #[serde(deserialize_with = "input::given")]
    #[schema(value_type = Option<Vec<String>>, example = json!(["proj_0190a6d4c1e47c0f8d5a6f1b2c3d4e5f"]))]
    project_ids: Option<Option<Vec<String>>>,
}

/// Limit a member to projects
///
/// For owners and admins. The member sees and changes those projects and their keys only, and neither usage, calls, credits
/// nor provider keys of the organization. Owners and admins cannot be limited.
#[utoipa::path(put, path = "/api/v1/members/{id}/projects", tag = "Organizations", params(("id" = String, Path, description = "`user_…`")),
    request_body = MemberProjectsIn,
    responses((status = 200, description = "The member as they are now.", body = MemberOut)))]
pub(super) async fn member_limit_set(
    who: Admin,
    State(control): State<Arc<Control>>,
    _: NoParams,
    Id(id): Id<UserId>,
    input::Json(body): input::Json<MemberProjectsIn>,
) -> Result<Json<MemberOut>, Refused> {
    let read = |(at, text): (usize, &String)| -> Result<ProjectId, Fault> {
        let param = format!("project_ids[{at}]");
        input::id::<ProjectId>(&param, Some(text))?.ok_or_else(|| invalid(&param, "an id is missing"))
    };
    let projects = body.project_ids.flatten().map(|ids| ids.iter().enumerate().map(read).collect::<Result<_, _>>()).transpose()?;
    Ok(Json(control.member_limit_set(&who, id, projects).await?.into()))
}

/// Remove a member
///
/// For owners and admins; only owners remove owners. From their next request on, the person's sessions see nothing of the
/// organization, and their management keys are revoked. API keys that they made go on, unless `revoke_api_keys` is true.
#[utoipa::path(delete, path = "/api/v1/members/{id}", tag = "Organizations",
    params(("id" = String, Path, description = "`user_…`"), MemberRemoveQuery),
    responses((status = 204, description = "Removed.")))]
pub(super) async fn member_remove(
    who: Admin,
    State(control): State<Arc<Control>>,
    Params(query): Params<MemberRemoveQuery>,
    Id(id): Id<UserId>,
) -> Result<StatusCode, Refused> {
    control.member_remove(&who, id, query.revoke_api_keys.unwrap_or(false)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Give the organization away
///
/// For owners. The other member becomes owner, and who gives becomes admin.
#[utoipa::path(post, path = "/api/v1/organization/transfer", tag = "Organizations", request_body = TransferIn,
    responses((status = 204, description = "Given.")))]
pub(super) async fn ownership_transfer(
    who: Owner,
    State(control): State<Arc<Control>>,
    _: NoParams,
    input::Json(body): input::Json<TransferIn>,
) -> Result<StatusCode, Refused> {
    let to = input::id::<UserId>("user_id", Some(&body.user_id))?.ok_or_else(|| invalid("user_id", "`user_id` is missing"))?;
    control.ownership_transfer(&who, to).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Leave an organization
///
/// The last owner stays.
#[utoipa::path(post, path = "/api/v1/organizations/leave", tag = "Organizations", request_body = LeaveIn,
    responses((status = 204, description = "Left.")))]
pub(super) async fn member_leave(
    who: LoggedIn,
    State(control): State<Arc<Control>>,
    _: NoParams,
    input::Json(body): input::Json<LeaveIn>,
) -> Result<StatusCode, Refused> {
    let id = input::id::<OrganizationId>("organization_id", Some(&body.organization_id))?;
    let id = id.ok_or_else(|| invalid("organization_id", "`organization_id` is missing"))?;
    control.member_leave(&who, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
