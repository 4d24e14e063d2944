//! A gateway apart from control, and control's door for such gateways.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use prometheus_client::registry::Registry;
use rpc::{Control, Remote, RemoteError};
use service::config::ConfigError;
use service::{Config, Shutdown};
use tokio::net::TcpListener;

use super::say;
use super::serve::{GatewayFrom, bind, rest, run, start_gateway, stop, url};
use crate::edge::Edge;
use crate::instance::{self, Instance};
use crate::master_keys::Source;
use crate::ops::{self, Ops};

/// `llmg gateway` with a `control_url`: no store is opened here.
pub(super) async fn gateway(config: Config) -> anyhow::Result<ExitCode> {
    let catalog = instance::catalog(&config)?;
    let control = remote(&config)?;
    instance::data_folder(&config.data_dir)?;
    instance::master_keys_given(&config)?;
    let source = Source::of(&config).await.context("get the master keys")?;
    let master_keys = source.keys().await.context("get the master keys")?;
    let listener = bind(&config, "listen", config.listen).await?;
    let ops_listener = match config.ops_listen {
        Some(at) => Some(bind(&config, "ops_listen", at).await?),
        None => None,
    };
    let edge_stop = Shutdown::new();
    edge_stop.spawn(source.follow(Arc::clone(&master_keys), edge_stop.clone()));
    let mut registry = Registry::default();
    let from = GatewayFrom { control: Control::Remote(Box::new(control)), catalog, master_keys };
    let (gateway, journal) = start_gateway(&config, from, &mut registry, &edge_stop).await?;
    let ops = ops::router(Ops { registry, db: None, gateway: Some(Arc::clone(&gateway)), metering: None });
    let at = listener.tcp.local_addr().context("read the address")?;
    let rest = rest(&config, &ops, None);
    let proxies = Arc::new(config.trusted_proxies.clone());
    let mut servers = Vec::new();
    if let Some(listener) = ops_listener {
        servers.push(tokio::spawn(run(listener, Edge::new(None, None, ops, Arc::clone(&proxies)), &edge_stop)));
    }
    servers.push(tokio::spawn(run(listener, Edge::new(Some(gateway), None, rest, proxies), &edge_stop)));
    say(format_args!("llmg is ready on {}", url(&config, at)));
    service::shutdown::signalled().await.context("listen for signals")?;
    stop(servers, &edge_stop, Some(journal), None, None).await
}

fn remote(config: &Config) -> anyhow::Result<Remote> {
    let (Some(address), Some(token)) = (&config.control_url, &config.cluster_token) else {
        anyhow::bail!("settings: `control_url`: set without `cluster_token`; set both");
    };
    let authority = config.control_ca.as_deref().map(|path| pem("control_ca", path)).transpose()?;
    let made = Remote::new(address, token, authority.as_deref());
    let refused = |error| match error {
        RemoteError::Url => ("control_url", "not an address", "write it as http://host:port or https://host:port"),
        RemoteError::Token => ("cluster_token", "has letters that no header may have", "use ASCII letters and digits"),
        RemoteError::Certificate => ("control_ca", "not a certificate", "name a PEM file"),
    };
    Ok(made.map_err(refused).map_err(|(field, reason, mend)| ConfigError::new("settings", field, reason, mend))?)
}

/// Answers gateways elsewhere, when the settings say where.
pub(super) async fn control(config: &Config, instance: &Instance, stop: &Shutdown) -> anyhow::Result<()> {
    let (Some(at), Some(token)) = (config.control_listen, config.cluster_token.clone()) else { return Ok(()) };
    let listener = TcpListener::bind(at)
        .await
        .map_err(|e| ConfigError::new("settings", "control_listen", format!("{at}: {e}"), "free the port, or choose another address"))?;
    let tls = match (&config.tls_cert, &config.tls_key) {
        (Some(cert), Some(key)) => Some((pem("tls_cert", cert)?, pem("tls_key", key)?)),
        _ => None,
    };
    let at = listener.local_addr().context("read the address")?;
    let (db, stopping) = (instance.db.clone(), stop.clone());
    stop.spawn(async move {
        if let Err(error) = rpc::serve(listener, db, &token, tls, stopping).await {
            tracing::error!(error, "gateways cannot be answered");
        }
    });
    say(format_args!("llmg answers gateways on {at}"));
    Ok(())
}

fn pem(field: &str, path: &Path) -> Result<String, ConfigError> {
    let refused = |e: std::io::Error| ConfigError::new("settings", field, format!("{}: {e}", path.display()), "name a readable PEM file");
    std::fs::read_to_string(path).map_err(refused)
}
