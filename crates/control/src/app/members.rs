//! Members of an organization: their roles, and how they go.

use domain::{Code, Fault, OrganizationId, UserId};
use service::clock;
use store::{MemberChange, MemberPersonRow, MemberRemove, Role};

use crate::app::caller::{Admin, LoggedIn, Management, Owner};
use crate::app::rights::Right;
use crate::app::{Control, ask, checks};

impl Control {
    /// All members, oldest membership first.
    pub async fn member_list(&self, who: &Management) -> Result<Vec<MemberPersonRow>, Fault> {
        ask::store(Code::DirectoryUnavailable, store::member_list(&self.db, who.scope())).await
    }

    /// Gives a member another role. Only owners make and change owners.
    pub async fn member_role_set(&self, who: &Admin, person: UserId, role: Role) -> Result<MemberPersonRow, Fault> {
        let caller = who.management();
        let (by_owner, author) = (Right::Own.is_of(caller.role()), caller.author(clock::now()));
        let set = store::member_role_set(&self.db, caller.scope(), person, role, by_owner, &author);
        made(ask::store(Code::DirectoryUnavailable, set).await?)?;
        tracing::info!(user.id = %person, role = role.as_str(), by = %caller.via(), "a member has another role");
        let members = self.member_list(caller).await?;
        members.into_iter().find(|member| member.person == person).ok_or_else(|| ask::not_found("member"))
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
