//! The broker's acts on budgets: a window's room leased to gateways, and taken back. As with credit, each is safe to repeat
//! with the id that the gateway made.

use domain::{BudgetId, Epoch, GatewayId, LeaseId, NanoUsd, OrgScope, OrganizationId, UnixMicros, Window};
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;
use uuid::Uuid;

use crate::audit::Trail;
use crate::db::{Db, Tx, commit};
use crate::error::{Act, StoreError};
use crate::ledger::epoch::epoch_is_recorded;
use crate::ledger::lease::LeaseReturn;
use crate::row::{Columns, stored};
use crate::words::LeaseState;

/// While more than this share of what is free would go to one ask, it gets what it needs and no more.
const SHARE: i64 = 4;

/// A gateway asks for room in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BudgetAsk {
    /// Of which budget.
    pub budget: BudgetId,
    /// In which of its windows.
    pub window: Window,
    /// The gateway's id of the lease.
    pub lease: LeaseId,
    /// None: the grant itself. Else the gateway's id of this act: more on a lease that it has.
    pub extension: Option<Uuid>,
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

/// What an ask for room got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BudgetGranted {
    /// What this ask got; zero when less than `least` was there. The same ask later gets the same answer, except that one
    /// that got nothing left no trace and may get something.
    pub granted: NanoUsd,
    /// What nobody has spent or leased; below zero after overshoot, or when the amount was lowered.
    pub available: NanoUsd,
    /// What other leases of the window have left, by what is posted. When an ask gets nothing they are recalled.
    pub elsewhere: NanoUsd,
    /// The budget's amount now.
    pub amount: NanoUsd,
    /// The budget is not there any more, or refuses nothing any more: the ask is pointless.
    pub gone: bool,
}

/// A lease on a budget's window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetLeaseRow {
    /// Which.
    pub lease: LeaseId,
    /// Of which budget.
    pub budget: BudgetId,
    /// In which window.
    pub window_start: UnixMicros,
    /// All that was granted, extensions included.
    pub granted: NanoUsd,
    /// What posted calls took.
    pub settled: NanoUsd,
    /// What came back.
    pub returned: NanoUsd,
    /// Where in its life it is.
    pub state: LeaseState,
    gateway: GatewayId,
    epoch: Epoch,
    organization: OrganizationId,
}

impl BudgetLeaseRow {
    /// What is left on it.
    pub const fn remaining(&self) -> NanoUsd {
        NanoUsd(self.granted.0 - self.settled.0 - self.returned.0)
    }
}

/// Leases room: between `least` and `want`, the nearer to `least` the less there is left, or nothing.
///
/// Invariant V1: the lease is one conditional update, so that what is spent and leased of a window never exceeds the amount
/// by a grant. A lease id that another organization, gateway, epoch or window used is a conflict, and so is an epoch that
/// has ended.
pub async fn budget_lease_ask(db: &Db, scope: &OrgScope, ask: &BudgetAsk) -> Result<BudgetGranted, StoreError> {
    if ask.least <= NanoUsd::ZERO || ask.least > ask.want {
        return Err(StoreError::Invalid { what: "a lease asks for at least something and at most what it wants" });
    }
    let id = match ask.extension {
        None => format!("grant:{}", ask.lease),
        Some(extension) => format!("extend:{}:{}", ask.lease, extension.as_simple()),
    };
    let mut tx = db.begin_write().await?;
    let known = budget_lease_lock(&mut tx, scope.organization(), ask.lease).await?;
    if known.as_ref().is_some_and(|lease| !is_of(lease, ask)) {
        return Err(StoreError::Conflict { what: "lease" });
    }
    if let Some(before) = move_amount(&mut tx, &id).await? {
        return answer(&mut tx, scope, ask, before).await;
    }
    let can = match &known {
        Some(lease) => lease.state == LeaseState::Active && ask.extension.is_some(),
        None => ask.extension.is_none(),
    };
    if !can || epoch_is_recorded(&mut tx, ask.gateway, ask.epoch).await? {
        return Err(StoreError::Conflict { what: "lease" });
    }
    window_open(&mut tx, scope.organization(), ask.budget, ask.window).await?;
    let granted = fund(&mut tx, scope, ask).await?;
    if granted > NanoUsd::ZERO {
        lease_grow(&mut tx, scope, ask, granted).await?;
        move_insert(&mut tx, &id, ask.lease, "grant", granted, ask.now).await?;
    } else {
        others_recall(&mut tx, ask).await?;
    }
    let answer = answer(&mut tx, scope, ask, granted).await?;
    commit(tx, "lease room in a budget", Trail::Bookkeeping).await?;
    Ok(answer)
}

/// Takes room back from a lease; answers with how much.
pub async fn budget_lease_return(db: &Db, scope: &OrgScope, give: &LeaseReturn) -> Result<NanoUsd, StoreError> {
    if give.amount.is_negative() {
        return Err(StoreError::Invalid { what: "a returned amount must not be below zero" });
    }
    let id = format!("return:{}:{}", give.lease, give.id.as_simple());
    let mut tx = db.begin_write().await?;
    let lease = budget_lease_lock(&mut tx, scope.organization(), give.lease).await?;
    let mut lease = lease.ok_or(StoreError::NotFound { what: "lease" })?;
    if let Some(before) = move_amount(&mut tx, &id).await? {
        return Ok(before);
    }
    let returned = give.amount.min(lease.remaining());
    release(&mut tx, &mut lease, &id, returned, give.now).await?;
    if give.last && lease.state == LeaseState::Active {
        lease.state = LeaseState::Draining;
    }
    budget_lease_write(&mut tx, &mut lease, give.now).await?;
    commit(tx, "return room of a budget", Trail::Bookkeeping).await?;
    Ok(returned)
}

/// The leases of a gateway's life that somebody else needs room of.
pub async fn budget_leases_recalled(db: &Db, gateway: GatewayId, epoch: Epoch) -> Result<Vec<LeaseId>, StoreError> {
    let rows = sqlx::query("SELECT id FROM budget_lease WHERE gateway = $1 AND epoch = $2 AND state = 'active' AND recalled = 1")
        .bind(gateway.to_string())
        .bind(stored(epoch.0))
        .fetch_all(db.read())
        .await
        .act("list recalled leases")?;
    rows.iter().map(|row| Columns(row).id("id")).collect()
}

/// One lease of the scope.
pub async fn budget_lease_get(db: &Db, scope: &OrgScope, lease: LeaseId) -> Result<BudgetLeaseRow, StoreError> {
    let row = sqlx::query(
        "SELECT id, budget_id, window_start_us, organization_id, gateway, epoch, granted, settled, returned, state FROM budget_lease \
         WHERE organization_id = $1 AND id = $2",
    )
    .bind(scope.organization().to_string())
    .bind(lease.to_string())
    .fetch_optional(db.read())
    .await
    .act("read a budget's lease")?;
    row.as_ref().map(lease_row).transpose()?.ok_or(StoreError::NotFound { what: "lease" })
}

/// Closes all budget leases of an epoch whose events are all posted: what is left of each is free again.
pub(super) async fn budget_leases_close(tx: &mut Tx, gateway: GatewayId, epoch: Epoch, now: UnixMicros) -> Result<(), StoreError> {
    let rows = sqlx::query(
        "UPDATE budget_lease SET state = state WHERE gateway = $1 AND epoch = $2 AND state <> 'closed' \
         RETURNING id, budget_id, window_start_us, organization_id, gateway, epoch, granted, settled, returned, state",
    )
    .bind(gateway.to_string())
    .bind(stored(epoch.0))
    .fetch_all(&mut **tx)
    .await
    .act("lock an epoch's budget leases")?;
    for row in &rows {
        let mut lease = lease_row(row)?;
        let (id, left) = (format!("close:{}", lease.lease), lease.remaining());
        release(tx, &mut lease, &id, left, now).await?;
        lease.state = LeaseState::Draining;
        budget_lease_write(tx, &mut lease, now).await?;
    }
    Ok(())
}

/// A lease, locked until the transaction ends.
pub(super) async fn budget_lease_lock(
    tx: &mut Tx,
    organization: OrganizationId,
    lease: LeaseId,
) -> Result<Option<BudgetLeaseRow>, StoreError> {
    let row = sqlx::query(
        "UPDATE budget_lease SET state = state WHERE id = $1 AND organization_id = $2 \
         RETURNING id, budget_id, window_start_us, organization_id, gateway, epoch, granted, settled, returned, state",
    )
    .bind(lease.to_string())
    .bind(organization.to_string())
    .fetch_optional(&mut **tx)
    .await
    .act("lock a budget's lease")?;
    row.as_ref().map(lease_row).transpose()
}

/// Writes a locked lease back. One that drains with nothing left on it is closed; a return answers its recall.
pub(super) async fn budget_lease_write(tx: &mut Tx, lease: &mut BudgetLeaseRow, now: UnixMicros) -> Result<(), StoreError> {
    if lease.state == LeaseState::Draining && lease.remaining() == NanoUsd::ZERO {
        lease.state = LeaseState::Closed;
    }
    sqlx::query("UPDATE budget_lease SET granted = $2, settled = $3, returned = $4, state = $5, updated_at_us = $6 WHERE id = $1")
        .bind(lease.lease.to_string())
        .bind(lease.granted.0)
        .bind(lease.settled.0)
        .bind(lease.returned.0)
        .bind(lease.state.as_str())
        .bind(now.0)
        .execute(&mut **tx)
        .await
        .act("change a budget's lease")?;
    Ok(())
}

/// Makes sure that a window has its row.
pub(super) async fn window_open(tx: &mut Tx, organization: OrganizationId, budget: BudgetId, window: Window) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO budget_window (budget_id, window_start_us, window_end_us, organization_id, spent, leased, overshoot, calls) \
         SELECT id, $3, $4, organization_id, 0, 0, 0, 0 FROM budget WHERE id = $1 AND organization_id = $2 \
         ON CONFLICT (budget_id, window_start_us) DO NOTHING",
    )
    .bind(budget.to_string())
    .bind(organization.to_string())
    .bind(window.start.0)
    .bind(window.end_stored())
    .execute(&mut **tx)
    .await
    .act("open a budget's window")?;
    Ok(())
}

fn is_of(lease: &BudgetLeaseRow, ask: &BudgetAsk) -> bool {
    (lease.budget, lease.window_start, lease.gateway, lease.epoch) == (ask.budget, ask.window.start, ask.gateway, ask.epoch)
}

/// Takes room out of the window. What is read only proposes the amount; the conditional update decides.
async fn fund(tx: &mut Tx, scope: &OrgScope, ask: &BudgetAsk) -> Result<NanoUsd, StoreError> {
    let (before, _) = window_state(tx, scope, ask).await?;
    let share = NanoUsd(before.available.0 / SHARE);
    let amount = ask.want.min(share).max(ask.least);
    if before.gone || amount > before.available {
        return Ok(NanoUsd::ZERO);
    }
    let done = sqlx::query(
        "UPDATE budget_window SET leased = leased + $1 WHERE budget_id = $2 AND window_start_us = $3 AND organization_id = $4 \
         AND spent + leased + $1 <= (SELECT amount FROM budget WHERE id = $2 AND status = 'active')",
    )
    .bind(amount.0)
    .bind(ask.budget.to_string())
    .bind(ask.window.start.0)
    .bind(scope.organization().to_string())
    .execute(&mut **tx)
    .await
    .act("lease room of a window")?;
    Ok(if done.rows_affected() == 0 { NanoUsd::ZERO } else { amount })
}

async fn lease_grow(tx: &mut Tx, scope: &OrgScope, ask: &BudgetAsk, granted: NanoUsd) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO budget_lease AS l (id, budget_id, window_start_us, organization_id, gateway, epoch, granted, settled, returned, state, \
         recalled, created_at_us, updated_at_us) VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 0, 'active', 0, $8, $8) \
         ON CONFLICT (id) DO UPDATE SET granted = l.granted + excluded.granted, updated_at_us = excluded.updated_at_us",
    )
    .bind(ask.lease.to_string())
    .bind(ask.budget.to_string())
    .bind(ask.window.start.0)
    .bind(scope.organization().to_string())
    .bind(ask.gateway.to_string())
    .bind(stored(ask.epoch.0))
    .bind(granted.0)
    .bind(ask.now.0)
    .execute(&mut **tx)
    .await
    .act("write a budget's lease")?;
    Ok(())
}

/// Asks the other gateways for what they have free.
async fn others_recall(tx: &mut Tx, ask: &BudgetAsk) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE budget_lease SET recalled = 1 WHERE budget_id = $1 AND window_start_us = $2 AND id <> $3 AND state = 'active' \
         AND recalled = 0 AND granted - settled - returned > 0",
    )
    .bind(ask.budget.to_string())
    .bind(ask.window.start.0)
    .bind(ask.lease.to_string())
    .execute(&mut **tx)
    .await
    .act("recall leases")?;
    Ok(())
}

/// The window as this transaction sees it, and what the asking lease has left of it.
async fn window_state(tx: &mut Tx, scope: &OrgScope, ask: &BudgetAsk) -> Result<(BudgetGranted, NanoUsd), StoreError> {
    let row = sqlx::query(
        "SELECT b.amount, b.status, b.enforcement, w.spent, w.leased, (SELECT CAST(COALESCE(SUM(granted - settled - returned), 0) AS BIGINT) \
         FROM budget_lease WHERE id = $4) AS own FROM budget b \
         JOIN budget_window w ON w.budget_id = b.id AND w.window_start_us = $3 WHERE b.organization_id = $1 AND b.id = $2",
    )
    .bind(scope.organization().to_string())
    .bind(ask.budget.to_string())
    .bind(ask.window.start.0)
    .bind(ask.lease.to_string())
    .fetch_optional(&mut **tx)
    .await
    .act("read a window")?;
    let Some(row) = row else { return Ok((BudgetGranted { gone: true, ..BudgetGranted::default() }, NanoUsd::ZERO)) };
    let columns = Columns(&row);
    let (amount, leased, own) = (columns.money("amount")?, columns.money("leased")?, columns.money("own")?);
    let state = BudgetGranted {
        granted: NanoUsd::ZERO,
        available: amount - columns.money("spent")? - leased,
        elsewhere: leased - own,
        amount,
        gone: columns.text("status")? != "active" || columns.text("enforcement")? != "hard",
    };
    Ok((state, own))
}

async fn answer(tx: &mut Tx, scope: &OrgScope, ask: &BudgetAsk, granted: NanoUsd) -> Result<BudgetGranted, StoreError> {
    let (state, _) = window_state(tx, scope, ask).await?;
    Ok(BudgetGranted { granted, ..state })
}

/// Moves an amount of a locked lease back to its window; the caller writes the lease back.
async fn release(tx: &mut Tx, lease: &mut BudgetLeaseRow, id: &str, amount: NanoUsd, now: UnixMicros) -> Result<(), StoreError> {
    sqlx::query("UPDATE budget_lease SET recalled = 0 WHERE id = $1")
        .bind(lease.lease.to_string())
        .execute(&mut **tx)
        .await
        .act("answer a recall")?;
    if amount <= NanoUsd::ZERO {
        return Ok(());
    }
    sqlx::query("UPDATE budget_window SET leased = leased - $1 WHERE budget_id = $2 AND window_start_us = $3")
        .bind(amount.0)
        .bind(lease.budget.to_string())
        .bind(lease.window_start.0)
        .execute(&mut **tx)
        .await
        .act("free room of a window")?;
    lease.returned += amount;
    move_insert(tx, id, lease.lease, "return", amount, now).await
}

async fn move_amount(tx: &mut Tx, id: &str) -> Result<Option<NanoUsd>, StoreError> {
    let amount: Option<i64> = sqlx::query_scalar("SELECT amount FROM budget_lease_move WHERE id = $1")
        .bind(id)
        .fetch_optional(&mut **tx)
        .await
        .act("look for an act on a lease")?;
    Ok(amount.map(NanoUsd))
}

async fn move_insert(tx: &mut Tx, id: &str, lease: LeaseId, kind: &str, amount: NanoUsd, now: UnixMicros) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO budget_lease_move (id, lease_id, kind, amount, at_us) VALUES ($1, $2, $3, $4, $5)")
        .bind(id)
        .bind(lease.to_string())
        .bind(kind)
        .bind(amount.0)
        .bind(now.0)
        .execute(&mut **tx)
        .await
        .act_unique("write an act on a lease", "lease")?;
    Ok(())
}

fn lease_row(row: &AnyRow) -> Result<BudgetLeaseRow, StoreError> {
    let columns = Columns(row);
    Ok(BudgetLeaseRow {
        lease: columns.id("id")?,
        budget: columns.id("budget_id")?,
        window_start: columns.time("window_start_us")?,
        granted: columns.money("granted")?,
        settled: columns.money("settled")?,
        returned: columns.money("returned")?,
        state: columns.word("state", LeaseState::parse)?,
        gateway: columns.gateway("gateway")?,
        epoch: columns.epoch("epoch")?,
        organization: columns.id("organization_id")?,
    })
}
