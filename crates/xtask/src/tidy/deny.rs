//! The parts of `deny.toml` that need no network, read from the same file as cargo-deny reads: which crate alone may
//! use an outside crate, which licences we take, and where crates may come from. See docs/decisions.

use anyhow::{Context, Result};
use serde::Deserialize;

use super::World;
use super::spdx;
use super::tree::Tree;

#[derive(Deserialize)]
struct DenyFile {
    bans: Bans,
    licenses: Licences,
    sources: Sources,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

#[derive(Deserialize)]
struct Ban {
    #[serde(rename = "crate")]
    name: String,
    /// Those that may use it all the same.
    #[serde(default)]
    wrappers: Vec<String>,
    reason: String,
}

#[derive(Deserialize)]
struct Licences {
    allow: Vec<String>,
    #[serde(default)]
    exceptions: Vec<Exception>,
}

#[derive(Deserialize)]
struct Exception {
    #[serde(rename = "crate")]
    name: String,
    allow: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Sources {
    allow_registry: Vec<String>,
}

fn rules(tree: &Tree) -> Result<DenyFile> {
    let file = tree.get("deny.toml").context("deny.toml is missing")?;
    toml::from_str(&file.text).context("read deny.toml")
}

pub(super) fn check_bans(world: &World) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for ban in rules(&world.tree)?.bans.deny {
        for package in world.metadata.packages.iter().filter(|package| package.name == ban.name) {
            for user in world.metadata.users(&package.id) {
                if !ban.wrappers.iter().any(|wrapper| wrapper == user) {
                    let Ban { name, wrappers, reason } = &ban;
                    found.push(format!("`{user}` uses `{name}`; only [{}] may: {reason}", wrappers.join(", ")));
                }
            }
        }
    }
    Ok(found)
}

pub(super) fn check_licences(world: &World) -> Result<Vec<String>> {
    let rules = rules(&world.tree)?.licenses;
    let mut found = Vec::new();
    for package in world.metadata.outside() {
        let exceptions = || rules.exceptions.iter().filter(|exception| exception.name == package.name);
        let allowed = |licence: &str| {
            rules.allow.iter().chain(exceptions().flat_map(|exception| &exception.allow)).any(|known| known == licence)
        };
        let expression = package.license.as_deref().unwrap_or_default();
        if !spdx::permits(expression, &allowed) {
            found.push(format!("{} {} is under `{expression}`, which deny.toml does not allow", package.name, package.version));
        }
    }
    Ok(found)
}

pub(super) fn check_sources(world: &World) -> Result<Vec<String>> {
    let allowed = rules(&world.tree)?.sources.allow_registry;
    let from = |package: &super::metadata::Package| package.source.clone().unwrap_or_else(|| "a folder".to_owned());
    let good = |source: &str| {
        source.strip_prefix("registry+").or_else(|| source.strip_prefix("sparse+")).is_some_and(|url| allowed.iter().any(|a| a == url))
    };
    let outside = world.metadata.outside().map(|package| (package, from(package)));
    Ok(outside.filter(|(_, source)| !good(source)).map(|(package, source)| format!("{} comes from {source}", package.name)).collect())
}
