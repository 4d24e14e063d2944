//! A lease's row: read, locked, written back.

use domain::{Epoch, GatewayId, LeaseId, NanoUsd, OrgScope, OrganizationId, UnixMicros};
use sqlx::any::AnyRow;

use crate::db::{Db, Tx};
use crate::error::{Act, StoreError};
use crate::row::{Columns, stored};
use crate::words::LeaseState;

/// Credit that one gateway holds of one organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseRow {
    /// Which.
    pub lease: LeaseId,
    /// Whose credit.
    pub organization: OrganizationId,
    /// Who holds it.
    pub gateway: GatewayId,
    /// In which of its lives.
    pub epoch: Epoch,
    /// All that was granted, extensions included.
    pub granted: NanoUsd,
    /// What posted calls took.
    pub settled: NanoUsd,
    /// What came back.
    pub returned: NanoUsd,
    /// Where in its life it is.
    pub state: LeaseState,
    /// When it was granted.
    pub created_at: UnixMicros,
    /// When it last changed.
    pub updated_at: UnixMicros,
}

impl LeaseRow {
    /// What is left on it.
    pub const fn remaining(&self) -> NanoUsd {
        NanoUsd(self.granted.0 - self.settled.0 - self.returned.0)
    }
}

/// One lease of the scope.
pub async fn lease_get(db: &Db, scope: &OrgScope, lease: LeaseId) -> Result<LeaseRow, StoreError> {
    let row = sqlx::query(
        "SELECT id, organization_id, gateway, epoch, granted, settled, returned, state, created_at_us, updated_at_us FROM lease \
         WHERE organization_id = $1 AND id = $2",
    )
    .bind(scope.organization().to_string())
    .bind(lease.to_string())
    .fetch_optional(db.read())
    .await
    .act("read a lease")?;
    row.as_ref().map(lease_row).transpose()?.ok_or(StoreError::NotFound { what: "lease" })
}

/// The organization's leases that are not closed.
pub async fn leases_open(db: &Db, scope: &OrgScope) -> Result<Vec<LeaseRow>, StoreError> {
    let rows = sqlx::query(
        "SELECT id, organization_id, gateway, epoch, granted, settled, returned, state, created_at_us, updated_at_us FROM lease \
         WHERE organization_id = $1 AND state <> 'closed' ORDER BY created_at_us, id",
    )
    .bind(scope.organization().to_string())
    .fetch_all(db.read())
    .await
    .act("list open leases")?;
    rows.iter().map(lease_row).collect()
}

/// A lease, locked until the transaction ends: the update that changes nothing is what both engines lock by.
pub(super) async fn lease_lock(tx: &mut Tx, organization: OrganizationId, lease: LeaseId) -> Result<Option<LeaseRow>, StoreError> {
    let row = sqlx::query(
        "UPDATE lease SET state = state WHERE id = $1 AND organization_id = $2 \
         RETURNING id, organization_id, gateway, epoch, granted, settled, returned, state, created_at_us, updated_at_us",
    )
    .bind(lease.to_string())
    .bind(organization.to_string())
    .fetch_optional(&mut **tx)
    .await
    .act("lock a lease")?;
    row.as_ref().map(lease_row).transpose()
}

/// The open leases of one epoch, locked.
pub(super) async fn leases_lock_epoch(tx: &mut Tx, gateway: GatewayId, epoch: Epoch) -> Result<Vec<LeaseRow>, StoreError> {
    let rows = sqlx::query(
        "UPDATE lease SET state = state WHERE gateway = $1 AND epoch = $2 AND state <> 'closed' \
         RETURNING id, organization_id, gateway, epoch, granted, settled, returned, state, created_at_us, updated_at_us",
    )
    .bind(gateway.to_string())
    .bind(stored(epoch.0))
    .fetch_all(&mut **tx)
    .await
    .act("lock an epoch's leases")?;
    rows.iter().map(lease_row).collect()
}

/// Writes a new lease.
pub(super) async fn lease_insert(tx: &mut Tx, lease: &LeaseRow) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO lease (id, organization_id, gateway, epoch, granted, settled, returned, state, created_at_us, updated_at_us) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(lease.lease.to_string())
    .bind(lease.organization.to_string())
    .bind(lease.gateway.to_string())
    .bind(stored(lease.epoch.0))
    .bind(lease.granted.0)
    .bind(lease.settled.0)
    .bind(lease.returned.0)
    .bind(lease.state.as_str())
    .bind(lease.created_at.0)
    .bind(lease.updated_at.0)
    .execute(&mut **tx)
    .await
    .act_unique("write a lease", "lease")?;
    Ok(())
}

/// Writes a locked lease back.
pub(super) async fn lease_update(tx: &mut Tx, lease: &LeaseRow) -> Result<(), StoreError> {
    sqlx::query("UPDATE lease SET granted = $2, settled = $3, returned = $4, state = $5, updated_at_us = $6 WHERE id = $1")
        .bind(lease.lease.to_string())
        .bind(lease.granted.0)
        .bind(lease.settled.0)
        .bind(lease.returned.0)
        .bind(lease.state.as_str())
        .bind(lease.updated_at.0)
        .execute(&mut **tx)
        .await
        .act("change a lease")?;
    Ok(())
}

fn lease_row(row: &AnyRow) -> Result<LeaseRow, StoreError> {
    let columns = Columns(row);
    Ok(LeaseRow {
        lease: columns.id("id")?,
        organization: columns.id("organization_id")?,
        gateway: columns.gateway("gateway")?,
        epoch: columns.epoch("epoch")?,
        granted: columns.money("granted")?,
        settled: columns.money("settled")?,
        returned: columns.money("returned")?,
        state: columns.word("state", LeaseState::parse)?,
        created_at: columns.time("created_at_us")?,
        updated_at: columns.time("updated_at_us")?,
    })
}
