//! Which calls were there: a page of them, or one.

use std::fmt;
use std::str::FromStr;

use domain::{ApiKeyId, OrgScope, ProjectId, RequestId, UnixMicros};
use uuid::Uuid;

use crate::call::{CallOutcome, CallRow};
use crate::call_read::{call_columns, call_row};
use crate::db::Analytics;
use crate::error::{Act, AnalyticsError};

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

/// A page of calls, newest first.
pub async fn calls_list(
    db: &Analytics,
    scope: &OrgScope,
    filter: &CallFilter,
    after: Option<CallCursor>,
    limit: u32,
) -> Result<Vec<CallRow>, AnalyticsError> {
    let after = after.unwrap_or(CallCursor { started_at: UnixMicros(i64::MAX), request: RequestId::from_uuid(Uuid::max()) });
    // The index is entered at the cursor, so that a late page costs what the first one does.
    let to = filter.range.to.0.min(after.started_at.0.saturating_add(1));
    let rows = sqlx::query(concat!(
        "SELECT ",
        call_columns!(),
        " FROM call WHERE organization_id = $1 AND started_at_us >= $2 AND started_at_us < $3 \
         AND (started_at_us, request_id) < ($4, $5) \
         AND ($6 IS NULL OR project_id = $6) AND ($7 IS NULL OR api_key_id = $7) AND ($8 IS NULL OR model = $8) \
         AND ($9 IS NULL OR provider = $9) AND ($10 IS NULL OR used_mode = $10) AND ($11 IS NULL OR outcome = $11) \
         AND ($12 IS NULL OR (http_status >= 400) = $12) AND ($13 IS NULL OR cache = $13) AND ($14 IS NULL OR end_user = $14) \
         AND ($15 IS NULL OR session = $15) AND ($16 IS NULL OR EXISTS (SELECT 1 FROM json_each(tags) t WHERE t.value = $16)) \
         ORDER BY started_at_us DESC, request_id DESC LIMIT $17"
    ))
    .bind(blob(scope.organization().uuid()))
    .bind(filter.range.from.0)
    .bind(to)
    .bind(after.started_at.0)
    .bind(blob(after.request.uuid()))
    .bind(filter.project.map(|project| blob(project.uuid())))
    .bind(filter.api_key.map(|key| blob(key.uuid())))
    .bind(filter.model.as_deref())
    .bind(filter.provider.as_deref())
    .bind(filter.used_mode.as_deref())
    .bind(filter.outcome.map(CallOutcome::as_str))
    .bind(filter.failed.map(i64::from))
    .bind(filter.cache.as_deref())
    .bind(filter.user.as_deref())
    .bind(filter.session.as_deref())
    .bind(filter.tag.as_deref())
    .bind(i64::from(limit))
    .fetch_all(db.read())
    .await
    .act("list calls")?;
    rows.iter().map(call_row).collect()
}

/// One call of the scope.
pub async fn call_get(db: &Analytics, scope: &OrgScope, request: RequestId) -> Result<CallRow, AnalyticsError> {
    let row = sqlx::query(concat!("SELECT ", call_columns!(), " FROM call WHERE organization_id = $1 AND request_id = $2"))
        .bind(blob(scope.organization().uuid()))
        .bind(blob(request.uuid()))
        .fetch_optional(db.read())
        .await
        .act("read a call")?;
    row.as_ref().map(call_row).transpose()?.ok_or(AnalyticsError::NotFound { what: "call" })
}

/// An id as stored.
pub(crate) fn blob(uuid: Uuid) -> Vec<u8> {
    uuid.as_bytes().to_vec()
}
