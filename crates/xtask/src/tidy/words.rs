//! Words that must not stay in the tree: marks of unfinished work, tests that do not run, paths of somebody's machine.

use super::tree::{File, Tree};

/// Spelled in two parts, so that this file is not a finding.
const UNFINISHED: &[(&str, &str)] = &[("TO", "DO"), ("FIX", "ME"), ("XX", "X"), ("to", "do!("), ("unimplemen", "ted!("), ("#[ign", "ore")];

/// Folders that belong to one person or one machine.
const PRIVATE: &[(&str, &str)] = &[("/ro", "ot/"), ("/ho", "me/"), ("/Use", "rs/")];

/// Data from outside, or lists that a program writes: not our words.
fn is_ours(file: &File) -> bool {
    const NAMES: [&str; 4] = ["LICENSE", "Cargo.lock", "package-lock.json", "pnpm-lock.yaml"];
    const KINDS: [&str; 4] = [".jsonl", ".snap", ".svg", ".pem"];
    !NAMES.iter().any(|name| file.path.ends_with(name)) && !KINDS.iter().any(|kind| file.path.ends_with(kind))
}

pub(super) fn check_unfinished(tree: &Tree) -> Vec<String> {
    let words: Vec<String> = UNFINISHED.iter().map(|(a, b)| format!("{a}{b}")).collect();
    let has = |line: &str| words.iter().find(|word| stands_alone(line, word)).cloned();
    lines_with(tree, &has, "finish it, or write an issue")
}

pub(super) fn check_paths(tree: &Tree) -> Vec<String> {
    let mut paths: Vec<String> = PRIVATE.iter().map(|(a, b)| format!("{a}{b}")).collect();
    let root = tree.root().to_string_lossy().into_owned();
    // A checkout at `/src` or the like says nothing: those words are everywhere.
    if root.matches('/').count() >= 2 {
        paths.push(root);
    }
    let has = |line: &str| paths.iter().find(|path| stands_alone(line, path)).cloned();
    lines_with(tree, &has, "write a path within the repository")
}

fn lines_with(tree: &Tree, has: &dyn Fn(&str) -> Option<String>, mend: &str) -> Vec<String> {
    let mut found = Vec::new();
    for file in tree.files().iter().filter(|file| is_ours(file)) {
        for (at, line) in file.text.lines().enumerate() {
            if let Some(what) = has(line) {
                found.push(format!("{}:{}: `{what}`; {mend}", file.path, at + 1));
            }
        }
    }
    found
}

/// True when the word is in the line and is not the middle of a longer one.
fn stands_alone(line: &str, word: &str) -> bool {
    let inner = |c: char| c.is_alphanumeric() || c == '_';
    let open_end = !word.ends_with(inner);
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let in_longer_path = |c: char| word.starts_with('/') && matches!(c, '.' | '-' | '/' | '}');
        let starts = before.is_none_or(|c| !inner(c) && !in_longer_path(c));
        starts && (open_end || after.is_none_or(|c| !inner(c)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_within_another_is_no_finding() {
        let mark = ["TO", "DO"].concat();
        assert!(stands_alone(&format!("// {mark}: x"), &mark));
        assert!(!stands_alone(&format!("let {mark}S = 1;"), &mark));
        let private = ["/ho", "me/"].concat();
        assert!(stands_alone(&format!("path = \"{private}me\""), &private));
        assert!(!stands_alone(&format!("https://example.com{private}me"), &private));
    }
}
