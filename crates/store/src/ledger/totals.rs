//! Running sums of postings: by organization, by epoch, all.

use domain::{Epoch, GatewayId, NanoUsd, OrgScope, OrganizationId, Usage, UsageSource};
use sqlx::Any;
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;

use crate::db::{Db, Tx};
use crate::error::{Act, StoreError};
use crate::ledger::post::PostedEvent;
use crate::row::{Columns, stored};
use crate::words::OutcomeKind;

/// Sums over calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// All calls; the next three are parts of it.
    pub calls: u64,
    /// Ended with known usage.
    pub settled: u64,
    /// Ended with nothing to bill.
    pub voided: u64,
    /// Ended with their gateway.
    pub orphaned: u64,
    /// Calls whose usage we counted because the provider did not say.
    pub estimated: u64,
    /// Tokens by class (`source` means nothing in a sum).
    pub usage: Usage,
    /// Provider price, whoever paid.
    pub cost: NanoUsd,
    /// Taken from credits.
    pub charged: NanoUsd,
    /// Part of `charged` that no lease covered.
    pub overshoot: NanoUsd,
}

impl Totals {
    /// Counts one call in.
    pub(super) fn add_event(&mut self, event: &PostedEvent) {
        let one = |kind: OutcomeKind| u64::from(event.outcome == kind);
        self.add(&Self {
            calls: 1,
            settled: one(OutcomeKind::Settled),
            voided: one(OutcomeKind::Voided),
            orphaned: one(OutcomeKind::Orphaned),
            estimated: u64::from(event.usage.source == UsageSource::Estimated),
            usage: event.usage,
            cost: event.cost,
            charged: event.charged,
            overshoot: NanoUsd::ZERO,
        });
    }

    /// Counts other sums in.
    pub(super) fn add(&mut self, other: &Self) {
        let (mine, theirs) = (&mut self.usage, &other.usage);
        for (mine, theirs) in [
            (&mut self.calls, other.calls),
            (&mut self.settled, other.settled),
            (&mut self.voided, other.voided),
            (&mut self.orphaned, other.orphaned),
            (&mut self.estimated, other.estimated),
            (&mut mine.input, theirs.input),
            (&mut mine.cached_input, theirs.cached_input),
            (&mut mine.cache_write_5m, theirs.cache_write_5m),
            (&mut mine.cache_write_1h, theirs.cache_write_1h),
            (&mut mine.audio_input, theirs.audio_input),
            (&mut mine.output, theirs.output),
            (&mut mine.reasoning, theirs.reasoning),
            (&mut mine.audio_output, theirs.audio_output),
            (&mut mine.image_output, theirs.image_output),
            (&mut mine.searches, theirs.searches),
        ] {
            *mine = mine.saturating_add(theirs);
        }
        self.cost = self.cost.saturating_add(other.cost);
        self.charged = self.charged.saturating_add(other.charged);
        self.overshoot = self.overshoot.saturating_add(other.overshoot);
    }
}

/// The sums of running totals, as a select list.
macro_rules! sums {
    () => {
        "CAST(COALESCE(SUM(calls), 0) AS BIGINT) AS calls, CAST(COALESCE(SUM(settled), 0) AS BIGINT) AS settled, \
         CAST(COALESCE(SUM(voided), 0) AS BIGINT) AS voided, CAST(COALESCE(SUM(orphaned), 0) AS BIGINT) AS orphaned, \
         CAST(COALESCE(SUM(estimated), 0) AS BIGINT) AS estimated, CAST(COALESCE(SUM(input), 0) AS BIGINT) AS input, \
         CAST(COALESCE(SUM(cached_input), 0) AS BIGINT) AS cached_input, \
         CAST(COALESCE(SUM(cache_write_5m), 0) AS BIGINT) AS cache_write_5m, \
         CAST(COALESCE(SUM(cache_write_1h), 0) AS BIGINT) AS cache_write_1h, \
         CAST(COALESCE(SUM(audio_input), 0) AS BIGINT) AS audio_input, CAST(COALESCE(SUM(output), 0) AS BIGINT) AS output, \
         CAST(COALESCE(SUM(reasoning), 0) AS BIGINT) AS reasoning, CAST(COALESCE(SUM(audio_output), 0) AS BIGINT) AS audio_output, \
         CAST(COALESCE(SUM(image_output), 0) AS BIGINT) AS image_output, CAST(COALESCE(SUM(searches), 0) AS BIGINT) AS searches, \
         CAST(COALESCE(SUM(cost), 0) AS BIGINT) AS cost, CAST(COALESCE(SUM(charged), 0) AS BIGINT) AS charged, \
         CAST(COALESCE(SUM(overshoot), 0) AS BIGINT) AS overshoot"
    };
}

/// Everything that the ledger ever posted: one side of reconcile.
pub async fn ledger_totals(db: &Db) -> Result<Totals, StoreError> {
    let row = sqlx::query(concat!("SELECT ", sums!(), " FROM posting_total")).fetch_one(db.read()).await.act("sum the ledger")?;
    totals_row(&row)
}

/// What the ledger posted for one organization.
pub async fn ledger_totals_by_org(db: &Db, scope: &OrgScope) -> Result<Totals, StoreError> {
    let row = sqlx::query(concat!("SELECT ", sums!(), " FROM posting_total WHERE organization_id = $1"))
        .bind(scope.organization().to_string())
        .fetch_one(db.read())
        .await
        .act("sum an organization's ledger")?;
    totals_row(&row)
}

/// What the ledger posted of one life of a gateway: beside what that gateway counted.
pub async fn ledger_totals_by_epoch(db: &Db, gateway: GatewayId, epoch: Epoch) -> Result<Totals, StoreError> {
    let row = sqlx::query(concat!("SELECT ", sums!(), " FROM posting_total WHERE gateway = $1 AND epoch = $2"))
        .bind(gateway.to_string())
        .bind(stored(epoch.0))
        .fetch_one(db.read())
        .await
        .act("sum an epoch's ledger")?;
    totals_row(&row)
}

/// Adds to the running total of one organization and epoch.
pub(super) async fn totals_add(
    tx: &mut Tx,
    organization: OrganizationId,
    gateway: GatewayId,
    epoch: Epoch,
    totals: &Totals,
) -> Result<(), StoreError> {
    let query = sqlx::query(
        "INSERT INTO posting_total AS t (organization_id, gateway, epoch, calls, settled, voided, orphaned, estimated, input, cached_input, \
         cache_write_5m, cache_write_1h, audio_input, output, reasoning, audio_output, image_output, searches, cost, charged, overshoot) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21) \
         ON CONFLICT (organization_id, gateway, epoch) DO UPDATE SET calls = t.calls + excluded.calls, \
         settled = t.settled + excluded.settled, voided = t.voided + excluded.voided, orphaned = t.orphaned + excluded.orphaned, \
         estimated = t.estimated + excluded.estimated, input = t.input + excluded.input, \
         cached_input = t.cached_input + excluded.cached_input, cache_write_5m = t.cache_write_5m + excluded.cache_write_5m, \
         cache_write_1h = t.cache_write_1h + excluded.cache_write_1h, audio_input = t.audio_input + excluded.audio_input, \
         output = t.output + excluded.output, reasoning = t.reasoning + excluded.reasoning, \
         audio_output = t.audio_output + excluded.audio_output, image_output = t.image_output + excluded.image_output, \
         searches = t.searches + excluded.searches, cost = t.cost + excluded.cost, charged = t.charged + excluded.charged, \
         overshoot = t.overshoot + excluded.overshoot",
    )
    .bind(organization.to_string())
    .bind(gateway.to_string())
    .bind(stored(epoch.0));
    totals_bind(query, totals).execute(&mut **tx).await.act("add to the running totals")?;
    Ok(())
}

/// Binds all sums, in the order of the columns.
pub(super) fn totals_bind<'q>(query: Query<'q, Any, AnyArguments>, totals: &Totals) -> Query<'q, Any, AnyArguments> {
    let usage = &totals.usage;
    let counts = [
        totals.calls,
        totals.settled,
        totals.voided,
        totals.orphaned,
        totals.estimated,
        usage.input,
        usage.cached_input,
        usage.cache_write_5m,
        usage.cache_write_1h,
        usage.audio_input,
        usage.output,
        usage.reasoning,
        usage.audio_output,
        usage.image_output,
        usage.searches,
    ];
    let query = counts.into_iter().fold(query, |query, count| query.bind(stored(count)));
    query.bind(totals.cost.0).bind(totals.charged.0).bind(totals.overshoot.0)
}

fn totals_row(row: &AnyRow) -> Result<Totals, StoreError> {
    let columns = Columns(row);
    Ok(Totals {
        calls: columns.count("calls")?,
        settled: columns.count("settled")?,
        voided: columns.count("voided")?,
        orphaned: columns.count("orphaned")?,
        estimated: columns.count("estimated")?,
        usage: Usage {
            input: columns.count("input")?,
            cached_input: columns.count("cached_input")?,
            cache_write_5m: columns.count("cache_write_5m")?,
            cache_write_1h: columns.count("cache_write_1h")?,
            audio_input: columns.count("audio_input")?,
            output: columns.count("output")?,
            reasoning: columns.count("reasoning")?,
            audio_output: columns.count("audio_output")?,
            image_output: columns.count("image_output")?,
            searches: columns.count("searches")?,
            source: UsageSource::default(),
        },
        cost: columns.money("cost")?,
        charged: columns.money("charged")?,
        overshoot: columns.money("overshoot")?,
    })
}
