//! The gateways' end, wherever control is.

use domain::{Epoch, GatewayId, LeaseId, NanoUsd, OrgScope, ProviderKeyId, UnixMicros};
use serde::{Deserialize, Serialize};
use store::{
    BudgetAsk, BudgetGranted, CallerRow, DataKeyRow, Db, LeaseExtend, LeaseGrant, LeaseGranted, LeaseReturn, ProviderKeyUse,
    SealedProviderKeyRow, StoreError,
};

use crate::client::Remote;
use crate::feed::Feed;

/// An organization's own provider keys, and the data keys that they are sealed with: nothing of it opens without the master key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrganizationKeys {
    /// By priority and id.
    pub rows: Vec<SealedProviderKeyRow>,
    /// One that is missing is gone.
    pub data_keys: Vec<DataKeyRow>,
}

/// Where a gateway asks.
#[derive(Clone)]
pub enum Control {
    /// In this process: the store.
    Local(Db),
    /// Elsewhere.
    Remote(Box<Remote>),
}

impl Control {
    /// Whether control may be away while this process runs.
    pub const fn is_remote(&self) -> bool {
        matches!(self, Self::Remote(_))
    }

    /// Who presents a key with this SHA-256.
    pub async fn caller(&self, hash: &[u8; 32]) -> Result<Option<CallerRow>, StoreError> {
        match self {
            Self::Local(db) => store::caller_by_key_hash(db, hash).await,
            Self::Remote(remote) => remote.caller(hash).await,
        }
    }

    /// What changes after a revision; below zero: nothing is known yet.
    pub async fn watch(&self, after_revision: i64) -> Result<Feed, StoreError> {
        match self {
            Self::Local(db) => Ok(Feed::local(db.clone(), after_revision)),
            Self::Remote(remote) => remote.watch(after_revision).await.map(Feed::Remote),
        }
    }

    /// The organization's own provider keys.
    pub async fn provider_keys(&self, scope: &OrgScope) -> Result<OrganizationKeys, StoreError> {
        match self {
            Self::Local(db) => provider_keys(db, scope).await,
            Self::Remote(remote) => remote.provider_keys(scope).await,
        }
    }

    /// Notes how provider keys did.
    pub async fn provider_keys_used(&self, uses: &[ProviderKeyUse]) -> Result<(), StoreError> {
        match self {
            Self::Local(db) => store::provider_keys_used(db, uses).await,
            Self::Remote(remote) => remote.provider_keys_used(uses).await,
        }
    }

    /// What one key's calls cost this month and ever.
    pub async fn provider_key_spent(&self, scope: &OrgScope, id: ProviderKeyId, now: UnixMicros) -> Result<(NanoUsd, NanoUsd), StoreError> {
        match self {
            Self::Local(db) => store::provider_key_spent(db, scope, id, now).await,
            Self::Remote(remote) => remote.provider_key_spent(scope, id, now).await,
        }
    }

    /// Grants a lease.
    pub async fn lease_grant(&self, scope: &OrgScope, ask: &LeaseGrant) -> Result<LeaseGranted, StoreError> {
        match self {
            Self::Local(db) => store::lease_grant(db, scope, ask).await,
            Self::Remote(remote) => remote.lease_grant(scope, ask).await,
        }
    }

    /// Extends a lease.
    pub async fn lease_extend(&self, scope: &OrgScope, ask: &LeaseExtend) -> Result<LeaseGranted, StoreError> {
        match self {
            Self::Local(db) => store::lease_extend(db, scope, ask).await,
            Self::Remote(remote) => remote.lease_extend(scope, ask).await,
        }
    }

    /// Ids of the organization's leases that are not closed.
    pub async fn leases_open(&self, scope: &OrgScope) -> Result<Vec<LeaseId>, StoreError> {
        match self {
            Self::Local(db) => Ok(store::leases_open(db, scope).await?.iter().map(|lease| lease.lease).collect()),
            Self::Remote(remote) => remote.leases_open(scope).await,
        }
    }

    /// Asks for room in a window of a budget.
    pub async fn budget_lease_ask(&self, scope: &OrgScope, ask: &BudgetAsk) -> Result<BudgetGranted, StoreError> {
        match self {
            Self::Local(db) => store::budget_lease_ask(db, scope, ask).await,
            Self::Remote(remote) => remote.budget_lease_ask(scope, ask).await,
        }
    }

    /// Gives room back. Answers what was taken back.
    pub async fn budget_lease_return(&self, scope: &OrgScope, give: &LeaseReturn) -> Result<NanoUsd, StoreError> {
        match self {
            Self::Local(db) => store::budget_lease_return(db, scope, give).await,
            Self::Remote(remote) => remote.budget_lease_return(scope, give).await,
        }
    }

    /// Leases of budgets that a gateway has in this life and is to give back.
    pub async fn budget_leases_recalled(&self, gateway: GatewayId, epoch: Epoch) -> Result<Vec<LeaseId>, StoreError> {
        match self {
            Self::Local(db) => store::budget_leases_recalled(db, gateway, epoch).await,
            Self::Remote(remote) => remote.budget_leases_recalled(gateway, epoch).await,
        }
    }
}

pub(crate) async fn provider_keys(db: &Db, scope: &OrgScope) -> Result<OrganizationKeys, StoreError> {
    let rows = store::provider_keys_sealed(db, scope).await?;
    let mut versions: Vec<u32> = rows.iter().map(|row| row.key_version).collect();
    versions.sort_unstable();
    versions.dedup();
    let mut data_keys = Vec::with_capacity(versions.len());
    for version in versions {
        data_keys.extend(store::data_key_get(db, scope, Some(version)).await?);
    }
    Ok(OrganizationKeys { rows, data_keys })
}
