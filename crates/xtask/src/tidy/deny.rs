//! The bans of `deny.toml`, read from the same file as cargo-deny reads: which of our crates alone may use an outside
//! crate. Here it costs a second and no network, so that `cargo test` says it too; licences, sources and advisories are
//! cargo-deny's alone.

use anyhow::{Context, Result};
use serde::Deserialize;

use super::World;

#[derive(Deserialize)]
struct DenyFile {
    bans: Bans,
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

pub(super) fn check(world: &World) -> Result<Vec<String>> {
    let file = world.tree.get("deny.toml").context("deny.toml is missing")?;
    let rules: DenyFile = toml::from_str(&file.text).context("read deny.toml")?;
    let mut found = Vec::new();
    for Ban { name, wrappers, reason } in &rules.bans.deny {
        for package in world.metadata.packages.iter().filter(|package| package.name == *name) {
            for user in world.metadata.users(&package.id).into_iter().filter(|user| !wrappers.iter().any(|w| w == user)) {
                found.push(format!("`{user}` uses `{name}`; only [{}] may: {reason}", wrappers.join(", ")));
            }
        }
    }
    Ok(found)
}
