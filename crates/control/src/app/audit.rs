//! The organization's audit log: read by owners and admins, written by every change (`crates/store/src/audit.rs`).

use domain::{Code, Fault};
use store::{AuditFilter, AuditRow, Page};

use crate::app::caller::Admin;
use crate::app::page::Listed;
use crate::app::{Control, ask};

impl Control {
    /// A page of the log, newest first; a place is the number of a line. A search looks through a part of the log at a time: its
    /// page may hold fewer lines than asked for, or none, and still another one follows.
    pub async fn audit_list(&self, who: &Admin, filter: &AuditFilter, page: Page<i64>) -> Result<Listed<AuditRow, i64>, Fault> {
        let (scope, limit) = (who.management().scope(), page.limit.saturating_add(1));
        if filter.text.is_none() {
            let asked = store::audit_list(&self.db, scope, filter, page.after, limit);
            let rows = ask::store(Code::DirectoryUnavailable, asked).await?;
            return Ok(Listed::cut(rows, page.limit, |row| row.number));
        }
        let asked = store::audit_search(&self.db, scope, filter, page.after, limit);
        let found = ask::store(Code::DirectoryUnavailable, asked).await?;
        let mut list = Listed::cut(found.rows, page.limit, |row| row.number);
        list.next = list.next.or((found.searched_to > 1).then_some(found.searched_to));
        Ok(list)
    }
}
