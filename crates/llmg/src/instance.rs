//! What the services of one instance share on the embedded default: the data folder and what is in it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use analytics::Analytics;
use anyhow::Context;
use catalog::Catalog;
use domain::GatewayId;
use events::{Journal, OpenOptions};
use service::Config;
use service::config::{ConfigError, Durability};
use store::Db;

/// Connections that read the analytics store at the same time.
const ANALYTICS_READERS_MAX: u32 = 4;

/// The open stores of an instance.
pub(crate) struct Instance {
    pub(crate) db: Db,
    pub(crate) analytics: Analytics,
    pub(crate) events_dir: PathBuf,
    data_dir: PathBuf,
}

impl Instance {
    /// Opens the stores, making and migrating them as needed.
    pub(crate) async fn open(config: &Config) -> anyhow::Result<Self> {
        let data_dir = config.data_dir.clone();
        private_folder(&data_dir).map_err(|e| {
            ConfigError::new("settings", "data_dir", format!("{}: {e}", data_dir.display()), "name a folder that this process may write to")
        })?;
        let embedded = || format!("sqlite://{}", data_dir.join("llmg.db").display());
        let url = config.database_url.as_ref().map_or_else(embedded, |url| url.expose().clone());
        let db = Db::open(&url, store::OpenOptions::default()).await.context("open the relational store")?;
        db.migrate().await.context("migrate the relational store")?;
        let analytics = Analytics::open(&data_dir.join("analytics.db"), ANALYTICS_READERS_MAX).await.context("open the analytics store")?;
        analytics.migrate().await.context("migrate the analytics store")?;
        Ok(Self { db, analytics, events_dir: data_dir.join("events"), data_dir })
    }

    /// Opens this gateway's event log; calls that a dead process left open are ended here.
    pub(crate) async fn journal(&self, config: &Config) -> anyhow::Result<Arc<Journal>> {
        let gateway = gateway_id(&self.data_dir.join("gateway.id")).context("read this gateway's identity")?;
        let mut options = OpenOptions::new(gateway, service::clock::now());
        options.durability = match config.durability {
            Durability::Process => events::Durability::Process,
            Durability::Power => events::Durability::Power,
        };
        let events_dir = self.events_dir.clone();
        let opened = tokio::task::spawn_blocking(move || Journal::open(&events_dir, &options)).await.context("open the event log")?;
        let (journal, recovered) = opened.context("open the event log")?;
        for epoch in recovered {
            tracing::warn!(?epoch, "an earlier life of this gateway ended without a clean stop; its open calls were ended");
        }
        Ok(Arc::new(journal))
    }

    pub(crate) async fn close(&self) {
        self.db.close().await;
        self.analytics.close().await;
    }
}

/// The built-in catalog with the operator's changes.
pub(crate) fn catalog(config: &Config) -> anyhow::Result<Catalog> {
    let builtin = Catalog::builtin().context("read the built-in catalog")?;
    let Some(path) = &config.catalog_file else { return Ok(builtin) };
    let refused = |reason: String, mend: &str| ConfigError::new("settings", "catalog_file", format!("{}: {reason}", path.display()), mend);
    let text = std::fs::read_to_string(path).map_err(|e| refused(e.to_string(), "name a readable TOML file"))?;
    Ok(builtin.with_overrides(&text).map_err(|e| refused(e.to_string(), "mend that line"))?)
}

fn private_folder(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Kept in a file, so that a restart is a new epoch of the same gateway.
fn gateway_id(path: &Path) -> anyhow::Result<GatewayId> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(GatewayId(text.trim().parse().with_context(|| format!("{} does not hold a UUID", path.display()))?)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            let id = service::random::uuid();
            std::fs::write(path, format!("{id}\n")).with_context(|| format!("write {}", path.display()))?;
            Ok(GatewayId(id))
        }
        Err(e) => Err(e).with_context(|| format!("read {}", path.display())),
    }
}
