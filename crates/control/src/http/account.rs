//! `/api/v1/auth`: what letters do: confirming an account, proving an address, resetting a password.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::Secret;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::app::Control;
use crate::app::auth::Visitor;
use crate::app::caller::LoggedIn;
use crate::http::auth::{AuthSessionOut, CookieHeader, LetterOut, entered};
use crate::http::edge::Refused;
use crate::http::input::{self, NoParams};

/// An account that waits.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfirmIn {
    /// Of the letter.
    #[schema(value_type = String, format = Password, write_only)]
    token: Secret<String>,
    /// The one that the account was asked for with.
    #[schema(value_type = String, format = Password, write_only)]
    password: Secret<String>,
}

/// Confirm an account
///
/// Open to everybody. Makes the account that a letter's token stands for, and logs in: the answer sets the session's cookie.
#[utoipa::path(post, path = "/api/v1/auth/sign-up/confirm", tag = "Log-in", request_body = ConfirmIn,
    responses((status = 201, description = "Signed up and logged in.", body = AuthSessionOut)))]
pub(super) async fn sign_up_confirm(
    visitor: Visitor,
    State(control): State<Arc<Control>>,
    _: NoParams,
    input::Json(body): input::Json<ConfirmIn>,
) -> Result<(StatusCode, CookieHeader, Json<AuthSessionOut>), Refused> {
    let opened = control.sign_up_confirm(&visitor, &body.token, &body.password).await?;
    let (cookie, session) = entered(&control, opened).await?;
    Ok((StatusCode::CREATED, cookie, session))
}

/// The token of a letter.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenIn {
    #[schema(value_type = String, format = Password, write_only)]
    token: Secret<String>,
}

/// Verify an e-mail address
///
/// Open to everybody: the token proves who gets the address's mail. It works once, for 24 hours.
#[utoipa::path(post, path = "/api/v1/auth/email/verify", tag = "Log-in", request_body = TokenIn,
    responses((status = 204, description = "Verified.")))]
pub(super) async fn email_verify(
    visitor: Visitor,
    State(control): State<Arc<Control>>,
    _: NoParams,
    input::Json(body): input::Json<TokenIn>,
) -> Result<StatusCode, Refused> {
    control.email_verify(&visitor, &body.token).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Send the letter again
///
/// Another letter to verify the person's own address; the one before stops working. Does nothing when it is verified.
#[utoipa::path(post, path = "/api/v1/auth/email/resend", tag = "Log-in",
    responses((status = 204, description = "On its way.")))]
pub(super) async fn email_resend(who: LoggedIn, State(control): State<Arc<Control>>, _: NoParams) -> Result<StatusCode, Refused> {
    control.email_resend(&who).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whose password is forgotten.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ForgotIn {
    #[schema(example = "ada@example.com")]
    email: String,
}

/// Ask for a password reset
///
/// Open to everybody. A letter goes to the address if it has an account; the answer is the same if not. Without a mail server
/// the operator passes the letter on.
#[utoipa::path(post, path = "/api/v1/auth/password/forgot", tag = "Log-in", request_body = ForgotIn,
    responses((status = 202, description = "Taken.", body = LetterOut)))]
pub(super) async fn password_forgot(
    visitor: Visitor,
    State(control): State<Arc<Control>>,
    _: NoParams,
    input::Json(body): input::Json<ForgotIn>,
) -> Result<(StatusCode, Json<LetterOut>), Refused> {
    control.password_forgot(&visitor, &body.email).await?;
    Ok((StatusCode::ACCEPTED, Json(LetterOut { letter: true })))
}

/// Another password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ResetIn {
    /// Of the letter.
    #[schema(value_type = String, format = Password, write_only)]
    token: Secret<String>,
    /// 8 to 256 characters, and none of the passwords that are guessed first.
    #[schema(value_type = String, format = Password, write_only)]
    new_password: Secret<String>,
}

/// Reset a password
///
/// Open to everybody: the token of the letter proves who asks. It works once, for an hour. All sessions of the person end, and
/// a second factor is still asked for at the next log-in.
#[utoipa::path(post, path = "/api/v1/auth/password/reset", tag = "Log-in", request_body = ResetIn,
    responses((status = 204, description = "Changed; log in with it.")))]
pub(super) async fn password_reset(
    visitor: Visitor,
    State(control): State<Arc<Control>>,
    _: NoParams,
    input::Json(body): input::Json<ResetIn>,
) -> Result<StatusCode, Refused> {
    control.password_reset(&visitor, &body.token, &body.new_password).await?;
    Ok(StatusCode::NO_CONTENT)
}
