//! CSV (RFC 4180) that is safe to open in a spreadsheet.

/// One line, with its end. A cell that a spreadsheet would run as a formula begins with an apostrophe: what a stranger called
/// their browser must not run on an admin's desk.
pub(super) fn line(cells: &[&str]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| written(cell)).collect();
    cells.join(",") + "\r\n"
}

fn written(cell: &str) -> String {
    let guard = if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    if guard.is_empty() && !cell.contains([',', '"', '\n', '\r']) {
        return cell.to_owned();
    }
    format!("\"{guard}{}\"", cell.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn cells_are_quoted_when_needed_and_never_run() {
        assert_eq!(line(&["a", "b c", ""]), "a,b c,\r\n");
        assert_eq!(line(&["a,b", "say \"hi\"", "two\nlines"]), "\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\"\r\n");
        assert_eq!(line(&["=1+1", "+1", "-1", "@x"]), "\"'=1+1\",\"'+1\",\"'-1\",\"'@x\"\r\n");
    }
}
