//! `llmg reconcile`: do gateway, analytics and ledger count the same?

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use serde_json::json;
use service::Config;

use super::say;
use crate::instance::Instance;

/// Differences were found.
const EXIT_DIFFERENT: u8 = 1;

/// What is compared.
#[derive(Debug, Args)]
pub(crate) struct ReconcileArgs {
    /// A provider's own statement as JSON Lines (`request_id`, `input_tokens`, `output_tokens`): what it produced for calls
    /// whose gateway died goes to the crash-loss account.
    #[arg(long, value_name = "FILE")]
    statement: Option<PathBuf>,
    /// Seconds to wait for metering to take in what the gateways have written.
    #[arg(long, default_value_t = 10)]
    wait_s: u64,
    /// Print one JSON object instead of a table.
    #[arg(long)]
    json: bool,
}

/// How often the books are compared while metering is behind.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// Compares until the books agree or the time is over: on a running instance metering is a moment behind.
async fn compare(instance: &Instance, wait: Duration) -> anyhow::Result<metering::Reconciliation> {
    let began = Instant::now();
    loop {
        let all = metering::reconcile(&instance.db, &instance.analytics, &instance.events_dir).await.context("compare the books")?;
        if all.is_exact() || began.elapsed() >= wait {
            return Ok(all);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

pub(crate) async fn run(config: &Config, args: ReconcileArgs) -> anyhow::Result<ExitCode> {
    let instance = Instance::open(config).await?;
    let mut losses = None;
    if let Some(path) = &args.statement {
        let text = tokio::fs::read_to_string(path).await.with_context(|| format!("read {}", path.display()))?;
        let statement = metering::statement_parse(&text).with_context(|| format!("read {}", path.display()))?;
        let report = metering::crash_loss_from_statement(&instance.db, &instance.events_dir, &statement, service::clock::now()).await;
        losses = Some(report.context("post crash losses")?);
    }
    let all = compare(&instance, Duration::from_secs(args.wait_s)).await?;
    let proof = store::ledger_prove(&instance.db).await.context("prove the ledger")?;
    let sound = all.is_exact() && proof.holds();
    if args.json {
        say(json!({ "exact": sound, "reconciliation": all, "crash_loss": losses, "ledger_balanced": proof.holds() }));
    } else {
        say(&all);
        if let Some(losses) = losses {
            say(format_args!("crash loss: {}", serde_json::to_string(&losses).context("show the crash losses")?));
        }
        say(if proof.holds() { "ledger: every balance is the sum of its transfers" } else { "ledger: NOT balanced" });
    }
    instance.close().await;
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::from(EXIT_DIFFERENT) })
}
