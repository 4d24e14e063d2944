//! `llmg bootstrap`: the first user, organization, project and keys.

use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use control::BootstrapAsk;
use control::app::Control;
use domain::{NanoUsd, Secret};
use serde_json::json;
use service::Config;

use super::{refused, say};
use crate::instance::Instance;

/// Who is first.
#[derive(Debug, Args)]
pub(crate) struct BootstrapArgs {
    /// The operator's e-mail address.
    #[arg(long)]
    email: String,
    /// The operator's password, at least 8 characters.
    #[arg(long)]
    password: String,
    /// Starter credit in dollars, given once.
    #[arg(long, default_value = "5")]
    credits_usd: String,
    /// Print one JSON object instead of lines.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(config: &Config, args: BootstrapArgs) -> anyhow::Result<ExitCode> {
    let credits: NanoUsd = args.credits_usd.parse().context("--credits-usd")?;
    let instance = Instance::open(config).await?;
    let control = Control::new(instance.db.clone(), instance.analytics.clone(), control::Settings::default());
    let made = control.bootstrap(&BootstrapAsk::new(args.email, Secret::new(args.password), credits)).await.map_err(refused)?;
    instance.close().await;
    let (api_key, management_key) = (made.api_key.expose(), made.management_key.expose());
    if args.json {
        say(json!({
            "api_key": api_key,
            "management_key": management_key,
            "organization_id": made.organization_id,
            "project_id": made.project_id,
            "user_id": made.user_id,
            "existed": made.existed,
        }));
        return Ok(ExitCode::SUCCESS);
    }
    if made.existed {
        say("This instance was bootstrapped before: nothing but fresh keys was made.");
    }
    say(format_args!("organization_id  {}\nproject_id       {}", made.organization_id, made.project_id));
    say(format_args!("api_key          {api_key}\nmanagement_key   {management_key}"));
    say("Keep both keys now: they are not shown again. The API key calls /v1, the management key /api.");
    Ok(ExitCode::SUCCESS)
}
