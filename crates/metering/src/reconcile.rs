//! Whether all sides count the same: what gateways counted (recorded epochs and live logs), analytics, the ledger.

use std::fmt;
use std::path::Path;

use analytics::{Analytics, AnalyticsError};
use domain::fault::Cause;
use domain::{Epoch, GatewayId, NanoUsd};
use events::{EpochTotals, ReadError, journal_totals};
use serde::Serialize;
use store::{Db, EpochRow, StoreError};

/// Sums over calls, of one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Tally {
    /// Ends of calls.
    pub calls: u64,
    /// All input tokens.
    pub input_tokens: u64,
    /// All output tokens.
    pub output_tokens: u64,
    /// Provider price of all calls, in nano-USD.
    pub cost_nano_usd: i64,
    /// Taken from credits, in nano-USD.
    pub charged_nano_usd: i64,
}

/// One of the figures of a tally.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// Ends of calls.
    Calls,
    /// All input tokens.
    InputTokens,
    /// All output tokens.
    OutputTokens,
    /// Provider price, nano-USD.
    CostNanoUsd,
    /// Taken from credits, nano-USD.
    ChargedNanoUsd,
}

/// Who is compared with the gateways' own count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Unique calls in analytics.
    Analytics,
    /// Posted calls.
    Ledger,
}

/// A figure that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// `<gateway>/<epoch>`, or `elsewhere` for what belongs to no epoch that the gateways know.
    pub place: String,
    /// Whose figure differs.
    pub side: Side,
    /// Which figure.
    pub figure: Figure,
    /// What the gateway counted.
    pub gateway: i128,
    /// What the side has.
    pub found: i128,
}

/// An epoch of a log that is not recorded yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EpochCount {
    /// Whose.
    pub gateway: String,
    /// Which.
    pub epoch: u64,
    /// It goes on.
    pub live: bool,
    /// Calls without an end now.
    pub open_calls: u64,
    /// What the gateway counted in it.
    pub counted: Tally,
}

/// What all sides counted, and every difference by name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Reconciliation {
    /// The gateways' own count: recorded epochs and logs.
    pub gateway: Tally,
    /// Analytics.
    pub analytics: Tally,
    /// The ledger.
    pub ledger: Tally,
    /// Epochs that ended and are recorded.
    pub epochs_recorded: u64,
    /// The others.
    pub epochs: Vec<EpochCount>,
    /// Calls without an end now: what may still be billed.
    pub open_calls: u64,
    /// Empty when all sides agree exactly.
    pub differences: Vec<Difference>,
}

impl Reconciliation {
    /// True when every difference is exactly 0. A side that catches up between the sums and the search for differences
    /// leaves unequal sums without one: that proves nothing yet.
    pub fn is_exact(&self) -> bool {
        self.differences.is_empty() && self.gateway == self.analytics && self.gateway == self.ledger
    }
}

/// Counts on all sides. Logs that are written meanwhile and events on their way show as differences: ask again when the
/// consumers have caught up.
pub async fn reconcile(db: &Db, analytics: &Analytics, events_dir: &Path) -> Result<Reconciliation, ReconcileError> {
    let dir = events_dir.to_owned();
    let logs =
        tokio::task::spawn_blocking(move || journal_totals(&dir)).await.map_err(|error| ReconcileError::Broken(Box::new(error)))??;
    // Behind the logs: an epoch that ends meanwhile and is forgotten is in the records then.
    let recorded = store::epochs_list(db).await?;
    let counted = counted(&recorded, &logs);
    let mut all = Reconciliation {
        analytics: of_analytics(&analytics::totals_all(analytics).await?),
        ledger: of_ledger(&store::ledger_totals(db).await?),
        epochs_recorded: recorded.len() as u64,
        ..Reconciliation::default()
    };
    for (gateway, epoch, tally, log) in &counted {
        all.gateway.add(tally);
        if let Some(log) = log {
            all.open_calls += log.open_calls;
            let of =
                EpochCount { gateway: gateway.to_string(), epoch: epoch.0, live: !log.closed, open_calls: log.open_calls, counted: *tally };
            all.epochs.push(of);
        }
    }
    if all.gateway != all.analytics || all.gateway != all.ledger {
        all.differences = differences(db, analytics, &all, &counted).await?;
    }
    Ok(all)
}

/// Counting failed.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The ledger does not answer.
    #[error(transparent)]
    Ledger(#[from] StoreError),
    /// Analytics do not answer.
    #[error(transparent)]
    Analytics(#[from] AnalyticsError),
    /// A log cannot be read.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// The thread that counts the logs broke off.
    #[error("count the event logs")]
    Broken(#[source] Cause),
}

/// An epoch with what its gateway counted; with its log when it is not recorded.
type Counted<'a> = (GatewayId, Epoch, Tally, Option<&'a EpochTotals>);

fn counted<'a>(recorded: &[EpochRow], logs: &'a [EpochTotals]) -> Vec<Counted<'a>> {
    let of_row = |row: &EpochRow| Tally {
        calls: row.events,
        input_tokens: row.input_tokens,
        output_tokens: row.output_tokens,
        cost_nano_usd: row.cost.0,
        charged_nano_usd: row.charged.0,
    };
    let of_log = |log: &EpochTotals| Tally {
        calls: log.totals.events,
        input_tokens: log.totals.input_tokens,
        output_tokens: log.totals.output_tokens,
        cost_nano_usd: log.totals.cost_nano_usd,
        charged_nano_usd: log.totals.charged_nano_usd,
    };
    let is_recorded = |log: &EpochTotals| recorded.iter().any(|row| (row.gateway, row.epoch) == (log.gateway, log.epoch));
    let mut all: Vec<Counted<'a>> = recorded.iter().map(|row| (row.gateway, row.epoch, of_row(row), None)).collect();
    all.extend(logs.iter().filter(|log| !is_recorded(log)).map(|log| (log.gateway, log.epoch, of_log(log), Some(log))));
    all
}

async fn differences(
    db: &Db,
    analytics: &Analytics,
    all: &Reconciliation,
    counted: &[Counted<'_>],
) -> Result<Vec<Difference>, ReconcileError> {
    let mut found = Vec::new();
    let (mut in_analytics, mut in_ledger) = (Tally::default(), Tally::default());
    for (gateway, epoch, tally, _) in counted {
        let place = format!("{gateway}/{}", epoch.0);
        let theirs = of_analytics(&analytics::totals_by_epoch(analytics, *gateway, *epoch).await?);
        compare(&place, Side::Analytics, tally, &theirs, &mut found);
        in_analytics.add(&theirs);
        let theirs = of_ledger(&store::ledger_totals_by_epoch(db, *gateway, *epoch).await?);
        compare(&place, Side::Ledger, tally, &theirs, &mut found);
        in_ledger.add(&theirs);
    }
    // What the sides hold of epochs that no gateway counted.
    compare("elsewhere", Side::Analytics, &Tally::default(), &all.analytics.less(&in_analytics), &mut found);
    compare("elsewhere", Side::Ledger, &Tally::default(), &all.ledger.less(&in_ledger), &mut found);
    Ok(found)
}

fn compare(place: &str, side: Side, gateway: &Tally, found: &Tally, to: &mut Vec<Difference>) {
    for ((figure, counted), (_, found)) in gateway.figures().into_iter().zip(found.figures()) {
        if counted != found {
            to.push(Difference { place: place.to_owned(), side, figure, gateway: counted, found });
        }
    }
}

fn of_analytics(sums: &analytics::Sums) -> Tally {
    of(sums.calls, &sums.usage, sums.cost, sums.charged)
}

fn of_ledger(totals: &store::Totals) -> Tally {
    of(totals.calls, &totals.usage, totals.cost, totals.charged)
}

fn of(calls: u64, usage: &domain::Usage, cost: NanoUsd, charged: NanoUsd) -> Tally {
    Tally { calls, input_tokens: usage.input, output_tokens: usage.output, cost_nano_usd: cost.0, charged_nano_usd: charged.0 }
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.calls = self.calls.saturating_add(other.calls);
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(other.output_tokens);
        self.cost_nano_usd = self.cost_nano_usd.saturating_add(other.cost_nano_usd);
        self.charged_nano_usd = self.charged_nano_usd.saturating_add(other.charged_nano_usd);
    }

    fn less(&self, other: &Self) -> Self {
        Self {
            calls: self.calls.saturating_sub(other.calls),
            input_tokens: self.input_tokens.saturating_sub(other.input_tokens),
            output_tokens: self.output_tokens.saturating_sub(other.output_tokens),
            cost_nano_usd: self.cost_nano_usd.saturating_sub(other.cost_nano_usd),
            charged_nano_usd: self.charged_nano_usd.saturating_sub(other.charged_nano_usd),
        }
    }

    fn figures(&self) -> [(Figure, i128); 5] {
        [
            (Figure::Calls, i128::from(self.calls)),
            (Figure::InputTokens, i128::from(self.input_tokens)),
            (Figure::OutputTokens, i128::from(self.output_tokens)),
            (Figure::CostNanoUsd, i128::from(self.cost_nano_usd)),
            (Figure::ChargedNanoUsd, i128::from(self.charged_nano_usd)),
        ]
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Calls => "calls",
            Self::InputTokens => "input tokens",
            Self::OutputTokens => "output tokens",
            Self::CostNanoUsd => "cost, nano-USD",
            Self::ChargedNanoUsd => "charged, nano-USD",
        })
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Analytics => "analytics",
            Self::Ledger => "ledger",
        })
    }
}

/// A table of all sides, then the differences, one per line.
impl fmt::Display for Reconciliation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<18} {:>20} {:>20} {:>20}", "", "gateway", "analytics", "ledger")?;
        let sides = self.gateway.figures().into_iter().zip(self.analytics.figures()).zip(self.ledger.figures());
        for (((figure, gateway), (_, analytics)), (_, ledger)) in sides {
            writeln!(f, "{figure:<18} {gateway:>20} {analytics:>20} {ledger:>20}")?;
        }
        writeln!(f, "{} epochs recorded, {} in logs, {} open calls", self.epochs_recorded, self.epochs.len(), self.open_calls)?;
        for Difference { place, side, figure, gateway, found } in &self.differences {
            writeln!(f, "difference: {place}: {side} has {found} {figure}, the gateway counted {gateway} ({:+})", found - gateway)?;
        }
        f.write_str(if self.is_exact() { "exact: every difference is 0" } else { "NOT exact" })
    }
}
