//! `/api/v1/operator`: what only who runs the instance sees.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use store::MailRow;
use utoipa::ToSchema;

use crate::app::Control;
use crate::app::caller::Operator;
use crate::http::edge::Refused;
use crate::http::input::Params;
use crate::http::output;
use crate::http::page::{self, PageQuery};

/// A letter that waits in the outbox.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MailOut {
    #[schema(example = "mail_0190a6d4c1e47c0f8d5a6f1b2c3d4e5f")]
    id: String,
    #[schema(example = "bob@example.com")]
    recipient: String,
    #[schema(example = "Invitation to Analytical Engines on llmg")]
    subject: String,
    /// Plain text; it may hold a token that opens something.
    body: String,
    #[schema(example = "2026-11-20T12:34:56.789012Z")]
    created_at: String,
}

impl From<MailRow> for MailOut {
    fn from(row: MailRow) -> Self {
        Self {
            id: row.id.to_string(),
            recipient: row.recipient,
            subject: row.subject,
            body: row.body,
            created_at: output::time(row.created_at),
        }
    }
}

/// A page of the outbox.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OutboxOut {
    /// Newest first.
    data: Vec<MailOut>,
    /// Whether another page follows.
    has_more: bool,
    /// Where the next page begins; null on the last.
    next_cursor: Option<String>,
}

/// The outbox
///
/// For operators of the instance. This instance has no mail server: letters wait here, and as files in the folder `outbox` of
/// the data folder, for the operator to pass on. The newest 1000 are kept.
#[utoipa::path(get, path = "/api/v1/operator/outbox", tag = "Operator", params(PageQuery),
    responses((status = 200, description = "A page of letters.", body = OutboxOut)))]
pub(super) async fn outbox_list(
    who: Operator,
    State(control): State<Arc<Control>>,
    Params(query): Params<PageQuery>,
) -> Result<Json<OutboxOut>, Refused> {
    let list = control.mail_list(&who, query.page()?).await?;
    let (has_more, next_cursor) = page::next(list.next);
    Ok(Json(OutboxOut { data: list.rows.into_iter().map(MailOut::from).collect(), has_more, next_cursor }))
}
