//! `ratchet.txt`: what is over a limit today and may only become less.
//!
//! A line is `file <path> <lines>` or `fn <path> <name> <lines>`. An exception may not grow, and its line must go when it
//! is not needed any more.

use anyhow::{Context, Result, ensure};

use super::tree::Tree;

pub(super) const FILE: &str = "crates/xtask/ratchet.txt";

/// What is over its limit, by its name in the ratchet file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Over {
    /// `file <path>` or `fn <path> <name>`.
    pub(super) key: String,
    pub(super) lines: usize,
    pub(super) limit: usize,
}

/// The exceptions of today.
pub(super) fn read(tree: &Tree) -> Result<Vec<(String, usize)>> {
    let text = tree.get(FILE).map_or("", |file| file.text.as_str());
    let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    lines.map(parse).collect()
}

fn parse(line: &str) -> Result<(String, usize)> {
    let (key, lines) = line.trim().rsplit_once(' ').with_context(|| format!("{FILE}: `{line}` has no number"))?;
    ensure!(key.starts_with("file ") || key.starts_with("fn "), "{FILE}: `{line}` begins with neither `file` nor `fn`");
    Ok((key.to_owned(), lines.parse().with_context(|| format!("{FILE}: `{line}` does not end in a number"))?))
}

/// Findings of the present excesses against the exceptions.
pub(super) fn compare(over: &[Over], excepted: &[(String, usize)]) -> Vec<String> {
    let mut found = Vec::new();
    for Over { key, lines, limit } in over {
        match excepted.iter().find(|(known, _)| known == key) {
            None => found.push(format!("{key} has {lines} lines, over {limit}; split it")),
            Some((_, before)) if lines > before => {
                found.push(format!("{key} has {lines} lines and had {before}; an exception may only shrink"));
            }
            Some(_) => {}
        }
    }
    for (key, _) in excepted {
        if !over.iter().any(|over| over.key == *key) {
            found.push(format!("{FILE} lists `{key}`, which is within its limit or gone; remove the line"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_may_shrink_not_grow_and_go_when_they_are_not_needed() {
        let over = |lines| [Over { key: "fn a.rs f".to_owned(), lines, limit: 70 }];
        let excepted = [("fn a.rs f".to_owned(), 90)];
        assert!(compare(&over(90), &excepted).is_empty());
        assert!(compare(&over(80), &excepted).is_empty());
        assert!(compare(&over(91), &excepted)[0].contains("may only shrink"));
        assert!(compare(&over(71), &[])[0].contains("split it"));
        assert!(compare(&[], &excepted)[0].contains("remove the line"));
    }

    #[test]
    fn lines_are_a_kind_a_name_and_a_number() {
        assert_eq!(parse("fn a.rs f 90").unwrap(), ("fn a.rs f".to_owned(), 90));
        for bad in ["a.rs 90", "file a.rs", "file a.rs many"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
