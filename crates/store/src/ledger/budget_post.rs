//! What calls spent of budgets, posted in the ledger consumer's transaction, and the thresholds that they passed.

use std::collections::BTreeMap;

use domain::{BudgetId, LeaseId, NanoUsd, OrgScope, OrganizationId, UnixMicros, Window};
use sqlx::any::AnyRow;

use crate::budget::alerts_read;
use crate::db::{Db, Tx};
use crate::error::{Act, StoreError};
use crate::ledger::budget_lease::{budget_lease_lock, budget_lease_write, window_open};
use crate::ledger::post::PostedEvent;
use crate::row::{Columns, stored};

/// One budget that a call counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetUse {
    /// Which.
    pub budget: BudgetId,
    /// The window that the call was admitted in.
    pub window: Window,
    /// What it was held against; `None` for a soft budget.
    pub lease: Option<LeaseId>,
    /// What it adds.
    pub amount: NanoUsd,
}

/// A window's figures. What is left is the budget's amount − spent − leased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetFigures {
    /// Which window.
    pub window: Window,
    /// What posted calls spent.
    pub spent: NanoUsd,
    /// What gateways hold for calls under way and to come.
    pub leased: NanoUsd,
    /// Part of `spent` that the calls' leases did not cover: true bills above their holds.
    pub overshoot: NanoUsd,
    /// Calls that count in it.
    pub calls: u64,
}

/// A window's spending reached a threshold: once per budget, window and threshold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetAlertRow {
    /// Grows by each alert; a reader asks for what came after the last one it handled.
    pub position: i64,
    /// Whose.
    pub organization: OrganizationId,
    /// Of which budget. It may be deleted meanwhile.
    pub budget: BudgetId,
    /// In which window.
    pub window: Window,
    /// Percent of the amount.
    pub threshold: u32,
    /// The budget's amount then.
    pub amount: NanoUsd,
    /// What was spent of it then.
    pub spent: NanoUsd,
    /// When it was posted.
    pub at: UnixMicros,
}

/// The oldest alerts after a position, oldest first, for all organizations: who delivers them acts for the instance.
pub async fn budget_alerts_after(db: &Db, position: i64, limit: u32) -> Result<Vec<BudgetAlertRow>, StoreError> {
    let rows = sqlx::query(
        "SELECT position, organization_id, budget_id, window_start_us, window_end_us, threshold, amount, spent, at_us FROM budget_alert \
         WHERE position > $1 ORDER BY position LIMIT $2",
    )
    .bind(position)
    .bind(i64::from(limit))
    .fetch_all(db.read())
    .await
    .act("read budget alerts")?;
    rows.iter().map(alert_row).collect()
}

/// The newest window that began by `now` of each budget asked for, in the order asked; `None` where nothing was leased or
/// spent in any yet. Limit: it asks once per budget, so it is for a page of them.
pub async fn budget_figures(
    db: &Db,
    scope: &OrgScope,
    budgets: &[BudgetId],
    now: UnixMicros,
) -> Result<Vec<Option<BudgetFigures>>, StoreError> {
    let mut tx = db.begin_read().await?;
    let mut all = Vec::with_capacity(budgets.len());
    for budget in budgets {
        let row = sqlx::query(
            "SELECT window_start_us, window_end_us, spent, leased, overshoot, calls FROM budget_window \
             WHERE organization_id = $1 AND budget_id = $2 AND window_start_us <= $3 ORDER BY window_start_us DESC LIMIT 1",
        )
        .bind(scope.organization().to_string())
        .bind(budget.to_string())
        .bind(now.0)
        .fetch_optional(&mut *tx)
        .await
        .act("read a budget's window")?;
        all.push(row.as_ref().map(figures_row).transpose()?);
    }
    Ok(all)
}

/// One posting to be: one lane's calls in one window, held against one lease.
struct Sum {
    /// `gateway:epoch:lane:first_seq:budget`: a sequence number is in one posting of a budget only.
    id: String,
    organization: OrganizationId,
    window: Window,
    calls: u64,
    amount: NanoUsd,
}

/// Sums by window and lease. A call that names a budget twice counts once.
#[derive(Default)]
pub(super) struct BudgetSums(BTreeMap<(BudgetId, UnixMicros, Option<LeaseId>, String), Sum>);

impl BudgetSums {
    /// Counts one call in.
    pub(super) fn add(&mut self, event: &PostedEvent) {
        for (at, used) in event.budgets.iter().enumerate() {
            if event.budgets.iter().take(at).any(|before| before.budget == used.budget) {
                continue;
            }
            let source = format!("{}:{}:{}", event.gateway, event.epoch.0, event.lane.as_u8());
            let new = || Sum {
                id: format!("{source}:{}:{}", event.seq.0, used.budget),
                organization: event.organization,
                window: used.window,
                calls: 0,
                amount: NanoUsd::ZERO,
            };
            let sum = self.0.entry((used.budget, used.window.start, used.lease, source.clone())).or_insert_with(new);
            sum.calls += 1;
            sum.amount = sum.amount.saturating_add(used.amount);
        }
    }

    /// Posts them all: each to its window and, as far as that goes, against its lease.
    ///
    /// Invariant V2: a lease never covers more than is left on it; the rest of a bill is named `overshoot`. A budget that
    /// is not the event's organization's is passed over.
    pub(super) async fn post(self, tx: &mut Tx, now: UnixMicros) -> Result<(), StoreError> {
        for ((budget, _, lease, _), sum) in self.0 {
            window_open(tx, sum.organization, budget, sum.window).await?;
            let Some(alerts) = budget_alerts_of(tx, sum.organization, budget).await? else { continue };
            let covered = match lease {
                Some(lease) => cover(tx, &sum, budget, lease, now).await?,
                None => sum.amount,
            };
            let over = sum.amount - covered;
            posting_insert(tx, &sum, budget, lease, over, now).await?;
            let spent = spend(tx, &sum, budget, (if lease.is_some() { covered } else { NanoUsd::ZERO }, over)).await?;
            for threshold in alerts.thresholds.iter().filter(|threshold| is_reached(**threshold, spent, alerts.amount)) {
                alert_insert(tx, &sum, budget, (*threshold, alerts.amount, spent), now).await?;
            }
        }
        Ok(())
    }
}

/// Whether so many percent of an amount are spent. Nothing is a part of an amount of zero that no call has passed.
fn is_reached(threshold: u32, spent: NanoUsd, amount: NanoUsd) -> bool {
    spent > NanoUsd::ZERO && i128::from(spent.0) * 100 >= i128::from(amount.0) * i128::from(threshold)
}

/// Takes the amount from its lease; answers with how much of it that covered.
async fn cover(tx: &mut Tx, sum: &Sum, budget: BudgetId, lease: LeaseId, now: UnixMicros) -> Result<NanoUsd, StoreError> {
    let Some(mut lease) = budget_lease_lock(tx, sum.organization, lease).await? else { return Ok(NanoUsd::ZERO) };
    if lease.budget != budget || lease.window_start != sum.window.start {
        return Ok(NanoUsd::ZERO);
    }
    let covered = sum.amount.min(lease.remaining());
    lease.settled += covered;
    budget_lease_write(tx, &mut lease, now).await?;
    Ok(covered)
}

/// Adds to the window's figures; answers with all that is spent then.
async fn spend(tx: &mut Tx, sum: &Sum, budget: BudgetId, (leased, over): (NanoUsd, NanoUsd)) -> Result<NanoUsd, StoreError> {
    let spent: i64 = sqlx::query_scalar(
        "UPDATE budget_window SET spent = spent + $3, leased = leased - $4, overshoot = overshoot + $5, calls = calls + $6 \
         WHERE budget_id = $1 AND window_start_us = $2 RETURNING spent",
    )
    .bind(budget.to_string())
    .bind(sum.window.start.0)
    .bind(sum.amount.0)
    .bind(leased.0)
    .bind(over.0)
    .bind(stored(sum.calls))
    .fetch_one(&mut **tx)
    .await
    .act("post to a budget's window")?;
    Ok(NanoUsd(spent))
}

struct Alerts {
    amount: NanoUsd,
    thresholds: Vec<u32>,
}

/// `None`: there is no such budget of the organization.
async fn budget_alerts_of(tx: &mut Tx, organization: OrganizationId, budget: BudgetId) -> Result<Option<Alerts>, StoreError> {
    let row = sqlx::query("SELECT amount, alerts, status FROM budget WHERE organization_id = $1 AND id = $2")
        .bind(organization.to_string())
        .bind(budget.to_string())
        .fetch_optional(&mut **tx)
        .await
        .act("read a budget's alerts")?;
    let Some(row) = row else { return Ok(None) };
    let columns = Columns(&row);
    let thresholds = if columns.text("status")? == "active" { alerts_read(&columns.text("alerts")?)? } else { Vec::new() };
    Ok(Some(Alerts { amount: columns.money("amount")?, thresholds }))
}

async fn posting_insert(
    tx: &mut Tx,
    sum: &Sum,
    budget: BudgetId,
    lease: Option<LeaseId>,
    over: NanoUsd,
    now: UnixMicros,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO budget_posting (id, budget_id, window_start_us, organization_id, lease_id, calls, amount, overshoot, at_us) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(&*sum.id)
    .bind(budget.to_string())
    .bind(sum.window.start.0)
    .bind(sum.organization.to_string())
    .bind(lease.map(|lease| lease.to_string()))
    .bind(stored(sum.calls))
    .bind(sum.amount.0)
    .bind(over.0)
    .bind(now.0)
    .execute(&mut **tx)
    .await
    .act_unique("write a budget's posting", "posting")?;
    Ok(())
}

async fn alert_insert(
    tx: &mut Tx,
    sum: &Sum,
    budget: BudgetId,
    (threshold, amount, spent): (u32, NanoUsd, NanoUsd),
    now: UnixMicros,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO budget_alert (organization_id, budget_id, window_start_us, window_end_us, threshold, amount, spent, at_us) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (budget_id, window_start_us, threshold) DO NOTHING",
    )
    .bind(sum.organization.to_string())
    .bind(budget.to_string())
    .bind(sum.window.start.0)
    .bind(sum.window.end_stored())
    .bind(i64::from(threshold))
    .bind(amount.0)
    .bind(spent.0)
    .bind(now.0)
    .execute(&mut **tx)
    .await
    .act("write a budget alert")?;
    Ok(())
}

fn figures_row(row: &AnyRow) -> Result<BudgetFigures, StoreError> {
    let columns = Columns(row);
    Ok(BudgetFigures {
        window: Window::stored(columns.int("window_start_us")?, columns.int("window_end_us")?),
        spent: columns.money("spent")?,
        leased: columns.money("leased")?,
        overshoot: columns.money("overshoot")?,
        calls: columns.count("calls")?,
    })
}

fn alert_row(row: &AnyRow) -> Result<BudgetAlertRow, StoreError> {
    let columns = Columns(row);
    Ok(BudgetAlertRow {
        position: columns.int("position")?,
        organization: columns.id("organization_id")?,
        budget: columns.id("budget_id")?,
        window: Window::stored(columns.int("window_start_us")?, columns.int("window_end_us")?),
        threshold: columns.small("threshold")?,
        amount: columns.money("amount")?,
        spent: columns.money("spent")?,
        at: columns.time("at_us")?,
    })
}
