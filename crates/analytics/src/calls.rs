//! Which calls were there: a page of them, or one.

use std::fmt;
use std::str::FromStr;

use domain::{ApiKeyId, OrgScope, ProjectId, RequestId, UnixMicros};
use sqlx::{QueryBuilder, Sqlite};
use uuid::Uuid;

use crate::call::{CallOutcome, CallRow};
use crate::call_read::{call_columns, call_row};
use crate::calls_near;
use crate::db::{Analytics, Tx};
use crate::error::{Act, AnalyticsError};
use crate::rollup::Span;
use crate::seen::{Seen, seen_push};

/// From (including) to (excluding), by the start of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimeRange {
    /// The first moment.
    pub from: UnixMicros,
    /// The first moment after.
    pub to: UnixMicros,
}

impl TimeRange {
    /// All times.
    pub const ALL: Self = Self { from: UnixMicros(i64::MIN), to: UnixMicros(i64::MAX) };
}

/// Which calls; `None` means any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallFilter {
    /// When they started.
    pub range: TimeRange,
    /// Of a project.
    pub project: Option<ProjectId>,
    /// Of a key.
    pub api_key: Option<ApiKeyId>,
    /// The model used.
    pub model: Option<String>,
    /// The provider used.
    pub provider: Option<String>,
    /// Who paid.
    pub used_mode: Option<String>,
    /// How they ended.
    pub outcome: Option<CallOutcome>,
    /// Answered with a status of 400 or above, or not.
    pub failed: Option<bool>,
    /// What the caller got.
    pub http_status: Option<u32>,
    /// Ours.
    pub error_code: Option<String>,
    /// `miss`, `hit`, `off`.
    pub cache: Option<String>,
    /// The caller's user.
    pub user: Option<String>,
    /// The caller's session.
    pub session: Option<String>,
    /// One of the caller's tags.
    pub tag: Option<String>,
}

impl Default for CallFilter {
    fn default() -> Self {
        Self {
            range: TimeRange::ALL,
            project: None,
            api_key: None,
            model: None,
            provider: None,
            used_mode: None,
            outcome: None,
            failed: None,
            http_status: None,
            error_code: None,
            cache: None,
            user: None,
            session: None,
            tag: None,
        }
    }
}

/// Where a page begins: after this call. Shown as `<micros>.<32 hexadecimal digits>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallCursor {
    /// When it started.
    pub started_at: UnixMicros,
    /// Which call.
    pub request: RequestId,
}

impl CallCursor {
    /// After this call.
    pub const fn after(call: &CallRow) -> Self {
        Self { started_at: call.started_at, request: call.request }
    }
}

impl fmt::Display for CallCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.started_at.0, self.request.uuid().as_simple())
    }
}

/// The text is no cursor of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a page cursor")]
pub struct MalformedCursor;

impl FromStr for CallCursor {
    type Err = MalformedCursor;

    fn from_str(text: &str) -> Result<Self, MalformedCursor> {
        let (started, request) = text.split_once('.').ok_or(MalformedCursor)?;
        Ok(Self {
            started_at: UnixMicros(started.parse().map_err(|_| MalformedCursor)?),
            request: RequestId::from_uuid(Uuid::try_parse(request).map_err(|_| MalformedCursor)?),
        })
    }
}

/// A page of the calls that are seen, newest first.
pub async fn calls_list(
    db: &Analytics,
    scope: &OrgScope,
    seen: Seen<'_>,
    filter: &CallFilter,
    after: Option<CallCursor>,
    limit: u32,
) -> Result<Vec<CallRow>, AnalyticsError> {
    let after = after.unwrap_or(CallCursor { started_at: UnixMicros(i64::MAX), request: RequestId::from_uuid(Uuid::max()) });
    // The index is entered at the cursor, so that a late page costs what the first one does.
    let to = UnixMicros(filter.range.to.0.min(after.started_at.0.saturating_add(1)));
    let range = TimeRange { from: filter.range.from, to };
    let mut page = Page { scope, seen, filter, after, limit: limit as usize, rows: Vec::new() };
    // One view for all its questions.
    let mut tx = db.read().begin().await.act("begin to list calls")?;
    if calls_near::is_countable(filter, seen) {
        page.take_days(&mut tx, range).await?;
    } else {
        page.take(&mut tx, range).await?;
    }
    tx.rollback().await.act("end to list calls")?;
    Ok(page.rows)
}

/// A page while it is filled.
struct Page<'a> {
    scope: &'a OrgScope,
    seen: Seen<'a>,
    filter: &'a CallFilter,
    after: CallCursor,
    limit: usize,
    rows: Vec<CallRow>,
}

impl Page<'_> {
    /// Looks where the rollup says that there is something: at few days first, and at twice as many each time that they
    /// do not fill the page.
    async fn take_days(&mut self, tx: &mut Tx, range: TimeRange) -> Result<(), AnalyticsError> {
        let mut days_max = 1;
        for mut run in calls_near::times(tx, self.scope, self.seen, self.filter, Span::Day, range).await? {
            while run.from < run.to {
                let from = UnixMicros(run.to.0.saturating_sub(Span::Day.length_us().saturating_mul(days_max)).max(run.from.0));
                let days = within(TimeRange { from, to: run.to }, range);
                for hours in calls_near::times(tx, self.scope, self.seen, self.filter, Span::Hour, days).await? {
                    self.take(tx, within(hours, range)).await?;
                    if self.rows.len() >= self.limit {
                        return Ok(());
                    }
                }
                run.to = from;
                days_max = days_max.saturating_mul(2);
            }
        }
        Ok(())
    }

    /// Adds the newest calls of the range to the page, all of which are older than those on it.
    async fn take(&mut self, tx: &mut Tx, range: TimeRange) -> Result<(), AnalyticsError> {
        let left = i64::try_from(self.limit - self.rows.len()).unwrap_or(i64::MAX);
        // An empty code is asked for as any other property: the index of errors lacks it.
        let is_error = self.filter.error_code.as_ref().is_some_and(|code| !code.is_empty());
        let mut ask = QueryBuilder::new(concat!("SELECT ", call_columns!(), " FROM call INDEXED BY "));
        ask.push(if is_error { "call_error" } else { "call_choice" });
        ask.push(" WHERE organization_id = ").push_bind(blob(self.scope.organization().uuid()));
        if is_error {
            ask.push(" AND error_code <> ''");
        }
        ask.push(" AND started_at_us >= ").push_bind(range.from.0).push(" AND started_at_us < ").push_bind(range.to.0);
        ask.push(" AND (started_at_us, request_id) < (").push_bind(self.after.started_at.0);
        ask.push(", ").push_bind(blob(self.after.request.uuid())).push(")");
        seen_push(&mut ask, self.seen);
        filter_push(&mut ask, self.filter)?;
        ask.push(" ORDER BY started_at_us DESC, request_id DESC LIMIT ").push_bind(left);
        for row in ask.build().fetch_all(&mut **tx).await.act("list calls")? {
            self.rows.push(call_row(&row)?);
        }
        Ok(())
    }
}

/// What both have in common.
fn within(one: TimeRange, other: TimeRange) -> TimeRange {
    TimeRange { from: one.from.max(other.from), to: one.to.min(other.to) }
}

/// Every column that is asked for here is one of the indexes `call_choice` and `call_error`.
fn filter_push(ask: &mut QueryBuilder<Sqlite>, filter: &CallFilter) -> Result<(), AnalyticsError> {
    for (column, value) in [
        (" AND model = ", filter.model.as_deref()),
        (" AND provider = ", filter.provider.as_deref()),
        (" AND cache = ", filter.cache.as_deref()),
        (" AND used_mode = ", filter.used_mode.as_deref()),
        (" AND outcome = ", filter.outcome.map(CallOutcome::as_str)),
        (" AND error_code = ", filter.error_code.as_deref()),
        (" AND end_user = ", filter.user.as_deref()),
        (" AND session = ", filter.session.as_deref()),
    ] {
        if let Some(value) = value {
            ask.push(column).push_bind(value.to_owned());
        }
    }
    let ids = [(" AND api_key_id = ", filter.api_key.map(|key| key.uuid())), (" AND project_id = ", filter.project.map(|of| of.uuid()))];
    for (column, id) in ids {
        if let Some(id) = id {
            ask.push(column).push_bind(blob(id));
        }
    }
    if let Some(status) = filter.http_status {
        ask.push(" AND http_status = ").push_bind(i64::from(status));
    }
    if let Some(failed) = filter.failed {
        ask.push(if failed { " AND http_status >= 400" } else { " AND http_status < 400" });
    }
    if let Some(tag) = &filter.tag {
        let spelled = serde_json::to_string(tag).map_err(|error| AnalyticsError::Failed { act: "spell a tag", source: error.into() })?;
        // To look for the tag's spelling costs a tenth of reading the JSON, which only has to be done where it is found.
        ask.push(" AND instr(tags, ").push_bind(spelled).push(") > 0 AND EXISTS (SELECT 1 FROM json_each(tags) t WHERE t.value = ");
        ask.push_bind(tag.clone()).push(")");
    }
    Ok(())
}

/// One call of the scope, if it is seen.
pub async fn call_get(db: &Analytics, scope: &OrgScope, seen: Seen<'_>, request: RequestId) -> Result<CallRow, AnalyticsError> {
    let mut ask = QueryBuilder::new(concat!("SELECT ", call_columns!(), " FROM call WHERE organization_id = "));
    ask.push_bind(blob(scope.organization().uuid())).push(" AND request_id = ").push_bind(blob(request.uuid()));
    seen_push(&mut ask, seen);
    let row = ask.build().fetch_optional(db.read()).await.act("read a call")?;
    row.as_ref().map(call_row).transpose()?.ok_or(AnalyticsError::NotFound { what: "call" })
}

/// An id as stored.
pub(crate) fn blob(uuid: Uuid) -> Vec<u8> {
    uuid.as_bytes().to_vec()
}
