//! `/api/openapi.json`: the OpenAPI 3.1 document, made from the routes.

use std::future::{Ready, ready};

use axum::body::Bytes;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue};
use utoipa::openapi::path::Operation;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, PathItem, Ref, RefOr, Response};

use crate::http::edge::Problem;

const SCHEME: &str = "management_key";
const REFUSED: &str = "Refused";

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "llmg control API",
        description = "Usage, calls, credits, keys and projects of an organization. Send a management key (`llmgm_…`) as \
            `Authorization: Bearer`. Money is in nano-USD (10⁻⁹ USD) and, as text, in USD; times are RFC 3339. Parameters and \
            fields that are not listed here are refused."
    ),
    tags(
        (name = "Usage", description = "How much was used, by time and group."),
        (name = "Calls", description = "What happened, call by call."),
        (name = "Credits", description = "What the organization can spend."),
        (name = "API keys", description = "Keys that call `/v1`."),
        (name = "Projects", description = "Projects hold keys and settings."),
    ),
    components(schemas(Problem))
)]
struct Head;

/// The document before any route is in it.
pub(super) fn head() -> OpenApi {
    <Head as utoipa::OpenApi>::openapi()
}

/// Adds what is true of every operation: it needs a management key, and it may be refused.
pub(super) fn finished(mut document: OpenApi) -> OpenApi {
    let mut components = document.components.take().unwrap_or_default();
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("llmgm_…").build();
    components.add_security_scheme(SCHEME, SecurityScheme::Http(bearer));
    components.responses.insert(REFUSED.to_owned(), RefOr::T(refused()));
    document.components = Some(components);
    document.paths.paths.values_mut().flat_map(operations_mut).for_each(|operation| {
        operation.security = Some(vec![utoipa::openapi::security::SecurityRequirement::new(SCHEME, Vec::<String>::new())]);
        operation.responses.responses.insert("default".to_owned(), RefOr::Ref(Ref::from_response_name(REFUSED)));
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
