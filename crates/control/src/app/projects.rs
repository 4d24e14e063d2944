//! Projects: made, looked at, set, put away and taken back.

use domain::{Code, Fault, ProjectId};
use service::{clock, random};
use store::{Moment, Page, ProjectMode, ProjectRow, ProjectStatus, ProjectUpdate, RoutingStrategy};

use crate::app::caller::{Admin, Management};
use crate::app::page::{Listed, one_more};
use crate::app::{Control, ask, checks};

/// Limit: life of a cached answer, 10 s to 1 year.
const CACHE_TTL_SECONDS: std::ops::RangeInclusive<u32> = 10..=31_536_000;

/// New settings; `None` leaves one as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProjectChange {
    /// A new name, unique in the organization.
    pub name: Option<String>,
    /// Another payer.
    pub mode: Option<ProjectMode>,
    /// Cache on or off.
    pub cache_enabled: Option<bool>,
    /// Another life of cached answers.
    pub cache_ttl_seconds: Option<u32>,
    /// Another order of what can serve its calls.
    pub routing: Option<RoutingStrategy>,
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

    /// Makes a further project.
    pub async fn project_create(&self, who: &Admin, name: &str, change: ProjectChange) -> Result<ProjectRow, Fault> {
        let (name, caller, now) = (checks::name("name", name)?, who.management(), clock::now());
        change.check()?;
        let organization = caller.scope().organization();
        let mode = change.mode.unwrap_or(ProjectMode::Hybrid);
        let fresh = ProjectRow::new(ProjectId::from_uuid(random::uuid()), organization, name, mode, now);
        let row = ProjectRow {
            cache_enabled: change.cache_enabled.unwrap_or(fresh.cache_enabled),
            cache_ttl_seconds: change.cache_ttl_seconds.unwrap_or(fresh.cache_ttl_seconds),
            routing: change.routing.unwrap_or(fresh.routing),
            ..fresh
        };
        let author = caller.author(now);
        let made = store::project_create(&self.db, caller.scope(), &row, &author);
        ask::store(Code::DirectoryUnavailable, made).await.map_err(name_taken)?;
        tracing::info!(project.id = %row.id, by = %caller.via(), "a project was made");
        Ok(row)
    }

    /// Changes settings; gateways follow within a second.
    pub async fn project_update(&self, who: &Admin, id: ProjectId, change: ProjectChange) -> Result<ProjectRow, Fault> {
        if change == ProjectChange::default() {
            let say = "name at least one of `name`, `mode`, `cache_enabled`, `cache_ttl_seconds`, `routing`";
            return Err(Fault::new(Code::InvalidRequest, say));
        }
        change.check()?;
        let ProjectChange { name, mode, cache_enabled, cache_ttl_seconds, routing } = change;
        let name = name.map(|name| checks::name("name", &name)).transpose()?;
        let update = ProjectUpdate { name, mode, cache_enabled, cache_ttl_seconds, routing, ..ProjectUpdate::default() };
        let caller = who.management();
        let author = caller.author(clock::now());
        let changed = store::project_update(&self.db, caller.scope(), id, &update, &author);
        let row = ask::store(Code::DirectoryUnavailable, changed).await.map_err(name_taken)?;
        tracing::info!(project.id = %id, by = %caller.via(), "a project was changed");
        Ok(row)
    }

    /// Puts a project away: its keys stop within a second. Or takes it back. Repeating it changes nothing.
    pub async fn project_status_set(&self, who: &Admin, id: ProjectId, status: ProjectStatus) -> Result<ProjectRow, Fault> {
        let caller = who.management();
        let author = caller.author(clock::now());
        let set = store::project_status_set(&self.db, caller.scope(), id, status, &author);
        let row = ask::store(Code::DirectoryUnavailable, set).await?;
        tracing::info!(project.id = %id, by = %caller.via(), status = status.as_str(), "a project was archived or restored");
        Ok(row)
    }
}

impl ProjectChange {
    fn check(&self) -> Result<(), Fault> {
        if self.cache_ttl_seconds.is_some_and(|ttl| !CACHE_TTL_SECONDS.contains(&ttl)) {
            let (least, most) = (CACHE_TTL_SECONDS.start(), CACHE_TTL_SECONDS.end());
            return Err(checks::invalid(
                "cache_ttl_seconds",
                format!("`cache_ttl_seconds` must be {least} (10 seconds) to {most} (1 year)"),
            ));
        }
        Ok(())
    }
}

/// The only thing of a project that can be taken.
fn name_taken(fault: Fault) -> Fault {
    if fault.code() == Code::Conflict && fault.wrong_param().is_none() { fault.param("name") } else { fault }
}
