//! How much in all: the analytics side of reconcile.

use domain::{Epoch, GatewayId, OrgScope};

use crate::calls::blob;
use crate::db::Analytics;
use crate::error::{Act, AnalyticsError};
use crate::sums::{Sums, stored, sum_selects, sums_row};

/// Every call of the scope ever taken in.
pub async fn totals(db: &Analytics, scope: &OrgScope) -> Result<Sums, AnalyticsError> {
    let row = sqlx::query(concat!("SELECT ", sum_selects!(), " FROM source_total WHERE organization_id = $1"))
        .bind(blob(scope.organization().uuid()))
        .fetch_one(db.read())
        .await
        .act("sum an organization's calls")?;
    sums_row(&row)
}

/// Every call ever taken in. For reconcile and operators: it takes no scope.
pub async fn totals_all(db: &Analytics) -> Result<Sums, AnalyticsError> {
    let row = sqlx::query(concat!("SELECT ", sum_selects!(), " FROM source_total")).fetch_one(db.read()).await.act("sum all calls")?;
    sums_row(&row)
}

/// Every call of one life of a gateway. For reconcile: it takes no scope.
pub async fn totals_by_epoch(db: &Analytics, gateway: GatewayId, epoch: Epoch) -> Result<Sums, AnalyticsError> {
    let row = sqlx::query(concat!("SELECT ", sum_selects!(), " FROM source_total WHERE gateway = $1 AND epoch = $2"))
        .bind(blob(gateway.0))
        .bind(stored(epoch.0))
        .fetch_one(db.read())
        .await
        .act("sum an epoch's calls")?;
    sums_row(&row)
}
