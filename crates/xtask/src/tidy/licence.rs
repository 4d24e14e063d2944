//! Our own crates: under Apache-2.0, never published by accident, and under the workspace's lints.

use anyhow::Result;

use super::World;

const LICENCE: &str = "Apache-2.0";

pub(super) fn check(world: &World) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for package in world.metadata.ours() {
        let path = format!("crates/{}/Cargo.toml", package.name);
        let Some(manifest) = world.tree.get(&path) else {
            found.push(format!("{path} is missing: a crate's folder has the crate's name"));
            continue;
        };
        let table: toml::Table = manifest.text.parse()?;
        let inherits = |section: &str, key: &str| {
            table.get(section).and_then(|s| s.get(key)).and_then(|k| k.get("workspace")).and_then(toml::Value::as_bool) == Some(true)
        };
        if package.license.as_deref() != Some(LICENCE) || !inherits("package", "license") {
            found.push(format!("{path}: write `license.workspace = true`"));
        }
        if !inherits("package", "publish") {
            found.push(format!("{path}: write `publish.workspace = true`"));
        }
        if table.get("lints").and_then(|l| l.get("workspace")).and_then(toml::Value::as_bool) != Some(true) {
            found.push(format!("{path}: write `[lints]` with `workspace = true`"));
        }
    }
    if !world.tree.get("LICENSE").is_some_and(|file| file.text.contains("Apache License") && file.text.contains("Version 2.0")) {
        found.push("LICENSE does not hold the Apache License, Version 2.0".to_owned());
    }
    Ok(found)
}
