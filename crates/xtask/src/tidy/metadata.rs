//! What cargo knows of our crates and of those outside.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

#[derive(Deserialize)]
struct Raw {
    packages: Vec<Package>,
    workspace_members: Vec<String>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<NodeDep>,
}

#[derive(Deserialize)]
struct NodeDep {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    kind: Option<String>,
}

impl NodeDep {
    fn is_for_tests_only(&self) -> bool {
        self.dep_kinds.iter().all(|used| used.kind.as_deref() == Some("dev"))
    }
}

/// A package, ours or from outside.
#[derive(Deserialize)]
pub(super) struct Package {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) license: Option<String>,
    pub(super) dependencies: Vec<Dependency>,
}

/// A line of a manifest.
#[derive(Deserialize)]
pub(super) struct Dependency {
    pub(super) name: String,
    /// None: normal; else `dev` or `build`.
    pub(super) kind: Option<String>,
    /// Present for a folder of this workspace.
    pub(super) path: Option<String>,
}

/// The resolved graph for this machine's platform.
pub(super) struct Metadata {
    pub(super) packages: Vec<Package>,
    members: Vec<String>,
    /// Package id to the ids of what it uses, tests aside.
    uses: HashMap<String, Vec<String>>,
}

impl Metadata {
    /// Asks cargo; without network when everything is there, as it is after a build.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let text = ask(root, &["--offline"]).or_else(|_| ask(root, &[]))?;
        let raw: Raw = serde_json::from_str(&text).context("read cargo's metadata")?;
        let used = |node: Node| {
            let deps = node.deps.into_iter().filter(|dep| !dep.is_for_tests_only());
            (node.id, deps.map(|dep| dep.pkg).collect())
        };
        let uses = raw.resolve.nodes.into_iter().map(used).collect();
        Ok(Self { packages: raw.packages, members: raw.workspace_members, uses })
    }

    /// Our crates.
    pub(super) fn ours(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| self.members.contains(&package.id))
    }

    /// Names of the crates that use this one directly, not only in tests.
    pub(super) fn users(&self, id: &str) -> Vec<&str> {
        let uses = |package: &&Package| self.uses.get(&package.id).is_some_and(|used| used.iter().any(|other| other == id));
        self.packages.iter().filter(uses).map(|package| package.name.as_str()).collect()
    }
}

fn ask(root: &Path, more: &[&str]) -> Result<String> {
    // Only what this platform builds is on the disk after a build.
    let platform = format!("--filter-platform={}-unknown-linux-gnu", std::env::consts::ARCH);
    let output = Command::new("cargo")
        .args(["metadata", "--format-version=1", "--locked", &platform])
        .args(more)
        .current_dir(root)
        .output()
        .context("run cargo metadata")?;
    if !output.status.success() {
        bail!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    String::from_utf8(output.stdout).context("cargo's metadata is not UTF-8")
}
