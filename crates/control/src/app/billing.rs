//! Money as those see it who look after it: where words about it go, and each movement of credits.

use domain::{Code, Fault};
use service::clock;
use store::{Page, TransferRow};

use crate::app::caller::Payer;
use crate::app::page::Listed;
use crate::app::{Control, ask, checks};

impl Control {
    /// Where words about money go; `None`: to the owners.
    pub async fn billing_email(&self, who: &Payer) -> Result<Option<String>, Fault> {
        ask::store(Code::DirectoryUnavailable, store::billing_email_get(&self.db, who.management().scope())).await
    }

    /// Sets that address, or removes it.
    pub async fn billing_email_set(&self, who: &Payer, email: Option<&str>) -> Result<Option<String>, Fault> {
        let email = email.map(checks::email).transpose().map_err(|fault| fault.param("billing_email"))?;
        let caller = who.management();
        let author = caller.author(clock::now());
        let set = store::billing_email_set(&self.db, caller.scope(), email.as_deref(), &author);
        ask::store(Code::DirectoryUnavailable, set).await?;
        tracing::info!(organization.id = %caller.scope().organization(), by = %caller.via(), "words about money go to another address");
        Ok(email)
    }

    /// A page of the movements of credits, oldest first; a place is a position in the ledger.
    pub async fn transfer_list(&self, who: &Payer, page: Page<i64>) -> Result<Listed<TransferRow, i64>, Fault> {
        let (scope, after) = (who.management().scope(), page.after.unwrap_or(0));
        let asked = store::transfers_list(&self.db, scope, after, page.limit.saturating_add(1));
        let rows = ask::store(Code::CreditsUnavailable, asked).await?;
        Ok(Listed::cut(rows, page.limit, |row| row.position))
    }
}
