//! What comes in: query parameters, JSON bodies, ids in paths, times. Unknown names are refused by name.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, Uri};
use domain::ids::{IdentityId, InviteId};
use domain::{
    ApiKeyId, BudgetId, Code, Fault, ManagementKeyId, OrganizationId, ProjectId, ProviderKeyId, RequestId, SessionId, SubAccountId,
    UnixMicros, UserId,
};
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::app::ask::not_found;
use crate::app::checks::invalid;
use crate::http::BODY_BYTES_MAX;
use crate::http::edge::Refused;

/// A client gets this long to send its whole body.
const BODY_DEADLINE: Duration = Duration::from_secs(30);

/// Query parameters.
pub(super) struct Params<T>(pub(super) T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        not_empty(&parts.uri)?;
        let read = Query::<T>::try_from_uri(&parts.uri);
        read.map(|Query(params)| Self(params)).map_err(|refusal| {
            let text = refusal.body_text();
            let text = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
            let (path, reason) = text.split_once(": ").unwrap_or(("", text));
            Refused(wrong_field("query", path, reason))
        })
    }
}

/// A parameter without a value could be taken for any value, or for none.
fn not_empty(uri: &Uri) -> Result<(), Refused> {
    let Ok(Query(pairs)) = Query::<Vec<(String, String)>>::try_from_uri(uri) else { return Ok(()) };
    match pairs.into_iter().find(|(_, value)| value.is_empty()) {
        Some((name, _)) => Err(Refused(invalid(&name, format!("`{name}` in the query is empty; give it a value, or leave it out")))),
        None => Ok(()),
    }
}

/// For routes that take no query parameters: each is unknown.
pub(super) struct NoParams;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

impl<S: Sync> FromRequestParts<S> for NoParams {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let Params(Nothing {}) = Params::from_request_parts(parts, state).await?;
        Ok(Self)
    }
}

/// A JSON body.
pub(super) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        if !is_json(request.headers()) {
            return Err(Refused(Fault::new(
                Code::UnsupportedMediaType,
                "send the body as JSON, with the header `content-type: application/json`",
            )));
        }
        let read = tokio::time::timeout(BODY_DEADLINE, Bytes::from_request(request, state)).await;
        let bytes = read
            .map_err(|late| Fault::new(Code::InvalidRequest, "the body did not arrive in time; send it again").because(late))?
            .map_err(unread)?;
        parsed(&bytes).map(Self).map_err(Refused)
    }
}

fn unread(refusal: BytesRejection) -> Fault {
    if refusal.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return Fault::new(Code::BodyTooLarge, format!("the body is over the limit of {BODY_BYTES_MAX} bytes; send less"));
    }
    Fault::new(Code::InvalidRequest, "the body ended before it was whole; send it again").because(refusal)
}

fn parsed<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Fault> {
    let not_json = |error: serde_json::Error| Fault::new(Code::InvalidJson, format!("the body is not JSON: {error}"));
    serde_json::from_slice::<IgnoredAny>(bytes).map_err(not_json)?;
    // serde would take an array for a struct, field by field.
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        return Err(Fault::new(Code::InvalidRequest, "the body must be a JSON object"));
    }
    let mut from = serde_json::Deserializer::from_slice(bytes);
    serde_path_to_error::deserialize(&mut from).map_err(|error| {
        let path = error.path().to_string();
        let cause = error.into_inner();
        if !cause.is_data() {
            return not_json(cause);
        }
        let text = cause.to_string();
        let reason = text.rsplit_once(" at line ").map_or(text.as_str(), |(reason, _)| reason);
        wrong_field("body", &path, reason)
    })
}

/// `reason` is serde's; it names an unknown, missing or repeated field in backticks, which the path then lacks.
fn wrong_field(place: &str, path: &str, reason: &str) -> Fault {
    let named = ["unknown field `", "missing field `", "duplicate field `"]
        .iter()
        .find_map(|start| reason.strip_prefix(start))
        .and_then(|rest| rest.split('`').next());
    let parent = if path == "." { "" } else { path };
    let param = match named {
        // serde_path_to_error counts an unknown field as part of the path already.
        Some(field) if parent.is_empty() || parent == field || parent.ends_with(&format!(".{field}")) => {
            if parent.is_empty() {
                field.to_owned()
            } else {
                parent.to_owned()
            }
        }
        Some(field) => format!("{parent}.{field}"),
        None => parent.to_owned(),
    };
    let fault = Fault::new(
        Code::InvalidRequest,
        if param.is_empty() { format!("{place}: {reason}") } else { format!("`{param}` in the {place}: {reason}") },
    );
    if param.is_empty() { fault } else { fault.param(param) }
}

/// A field whose null means something: `None` only when it is left out.
pub(super) fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// A JSON object within a body, and nothing else: serde would take an array for a struct, field by field.
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(ObjectVisitor(PhantomData)).map(Self)
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return false };
    let kind = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

/// What an id names, for the answer that there is none.
pub(super) trait Named: FromStr {
    const WHAT: &'static str;
    const BEGINS: &'static str;
}

impl Named for ApiKeyId {
    const WHAT: &'static str = "API key";
    const BEGINS: &'static str = Self::PREFIX;
}

impl Named for BudgetId {
    const WHAT: &'static str = "budget";
    const BEGINS: &'static str = Self::PREFIX;
}

impl Named for ProjectId {
    const WHAT: &'static str = "project";
    const BEGINS: &'static str = Self::PREFIX;
}

impl Named for OrganizationId {
    const WHAT: &'static str = "organization";
    const BEGINS: &'static str = Self::PREFIX;
}

impl Named for RequestId {
    const WHAT: &'static str = "call";
    const BEGINS: &'static str = Self::PREFIX;
}

impl Named for ProviderKeyId {
    const WHAT: &'static str = "provider key";
    const BEGINS: &'static str = Self::PREFIX;
}

impl Named for UserId {
    const WHAT: &'static str = "member";
    const BEGINS: &'static str = Self::PREFIX;
}

impl Named for InviteId {
    const WHAT: &'static str = "invitation";
    const BEGINS: &'static str = Self::PREFIX;
}

impl Named for ManagementKeyId {
    const WHAT: &'static str = "management key";
    const BEGINS: &'static str = Self::PREFIX;
}

impl Named for SubAccountId {
    const WHAT: &'static str = "sub-account";
    const BEGINS: &'static str = Self::PREFIX;
}

impl Named for IdentityId {
    const WHAT: &'static str = "identity";
    const BEGINS: &'static str = Self::PREFIX;
}

impl Named for SessionId {
    const WHAT: &'static str = "session";
    const BEGINS: &'static str = Self::PREFIX;
}

/// The id in a path. A misspelled one names nothing: the same 404 as an unknown one.
pub(super) struct Id<T>(pub(super) T);

impl<T: Named, S: Send + Sync> FromRequestParts<S> for Id<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let text = Path::<String>::from_request_parts(parts, state).await.ok();
        text.and_then(|Path(text)| text.parse().ok()).map(Self).ok_or_else(|| Refused(not_found(T::WHAT)))
    }
}

/// An id in a query or a body.
pub(super) fn id<T: Named>(param: &str, text: Option<&str>) -> Result<Option<T>, Fault> {
    let read = |text: &str| text.parse().map_err(|_| invalid(param, format!("`{param}` must be an id that begins with `{}`", T::BEGINS)));
    text.map(read).transpose()
}

/// A moment: RFC 3339 with an offset, or a date (midnight UTC).
pub(super) fn time(param: &str, text: Option<&str>) -> Result<Option<UnixMicros>, Fault> {
    let read = |text: &str| {
        // Without this a moment that lacks its offset would be read as a date, and its hours would be lost.
        let whole = text.len() == "2026-11-20".len() || has_offset(text);
        let moment = if whole { service::clock::parse(text) } else { None };
        moment.ok_or_else(|| {
            invalid(
                param,
                format!("`{param}` must be a time such as 2026-11-20T12:00:00Z (in a query, write the + of an offset as %2B) or a date such as 2026-11-20"),
            )
        })
    };
    text.map(read).transpose()
}

fn has_offset(text: &str) -> bool {
    let clock = text.get("2026-11-20T".len()..).unwrap_or_default();
    clock.ends_with(['Z', 'z']) || clock.contains(['+', '-'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct Body {
        name: String,
        inner: Option<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct Inner {
        count: u32,
    }

    #[test]
    fn a_wrong_field_is_named_by_its_path() {
        for (text, code, param) in [
            (r#"{"name":"a","nam":1}"#, Code::InvalidRequest, Some("nam")),
            (r#"{"inner":null}"#, Code::InvalidRequest, Some("name")),
            (r#"{"name":1}"#, Code::InvalidRequest, Some("name")),
            (r#"{"name":"a","name":"b"}"#, Code::InvalidRequest, Some("name")),
            (r#"{"name":"a","inner":{"count":-1}}"#, Code::InvalidRequest, Some("inner.count")),
            (r#"{"name":"a","inner":{"cont":1}}"#, Code::InvalidRequest, Some("inner.cont")),
            (r#"{"name":"a","inner":{}}"#, Code::InvalidRequest, Some("inner.count")),
            ("[]", Code::InvalidRequest, None),
            (r#" ["a",null]"#, Code::InvalidRequest, None),
            ("7", Code::InvalidRequest, None),
            (r#"{"nam":1"#, Code::InvalidJson, None),
            ("", Code::InvalidJson, None),
            (r#"{"name":"a"} x"#, Code::InvalidJson, None),
            (r#"{"name":"#, Code::InvalidJson, None),
        ] {
            let fault = parsed::<Body>(text.as_bytes()).unwrap_err();
            assert_eq!((fault.code(), fault.wrong_param()), (code, param), "{text}: {}", fault.say());
        }
    }

    #[test]
    fn times_are_whole_or_refused() {
        let read = |text| time("from", Some(text)).ok().flatten().map(|at| at.0);
        assert_eq!(read("1970-01-02"), Some(86_400_000_000));
        assert_eq!(read("1970-01-01T00:00:01Z"), Some(1_000_000));
        assert_eq!(read("1970-01-01T02:00:00+02:00"), Some(0));
        for text in
            ["", "now", "1970-01-01T01:00:00", "1970-01-01 01:00:00", "1970-13-01", "1970-01-01T00:00:00 02:00", "12", "é1970-01-01Z"]
        {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
