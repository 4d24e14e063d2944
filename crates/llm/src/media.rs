//! Media by address: data URIs, MIME types, file names.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::chat::{Media, Source};

/// Media at an address; a `data:` address with base64 becomes inline.
pub(crate) fn from_url(url: String) -> Media {
    if let Some((media_type, data)) = data_uri(&url) {
        let (media_type, data) = (media_type.to_owned(), data.to_owned());
        return inline(Some(media_type), data);
    }
    Media { source: Source::Url(url), media_type: None, name: None, detail: None }
}

/// Inline media.
pub(crate) fn inline(media_type: Option<String>, data: String) -> Media {
    Media { source: Source::Inline(data), media_type, name: None, detail: None }
}

/// Media in the provider's file store.
pub(crate) fn stored(id: String) -> Media {
    Media { source: Source::Id(id), media_type: None, name: None, detail: None }
}

/// `data:image/png;base64,…` → MIME type and base64 text. Other encodings are none.
fn data_uri(url: &str) -> Option<(&str, &str)> {
    let rest = url.get(..5).filter(|head| head.eq_ignore_ascii_case("data:")).and_then(|_| url.get(5..))?;
    let (head, data) = rest.split_once(',')?;
    let head = head.strip_suffix(";base64")?;
    let media_type = head.split(';').next().filter(|kind| !kind.is_empty()).unwrap_or("text/plain");
    Some((media_type, data))
}

/// The data URI of inline media.
pub(crate) fn to_data_uri(media_type: &str, data: &str) -> String {
    format!("data:{media_type};base64,{data}")
}

/// The MIME type: as declared, else by the bytes' beginning, else by the name's ending.
pub(crate) fn media_type(media: &Media) -> Option<&str> {
    if let Some(declared) = media.media_type.as_deref() {
        return Some(declared);
    }
    match &media.source {
        Source::Inline(data) => by_magic(data).or_else(|| media.name.as_deref().and_then(by_ending)),
        Source::Url(url) => by_ending(url.split(['?', '#']).next().unwrap_or(url)).or_else(|| media.name.as_deref().and_then(by_ending)),
        Source::Text(_) => Some("text/plain"),
        Source::Id(_) => media.name.as_deref().and_then(by_ending),
    }
}

fn by_magic(base64_text: &str) -> Option<&'static str> {
    [("iVBORw0KGgo", "image/png"), ("/9j/", "image/jpeg"), ("R0lGOD", "image/gif"), ("UklGR", "image/webp"), ("JVBERi0", "application/pdf")]
        .into_iter()
        .find(|(magic, _)| base64_text.starts_with(magic))
        .map(|(_, kind)| kind)
}

fn by_ending(name: &str) -> Option<&'static str> {
    let ending = name.rsplit_once('.')?.1.to_ascii_lowercase();
    Some(match ending.as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "heic" => "image/heic",
        "pdf" => "application/pdf",
        "txt" => "text/plain",
        "md" => "text/markdown",
        "csv" => "text/csv",
        "html" => "text/html",
        "json" => "application/json",
        "wav" => "audio/wav",
        "mp3" => "audio/mpeg",
        "flac" => "audio/flac",
        "ogg" => "audio/ogg",
        "mp4" => "video/mp4",
        "mov" => "video/quicktime",
        "webm" => "video/webm",
        _ => return None,
    })
}

/// OpenAI's audio format word → MIME type.
pub(crate) fn audio_type(format: &str) -> String {
    match format {
        "mp3" => "audio/mpeg".to_owned(),
        other => format!("audio/{other}"),
    }
}

/// MIME type → OpenAI's audio format word.
pub(crate) fn audio_format(media_type: &str) -> Option<&str> {
    match media_type.strip_prefix("audio/")? {
        "mpeg" | "mp3" => Some("mp3"),
        "wav" | "x-wav" | "wave" => Some("wav"),
        other => Some(other),
    }
}

/// Base64 text → plain text, if it is UTF-8.
pub(crate) fn decode_text(data: &str) -> Option<String> {
    String::from_utf8(STANDARD.decode(data).ok()?).ok()
}

/// Plain text → base64.
pub(crate) fn encode_text(text: &str) -> String {
    STANDARD.encode(text)
}

/// Base64 in either alphabet → the standard one. (Google's SDKs write the other.)
pub(crate) fn standard(data: String) -> String {
    if data.contains(['-', '_']) { data.replace('-', "+").replace('_', "/") } else { data }
}

/// True for base64 text that a strict reader takes.
pub(crate) fn is_base64(data: &str) -> bool {
    !data.is_empty() && STANDARD.decode(data).is_ok()
}

/// Standard base64 → the alphabet that ids may hold; none when it is not base64.
pub(crate) fn to_url_safe(data: &str) -> Option<String> {
    STANDARD.decode(data).ok().map(|bytes| URL_SAFE_NO_PAD.encode(bytes))
}

/// The way back.
pub(crate) fn from_url_safe(data: &str) -> Option<String> {
    URL_SAFE_NO_PAD.decode(data).ok().map(|bytes| STANDARD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_uris_become_inline() {
        let media = from_url("data:image/png;base64,iVBORw0KGgo=".to_owned());
        assert_eq!(media.media_type.as_deref(), Some("image/png"));
        assert_eq!(media.source, Source::Inline("iVBORw0KGgo=".to_owned()));
        assert_eq!(from_url("https://a.example/b.png".to_owned()).source, Source::Url("https://a.example/b.png".to_owned()));
        assert!(matches!(from_url("data:text/plain,hi".to_owned()).source, Source::Url(_)));
    }
}
