//! An export of everything: noted before its first byte.

use domain::{Code, Fault, UnixMicros};
use service::clock;

use crate::app::caller::Admin;
use crate::app::{Control, ask};

impl Control {
    /// Notes that somebody takes everything with them; answers when.
    pub async fn export_begin(&self, who: &Admin) -> Result<UnixMicros, Fault> {
        let (caller, now) = (who.management(), clock::now());
        let author = caller.author(now);
        ask::store(Code::DirectoryUnavailable, store::export_note(&self.db, caller.scope(), &author)).await?;
        tracing::info!(organization.id = %caller.scope().organization(), by = %caller.via(), "an organization is exported");
        Ok(now)
    }
}
