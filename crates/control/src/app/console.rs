//! The shell of the machine that holds the data folder: who can read and write that folder acts for the first operator.

use domain::{Code, Fault, OrganizationId};

use crate::app::caller::Operator;
use crate::app::{Control, ask};

impl Control {
    /// The first operator, acting in one organization: the named one, or that operator's only one.
    pub async fn console(&self, organization: Option<&str>) -> Result<Operator, Fault> {
        let operator = ask::store(Code::DirectoryUnavailable, store::operator_first(&self.db)).await?;
        let operator =
            operator.ok_or_else(|| Fault::new(Code::NotFound, "this instance has no operator yet; run `llmg bootstrap` first"))?;
        let organization = match organization {
            Some(id) => {
                id.parse::<OrganizationId>().map_err(|_| Fault::new(Code::InvalidRequest, "an organization's id begins with org_"))?
            }
            None => {
                let memberships = ask::store(Code::DirectoryUnavailable, store::memberships_of(&self.db, operator.id)).await?;
                match memberships.as_slice() {
                    [only] => only.organization,
                    _ => return Err(Fault::new(Code::InvalidRequest, "say which organization is meant with --organization org_…")),
                }
            }
        };
        Ok(Operator::at_console(organization, operator.id))
    }
}
