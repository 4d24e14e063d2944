//! Where in time the calls of a filter can be, as the rollup knows, so that a page of rare calls does not go through all
//! others: whole days first, then the hours of some of them.

use domain::{OrgScope, UnixMicros};
use sqlx::{QueryBuilder, Row, Sqlite};

use crate::call::CallOutcome;
use crate::calls::{CallFilter, TimeRange, blob};
use crate::db::Tx;
use crate::error::{Act, AnalyticsError};
use crate::rollup::{Slice, Span};
use crate::seen::{Seen, seen_push};

/// Whether the rollup can rule out times for this filter.
pub(crate) fn is_countable(filter: &CallFilter, seen: Seen<'_>) -> bool {
    filter.used_mode.is_some() || !counts(filter).is_empty() || slices(filter, seen) != [Slice::Total]
}

/// Times of this span, newest first and those that touch made one, outside of which there is no call of the filter.
pub(crate) async fn times(
    tx: &mut Tx,
    scope: &OrgScope,
    seen: Seen<'_>,
    filter: &CallFilter,
    span: Span,
    range: TimeRange,
) -> Result<Vec<TimeRange>, AnalyticsError> {
    let mut starts: Option<Vec<i64>> = None;
    for slice in slices(filter, seen) {
        let rows = ask(scope, seen, filter, slice, span, range).build().fetch_all(&mut **tx).await.act("look for the times of calls")?;
        let found = rows.iter().map(|row| row.try_get(0).act("start_us")).collect::<Result<Vec<i64>, _>>()?;
        // Both are sorted, newest first.
        starts = Some(match starts {
            None => found,
            Some(before) => before.into_iter().filter(|start| found.binary_search_by(|other| start.cmp(other)).is_ok()).collect(),
        });
    }
    let mut times: Vec<TimeRange> = Vec::new();
    for start in starts.unwrap_or_default() {
        let end = UnixMicros(start.saturating_add(span.length_us()));
        match times.last_mut() {
            Some(last) if last.from == end => last.from = UnixMicros(start),
            _ => times.push(TimeRange { from: UnixMicros(start), to: end }),
        }
    }
    Ok(times)
}

/// One slice for each property that is asked for; each is small, and that of all properties is not.
fn slices(filter: &CallFilter, seen: Seen<'_>) -> Vec<Slice> {
    let asked = [
        (filter.model.is_some(), Slice::Model),
        (filter.provider.is_some(), Slice::Provider),
        (filter.project.is_some() || seen.is_some(), Slice::Project),
        (filter.api_key.is_some(), Slice::ApiKey),
    ];
    let slices: Vec<Slice> = asked.into_iter().filter_map(|(is_asked, slice)| is_asked.then_some(slice)).collect();
    if slices.is_empty() { vec![Slice::Total] } else { slices }
}

/// Counts that are above zero wherever there is a call of the filter.
fn counts(filter: &CallFilter) -> Vec<&'static str> {
    let outcome = filter.outcome.map(|outcome| match outcome {
        CallOutcome::Settled => " AND settled > 0",
        CallOutcome::Voided => " AND voided > 0",
        CallOutcome::Orphaned => " AND orphaned > 0",
    });
    let failed = filter.failed == Some(true) || filter.http_status.is_some_and(|status| status >= 400);
    let hit = filter.cache.as_deref() == Some("hit");
    [failed.then_some(" AND failed > 0"), hit.then_some(" AND cache_hits > 0"), outcome].into_iter().flatten().collect()
}

fn ask(scope: &OrgScope, seen: Seen<'_>, filter: &CallFilter, slice: Slice, span: Span, range: TimeRange) -> QueryBuilder<Sqlite> {
    let mut ask = QueryBuilder::new("SELECT start_us FROM rollup WHERE organization_id = ");
    ask.push_bind(blob(scope.organization().uuid()));
    ask.push(" AND span = ").push_bind(span.code()).push(" AND slice = ").push_bind(slice.code());
    ask.push(" AND start_us >= ").push_bind(span.start_of(range.from).0).push(" AND start_us < ").push_bind(range.to.0);
    match slice {
        Slice::Model => ask.push(" AND model = ").push_bind(filter.model.clone()),
        Slice::Provider => ask.push(" AND provider = ").push_bind(filter.provider.clone()),
        Slice::Project => {
            seen_push(&mut ask, seen);
            match filter.project {
                Some(project) => ask.push(" AND project_id = ").push_bind(blob(project.uuid())),
                None => &mut ask,
            }
        }
        Slice::ApiKey => ask.push(" AND api_key_id = ").push_bind(filter.api_key.map(|key| blob(key.uuid()))),
        Slice::Total | Slice::All => &mut ask,
    };
    if let Some(used_mode) = &filter.used_mode {
        ask.push(" AND used_mode = ").push_bind(used_mode.clone());
    }
    counts(filter).into_iter().for_each(|count| {
        ask.push(count);
    });
    ask.push(" GROUP BY start_us ORDER BY start_us DESC");
    ask
}
