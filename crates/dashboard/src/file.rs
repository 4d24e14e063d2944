//! One file in its forms.

use std::fmt::Write as _;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};

use crate::encoding::{self, Encoding};

/// Bytes of the content's SHA-256 that its tag shows.
const TAG_BYTES: usize = 12;

/// One form of a file.
#[derive(Debug)]
pub(crate) struct Form {
    pub(crate) bytes: Bytes,
    pub(crate) tag: HeaderValue,
}

/// A file, plain and in the compressed forms that it has.
#[derive(Debug)]
pub(crate) struct File {
    plain: Form,
    compressed: Vec<(Encoding, Form)>,
}

impl Form {
    pub(crate) fn new(bytes: Bytes, hash: &[u8; 32]) -> Self {
        Self { bytes, tag: tag(hash) }
    }
}

impl File {
    pub(crate) const fn new(plain: Form) -> Self {
        Self { plain, compressed: Vec::new() }
    }

    pub(crate) fn add(&mut self, encoding: Encoding, form: Form) {
        self.compressed.push((encoding, form));
        self.compressed.sort_by_key(|(encoding, _)| *encoding);
    }

    /// The smallest form that the client takes.
    pub(crate) fn best(&self, headers: &HeaderMap) -> (Encoding, &Form) {
        let compressed = self.compressed.iter().find(|(encoding, _)| encoding::takes(headers, *encoding));
        compressed.map_or((Encoding::Plain, &self.plain), |(encoding, form)| (*encoding, form))
    }
}

/// Each form has its own tag, because each is other bytes.
fn tag(hash: &[u8; 32]) -> HeaderValue {
    let mut text = String::from("\"");
    for byte in &hash[..TAG_BYTES] {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text.push('"');
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("\"\""))
}

/// What a browser takes a file for, by its name.
pub(crate) fn kind(path: &str) -> HeaderValue {
    let kind = match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "txt" => "text/plain; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        _ => "application/octet-stream",
    };
    HeaderValue::from_static(kind)
}
