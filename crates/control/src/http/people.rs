//! `/api/v1/operator/people`: everybody who has an account.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use domain::UserId;
use serde::{Deserialize, Serialize};
use store::{PeopleRow, PeopleUpdate};
use utoipa::{IntoParams, ToSchema};

use crate::app::Control;
use crate::app::caller::Operator;
use crate::app::checks::invalid;
use crate::app::people::SEARCH_CHARS_MAX;
use crate::http::edge::Refused;
use crate::http::input::{self, Id, NoParams, Params};
use crate::http::output;
use crate::http::page;

/// Somebody with an account.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PersonOut {
    #[schema(example = "user_0190a6d4c1e47c0f8d5a6f1b2c3d4e5f")]
    id: String,
    #[schema(example = "ada@example.com")]
    email: String,
    /// May be empty.
    #[schema(example = "Ada")]
    name: String,
    /// Runs the instance.
    is_operator: bool,
    /// Cannot log in, and management keys of theirs open nothing.
    disabled: bool,
    /// Since when.
    disabled_at: Option<String>,
    /// Somebody proved to get the address's mail.
    email_verified: bool,
    /// Their log-in asks for a second factor.
    second_factor: bool,
    /// How many organizations they belong to.
    organizations: u64,
    /// When one of their sessions was last used, about; null: none is open.
    last_used_at: Option<String>,
    #[schema(example = "2026-11-20T12:34:56.789012Z")]
    created_at: String,
}

impl From<PeopleRow> for PersonOut {
    fn from(row: PeopleRow) -> Self {
        Self {
            id: row.id.to_string(),
            email: row.email,
            name: row.name,
            is_operator: row.is_operator,
            disabled: row.disabled_at.is_some(),
            disabled_at: row.disabled_at.map(output::time),
            second_factor: row.second_factor_at.is_some(),
            email_verified: row.email_verified_at.is_some(),
            organizations: row.organizations,
            last_used_at: row.last_used_at.map(output::time),
            created_at: output::time(row.created_at),
        }
    }
}

/// A page of people.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PeopleOut {
    /// Newest first.
    data: Vec<PersonOut>,
    /// Whether another page follows.
    has_more: bool,
    /// Where the next page begins; null on the last.
    next_cursor: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PeopleQuery {
    /// A part of the e-mail address, 1 to 254 characters; no character has a special meaning.
    search: Option<String>,
    /// Rows on a page, 1 to 200. Default: 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// People
///
/// For operators of the instance: everybody who has an account.
#[utoipa::path(get, path = "/api/v1/operator/people", tag = "Operator", params(PeopleQuery),
    responses((status = 200, description = "A page of people.", body = PeopleOut)))]
pub(super) async fn people_list(
    who: Operator,
    State(control): State<Arc<Control>>,
    Params(query): Params<PeopleQuery>,
) -> Result<Json<PeopleOut>, Refused> {
    let most = SEARCH_CHARS_MAX;
    if query.search.as_ref().is_some_and(|text| text.trim().is_empty() || text.chars().count() > most || text.chars().any(char::is_control))
    {
        return Err(invalid("search", format!("`search` must have 1 to {most} characters of an e-mail address")).into());
    }
    let list = control.people_list(&who, query.search.as_deref(), page::page(query.limit, query.cursor.as_deref())?).await?;
    let (has_more, next_cursor) = page::next(list.next);
    Ok(Json(PeopleOut { data: list.rows.into_iter().map(PersonOut::from).collect(), has_more, next_cursor }))
}

/// What changes; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PersonChangeIn {
    /// True: their sessions end at once, they cannot log in, and management keys of theirs open nothing.
    disabled: Option<bool>,
    /// Runs the instance.
    is_operator: Option<bool>,
}

/// Change a person
///
/// For operators of the instance. An instance keeps an operator who can log in: the last one is refused with 409.
#[utoipa::path(patch, path = "/api/v1/operator/people/{id}", tag = "Operator", request_body = PersonChangeIn,
    params(("id" = String, Path, description = "`user_…`")),
    responses((status = 200, description = "The person as they are now.", body = PersonOut)))]
pub(super) async fn people_update(
    who: Operator,
    State(control): State<Arc<Control>>,
    _: NoParams,
    Id(id): Id<UserId>,
    input::Json(body): input::Json<PersonChangeIn>,
) -> Result<Json<PersonOut>, Refused> {
    let update = PeopleUpdate { disabled: body.disabled, is_operator: body.is_operator };
    Ok(Json(control.people_update(&who, id, update).await?.into()))
}
