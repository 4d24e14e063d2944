//! A person's first steps: an account with an organization and a project of its own.

use domain::ids::TransferId;
use domain::{NanoUsd, UnixMicros};
use serde_json::json;

use crate::audit::{Author, Trail};
use crate::db::{Db, commit};
use crate::error::{Act, StoreError};
use crate::ledger::{Account, CreditsGrant, credits_grant_in};
use crate::organization::{OrganizationRow, organization_insert};
use crate::person::{PersonRow, member_insert, person_insert};
use crate::project::{ProjectRow, project_insert};
use crate::session::{NewSession, SessionsKept, session_audit, session_insert};
use crate::words::{AuditAction, Role, SubjectKind};

/// Everything that a sign-up makes. Ids, hashes and times come from the caller.
#[derive(Debug, Clone)]
pub struct SignUp {
    /// Who. Whether they run the instance is decided in the transaction: the first person does, and nobody else.
    pub person: PersonRow,
    /// Of which that person becomes owner.
    pub organization: OrganizationRow,
    /// Its first project.
    pub project: ProjectRow,
    /// The person's first session.
    pub session: NewSession,
    /// Refuse everybody but the first person.
    pub first_only: bool,
    /// Credit that the first organization begins with; zero for none. Later ones get none.
    pub starter_credit: NanoUsd,
    /// Id of its transfer.
    pub starter_transfer: TransferId,
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

/// Makes a person, an organization and a project in one transaction, and begins a session. A taken address is a conflict.
pub async fn sign_up(db: &Db, new: &SignUp, author: &Author) -> Result<SignedUp, StoreError> {
    let mut tx = db.begin_write().await?;
    let people: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM person").fetch_one(&mut *tx).await.act("count people")?;
    let first = people == 0;
    if new.first_only && !first {
        return Ok(SignedUp::Closed);
    }
    let (organization, now) = (new.organization.id, new.person.created_at);
    person_insert(&mut tx, &PersonRow { is_operator: first, ..new.person.clone() }).await?;
    organization_insert(&mut tx, &new.organization).await?;
    member_insert(&mut tx, organization, new.person.id, Role::Owner, now).await?;
    project_insert(&mut tx, &new.project).await?;
    if first && new.starter_credit > NanoUsd::ZERO {
        let starter = CreditsGrant {
            transfer: new.starter_transfer,
            from: Account::Promo,
            amount: new.starter_credit,
            reason: "starter credit".to_owned(),
            author: "sign-up".to_owned(),
            now,
        };
        credits_grant_in(&mut tx, organization, &starter).await?;
    }
    let all = SessionsKept { created_after: UnixMicros(i64::MIN), used_after: UnixMicros(i64::MIN), count: u32::MAX };
    session_insert(&mut tx, &new.session, all).await?;
    let after = json!({
        "organization_id": organization.to_string(), "name": new.organization.name, "project_id": new.project.id.to_string(),
        "session_id": new.session.id.to_string(), "is_operator": first,
    });
    let subject = (SubjectKind::Person, new.person.id.to_string());
    let new = session_audit(organization, AuditAction::SignedUp, subject, after);
    commit(tx, "sign up", Trail::Audit(author, new)).await?;
    Ok(if first { SignedUp::First } else { SignedUp::Further })
}
