//! `/api/docs`: one page about the API, written from the OpenAPI document. It has no script, and its policy allows none.

use std::fmt::Write as _;
use std::future::{Ready, ready};

use axum::body::Bytes;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use axum::http::{HeaderName, HeaderValue};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::Code;
use serde_json::Value;
use sha2::{Digest, Sha256};
use utoipa::openapi::OpenApi;

use crate::http::docs_schema::{self, escaped, prose, text};
use crate::http::edge;

const STYLE: &str = include_str!("docs.css");
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// One operation of the document.
struct Operation<'a> {
    method: &'a str,
    path: &'a str,
    body: &'a Value,
}

/// Serves the page.
pub(super) fn page(document: &OpenApi) -> impl Fn() -> Ready<([(HeaderName, HeaderValue); 4], Bytes)> + Clone + use<> {
    let html = Bytes::from(html(&serde_json::to_value(document).unwrap_or_default()));
    let style_hash = STANDARD.encode(Sha256::digest(STYLE));
    let policy =
        format!("default-src 'none'; style-src 'sha256-{style_hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (CONTENT_SECURITY_POLICY, HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (CACHE_CONTROL, HeaderValue::from_static("public, max-age=300")),
    ];
    move || ready((headers.clone(), html.clone()))
}

fn html(document: &Value) -> String {
    let title = escaped(text(&document["info"]["title"]));
    let operations = operations(document);
    let tags: Vec<&Value> = document["tags"].as_array().into_iter().flatten().collect();
    let mut out = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{title}</title><style>{STYLE}</style></head><body><div class=\"frame\">"
    );
    navigation(&mut out, &tags, &operations);
    let version = escaped(text(&document["info"]["version"]));
    let about = prose(text(&document["info"]["description"]));
    add(
        &mut out,
        format_args!(
            "<main><h1>{title}</h1><p class=\"soft\">version {version} · <a href=\"/api/openapi.json\">openapi.json</a></p>\
             <p class=\"to-contents\"><a href=\"#contents\">Contents</a></p><p>{about}</p>"
        ),
    );
    for tag in &tags {
        let name = text(&tag["name"]);
        add(&mut out, format_args!("<h2>{}</h2><p class=\"soft\">{}</p>", escaped(name), prose(text(&tag["description"]))));
        operations.iter().filter(|operation| operation.is_of(name)).for_each(|operation| operation.write(&mut out));
    }
    schemas(&mut out, document);
    errors(&mut out);
    out.push_str("</main></div></body></html>");
    out
}

/// Writing to a `String` cannot fail.
fn add(out: &mut String, parts: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(parts);
}

fn operations(document: &Value) -> Vec<Operation<'_>> {
    let paths = document["paths"].as_object().into_iter().flatten();
    paths
        .flat_map(|(path, item)| METHODS.iter().filter_map(move |method| item.get(*method).map(|body| Operation { method, path, body })))
        .collect()
}

fn navigation(out: &mut String, tags: &[&Value], operations: &[Operation<'_>]) {
    out.push_str("<nav id=\"contents\" aria-label=\"Contents\">");
    for tag in tags {
        let name = text(&tag["name"]);
        add(out, format_args!("<h2>{}</h2>", escaped(name)));
        for operation in operations.iter().filter(|operation| operation.is_of(name)) {
            add(out, format_args!("<a href=\"#{}\">{}</a>", escaped(operation.id()), escaped(text(&operation.body["summary"]))));
        }
    }
    out.push_str("<h2>Reference</h2><a href=\"#schemas\">Schemas</a><a href=\"#errors\">Errors</a></nav>");
}

impl Operation<'_> {
    fn id(&self) -> &str {
        text(&self.body["operationId"])
    }

    fn is_of(&self, tag: &str) -> bool {
        self.body["tags"].as_array().is_some_and(|tags| tags.iter().any(|its| its == tag))
    }

    fn write(&self, out: &mut String) {
        let (id, method, path) = (escaped(self.id()), self.method, escaped(self.path));
        let summary = escaped(text(&self.body["summary"]));
        add(
            out,
            format_args!(
                "<section id=\"{id}\"><h3>{summary}</h3><p><span class=\"method {method}\">{}</span><span class=\"path\">{path}</span></p>",
                method.to_uppercase()
            ),
        );
        let about = text(&self.body["description"]);
        if !about.is_empty() {
            add(out, format_args!("<p>{}</p>", prose(about)));
        }
        self.write_parameters(out);
        if let Some(schema) = self.body.pointer("/requestBody/content/application~1json/schema") {
            add(out, format_args!("<h4>Body</h4><p>{}</p>", docs_schema::kind(schema)));
        }
        self.write_responses(out);
        out.push_str("</section>");
    }

    fn write_parameters(&self, out: &mut String) {
        let Some(parameters) = self.body["parameters"].as_array() else { return };
        out.push_str("<h4>Parameters</h4><table>");
        for parameter in parameters {
            let need = if parameter["required"] == true { " <span class=\"need\">required</span>" } else { "" };
            add(
                out,
                format_args!(
                    "<tr><td><code>{}</code>{need}</td><td>{}, {}</td><td>{}</td></tr>",
                    escaped(text(&parameter["name"])),
                    escaped(text(&parameter["in"])),
                    docs_schema::kind(&parameter["schema"]),
                    prose(text(&parameter["description"]))
                ),
            );
        }
        out.push_str("</table>");
    }

    fn write_responses(&self, out: &mut String) {
        out.push_str("<h4>Answers</h4><table>");
        for (status, response) in self.body["responses"].as_object().into_iter().flatten() {
            // The document says the same of both.
            if status == "4XX" {
                continue;
            }
            if status == "default" {
                out.push_str("<tr><td><code>4xx</code> <code>5xx</code></td><td><a href=\"#schema-Problem\">Problem</a></td><td>See <a href=\"#errors\">errors</a>.</td></tr>");
                continue;
            }
            let schema = response.pointer("/content/application~1json/schema").map(docs_schema::kind).unwrap_or_default();
            let about = prose(text(&response["description"]));
            add(out, format_args!("<tr><td><code>{}</code></td><td>{schema}</td><td>{about}</td></tr>", escaped(status)));
        }
        out.push_str("</table>");
    }
}

fn schemas(out: &mut String, document: &Value) {
    out.push_str("<h2 id=\"schemas\">Schemas</h2>");
    for (name, schema) in document.pointer("/components/schemas").and_then(Value::as_object).into_iter().flatten() {
        let name = escaped(name);
        add(out, format_args!("<section id=\"schema-{name}\"><h3>{name}</h3>"));
        docs_schema::write(out, schema);
        out.push_str("</section>");
    }
}

fn errors(out: &mut String) {
    out.push_str("<h2 id=\"errors\">Errors</h2><p class=\"soft\">A refusal is a <a href=\"#schema-Problem\">Problem</a>. Its <code>code</code> is stable.</p><table>");
    for &code in Code::ALL {
        let status = service::http_status::of(code).as_u16();
        add(
            out,
            format_args!(
                "<tr id=\"error-{code}\"><td><code>{code}</code></td><td>{status}</td><td>{}</td></tr>",
                escaped(&edge::title(code))
            ),
        );
    }
    out.push_str("</table>");
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_page_lists_every_operation_and_schema_and_code() {
        let document = serde_json::to_value(crate::http::document()).unwrap();
        let page = html(&document);
        for operation in operations(&document) {
            assert!(page.contains(&format!("<section id=\"{}\">", operation.id())), "{} {}", operation.method, operation.path);
        }
        for name in document.pointer("/components/schemas").unwrap().as_object().unwrap().keys() {
            assert!(page.contains(&format!("id=\"schema-{name}\"")), "{name}");
        }
        for code in Code::ALL {
            assert!(page.contains(&format!("id=\"error-{code}\"")), "{code}");
        }
        for target in page.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(page.contains(&format!("id=\"{target}\"")), "a link to #{target} leads nowhere");
        }
    }

    #[test]
    fn nothing_in_the_document_becomes_markup() {
        let evil = "<script>alert(1)</script>\"'&";
        let page = html(&json!({
            "info": {"title": evil, "version": evil, "description": evil},
            "tags": [{"name": evil, "description": evil}],
            "paths": {evil: {"get": {"tags": [evil], "operationId": evil, "summary": evil, "description": evil,
                "parameters": [{"name": evil, "in": evil, "description": evil, "schema": {"type": evil, "enum": [evil]}}],
                "responses": {evil: {"description": evil}}}}},
            "components": {"schemas": {evil: {"description": evil, "properties": {evil: {"type": "string", "description": evil}}}}},
        }));
        assert!(!page.contains("<script") && !page.contains("\"'&\""), "{page}");
    }
}
