//! `/api/v1/auth/sign-in` and `/api/v1/auth/identities`: coming in through a sign-in provider, and who may.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::response::{AppendHeaders, IntoResponse, Response};
use domain::Secret;
use domain::ids::IdentityId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::Control;
use crate::app::auth::Visitor;
use crate::app::caller::LoggedIn;
use crate::app::log_in::Entry;
use crate::app::sign_in::{IdentityView, SignInAnswer, SignInBegun, SignInProvider};
use crate::http::auth::{AuthSessionOut, CookieHeader, entered};
use crate::http::caller::Doorway;
use crate::http::cookie;
use crate::http::edge::Refused;
use crate::http::input::{self, Id, NoParams};
use crate::http::output;
use crate::http::second_factor::SecondFactorOwedOut;

/// Somebody else who says who people are.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SignInProviderOut {
    #[schema(example = "google")]
    id: String,
    /// For its button.
    #[schema(example = "Google")]
    name: String,
}

impl From<&SignInProvider> for SignInProviderOut {
    fn from(provider: &SignInProvider) -> Self {
        Self { id: provider.id.clone(), name: provider.name.clone() }
    }
}

/// A provider to come in through.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignInIn {
    /// As in `sign_in` of the door.
    #[schema(example = "google")]
    provider: String,
    /// The token of an invitation for the address that the provider proves.
    #[schema(value_type = Option<String>, format = Password, write_only)]
    invite: Option<Secret<String>>,
}

/// A provider to link.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct IdentityIn {
    /// As in `sign_in` of the door.
    #[schema(example = "google")]
    provider: String,
}

/// Where to go.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SignInBegunOut {
    /// Of the provider. It sends the browser back to `/sign-in/{provider}` with `code` and `state`.
    #[schema(example = "https://accounts.google.com/o/oauth2/v2/auth?response_type=code")]
    url: String,
}

/// What the provider gave the browser.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignInAnswerIn {
    /// The one that the browser comes from.
    #[schema(example = "google")]
    provider: String,
    state: String,
    #[schema(value_type = String, format = Password, write_only)]
    code: Secret<String>,
}

impl SignInAnswerIn {
    fn at(self, door: Doorway) -> SignInAnswer {
        SignInAnswer { origin: door.origin, provider: self.provider, cookie: door.kept, state: self.state, code: self.code }
    }
}

/// An account at a sign-in provider that lets a person in.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct IdentityOut {
    #[schema(example = "ident_0190a6d4c1e47c0f8d5a6f1b2c3d4e5f")]
    id: String,
    /// As in `sign_in` of the door; null when this instance has no such provider any more.
    #[schema(example = "google")]
    provider: Option<String>,
    /// The provider's name, or where it was.
    #[schema(example = "Google")]
    name: String,
    /// The address there, as the provider said it at last.
    #[schema(example = "ada@example.com")]
    email: Option<String>,
    #[schema(example = "2026-11-20T12:34:56.789012Z")]
    created_at: String,
    #[schema(example = "2026-11-20T12:34:56.789012Z")]
    last_used_at: String,
}

impl From<IdentityView> for IdentityOut {
    fn from(view: IdentityView) -> Self {
        let IdentityView { row, provider } = view;
        let (provider, name) = provider.map_or((None, row.issuer), |it| (Some(it.id), it.name));
        let (created_at, last_used_at) = (output::time(row.created_at), output::time(row.last_used_at));
        Self { id: row.id.to_string(), provider, name, email: output::some(&row.email), created_at, last_used_at }
    }
}

/// All of a person's.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct IdentitiesOut {
    /// Oldest first; at most one of each provider.
    data: Vec<IdentityOut>,
}

/// Leave for a sign-in provider
///
/// Open to everybody. The answer sets a cookie for 10 minutes, which binds the provider's answer to this browser.
#[utoipa::path(post, path = "/api/v1/auth/sign-in/begin", tag = "Log-in", request_body = SignInIn,
    responses((status = 200, description = "Where to go.", body = SignInBegunOut)))]
pub(super) async fn sign_in_begin(
    visitor: Visitor,
    door: Doorway,
    State(control): State<Arc<Control>>,
    _: NoParams,
    input::Json(body): input::Json<SignInIn>,
) -> Result<(CookieHeader, Json<SignInBegunOut>), Refused> {
    let begun = control.sign_in_begin(&visitor, (&door.origin, &body.provider), body.invite.as_ref()).await?;
    Ok(leaving(&control, begun)?)
}

/// Come back from a sign-in provider
///
/// Open to everybody. Logs in whom the provider proves; the answer sets the session's cookie. Somebody new gets an account as
/// far as the instance's `signup` setting allows, when the provider proved their address. An account that has this address is
/// linked only if it proved the address, too.
#[utoipa::path(post, path = "/api/v1/auth/sign-in/finish", tag = "Log-in", request_body = SignInAnswerIn,
    responses((status = 200, description = "Logged in.", body = AuthSessionOut),
        (status = 202, description = "The person's second factor is owed.", body = SecondFactorOwedOut)))]
pub(super) async fn sign_in_finish(
    visitor: Visitor,
    door: Doorway,
    State(control): State<Arc<Control>>,
    _: NoParams,
    input::Json(body): input::Json<SignInAnswerIn>,
) -> Result<Response, Refused> {
    let entry = control.sign_in_finish(&visitor, &body.at(door)).await?;
    let [back] = back(&control)?;
    match entry {
        Entry::In(opened) => {
            let ([session], body) = entered(&control, *opened).await?;
            Ok((AppendHeaders([session, back]), body).into_response())
        }
        Entry::Owed(owed) => Ok((StatusCode::ACCEPTED, [back], Json(SecondFactorOwedOut::of(&owed))).into_response()),
    }
}

/// Own identities
#[utoipa::path(get, path = "/api/v1/auth/identities", tag = "Log-in",
    responses((status = 200, description = "What lets the person in beside a password.", body = IdentitiesOut)))]
pub(super) async fn identity_list(who: LoggedIn, State(control): State<Arc<Control>>, _: NoParams) -> Result<Json<IdentitiesOut>, Refused> {
    let data = control.identity_list(&who).await?.into_iter().map(IdentityOut::from).collect();
    Ok(Json(IdentitiesOut { data }))
}

/// Leave for a sign-in provider to link it
#[utoipa::path(post, path = "/api/v1/auth/identities/begin", tag = "Log-in", request_body = IdentityIn,
    responses((status = 200, description = "Where to go.", body = SignInBegunOut)))]
pub(super) async fn identity_begin(
    who: LoggedIn,
    door: Doorway,
    State(control): State<Arc<Control>>,
    _: NoParams,
    input::Json(body): input::Json<IdentityIn>,
) -> Result<(CookieHeader, Json<SignInBegunOut>), Refused> {
    let begun = control.identity_begin(&who, (&door.origin, &body.provider)).await?;
    Ok(leaving(&control, begun)?)
}

/// Come back from a sign-in provider to link it
///
/// The account there lets the person in from now on, whatever its address.
#[utoipa::path(post, path = "/api/v1/auth/identities/finish", tag = "Log-in", request_body = SignInAnswerIn,
    responses((status = 200, description = "Linked.", body = IdentityOut)))]
pub(super) async fn identity_finish(
    who: LoggedIn,
    door: Doorway,
    State(control): State<Arc<Control>>,
    _: NoParams,
    input::Json(body): input::Json<SignInAnswerIn>,
) -> Result<(CookieHeader, Json<IdentityOut>), Refused> {
    let linked = control.identity_finish(&who, &body.at(door)).await?;
    Ok((back(&control)?, Json(linked.into())))
}

/// Unlink an own identity
///
/// Refused while nothing else would let the person in.
#[utoipa::path(delete, path = "/api/v1/auth/identities/{id}", tag = "Log-in", params(("id" = String, Path, description = "`ident_…`")),
    responses((status = 204, description = "Unlinked.")))]
pub(super) async fn identity_unlink(
    who: LoggedIn,
    State(control): State<Arc<Control>>,
    _: NoParams,
    Id(id): Id<IdentityId>,
) -> Result<StatusCode, Refused> {
    control.identity_unlink(&who, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn leaving(control: &Control, begun: SignInBegun) -> Result<(CookieHeader, Json<SignInBegunOut>), domain::Fault> {
    let cookie = cookie::sign_in_set(control.front(), &begun.cookie)?;
    Ok(([(SET_COOKIE, cookie)], Json(SignInBegunOut { url: begun.url })))
}

fn back(control: &Control) -> Result<CookieHeader, domain::Fault> {
    Ok([(SET_COOKIE, cookie::sign_in_clear(control.front())?)])
}
