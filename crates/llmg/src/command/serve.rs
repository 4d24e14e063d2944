//! `llmg up | gateway | control | metering`.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use control::Control;
use dashboard::Dashboard;
use events::Journal;
use gateway::{Gateway, Metrics, Parts, Settings};
use hyper::service::service_fn;
use prometheus_client::registry::Registry;
use seal::MasterKeys;
use service::config::ConfigError;
use service::server::{self, Listener};
use service::{Config, Shutdown};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::say;
use crate::edge::{self, Edge};
use crate::front;
use crate::instance::{self, Instance};
use crate::master_keys::Source;
use crate::ops::{self, Ops};

/// How often metering looks for events without being nudged.
const METERING_PERIOD: Duration = Duration::from_millis(100);

/// Which services this process runs.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Roles {
    gateway: bool,
    control: bool,
    metering: bool,
}

pub(crate) async fn up(config: Config) -> anyhow::Result<ExitCode> {
    serve(config, Roles { gateway: true, control: true, metering: true }).await
}

pub(crate) async fn gateway(config: Config) -> anyhow::Result<ExitCode> {
    serve(config, Roles { gateway: true, control: false, metering: false }).await
}

pub(crate) async fn control(config: Config) -> anyhow::Result<ExitCode> {
    serve(config, Roles { gateway: false, control: true, metering: false }).await
}

pub(crate) async fn metering(config: Config) -> anyhow::Result<ExitCode> {
    serve(config, Roles { gateway: false, control: false, metering: true }).await
}

async fn serve(config: Config, roles: Roles) -> anyhow::Result<ExitCode> {
    let catalog = instance::catalog(&config)?;
    let listener = if roles.gateway || roles.control { Some(bind(&config, "listen", config.listen).await?) } else { None };
    let ops_listener = match config.ops_listen {
        Some(at) => Some(bind(&config, "ops_listen", at).await?),
        None => None,
    };
    let instance = Instance::open(&config).await?;
    let source = Source::of(&config).await.context("get the master keys")?;
    let master_keys = source.keys().await.context("get the master keys")?;
    // Stopped in this order: the edge first, metering last, so that all that the edge recorded is taken in.
    let (edge_stop, metering_stop) = (Shutdown::new(), Shutdown::new());
    edge_stop.spawn(source.follow(Arc::clone(&master_keys), edge_stop.clone()));
    let mut registry = Registry::default();
    let mut gateway_parts = None;
    if roles.gateway {
        gateway_parts =
            Some(start_gateway(&config, &instance, (catalog.clone(), Arc::clone(&master_keys)), &mut registry, &edge_stop).await?);
    }
    let metering = roles.metering.then(|| start_metering(&instance, gateway_parts.as_ref().map(|(_, journal)| journal), &metering_stop));
    let gateway = gateway_parts.as_ref().map(|(gateway, _)| Arc::clone(gateway));
    let ops = ops::router(Ops {
        registry,
        db: instance.db.clone(),
        gateway: gateway.clone(),
        metering: metering.as_ref().map(|(status, _)| status.clone()),
    });
    let at = listener.as_ref().map(|listener| listener.tcp.local_addr()).transpose().context("read the address")?;
    let settings = front::control_settings(&config, master_keys, catalog, at)?;
    let control = Arc::new(Control::new(instance.db.clone(), instance.analytics.clone(), settings));
    if roles.control {
        edge_stop.spawn(Arc::clone(&control).mail_run(edge_stop.clone()));
        edge_stop.spawn(Arc::clone(&control).purge_run(edge_stop.clone()));
    }
    let rest = rest(&config, roles, &ops, control);
    let mut servers = Vec::new();
    let proxies = Arc::new(config.trusted_proxies.clone());
    if let Some(listener) = ops_listener {
        servers.push(tokio::spawn(run(listener, Edge::new(None, None, ops, Arc::clone(&proxies)), &edge_stop)));
    }
    if let (Some(listener), Some(at)) = (listener, at) {
        let dashboard = roles.control.then(dashboard);
        greet(&config, roles, at, dashboard.as_ref().is_some_and(|dashboard| dashboard.is_built()));
        servers.push(tokio::spawn(run(listener, Edge::new(gateway, dashboard, rest, proxies), &edge_stop)));
        say(format_args!("llmg is ready on {}", url(&config, at)));
    } else {
        say("llmg metering is ready");
    }
    service::shutdown::signalled().await.context("listen for signals")?;
    stop(servers, &edge_stop, gateway_parts.map(|(_, journal)| journal), metering.map(|(_, task)| (metering_stop, task)), &instance).await
}

async fn bind(config: &Config, field: &str, at: SocketAddr) -> anyhow::Result<Listener> {
    let tcp = TcpListener::bind(at)
        .await
        .map_err(|e| ConfigError::new("settings", field, format!("{at}: {e}"), "free the port, or choose another address"))?;
    let tls = match (&config.tls_cert, &config.tls_key) {
        (Some(cert), Some(key)) => Some(server::tls(cert, key).map_err(|e| {
            let reason = format!("{:#}", anyhow::Error::from(e));
            ConfigError::new("settings", "tls_cert", reason, "name PEM files of a certificate chain and its key")
        })?),
        _ => None,
    };
    Ok(Listener { tcp, tls, drain: Duration::from_millis(config.drain_timeout_ms) })
}

async fn start_gateway(
    config: &Config,
    instance: &Instance,
    (catalog, master_keys): (catalog::Catalog, Arc<MasterKeys>),
    registry: &mut Registry,
    stop: &Shutdown,
) -> anyhow::Result<(Arc<Gateway>, Arc<Journal>)> {
    let simulated = TcpListener::bind("127.0.0.1:0").await.context("listen for the simulated provider")?;
    let simulated_at = format!("http://{}", simulated.local_addr().context("read the simulated provider's address")?);
    // The pages that script faults are for `llmg sim`; the built-in provider only answers.
    let options = sim::Options { control: false, journal_entries_max: 1, kept_requests_max: 0, ..sim::Options::default() };
    let stopping = stop.stopping();
    stop.spawn(sim::serve(simulated, options, stopping));
    let journal = instance.journal(config).await?;
    let parts =
        Parts { db: instance.db.clone(), journal: Arc::clone(&journal), catalog, master_keys, metrics: Metrics::register(registry) };
    let gateway = Gateway::start(Settings::new(config, Some(simulated_at)), parts, stop).await?;
    if let Some(path) = &config.catalog_file {
        stop.spawn(Arc::clone(&gateway).follow_catalog(path.clone(), stop.clone()));
    }
    Ok((gateway, journal))
}

fn start_metering(instance: &Instance, journal: Option<&Arc<Journal>>, stop: &Shutdown) -> (metering::Status, JoinHandle<()>) {
    let status = metering::Status::new();
    let mut options = metering::Options::new(instance.events_dir.clone(), instance.db.clone(), instance.analytics.clone());
    if let Some(journal) = journal {
        options.wake = journal.wake(METERING_PERIOD);
    }
    let task = tokio::spawn(metering::run(options, status.clone(), stop.clone()));
    (status, task)
}

/// What is not `/v1`. Operations share the main listener only while that is loopback.
fn rest(config: &Config, roles: Roles, ops: &Router, control: Arc<Control>) -> Router {
    let mut rest = Router::new();
    if roles.control {
        rest = rest.merge(control::router(control).layer(edge::compressed()));
    }
    if config.listen.ip().is_loopback() {
        rest = rest.merge(ops.clone());
    }
    rest
}

fn run(listener: Listener, edge: Edge, stop: &Shutdown) -> impl Future<Output = ()> + Send + 'static {
    let make = move |peer: SocketAddr| {
        let edge = edge.clone();
        service_fn(move |request| edge.clone().answer(peer.ip(), request))
    };
    server::serve(listener, make, stop.clone())
}

async fn stop(
    servers: Vec<JoinHandle<()>>,
    edge_stop: &Shutdown,
    journal: Option<Arc<Journal>>,
    metering: Option<(Shutdown, JoinHandle<()>)>,
    instance: &Instance,
) -> anyhow::Result<ExitCode> {
    tracing::info!("stopping: open calls may end");
    edge_stop.stop();
    for server in servers {
        server.await.context("stop a listener")?;
    }
    edge_stop.wait().await;
    if let Some(journal) = journal {
        let closed = tokio::task::spawn_blocking(move || journal.close(service::clock::now())).await.context("close the event log")?;
        closed.context("close the event log")?;
    }
    if let Some((stop, task)) = metering {
        stop.stop();
        task.await.context("stop metering")?;
    }
    instance.close().await;
    Ok(ExitCode::SUCCESS)
}

/// The pages that this binary has.
fn dashboard() -> Arc<Dashboard> {
    let dashboard = Dashboard::embedded();
    if !dashboard.is_built() {
        tracing::warn!(
            "this program was built without its dashboard; `make up` builds both, as do `npm ci` and `npm run build` in web/ before \
             `cargo build`"
        );
    }
    Arc::new(dashboard)
}

fn url(config: &Config, at: SocketAddr) -> String {
    let scheme = if config.tls_cert.is_some() { "https" } else { "http" };
    config.public_url.clone().unwrap_or_else(|| format!("{scheme}://{at}"))
}

/// How to begin, for somebody who reads the terminal.
fn greet(config: &Config, roles: Roles, at: SocketAddr, has_pages: bool) {
    if !roles.gateway || !roles.control {
        return;
    }
    let url = url(config, at);
    if has_pages {
        say(format_args!(
            "Next, open {url}/sign-up in a browser: the first account runs this instance.\nOr, without a browser, in another terminal:"
        ));
    } else {
        say("Next, in another terminal:");
    }
    let program = std::env::args().next().unwrap_or_else(|| "llmg".to_owned());
    say(format_args!(
        "  {program} bootstrap --email you@example.com --password 'a good password'\nThen call it with the key that it prints:\n  curl {url}/v1/chat/completions -H 'authorization: Bearer <api_key>' -H 'content-type: application/json' \\\n    -d '{{\"model\":\"sim\",\"messages\":[{{\"role\":\"user\",\"content\":\"Hello\"}}]}}'"
    ));
}
