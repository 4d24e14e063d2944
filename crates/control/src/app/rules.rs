//! What organizations and projects hold the calls of their keys to.

use domain::{Code, Fault, ProjectId};
use service::clock;
use store::{Narrowing, NarrowingUpdate, ProjectUpdate};

use crate::app::caller::{Admin, Management};
use crate::app::keys::{Limits, limits_check};
use crate::app::{Control, ask, key_rules};

impl Control {
    /// What all calls of the organization are held to.
    pub async fn organization_rules_get(&self, who: &Management) -> Result<Narrowing, Fault> {
        ask::store(Code::DirectoryUnavailable, store::organization_narrowing_get(&self.db, who.scope())).await
    }

    /// Changes that; gateways follow within a second.
    pub async fn organization_rules_update(&self, who: &Admin, change: NarrowingUpdate) -> Result<Narrowing, Fault> {
        let (change, caller) = (self.rules_checked(change)?, who.management());
        let author = caller.author(clock::now());
        let changed = store::organization_narrowing_update(&self.db, caller.scope(), &change, &author);
        let row = ask::store(Code::DirectoryUnavailable, changed).await?;
        tracing::info!(by = %caller.via(), "an organization's rules were changed");
        Ok(row)
    }

    /// What calls of a project are held to.
    pub async fn project_rules_get(&self, who: &Management, id: ProjectId) -> Result<Narrowing, Fault> {
        Ok(self.project_get(who, id).await?.narrowing)
    }

    /// Changes that; gateways follow within a second.
    pub async fn project_rules_update(&self, who: &Admin, id: ProjectId, change: NarrowingUpdate) -> Result<Narrowing, Fault> {
        let (narrowing, caller) = (self.rules_checked(change)?, who.management());
        let update = ProjectUpdate { narrowing, ..ProjectUpdate::default() };
        let author = caller.author(clock::now());
        let changed = store::project_update(&self.db, caller.scope(), id, &update, &author);
        let row = ask::store(Code::DirectoryUnavailable, changed).await?;
        tracing::info!(project.id = %id, by = %caller.via(), "a project's rules were changed");
        Ok(row.narrowing)
    }

    fn rules_checked(&self, change: NarrowingUpdate) -> Result<NarrowingUpdate, Fault> {
        if change == NarrowingUpdate::default() {
            let say = "name at least one of `rpm`, `tpm`, `concurrency`, `allowed_models`, `rules`";
            return Err(Fault::new(Code::InvalidRequest, say));
        }
        let limits = Limits {
            expires_at: None,
            rpm: change.rpm.flatten(),
            tpm: change.tpm.flatten(),
            concurrency: change.concurrency.flatten(),
            models: change.allowed_models.as_ref().and_then(|models| models.as_deref()),
        };
        limits_check(&limits, clock::now())?;
        let rules = change.rules.map(|rules| key_rules::checked(rules, &self.settings.catalog)).transpose()?;
        Ok(NarrowingUpdate { rules, ..change })
    }
}
