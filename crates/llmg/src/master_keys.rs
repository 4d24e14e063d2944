//! Where the instance's master keys come from: a setting, or a file that is read again when it changes.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use domain::Secret;
use seal::{KEY_BYTES, MasterKey, MasterKeyId, MasterKeys};
use service::{Config, Shutdown};

use crate::kms::{Kms, VAULT_PREFIX};

/// How often the file is looked at.
const FOLLOW_PERIOD: Duration = Duration::from_secs(1);
/// Until every process that follows the file has what was written to it, unwrapping included.
pub(crate) const FOLLOWED_WITHIN: Duration = Duration::from_secs(3);

/// Where they come from.
pub(crate) struct Source {
    text: Text,
    kms: Option<Kms>,
}

enum Text {
    Setting(Secret<String>),
    File(PathBuf),
}

impl Source {
    /// Of the settings, or else of the data folder, where the first start makes one.
    pub(crate) async fn of(config: &Config) -> anyhow::Result<Self> {
        let kms = Kms::of(config)?;
        let text = match (&config.master_key, &config.master_key_file) {
            (Some(keys), _) => Text::Setting(keys.clone()),
            (None, Some(file)) => Text::File(file.clone()),
            (None, None) => {
                let file = config.data_dir.join("master.key");
                if !file.exists() {
                    let (_, line) = fresh(kms.as_ref()).await?;
                    first_written(&file, &line).with_context(|| format!("write {}", file.display()))?;
                }
                Text::File(file)
            }
        };
        Ok(Self { text, kms })
    }

    /// The keys as they are now.
    pub(crate) async fn keys(&self) -> anyhow::Result<Arc<MasterKeys>> {
        let keys = MasterKeys::new(self.parsed(&self.read()?).await?);
        Ok(Arc::new(keys.with_context(|| format!("read {}", self.name()))?))
    }

    fn read(&self) -> anyhow::Result<Secret<String>> {
        match &self.text {
            Text::Setting(keys) => Ok(keys.clone()),
            Text::File(path) => std::fs::read_to_string(path).map(Secret::new).with_context(|| format!("read {}", self.name())),
        }
    }

    fn name(&self) -> String {
        match &self.text {
            Text::Setting(_) => "the setting `master_key`".to_owned(),
            Text::File(path) => path.display().to_string(),
        }
    }

    async fn parsed(&self, text: &Secret<String>) -> anyhow::Result<Vec<MasterKey>> {
        let mut keys = Vec::new();
        for (at, line) in lines(text.expose()).enumerate() {
            let key = match &self.kms {
                Some(kms) if line.starts_with(VAULT_PREFIX) => {
                    let unwrapped = kms.unwrap(line).await;
                    MasterKey::new(unwrapped.with_context(|| format!("unwrap key {} of {}", at + 1, self.name()))?.expose())
                }
                _ => MasterKey::from_hex(line),
            };
            keys.push(key.with_context(|| format!("read key {} of {}", at + 1, self.name()))?);
        }
        Ok(keys)
    }

    /// Gives the process what the file says, until it stops. What cannot be read changes nothing.
    pub(crate) async fn follow(self, keys: Arc<MasterKeys>, shutdown: Shutdown) {
        let Text::File(path) = &self.text else { return };
        let mut ticks = tokio::time::interval(FOLLOW_PERIOD);
        let mut known = Secret::new(String::new());
        let stopping = shutdown.stopping();
        tokio::pin!(stopping);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = &mut stopping => return,
            }
            let text = match tokio::fs::read_to_string(path).await {
                Ok(text) => text,
                // Whoever replaces a file may leave a moment without one.
                Err(error) => {
                    tracing::warn!(file = %path.display(), %error, "the master keys cannot be read; those of before go on");
                    continue;
                }
            };
            if text == *known.expose() {
                continue;
            }
            let text = Secret::new(text);
            let replaced = self.parsed(&text).await.and_then(|new| Ok(keys.replace(new)?));
            match replaced {
                Ok(true) => tracing::info!(file = %path.display(), master_keys = ?keys.ids(), "the master keys were read again"),
                Ok(false) => {}
                Err(error) => {
                    tracing::error!(file = %path.display(), error = format!("{error:#}"), "the master keys are refused; those of before go on");
                }
            }
            known = text;
        }
    }

    /// Makes a key and adds it to the file, where it opens but does not seal yet.
    pub(crate) async fn add(&self) -> anyhow::Result<MasterKeyId> {
        let Text::File(path) = &self.text else {
            anyhow::bail!("the master keys are in the setting `master_key`: put a new one in front of the others there, and restart");
        };
        let (key, line) = fresh(self.kms.as_ref()).await?;
        let text = self.read()?;
        let all = lines(text.expose()).chain([line.expose().as_str()]).collect::<Vec<_>>().join("\n");
        replaced(path, &Secret::new(all)).with_context(|| format!("write {}", self.name()))?;
        Ok(key.id())
    }

    /// Puts a key of the file in front: from now on it seals.
    pub(crate) async fn promote(&self, id: MasterKeyId) -> anyhow::Result<()> {
        let Text::File(path) = &self.text else { anyhow::bail!("the master keys are not in a file") };
        let text = self.read()?;
        let keys = self.parsed(&text).await?;
        let mut lines: Vec<&str> = lines(text.expose()).collect();
        let at = keys.iter().position(|key| key.id() == id).context("the new key is no longer in the file")?;
        lines[..=at].rotate_right(1);
        replaced(path, &Secret::new(lines.join("\n"))).with_context(|| format!("write {}", self.name()))
    }
}

/// Keys as they are written: one a line, or separated by commas; `#` begins a remark.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let written = text.lines().flat_map(|line| line.split('#').next().unwrap_or_default().split(','));
    written.map(str::trim).filter(|entry| !entry.is_empty())
}

/// A new key, and how it is written: as the key management service wraps it, where there is one.
async fn fresh(kms: Option<&Kms>) -> anyhow::Result<(MasterKey, Secret<String>)> {
    let bytes = Secret::new(service::random::bytes::<KEY_BYTES>()?);
    let written = match kms {
        Some(kms) => kms.wrap(bytes.expose()).await?,
        None => bytes.expose().iter().map(|byte| format!("{byte:02x}")).collect(),
    };
    Ok((MasterKey::new(bytes.expose())?, Secret::new(written)))
}

/// For this process's user only, and whole on the disk before anything is sealed with it.
fn aside(path: &Path, text: &Secret<String>) -> std::io::Result<PathBuf> {
    let aside = path.with_extension(format!("key.{}", std::process::id()));
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
    file.write_all(text.expose().as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    Ok(aside)
}

/// Written aside and linked into place: two processes that start at once end up with the same whole key. Whoever loses the file
/// loses every sealed secret.
fn first_written(path: &Path, text: &Secret<String>) -> std::io::Result<()> {
    let aside = aside(path, text)?;
    let linked = std::fs::hard_link(&aside, path);
    std::fs::remove_file(&aside)?;
    match linked {
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

fn replaced(path: &Path, text: &Secret<String>) -> std::io::Result<()> {
    let aside = aside(path, text)?;
    std::fs::rename(&aside, path)?;
    // The folder holds the name: without this a power cut could bring the old file back after rows were sealed anew.
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).map_or(Ok(()), |folder| std::fs::File::open(folder)?.sync_all())
}
