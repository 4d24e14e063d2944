//! Pages that must say what the code says: every error code with its status, every setting with its default, and no file
//! that is not there.

use anyhow::{Context, Result};
use domain::Code;
use service::fields::FIELDS;

use super::tree::Tree;

const ERRORS: &str = "docs/ERRORS.md";
const SETTINGS: &str = "docs/configuration.md";
/// Below these, a path in a page's backticks must exist.
const FOLDERS: &[&str] = &["crates/", "docs/", "proto/", "migrations/", "tests/", "deploy/", "web/", ".ci/"];

/// Cells of the table rows whose first cell is a word in backticks.
fn rows<'a>(tree: &'a Tree, path: &str) -> Result<Vec<Vec<&'a str>>> {
    let page = tree.get(path).with_context(|| format!("{path} is missing"))?;
    let cells = |line: &'a str| -> Option<Vec<&'a str>> {
        let cells: Vec<&str> = line.trim().strip_prefix('|')?.strip_suffix('|')?.split(" | ").map(str::trim).collect();
        unquoted(cells.first()?).map(|_| cells)
    };
    Ok(page.text.lines().filter_map(cells).collect())
}

fn unquoted(cell: &str) -> Option<&str> {
    cell.strip_prefix('`')?.strip_suffix('`')
}

/// `| code | HTTP | what the client should do | what the operator should do |`, in the order of `Code::ALL`.
pub(super) fn check_errors(tree: &Tree) -> Result<Vec<String>> {
    let rows = rows(tree, ERRORS)?;
    let mut found = Vec::new();
    for &code in Code::ALL {
        let status = service::http_status::of(code).as_u16().to_string();
        match rows.iter().find(|row| unquoted(row[0]) == Some(code.as_str())) {
            None => found.push(format!("`{code}` is missing; add the row `| `{code}` | {status} | client | operator |`")),
            Some(row) if row.len() != 4 || row.iter().any(|cell| cell.is_empty()) => {
                found.push(format!("`{code}`: a row has four cells, none of them empty"));
            }
            Some(row) if row[1] != status => found.push(format!("`{code}` is answered with {status}, the page says {}", row[1])),
            Some(_) => {}
        }
    }
    let known: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    found.extend(listing(&rows, &known));
    Ok(found)
}

/// `| name | default | what |`, in the order of `FIELDS`; a setting that is not set has the default `–`.
pub(super) fn check_settings(tree: &Tree) -> Result<Vec<String>> {
    let rows = rows(tree, SETTINGS)?;
    let mut found = Vec::new();
    for field in FIELDS {
        let default = if field.default.is_empty() { "–".to_owned() } else { format!("`{}`", field.default) };
        match rows.iter().find(|row| unquoted(row[0]) == Some(field.name)) {
            None => found.push(format!("`{}` is missing; add the row `| `{}` | {default} | {} |`", field.name, field.name, field.what)),
            Some(row) if row.len() != 3 || row[1] != default || row[2].is_empty() => {
                found.push(format!("`{}`: the default is {default}; a row has name, default and what it is", field.name));
            }
            Some(_) => {}
        }
    }
    let known: Vec<&str> = FIELDS.iter().map(|field| field.name).collect();
    found.extend(listing(&rows, &known));
    Ok(found)
}

/// Rows that name what is not known, come twice, or stand in another order.
fn listing(rows: &[Vec<&str>], known: &[&str]) -> Vec<String> {
    let listed: Vec<&str> = rows.iter().filter_map(|row| unquoted(row[0])).collect();
    let mut found: Vec<String> =
        listed.iter().filter(|name| !known.contains(name)).map(|name| format!("`{name}` is listed and does not exist")).collect();
    let common: Vec<&str> = listed.iter().copied().filter(|name| known.contains(name)).collect();
    let ordered: Vec<&str> = known.iter().copied().filter(|name| common.contains(name)).collect();
    if common != ordered {
        found.push("a row comes twice, or the rows are not in the order of the code".to_owned());
    }
    found
}

/// Paths in backticks and links of the README and the pages of `docs/` lead somewhere. Decisions speak of their day and are
/// left out.
pub(super) fn check_names(tree: &Tree) -> Vec<String> {
    let is_page = |path: &str| path == "README.md" || (path.starts_with("docs/") && !path.starts_with("docs/decisions/"));
    let mut found = Vec::new();
    for page in tree.files().iter().filter(|file| is_page(&file.path) && file.path.ends_with(".md")) {
        let folder = page.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (at, line) in page.text.lines().enumerate() {
            let named = line.split('`').skip(1).step_by(2).filter(|code| is_path(code)).map(str::to_owned);
            let linked = links(line).map(|link| resolved(folder, link));
            for path in named.chain(linked).filter(|path| !tree.has(path)) {
                found.push(format!("{}:{}: there is no `{path}`", page.path, at + 1));
            }
        }
    }
    found
}

fn is_path(code: &str) -> bool {
    FOLDERS.iter().any(|folder| code.starts_with(folder)) && !code.contains(['*', '<', '…', ' ', '{', '|'])
}

/// Targets of `[text](target)` within the repository.
fn links(line: &str) -> impl Iterator<Item = &str> {
    let targets = line.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(target, _)| target));
    targets.filter(|target| !target.contains("://")).map(|target| target.split('#').next().unwrap_or(target)).filter(|t| !t.is_empty())
}

fn resolved(folder: &str, link: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in link.split('/') {
        match part {
            "." | "" => {}
            ".." => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_read_from_the_page_that_has_them() {
        assert_eq!(links("see [a](../x.md#y) and [b](https://example.com), [c](#z)").collect::<Vec<_>>(), ["../x.md"]);
        assert_eq!(resolved("docs/decisions", "../ERRORS.md"), "docs/ERRORS.md");
        assert_eq!(resolved("", "docs/./a.md"), "docs/a.md");
    }

    #[test]
    fn a_list_is_whole_known_and_in_order() {
        let rows = |names: &[&'static str]| names.iter().map(|name| vec![*name]).collect::<Vec<_>>();
        assert!(listing(&rows(&["`a`", "`b`"]), &["a", "b"]).is_empty());
        assert_eq!(listing(&rows(&["`b`", "`a`"]), &["a", "b"]).len(), 1);
        assert_eq!(listing(&rows(&["`a`", "`a`"]), &["a"]).len(), 1);
        assert!(listing(&rows(&["`c`"]), &["a"])[0].contains("does not exist"));
    }
}
