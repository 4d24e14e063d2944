//! Files and functions that one can read at once.

use anyhow::Result;

use super::World;
use super::ratchet::{self, Over};
use super::scan;
use super::tree::{File, Tree};

const FILE_LINES_MAX: usize = 500;
const TEST_FILE_LINES_MAX: usize = 800;
const FUNCTION_LINES_MAX: usize = 70;

pub(super) fn check(world: &World) -> Result<Vec<String>> {
    Ok(ratchet::compare(&over(&world.tree), &ratchet::read(&world.tree)?))
}

/// What is over its limit now.
fn over(tree: &Tree) -> Vec<Over> {
    let mut over = Vec::new();
    for file in tree.rust() {
        let lines = file.text.lines().count();
        if let Some(limit) = limit_of(file).filter(|limit| lines > *limit) {
            over.push(Over { key: format!("file {}", file.path), lines, limit });
        }
        for function in scan::functions(&file.text) {
            if function.lines > FUNCTION_LINES_MAX {
                let key = format!("fn {} {}", file.path, function.name);
                over.push(Over { key, lines: function.lines, limit: FUNCTION_LINES_MAX });
            }
        }
    }
    over
}

/// A provider's `wire.rs` is a list of its words and may be as long as that list.
fn limit_of(file: &File) -> Option<usize> {
    if file.path.ends_with("/wire.rs") {
        None
    } else if file.is_test() {
        Some(TEST_FILE_LINES_MAX)
    } else {
        Some(FILE_LINES_MAX)
    }
}
