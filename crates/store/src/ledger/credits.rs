//! An organization's credits: given, corrected, asked for.

use domain::ids::TransferId;
use domain::{NanoUsd, OrgScope, OrganizationId, UnixMicros};
use serde_json::{Value, json};

use crate::audit::{Author, NewAudit, Trail};
use crate::change::{NewChange, change_insert};
use crate::db::{Db, Tx, commit};
use crate::error::{Act, StoreError};
use crate::ledger::account::{Account, account_balance};
use crate::ledger::transfer::{NewTransfer, transfer_by_id, transfer_post};
use crate::words::{AuditAction, ChangeKind, SubjectKind, TransferKind};

/// Credit about to be given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreditsGrant {
    /// The caller's id of it: asked twice, given once.
    pub transfer: TransferId,
    /// Where it comes from: [`Account::Promo`] or [`Account::StripeClearing`].
    pub from: Account,
    /// How much; above zero.
    pub amount: NanoUsd,
    /// In words.
    pub reason: String,
    /// By whom.
    pub author: String,
    /// When.
    pub now: UnixMicros,
}

/// A repair of an organization's credits, with a reason and somebody who answers for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Correction {
    /// The caller's id of it: asked twice, posted once.
    pub transfer: TransferId,
    /// The system account on the other side.
    pub against: Account,
    /// Above zero: the organization gets it; below: it pays.
    pub amount: NanoUsd,
    /// In words.
    pub reason: String,
    /// By whom.
    pub author: String,
    /// When.
    pub now: UnixMicros,
}

/// Where an organization's credit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Balance {
    /// Free: can be leased. Below zero after overshoot.
    pub credits: NanoUsd,
    /// Held by gateways.
    pub leased: NanoUsd,
    /// Charged for calls so far.
    pub spent: NanoUsd,
}

/// Gives credit and tells gateways. True when it was given now, false when this transfer had been posted before; the
/// same id for another amount or organization is a conflict.
pub async fn credits_grant(db: &Db, scope: &OrgScope, grant: &CreditsGrant, author: &Author) -> Result<bool, StoreError> {
    let mut tx = db.begin_write().await?;
    let granted = credits_grant_in(&mut tx, scope.organization(), grant).await?;
    if !granted {
        return Ok(false);
    }
    let new = credits_audit(scope, AuditAction::CreditsGranted, grant.transfer, grant.amount, &grant.reason);
    commit(tx, "grant credits", Trail::Audit(author, &new)).await?;
    Ok(true)
}

fn credits_audit(scope: &OrgScope, action: AuditAction, transfer: TransferId, amount: NanoUsd, reason: &str) -> NewAudit {
    let after = json!({ "amount_nano_usd": amount.0, "reason": reason });
    let subject = (SubjectKind::Transfer, transfer.to_string());
    NewAudit { organization: scope.organization(), action, subject, before: Value::Null, after }
}

/// Repairs a balance by a transfer with a reason. True when it was posted now, false when it had been before.
pub async fn credits_correct(db: &Db, scope: &OrgScope, correction: &Correction, author: &Author) -> Result<bool, StoreError> {
    if correction.against.is_tenant() {
        return Err(StoreError::Invalid { what: "a correction is against an account of the system" });
    }
    if correction.reason.is_empty() || correction.author.is_empty() {
        return Err(StoreError::Invalid { what: "a correction needs a reason and an author" });
    }
    let gives = correction.amount > NanoUsd::ZERO;
    let (debit, credit) = if gives { (correction.against, Account::Credits) } else { (Account::Credits, correction.against) };
    let id = correction.transfer.to_string();
    let amount = NanoUsd(correction.amount.0.saturating_abs());
    let transfer = NewTransfer {
        id: &id,
        debit,
        credit,
        amount,
        kind: TransferKind::Correction,
        organization: scope.organization(),
        lease: None,
        reason: &correction.reason,
        author: &correction.author,
        now: correction.now,
    };
    let mut tx = db.begin_write().await?;
    let posted = post_once(&mut tx, &transfer).await?;
    if !posted {
        return Ok(false);
    }
    let new = credits_audit(scope, AuditAction::CreditsCorrected, correction.transfer, correction.amount, &correction.reason);
    commit(tx, "correct credits", Trail::Audit(author, &new)).await?;
    Ok(true)
}

/// Where the organization's credit is, in one consistent view.
pub async fn balance(db: &Db, scope: &OrgScope) -> Result<Balance, StoreError> {
    let mut tx = db.begin_read().await?;
    let credits = account_balance(&mut tx, &Account::Credits.id(scope.organization())).await?;
    let leased = account_balance(&mut tx, &Account::Leased.id(scope.organization())).await?;
    let spent: i64 = sqlx::query_scalar("SELECT CAST(COALESCE(SUM(charged), 0) AS BIGINT) FROM posting_total WHERE organization_id = $1")
        .bind(scope.organization().to_string())
        .fetch_one(&mut *tx)
        .await
        .act("sum what was spent")?;
    Ok(Balance { credits: NanoUsd(credits), leased: NanoUsd(leased), spent: NanoUsd(spent) })
}

/// [`credits_grant`] inside a transaction that does more.
pub(crate) async fn credits_grant_in(tx: &mut Tx, organization: OrganizationId, grant: &CreditsGrant) -> Result<bool, StoreError> {
    if !matches!(grant.from, Account::Promo | Account::StripeClearing) {
        return Err(StoreError::Invalid { what: "credit comes from promo or stripe_clearing" });
    }
    let id = grant.transfer.to_string();
    let transfer = NewTransfer {
        id: &id,
        debit: grant.from,
        credit: Account::Credits,
        amount: grant.amount,
        kind: TransferKind::Grant,
        organization,
        lease: None,
        reason: &grant.reason,
        author: &grant.author,
        now: grant.now,
    };
    if !post_once(tx, &transfer).await? {
        return Ok(false);
    }
    let subject = organization.to_string();
    let change = NewChange { organization, kind: ChangeKind::CreditsGranted, subject: &subject, key_hash: None, now: grant.now };
    change_insert(tx, &change).await?;
    Ok(true)
}

/// Posts a transfer unless its id was posted before with the same meaning.
async fn post_once(tx: &mut Tx, transfer: &NewTransfer<'_>) -> Result<bool, StoreError> {
    if let Some(before) = transfer_by_id(tx, transfer.id).await? {
        let same = before.organization == transfer.organization
            && before.amount == transfer.amount
            && before.kind == transfer.kind
            && before.debit == transfer.debit.id(transfer.organization);
        return if same { Ok(false) } else { Err(StoreError::Conflict { what: "transfer" }) };
    }
    transfer_post(tx, transfer).await
}
