//! Recomputes everything that is kept beside the transfers and postings.

use domain::NanoUsd;

use crate::db::{Db, Tx};
use crate::error::{Act, StoreError};
use crate::row::Columns;

/// A kept figure that is not what the rows behind it add up to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What was compared.
    pub check: &'static str,
    /// Of which account, lease or organization.
    pub subject: String,
    /// The kept figure: nano-USD, calls or tokens, as the check says.
    pub kept: i64,
    /// What the rows behind it add up to.
    pub proven: i64,
}

/// What a proof found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Proof {
    /// Transfers read.
    pub transfers: i64,
    /// Postings read.
    pub postings: i64,
    /// All credit given and corrected minus all charged: what organizations have, free and leased.
    pub held: NanoUsd,
    /// Empty when the ledger holds.
    pub differences: Vec<Difference>,
}

impl Proof {
    /// True when every kept figure is what it should be.
    pub const fn holds(&self) -> bool {
        self.differences.is_empty()
    }
}

macro_rules! totals_check {
    ($column:literal) => {
        concat!(
            "WITH p AS (SELECT organization_id, gateway, epoch, SUM(",
            $column,
            ") AS amount FROM posting GROUP BY organization_id, gateway, epoch), \
             t AS (SELECT organization_id, gateway, epoch, ",
            $column,
            " AS amount FROM posting_total) \
             SELECT COALESCE(t.organization_id, p.organization_id) AS subject, CAST(COALESCE(t.amount, 0) AS BIGINT) AS kept, \
             CAST(COALESCE(p.amount, 0) AS BIGINT) AS proven FROM t \
             FULL JOIN p ON p.organization_id = t.organization_id AND p.gateway = t.gateway AND p.epoch = t.epoch \
             WHERE COALESCE(t.amount, 0) <> COALESCE(p.amount, 0) ORDER BY 1"
        )
    };
}

/// Each finds the rows that differ: subject, kept, proven.
const CHECKS: &[(&str, &str)] = &[
    (
        "account balance = credits - debits of its transfers",
        "WITH moved AS (SELECT account, SUM(amount) AS amount FROM \
         (SELECT credit AS account, amount FROM transfer UNION ALL SELECT debit AS account, -amount AS amount FROM transfer) m \
         GROUP BY account) \
         SELECT a.id AS subject, a.balance AS kept, CAST(COALESCE(m.amount, 0) AS BIGINT) AS proven FROM ledger_account a \
         LEFT JOIN moved m ON m.account = a.id WHERE a.balance <> COALESCE(m.amount, 0) ORDER BY a.id",
    ),
    (
        "all balances add up to nothing",
        "SELECT 'all' AS subject, CAST(COALESCE(SUM(balance), 0) AS BIGINT) AS kept, CAST(0 AS BIGINT) AS proven FROM ledger_account \
         HAVING SUM(balance) <> 0",
    ),
    (
        "leased = granted - settled - returned of the organization's leases",
        "WITH held AS (SELECT organization_id, SUM(granted - settled - returned) AS amount FROM lease GROUP BY organization_id) \
         SELECT a.id AS subject, a.balance AS kept, CAST(COALESCE(h.amount, 0) AS BIGINT) AS proven FROM ledger_account a \
         LEFT JOIN held h ON h.organization_id = a.organization_id \
         WHERE a.kind = 'leased' AND a.balance <> COALESCE(h.amount, 0) ORDER BY a.id",
    ),
    (
        "a closed lease has nothing left",
        "SELECT id AS subject, granted - settled - returned AS kept, CAST(0 AS BIGINT) AS proven FROM lease \
         WHERE state = 'closed' AND granted - settled - returned <> 0 ORDER BY id",
    ),
    (
        "lease granted = its grant transfers",
        "WITH moved AS (SELECT lease_id, SUM(amount) AS amount FROM transfer WHERE kind = 'lease_grant' GROUP BY lease_id) \
         SELECT l.id AS subject, l.granted AS kept, CAST(COALESCE(m.amount, 0) AS BIGINT) AS proven FROM lease l \
         LEFT JOIN moved m ON m.lease_id = l.id WHERE l.granted <> COALESCE(m.amount, 0) ORDER BY l.id",
    ),
    (
        "lease returned = its return transfers",
        "WITH moved AS (SELECT lease_id, SUM(amount) AS amount FROM transfer WHERE kind = 'lease_return' GROUP BY lease_id) \
         SELECT l.id AS subject, l.returned AS kept, CAST(COALESCE(m.amount, 0) AS BIGINT) AS proven FROM lease l \
         LEFT JOIN moved m ON m.lease_id = l.id WHERE l.returned <> COALESCE(m.amount, 0) ORDER BY l.id",
    ),
    (
        "lease settled = its usage transfers",
        "WITH moved AS (SELECT lease_id, SUM(amount) AS amount FROM transfer WHERE kind = 'usage' GROUP BY lease_id) \
         SELECT l.id AS subject, l.settled AS kept, CAST(COALESCE(m.amount, 0) AS BIGINT) AS proven FROM lease l \
         LEFT JOIN moved m ON m.lease_id = l.id WHERE l.settled <> COALESCE(m.amount, 0) ORDER BY l.id",
    ),
    (
        "charged = usage and overshoot transfers of the organization",
        "WITH moved AS (SELECT organization_id, SUM(amount) AS amount FROM transfer WHERE kind IN ('usage', 'overshoot') \
         GROUP BY organization_id), \
         charged AS (SELECT organization_id, SUM(charged) AS amount FROM posting_total GROUP BY organization_id) \
         SELECT COALESCE(c.organization_id, m.organization_id) AS subject, CAST(COALESCE(c.amount, 0) AS BIGINT) AS kept, \
         CAST(COALESCE(m.amount, 0) AS BIGINT) AS proven \
         FROM charged c FULL JOIN moved m ON m.organization_id = c.organization_id \
         WHERE COALESCE(c.amount, 0) <> COALESCE(m.amount, 0) ORDER BY 1",
    ),
    (
        "budget window spent = its postings",
        "WITH p AS (SELECT budget_id, window_start_us, SUM(amount) AS amount FROM budget_posting GROUP BY budget_id, window_start_us) \
         SELECT w.budget_id AS subject, w.spent AS kept, CAST(COALESCE(p.amount, 0) AS BIGINT) AS proven FROM budget_window w \
         LEFT JOIN p ON p.budget_id = w.budget_id AND p.window_start_us = w.window_start_us \
         WHERE w.spent <> COALESCE(p.amount, 0) ORDER BY w.budget_id",
    ),
    (
        "budget window leased = granted - settled - returned of its leases",
        "WITH held AS (SELECT budget_id, window_start_us, SUM(granted - settled - returned) AS amount FROM budget_lease \
         GROUP BY budget_id, window_start_us) \
         SELECT w.budget_id AS subject, w.leased AS kept, CAST(COALESCE(h.amount, 0) AS BIGINT) AS proven FROM budget_window w \
         LEFT JOIN held h ON h.budget_id = w.budget_id AND h.window_start_us = w.window_start_us \
         WHERE w.leased <> COALESCE(h.amount, 0) ORDER BY w.budget_id",
    ),
    (
        "budget lease settled = what its postings did not overshoot",
        "WITH p AS (SELECT lease_id, SUM(amount - overshoot) AS amount FROM budget_posting WHERE lease_id IS NOT NULL GROUP BY lease_id) \
         SELECT l.id AS subject, l.settled AS kept, CAST(COALESCE(p.amount, 0) AS BIGINT) AS proven FROM budget_lease l \
         LEFT JOIN p ON p.lease_id = l.id WHERE l.settled <> COALESCE(p.amount, 0) ORDER BY l.id",
    ),
    (
        "budget lease granted - returned = its moves",
        "WITH m AS (SELECT lease_id, SUM(CASE WHEN kind = 'grant' THEN amount ELSE -amount END) AS amount FROM budget_lease_move \
         GROUP BY lease_id) \
         SELECT l.id AS subject, l.granted - l.returned AS kept, CAST(COALESCE(m.amount, 0) AS BIGINT) AS proven FROM budget_lease l \
         LEFT JOIN m ON m.lease_id = l.id WHERE l.granted - l.returned <> COALESCE(m.amount, 0) ORDER BY l.id",
    ),
    ("running totals = postings, in calls", totals_check!("calls")),
    ("running totals = postings, in input tokens", totals_check!("input")),
    ("running totals = postings, in output tokens", totals_check!("output")),
    ("running totals = postings, in cost", totals_check!("cost")),
    ("running totals = postings, in charged", totals_check!("charged")),
];

/// Proves every kept figure against the rows behind it, in one consistent view. Reads the whole ledger: for reconcile
/// and tests, not for a request.
pub async fn ledger_prove(db: &Db) -> Result<Proof, StoreError> {
    let mut tx = db.begin_read().await?;
    ledger_prove_in(&mut tx).await
}

/// [`ledger_prove`] as a transaction sees it.
pub(crate) async fn ledger_prove_in(tx: &mut Tx) -> Result<Proof, StoreError> {
    let transfers = sqlx::query_scalar("SELECT COUNT(*) FROM transfer").fetch_one(&mut **tx).await.act("count transfers")?;
    let postings = sqlx::query_scalar("SELECT COUNT(*) FROM posting").fetch_one(&mut **tx).await.act("count postings")?;
    let held: i64 =
        sqlx::query_scalar("SELECT CAST(COALESCE(SUM(balance), 0) AS BIGINT) FROM ledger_account WHERE kind IN ('credits', 'leased')")
            .fetch_one(&mut **tx)
            .await
            .act("sum what organizations have")?;
    let mut proof = Proof { transfers, postings, held: NanoUsd(held), differences: Vec::new() };
    for (check, sql) in CHECKS {
        for row in sqlx::query(*sql).fetch_all(&mut **tx).await.act(check)? {
            let columns = Columns(&row);
            let (subject, kept, proven) = (columns.text("subject")?, columns.int("kept")?, columns.int("proven")?);
            proof.differences.push(Difference { check, subject, kept, proven });
        }
    }
    Ok(proof)
}
