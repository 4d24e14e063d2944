//! `/api/v1/auth`: accounts, log-in, log-out.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::Secret;
use serde::{Deserialize, Serialize};
use service::config::Signup;
use store::{MembershipRow, OrganizationStatus, Role};
use utoipa::ToSchema;

use crate::app::Control;
use crate::app::auth::{Opened, SessionView, Visitor};
use crate::app::caller::LoggedIn;
use crate::app::log_in::Entry;
use crate::app::sessions::ends_at;
use crate::app::sign_up::{SignUpDone, SignUpNew};
use crate::http::caller::Leaving;
use crate::http::cookie;
use crate::http::edge::Refused;
use crate::http::input::{self, NoParams};
use crate::http::output;
use crate::http::second_factor::SecondFactorOwedOut;
use crate::http::sign_in::SignInProviderOut;

pub(super) type CookieHeader = [(HeaderName, HeaderValue); 1];

/// Who may make an account.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum SignupOut {
    /// Anyone.
    Open,
    /// The invited.
    Invite,
    /// Addresses of verified domains.
    Domain,
    /// Nobody.
    Closed,
}

impl From<Signup> for SignupOut {
    fn from(signup: Signup) -> Self {
        match signup {
            Signup::Open => Self::Open,
            Signup::Invite => Self::Invite,
            Signup::Domain => Self::Domain,
            Signup::Closed => Self::Closed,
        }
    }
}

/// What a log-in page must know.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AuthSettingsOut {
    #[schema(inline)]
    signup: SignupOut,
    /// Nobody has an account yet: whoever signs up now runs the instance, whatever `signup` says.
    first: bool,
    /// A mail server brings letters. False: they lie in the outbox, and the operator passes them on.
    mail: bool,
    /// False: passwords do not travel here, because others could listen to this address.
    log_in: bool,
    /// Who else says who people are.
    sign_in: Vec<SignInProviderOut>,
    /// Of this instance.
    #[schema(example = "0.1.0")]
    version: &'static str,
}

/// An account to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignUpIn {
    #[schema(example = "ada@example.com")]
    email: String,
    /// 8 to 256 characters, and none of the passwords that are guessed first.
    #[schema(value_type = String, format = Password, write_only)]
    password: Secret<String>,
    /// For display, 1 to 200 characters. Default: the address's first part.
    #[schema(example = "Ada")]
    name: Option<String>,
    /// The token of an invitation for this address. The person then belongs to the organization that invited, and to no
    /// organization of their own.
    #[schema(value_type = Option<String>, format = Password, write_only)]
    invite: Option<Secret<String>>,
}

/// A person who wants in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LogInIn {
    #[schema(example = "ada@example.com")]
    email: String,
    #[schema(value_type = String, format = Password, write_only)]
    password: Secret<String>,
    /// The token of an invitation for this address, to accept it and show that organization.
    #[schema(value_type = Option<String>, format = Password, write_only)]
    invite: Option<Secret<String>>,
}

/// Another password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PasswordIn {
    /// Left out by people who have none yet, within 10 minutes after a log-in.
    #[schema(value_type = Option<String>, format = Password, write_only)]
    current_password: Option<Secret<String>>,
    /// 8 to 256 characters.
    #[schema(value_type = String, format = Password, write_only)]
    new_password: Secret<String>,
}

/// A letter is on its way, if the address may get one.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LetterOut {
    /// Always true: whether there is such an account is not said.
    pub(super) letter: bool,
}

/// What a member may do in an organization.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum RoleInOut {
    /// Everything.
    Owner,
    /// Everything but ownership.
    Admin,
    /// Money.
    Billing,
    /// Keys and calls.
    Developer,
    /// Looking.
    Viewer,
}

impl From<Role> for RoleInOut {
    fn from(role: Role) -> Self {
        match role {
            Role::Owner => Self::Owner,
            Role::Admin => Self::Admin,
            Role::Billing => Self::Billing,
            Role::Developer => Self::Developer,
            Role::Viewer => Self::Viewer,
        }
    }
}

impl From<RoleInOut> for Role {
    fn from(role: RoleInOut) -> Self {
        match role {
            RoleInOut::Owner => Self::Owner,
            RoleInOut::Admin => Self::Admin,
            RoleInOut::Billing => Self::Billing,
            RoleInOut::Developer => Self::Developer,
            RoleInOut::Viewer => Self::Viewer,
        }
    }
}

/// A person.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UserOut {
    #[schema(example = "user_0190a6d4c1e47c0f8d5a6f1b2c3d4e5f")]
    id: String,
    #[schema(example = "ada@example.com")]
    email: String,
    /// May be empty.
    #[schema(example = "Ada")]
    name: String,
    /// Runs the instance.
    is_operator: bool,
    /// Somebody proved to get the address's mail.
    email_verified: bool,
    /// False: they come in through a sign-in provider only, and may set a password within 10 minutes after a log-in.
    has_password: bool,
    /// Until then some things are refused, such as inviting people. False where no mail server brings letters.
    must_verify_email: bool,
}

/// An organization that a person belongs to.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MembershipOut {
    #[schema(example = "org_0190a6d4c1e47c0f8d5a6f1b2c3d4e5f")]
    id: String,
    #[schema(example = "Ada's organization")]
    name: String,
    #[schema(inline)]
    role: RoleInOut,
    /// It is being deleted: only its owners see it.
    deleting: bool,
}

impl From<MembershipRow> for MembershipOut {
    fn from(row: MembershipRow) -> Self {
        let deleting = row.status == OrganizationStatus::Deleting;
        Self { id: row.organization.to_string(), name: row.name, role: row.role.into(), deleting }
    }
}

/// Who is logged in.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AuthSessionOut {
    #[schema(example = "sess_0190a6d4c1e47c0f8d5a6f1b2c3d4e5f")]
    id: String,
    user: UserOut,
    /// What requests are about unless `X-Llmg-Organization` names another of `organizations`.
    #[schema(example = "org_0190a6d4c1e47c0f8d5a6f1b2c3d4e5f")]
    organization_id: String,
    /// Oldest membership first.
    organizations: Vec<MembershipOut>,
    #[schema(example = "2026-11-20T12:34:56.789012Z")]
    created_at: String,
    /// If it is not used before: 30 days after its last use, at most 90 days after its begin.
    #[schema(example = "2026-12-20T12:34:56.789012Z")]
    expires_at: String,
}

impl AuthSessionOut {
    pub(super) fn of(view: SessionView, mail_is_sent: bool) -> Self {
        let caller = view.caller;
        Self {
            id: caller.session().to_string(),
            user: UserOut {
                id: caller.user().to_string(),
                email: caller.email().to_owned(),
                name: caller.name().to_owned(),
                is_operator: caller.is_operator(),
                email_verified: caller.email_verified(),
                has_password: caller.has_password(),
                must_verify_email: mail_is_sent && !caller.email_verified(),
            },
            organization_id: caller.organization().to_string(),
            organizations: view.memberships.into_iter().map(MembershipOut::from).collect(),
            created_at: output::time(caller.created_at()),
            expires_at: output::time(ends_at(caller.created_at(), caller.last_used_at())),
        }
    }
}

/// The door
///
/// Open to everybody: what a log-in page must know.
#[utoipa::path(get, path = "/api/v1/auth/settings", tag = "Log-in",
    responses((status = 200, description = "Who may come in, and how.", body = AuthSettingsOut)))]
pub(super) async fn auth_settings(State(control): State<Arc<Control>>, _: NoParams) -> Result<Json<AuthSettingsOut>, Refused> {
    let door = control.door().await?;
    Ok(Json(AuthSettingsOut {
        signup: door.signup.into(),
        first: door.first,
        mail: control.mail_is_sent(),
        log_in: door.log_in,
        sign_in: control.sign_in_providers().iter().map(SignInProviderOut::from).collect(),
        version: env!("CARGO_PKG_VERSION"),
    }))
}

/// Sign up
///
/// Open to everybody, as far as the instance's `signup` setting allows. Makes a person, an organization and a project, and
/// logs in: the answer sets the session's cookie. The first person of an instance runs it.
///
/// Where a mail server brings letters (`mail` of the door), nothing is made at first: a letter goes to the address, and its
/// token makes the account (`/api/v1/auth/sign-up/confirm`). An address that has an account gets another letter and the same
/// answer. Invitations and the first person need no such letter.
#[utoipa::path(post, path = "/api/v1/auth/sign-up", tag = "Log-in", request_body = SignUpIn,
    responses((status = 201, description = "Signed up and logged in.", body = AuthSessionOut),
        (status = 202, description = "A letter is on its way.", body = LetterOut)))]
pub(super) async fn sign_up(
    visitor: Visitor,
    State(control): State<Arc<Control>>,
    _: NoParams,
    input::Json(body): input::Json<SignUpIn>,
) -> Result<Response, Refused> {
    let new = SignUpNew { email: body.email, password: body.password, name: body.name, invite: body.invite };
    match control.sign_up(&visitor, new).await? {
        SignUpDone::In(opened) => {
            let (cookie, session) = entered(&control, *opened).await?;
            Ok((StatusCode::CREATED, cookie, session).into_response())
        }
        SignUpDone::Letter => Ok((StatusCode::ACCEPTED, Json(LetterOut { letter: true })).into_response()),
    }
}

/// Log in
///
/// Open to everybody. The answer sets the session's cookie; each log-in begins a session of its own. Whoever has a second factor
/// gets no cookie yet, but a token for `POST /api/v1/auth/log-in/second`. Too many wrong
/// passwords for one account from one address are refused with 429 for some seconds.
#[utoipa::path(post, path = "/api/v1/auth/log-in", tag = "Log-in", request_body = LogInIn,
    responses(
        (status = 200, description = "Logged in.", body = AuthSessionOut),
        (status = 202, description = "The password is right, and the person's second factor is owed.", body = SecondFactorOwedOut)))]
pub(super) async fn log_in(
    visitor: Visitor,
    State(control): State<Arc<Control>>,
    _: NoParams,
    input::Json(body): input::Json<LogInIn>,
) -> Result<Response, Refused> {
    match control.log_in(&visitor, &body.email, &body.password, body.invite.as_ref()).await? {
        Entry::In(opened) => Ok(entered(&control, *opened).await?.into_response()),
        Entry::Owed(owed) => Ok((StatusCode::ACCEPTED, Json(SecondFactorOwedOut::of(&owed))).into_response()),
    }
}

/// Log out
///
/// Ends the session of the cookie and removes the cookie. Without a session it changes nothing.
#[utoipa::path(post, path = "/api/v1/auth/log-out", tag = "Log-in",
    responses((status = 204, description = "Logged out.")))]
pub(super) async fn log_out(
    Leaving(visitor, token): Leaving,
    State(control): State<Arc<Control>>,
    _: NoParams,
) -> Result<(StatusCode, CookieHeader), Refused> {
    if let Some(token) = token {
        control.log_out(&visitor, &token).await?;
    }
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, cookie::clear(control.front())?)]))
}

/// Who is logged in
#[utoipa::path(get, path = "/api/v1/auth/session", tag = "Log-in",
    responses((status = 200, description = "The person, and where they belong.", body = AuthSessionOut)))]
pub(super) async fn session_get(who: LoggedIn, State(control): State<Arc<Control>>, _: NoParams) -> Result<Json<AuthSessionOut>, Refused> {
    Ok(Json(AuthSessionOut::of(control.session_view(who).await?, control.mail_is_sent())))
}

/// Change the password
///
/// All other sessions of the person end.
#[utoipa::path(post, path = "/api/v1/auth/password", tag = "Log-in", request_body = PasswordIn,
    responses((status = 204, description = "Changed.")))]
pub(super) async fn password_change(
    who: LoggedIn,
    State(control): State<Arc<Control>>,
    _: NoParams,
    input::Json(body): input::Json<PasswordIn>,
) -> Result<StatusCode, Refused> {
    control.password_change(&who, body.current_password.as_ref(), &body.new_password).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn entered(control: &Control, opened: Opened) -> Result<(CookieHeader, Json<AuthSessionOut>), domain::Fault> {
    let cookie = cookie::set(control.front(), &opened.token)?;
    let view = control.session_view(opened.caller).await?;
    Ok(([(SET_COOKIE, cookie)], Json(AuthSessionOut::of(view, control.mail_is_sent()))))
}
