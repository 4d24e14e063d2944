//! The accounts that money moves between.

use domain::OrganizationId;

use crate::db::Tx;
use crate::error::{Act, StoreError};

/// An account. The first two exist once per organization, the others once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Account {
    /// What the organization can still spend or lease.
    Credits,
    /// What gateways hold of it.
    Leased,
    /// What calls were charged.
    Revenue,
    /// Credit that we gave.
    Promo,
    /// Credit that was bought.
    StripeClearing,
    /// Overshoot that we took over, by correction.
    Overshoot,
    /// What providers produced and nobody pays.
    CrashLoss,
    /// What we owe providers for it.
    ProviderCost,
}

impl Account {
    /// The kind, as stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Credits => "credits",
            Self::Leased => "leased",
            Self::Revenue => "revenue",
            Self::Promo => "promo",
            Self::StripeClearing => "stripe_clearing",
            Self::Overshoot => "overshoot",
            Self::CrashLoss => "crash_loss",
            Self::ProviderCost => "provider_cost",
        }
    }

    /// True when each organization has its own.
    pub const fn is_tenant(self) -> bool {
        matches!(self, Self::Credits | Self::Leased)
    }

    /// The row: `credits:org_…` or `system:revenue`.
    pub(crate) fn id(self, organization: OrganizationId) -> String {
        if self.is_tenant() { format!("{}:{organization}", self.as_str()) } else { format!("system:{}", self.as_str()) }
    }
}

/// Makes sure that an organization has its accounts.
pub(super) async fn accounts_open(tx: &mut Tx, organization: OrganizationId) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO ledger_account (id, organization_id, kind, balance) VALUES ($1, $3, 'credits', 0), ($2, $3, 'leased', 0) \
         ON CONFLICT (id) DO NOTHING",
    )
    .bind(Account::Credits.id(organization))
    .bind(Account::Leased.id(organization))
    .bind(organization.to_string())
    .execute(&mut **tx)
    .await
    .act("open an organization's accounts")?;
    Ok(())
}

/// A balance as this transaction sees it; zero when the account was never used.
pub(super) async fn account_balance(tx: &mut Tx, id: &str) -> Result<i64, StoreError> {
    let balance: Option<i64> = sqlx::query_scalar("SELECT balance FROM ledger_account WHERE id = $1")
        .bind(id)
        .fetch_optional(&mut **tx)
        .await
        .act("read a balance")?;
    Ok(balance.unwrap_or(0))
}
