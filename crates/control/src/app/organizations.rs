//! Organizations: a person's own list, further ones, and which of them a session shows.

use domain::{Code, Fault, OrganizationId, ProjectId};
use service::{clock, random};
use store::{MembershipRow, Moment, NewOrganization, OrganizationRow, OrganizationStatus, Page, ProjectMode, ProjectRow};

use crate::app::bootstrap::PLAN;
use crate::app::caller::{Admin, LoggedIn, Management};
use crate::app::page::Listed;
use crate::app::{Control, ask, checks};

impl Control {
    /// Those that the person belongs to, oldest membership first: at most 100.
    pub(super) async fn memberships(&self, who: &LoggedIn) -> Result<Vec<MembershipRow>, Fault> {
        ask::store(Code::DirectoryUnavailable, store::memberships_of(&self.db, who.user())).await
    }

    /// A page of those that the person belongs to, oldest membership first.
    pub async fn organization_list(
        &self,
        who: &LoggedIn,
        page: Page<Moment<OrganizationId>>,
    ) -> Result<Listed<MembershipRow, Moment<OrganizationId>>, Fault> {
        let mut rows = self.memberships(who).await?;
        rows.retain(|row| page.after.is_none_or(|after| (row.joined_at, row.organization) > (after.at, after.id)));
        Ok(Listed::cut(rows, page.limit, |row| Moment { at: row.joined_at, id: row.organization }))
    }

    /// Makes a further organization, with a first project; the person owns it.
    pub async fn organization_create(&self, who: &LoggedIn, name: &str) -> Result<OrganizationRow, Fault> {
        let (name, now) = (checks::name("name", name)?, clock::now());
        let organization = OrganizationRow {
            id: OrganizationId::from_uuid(random::uuid()),
            name,
            plan: PLAN.to_owned(),
            markup_basis_points: 0,
            status: OrganizationStatus::Active,
            created_at: now,
        };
        let project =
            ProjectRow::new(ProjectId::from_uuid(random::uuid()), organization.id, "Default".to_owned(), ProjectMode::Hybrid, now);
        let new = NewOrganization { organization, project, owner: who.user() };
        ask::store(Code::DirectoryUnavailable, store::organization_create(&self.db, &new, &who.author(now))).await?;
        tracing::info!(user.id = %who.user(), organization.id = %new.organization.id, "a further organization was made");
        Ok(new.organization)
    }

    /// The caller's organization.
    pub async fn organization_get(&self, who: &Management) -> Result<OrganizationRow, Fault> {
        ask::store(Code::DirectoryUnavailable, store::organization_get(&self.db, who.scope())).await
    }

    /// Gives the organization another name.
    pub async fn organization_update(&self, who: &Admin, name: &str) -> Result<OrganizationRow, Fault> {
        let (name, caller) = (checks::name("name", name)?, who.management());
        let author = caller.author(clock::now());
        let renamed = store::organization_rename(&self.db, caller.scope(), &name, &author);
        ask::store(Code::DirectoryUnavailable, renamed).await
    }

    /// The person in an organization that a body names.
    pub(super) async fn member_of(&self, who: &LoggedIn, organization: OrganizationId) -> Result<Management, Fault> {
        self.member(who, Some(organization)).await.map_err(|fault| match fault.code() {
            Code::NotFound => ask::not_found("organization").param("organization_id"),
            _ => fault,
        })
    }

    /// Lets the session show another of the person's organizations from now on.
    pub async fn session_switch(&self, who: &LoggedIn, organization: OrganizationId) -> Result<(), Fault> {
        let member = self.member_of(who, organization).await?;
        let author = who.author(clock::now());
        let switched = store::session_switch(&self.db, member.scope(), who.user(), who.session(), &author);
        ask::store(Code::DirectoryUnavailable, switched).await
    }
}
