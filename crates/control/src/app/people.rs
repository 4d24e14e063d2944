//! All people of the instance, for its operators.

use domain::{Code, Fault, UserId};
use service::clock;
use store::{Page, PeopleChange, PeopleRow, PeopleUpdate};

use crate::app::caller::Operator;
use crate::app::page::{Listed, one_more};
use crate::app::{Control, ask};

/// Limit: characters of what is searched for.
pub(crate) const SEARCH_CHARS_MAX: usize = 254;

impl Control {
    /// A page of people whose address holds a text.
    pub async fn people_list(&self, _: &Operator, search: Option<&str>, page: Page<UserId>) -> Result<Listed<PeopleRow, UserId>, Fault> {
        let rows = ask::store(Code::DirectoryUnavailable, store::people_list(&self.db, search, one_more(page))).await?;
        Ok(Listed::cut(rows, page.limit, |row| row.id))
    }

    /// Switches a person off or on, or names or unnames an operator. Whoever is switched off has no session from then on, and
    /// their management keys open nothing.
    pub async fn people_update(&self, who: &Operator, person: UserId, update: PeopleUpdate) -> Result<PeopleRow, Fault> {
        let (author, organization) = (who.author(clock::now()), who.management().scope().organization());
        let changed = store::people_update(&self.db, person, update, organization, &author);
        let changed = ask::store(Code::DirectoryUnavailable, changed).await.map_err(nobody)?;
        if changed == PeopleChange::LastOperator {
            let say = "this is the last operator who can log in: name another one first";
            return Err(Fault::new(Code::Conflict, say));
        }
        tracing::info!(user.id = %person, by = %who.management().via(), ?update, "an operator changed a person");
        ask::store(Code::DirectoryUnavailable, store::people_get(&self.db, person)).await.map_err(nobody)
    }
}

pub(super) fn nobody(fault: Fault) -> Fault {
    if fault.code() == Code::NotFound { Fault::new(Code::NotFound, "there is no such person on this instance") } else { fault }
}
