//! The command line.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use service::Config;

use crate::command;

/// A multi-tenant gateway in front of every model provider.
#[derive(Debug, Parser)]
#[command(name = "llmg", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// The configuration file; without it, `LLMG_CONFIG` or `llmg.toml` in this folder if there is one.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run gateway, control and metering in one process on the embedded default.
    Up,
    /// Run only the gateway.
    Gateway,
    /// Run only the control plane.
    Control,
    /// Run only metering.
    Metering,
    /// Run the simulated provider.
    Sim(command::sim::SimArgs),
    /// Make the first user, organization, project and keys; safe to repeat.
    Bootstrap(command::bootstrap::BootstrapArgs),
    /// The relational store and the analytics store.
    #[command(subcommand)]
    Db(DbCommand),
    /// Prove that gateway, analytics and ledger count the same.
    Reconcile(command::reconcile::ReconcileArgs),
    /// Show or grant an organization's credits.
    #[command(subcommand)]
    Credits(command::credits::CreditsCommand),
    /// Make, list, import and revoke API keys; look at and rotate the master keys.
    #[command(subcommand)]
    Keys(command::keys::KeysCommand),
    /// Check configuration, stores and the running instance.
    Doctor,
    /// Print the version.
    Version,
}

#[derive(Debug, Subcommand)]
enum DbCommand {
    /// Bring the schemas up to date.
    Migrate,
}

/// Which organization a command is about.
#[derive(Debug, Args)]
pub(crate) struct OrganizationArgs {
    /// `org_…`; may be left out while the operator is a member of only one.
    #[arg(long, value_name = "ID")]
    pub(crate) organization: Option<String>,
}

impl Cli {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let command = match self.command {
            Command::Version => return command::version(),
            Command::Sim(args) => return runtime()?.block_on(command::sim::run(args)),
            other => other,
        };
        let config = Config::read(self.config.as_deref())?;
        if matches!(command, Command::Up | Command::Gateway | Command::Control | Command::Metering) {
            service::telemetry::init(&config.log, config.log_format).context("start logging")?;
        }
        runtime()?.block_on(dispatch(command, config))
    }
}

async fn dispatch(command: Command, config: Config) -> anyhow::Result<ExitCode> {
    match command {
        Command::Up => command::serve::up(config).await,
        Command::Gateway => command::serve::gateway(config).await,
        Command::Control => command::serve::control(config).await,
        Command::Metering => command::serve::metering(config).await,
        Command::Bootstrap(args) => command::bootstrap::run(&config, args).await,
        Command::Db(DbCommand::Migrate) => command::db::migrate(&config).await,
        Command::Reconcile(args) => command::reconcile::run(&config, args).await,
        Command::Credits(args) => command::credits::run(&config, args).await,
        Command::Keys(args) => command::keys::run(&config, args).await,
        Command::Doctor => command::doctor::run(&config).await,
        Command::Version | Command::Sim(_) => command::version(),
    }
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start the runtime")
}
