//! The organization's audit log: read by owners and admins, written by every change (`crates/store/src/audit.rs`).

use domain::{Code, Fault};
use store::{AuditFilter, AuditRow};

use crate::app::caller::Admin;
use crate::app::{Control, ask};

/// Limit: lines of one export.
pub(crate) const EXPORT_ROWS_MAX: u32 = 20_000;

/// A page of the log, newest first.
#[derive(Debug, Clone)]
pub struct AuditList {
    /// The lines.
    pub rows: Vec<AuditRow>,
    /// The number that the next page is older than, if there is one.
    pub next: Option<i64>,
}

impl Control {
    /// A page of the log.
    pub async fn audit_list(&self, who: &Admin, filter: &AuditFilter, before: Option<i64>, limit: u32) -> Result<AuditList, Fault> {
        let scope = who.management().scope();
        let asked = store::audit_list(&self.db, scope, filter, before, limit.saturating_add(1));
        let mut rows = ask::store(Code::DirectoryUnavailable, asked).await?;
        let more = u32::try_from(rows.len()).unwrap_or(u32::MAX) > limit;
        rows.truncate(limit as usize);
        let next = rows.last().filter(|_| more).map(|row| row.number);
        Ok(AuditList { rows, next })
    }

    /// The whole log, as far as the filter lets through.
    pub async fn audit_export(&self, who: &Admin, filter: &AuditFilter) -> Result<Vec<AuditRow>, Fault> {
        let list = self.audit_list(who, filter, None, EXPORT_ROWS_MAX).await?;
        if list.next.is_some() {
            let say = format!("the export would have more than {EXPORT_ROWS_MAX} lines; ask for a shorter range with `from` and `to`");
            return Err(Fault::new(Code::InvalidRequest, say).param("from"));
        }
        Ok(list.rows)
    }
}
