//! Members of an organization: their roles, and how they go.

use std::collections::BTreeSet;

use domain::{Code, Fault, OrganizationId, ProjectId, UserId};
use service::clock;
use store::{MemberChange, MemberPersonRow, MemberRemove, Moment, Page, Role};

use crate::app::caller::{Admin, LoggedIn, Management, Owner};
use crate::app::page::{Listed, one_more};
use crate::app::rights::Right;
use crate::app::{Control, ask, checks};

/// A member, and what they see.
#[derive(Debug, Clone)]
pub struct MemberView {
    /// Who.
    pub row: MemberPersonRow,
    /// The projects that they are limited to; `None`: all.
    pub projects: Option<Vec<ProjectId>>,
}

/// A limited member learns of no project beside their own.
fn member_view(who: &Management, row: MemberPersonRow, projects: Option<BTreeSet<ProjectId>>) -> MemberView {
    let projects = projects.map(|projects| projects.into_iter().filter(|id| who.sees(*id)).collect());
    MemberView { row, projects }
}

impl Control {
    /// A page of members, oldest membership first.
    pub async fn member_list(&self, who: &Management, page: Page<Moment<UserId>>) -> Result<Listed<MemberView, Moment<UserId>>, Fault> {
        let rows = ask::store(Code::DirectoryUnavailable, store::member_list(&self.db, who.scope(), one_more(page))).await?;
        let listed = Listed::cut(rows, page.limit, |row| Moment { at: row.created_at, id: row.person });
        let mut limits = ask::store(Code::DirectoryUnavailable, store::member_limits(&self.db, who.scope(), page)).await?;
        Ok(listed.map(|row| {
            let projects = limits.remove(&row.person);
            member_view(who, row, projects)
        }))
    }

    /// Limits a member to some projects, or (`None`) to none.
    pub async fn member_limit_set(&self, who: &Admin, person: UserId, projects: Option<BTreeSet<ProjectId>>) -> Result<MemberView, Fault> {
        let caller = who.management();
        let author = caller.author(clock::now());
        let set = store::member_limit_set(&self.db, caller.scope(), person, projects.as_ref(), &author);
        ask::store(Code::DirectoryUnavailable, set).await.map_err(|fault| match fault.code() {
            Code::Conflict => Fault::new(Code::Conflict, "owners and admins see every project; give the member another role first"),
            _ => fault,
        })?;
        tracing::info!(user.id = %person, limited = projects.is_some(), by = %caller.via(), "a member sees other projects");
        self.member_get(caller, person).await
    }

    /// Gives a member another role. Only owners make and change owners.
    pub async fn member_role_set(&self, who: &Admin, person: UserId, role: Role) -> Result<MemberView, Fault> {
        let caller = who.management();
        let (by_owner, author) = (Right::Own.is_of(caller.role()), caller.author(clock::now()));
        let set = store::member_role_set(&self.db, caller.scope(), person, role, by_owner, &author);
        made(ask::store(Code::DirectoryUnavailable, set).await?)?;
        tracing::info!(user.id = %person, role = role.as_str(), by = %caller.via(), "a member has another role");
        self.member_get(caller, person).await
    }

    async fn member_get(&self, who: &Management, person: UserId) -> Result<MemberView, Fault> {
        let row = ask::store(Code::DirectoryUnavailable, store::member_person_get(&self.db, who.scope(), person)).await?;
        let projects = ask::store(Code::DirectoryUnavailable, store::member_limit(&self.db, who.scope(), person)).await?;
        Ok(member_view(who, row, projects))
    }

    /// Makes a member go. With `revoke_keys` the API keys that they made stop on every gateway within a second.
    pub async fn member_remove(&self, who: &Admin, person: UserId, revoke_keys: bool) -> Result<(), Fault> {
        let caller = who.management();
        let remove = MemberRemove { person, by_owner: Right::Own.is_of(caller.role()), leaves: false, revoke_keys };
        self.member_go(caller, &remove).await
    }

    /// The person goes.
    pub async fn member_leave(&self, who: &LoggedIn, organization: OrganizationId) -> Result<(), Fault> {
        let caller = self.member_of(who, organization).await?;
        let remove = MemberRemove { person: caller.user(), by_owner: true, leaves: true, revoke_keys: false };
        self.member_go(&caller, &remove).await
    }

    /// Makes another member the owner, and the caller an admin.
    pub async fn ownership_transfer(&self, who: &Owner, to: UserId) -> Result<(), Fault> {
        let caller = who.management();
        if to == caller.user() {
            return Err(checks::invalid("user_id", "`user_id` must be another member"));
        }
        let author = caller.author(clock::now());
        let given = store::ownership_transfer(&self.db, caller.scope(), caller.user(), to, &author);
        ask::store(Code::DirectoryUnavailable, given).await.map_err(|fault| match fault.code() {
            Code::NotFound => fault.param("user_id"),
            _ => fault,
        })?;
        tracing::info!(user.id = %to, by = %caller.via(), "an organization has another owner");
        Ok(())
    }

    async fn member_go(&self, caller: &Management, remove: &MemberRemove) -> Result<(), Fault> {
        let author = caller.author(clock::now());
        let gone = store::member_remove(&self.db, caller.scope(), remove, &author);
        made(ask::store(Code::DirectoryUnavailable, gone).await?)?;
        tracing::info!(user.id = %remove.person, by = %caller.via(), leaves = remove.leaves, "a member is gone");
        Ok(())
    }
}

/// Refusals that only the transaction could find.
fn made(change: MemberChange) -> Result<(), Fault> {
    match change {
        MemberChange::Done => Ok(()),
        MemberChange::LastOwner => Err(Fault::new(Code::Conflict, "an organization keeps an owner: make somebody else an owner first")),
        MemberChange::OwnersOnly => Err(Fault::new(Code::PermissionDenied, Right::Own.line().needs)),
    }
}
