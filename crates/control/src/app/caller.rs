//! Who asks, and what was proven about them. A proof cannot be made elsewhere.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use domain::key::{self, KeyKind, Spelling};
use domain::{Code, Fault, ManagementKeyId, OrgScope, OrganizationId, ProjectId, SessionId, UnixMicros, UserId};
use sha2::{Digest, Sha256};
use store::{Actor, Author, KeyStatus, ManagementCallerRow, MemberRow, OrganizationStatus, Role, SessionCallerRow};

use crate::app::areas::Area;
use crate::app::auth::Visitor;
use crate::app::rights::Right;
use crate::app::scopes::{Access, Reach, Scopes, may};
use crate::app::{Control, ask};

/// How somebody came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// With a management key.
    Key(ManagementKeyId),
    /// With a browser.
    Session(SessionId),
    /// From the shell of the machine that holds the data folder.
    Console,
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(id) => id.fmt(f),
            Self::Session(id) => id.fmt(f),
            Self::Console => f.write_str("console"),
        }
    }
}

/// A person with an open session: may look after their own account, whatever organizations they belong to.
#[derive(Debug, Clone)]
pub struct LoggedIn {
    row: SessionCallerRow,
    visitor: Visitor,
}

impl LoggedIn {
    /// For `app::sessions`, which found it open.
    pub(super) const fn found(row: SessionCallerRow, visitor: Visitor) -> Self {
        Self { row, visitor }
    }

    /// Where the request comes from.
    pub const fn visitor(&self) -> &Visitor {
        &self.visitor
    }

    /// For the audit log.
    pub(super) fn author(&self, at: UnixMicros) -> Author {
        self.visitor.author(Actor::Person(self.user()), at)
    }

    /// The session.
    pub const fn session(&self) -> SessionId {
        self.row.session
    }

    /// The person.
    pub const fn user(&self) -> UserId {
        self.row.person
    }

    /// That person's address.
    pub fn email(&self) -> &str {
        &self.row.email
    }

    /// That person's name; may be empty.
    pub fn name(&self) -> &str {
        &self.row.name
    }

    /// That person runs the instance.
    pub const fn is_operator(&self) -> bool {
        self.row.is_operator
    }

    /// They can log in with one.
    pub const fn has_password(&self) -> bool {
        self.row.has_password
    }

    /// The same session, showing another organization.
    pub(crate) const fn showing(mut self, organization: OrganizationId) -> Self {
        self.row.organization = organization;
        self
    }

    /// Somebody proved to get that address's mail.
    pub const fn email_verified(&self) -> bool {
        self.row.email_verified_at.is_some()
    }

    /// What the session shows unless asked for another. Membership is not proven by it.
    pub const fn organization(&self) -> OrganizationId {
        self.row.organization
    }

    /// When the session began.
    pub const fn created_at(&self) -> UnixMicros {
        self.row.created_at
    }

    /// When it was last used, about.
    pub const fn last_used_at(&self) -> UnixMicros {
        self.row.last_used_at
    }
}

/// A member, by session or by management key: may look at everything of the organization.
#[derive(Debug, Clone)]
pub struct Management {
    scope: OrgScope,
    via: Via,
    user: UserId,
    role: Role,
    is_operator: bool,
    visitor: Visitor,
    /// Those that a limited member sees; `None`: all.
    projects: Option<Arc<BTreeSet<ProjectId>>>,
    /// What the key may be used for; `None`: no key, or one for everything.
    scopes: Option<Arc<Scopes>>,
    /// When the key stops opening, if it does.
    ends_at: Option<UnixMicros>,
    /// The organization is being deleted, and the caller is one of its owners.
    is_deleting: bool,
}

/// Where a deletion is asked for and taken back.
const DELETION: &str = "/api/v1/organization/deletion";

impl Management {
    /// The organization that this caller acts for.
    pub const fn scope(&self) -> &OrgScope {
        &self.scope
    }

    /// What was presented.
    pub const fn via(&self) -> Via {
        self.via
    }

    /// Whose rights bound it.
    pub const fn user(&self) -> UserId {
        self.user
    }

    /// Where the request comes from.
    pub(super) const fn visitor(&self) -> &Visitor {
        &self.visitor
    }

    /// For the audit log.
    pub(super) fn author(&self, at: UnixMicros) -> Author {
        let actor = match self.via {
            Via::Key(key) => Actor::ManagementKey(key),
            Via::Session(_) => Actor::Person(self.user),
            Via::Console => Actor::Operator(self.user),
        };
        self.visitor.author(actor, at)
    }

    /// The same caller, who sees some projects only. Owners and admins see all.
    pub(super) fn limited_to(mut self, projects: Option<BTreeSet<ProjectId>>) -> Self {
        self.projects = projects.filter(|_| !Right::Administer.is_of(self.role)).map(Arc::new);
        self
    }

    /// Lets the caller's key and limits in to a path, or not. In an organization that is being deleted nothing changes but that.
    pub(crate) fn check(&self, path: &str, access: Access) -> Result<(), Fault> {
        if self.is_deleting && access == Access::Write && path != DELETION {
            let say = "this organization is being deleted, and nothing changes in it any more: take its deletion back first";
            return Err(Fault::new(Code::Conflict, say));
        }
        if let Some(scopes) = &self.scopes {
            scopes.check(path, access)?;
        }
        if self.is_limited() { Area::limited(path) } else { Ok(()) }
    }

    /// Whether the caller could change something below a path, as far as its area says. What is about a person always.
    pub(crate) fn may_change(&self, path: &str) -> bool {
        let area = Area::of(path);
        area.is_none_or(|area| may(self.reach(), area, Access::Write) && self.check(path, Access::Write).is_ok())
    }

    /// As far as it decides what keys they may make.
    pub(super) fn reach(&self) -> Reach<'_> {
        Reach { role: self.role, is_operator: self.is_operator, scopes: self.scopes.as_deref() }
    }

    /// When what was presented stops opening, if it is a key that does.
    pub(super) const fn ends_at(&self) -> Option<UnixMicros> {
        self.ends_at
    }

    /// Whether they see some projects only.
    pub const fn is_limited(&self) -> bool {
        self.projects.is_some()
    }

    /// The projects that a limited member sees; `None`: all.
    pub fn projects(&self) -> Option<&BTreeSet<ProjectId>> {
        self.projects.as_deref()
    }

    /// Whether they see a project. Says nothing about whether there is such a project.
    pub fn sees(&self, project: ProjectId) -> bool {
        self.projects.as_ref().is_none_or(|projects| projects.contains(&project))
    }

    /// What that person may do here.
    pub const fn role(&self) -> Role {
        self.role
    }

    /// A logged-in person in an organization whose member they were just found to be.
    pub(super) fn of_member(caller: &LoggedIn, organization: OrganizationId, row: MemberRow) -> Result<Self, Fault> {
        let is_deleting = row.status == OrganizationStatus::Deleting && Right::Own.is_of(row.role);
        if !is_deleting {
            not_stopped(row.status, caller.is_operator())?;
        }
        #[expect(clippy::disallowed_methods, reason = "the session is open, and its person was just found to be a member")]
        let scope = OrgScope::proven(organization);
        Ok(Self {
            scope,
            via: Via::Session(caller.session()),
            user: caller.user(),
            role: row.role,
            is_operator: caller.is_operator(),
            visitor: caller.visitor.clone(),
            projects: None,
            scopes: None,
            ends_at: None,
            is_deleting,
        })
    }
}

/// May also make and revoke API keys: [`Right::Develop`].
#[derive(Debug, Clone)]
pub struct Developer(Management);

/// May also say what may be spent: [`Right::Pay`].
#[derive(Debug, Clone)]
pub struct Payer(Management);

/// May also change how the organization works: [`Right::Administer`].
#[derive(Debug, Clone)]
pub struct Admin(Management);

/// May also give the organization away: [`Right::Own`].
#[derive(Debug, Clone)]
pub struct Owner(Management);

/// Runs the instance.
#[derive(Debug, Clone)]
pub struct Operator(Management);

macro_rules! narrower {
    ($($proof:ident, $allowed:expr, $say:expr;)*) => {$(
        impl $proof {
            /// What is proven of every caller.
            pub const fn management(&self) -> &Management {
                &self.0
            }
        }

        impl TryFrom<Management> for $proof {
            type Error = Fault;

            fn try_from(caller: Management) -> Result<Self, Fault> {
                let allowed: fn(&Management) -> bool = $allowed;
                if allowed(&caller) { Ok(Self(caller)) } else { Err(Fault::new(Code::PermissionDenied, $say)) }
            }
        }
    )*};
}

narrower! {
    Developer, |caller| Right::Develop.is_of(caller.role), Right::Develop.line().needs;
    Payer, |caller| Right::Pay.is_of(caller.role), Right::Pay.line().needs;
    Admin, |caller| Right::Administer.is_of(caller.role), Right::Administer.line().needs;
    Owner, |caller| Right::Own.is_of(caller.role), Right::Own.line().needs;
    Operator, |caller| caller.is_operator, "this needs an operator of this instance";
}

impl Operator {
    /// Acts in an organization from the shell of the machine that holds the data folder.
    #[expect(clippy::disallowed_methods, reason = "who can write the data folder can do all of this without asking")]
    pub(super) fn at_console(organization: OrganizationId, user: UserId) -> Self {
        let scope = OrgScope::proven(organization);
        let visitor = Visitor::at_console();
        Self(Management {
            scope,
            via: Via::Console,
            user,
            role: Role::Owner,
            is_operator: true,
            visitor,
            projects: None,
            scopes: None,
            ends_at: None,
            is_deleting: false,
        })
    }

    /// For the audit log of an organization that an operator acts on from outside.
    pub(super) fn author(&self, at: UnixMicros) -> Author {
        self.0.visitor.author(Actor::Operator(self.0.user), at)
    }
}

impl Control {
    /// Proves who presents a management key.
    pub async fn management(&self, presented: &str, visitor: Visitor) -> Result<Management, Fault> {
        match key::read(presented) {
            Spelling::Ours(KeyKind::Management) => {}
            Spelling::Mistyped(KeyKind::Management) => {
                return Err(Fault::new(
                    Code::MalformedApiKey,
                    "the management key is mistyped or cut: its checksum is wrong; copy it again",
                ));
            }
            Spelling::Ours(KeyKind::Api) | Spelling::Mistyped(KeyKind::Api) | Spelling::Foreign => {
                return Err(Fault::new(
                    Code::InvalidApiKey,
                    "this is no management key: /api needs one that begins with `llmgm_`, while API keys (`llmg_…`) call /v1",
                ));
            }
        }
        let row = ask::store(Code::DirectoryUnavailable, store::management_caller_by_key_hash(&self.db, &key_hash(presented))).await?;
        let row = row.ok_or_else(|| Fault::new(Code::InvalidApiKey, "nobody has this management key on this instance"))?;
        self.limited(judged(&row, service::clock::now(), visitor)?).await
    }
}

impl Control {
    /// Whoever was proven, with the limits of that member.
    pub(super) async fn limited(&self, caller: Management) -> Result<Management, Fault> {
        let limit = ask::store(Code::DirectoryUnavailable, store::member_limit(&self.db, &caller.scope, caller.user)).await?;
        Ok(caller.limited_to(limit))
    }
}

/// What is stored of a key.
pub(super) fn key_hash(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

fn not_stopped(status: OrganizationStatus, is_operator: bool) -> Result<(), Fault> {
    let say = match status {
        OrganizationStatus::Active => return Ok(()),
        OrganizationStatus::Suspended if is_operator => return Ok(()),
        OrganizationStatus::Suspended => "this organization is suspended; ask the operator of this instance",
        OrganizationStatus::Deleting => "this organization is being deleted; its owners can take that back in the dashboard",
        OrganizationStatus::Deleted => "this organization was deleted",
    };
    Err(Fault::new(Code::PermissionDenied, say))
}

fn judged(row: &ManagementCallerRow, now: UnixMicros, visitor: Visitor) -> Result<Management, Fault> {
    if row.status == KeyStatus::Revoked {
        return Err(Fault::new(Code::RevokedApiKey, "this management key was revoked; use another"));
    }
    if row.expires_at.is_some_and(|end| end <= now) {
        return Err(Fault::new(Code::ExpiredApiKey, "this management key has expired; use another"));
    }
    let denied = |say: &str| Fault::new(Code::PermissionDenied, say);
    if row.is_disabled {
        return Err(denied("who made this management key is switched off; use another"));
    }
    not_stopped(row.organization_status, row.is_operator)?;
    let scopes = row.scopes.as_deref().map(Scopes::parse).transpose();
    let scopes = scopes.map_err(|at| Fault::internal("read a management key's scopes", format!("scope {at} is none")))?.map(Arc::new);
    let role = row.role.ok_or_else(|| denied("who made this management key has left the organization; use another"))?;
    #[expect(clippy::disallowed_methods, reason = "the presented key was just found to be this organization's, and open")]
    let scope = OrgScope::proven(row.organization);
    Ok(Management {
        scope,
        via: Via::Key(row.key),
        user: row.created_by,
        role,
        is_operator: row.is_operator,
        visitor,
        projects: None,
        scopes,
        ends_at: row.expires_at,
        is_deleting: false,
    })
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const NOW: UnixMicros = UnixMicros(1_760_000_000_000_000);

    fn row(role: Option<Role>) -> ManagementCallerRow {
        ManagementCallerRow {
            key: ManagementKeyId::from_uuid(Uuid::from_u128(1)),
            organization: OrganizationId::from_uuid(Uuid::from_u128(2)),
            organization_status: OrganizationStatus::Active,
            status: KeyStatus::Active,
            scopes: None,
            expires_at: None,
            created_by: UserId::from_uuid(Uuid::from_u128(3)),
            role,
            is_operator: false,
            is_disabled: false,
        }
    }

    #[test]
    fn a_role_proves_no_more_than_it_may() {
        for (role, develops, administers) in [
            (Role::Owner, true, true),
            (Role::Admin, true, true),
            (Role::Developer, true, false),
            (Role::Billing, false, false),
            (Role::Viewer, false, false),
        ] {
            let caller = judged(&row(Some(role)), NOW, Visitor::default()).unwrap();
            assert_eq!(Developer::try_from(caller.clone()).is_ok(), develops, "{role:?}");
            assert_eq!(Admin::try_from(caller.clone()).is_ok(), administers, "{role:?}");
            assert_eq!(Operator::try_from(caller).unwrap_err().code(), Code::PermissionDenied);
        }
    }

    #[test]
    fn a_key_opens_only_while_everything_behind_it_stands() {
        let refused = |row: ManagementCallerRow| judged(&row, NOW, Visitor::default()).unwrap_err().code();
        assert_eq!(refused(ManagementCallerRow { status: KeyStatus::Revoked, ..row(Some(Role::Owner)) }), Code::RevokedApiKey);
        assert_eq!(refused(ManagementCallerRow { expires_at: Some(NOW), ..row(Some(Role::Owner)) }), Code::ExpiredApiKey);
        assert_eq!(
            refused(ManagementCallerRow { organization_status: OrganizationStatus::Suspended, ..row(Some(Role::Owner)) }),
            Code::PermissionDenied
        );
        for status in [OrganizationStatus::Deleting, OrganizationStatus::Deleted] {
            assert_eq!(refused(ManagementCallerRow { organization_status: status, ..row(Some(Role::Owner)) }), Code::PermissionDenied);
        }
        assert_eq!(refused(ManagementCallerRow { is_disabled: true, ..row(Some(Role::Owner)) }), Code::PermissionDenied);
        assert_eq!(refused(row(None)), Code::PermissionDenied);
        let later = ManagementCallerRow { expires_at: Some(NOW.plus_seconds(1)), ..row(Some(Role::Viewer)) };
        assert!(judged(&later, NOW, Visitor::default()).is_ok());
    }
}
