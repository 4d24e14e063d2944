//! `/api/v1/management-keys`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::ManagementKeyId;
use serde::{Deserialize, Serialize};
use store::{KeyStatus, ManagementKeyRow};
use utoipa::ToSchema;

use crate::app::Control;
use crate::app::caller::Admin;
use crate::app::management_keys::{ManagementKeyMade, ManagementKeyNew};
use crate::http::edge::Refused;
use crate::http::input::{self, Id, NoParams, Params};
use crate::http::keys::StatusOut;
use crate::http::output;
use crate::http::page::{self, PageQuery};

/// A management key: everything but the key itself.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ManagementKeyOut {
    #[schema(example = "mkey_0190a6d4c1e47c0f8d5a6f1b2c3d4e5f")]
    id: String,
    #[schema(example = "deployment")]
    name: String,
    /// The key's beginning.
    #[schema(example = "llmgm_3k")]
    prefix: String,
    /// The key's end.
    #[schema(example = "x9Qa")]
    last4: String,
    #[schema(inline)]
    status: StatusOut,
    /// What it may be used for; null: everything that its maker may do.
    #[schema(example = json!(["api-keys:read", "api-keys:write"]))]
    scopes: Option<Vec<String>>,
    /// From when on it does not open.
    expires_at: Option<String>,
    /// Whose rights bound it.
    #[schema(example = "user_0190a6d4c1e47c0f8d5a6f1b2c3d4e5f")]
    created_by: String,
    #[schema(example = "2026-11-20T12:34:56.789012Z")]
    created_at: String,
}

impl From<ManagementKeyRow> for ManagementKeyOut {
    fn from(row: ManagementKeyRow) -> Self {
        let status = match row.status {
            KeyStatus::Revoked => StatusOut::Revoked,
            KeyStatus::Active if row.expires_at.is_some_and(|end| end <= service::clock::now()) => StatusOut::Expired,
            KeyStatus::Active => StatusOut::Active,
        };
        Self {
            id: row.id.to_string(),
            name: row.name,
            prefix: row.prefix,
            last4: row.last4,
            status,
            scopes: row.scopes,
            expires_at: row.expires_at.map(output::time),
            created_by: row.created_by.to_string(),
            created_at: output::time(row.created_at),
        }
    }
}

/// A page of management keys.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ManagementKeysOut {
    /// Oldest first, revoked ones included.
    data: Vec<ManagementKeyOut>,
    /// Whether another page follows.
    has_more: bool,
    /// Where the next page begins; null on the last.
    next_cursor: Option<String>,
}

/// A management key to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ManagementKeyIn {
    /// For display, 1 to 200 characters.
    #[schema(example = "deployment")]
    name: String,
    /// `area:read` or `area:write` (which includes reading), where the area is the path's segment behind `/api/v1/`. Default:
    /// everything that the maker may do.
    #[schema(example = json!(["api-keys:write", "usage:read"]))]
    scopes: Option<Vec<String>>,
    /// From when on it does not open: RFC 3339 or a date.
    #[schema(example = "2027-01-01T00:00:00Z")]
    expires_at: Option<String>,
}

/// A management key that was just made.
#[derive(Serialize, ToSchema)]
pub(super) struct ManagementKeyMadeOut {
    /// The key itself: shown this once, and never again.
    #[schema(example = "llmgm_…")]
    key: String,
    #[serde(flatten)]
    management_key: ManagementKeyOut,
}

impl From<ManagementKeyMade> for ManagementKeyMadeOut {
    fn from(made: ManagementKeyMade) -> Self {
        Self { key: made.key.expose().clone(), management_key: made.row.into() }
    }
}

/// Management keys
///
/// For owners and admins.
#[utoipa::path(get, path = "/api/v1/management-keys", tag = "Management keys", params(PageQuery),
    responses((status = 200, description = "A page of keys, oldest first.", body = ManagementKeysOut)))]
pub(super) async fn management_key_list(
    who: Admin,
    State(control): State<Arc<Control>>,
    Params(query): Params<PageQuery>,
) -> Result<Json<ManagementKeysOut>, Refused> {
    let list = control.management_key_list(&who, query.page()?).await?;
    let (has_more, next_cursor) = page::next(list.next);
    Ok(Json(ManagementKeysOut { data: list.rows.into_iter().map(ManagementKeyOut::from).collect(), has_more, next_cursor }))
}

/// Make a management key
///
/// For owners and admins. It acts for its maker, never with more rights than that person has at the moment of use, and for
/// its scopes only. A key that makes a key gives away no more than it has. The key is in this answer only.
#[utoipa::path(post, path = "/api/v1/management-keys", tag = "Management keys", request_body = ManagementKeyIn,
    responses((status = 201, description = "Made.", body = ManagementKeyMadeOut)))]
pub(super) async fn management_key_create(
    who: Admin,
    State(control): State<Arc<Control>>,
    _: NoParams,
    input::Json(body): input::Json<ManagementKeyIn>,
) -> Result<(StatusCode, Json<ManagementKeyMadeOut>), Refused> {
    let expires_at = input::time("expires_at", body.expires_at.as_deref())?;
    let new = ManagementKeyNew { name: body.name, scopes: body.scopes, expires_at };
    Ok((StatusCode::CREATED, Json(control.management_key_create(&who, new).await?.into())))
}

/// Revoke a management key
///
/// For owners and admins. It never opens again. Repeating it changes nothing.
#[utoipa::path(delete, path = "/api/v1/management-keys/{id}", tag = "Management keys",
    params(("id" = String, Path, description = "`mkey_…`")),
    responses((status = 200, description = "The key as it is now.", body = ManagementKeyOut)))]
pub(super) async fn management_key_revoke(
    who: Admin,
    State(control): State<Arc<Control>>,
    _: NoParams,
    Id(id): Id<ManagementKeyId>,
) -> Result<Json<ManagementKeyOut>, Refused> {
    Ok(Json(control.management_key_revoke(&who, id).await?.into()))
}
