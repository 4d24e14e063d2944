//! The ledger consumer's one transaction: postings, transfers, watermarks and the place to go on reading.

use std::collections::BTreeMap;

use domain::{Epoch, GatewayId, Lane, LeaseId, NanoUsd, OrganizationId, ProjectId, ProviderKeyId, Seq, UnixMicros, Usage};

use crate::audit::Trail;
use crate::db::{Db, Tx, commit};
use crate::error::{Act, StoreError};
use crate::ledger::account::Account;
use crate::ledger::budget_post::{BudgetSums, BudgetUse};
use crate::ledger::lane::{Gap, by_lane, lane_work};
use crate::ledger::lease::lease_settle_state;
use crate::ledger::lease_row::{lease_lock, lease_update};
use crate::ledger::offset::{LogOffset, offset_put, watermark_get, watermark_put};
use crate::ledger::totals::{Totals, totals_add, totals_bind};
use crate::ledger::transfer::{NewTransfer, transfer_post};
use crate::provider_key_health::provider_key_spend_add;
use crate::row::stored;
use crate::words::{OutcomeKind, TransferKind, UsedMode};

/// The end of one call, as far as money knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostedEvent {
    /// Who served it.
    pub gateway: GatewayId,
    /// In which of its lives.
    pub epoch: Epoch,
    /// In which order.
    pub lane: Lane,
    /// At which place there.
    pub seq: Seq,
    /// Who called.
    pub organization: OrganizationId,
    /// With a key of which project.
    pub project: ProjectId,
    /// What it was held against; `None` when credits did not pay.
    pub lease: Option<LeaseId>,
    /// Who paid.
    pub used_mode: UsedMode,
    /// How it ended.
    pub outcome: OutcomeKind,
    /// What it consumed.
    pub usage: Usage,
    /// Provider price, whoever pays.
    pub cost: NanoUsd,
    /// Taken from credits.
    pub charged: NanoUsd,
    /// What was reserved at its end.
    pub hold: NanoUsd,
    /// The organization's own key that paid the provider, if one did.
    pub provider_key: Option<ProviderKeyId>,
    /// When it ended.
    pub ended_at: UnixMicros,
    /// The budgets that it counts in.
    pub budgets: Vec<BudgetUse>,
}

/// What the consumer read, and where it stands after it.
#[derive(Debug, Clone, Copy)]
pub struct PostBatch<'a> {
    /// In any order; of any number of lanes.
    pub events: &'a [PostedEvent],
    /// Where to go on, once all of it is posted.
    pub offsets: &'a [LogOffset],
    /// When.
    pub now: UnixMicros,
}

/// A charge that no lease covered; it was taken from credits, which may be below zero now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overshoot {
    /// Whose credits.
    pub organization: OrganizationId,
    /// The lease that was named, if one; it is spent, closed or unknown.
    pub lease: Option<LeaseId>,
    /// How much.
    pub amount: NanoUsd,
}

/// What a batch did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Posted {
    /// Events posted now.
    pub events: u64,
    /// Events that had been posted.
    pub skipped: u64,
    /// Lanes of which nothing was posted because events are missing before theirs.
    pub gaps: Vec<Gap>,
    /// Charges without cover.
    pub overshoots: Vec<Overshoot>,
    /// Whether the offsets were stored: not while there is a gap, so that its events are read again.
    pub offsets_stored: bool,
}

/// Posts a batch in one transaction. The same batch again changes nothing.
///
/// Invariant V7: per lane, what is at or below the watermark is skipped, and what follows is posted without a gap or not
/// at all. A negative amount or a sequence number of 0 makes the whole batch invalid.
pub async fn post_batch(db: &Db, batch: &PostBatch<'_>) -> Result<Posted, StoreError> {
    if batch
        .events
        .iter()
        .any(|event| event.cost.is_negative() || event.charged.is_negative() || event.seq.0 == 0 || uses_are_negative(event))
    {
        return Err(StoreError::Invalid { what: "an event has a negative amount or no sequence number" });
    }
    let mut tx = db.begin_write().await?;
    let mut posted = Posted::default();
    let mut groups = Vec::new();
    let mut budgets = BudgetSums::default();
    for (source, events) in by_lane(batch.events) {
        let work = lane_work(source, watermark_get(&mut tx, source).await?, events);
        posted.skipped += work.skipped;
        posted.gaps.extend(work.gap);
        if let Some(last) = work.events.last() {
            watermark_put(&mut tx, source, last.seq.0).await?;
            posted.events += u64::try_from(work.events.len()).unwrap_or(u64::MAX);
            provider_keys_post(&mut tx, &work.events).await?;
            groups.extend(grouped(&work.events));
            work.events.iter().for_each(|event| budgets.add(event));
        }
    }
    groups_post(&mut tx, groups, batch.now, &mut posted).await?;
    budgets.post(&mut tx, batch.now).await?;
    posted.offsets_stored = posted.gaps.is_empty();
    if posted.offsets_stored {
        for offset in batch.offsets {
            offset_put(&mut tx, offset, batch.now).await?;
        }
    }
    commit(tx, "post a batch", Trail::Bookkeeping).await?;
    Ok(posted)
}

fn uses_are_negative(event: &PostedEvent) -> bool {
    event.budgets.iter().any(|used| used.amount.is_negative())
}

/// One posting to be: the calls of one tenant, project, lease and payer in one lane.
struct Group<'a> {
    first: &'a PostedEvent,
    last_seq: Seq,
    totals: Totals,
    hold: NanoUsd,
}

impl Group<'_> {
    /// One lane's first sequence number is in one posting only, so that this id can never be posted twice.
    fn id(&self) -> String {
        let at = self.first;
        format!("{}:{}:{}:{}", at.gateway, at.epoch.0, at.lane.as_u8(), at.seq.0)
    }
}

/// Sums one lane's events, which are in order; groups come in the order of their first events.
fn grouped<'a>(events: &[&'a PostedEvent]) -> Vec<Group<'a>> {
    let mut places = BTreeMap::new();
    let mut groups: Vec<Group<'a>> = Vec::new();
    for event in events {
        let key = (event.organization, event.project, event.lease, event.used_mode);
        let place = *places.entry(key).or_insert(groups.len());
        if place == groups.len() {
            groups.push(Group { first: event, last_seq: event.seq, totals: Totals::default(), hold: NanoUsd::ZERO });
        }
        if let Some(group) = groups.get_mut(place) {
            group.last_seq = event.seq;
            group.totals.add_event(event);
            group.hold = group.hold.saturating_add(event.hold);
        }
    }
    groups
}

async fn groups_post(tx: &mut Tx, groups: Vec<Group<'_>>, now: UnixMicros, posted: &mut Posted) -> Result<(), StoreError> {
    let mut running: BTreeMap<(OrganizationId, GatewayId, Epoch), Totals> = BTreeMap::new();
    for mut group in groups {
        let over = charge(tx, &group, now).await?;
        group.totals.overshoot = over;
        if over > NanoUsd::ZERO {
            posted.overshoots.push(Overshoot { organization: group.first.organization, lease: group.first.lease, amount: over });
        }
        posting_insert(tx, &group, now).await?;
        running.entry((group.first.organization, group.first.gateway, group.first.epoch)).or_default().add(&group.totals);
    }
    for ((organization, gateway, epoch), totals) in &running {
        totals_add(tx, *organization, *gateway, *epoch, totals).await?;
    }
    Ok(())
}

/// Moves a group's charge to revenue: from its lease as far as that goes, the rest from credits. Answers with the rest.
///
/// Invariant V2: a lease never pays more than is left on it.
async fn charge(tx: &mut Tx, group: &Group<'_>, now: UnixMicros) -> Result<NanoUsd, StoreError> {
    let charged = group.totals.charged;
    let organization = group.first.organization;
    if charged == NanoUsd::ZERO {
        return Ok(NanoUsd::ZERO);
    }
    let lease = match group.first.lease {
        Some(lease) => lease_lock(tx, organization, lease).await?,
        None => None,
    };
    let mut covered = NanoUsd::ZERO;
    if let Some(mut lease) = lease {
        covered = charged.min(lease.remaining());
        if covered > NanoUsd::ZERO {
            lease.settled += covered;
            lease.updated_at = now;
            lease_settle_state(&mut lease);
            lease_update(tx, &lease).await?;
        }
    }
    let rest = charged - covered;
    for (from, amount, kind) in [(Account::Leased, covered, TransferKind::Usage), (Account::Credits, rest, TransferKind::Overshoot)] {
        if amount == NanoUsd::ZERO {
            continue;
        }
        let id = format!("{}:{}", kind.as_str(), group.id());
        let transfer = NewTransfer {
            id: &id,
            debit: from,
            credit: Account::Revenue,
            amount,
            kind,
            organization,
            lease: group.first.lease,
            reason: "",
            author: "",
            now,
        };
        if !transfer_post(tx, &transfer).await? {
            return Err(StoreError::Corrupt { what: "leased balance" });
        }
    }
    Ok(rest)
}

/// Adds what calls cost to what their own provider keys spent.
async fn provider_keys_post(tx: &mut Tx, events: &[&PostedEvent]) -> Result<(), StoreError> {
    let mut spent: BTreeMap<(OrganizationId, ProviderKeyId, i64), (i64, NanoUsd)> = BTreeMap::new();
    for event in events {
        if let Some(key) = event.provider_key {
            let (calls, cost) = spent.entry((event.organization, key, event.ended_at.month_utc())).or_default();
            (*calls, *cost) = (*calls + 1, cost.saturating_add(event.cost));
        }
    }
    for ((organization, key, month), (calls, cost)) in spent {
        provider_key_spend_add(tx, organization, key, month, calls, cost).await?;
    }
    Ok(())
}

async fn posting_insert(tx: &mut Tx, group: &Group<'_>, now: UnixMicros) -> Result<(), StoreError> {
    let at = group.first;
    let query = sqlx::query(
        "INSERT INTO posting (id, gateway, epoch, lane, first_seq, last_seq, organization_id, project_id, lease_id, used_mode, hold, at_us, \
         calls, settled, voided, orphaned, estimated, input, cached_input, cache_write_5m, cache_write_1h, audio_input, output, reasoning, \
         audio_output, image_output, searches, cost, charged, overshoot) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, \
         $27, $28, $29, $30)",
    )
    .bind(group.id())
    .bind(at.gateway.to_string())
    .bind(stored(at.epoch.0))
    .bind(i64::from(at.lane.as_u8()))
    .bind(stored(at.seq.0))
    .bind(stored(group.last_seq.0))
    .bind(at.organization.to_string())
    .bind(at.project.to_string())
    .bind(at.lease.map(|lease| lease.to_string()))
    .bind(at.used_mode.as_str())
    .bind(group.hold.0)
    .bind(now.0);
    totals_bind(query, &group.totals).execute(&mut **tx).await.act_unique("write a posting", "posting")?;
    Ok(())
}
