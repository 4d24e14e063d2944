//! `/api/v1/audit`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue};
use domain::Fault;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{AuditAction, AuditFilter, AuditRow, SubjectKind};
use utoipa::{IntoParams, ToSchema};

use crate::app::Control;
use crate::app::caller::Admin;
use crate::app::checks::invalid;
use crate::http::csv;
use crate::http::edge::Refused;
use crate::http::input::{self, Params};
use crate::http::{output, page};

/// Limit: bytes of an id that is looked for.
const ID_BYTES_MAX: usize = 64;

/// One line of the audit log.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AuditEventOut {
    /// Counts from 1 in the organization, without gaps.
    number: i64,
    #[schema(example = "2026-11-20T12:34:56.789012Z")]
    at: String,
    actor: AuditActorOut,
    /// What was done: a stable code.
    #[schema(example = "api_key.created")]
    action: &'static str,
    subject: AuditSubjectOut,
    /// What was; of a change, only the fields that changed. Null: there was nothing, or nothing to tell. Never a secret.
    #[schema(value_type = Option<Object>)]
    before: Option<Value>,
    /// What is then; of a change, only the fields that changed. Null: nothing is left, or there is nothing to tell.
    #[schema(value_type = Option<Object>)]
    after: Option<Value>,
    /// Where it came from.
    #[schema(example = "192.0.2.7")]
    address: Option<String>,
    /// What the program called itself.
    user_agent: Option<String>,
}

/// Who did it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AuditActorOut {
    /// `person`, `management_key` or `operator`.
    #[schema(example = "person")]
    kind: &'static str,
    /// Of the person or the management key.
    #[schema(example = "user_0190a6d4c1e47c0f8d5a6f1b2c3d4e5f")]
    id: String,
    /// A person's address now.
    #[schema(example = "ada@example.com")]
    email: Option<String>,
}

/// What it was done to.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AuditSubjectOut {
    #[schema(example = "api_key")]
    kind: &'static str,
    #[schema(example = "key_0190a6d4c1e47c0f8d5a6f1b2c3d4e5f")]
    id: String,
}

impl From<AuditRow> for AuditEventOut {
    fn from(row: AuditRow) -> Self {
        Self {
            number: row.number,
            at: output::time(row.at),
            actor: AuditActorOut { kind: row.actor_kind.as_str(), id: row.actor, email: row.actor_email },
            action: row.action.as_str(),
            subject: AuditSubjectOut { kind: row.subject_kind.as_str(), id: row.subject },
            before: row.before,
            after: row.after,
            address: output::some(&row.address),
            user_agent: output::some(&row.user_agent),
        }
    }
}

/// A page of the audit log.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AuditOut {
    /// Newest first.
    data: Vec<AuditEventOut>,
    /// Whether another page follows.
    has_more: bool,
    /// Where the next page begins; null on the last.
    next_cursor: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AuditQuery {
    /// Id of who acted: `user_…` or `mkey_…`.
    actor: Option<String>,
    /// What was done: a code such as `api_key.created`.
    action: Option<String>,
    /// Kind of what it was done to, such as `api_key`.
    subject_kind: Option<String>,
    /// Id of what it was done to.
    subject: Option<String>,
    /// Not earlier than this: RFC 3339 or a date.
    from: Option<String>,
    /// Earlier than this: RFC 3339 or a date.
    to: Option<String>,
    /// Lines on a page, 1 to 200. Default: 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AuditExportQuery {
    /// Id of who acted: `user_…` or `mkey_…`.
    actor: Option<String>,
    /// What was done: a code such as `api_key.created`.
    action: Option<String>,
    /// Kind of what it was done to, such as `api_key`.
    subject_kind: Option<String>,
    /// Id of what it was done to.
    subject: Option<String>,
    /// Not earlier than this: RFC 3339 or a date.
    from: Option<String>,
    /// Earlier than this: RFC 3339 or a date.
    to: Option<String>,
}

/// The audit log
///
/// For owners and admins. Every change that anybody made in the organization, newest first. A log-in, a log-out and a change
/// of password are lines of the organization that the session shows.
#[utoipa::path(get, path = "/api/v1/audit", tag = "Audit", params(AuditQuery),
    responses((status = 200, description = "A page of the log.", body = AuditOut)))]
pub(super) async fn audit_list(
    who: Admin,
    State(control): State<Arc<Control>>,
    Params(query): Params<AuditQuery>,
) -> Result<Json<AuditOut>, Refused> {
    let page = page::page(query.limit, query.cursor.as_deref())?;
    let AuditQuery { actor, action, subject_kind, subject, from, to, .. } = query;
    let filter = filter(AuditExportQuery { actor, action, subject_kind, subject, from, to })?;
    let list = control.audit_list(&who, &filter, page).await?;
    let (has_more, next_cursor) = page::next(list.next);
    Ok(Json(AuditOut { data: list.rows.into_iter().map(AuditEventOut::from).collect(), has_more, next_cursor }))
}

/// Export the audit log
///
/// For owners and admins. CSV (RFC 4180) with a header line, newest first, at most 20,000 lines: narrow it with `from` and
/// `to`. Cells that a spreadsheet would take for a formula begin with an apostrophe.
#[utoipa::path(get, path = "/api/v1/audit/export", tag = "Audit", params(AuditExportQuery),
    responses((status = 200, description = "The log.", body = String, content_type = "text/csv")))]
pub(super) async fn audit_export(
    who: Admin,
    State(control): State<Arc<Control>>,
    Params(query): Params<AuditExportQuery>,
) -> Result<([(HeaderName, HeaderValue); 2], String), Refused> {
    let rows = control.audit_export(&who, &filter(query)?).await?;
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8")),
        (CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"audit.csv\"")),
    ];
    Ok((headers, written(&rows)))
}

const HEAD: [&str; 12] = [
    "number",
    "at",
    "actor_kind",
    "actor_id",
    "actor_email",
    "action",
    "subject_kind",
    "subject_id",
    "before",
    "after",
    "address",
    "user_agent",
];

fn written(rows: &[AuditRow]) -> String {
    let json = |value: &Option<Value>| value.as_ref().map(Value::to_string).unwrap_or_default();
    let mut text = csv::line(&HEAD);
    for row in rows {
        let (number, at) = (row.number.to_string(), output::time(row.at));
        let (email, before, after) = (row.actor_email.clone().unwrap_or_default(), json(&row.before), json(&row.after));
        text.push_str(&csv::line(&[
            &number,
            &at,
            row.actor_kind.as_str(),
            &row.actor,
            &email,
            row.action.as_str(),
            row.subject_kind.as_str(),
            &row.subject,
            &before,
            &after,
            &row.address,
            &row.user_agent,
        ]));
    }
    text
}

fn filter(query: AuditExportQuery) -> Result<AuditFilter, Fault> {
    let word = |param: &str| invalid(param, format!("`{param}` must be one of those that the audit log shows"));
    Ok(AuditFilter {
        actor: id("actor", query.actor)?,
        action: query.action.map(|text| AuditAction::parse(&text).ok_or_else(|| word("action"))).transpose()?,
        subject_kind: query.subject_kind.map(|text| SubjectKind::parse(&text).ok_or_else(|| word("subject_kind"))).transpose()?,
        subject: id("subject", query.subject)?,
        from: input::time("from", query.from.as_deref())?,
        to: input::time("to", query.to.as_deref())?,
    })
}

/// An id of any kind: a prefix, a `_` and digits. An empty one would mean any.
fn id(param: &str, text: Option<String>) -> Result<Option<String>, Fault> {
    let Some(text) = text else { return Ok(None) };
    let whole = text.contains('_') && text.len() <= ID_BYTES_MAX && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if whole { Ok(Some(text)) } else { Err(invalid(param, format!("`{param}` must be an id, such as `user_…` or `key_…`"))) }
}
