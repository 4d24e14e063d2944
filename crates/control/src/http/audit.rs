//! `/api/v1/audit`.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue};
use domain::Fault;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{AuditAction, AuditFilter, AuditRow, Page, SubjectKind};
use utoipa::{IntoParams, ToSchema};

use crate::app::Control;
use crate::app::caller::Admin;
use crate::app::checks::invalid;
use crate::http::csv;
use crate::http::edge::Refused;
use crate::http::input::{self, Params};
use crate::http::streamed::{self, Piece};
use crate::http::{output, page};

/// Limit: bytes of an id that is looked for.
const ID_BYTES_MAX: usize = 64;
/// Limit: characters of a text that is looked for.
const TEXT_CHARS_MAX: usize = 200;
/// Lines that an export asks for at a time.
const EXPORT_PAGE_LINES: u32 = 1_000;

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
    /// A text that a line holds: part of an action, id, address, e-mail address, program or changed value. Upper and lower case
    /// are the same.
    #[param(example = "gpt-4o")]
    text: Option<String>,
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
    /// A text that a line holds, as in the list.
    text: Option<String>,
    /// Which kind of file. Default: `csv`.
    #[param(inline)]
    #[serde(default)]
    format: AuditFormat,
}

/// Which kind of file.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum AuditFormat {
    /// CSV (RFC 4180) with a header line.
    #[default]
    Csv,
    /// JSON Lines: on each line an object as in the list.
    Jsonl,
}

/// The audit log
///
/// For owners and admins. Every change that anybody made in the organization, newest first. A log-in, a log-out and a change
/// of password are lines of the organization that the session shows. A search by `text` looks through 50,000 lines at a time: its
/// page may have fewer lines than `limit`, or none, while `has_more` is true.
#[utoipa::path(get, path = "/api/v1/audit", tag = "Audit", params(AuditQuery),
    responses((status = 200, description = "A page of the log.", body = AuditOut)))]
pub(super) async fn audit_list(
    who: Admin,
    State(control): State<Arc<Control>>,
    Params(query): Params<AuditQuery>,
) -> Result<Json<AuditOut>, Refused> {
    let page = page::page(query.limit, query.cursor.as_deref())?;
    let AuditQuery { actor, action, subject_kind, subject, from, to, text, .. } = query;
    let format = AuditFormat::default();
    let filter = filter(AuditExportQuery { actor, action, subject_kind, subject, from, to, text, format })?;
    let list = control.audit_list(&who, &filter, page).await?;
    let (has_more, next_cursor) = page::next(list.next);
    Ok(Json(AuditOut { data: list.rows.into_iter().map(AuditEventOut::from).collect(), has_more, next_cursor }))
}

/// Export the audit log
///
/// For owners and admins, on every plan. The whole log as far as the filter lets through, newest first, however long: CSV
/// (RFC 4180) with a header line, or JSON Lines. In CSV, cells that a spreadsheet would take for a formula begin with an
/// apostrophe. An export that cannot go on breaks the connection off.
#[utoipa::path(get, path = "/api/v1/audit/export", tag = "Audit", params(AuditExportQuery),
    responses((status = 200, description = "The log.", content((String = "text/csv"), (String = "application/x-ndjson")))))]
pub(super) async fn audit_export(
    who: Admin,
    State(control): State<Arc<Control>>,
    Params(query): Params<AuditExportQuery>,
) -> Result<([(HeaderName, HeaderValue); 2], Body), Refused> {
    let format = query.format;
    let export = Arc::new((control, who, filter(query)?, format));
    let more = move |export: Arc<(Arc<Control>, Admin, AuditFilter, AuditFormat)>, after: Option<i64>| async move {
        let (control, who, filter, format) = &*export;
        let list = control.audit_list(who, filter, Page { after, limit: EXPORT_PAGE_LINES }).await?;
        Ok::<_, Fault>(Piece { bytes: written(list.rows, *format)?.into_bytes(), next: list.next })
    };
    let mut first = more(Arc::clone(&export), None).await?;
    let (kind, name) = match format {
        AuditFormat::Csv => ("text/csv; charset=utf-8", "attachment; filename=\"audit.csv\""),
        AuditFormat::Jsonl => ("application/x-ndjson", "attachment; filename=\"audit.jsonl\""),
    };
    if matches!(format, AuditFormat::Csv) {
        first.bytes.splice(0..0, csv::line(&HEAD).into_bytes());
    }
    let headers = [(CONTENT_TYPE, HeaderValue::from_static(kind)), (CONTENT_DISPOSITION, HeaderValue::from_static(name))];
    Ok((headers, streamed::body(first, move |after| more(Arc::clone(&export), Some(after)))))
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

fn written(rows: Vec<AuditRow>, format: AuditFormat) -> Result<String, Fault> {
    match format {
        AuditFormat::Csv => Ok(rows.iter().map(csv_line).collect()),
        AuditFormat::Jsonl => rows.into_iter().map(json_line).collect(),
    }
}

fn json_line(row: AuditRow) -> Result<String, Fault> {
    let line = serde_json::to_string(&AuditEventOut::from(row)).map_err(|error| Fault::internal("spell a line of the audit log", error))?;
    Ok(line + "\n")
}

fn csv_line(row: &AuditRow) -> String {
    let json = |value: &Option<Value>| value.as_ref().map(Value::to_string).unwrap_or_default();
    let (number, at) = (row.number.to_string(), output::time(row.at));
    let (email, before, after) = (row.actor_email.clone().unwrap_or_default(), json(&row.before), json(&row.after));
    csv::line(&[
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
    ])
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
        text: query.text.map(searched).transpose()?,
    })
}

/// An id of any kind: a prefix, a `_` and digits. An empty one would mean any.
fn id(param: &str, text: Option<String>) -> Result<Option<String>, Fault> {
    let Some(text) = text else { return Ok(None) };
    let whole = text.contains('_') && text.len() <= ID_BYTES_MAX && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if whole { Ok(Some(text)) } else { Err(invalid(param, format!("`{param}` must be an id, such as `user_…` or `key_…`"))) }
}

fn searched(text: String) -> Result<String, Fault> {
    if text.chars().count() > TEXT_CHARS_MAX {
        return Err(invalid("text", format!("`text` must have at most {TEXT_CHARS_MAX} characters")));
    }
    Ok(text)
}
