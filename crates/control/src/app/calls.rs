//! Single calls.

use analytics::{CallCursor, CallFilter, CallRow};
use domain::{Fault, RequestId};
use store::Page;

use crate::app::caller::Management;
use crate::app::page::Listed;
use crate::app::{Control, ask};

impl Control {
    /// A page of the calls that the caller sees, newest first.
    pub async fn call_list(
        &self,
        who: &Management,
        filter: &CallFilter,
        page: Page<CallCursor>,
    ) -> Result<Listed<CallRow, CallCursor>, Fault> {
        let asked = analytics::calls_list(&self.analytics, who.scope(), who.projects(), filter, page.after, page.limit.saturating_add(1));
        let rows = ask::analytics(asked).await?;
        Ok(Listed::cut(rows, page.limit, CallCursor::after))
    }

    /// One call that the caller sees.
    pub async fn call_get(&self, who: &Management, id: RequestId) -> Result<CallRow, Fault> {
        ask::analytics(analytics::call_get(&self.analytics, who.scope(), who.projects(), id)).await
    }
}
