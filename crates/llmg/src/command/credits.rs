//! `llmg credits`: an organization's balance, and the operator's grants.

use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;
use control::app::Control;
use control::app::credits::GrantNew;
use domain::NanoUsd;
use serde_json::json;
use service::Config;

use super::{refused, say};
use crate::cli::OrganizationArgs;
use crate::instance::Instance;

/// What to do with credits.
#[derive(Debug, Subcommand)]
pub(crate) enum CreditsCommand {
    /// Show what is free, leased to gateways, and spent.
    Show {
        #[command(flatten)]
        whose: OrganizationArgs,
    },
    /// Give credit.
    Grant {
        #[command(flatten)]
        whose: OrganizationArgs,
        /// Dollars, such as 25 or 0.5.
        #[arg(long, value_name = "USD")]
        amount_usd: String,
        /// Why; it stands in the ledger.
        #[arg(long, default_value = "granted by the operator")]
        reason: String,
        /// The same word grants once, however often it is sent.
        #[arg(long, value_name = "WORD")]
        idempotency_key: Option<String>,
    },
}

pub(crate) async fn run(config: &Config, command: CreditsCommand) -> anyhow::Result<ExitCode> {
    let instance = Instance::open(config).await?;
    let control = Control::new(instance.db.clone(), instance.analytics.clone(), control::Settings::default());
    let balance = match command {
        CreditsCommand::Show { whose } => {
            let operator = control.console(whose.organization.as_deref()).await.map_err(refused)?;
            control.credits_balance(operator.management()).await.map_err(refused)?
        }
        CreditsCommand::Grant { whose, amount_usd, reason, idempotency_key } => {
            let amount: NanoUsd = amount_usd.parse().context("--amount-usd")?;
            let operator = control.console(whose.organization.as_deref()).await.map_err(refused)?;
            let grant = GrantNew { organization: None, amount, reason, idempotency_key };
            control.credits_grant(&operator, grant).await.map_err(refused)?.balance
        }
    };
    instance.close().await;
    let available = balance.credits + balance.leased;
    say(json!({
        "balance_usd": available.to_string(),
        "balance_nano_usd": available.0,
        "credits_nano_usd": balance.credits.0,
        "leased_nano_usd": balance.leased.0,
        "spent_nano_usd": balance.spent.0,
    }));
    Ok(ExitCode::SUCCESS)
}
