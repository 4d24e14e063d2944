//! `llmg keys`: API keys from the shell of the machine that holds the data folder.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::{Args, Subcommand};
use control::app::Control;
use control::app::keys::ApiKeyNew;
use control::{Developer, Operator};
use domain::Secret;
use serde_json::json;
use service::Config;
use store::{ApiKeyRow, KeyRules, Page};

use super::master_keys::{self, RewrapArgs};
use super::{refused, say};
use crate::cli::OrganizationArgs;
use crate::instance::{self, Instance};

/// Keys of one page.
const PAGE: u32 = 200;

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a key and show it once.
    Create(Box<CreateArgs>),
    /// List keys, one JSON object per line.
    List {
        #[command(flatten)]
        whose: OrganizationArgs,
    },
    /// Close a key for ever.
    Revoke {
        #[command(flatten)]
        whose: OrganizationArgs,
        /// `key_…`
        id: String,
    },
    /// Show the master keys, and how much is sealed under each.
    Status,
    /// Seal everything anew under the first master key, while everything runs.
    Rewrap(RewrapArgs),
}

/// A new key.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    #[command(flatten)]
    whose: OrganizationArgs,
    /// For display.
    #[arg(long)]
    name: String,
    /// `proj_…`; the organization's first project if left out.
    #[arg(long)]
    project: Option<String>,
    /// Requests per minute.
    #[arg(long)]
    rpm: Option<u32>,
    /// Tokens per minute.
    #[arg(long)]
    tpm: Option<u32>,
    /// Calls at once.
    #[arg(long)]
    concurrency: Option<u32>,
    /// A model that it may call; may be given several times. Without it: all.
    #[arg(long = "model", value_name = "MODEL")]
    models: Vec<String>,
    #[command(flatten)]
    rules: RulesArgs,
    /// Take over a key that another product made, instead of making one.
    #[arg(long, value_name = "KEY")]
    import: Option<String>,
}

/// What the calls of a new key are held to. Each may be given several times, but for the prices.
#[derive(Debug, Args)]
struct RulesArgs {
    /// An address or CIDR block that calls may come from. Without it: all.
    #[arg(long = "allow-ip", value_name = "CIDR")]
    allowed_ips: Vec<String>,
    /// A model that it may not call.
    #[arg(long = "deny-model", value_name = "MODEL")]
    denied_models: Vec<String>,
    /// A provider that its calls may go to. Without it: all.
    #[arg(long = "allow-provider", value_name = "PROVIDER")]
    allowed_providers: Vec<String>,
    /// A provider that its calls may not go to.
    #[arg(long = "deny-provider", value_name = "PROVIDER")]
    denied_providers: Vec<String>,
    /// The most that a million input tokens may cost, in nano-USD.
    #[arg(long, value_name = "NANO_USD")]
    input_price_max: Option<u64>,
    /// The most that a million output tokens may cost, in nano-USD.
    #[arg(long, value_name = "NANO_USD")]
    output_price_max: Option<u64>,
    /// A tag for each of its calls.
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Metadata for each of its calls.
    #[arg(long, value_name = "NAME=VALUE", value_parser = name_and_value)]
    metadata: Vec<(String, String)>,
}

impl From<RulesArgs> for KeyRules {
    fn from(args: RulesArgs) -> Self {
        Self {
            allowed_ips: args.allowed_ips,
            denied_models: args.denied_models,
            allowed_providers: args.allowed_providers,
            denied_providers: args.denied_providers,
            input_price_max_nano_usd_per_million: args.input_price_max,
            output_price_max_nano_usd_per_million: args.output_price_max,
            tags: args.tags,
            metadata: args.metadata.into_iter().collect(),
        }
    }
}

fn name_and_value(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

pub(crate) async fn run(config: &Config, command: KeysCommand) -> anyhow::Result<ExitCode> {
    match command {
        KeysCommand::Status => master_keys::status(config).await,
        KeysCommand::Rewrap(args) => master_keys::rewrap(config, args).await,
        KeysCommand::Create(args) => with_control(config, async |control| create(control, *args).await).await,
        KeysCommand::List { whose } => with_control(config, async |control| list(control, &whose).await).await,
        KeysCommand::Revoke { whose, id } => with_control(config, async |control| revoke(control, &whose, &id).await).await,
    }
}

async fn with_control(config: &Config, act: impl AsyncFnOnce(&Control) -> anyhow::Result<()>) -> anyhow::Result<ExitCode> {
    let instance = Instance::open(config).await?;
    let settings = control::Settings { catalog: Arc::new(instance::catalog(config)?), ..control::Settings::default() };
    let control = Control::new(instance.db.clone(), instance.analytics.clone(), settings);
    act(&control).await?;
    instance.close().await;
    Ok(ExitCode::SUCCESS)
}

async fn developer(control: &Control, whose: &OrganizationArgs) -> anyhow::Result<Developer> {
    let operator: Operator = control.console(whose.organization.as_deref()).await.map_err(refused)?;
    Developer::try_from(operator.management().clone()).map_err(refused)
}

async fn revoke(control: &Control, whose: &OrganizationArgs, id: &str) -> anyhow::Result<()> {
    let developer = developer(control, whose).await?;
    let id = id.parse().context("a key's id begins with key_")?;
    let row = control.key_revoke(&developer, id).await.map_err(refused)?;
    say(shown(&row));
    Ok(())
}

async fn create(control: &Control, args: CreateArgs) -> anyhow::Result<()> {
    let developer = developer(control, &args.whose).await?;
    let project = args.project.map(|id| id.parse()).transpose().context("--project: a project's id begins with proj_")?;
    let new = ApiKeyNew {
        name: args.name,
        project,
        imported: args.import.map(Secret::new),
        expires_at: None,
        rpm: args.rpm,
        tpm: args.tpm,
        concurrency: args.concurrency,
        allowed_models: (!args.models.is_empty()).then_some(args.models),
        rules: args.rules.into(),
        acts_for_sub_accounts: false,
    };
    let made = control.key_create(&developer, new).await.map_err(refused)?;
    let mut shown = shown(&made.row);
    if let (Some(key), Some(members)) = (&made.key, shown.as_object_mut()) {
        members.insert("api_key".to_owned(), key.expose().as_str().into());
    }
    say(shown);
    Ok(())
}

async fn list(control: &Control, whose: &OrganizationArgs) -> anyhow::Result<()> {
    let operator = control.console(whose.organization.as_deref()).await.map_err(refused)?;
    let mut after = None;
    loop {
        let page = control.key_list(operator.management(), None, Page { after, limit: PAGE }).await.map_err(refused)?;
        for row in &page.rows {
            say(shown(row));
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

fn shown(row: &ApiKeyRow) -> serde_json::Value {
    json!({
        "id": row.id,
        "name": row.name,
        "project_id": row.project,
        "prefix": row.prefix,
        "status": row.status.as_str(),
        "rpm": row.rpm,
        "tpm": row.tpm,
        "concurrency": row.concurrency,
        "allowed_models": row.allowed_models,
        "rules": row.rules,
        "created_at": service::clock::rfc3339(row.created_at),
    })
}
