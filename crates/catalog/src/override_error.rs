//! What is wrong with a local file, in one line.

use std::fmt;
use std::ops::Range;

/// A local file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverrideError {
    /// From 1.
    pub line: usize,
    /// The field or table.
    pub field: String,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub mend: String,
}

impl fmt::Display for OverrideError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, field `{}`: {}; {}", self.line, self.field, self.reason, self.mend)
    }
}

impl std::error::Error for OverrideError {}

impl OverrideError {
    /// An error of ours about the bytes `span` of `text`.
    pub(crate) fn at(text: &str, span: Range<usize>, field: &str, reason: String, mend: &str) -> Self {
        Self { line: line_of(text, span.start), field: field.to_owned(), reason, mend: mend.to_owned() }
    }

    /// The parser's error: what it expected becomes the mend.
    pub(crate) fn of_toml(text: &str, error: &toml::de::Error) -> Self {
        let message = error.message().replace('\n', " ");
        let line = line_of(text, error.span().map_or(0, |span| span.start));
        let on_line = text.lines().nth(line - 1).unwrap_or_default().trim();
        let quoted = message.split('`').nth(1);
        let field = match (quoted, on_line.split_once('=')) {
            (Some(name), _) if message.starts_with("unknown field") || message.starts_with("missing field") => name,
            (_, Some((name, _))) => name.trim(),
            _ => on_line,
        };
        let (reason, mend) = match message.split_once(", expected ") {
            Some((reason, expected)) => (reason.to_owned(), format!("give {expected}")),
            None if message.starts_with("missing field") => (message.clone(), "add it".to_owned()),
            None => (message.clone(), "correct it".to_owned()),
        };
        Self { line, field: field.to_owned(), reason, mend }
    }
}

fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|&b| b == b'\n').count() + 1
}
