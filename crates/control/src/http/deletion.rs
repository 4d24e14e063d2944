//! `/api/v1/organization/deletion`, what operators see of it, and the end of an account.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use domain::Secret;
use serde::{Deserialize, Serialize};
use store::DeletionRow;
use utoipa::ToSchema;

use crate::app::Control;
use crate::app::caller::{LoggedIn, Operator, Owner};
use crate::http::cookie;
use crate::http::edge::Refused;
use crate::http::input::{self, NoParams, Params};
use crate::http::output;
use crate::http::page::{self, PageQuery};

/// A deletion.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeletionOut {
    #[schema(example = "org_0190a6d4c1e47c0f8d5a6f1b2c3d4e5f")]
    organization_id: String,
    /// Its name; null once it is erased.
    #[schema(example = "Analytical Engines")]
    name: Option<String>,
    /// Who asked; null once it is erased.
    #[schema(example = "user_0190a6d4c1e47c0f8d5a6f1b2c3d4e5f")]
    asked_by: Option<String>,
    #[schema(example = "2026-11-20T12:34:56.789012Z")]
    asked_at: String,
    /// Until then an owner can take it back.
    #[schema(example = "2026-12-20T12:34:56.789012Z")]
    purge_at: String,
    /// When it was erased; null: not yet.
    purged_at: Option<String>,
}

impl From<DeletionRow> for DeletionOut {
    fn from(row: DeletionRow) -> Self {
        Self {
            organization_id: row.organization.to_string(),
            name: output::some(&row.name),
            asked_by: row.asked_by.map(|id| id.to_string()),
            asked_at: output::time(row.asked_at),
            purge_at: output::time(row.purge_at),
            purged_at: row.purged_at.map(output::time),
        }
    }
}

/// A page of deletions.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeletionsOut {
    /// Newest first.
    data: Vec<DeletionOut>,
    /// Whether another page follows.
    has_more: bool,
    /// Where the next page begins; null on the last.
    next_cursor: Option<String>,
}

/// The owner means it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DeletionIn {
    /// The organization's name, letter by letter.
    #[schema(example = "Analytical Engines")]
    name: String,
    /// The owner's own password.
    #[schema(value_type = String, format = Password, write_only)]
    password: Secret<String>,
}

/// The person means it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AccountDeleteIn {
    /// The person's own address.
    #[schema(example = "ada@example.com")]
    email: String,
    /// The person's own password.
    #[schema(value_type = String, format = Password, write_only)]
    password: Secret<String>,
}

/// Delete the organization
///
/// For owners, with a session. All keys of the organization stop within a second, and only its owners still see it. Until
/// `purge_at` an owner can take that back; then everything of it is erased but the books: amounts, counts and ids.
#[utoipa::path(post, path = "/api/v1/organization/deletion", tag = "Organizations", request_body = DeletionIn,
    responses((status = 200, description = "It is being deleted.", body = DeletionOut)))]
pub(super) async fn deletion_begin(
    who: Owner,
    State(control): State<Arc<Control>>,
    _: NoParams,
    input::Json(body): input::Json<DeletionIn>,
) -> Result<Json<DeletionOut>, Refused> {
    Ok(Json(control.deletion_begin(&who, &body.name, &body.password).await?.into()))
}

/// Take the deletion back
///
/// For owners, with a session. The organization is what it was, and its keys open again within a second.
#[utoipa::path(delete, path = "/api/v1/organization/deletion", tag = "Organizations",
    responses((status = 204, description = "It stays.")))]
pub(super) async fn deletion_cancel(who: Owner, State(control): State<Arc<Control>>, _: NoParams) -> Result<StatusCode, Refused> {
    control.deletion_cancel(&who).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Organizations that are being deleted
///
/// For operators of the instance; those that are erased come with their ids only.
#[utoipa::path(get, path = "/api/v1/operator/deletions", tag = "Operator", params(PageQuery),
    responses((status = 200, description = "A page of deletions.", body = DeletionsOut)))]
pub(super) async fn deletion_list(
    who: Operator,
    State(control): State<Arc<Control>>,
    Params(query): Params<PageQuery>,
) -> Result<Json<DeletionsOut>, Refused> {
    let list = control.deletion_list(&who, query.page()?).await?;
    let (has_more, next_cursor) = page::next(list.next);
    Ok(Json(DeletionsOut { data: list.rows.into_iter().map(DeletionOut::from).collect(), has_more, next_cursor }))
}

/// Delete the own account
///
/// At once: all sessions and management keys of the person end, and the address is free. API keys that they made stay with their
/// projects. Organizations that nobody else belongs to are deleted after the usual time. The only owner of an organization that
/// others belong to stays, and so does the only operator.
#[utoipa::path(post, path = "/api/v1/auth/account/delete", tag = "Log-in", request_body = AccountDeleteIn,
    responses((status = 204, description = "It is gone.")))]
pub(super) async fn account_delete(
    who: LoggedIn,
    State(control): State<Arc<Control>>,
    _: NoParams,
    input::Json(body): input::Json<AccountDeleteIn>,
) -> Result<(StatusCode, [(HeaderName, HeaderValue); 1]), Refused> {
    control.account_delete(&who, &body.email, &body.password).await?;
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, cookie::clear(control.front())?)]))
}
