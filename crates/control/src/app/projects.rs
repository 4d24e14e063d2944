//! Projects: looked at and set.

use domain::{Code, Fault, ProjectId};
use service::clock;
use store::{Moment, Page, ProjectMode, ProjectRow, ProjectUpdate};

use crate::app::caller::{Admin, Management};
use crate::app::page::{Listed, one_more};
use crate::app::{Control, ask, checks};

/// Limit: life of a cached answer, 10 s to 1 year.
const CACHE_TTL_SECONDS: std::ops::RangeInclusive<u32> = 10..=31_536_000;

/// New settings; `None` leaves one as it is.
#[derive(Debug, Clone, Default)]
pub struct ProjectChange {
    /// A new name, unique in the organization.
    pub name: Option<String>,
    /// Another payer.
    pub mode: Option<ProjectMode>,
    /// Cache on or off.
    pub cache_enabled: Option<bool>,
    /// Another life of cached answers.
    pub cache_ttl_seconds: Option<u32>,
}

impl Control {
    /// A page of the projects that the caller sees, oldest first.
    pub async fn project_list(
        &self,
        who: &Management,
        page: Page<Moment<ProjectId>>,
    ) -> Result<Listed<ProjectRow, Moment<ProjectId>>, Fault> {
        let limited = who.is_limited().then(|| who.user());
        let asked = store::project_list(&self.db, who.scope(), limited, one_more(page));
        let rows = ask::store(Code::DirectoryUnavailable, asked).await?;
        Ok(Listed::cut(rows, page.limit, |row| Moment { at: row.created_at, id: row.id }))
    }

    /// One project.
    pub async fn project_get(&self, who: &Management, id: ProjectId) -> Result<ProjectRow, Fault> {
        if !who.sees(id) {
            return Err(ask::not_found("project"));
        }
        ask::store(Code::DirectoryUnavailable, store::project_get(&self.db, who.scope(), id)).await
    }

    /// Changes settings; gateways follow within a second.
    pub async fn project_update(&self, who: &Admin, id: ProjectId, change: ProjectChange) -> Result<ProjectRow, Fault> {
        let ProjectChange { name, mode, cache_enabled, cache_ttl_seconds } = change;
        if name.is_none() && mode.is_none() && cache_enabled.is_none() && cache_ttl_seconds.is_none() {
            return Err(Fault::new(Code::InvalidRequest, "name at least one of `name`, `mode`, `cache_enabled`, `cache_ttl_seconds`"));
        }
        if cache_ttl_seconds.is_some_and(|ttl| !CACHE_TTL_SECONDS.contains(&ttl)) {
            let (least, most) = (CACHE_TTL_SECONDS.start(), CACHE_TTL_SECONDS.end());
            return Err(checks::invalid(
                "cache_ttl_seconds",
                format!("`cache_ttl_seconds` must be {least} (10 seconds) to {most} (1 year)"),
            ));
        }
        let name = name.map(|name| checks::name("name", &name)).transpose()?;
        let update = ProjectUpdate { name, mode, cache_enabled, cache_ttl_seconds };
        let caller = who.management();
        let author = caller.author(clock::now());
        let changed = store::project_update(&self.db, caller.scope(), id, &update, &author);
        let row = ask::store(Code::DirectoryUnavailable, changed)
            .await
            .map_err(|fault| if fault.code() == Code::Conflict { fault.param("name") } else { fault })?;
        tracing::info!(project.id = %id, by = %caller.via(), "a project was changed");
        Ok(row)
    }
}
