//! `/api/v1/invites`, and what the invited do.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::Secret;
use domain::ids::InviteId;
use serde::{Deserialize, Serialize};
use store::{InviteRow, InviteStatus};
use utoipa::ToSchema;

use crate::app::Control;
use crate::app::caller::{Admin, LoggedIn};
use crate::http::auth::{MembershipOut, RoleInOut};
use crate::http::edge::Refused;
use crate::http::input::{self, Id, NoParams, Params};
use crate::http::output;
use crate::http::page::{self, PageQuery};

/// What became of an invitation.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum InviteStatusOut {
    /// It waits.
    Pending,
    /// Nobody accepted it in time.
    Expired,
    /// Somebody came.
    Accepted,
    /// It was taken back, or a later one replaced it.
    Revoked,
}

/// An invitation: everything but its token, which is in the letter only.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct InviteOut {
    #[schema(example = "inv_0190a6d4c1e47c0f8d5a6f1b2c3d4e5f")]
    id: String,
    #[schema(example = "bob@example.com")]
    email: String,
    #[schema(inline)]
    role: RoleInOut,
    #[schema(inline)]
    status: InviteStatusOut,
    /// Who invited.
    #[schema(example = "user_0190a6d4c1e47c0f8d5a6f1b2c3d4e5f")]
    invited_by: String,
    #[schema(example = "2026-11-20T12:34:56.789012Z")]
    created_at: String,
    /// From when on it cannot be accepted.
    #[schema(example = "2026-11-27T12:34:56.789012Z")]
    expires_at: String,
}

impl From<InviteRow> for InviteOut {
    fn from(row: InviteRow) -> Self {
        let status = match row.status {
            InviteStatus::Pending if row.expires_at <= service::clock::now() => InviteStatusOut::Expired,
            InviteStatus::Pending => InviteStatusOut::Pending,
            InviteStatus::Accepted => InviteStatusOut::Accepted,
            InviteStatus::Revoked => InviteStatusOut::Revoked,
        };
        Self {
            id: row.id.to_string(),
            email: row.email,
            role: row.role.into(),
            status,
            invited_by: row.invited_by.to_string(),
            created_at: output::time(row.created_at),
            expires_at: output::time(row.expires_at),
        }
    }
}

/// A page of invitations.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct InvitesOut {
    /// Newest first.
    data: Vec<InviteOut>,
    /// Whether another page follows.
    has_more: bool,
    /// Where the next page begins; null on the last.
    next_cursor: Option<String>,
}

/// Whom to invite.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct InviteIn {
    #[schema(example = "bob@example.com")]
    email: String,
    #[schema(inline)]
    role: RoleInOut,
}

/// The token of a letter.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct InviteAcceptIn {
    #[schema(value_type = String, format = Password, write_only)]
    invite: Secret<String>,
}

/// Invitations
///
/// For owners and admins.
#[utoipa::path(get, path = "/api/v1/invites", tag = "Organizations", params(PageQuery),
    responses((status = 200, description = "A page of invitations.", body = InvitesOut)))]
pub(super) async fn invite_list(
    who: Admin,
    State(control): State<Arc<Control>>,
    Params(query): Params<PageQuery>,
) -> Result<Json<InvitesOut>, Refused> {
    let list = control.invite_list(&who, query.page()?).await?;
    let (has_more, next_cursor) = page::next(list.next);
    Ok(Json(InvitesOut { data: list.rows.into_iter().map(InviteOut::from).collect(), has_more, next_cursor }))
}

/// Invite somebody
///
/// For owners and admins; only owners invite owners. A letter with a token goes to the address: whoever gets it accepts
/// within 7 days, with an account of that address, as long as who invited could still invite. An invitation that waits for the address already is replaced.
#[utoipa::path(post, path = "/api/v1/invites", tag = "Organizations", request_body = InviteIn,
    responses((status = 201, description = "Invited.", body = InviteOut)))]
pub(super) async fn invite_create(
    who: Admin,
    State(control): State<Arc<Control>>,
    _: NoParams,
    input::Json(body): input::Json<InviteIn>,
) -> Result<(StatusCode, Json<InviteOut>), Refused> {
    Ok((StatusCode::CREATED, Json(control.invite_create(&who, &body.email, body.role.into()).await?.into())))
}

/// Take an invitation back
///
/// For owners and admins. Repeating it changes nothing.
#[utoipa::path(delete, path = "/api/v1/invites/{id}", tag = "Organizations", params(("id" = String, Path, description = "`inv_…`")),
    responses((status = 200, description = "The invitation as it is now.", body = InviteOut)))]
pub(super) async fn invite_revoke(
    who: Admin,
    State(control): State<Arc<Control>>,
    _: NoParams,
    Id(id): Id<InviteId>,
) -> Result<Json<InviteOut>, Refused> {
    Ok(Json(control.invite_revoke(&who, id).await?.into()))
}

/// Accept an invitation
///
/// With an account of the address that got the letter. Other invitations that wait for that address are accepted with it.
#[utoipa::path(post, path = "/api/v1/auth/invites/accept", tag = "Log-in", request_body = InviteAcceptIn,
    responses((status = 200, description = "The organization, and what the person may do there.", body = MembershipOut)))]
pub(super) async fn invite_accept(
    who: LoggedIn,
    State(control): State<Arc<Control>>,
    _: NoParams,
    input::Json(body): input::Json<InviteAcceptIn>,
) -> Result<Json<MembershipOut>, Refused> {
    Ok(Json(control.invite_accept(&who, &body.invite).await?.into()))
}
