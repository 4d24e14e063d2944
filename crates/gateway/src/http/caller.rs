//! From a request's headers to the key that it presents.

use domain::{Code, Fault};
use http::HeaderMap;
use http::header::AUTHORIZATION;

/// Where clients of the three dialects put their key.
const KEY_HEADERS: [&str; 3] = ["x-api-key", "x-goog-api-key", "api-key"];
/// Limit: bytes of a presented key.
const KEY_BYTES_MAX: usize = 512;

/// The presented key; none when there is none at all.
pub(super) fn presented(headers: &HeaderMap) -> Result<Option<&str>, Fault> {
    let malformed = || Fault::new(Code::MalformedApiKey, "the API key is not readable; send it as `Authorization: Bearer llmg_…`");
    if let Some(value) = headers.get(AUTHORIZATION) {
        let text = value.to_str().map_err(|_| malformed())?;
        let (scheme, key) = text.split_once(' ').ok_or_else(malformed)?;
        let key = key.trim();
        if !scheme.eq_ignore_ascii_case("bearer") || key.is_empty() || key.len() > KEY_BYTES_MAX {
            return Err(malformed());
        }
        return Ok(Some(key));
    }
    let Some(value) = KEY_HEADERS.iter().find_map(|name| headers.get(*name)) else { return Ok(None) };
    let key = value.to_str().map_err(|_| malformed())?.trim();
    if key.is_empty() || key.len() > KEY_BYTES_MAX { Err(malformed()) } else { Ok(Some(key)) }
}

/// The presented key, or the refusal that says how to send one.
pub(super) fn required(headers: &HeaderMap) -> Result<&str, Fault> {
    presented(headers)?.ok_or_else(|| Fault::new(Code::MissingApiKey, "send your API key as `Authorization: Bearer llmg_…`"))
}
