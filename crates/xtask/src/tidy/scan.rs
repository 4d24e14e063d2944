//! A scan of Rust text that is just good enough to find functions and their length: comments, strings and characters are
//! blanked out, then braces are counted. It knows no macros: a function that a macro writes is not seen.

/// A function with a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Function {
    pub(super) name: String,
    /// Of the word `fn`, from 1.
    pub(super) line: usize,
    /// From the line of `fn` to that of the closing brace, both counted.
    pub(super) lines: usize,
}

/// Every function with a body, those within others too.
pub(super) fn functions(text: &str) -> Vec<Function> {
    let code = blanked(text);
    let mut found = Vec::new();
    let mut line = 1;
    let mut at = 0;
    while at < code.len() {
        if code[at] == '\n' {
            line += 1;
        } else if is_word(&code, at, "fn")
            && let Some(name) = name_after(&code, at + 2)
            && let Some(lines) = body_lines(&code, at)
        {
            found.push(Function { name, line, lines });
        }
        at += 1;
    }
    found
}

fn is_ident(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn is_word(code: &[char], at: usize, word: &str) -> bool {
    let end = at + word.len();
    code[at..].iter().take(word.len()).copied().eq(word.chars())
        && (at == 0 || !is_ident(code[at - 1]))
        && code.get(end).is_none_or(|next| !is_ident(*next))
}

/// The identifier after `fn`; none for a function's type, such as `fn(u8)`.
fn name_after(code: &[char], at: usize) -> Option<String> {
    let name: String = code[at..].iter().skip_while(|c| c.is_whitespace()).take_while(|c| is_ident(**c)).collect();
    (!name.is_empty()).then_some(name)
}

/// Lines from here to the end of the body that follows; none for a signature that ends in `;`.
fn body_lines(code: &[char], from: usize) -> Option<usize> {
    let (mut braces, mut others, mut lines) = (0_usize, 0_usize, 1);
    for &c in &code[from..] {
        match c {
            '\n' => lines += 1,
            '(' | '[' if braces == 0 => others += 1,
            ')' | ']' if braces == 0 => others = others.checked_sub(1)?,
            ';' if braces == 0 && others == 0 => return None,
            '{' => braces += 1,
            '}' => {
                braces = braces.checked_sub(1)?;
                if braces == 0 && others == 0 {
                    return Some(lines);
                }
            }
            _ => {}
        }
    }
    None
}

/// The text with comments, strings and characters as blanks; line ends stay.
pub(super) fn blanked(text: &str) -> Vec<char> {
    let mut code: Vec<char> = text.chars().collect();
    let mut at = 0;
    while at < code.len() {
        let end = literal_end(&code, at);
        for c in &mut code[at..end] {
            if *c != '\n' {
                *c = ' ';
            }
        }
        at = end.max(at + 1);
    }
    code
}

/// Where the comment, string or character that begins here ends; `at` itself when none does.
fn literal_end(code: &[char], at: usize) -> usize {
    let next = |step: usize| code.get(at + step).copied();
    let after_ident = at > 0 && is_ident(code[at - 1]);
    match code[at] {
        '/' if next(1) == Some('/') => position(code, at, |rest| rest[0] == '\n'),
        '/' if next(1) == Some('*') => comment_end(code, at),
        '"' => string_end(code, at + 1),
        'r' | 'b' | 'c' if !after_ident => prefixed_end(code, at),
        '\'' if next(1) == Some('\\') => position(code, at + 3, |rest| rest[0] == '\'') + 1,
        '\'' if next(2) == Some('\'') => at + 3,
        _ => at,
    }
    .min(code.len())
}

fn position(code: &[char], from: usize, stop: impl Fn(&[char]) -> bool) -> usize {
    (from..code.len()).find(|at| stop(&code[*at..])).unwrap_or(code.len())
}

fn comment_end(code: &[char], from: usize) -> usize {
    let (mut depth, mut at) = (0_usize, from);
    while at + 1 < code.len() {
        match (code[at], code[at + 1]) {
            ('/', '*') => depth += 1,
            ('*', '/') => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    code.len()
}

fn string_end(code: &[char], from: usize) -> usize {
    let mut at = from;
    while at < code.len() {
        match code[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    code.len()
}

/// `r"…"`, `r#"…"#`, `b"…"`, `b'…'`, `br"…"`, `c"…"`; `at` when it is only an identifier.
fn prefixed_end(code: &[char], at: usize) -> usize {
    let mut start = at;
    let mut raw = false;
    while let Some('r' | 'b' | 'c') = code.get(start) {
        raw |= code[start] == 'r';
        start += 1;
        if start - at > 2 {
            return at;
        }
    }
    let hashes = if raw { code[start..].iter().take_while(|c| **c == '#').count() } else { 0 };
    if code.get(start + hashes) != Some(&'"') {
        return at;
    }
    let inside = start + hashes + 1;
    if !raw {
        return string_end(code, inside);
    }
    position(code, inside, |rest| rest[0] == '"' && rest[1..].iter().take_while(|c| **c == '#').count() >= hashes) + 1 + hashes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(text: &str) -> Vec<(String, usize, usize)> {
        functions(text).into_iter().map(|f| (f.name, f.line, f.lines)).collect()
    }

    fn one(name: &str, line: usize, lines: usize) -> (String, usize, usize) {
        (name.to_owned(), line, lines)
    }

    #[test]
    fn braces_in_strings_characters_and_comments_do_not_count() {
        let text = "fn a() {\n  let x = \"}\"; // }\n  let y = '}'; /* } /* } */ */\n  let z = r#\"}\"}\"#;\n  let w = b\"\\\"}\";\n}\nfn b() {}\n";
        assert_eq!(sizes(text), [one("a", 1, 6), one("b", 7, 1)]);
    }

    #[test]
    fn lifetimes_are_no_characters() {
        assert_eq!(sizes("fn a<'a>(x: &'a str, c: char) -> &'a str {\n match c { '\\'' | '{' => x, _ => x }\n}\n"), [one("a", 1, 3)]);
    }

    #[test]
    fn signatures_types_and_identifiers_are_no_functions() {
        let text = "trait T { fn a(x: [u8; 2]); fn b(&self) -> u8 {\n 1\n } }\ntype F = fn(u8) -> u8;\nstruct S { r#fn: u8, fnord: u8 }\n";
        assert_eq!(sizes(text), [one("b", 1, 3)]);
    }

    #[test]
    fn a_function_within_another_is_seen_too() {
        assert_eq!(sizes("fn outer() {\n  fn inner() {\n  }\n}\n"), [one("outer", 1, 4), one("inner", 2, 2)]);
    }
}
