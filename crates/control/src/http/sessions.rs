//! `/api/v1/auth/sessions`: a person's own browsers.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::SessionId;
use serde::Serialize;
use store::{SecondFactor, SessionProof, SessionRow};
use utoipa::ToSchema;

use crate::app::Control;
use crate::app::caller::LoggedIn;
use crate::app::sessions::ends_at;
use crate::http::edge::Refused;
use crate::http::input::{Id, NoParams, Params};
use crate::http::output;
use crate::http::page::{self, PageQuery};

/// What proves a person.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum SessionProofOut {
    /// The password.
    Password,
    /// A sign-in provider.
    Provider,
}

impl From<SessionProof> for SessionProofOut {
    fn from(proof: SessionProof) -> Self {
        match proof {
            SessionProof::Password => Self::Password,
            SessionProof::Provider => Self::Provider,
        }
    }
}

/// What proves them beside that.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum SecondFactorWordOut {
    /// A code of an authenticator app.
    Totp,
    /// A recovery code.
    RecoveryCode,
}

impl From<SecondFactor> for SecondFactorWordOut {
    fn from(factor: SecondFactor) -> Self {
        match factor {
            SecondFactor::Totp => Self::Totp,
            SecondFactor::RecoveryCode => Self::RecoveryCode,
        }
    }
}

/// A browser that is logged in.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SessionOut {
    #[schema(example = "sess_0190a6d4c1e47c0f8d5a6f1b2c3d4e5f")]
    id: String,
    /// It is the one that asks.
    current: bool,
    /// Where the log-in came from.
    #[schema(example = "192.0.2.7")]
    address: Option<String>,
    /// What the browser calls itself.
    user_agent: Option<String>,
    #[schema(inline)]
    proof: SessionProofOut,
    /// What proved them beside that; null: nothing was asked for.
    #[schema(inline)]
    second_factor: Option<SecondFactorWordOut>,
    #[schema(example = "2026-11-20T12:34:56.789012Z")]
    created_at: String,
    /// About.
    #[schema(example = "2026-11-20T12:34:56.789012Z")]
    last_used_at: String,
    /// If it is not used before.
    #[schema(example = "2026-12-20T12:34:56.789012Z")]
    expires_at: String,
}

impl SessionOut {
    fn of(row: &SessionRow, current: SessionId) -> Self {
        Self {
            id: row.id.to_string(),
            current: row.id == current,
            address: output::some(&row.address),
            proof: row.proof.into(),
            second_factor: row.second_factor.map(Into::into),
            user_agent: output::some(&row.user_agent),
            created_at: output::time(row.created_at),
            last_used_at: output::time(row.last_used_at),
            expires_at: output::time(ends_at(row.created_at, row.last_used_at)),
        }
    }
}

/// A page of a person's sessions.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SessionsOut {
    /// Newest first.
    data: Vec<SessionOut>,
    /// Whether another page follows.
    has_more: bool,
    /// Where the next page begins; null on the last.
    next_cursor: Option<String>,
}

/// Own sessions
#[utoipa::path(get, path = "/api/v1/auth/sessions", tag = "Log-in", params(PageQuery),
    responses((status = 200, description = "A page of sessions, newest first.", body = SessionsOut)))]
pub(super) async fn session_list(
    who: LoggedIn,
    State(control): State<Arc<Control>>,
    Params(query): Params<PageQuery>,
) -> Result<Json<SessionsOut>, Refused> {
    let list = control.session_list(&who, query.page()?).await?;
    let (has_more, next_cursor) = page::next(list.next);
    let data = list.rows.iter().map(|row| SessionOut::of(row, who.session())).collect();
    Ok(Json(SessionsOut { data, has_more, next_cursor }))
}

/// How many sessions ended.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SessionsEndedOut {
    ended: u64,
}

/// End all other own sessions
///
/// At once. The session that asks goes on.
#[utoipa::path(delete, path = "/api/v1/auth/sessions", tag = "Log-in",
    responses((status = 200, description = "Ended.", body = SessionsEndedOut)))]
pub(super) async fn sessions_revoke(
    who: LoggedIn,
    State(control): State<Arc<Control>>,
    _: NoParams,
) -> Result<Json<SessionsEndedOut>, Refused> {
    Ok(Json(SessionsEndedOut { ended: control.sessions_revoke(&who).await? }))
}

/// End an own session
///
/// At once. Ending the session that asks is a log-out.
#[utoipa::path(delete, path = "/api/v1/auth/sessions/{id}", tag = "Log-in", params(("id" = String, Path, description = "`sess_…`")),
    responses((status = 204, description = "Ended.")))]
pub(super) async fn session_revoke(
    who: LoggedIn,
    State(control): State<Arc<Control>>,
    _: NoParams,
    Id(id): Id<SessionId>,
) -> Result<StatusCode, Refused> {
    control.session_revoke(&who, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
