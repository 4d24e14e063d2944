//! The organization's audit log: read by owners and admins, written by every change (`crates/store/src/audit.rs`).

use domain::{Code, Fault};
use store::{AuditFilter, AuditRow, Page};

use crate::app::caller::Admin;
use crate::app::page::Listed;
use crate::app::{Control, ask};

/// Limit: lines of one export.
pub(crate) const EXPORT_ROWS_MAX: u32 = 20_000;

impl Control {
    /// A page of the log, newest first; a place is the number of a line.
    pub async fn audit_list(&self, who: &Admin, filter: &AuditFilter, page: Page<i64>) -> Result<Listed<AuditRow, i64>, Fault> {
        let scope = who.management().scope();
        let asked = store::audit_list(&self.db, scope, filter, page.after, page.limit.saturating_add(1));
        let rows = ask::store(Code::DirectoryUnavailable, asked).await?;
        Ok(Listed::cut(rows, page.limit, |row| row.number))
    }

    /// The whole log, as far as the filter lets through.
    pub async fn audit_export(&self, who: &Admin, filter: &AuditFilter) -> Result<Vec<AuditRow>, Fault> {
        let list = self.audit_list(who, filter, Page::first(EXPORT_ROWS_MAX)).await?;
        if list.next.is_some() {
            let say = format!("the export would have more than {EXPORT_ROWS_MAX} lines; ask for a shorter range with `from` and `to`");
            return Err(Fault::new(Code::InvalidRequest, say).param("from"));
        }
        Ok(list.rows)
    }
}
