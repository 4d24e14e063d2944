//! A person's first steps: an account with an organization and a project of its own.

use domain::ids::{InviteId, TransferId};
use domain::{NanoUsd, UnixMicros};
use serde_json::{Value, json};

use crate::audit::{Author, Trail};
use crate::db::{Db, Tx, commit};
use crate::error::{Act, StoreError};
use crate::identity::{NewIdentity, identity_insert};
use crate::invite::invites_accept;
use crate::ledger::{Account, CreditsGrant, credits_grant_in};
use crate::organization::{OrganizationRow, organization_insert};
use crate::pending_sign_up::pending_sign_ups_end;
use crate::person::{PersonRow, member_insert, person_insert};
use crate::project::{ProjectRow, project_insert};
use crate::session::{NewSession, SessionsKept, session_audit, session_insert};
use crate::words::{AuditAction, Role, SubjectKind};

/// Everything that a sign-up makes. Ids, hashes and times come from the caller.
#[derive(Debug, Clone)]
pub struct SignUp {
    /// Who. Whether they run the instance is decided in the transaction: the first person does, and nobody else.
    pub person: PersonRow,
    /// Where that person belongs.
    pub home: SignUpHome,
    /// Who a sign-in provider says that they are, if one brought them.
    pub identity: Option<NewIdentity>,
    /// SHA-256 of the token with which an account that waited becomes this one: it ends with all others of that address.
    pub pending: Option<[u8; 32]>,
    /// The person's first session; it shows the home.
    pub session: NewSession,
    /// Refuse everybody but the first person.
    pub first_only: bool,
    /// Credit that the first organization begins with; zero for none. Later ones get none.
    pub starter_credit: NanoUsd,
    /// Id of its transfer.
    pub starter_transfer: TransferId,
}

/// Where a new person belongs.
#[derive(Debug, Clone)]
pub enum SignUpHome {
    /// To an organization of their own, with a first project.
    Own {
        /// Of which that person becomes owner.
        organization: OrganizationRow,
        /// Its first project.
        project: Box<ProjectRow>,
    },
    /// To the organization that invited them.
    Invited(InviteId),
}

/// What a sign-up did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignedUp {
    /// The instance has its first person, who runs it.
    First,
    /// One more person.
    Further,
    /// Nothing: only the first person may sign up, and there is one.
    Closed,
}

/// Makes a person with a home in one transaction, and begins a session. A taken address is a conflict; an invitation that
/// cannot be accepted is not found, and neither is a token that nothing waits for.
pub async fn sign_up(db: &Db, new: &SignUp, author: &Author) -> Result<SignedUp, StoreError> {
    let mut tx = db.begin_write().await?;
    let people: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM person").fetch_one(&mut *tx).await.act("count people")?;
    let first = people == 0;
    if new.first_only && !first {
        return Ok(SignedUp::Closed);
    }
    if let Some(hash) = &new.pending {
        pending_sign_ups_end(&mut tx, hash, &new.person.email, author.at).await?;
    }
    person_insert(&mut tx, &PersonRow { is_operator: first, ..new.person.clone() }).await?;
    if let Some(identity) = &new.identity {
        identity_insert(&mut tx, new.person.id, identity, author.at).await?;
    }
    let after = match &new.home {
        SignUpHome::Own { organization, project } => own_home(&mut tx, new, organization, project, first).await?,
        SignUpHome::Invited(invite) => {
            let invite = invites_accept(&mut tx, *invite, new.person.id, author).await?;
            json!({ "invite_id": invite.id.to_string(), "role": invite.role.as_str() })
        }
    };
    let all = SessionsKept { created_after: UnixMicros(i64::MIN), used_after: UnixMicros(i64::MIN), count: u32::MAX };
    session_insert(&mut tx, &new.session, all).await?;
    let subject = (SubjectKind::Person, new.person.id.to_string());
    let audit = session_audit(new.session.organization, AuditAction::SignedUp, subject, after);
    commit(tx, "sign up", Trail::Audit(author, &audit)).await?;
    Ok(if first { SignedUp::First } else { SignedUp::Further })
}

/// An organization with a project, and for the first person of an instance a starter credit; answers for the audit log.
async fn own_home(tx: &mut Tx, new: &SignUp, own: &OrganizationRow, project: &ProjectRow, first: bool) -> Result<Value, StoreError> {
    let now = new.person.created_at;
    organization_insert(tx, own).await?;
    member_insert(tx, own.id, new.person.id, Role::Owner, now).await?;
    project_insert(tx, project).await?;
    if first && new.starter_credit > NanoUsd::ZERO {
        let starter = CreditsGrant {
            transfer: new.starter_transfer,
            from: Account::Promo,
            amount: new.starter_credit,
            reason: "starter credit".to_owned(),
            author: "sign-up".to_owned(),
            now,
        };
        credits_grant_in(tx, own.id, &starter).await?;
    }
    Ok(json!({
        "organization_id": own.id.to_string(), "name": own.name, "project_id": project.id.to_string(), "is_operator": first,
    }))
}
