//! What providers produced for calls whose gateway died, beyond what customers are billed: carried by us, to the unit. What
//! they produced on an organization's own key is on that organization's account there, and no loss of ours.

use std::collections::BTreeMap;
use std::path::Path;

use domain::{NanoUsd, OrgScope, OrganizationId, RequestId, UnixMicros};
use events::{Orphan, ReadError};
use proto::usage::v1::Rates;
use serde::{Deserialize, Serialize};
use store::{CrashLoss, Db, StoreError, UsedMode};
use uuid::Uuid;

/// One request of a provider's own statement.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct StatementLine {
    /// Our request id as the provider saw it in `x-client-request-id`: `req_…`, with `-<attempt>` behind it or not.
    #[serde(alias = "client_request_id")]
    pub request_id: Option<String>,
    /// The provider's answer; a refused request (400 and above) produced nothing. Absent: it was answered.
    #[serde(default)]
    pub status: Option<u16>,
    /// What the provider counts as read.
    pub input_tokens: u64,
    /// What the provider counts as produced.
    pub output_tokens: u64,
}

/// Reads a statement of JSON Lines, such as the simulator's journal. Unknown fields and empty lines are passed over; the
/// error names the line.
pub fn statement_parse(text: &str) -> Result<Vec<StatementLine>, CrashLossError> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(number, line)| serde_json::from_str(line).map_err(|source| CrashLossError::Statement { line: number + 1, source }))
        .collect()
}

/// What a statement meant for the crash-loss account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct CrashLossReport {
    /// Calls on the platform's keys whose gateway died.
    pub orphans: u64,
    /// Of these, posted now (a loss may be zero).
    pub posted: u64,
    /// Posted by an earlier run.
    pub known: u64,
    /// Not in the statement: the request never reached the provider, or the statement is of another one.
    pub not_in_statement: u64,
    /// Billed more than the statement says was produced. Nothing is posted; each needs a correction.
    pub overbilled: u64,
    /// What those were billed too much, in nano-USD at the provider's price.
    pub overbilled_nano_usd: i64,
    /// Input tokens of the losses, posted now or before.
    pub input_tokens: u64,
    /// Output tokens of the losses, posted now or before.
    pub output_tokens: u64,
    /// The losses, posted now or before, in nano-USD at the provider's price.
    pub loss_nano_usd: i64,
}

/// A statement that could not be posted.
#[derive(Debug, thiserror::Error)]
pub enum CrashLossError {
    /// A line is not what a statement has.
    #[error("line {line} of the statement is not a JSON object with `request_id`, `input_tokens` and `output_tokens`")]
    Statement {
        /// From 1.
        line: usize,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// The list of orphaned calls cannot be read.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// The ledger refused.
    #[error(transparent)]
    Ledger(#[from] StoreError),
}

/// For each call whose gateway died: posts what the provider produced, priced at the call's rates, minus what was billed,
/// so that bill + crash loss = what the provider produced. Several lines of one request (attempts) add up. Safe to
/// repeat with the same statement.
pub async fn crash_loss_from_statement(
    db: &Db,
    events_dir: &Path,
    statement: &[StatementLine],
    now: UnixMicros,
) -> Result<CrashLossReport, CrashLossError> {
    let produced = produced(statement);
    let mut report = CrashLossReport::default();
    for orphan in events::orphans_list(events_dir)?.into_iter().filter(is_ours) {
        report.orphans += 1;
        let Some((scope, request)) = identify(&orphan) else { continue };
        let Some(&(input, output)) = produced.get(&request) else {
            report.not_in_statement += 1;
            continue;
        };
        let loss = loss(&orphan, request, input, output, now);
        if loss.amount.is_negative() {
            report.overbilled += 1;
            report.overbilled_nano_usd = report.overbilled_nano_usd.saturating_sub(loss.amount.0);
            continue;
        }
        let fresh = store::crash_loss_post(db, &scope, &loss).await?;
        report.posted += u64::from(fresh);
        report.known += u64::from(!fresh);
        report.input_tokens = report.input_tokens.saturating_add(loss.input_tokens);
        report.output_tokens = report.output_tokens.saturating_add(loss.output_tokens);
        report.loss_nano_usd = report.loss_nano_usd.saturating_add(loss.amount.0);
    }
    Ok(report)
}

/// The platform's key was used, so that the provider bills us.
fn is_ours(orphan: &Orphan) -> bool {
    let used_mode = orphan.intent.facts.as_ref().map_or("", |facts| &facts.used_mode);
    UsedMode::parse(used_mode) != Some(UsedMode::ApiKeys)
}

/// Tokens by call. Lines about requests of others are passed over.
fn produced(statement: &[StatementLine]) -> BTreeMap<RequestId, (u64, u64)> {
    let mut produced = BTreeMap::new();
    for line in statement.iter().filter(|line| line.status.is_none_or(|status| (200..400).contains(&status))) {
        if let Some(request) = line.request_id.as_deref().and_then(request_of) {
            let sum: &mut (u64, u64) = produced.entry(request).or_default();
            sum.0 = sum.0.saturating_add(line.input_tokens);
            sum.1 = sum.1.saturating_add(line.output_tokens);
        }
    }
    produced
}

fn request_of(text: &str) -> Option<RequestId> {
    let id = text.split_once('-').map_or(text, |(id, _attempt)| id);
    id.parse().ok()
}

#[expect(clippy::disallowed_methods, reason = "the gateway proved the caller when it wrote the call's intent")]
fn identify(orphan: &Orphan) -> Option<(OrgScope, RequestId)> {
    let organization = Uuid::from_slice(&orphan.intent.facts.as_ref()?.organization_id).ok()?;
    let request = Uuid::from_slice(&orphan.event.request_id).ok()?;
    Some((OrgScope::proven(OrganizationId::from_uuid(organization)), RequestId::from_uuid(request)))
}

fn loss(orphan: &Orphan, request: RequestId, input: u64, output: u64, now: UnixMicros) -> CrashLoss {
    let rates: Rates = orphan.intent.rates.unwrap_or_default();
    let (cost, _charged) = events::price(&rates, input, output);
    let billed = orphan.event.usage.unwrap_or_default();
    CrashLoss {
        request,
        amount: NanoUsd(cost.0.saturating_sub(orphan.event.cost_nano_usd)),
        input_tokens: input.saturating_sub(billed.input),
        output_tokens: output.saturating_sub(billed.output),
        now,
    }
}
