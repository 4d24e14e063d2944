//! `/api/v1/auth/second-factor`: what a person's log-in asks for beside the password.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::{Secret, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::Control;
use crate::app::auth::Visitor;
use crate::app::caller::{LoggedIn, Operator};
use crate::app::log_in::Owed;
use crate::http::auth::{AuthSessionOut, CookieHeader, entered};
use crate::http::edge::Refused;
use crate::http::input::{self, Id, NoParams};
use crate::http::output;
use crate::http::people::PersonOut;

/// The password was right, and the second factor is owed.
#[derive(Serialize, ToSchema)]
pub(super) struct SecondFactorOwedOut {
    /// Always true.
    second_factor: bool,
    /// For `POST /api/v1/auth/log-in/second`; it opens nothing else.
    token: String,
    /// When it works no more.
    #[schema(example = "2026-11-20T12:44:56.789012Z")]
    expires_at: String,
}

impl SecondFactorOwedOut {
    pub(super) fn of(owed: &Owed) -> Self {
        Self { second_factor: true, token: owed.token.expose().clone(), expires_at: output::time(owed.expires_at) }
    }
}

/// The second factor of a log-in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LogInSecondIn {
    /// Of the log-in's answer.
    #[schema(value_type = String, format = Password, write_only)]
    token: Secret<String>,
    /// Six digits of the authenticator app, or a recovery code. Each works once.
    #[schema(value_type = String, format = Password, write_only)]
    code: Secret<String>,
    /// The token of an invitation for this address, to accept it and show that organization.
    #[schema(value_type = Option<String>, format = Password, write_only)]
    invite: Option<Secret<String>>,
}

/// Log in, second step
///
/// Open to everybody who has the token of a log-in that asked for a second factor. The answer sets the session's cookie. Wrong
/// codes are refused with 401, and too many of them with 429.
#[utoipa::path(post, path = "/api/v1/auth/log-in/second", tag = "Log-in", request_body = LogInSecondIn,
    responses((status = 200, description = "Logged in.", body = AuthSessionOut)))]
pub(super) async fn log_in_second(
    visitor: Visitor,
    State(control): State<Arc<Control>>,
    _: NoParams,
    input::Json(body): input::Json<LogInSecondIn>,
) -> Result<(CookieHeader, Json<AuthSessionOut>), Refused> {
    let opened = control.log_in_second(&visitor, &body.token, &body.code, body.invite.as_ref()).await?;
    Ok(entered(&control, opened).await?)
}

/// A person's second factor.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SecondFactorOut {
    /// The log-in asks for a code of an authenticator app.
    totp: bool,
    /// Since when.
    totp_at: Option<String>,
    /// Recovery codes that were not used.
    recovery_codes: u64,
}

/// Own second factor
#[utoipa::path(get, path = "/api/v1/auth/second-factor", tag = "Log-in",
    responses((status = 200, description = "What the log-in asks for.", body = SecondFactorOut)))]
pub(super) async fn second_factor_get(
    who: LoggedIn,
    State(control): State<Arc<Control>>,
    _: NoParams,
) -> Result<Json<SecondFactorOut>, Refused> {
    let view = control.factors_view(&who).await?;
    let totp_at = view.totp_at.map(output::time);
    Ok(Json(SecondFactorOut { totp: totp_at.is_some(), totp_at, recovery_codes: view.recovery_codes }))
}

/// A proof that it is the person who asks.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OwnPasswordIn {
    #[schema(value_type = String, format = Password, write_only)]
    password: Secret<String>,
}

/// What an authenticator app takes. It is shown once.
#[derive(Serialize, ToSchema)]
pub(super) struct TotpOut {
    /// To be typed into the app: Base32, SHA-1, six digits, 30 seconds.
    secret: String,
    /// The same for the app to read.
    url: String,
    /// Modules in a row of the QR code that shows `url`.
    #[schema(example = 45)]
    qr_size: u32,
    /// Its dark modules as an SVG path, one unit each.
    qr_path: String,
}

/// Set up an authenticator app
///
/// Makes a secret. The log-in asks for codes only after the first one was confirmed; until then a further secret replaces this one.
#[utoipa::path(post, path = "/api/v1/auth/second-factor/totp", tag = "Log-in", request_body = OwnPasswordIn,
    responses((status = 200, description = "The secret.", body = TotpOut)))]
pub(super) async fn totp_set_up(
    who: LoggedIn,
    State(control): State<Arc<Control>>,
    _: NoParams,
    input::Json(body): input::Json<OwnPasswordIn>,
) -> Result<Json<TotpOut>, Refused> {
    let made = control.totp_set_up(&who, &body.password).await?;
    let (url, qr_path) = (made.url.expose().clone(), made.qr.path.expose().clone());
    Ok(Json(TotpOut { secret: made.secret.expose().clone(), url, qr_size: made.qr.size, qr_path }))
}

/// The first code.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TotpConfirmIn {
    /// Six digits that the app shows.
    #[schema(value_type = String, format = Password, write_only)]
    code: Secret<String>,
}

/// Codes for when the app is lost. They are shown once, and each works once.
#[derive(Serialize, ToSchema)]
pub(super) struct RecoveryCodesOut {
    recovery_codes: Vec<String>,
}

impl RecoveryCodesOut {
    fn of(codes: &[Secret<String>]) -> Json<Self> {
        Json(Self { recovery_codes: codes.iter().map(|code| code.expose().clone()).collect() })
    }
}

/// Confirm the authenticator app
///
/// From now on the log-in asks for codes. All other sessions of the person end.
#[utoipa::path(post, path = "/api/v1/auth/second-factor/totp/confirm", tag = "Log-in", request_body = TotpConfirmIn,
    responses((status = 200, description = "Confirmed.", body = RecoveryCodesOut)))]
pub(super) async fn totp_confirm(
    who: LoggedIn,
    State(control): State<Arc<Control>>,
    _: NoParams,
    input::Json(body): input::Json<TotpConfirmIn>,
) -> Result<Json<RecoveryCodesOut>, Refused> {
    Ok(RecoveryCodesOut::of(&control.totp_confirm(&who, &body.code).await?))
}

/// Both proofs that it is the person who asks.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BothIn {
    #[schema(value_type = String, format = Password, write_only)]
    password: Secret<String>,
    /// Six digits of the authenticator app, or a recovery code.
    #[schema(value_type = String, format = Password, write_only)]
    code: Secret<String>,
}

/// Make new recovery codes
///
/// The old ones work no more.
#[utoipa::path(post, path = "/api/v1/auth/second-factor/recovery-codes", tag = "Log-in", request_body = BothIn,
    responses((status = 200, description = "The new codes.", body = RecoveryCodesOut)))]
pub(super) async fn recovery_codes_renew(
    who: LoggedIn,
    State(control): State<Arc<Control>>,
    _: NoParams,
    input::Json(body): input::Json<BothIn>,
) -> Result<Json<RecoveryCodesOut>, Refused> {
    Ok(RecoveryCodesOut::of(&control.recovery_codes_renew(&who, &body.password, &body.code).await?))
}

/// Remove the authenticator app
///
/// The log-in asks for the password only, and recovery codes work no more.
#[utoipa::path(post, path = "/api/v1/auth/second-factor/remove", tag = "Log-in", request_body = BothIn,
    responses((status = 204, description = "Removed.")))]
pub(super) async fn totp_remove(
    who: LoggedIn,
    State(control): State<Arc<Control>>,
    _: NoParams,
    input::Json(body): input::Json<BothIn>,
) -> Result<StatusCode, Refused> {
    control.totp_remove(&who, &body.password, &body.code).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Remove a person's second factor
///
/// For operators of the instance, when somebody lost their app and their recovery codes. Make sure that it is them who asks.
#[utoipa::path(delete, path = "/api/v1/operator/people/{id}/second-factor", tag = "Operator",
    params(("id" = String, Path, description = "`user_…`")),
    responses((status = 200, description = "The person as they are now.", body = PersonOut)))]
pub(super) async fn second_factor_remove(
    who: Operator,
    State(control): State<Arc<Control>>,
    _: NoParams,
    Id(id): Id<UserId>,
) -> Result<Json<PersonOut>, Refused> {
    Ok(Json(control.second_factor_remove(&who, id).await?.into()))
}
