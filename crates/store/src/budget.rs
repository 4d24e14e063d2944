//! Budgets: how much a scope may spend in each window. What is spent and leased of a window is in `ledger`.

use domain::{BudgetId, NanoUsd, OrgScope, OrganizationId, Period, UnixMicros};
use serde_json::{Value, json};
use sqlx::any::AnyRow;

use crate::audit::{Author, NewAudit, Trail};
use crate::change::{NewChange, change_insert};
use crate::db::{Db, Tx, commit};
use crate::error::{Act, StoreError};
use crate::row::Columns;
use crate::words::{AuditAction, BudgetCounts, BudgetScopeKind, BudgetStatus, BudgetUnit, ChangeKind, Enforcement, SubjectKind};

/// Limit: budgets of one organization.
pub const BUDGETS_MAX: i64 = 100_000;
/// Limit: budgets on one scope. A call is held in all that match it.
pub const BUDGETS_PER_SCOPE_MAX: i64 = 10;
/// Limit: budgets on tags, models and providers of one organization together: gateways keep them with every key.
pub const BUDGETS_BY_CALL_MAX: i64 = 500;

/// What a budget is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BudgetScope {
    /// What kind of thing.
    pub kind: BudgetScopeKind,
    /// Its id, or its name: of a tag, of a model or provider in the catalog. Of an organization its own id.
    pub value: String,
}

/// A budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetRow {
    /// Which.
    pub id: BudgetId,
    /// Whose.
    pub organization: OrganizationId,
    /// For display.
    pub name: String,
    /// Which calls count.
    pub scope: BudgetScope,
    /// What the amount is in.
    pub unit: BudgetUnit,
    /// How much fits one window.
    pub amount: NanoUsd,
    /// How long windows are.
    pub period: Period,
    /// IANA name of where they begin.
    pub time_zone: String,
    /// What becomes of calls that do not fit.
    pub enforcement: Enforcement,
    /// What a call adds.
    pub counts: BudgetCounts,
    /// Percents of the amount at which an alert is written, rising.
    pub alerts: Vec<u32>,
    /// Whether it counts.
    pub status: BudgetStatus,
    /// When it was made.
    pub created_at: UnixMicros,
    /// When a setting last changed.
    pub updated_at: UnixMicros,
}

/// A budget about to be made: active, from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBudget {
    /// Its id.
    pub id: BudgetId,
    /// For display.
    pub name: String,
    /// Which calls count.
    pub scope: BudgetScope,
    /// How much fits one window; not below zero.
    pub amount: NanoUsd,
    /// How long windows are.
    pub period: Period,
    /// IANA name of where they begin.
    pub time_zone: String,
    /// What becomes of calls that do not fit.
    pub enforcement: Enforcement,
    /// What a call adds.
    pub counts: BudgetCounts,
    /// Percents of the amount at which an alert is written, rising.
    pub alerts: Vec<u32>,
}

/// New settings; `None` leaves one as it is. Scope, window and what counts are for ever: figures of another meaning
/// belong to another budget.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BudgetUpdate {
    /// A new name.
    pub name: Option<String>,
    /// Another amount, from now on.
    pub amount: Option<NanoUsd>,
    /// Hard or soft.
    pub enforcement: Option<Enforcement>,
    /// Other thresholds; those passed already do not alert again.
    pub alerts: Option<Vec<u32>>,
    /// Active or disabled.
    pub status: Option<BudgetStatus>,
}

/// Which budgets, and which part of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BudgetFilter {
    /// Of this kind of scope only.
    pub kind: Option<BudgetScopeKind>,
    /// Of this scope's value only.
    pub value: Option<String>,
    /// Behind this one.
    pub after: Option<BudgetId>,
    /// At most so many.
    pub limit: u32,
}

/// Makes a budget and tells gateways.
pub async fn budget_create(db: &Db, scope: &OrgScope, new: &NewBudget, author: &Author) -> Result<BudgetRow, StoreError> {
    let mut tx = db.begin_write().await?;
    budget_fits(&mut tx, scope, &new.scope).await?;
    let budget = budget_of(scope, new, author.at);
    budget_insert(&mut tx, &budget).await?;
    budgets_changed(&mut tx, scope, new.id, author.at).await?;
    let audit = budget_audit(scope, AuditAction::BudgetCreated, new.id, Value::Null, budget_said(&budget));
    commit(tx, "make a budget", Trail::Audit(author, &audit)).await?;
    Ok(budget)
}

/// Makes a budget that comes with something else (a short-lived token); one with this id that is there already stays as
/// it is. Gateways learn of it from what it comes with, and the audit log tells of that.
pub async fn budget_ensure(db: &Db, scope: &OrgScope, new: &NewBudget, now: UnixMicros) -> Result<BudgetRow, StoreError> {
    let mut tx = db.begin_write().await?;
    match budget_read(&mut tx, scope, new.id).await {
        Err(StoreError::NotFound { .. }) => {}
        known => return known,
    }
    let budget = budget_of(scope, new, now);
    budget_insert(&mut tx, &budget).await?;
    commit(tx, "make a budget", Trail::Bookkeeping).await?;
    Ok(budget)
}

/// One budget of the scope that is not deleted.
pub async fn budget_get(db: &Db, scope: &OrgScope, id: BudgetId) -> Result<BudgetRow, StoreError> {
    let row = sqlx::query(
        "SELECT id, organization_id, name, scope_kind, scope_value, unit, amount, period, time_zone, enforcement, counts, alerts, status, \
         created_at_us, updated_at_us FROM budget WHERE organization_id = $1 AND id = $2 AND status <> 'deleted'",
    )
    .bind(scope.organization().to_string())
    .bind(id.to_string())
    .fetch_optional(db.read())
    .await
    .act("read a budget")?;
    row.as_ref().map(budget_row).transpose()?.ok_or(StoreError::NotFound { what: "budget" })
}

/// Budgets of the scope that are not deleted, in the order of their ids (which is that of their making). Those of short-lived
/// tokens are many and short-lived, too: they are listed only when their kind is asked for.
pub async fn budget_list(db: &Db, scope: &OrgScope, filter: &BudgetFilter) -> Result<Vec<BudgetRow>, StoreError> {
    let rows = sqlx::query(
        "SELECT id, organization_id, name, scope_kind, scope_value, unit, amount, period, time_zone, enforcement, counts, alerts, status, \
         created_at_us, updated_at_us FROM budget WHERE organization_id = $1 AND id > $2 AND status <> 'deleted' \
         AND (($3 = '' AND scope_kind <> 'ephemeral') OR scope_kind = $3) AND ($4 = '' OR scope_value = $4) ORDER BY id LIMIT $5",
    )
    .bind(scope.organization().to_string())
    .bind(filter.after.map(|after| after.to_string()).unwrap_or_default())
    .bind(filter.kind.map(|kind| kind.as_str().to_owned()).unwrap_or_default())
    .bind(filter.value.clone().unwrap_or_default())
    .bind(i64::from(filter.limit))
    .fetch_all(db.read())
    .await
    .act("list budgets")?;
    rows.iter().map(budget_row).collect()
}

/// The active budgets on one scope: for gateways, which find a call's scope by something other than its key.
pub async fn budgets_of(db: &Db, scope: &OrgScope, of: &BudgetScope) -> Result<Vec<BudgetRow>, StoreError> {
    let rows = sqlx::query(
        "SELECT id, organization_id, name, scope_kind, scope_value, unit, amount, period, time_zone, enforcement, counts, alerts, status, \
         created_at_us, updated_at_us FROM budget WHERE organization_id = $1 AND status = 'active' AND scope_kind = $2 AND scope_value = $3 \
         ORDER BY id",
    )
    .bind(scope.organization().to_string())
    .bind(of.kind.as_str())
    .bind(&*of.value)
    .fetch_all(db.read())
    .await
    .act("read a scope's budgets")?;
    rows.iter().map(budget_row).collect()
}

/// What a key's calls belong to, by ids.
pub(crate) struct KeyScopes<'a> {
    pub project: &'a str,
    pub key: &'a str,
    pub maker: Option<&'a str>,
    pub sub_account: Option<&'a str>,
}

/// The active budgets that calls with one key may count in: those on the organization, the project, the sub-account, the
/// key and its maker, and all on tags, models and providers, which only the call decides.
pub(crate) async fn budgets_of_key(db: &Db, organization: OrganizationId, of: &KeyScopes<'_>) -> Result<Vec<BudgetRow>, StoreError> {
    let rows = sqlx::query(
        "SELECT id, organization_id, name, scope_kind, scope_value, unit, amount, period, time_zone, enforcement, counts, alerts, status, \
         created_at_us, updated_at_us FROM budget WHERE status = 'active' AND (\
         (organization_id = $1 AND scope_kind IN ('organization', 'tag', 'model', 'provider')) \
         OR (organization_id = $1 AND scope_kind = 'project' AND scope_value = $2) \
         OR (organization_id = $1 AND scope_kind = 'api_key' AND scope_value = $3) \
         OR (organization_id = $1 AND scope_kind = 'member' AND scope_value = $4) \
         OR (organization_id = $1 AND scope_kind = 'sub_account' AND scope_value = $5)) ORDER BY id",
    )
    .bind(organization.to_string())
    .bind(of.project.to_owned())
    .bind(of.key.to_owned())
    .bind(of.maker.unwrap_or_default().to_owned())
    .bind(of.sub_account.unwrap_or_default().to_owned())
    .fetch_all(db.read())
    .await
    .act("read a key's budgets")?;
    rows.iter().map(budget_row).collect()
}

/// Changes settings, tells gateways, and answers with the budget as it is then. Room that gateways have leased and not
/// used comes back, so that a lower amount holds within a second.
pub async fn budget_update(
    db: &Db,
    scope: &OrgScope,
    id: BudgetId,
    update: &BudgetUpdate,
    author: &Author,
) -> Result<BudgetRow, StoreError> {
    let mut tx = db.begin_write().await?;
    let before = budget_read(&mut tx, scope, id).await?;
    let after = BudgetRow {
        name: update.name.clone().unwrap_or_else(|| before.name.clone()),
        amount: update.amount.unwrap_or(before.amount),
        enforcement: update.enforcement.unwrap_or(before.enforcement),
        alerts: update.alerts.clone().unwrap_or_else(|| before.alerts.clone()),
        status: update.status.unwrap_or(before.status),
        updated_at: author.at,
        ..before.clone()
    };
    budget_write(&mut tx, &after).await?;
    let audit = budget_audit(scope, AuditAction::BudgetChanged, id, budget_said(&before), budget_said(&after));
    commit(tx, "change a budget", Trail::Audit(author, &audit)).await?;
    Ok(after)
}

/// Deletes a budget and tells gateways. Calls in flight settle in it; nothing else counts.
pub async fn budget_delete(db: &Db, scope: &OrgScope, id: BudgetId, author: &Author) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    let before = budget_read(&mut tx, scope, id).await?;
    let after = BudgetRow { status: BudgetStatus::Deleted, updated_at: author.at, ..before.clone() };
    budget_write(&mut tx, &after).await?;
    let audit = budget_audit(scope, AuditAction::BudgetDeleted, id, budget_said(&before), Value::Null);
    commit(tx, "delete a budget", Trail::Audit(author, &audit)).await
}

fn budget_of(scope: &OrgScope, new: &NewBudget, now: UnixMicros) -> BudgetRow {
    BudgetRow {
        id: new.id,
        organization: scope.organization(),
        name: new.name.clone(),
        scope: new.scope.clone(),
        unit: BudgetUnit::NanoUsd,
        amount: new.amount,
        period: new.period,
        time_zone: new.time_zone.clone(),
        enforcement: new.enforcement,
        counts: new.counts,
        alerts: new.alerts.clone(),
        status: BudgetStatus::Active,
        created_at: now,
        updated_at: now,
    }
}

async fn budget_write(tx: &mut Tx, budget: &BudgetRow) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE budget SET name = $3, amount = $4, enforcement = $5, alerts = $6, status = $7, updated_at_us = $8 \
         WHERE organization_id = $1 AND id = $2",
    )
    .bind(budget.organization.to_string())
    .bind(budget.id.to_string())
    .bind(&*budget.name)
    .bind(budget.amount.0)
    .bind(budget.enforcement.as_str())
    .bind(alerts_stored(&budget.alerts)?)
    .bind(budget.status.as_str())
    .bind(budget.updated_at.0)
    .execute(&mut **tx)
    .await
    .act("change a budget")?;
    sqlx::query("UPDATE budget_lease SET recalled = 1 WHERE budget_id = $1 AND state = 'active'")
        .bind(budget.id.to_string())
        .execute(&mut **tx)
        .await
        .act("recall a budget's leases")?;
    change_insert(tx, &budget_change(budget.organization, &budget.id.to_string(), budget.updated_at)).await
}

async fn budgets_changed(tx: &mut Tx, scope: &OrgScope, id: BudgetId, now: UnixMicros) -> Result<(), StoreError> {
    change_insert(tx, &budget_change(scope.organization(), &id.to_string(), now)).await
}

const fn budget_change(organization: OrganizationId, subject: &str, now: UnixMicros) -> NewChange<'_> {
    NewChange { organization, kind: ChangeKind::BudgetsChanged, subject, key_hash: None, now }
}

/// Refuses one more where the limits are reached.
async fn budget_fits(tx: &mut Tx, scope: &OrgScope, on: &BudgetScope) -> Result<(), StoreError> {
    let row = sqlx::query(
        "SELECT COUNT(*) AS budgets, CAST(COALESCE(SUM(CASE WHEN scope_kind = $2 AND scope_value = $3 THEN 1 ELSE 0 END), 0) AS BIGINT) \
         AS same, CAST(COALESCE(SUM(CASE WHEN scope_kind IN ('tag', 'model', 'provider') THEN 1 ELSE 0 END), 0) AS BIGINT) AS by_call \
         FROM budget WHERE organization_id = $1 AND status <> 'deleted'",
    )
    .bind(scope.organization().to_string())
    .bind(on.kind.as_str())
    .bind(&*on.value)
    .fetch_one(&mut **tx)
    .await
    .act("count budgets")?;
    let columns = Columns(&row);
    let by_call = matches!(on.kind, BudgetScopeKind::Tag | BudgetScopeKind::Model | BudgetScopeKind::Provider);
    if columns.int("budgets")? >= BUDGETS_MAX {
        return Err(StoreError::Invalid { what: "the organization has 100,000 budgets, which is the most there can be; delete some" });
    }
    if columns.int("same")? >= BUDGETS_PER_SCOPE_MAX {
        return Err(StoreError::Invalid {
            what: "there are 10 budgets on this scope, which is the most there can be; change or delete one",
        });
    }
    if by_call && columns.int("by_call")? >= BUDGETS_BY_CALL_MAX {
        return Err(StoreError::Invalid {
            what: "there are 500 budgets on tags, models and providers, which is the most there can be; delete some",
        });
    }
    Ok(())
}

async fn budget_insert(tx: &mut Tx, budget: &BudgetRow) -> Result<(), StoreError> {
    if budget.amount.is_negative() {
        return Err(StoreError::Invalid { what: "a budget's amount must not be below zero" });
    }
    sqlx::query(
        "INSERT INTO budget (id, organization_id, name, scope_kind, scope_value, unit, amount, period, time_zone, enforcement, counts, \
         alerts, status, created_at_us, updated_at_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
    )
    .bind(budget.id.to_string())
    .bind(budget.organization.to_string())
    .bind(&*budget.name)
    .bind(budget.scope.kind.as_str())
    .bind(&*budget.scope.value)
    .bind(budget.unit.as_str())
    .bind(budget.amount.0)
    .bind(budget.period.as_str())
    .bind(&*budget.time_zone)
    .bind(budget.enforcement.as_str())
    .bind(budget.counts.as_str())
    .bind(alerts_stored(&budget.alerts)?)
    .bind(budget.status.as_str())
    .bind(budget.created_at.0)
    .bind(budget.updated_at.0)
    .execute(&mut **tx)
    .await
    .act_unique("write a budget", "budget")?;
    Ok(())
}

/// One budget of the scope that is not deleted, within a transaction.
async fn budget_read(tx: &mut Tx, scope: &OrgScope, id: BudgetId) -> Result<BudgetRow, StoreError> {
    let row = sqlx::query(
        "SELECT id, organization_id, name, scope_kind, scope_value, unit, amount, period, time_zone, enforcement, counts, alerts, status, \
         created_at_us, updated_at_us FROM budget WHERE organization_id = $1 AND id = $2 AND status <> 'deleted'",
    )
    .bind(scope.organization().to_string())
    .bind(id.to_string())
    .fetch_optional(&mut **tx)
    .await
    .act("read a budget")?;
    row.as_ref().map(budget_row).transpose()?.ok_or(StoreError::NotFound { what: "budget" })
}

fn budget_audit(scope: &OrgScope, action: AuditAction, id: BudgetId, before: Value, after: Value) -> NewAudit {
    NewAudit { organization: scope.organization(), action, subject: (SubjectKind::Budget, id.to_string()), before, after }
}

/// What the audit log says of a budget.
fn budget_said(budget: &BudgetRow) -> Value {
    json!({
        "name": budget.name, "scope": budget.scope.kind.as_str(), "scope_value": budget.scope.value, "amount_nano_usd": budget.amount.0,
        "window": budget.period.as_str(), "time_zone": budget.time_zone, "enforcement": budget.enforcement.as_str(),
        "counts": budget.counts.as_str(), "alerts": budget.alerts, "status": budget.status.as_str(),
    })
}

fn alerts_stored(alerts: &[u32]) -> Result<String, StoreError> {
    serde_json::to_string(alerts).map_err(|error| StoreError::Failed { act: "spell a budget's alerts", source: error.into() })
}

pub(crate) fn alerts_read(text: &str) -> Result<Vec<u32>, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Corrupt { what: "alerts" })
}

fn budget_row(row: &AnyRow) -> Result<BudgetRow, StoreError> {
    let columns = Columns(row);
    Ok(BudgetRow {
        id: columns.id("id")?,
        organization: columns.id("organization_id")?,
        name: columns.text("name")?,
        scope: BudgetScope { kind: columns.word("scope_kind", BudgetScopeKind::parse)?, value: columns.text("scope_value")? },
        unit: columns.word("unit", BudgetUnit::parse)?,
        amount: columns.money("amount")?,
        period: columns.word("period", Period::parse)?,
        time_zone: columns.text("time_zone")?,
        enforcement: columns.word("enforcement", Enforcement::parse)?,
        counts: columns.word("counts", BudgetCounts::parse)?,
        alerts: alerts_read(&columns.text("alerts")?)?,
        status: columns.word("status", BudgetStatus::parse)?,
        created_at: columns.time("created_at_us")?,
        updated_at: columns.time("updated_at_us")?,
    })
}
