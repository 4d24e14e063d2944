//! `llmg keys status` and `llmg keys rewrap`: the master keys, while everything runs.

use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use control::app::Control;
use serde_json::json;
use service::Config;

use super::{refused, say};
use crate::instance::Instance;
use crate::master_keys::{FOLLOWED_WITHIN, Source};

/// Something is sealed under a master key that is not here.
const EXIT_LEFT: u8 = 1;

/// What to seal anew.
#[derive(Debug, Args)]
pub(crate) struct RewrapArgs {
    /// Make a new master key first, add it to the master key file, and seal everything under it.
    #[arg(long)]
    new_key: bool,
}

async fn control(instance: &Instance, source: &Source) -> anyhow::Result<Control> {
    let master_keys = Some(source.keys().await.context("get the master keys")?);
    let settings = control::Settings { master_keys, ..control::Settings::default() };
    Ok(Control::new(instance.db.clone(), instance.analytics.clone(), settings))
}

pub(crate) async fn status(config: &Config) -> anyhow::Result<ExitCode> {
    let instance = Instance::open(config).await?;
    let control = control(&instance, &Source::of(config).await?).await?;
    let all = control.master_keys_status().await.map_err(refused)?;
    let shown = all.iter().map(|key| json!({ "id": key.id, "here": key.here, "seals": key.seals, "data_keys": key.data_keys }));
    say(json!({ "master_keys": shown.collect::<Vec<_>>() }));
    instance.close().await;
    let lost = all.iter().any(|key| key.id.is_some() && !key.here);
    Ok(if lost { ExitCode::from(EXIT_LEFT) } else { ExitCode::SUCCESS })
}

pub(crate) async fn rewrap(config: &Config, args: RewrapArgs) -> anyhow::Result<ExitCode> {
    let instance = Instance::open(config).await?;
    let source = Source::of(config).await?;
    if args.new_key {
        // Everybody can open with it before anybody seals with it, and everybody seals with it before the last pass.
        let id = source.add().await?;
        tokio::time::sleep(FOLLOWED_WITHIN).await;
        source.promote(id).await?;
        tokio::time::sleep(FOLLOWED_WITHIN).await;
    }
    let done = control(&instance, &source).await?.master_keys_rewrap().await.map_err(refused)?;
    say(json!({ "master_key": done.master_key.to_string(), "sealed_anew": done.sealed_anew, "left": done.left }));
    instance.close().await;
    Ok(if done.left > 0 { ExitCode::from(EXIT_LEFT) } else { ExitCode::SUCCESS })
}
