//! The dashboard: the files that `npm run build` made in `web/dist`, held in the binary, and how a browser gets them.
//!
//! It knows no tenant and asks nobody: what the pages show comes from `/api`, with the reader's own session. A binary that was
//! built without `web/dist` says so where the pages would be. It never compresses: what is smaller compressed was compressed
//! when it was built.

mod encoding;
mod file;

use std::borrow::Cow;
use std::collections::HashMap;

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use rust_embed::RustEmbed;

use crate::encoding::Encoding;
use crate::file::{File, Form};

/// Everything comes from the own address, scripts and styles too, and nothing is inline.
const POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self'; frame-ancestors 'none'");
/// The page without scripts and styles that stands in for the others.
const BARE_POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
/// Names under this folder change with their content.
const ASSETS: &str = "/assets/";
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");
/// The file behind every page.
const INDEX: &str = "/index.html";
/// The pages, which are told apart in the browser (`web/src/router.tsx`); so is everything under [`FOLDERS`].
const PAGES: [&str; 9] =
    ["/", "/catalog", "/log-in", "/sign-up", "/invite", "/forgot-password", "/reset-password", "/verify-email", "/confirm-sign-up"];
const FOLDERS: [&str; 2] = ["/dashboard/", "/sign-in/"];
const NOT_BUILT: &str = include_str!("not_built.html");

#[derive(RustEmbed)]
#[folder = "../../web/dist"]
#[allow_missing = true]
struct Dist;

/// The files by the path that asks for them.
#[derive(Debug, Default)]
pub struct Dashboard {
    files: HashMap<String, File>,
}

impl Dashboard {
    /// What this binary was built with.
    pub fn embedded() -> Self {
        let files = Dist::iter().filter_map(|name| Dist::get(&name).map(|file| (name, file)));
        Self::of(files.map(|(name, file)| (name.into_owned(), bytes(file.data), file.metadata.sha256_hash())))
    }

    /// From names, contents and their hashes. A compressed form whose plain one is missing is of no use.
    fn of(found: impl Iterator<Item = (String, Bytes, [u8; 32])>) -> Self {
        let forms = found.map(|(name, bytes, hash)| {
            let (path, encoding) = encoding::of_name(&name);
            (format!("/{path}"), encoding, Form::new(bytes, &hash))
        });
        let (plain, compressed): (Vec<_>, Vec<_>) = forms.partition(|(_, encoding, _)| *encoding == Encoding::Plain);
        let mut files: HashMap<String, File> = plain.into_iter().map(|(path, _, form)| (path, File::new(form))).collect();
        for (path, encoding, form) in compressed {
            if let Some(file) = files.get_mut(&path) {
                file.add(encoding, form);
            }
        }
        Self { files }
    }

    /// False for a binary that was built without the dashboard.
    pub fn is_built(&self) -> bool {
        self.files.contains_key(INDEX)
    }

    /// The answer when the path is one of the dashboard's; `None` when it is not.
    pub fn answer(&self, method: &Method, path: &str, headers: &HeaderMap) -> Option<Response<Bytes>> {
        if !matches!(*method, Method::GET | Method::HEAD) {
            return None;
        }
        if is_page(path) {
            return Some(self.page(StatusCode::OK, headers));
        }
        let file = self.files.get(path).filter(|_| path != INDEX)?;
        let cache = if path.starts_with(ASSETS) { FOR_EVER } else { ASK_AGAIN };
        Some(sent(file, file::kind(path), cache, StatusCode::OK, headers))
    }

    /// For somebody who looks with a browser for a page that nobody has.
    pub fn not_found(&self, method: &Method, path: &str, headers: &HeaderMap) -> Option<Response<Bytes>> {
        let browses = *method == Method::GET && headers.get(http::header::ACCEPT).is_some_and(|v| v.as_bytes().starts_with(b"text/html"));
        (browses && self.is_built() && !has_extension(path)).then(|| self.page(StatusCode::NOT_FOUND, headers))
    }

    fn page(&self, status: StatusCode, headers: &HeaderMap) -> Response<Bytes> {
        match self.files.get(INDEX) {
            Some(index) => {
                let mut response = sent(index, HTML, ASK_AGAIN, status, headers);
                response.headers_mut().insert(CONTENT_SECURITY_POLICY, POLICY);
                response
            }
            None => {
                let mut response = Response::new(Bytes::from_static(NOT_BUILT.as_bytes()));
                *response.status_mut() = StatusCode::NOT_FOUND;
                head(response.headers_mut(), HTML, ASK_AGAIN);
                response.headers_mut().insert(CONTENT_SECURITY_POLICY, BARE_POLICY);
                response
            }
        }
    }
}

fn bytes(data: Cow<'static, [u8]>) -> Bytes {
    match data {
        Cow::Borrowed(data) => Bytes::from_static(data),
        Cow::Owned(data) => Bytes::from(data),
    }
}

fn is_page(path: &str) -> bool {
    let in_folder = || FOLDERS.iter().any(|folder| path.starts_with(folder));
    PAGES.contains(&path) || path == "/dashboard" || (in_folder() && !has_extension(path))
}

fn has_extension(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|last| last.contains('.'))
}

/// In the smallest form that the client takes; without a body when it has that form already.
fn sent(file: &File, kind: HeaderValue, cache: HeaderValue, status: StatusCode, headers: &HeaderMap) -> Response<Bytes> {
    let (encoding, form) = file.best(headers);
    let mut response = Response::new(form.bytes.clone());
    *response.status_mut() = status;
    let out = response.headers_mut();
    head(out, kind, cache);
    out.insert(ETAG, form.tag.clone());
    out.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if let Some(name) = encoding.name() {
        out.insert(http::header::CONTENT_ENCODING, HeaderValue::from_static(name));
    }
    let known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(','));
    let has_it = known.map(|tag| tag.trim().trim_start_matches("W/")).any(|tag| tag.as_bytes() == form.tag.as_bytes());
    if has_it && status == StatusCode::OK {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = Bytes::new();
    }
    response
}

fn head(out: &mut HeaderMap, kind: HeaderValue, cache: HeaderValue) {
    out.insert(CONTENT_TYPE, kind);
    out.insert(CACHE_CONTROL, cache);
    out.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    out.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
}

#[cfg(test)]
mod tests;
