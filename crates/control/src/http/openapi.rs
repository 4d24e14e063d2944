//! `/api/openapi.json`: the OpenAPI 3.1 document, made from the routes.

use std::future::{Ready, ready};

use axum::body::Bytes;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue};
use domain::Code;
use utoipa::openapi::path::Operation;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, PathItem, Ref, RefOr, Response, Schema};

use crate::http::edge::Problem;

const KEY: &str = "management_key";
const SESSION: &str = "session";
/// Routes without any proof of who asks.
pub(crate) const OPEN: &[&str] = &[
    "/api/v1/auth/settings",
    "/api/v1/auth/sign-up",
    "/api/v1/auth/sign-up/confirm",
    "/api/v1/auth/log-in",
    "/api/v1/auth/log-in/second",
    "/api/v1/auth/sign-in/begin",
    "/api/v1/auth/sign-in/finish",
    "/api/v1/auth/log-out",
    "/api/v1/auth/password/forgot",
    "/api/v1/auth/password/reset",
    "/api/v1/auth/email/verify",
];

/// Whether a route is about a person and not about an organization: no management key opens it.
pub(crate) fn is_personal(path: &str) -> bool {
    path.starts_with("/api/v1/auth/") || path.starts_with("/api/v1/organizations")
}

const REFUSED: &str = "Refused";

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "llmg control API",
        description = "Usage, calls, credits, keys, provider keys and projects of an organization. Send a management key (`llmgm_…`) as \
            `Authorization: Bearer`, or log in with a browser: its session is about the person's first organization unless the header \
            `X-Llmg-Organization` names another of theirs, and what it changes needs the dashboard's own `Origin`. Money is in nano-USD (10⁻⁹ USD) and, as text, in USD; times are RFC 3339. Parameters and \
            fields that are not listed here are refused. A list comes by page: `limit` rows, then `next_cursor` as `cursor` while `has_more`; a cursor is \
            opaque, and rows that come or go meanwhile neither repeat nor hide others. A POST with an `Idempotency-Key` is done once: sent again by the same caller within 30 days, it gets \
            the first answer with `idempotency-replayed: true`; the same key with another request is refused with 409 (not for sign-up, log-in and log-out)."
    ),
    tags(
        (name = "Log-in", description = "Accounts and sessions of people."),
        (name = "Usage", description = "How much was used, by time and group."),
        (name = "Calls", description = "What happened, call by call."),
        (name = "Credits", description = "What the organization can spend."),
        (name = "Billing", description = "Money, for those who look after it."),
        (name = "Budgets", description = "How much may be spent in each window, and what is left of it."),
        (name = "API keys", description = "Keys that call `/v1`."),
        (name = "Sub-accounts", description = "Customers of the organization, with limits and keys of their own."),
        (name = "Management keys", description = "Keys that drive this API without a session."),
        (name = "Provider keys", description = "Own keys at providers, sealed when they are saved."),
        (name = "Organizations", description = "Organizations, their members and what each may do."),
        (name = "Audit", description = "Who changed what, from where, and when."),
        (name = "Operator", description = "What only who runs the instance sees."),
        (name = "Projects", description = "Projects hold keys and settings."),
    ),
    servers((url = "/", description = "This instance.")),
    components(schemas(Problem))
)]
struct Head;

/// The document before any route is in it.
pub(super) fn head() -> OpenApi {
    <Head as utoipa::OpenApi>::openapi()
}

/// Adds what is true of every operation: what opens it, and that it may be refused.
pub(super) fn finished(mut document: OpenApi) -> OpenApi {
    let mut components = document.components.take().unwrap_or_default();
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("llmgm_…").build();
    components.add_security_scheme(KEY, SecurityScheme::Http(bearer));
    let cookie = ApiKeyValue::with_description(
        "__Host-llmg_session",
        "Set by log-in. On a loopback address without TLS its name is `llmg_session`.",
    );
    components.add_security_scheme(SESSION, SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    components.responses.insert(REFUSED.to_owned(), RefOr::T(refused()));
    if let Some(RefOr::T(Schema::Object(problem))) = components.schemas.get_mut("Problem")
        && let Some(RefOr::T(Schema::Object(code))) = problem.properties.get_mut("code")
    {
        code.enum_values = Some(Code::ALL.iter().map(|code| code.as_str().into()).collect());
    }
    document.components = Some(components);
    let operations = document.paths.paths.iter_mut().flat_map(|(path, item)| operations_mut(item).map(move |operation| (path, operation)));
    operations.for_each(|(path, operation)| {
        let openers: &[&str] = if OPEN.contains(&path.as_str()) {
            &[]
        } else if is_personal(path) {
            &[SESSION]
        } else {
            &[KEY, SESSION]
        };
        operation.security = Some(openers.iter().map(|opener| SecurityRequirement::new(*opener, Vec::<String>::new())).collect());
        for status in ["4XX", "default"] {
            operation.responses.responses.insert(status.to_owned(), RefOr::Ref(Ref::from_response_name(REFUSED)));
        }
    });
    document
}

/// Serves the document.
pub(super) fn json(document: &OpenApi) -> impl Fn() -> Ready<([(HeaderName, HeaderValue); 2], Bytes)> + Clone + use<> {
    // A document of texts always has a JSON spelling.
    let bytes = Bytes::from(document.to_json().unwrap_or_default());
    let headers =
        [(CONTENT_TYPE, HeaderValue::from_static("application/json")), (CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"))];
    move || ready((headers.clone(), bytes.clone()))
}

fn refused() -> Response {
    let schema = Ref::from_schema_name("Problem");
    ResponseBuilder::new()
        .description("Refused. The `code` says why.")
        .content("application/problem+json", ContentBuilder::new().schema(Some(schema)).build())
        .build()
}

fn operations_mut(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete].into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// Refresh: `LLMG_REFRESH=1 cargo test -p control openapi`.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test's own switch")]
    fn the_committed_document_is_current() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
        let current = crate::http::document().to_pretty_json().unwrap() + "\n";
        if std::env::var("LLMG_REFRESH").is_ok() {
            std::fs::write(&file, &current).unwrap();
        }
        let committed = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(
            committed == current,
            "crates/control/openapi.json is not what the code says; refresh it with `LLMG_REFRESH=1 cargo test -p control openapi` \
             and look at the difference"
        );
    }
}
