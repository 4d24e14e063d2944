//! Forms of one content, and which of them a client takes.

use http::HeaderMap;
use http::header::ACCEPT_ENCODING;

/// How a form is compressed; the smallest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Encoding {
    Brotli,
    Gzip,
    Plain,
}

impl Encoding {
    /// As HTTP calls it.
    pub(crate) const fn name(self) -> Option<&'static str> {
        match self {
            Self::Brotli => Some("br"),
            Self::Gzip => Some("gzip"),
            Self::Plain => None,
        }
    }
}

/// `index.js.br` is the compressed form of `index.js`.
pub(crate) fn of_name(name: &str) -> (&str, Encoding) {
    let forms = [(".br", Encoding::Brotli), (".gz", Encoding::Gzip)];
    forms.into_iter().find_map(|(end, encoding)| name.strip_suffix(end).map(|path| (path, encoding))).unwrap_or((name, Encoding::Plain))
}

/// Whether the client takes this encoding: it is listed, and not with a weight of zero.
pub(crate) fn takes(headers: &HeaderMap, encoding: Encoding) -> bool {
    let Some(name) = encoding.name() else { return true };
    let listed = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(','));
    listed.map(|entry| entry.split_once(';').unwrap_or((entry, ""))).any(|(coding, weight)| {
        let weight = weight.trim().strip_prefix("q=").unwrap_or("1").trim();
        coding.trim().eq_ignore_ascii_case(name) && weight.chars().any(|c| ('1'..='9').contains(&c))
    })
}
