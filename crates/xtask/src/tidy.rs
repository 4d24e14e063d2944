//! `cargo xtask tidy`: the rules of this repository that no compiler checks.
//!
//! Each rule is a function from the tree to a list of findings, and a test, so that `cargo test` covers them all. A
//! finding is one line that names the place, what is wrong and what to do.

mod arrows;
mod deny;
mod docs;
mod licence;
mod metadata;
mod ratchet;
mod scan;
mod sizes;
#[cfg(test)]
mod tests;
mod tree;
mod words;

use anyhow::{Result, ensure};

use metadata::Metadata;
use tree::Tree;

/// What the rules look at.
struct World {
    tree: Tree,
    metadata: Metadata,
}

impl World {
    fn read() -> Result<Self> {
        let tree = Tree::read()?;
        let metadata = Metadata::read(tree.root())?;
        Ok(Self { tree, metadata })
    }
}

type Rule = fn(&World) -> Result<Vec<String>>;

/// Every rule by name.
const RULES: &[(&str, Rule)] = &[
    ("arrows between crates", |world| Ok(arrows::check(&world.metadata))),
    ("who may use which outside crate", deny::check),
    ("licence and lints of our crates", licence::check),
    ("sizes of files and functions", sizes::check),
    ("words that must not stay", |world| Ok(words::check_unfinished(&world.tree))),
    ("paths of a machine", |world| Ok(words::check_paths(&world.tree))),
    ("docs/ERRORS.md", |world| docs::check_errors(&world.tree)),
    ("docs/configuration.md", |world| docs::check_settings(&world.tree)),
    ("files that docs name", |world| Ok(docs::check_names(&world.tree))),
];

/// Checks every rule and prints what is wrong.
pub fn run() -> Result<()> {
    let world = World::read()?;
    let mut found = 0;
    for (name, rule) in RULES {
        for finding in rule(&world)? {
            println!("{name}: {finding}");
            found += 1;
        }
    }
    ensure!(found == 0, "{found} findings");
    println!("tidy: {} rules hold", RULES.len());
    Ok(())
}
