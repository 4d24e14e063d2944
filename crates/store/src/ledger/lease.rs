//! The lease broker's acts. Each is safe to repeat with the id that the gateway made: a lost reply is simply asked again.

use domain::{Epoch, GatewayId, LeaseId, NanoUsd, OrgScope, OrganizationId, UnixMicros};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::audit::Trail;
use crate::db::{Db, Tx, commit};
use crate::error::StoreError;
use crate::ledger::account::{Account, account_balance};
use crate::ledger::epoch::epoch_is_recorded;
use crate::ledger::lease_row::{LeaseRow, lease_insert, lease_lock, lease_update};
use crate::ledger::transfer::{NewTransfer, transfer_by_id, transfer_post};
use crate::words::{LeaseState, TransferKind};

/// A gateway asks for credit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseGrant {
    /// The gateway's id of the lease.
    pub lease: LeaseId,
    /// Who asks.
    pub gateway: GatewayId,
    /// In which of its lives.
    pub epoch: Epoch,
    /// What it would like.
    pub want: NanoUsd,
    /// What it needs at least: above zero, at most `want`.
    pub least: NanoUsd,
    /// When.
    pub now: UnixMicros,
}

/// A gateway asks for more on a lease that it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseExtend {
    /// The lease.
    pub lease: LeaseId,
    /// The gateway's id of this act.
    pub extension: Uuid,
    /// What it would like on top.
    pub want: NanoUsd,
    /// What it needs at least: above zero, at most `want`.
    pub least: NanoUsd,
    /// When.
    pub now: UnixMicros,
}

/// What an ask got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseGranted {
    /// What this ask got; zero when less than `least` was there. The same ask later gets the same answer, except that
    /// one that got nothing left no trace and may get something.
    pub granted: NanoUsd,
    /// The organization's free credits after it.
    pub available: NanoUsd,
}

/// A gateway gives back what it will not use: granted − settled by its own count, so that events on their way stay
/// covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeaseReturn {
    /// The lease.
    pub lease: LeaseId,
    /// The gateway's id of this act.
    pub id: Uuid,
    /// How much; may be zero with `last`.
    pub amount: NanoUsd,
    /// Nothing more will be held against the lease: it drains, and closes when all its events are posted.
    pub last: bool,
    /// When.
    pub now: UnixMicros,
}

/// What a return did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseReturned {
    /// What went back to credits; less than asked when posted calls had taken it.
    pub returned: NanoUsd,
    /// The lease's state then.
    pub state: LeaseState,
}

/// Grants a lease: `min(want, available)`, or nothing when that is below `least`.
///
/// Invariant V1: the debit is one conditional update, so that leases never exceed credits. A lease id that another
/// organization, gateway or epoch used is a conflict, and so is an epoch that has ended.
pub async fn lease_grant(db: &Db, scope: &OrgScope, ask: &LeaseGrant) -> Result<LeaseGranted, StoreError> {
    check(ask.want, ask.least)?;
    let organization = scope.organization();
    let id = format!("lease_grant:{}", ask.lease);
    let mut tx = db.begin_write().await?;
    if let Some(before) = transfer_by_id(&mut tx, &id).await? {
        let lease = lease_lock(&mut tx, organization, ask.lease).await?;
        let same = lease.is_some_and(|lease| lease.gateway == ask.gateway && lease.epoch == ask.epoch);
        return if same { answer(&mut tx, organization, before.amount).await } else { Err(StoreError::Conflict { what: "lease" }) };
    }
    if epoch_is_recorded(&mut tx, ask.gateway, ask.epoch).await? {
        return Err(StoreError::Conflict { what: "epoch" });
    }
    let granted = fund(&mut tx, organization, &Ask { id: &id, lease: ask.lease, want: ask.want, least: ask.least, now: ask.now }).await?;
    if granted > NanoUsd::ZERO {
        let lease = LeaseRow {
            lease: ask.lease,
            organization,
            gateway: ask.gateway,
            epoch: ask.epoch,
            granted,
            settled: NanoUsd::ZERO,
            returned: NanoUsd::ZERO,
            state: LeaseState::Active,
            created_at: ask.now,
            updated_at: ask.now,
        };
        lease_insert(&mut tx, &lease).await?;
    }
    let granted = answer(&mut tx, organization, granted).await?;
    commit(tx, "grant a lease", Trail::Bookkeeping).await?;
    Ok(granted)
}

/// Grants more on an active lease. One that drains or is closed is a conflict.
pub async fn lease_extend(db: &Db, scope: &OrgScope, ask: &LeaseExtend) -> Result<LeaseGranted, StoreError> {
    check(ask.want, ask.least)?;
    let organization = scope.organization();
    let id = format!("lease_extend:{}:{}", ask.lease, ask.extension.as_simple());
    let mut tx = db.begin_write().await?;
    let mut lease = lease_lock(&mut tx, organization, ask.lease).await?.ok_or(StoreError::NotFound { what: "lease" })?;
    if let Some(before) = transfer_by_id(&mut tx, &id).await? {
        return answer(&mut tx, organization, before.amount).await;
    }
    if lease.state != LeaseState::Active || epoch_is_recorded(&mut tx, lease.gateway, lease.epoch).await? {
        return Err(StoreError::Conflict { what: "lease" });
    }
    let granted = fund(&mut tx, organization, &Ask { id: &id, lease: ask.lease, want: ask.want, least: ask.least, now: ask.now }).await?;
    if granted > NanoUsd::ZERO {
        lease.granted += granted;
        lease.updated_at = ask.now;
        lease_update(&mut tx, &lease).await?;
    }
    let granted = answer(&mut tx, organization, granted).await?;
    commit(tx, "extend a lease", Trail::Bookkeeping).await?;
    Ok(granted)
}

/// Takes credit back from a lease.
pub async fn lease_return(db: &Db, scope: &OrgScope, give: &LeaseReturn) -> Result<LeaseReturned, StoreError> {
    if give.amount.is_negative() {
        return Err(StoreError::Invalid { what: "a returned amount must not be below zero" });
    }
    let organization = scope.organization();
    let id = format!("lease_return:{}:{}", give.lease, give.id.as_simple());
    let mut tx = db.begin_write().await?;
    let mut lease = lease_lock(&mut tx, organization, give.lease).await?.ok_or(StoreError::NotFound { what: "lease" })?;
    if let Some(before) = transfer_by_id(&mut tx, &id).await? {
        return Ok(LeaseReturned { returned: before.amount, state: lease.state });
    }
    let returned = give.amount.min(lease.remaining());
    lease_release(&mut tx, &mut lease, &id, returned, give.now).await?;
    if give.last && lease.state == LeaseState::Active {
        lease.state = LeaseState::Draining;
    }
    lease_settle_state(&mut lease);
    lease_update(&mut tx, &lease).await?;
    commit(tx, "return a lease", Trail::Bookkeeping).await?;
    Ok(LeaseReturned { returned, state: lease.state })
}

/// Moves an amount of a locked lease back to credits; the caller writes the lease back.
pub(super) async fn lease_release(tx: &mut Tx, lease: &mut LeaseRow, id: &str, amount: NanoUsd, now: UnixMicros) -> Result<(), StoreError> {
    lease.updated_at = now;
    if amount <= NanoUsd::ZERO {
        return Ok(());
    }
    let transfer = NewTransfer {
        id,
        debit: Account::Leased,
        credit: Account::Credits,
        amount,
        kind: TransferKind::LeaseReturn,
        organization: lease.organization,
        lease: Some(lease.lease),
        reason: "",
        author: "",
        now,
    };
    if !transfer_post(tx, &transfer).await? {
        return Err(StoreError::Corrupt { what: "leased balance" });
    }
    lease.returned += amount;
    Ok(())
}

/// A draining lease with nothing left on it is closed.
pub(super) fn lease_settle_state(lease: &mut LeaseRow) {
    if lease.state == LeaseState::Draining && lease.remaining() == NanoUsd::ZERO {
        lease.state = LeaseState::Closed;
    }
}

struct Ask<'a> {
    id: &'a str,
    lease: LeaseId,
    want: NanoUsd,
    least: NanoUsd,
    now: UnixMicros,
}

fn check(want: NanoUsd, least: NanoUsd) -> Result<(), StoreError> {
    if least > NanoUsd::ZERO && least <= want {
        Ok(())
    } else {
        Err(StoreError::Invalid { what: "a lease asks for at least something and at most what it wants" })
    }
}

/// Moves credits to leased. The balance read only proposes the amount; the conditional debit decides, and when another
/// transaction was faster (which an engine with several writers allows) the proposal is made anew.
async fn fund(tx: &mut Tx, organization: OrganizationId, ask: &Ask<'_>) -> Result<NanoUsd, StoreError> {
    let credits = Account::Credits.id(organization);
    loop {
        let amount = ask.want.0.min(account_balance(tx, &credits).await?);
        if amount < ask.least.0 {
            return Ok(NanoUsd::ZERO);
        }
        let transfer = NewTransfer {
            id: ask.id,
            debit: Account::Credits,
            credit: Account::Leased,
            amount: NanoUsd(amount),
            kind: TransferKind::LeaseGrant,
            organization,
            lease: Some(ask.lease),
            reason: "",
            author: "",
            now: ask.now,
        };
        if transfer_post(tx, &transfer).await? {
            return Ok(NanoUsd(amount));
        }
    }
}

async fn answer(tx: &mut Tx, organization: OrganizationId, granted: NanoUsd) -> Result<LeaseGranted, StoreError> {
    let available = account_balance(tx, &Account::Credits.id(organization)).await?;
    Ok(LeaseGranted { granted, available: NanoUsd(available) })
}
