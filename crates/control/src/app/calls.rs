//! Single calls.

use analytics::{CallCursor, CallFilter, CallRow};
use domain::{Fault, RequestId};

use crate::app::caller::Management;
use crate::app::{Control, ask};

/// A page of calls, newest first.
#[derive(Debug, Clone)]
pub struct CallList {
    /// The calls.
    pub rows: Vec<CallRow>,
    /// Where the next page begins, if there is one.
    pub next: Option<CallCursor>,
}

impl Control {
    /// A page of calls.
    pub async fn call_list(&self, who: &Management, filter: &CallFilter, after: Option<CallCursor>, limit: u32) -> Result<CallList, Fault> {
        let asked = analytics::calls_list(&self.analytics, who.scope(), filter, after, limit.saturating_add(1));
        let mut rows = ask::analytics(asked).await?;
        let more = u32::try_from(rows.len()).unwrap_or(u32::MAX) > limit;
        rows.truncate(limit as usize);
        let next = rows.last().filter(|_| more).map(CallCursor::after);
        Ok(CallList { rows, next })
    }

    /// One call.
    pub async fn call_get(&self, who: &Management, id: RequestId) -> Result<CallRow, Fault> {
        ask::analytics(analytics::call_get(&self.analytics, who.scope(), id)).await
    }
}
