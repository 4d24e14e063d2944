//! The files of this repository: what git knows, and what is new and not ignored.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// One text file.
pub(super) struct File {
    /// From the root, with `/`.
    pub(super) path: String,
    pub(super) text: String,
}

impl File {
    /// True for Rust code that only tests, examples or benchmarks run.
    pub(super) fn is_test(&self) -> bool {
        const FOLDERS: [&str; 4] = ["/tests/", "/contract/", "/examples/", "/benches/"];
        const NAMES: [&str; 3] = ["tests.rs", "_tests.rs", "/contract.rs"];
        FOLDERS.iter().any(|folder| self.path.contains(folder)) || NAMES.iter().any(|name| self.path.ends_with(name))
    }
}

/// All text files.
pub(super) struct Tree {
    root: PathBuf,
    files: Vec<File>,
}

impl Tree {
    pub(super) fn read() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().context("find the repository")?;
        // A checkout that belongs to another user is read all the same.
        let listed = Command::new("git")
            .args(["-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(&root)
            .output()
            .context("run git")?;
        ensure!(listed.status.success(), "git ls-files: {}", String::from_utf8_lossy(&listed.stderr).trim());
        let names = String::from_utf8(listed.stdout).context("a file's name is not UTF-8")?;
        let mut files = Vec::new();
        for path in names.split('\0').filter(|name| !name.is_empty()) {
            // Deleted but still known to git, a link to elsewhere, or not text: none of the rules is about it.
            let Ok(text) = std::fs::read_to_string(root.join(path)) else { continue };
            files.push(File { path: path.to_owned(), text });
        }
        ensure!(!files.is_empty(), "git knows no file in {}", root.display());
        Ok(Self { root, files })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn files(&self) -> &[File] {
        &self.files
    }

    pub(super) fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.path.ends_with(".rs"))
    }

    pub(super) fn get(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// True for a file, or for a folder with one in it.
    pub(super) fn has(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        self.files.iter().any(|file| file.path.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
    }
}
