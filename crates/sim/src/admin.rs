//! The simulator's own pages under `/sim`: the journal, the defaults, the kept requests.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Response, StatusCode, request};
use hyper::body::Incoming;
use serde::Serialize;
use serde_json::{Value, json};

use crate::Shared;
use crate::body::Reply;
use crate::handle::{collect, page};
use crate::journal::Record;
use crate::script::Script;

/// Limit: body of a request to these pages.
const BODY_BYTES_MAX: usize = 64 << 10;

/// Entries per piece of the journal's page.
const ENTRIES_PER_PIECE: usize = 256;

pub(crate) async fn handle(shared: &Shared, parts: &request::Parts, body: Incoming) -> Result<Response<Reply>, io::Error> {
    let query = parts.uri.query().unwrap_or("");
    Ok(match (&parts.method, parts.uri.path()) {
        (&Method::GET, "/sim/journal") => match parameter(query, "summary") {
            Some("1" | "true") => as_json(&shared.journal.summary()),
            _ => journal(shared, parameter(query, "client_request_id")),
        },
        (&Method::DELETE, "/sim/journal") => {
            shared.journal.clear();
            as_json(&json!({"cleared": true}))
        }
        (&Method::GET, "/sim/defaults") => as_json(&*shared.defaults()),
        (&Method::POST, "/sim/defaults") => match set_defaults(shared, body).await {
            Ok(()) => as_json(&*shared.defaults()),
            Err(message) => page(StatusCode::BAD_REQUEST, &json!({"error": {"message": message}})),
        },
        (&Method::DELETE, "/sim/defaults") => {
            shared.defaults_set(shared.options.defaults.clone());
            as_json(&*shared.defaults())
        }
        (&Method::GET, "/sim/requests") => {
            let lines: Vec<String> = shared.kept().iter().filter_map(|kept| serde_json::to_string(kept).ok()).collect();
            lines_page(Box::new(lines.into_iter().map(|line| Bytes::from(line + "\n"))))
        }
        _ => page(StatusCode::NOT_FOUND, &json!({"error": {"message": "there is no such page"}})),
    })
}

async fn set_defaults(shared: &Shared, body: Incoming) -> Result<(), String> {
    let body = collect(body, BODY_BYTES_MAX).await.map_err(|_| "the body could not be read".to_owned())?;
    let script = Script::from_json(&body)?;
    shared.defaults_set(script.over(&shared.defaults()));
    Ok(())
}

/// The journal as JSON Lines, in start order; `id`: only requests whose client's id begins so.
fn journal(shared: &Shared, id: Option<&str>) -> Response<Reply> {
    let mut records = shared.journal.records();
    if let Some(id) = id {
        records.retain(|record| record.client_request_id().is_some_and(|own| own.starts_with(id)));
    }
    let mut records = records.into_iter();
    lines_page(Box::new(std::iter::from_fn(move || {
        let piece: Vec<Arc<Record>> = records.by_ref().take(ENTRIES_PER_PIECE).collect();
        if piece.is_empty() { None } else { Some(lines(&piece)) }
    })))
}

fn lines(records: &[Arc<Record>]) -> Bytes {
    let mut out = Vec::with_capacity(records.len() * 400);
    for record in records {
        if serde_json::to_writer(&mut out, &record.entry()).is_ok() {
            out.push(b'\n');
        }
    }
    Bytes::from(out)
}

fn lines_page(pieces: Box<dyn Iterator<Item = Bytes> + Send + Sync>) -> Response<Reply> {
    let mut response = Response::new(Reply::Pages(pieces));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/jsonl"));
    response
}

fn as_json<T: Serialize>(value: &T) -> Response<Reply> {
    page(StatusCode::OK, &serde_json::to_value(value).unwrap_or(Value::Null))
}

/// A query parameter; ids of requests need no percent-encoding.
fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value)
}
