//! From a request to its response: routes, limits, directives, and the faults that come before an answer.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version, request};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::ask::Ask;
use crate::body::{Reply, Sending, Tracker};
use crate::conn::Control;
use crate::journal::{Arrival, Dialect, End};
use crate::script::{Fault, Script};
use crate::steps::Said;
use crate::{Shared, admin, anthropic, gemini, openai};

/// Bytes that a truncated body announces and never sends.
const TRUNCATED_BYTES: usize = 64;

/// Milliseconds per byte of a slow head, if no gap is set.
const DRIBBLE_MS: u64 = 20;

/// What a path asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Act {
    Answer,
    /// Gemini says in its path whether it wants a stream.
    Stream,
    Count,
}

/// A request to the model, read.
struct Call {
    ask: Ask,
    told: Script,
    body: Bytes,
}

/// What an answer needs on its way out.
struct Turn {
    dialect: Dialect,
    control: Arc<Control>,
    tracker: Tracker,
    script: Script,
}

/// A request that gets an error answer.
struct Refusal {
    status: u16,
    message: String,
    ask: Ask,
    body: Bytes,
}

/// Answers one request. The error makes hyper drop the connection without an answer.
pub(crate) async fn handle(shared: Arc<Shared>, control: Arc<Control>, request: Request<Incoming>) -> Result<Response<Reply>, io::Error> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path();
    if let Some((dialect, model, act)) = model_route(path) {
        if parts.method != Method::POST {
            return Ok(page(StatusCode::METHOD_NOT_ALLOWED, &error(dialect, 405, "only POST is allowed here")));
        }
        let model = model.to_owned();
        return call(shared, control, &parts, body, (dialect, &model, act)).await;
    }
    if shared.options.control && (path == "/sim" || path.starts_with("/sim/")) {
        return admin::handle(&shared, &parts, body).await;
    }
    Ok(match (&parts.method, path) {
        (&Method::GET, "/healthz") => page(StatusCode::OK, &json!({"status": "ok"})),
        (&Method::GET, "/v1/models" | "/models") => {
            page(StatusCode::OK, &json!({"object": "list", "data": [model_entry("sim", shared.options.created_unix_s)]}))
        }
        (&Method::GET, "/v1beta/models") => {
            let methods = ["generateContent", "streamGenerateContent", "countTokens"];
            page(StatusCode::OK, &json!({"models": [{"name": "models/sim", "displayName": "sim", "supportedGenerationMethods": methods}]}))
        }
        (&Method::GET, _) if path.starts_with("/v1/models/") => {
            page(StatusCode::OK, &model_entry(&path["/v1/models/".len()..], shared.options.created_unix_s))
        }
        _ => page(StatusCode::NOT_FOUND, &error(Dialect::OpenAi, 404, &format!("there is nothing at {} {path}", parts.method))),
    })
}

/// The dialect, model (Gemini only) and act of a path.
fn model_route(path: &str) -> Option<(Dialect, &str, Act)> {
    match path {
        "/v1/chat/completions" | "/chat/completions" => return Some((Dialect::OpenAi, "", Act::Answer)),
        "/v1/messages" => return Some((Dialect::Anthropic, "", Act::Answer)),
        "/v1/messages/count_tokens" => return Some((Dialect::Anthropic, "", Act::Count)),
        _ => {}
    }
    // AI Studio's `/v1beta/models/…` and Vertex's `/v1/projects/…/publishers/google/models/…`.
    let (_, tail) = path.split_once("/models/")?;
    let (model, method) = tail.rsplit_once(':')?;
    match method {
        "generateContent" => Some((Dialect::Gemini, model, Act::Answer)),
        "streamGenerateContent" => Some((Dialect::Gemini, model, Act::Stream)),
        "countTokens" => Some((Dialect::Gemini, model, Act::Count)),
        _ => None,
    }
}

async fn call(
    shared: Arc<Shared>,
    control: Arc<Control>,
    parts: &request::Parts,
    body: Incoming,
    route: (Dialect, &str, Act),
) -> Result<Response<Reply>, io::Error> {
    let arrived = Instant::now();
    let (dialect, _, act) = route;
    // A connection of HTTP/2 is shared: faults of the connection must not reach it.
    let control = if parts.version == Version::HTTP_2 { Arc::default() } else { control };
    let defaults = shared.defaults();
    let read = read(&shared, parts, body, route).await.and_then(|call| {
        let script = call.told.clone().over(&defaults);
        match Answer::new(&call.ask, &call.told, &script) {
            Ok(answer) => Ok((call, script, answer)),
            Err(message) => Err(Box::new(Refusal { status: 400, message, ask: call.ask, body: call.body })),
        }
    });
    let (call, script, mut answer) = match read {
        Ok(read) => read,
        Err(refusal) => {
            let arrival = arrival(parts, dialect, &refusal.ask, refusal.body.len(), arrived);
            let tracker = Tracker::new(shared.begin(arrival, parts, &refusal.body), Arc::clone(&shared));
            let turn = Turn { dialect, control, tracker, script: Script::default() };
            return Ok(refuse(turn, refusal.status, &refusal.message));
        }
    };
    if act == Act::Count {
        let (field, tokens) =
            if dialect == Dialect::Gemini { ("totalTokens", answer.input_tokens) } else { ("input_tokens", answer.input_tokens) };
        return Ok(page(StatusCode::OK, &json!({field: tokens})));
    }
    let mut arrival = arrival(parts, dialect, &call.ask, call.body.len(), arrived);
    (arrival.cached_tokens, arrival.cache_write_tokens) = (answer.cached_tokens, answer.cache_write_tokens);
    let record = shared.begin(arrival, parts, &call.body);
    answer.order = record.order();
    answer.created_unix_s = shared.options.created_unix_s;
    let tracker = Tracker::new(record, Arc::clone(&shared));
    respond(&shared, Turn { dialect, control, tracker, script }, answer, call.ask.stream).await
}

/// Reads the body and what it asks.
async fn read(shared: &Shared, parts: &request::Parts, body: Incoming, route: (Dialect, &str, Act)) -> Result<Call, Box<Refusal>> {
    let (dialect, model, act) = route;
    let refusal = |status: u16, message: String, body: Bytes| Box::new(Refusal { status, message, ask: Ask::new(model), body });
    let body = match collect(body, shared.options.body_bytes_max).await {
        Ok(body) => body,
        Err(refused) => {
            let status = refused.as_u16();
            return Err(refusal(status, "the body could not be read, or it is too large".to_owned(), Bytes::new()));
        }
    };
    let ask = match dialect {
        Dialect::OpenAi => openai::read(&body),
        Dialect::Anthropic => anthropic::read(&body, act == Act::Count),
        Dialect::Gemini => gemini::read(model, &body),
    };
    let mut ask = ask.map_err(|message| refusal(400, message, body.clone()))?;
    if dialect == Dialect::Gemini && act == Act::Stream {
        ask.stream = true;
        if !parts.uri.query().unwrap_or("").split('&').any(|pair| pair == "alt=sse") {
            return Err(Box::new(Refusal { status: 400, message: "streams come with alt=sse only".to_owned(), ask, body }));
        }
    }
    match Script::from_text(&ask.last_user_text) {
        Ok(told) => Ok(Call { ask, told, body }),
        Err(message) => Err(Box::new(Refusal { status: 400, message: format!("[simulated] directive: {message}"), ask, body })),
    }
}

/// A body of at most `bytes_max` bytes.
pub(crate) async fn collect(body: Incoming, bytes_max: usize) -> Result<Bytes, StatusCode> {
    let announced = http_body::Body::size_hint(&body).lower();
    if announced > u64::try_from(bytes_max).unwrap_or(u64::MAX) {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    match Limited::new(body, bytes_max).collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(StatusCode::PAYLOAD_TOO_LARGE),
        Err(_) => Err(StatusCode::BAD_REQUEST),
    }
}

fn arrival<'a>(parts: &'a request::Parts, dialect: Dialect, ask: &'a Ask, body_bytes: usize, arrived: Instant) -> Arrival<'a> {
    Arrival {
        client_request_id: parts.headers.get("x-client-request-id").and_then(|id| id.to_str().ok()),
        key_last4: key_last4(&parts.headers),
        dialect,
        model: &ask.model,
        stream: ask.stream,
        bytes_received: u64::try_from(body_bytes).unwrap_or(u64::MAX),
        input_tokens: ask.input_tokens,
        cached_tokens: 0,
        cache_write_tokens: 0,
        arrived,
    }
}

async fn respond(shared: &Shared, turn: Turn, answer: Answer, streams: bool) -> Result<Response<Reply>, io::Error> {
    let first_time = match &turn.script.fault {
        Some(Fault::StatusOnce(_, token)) => shared.first_time(token),
        _ => true,
    };
    if let Some(ms) = turn.script.delay_ms.filter(|ms| *ms > 0) {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
    match turn.script.fault {
        Some(Fault::ConnectReset) => {
            turn.control.reset();
            turn.tracker.end(End::Fault);
            return Err(io::Error::new(io::ErrorKind::ConnectionReset, "reset as scripted"));
        }
        Some(Fault::Status(status) | Fault::StatusOnce(status, _)) if first_time => {
            return Ok(refuse(turn, status, &format!("[simulated] scripted status {status}")));
        }
        Some(Fault::ErrorEventAfter(_)) if !streams => return Ok(refuse(turn, 500, "[simulated] scripted error")),
        Some(Fault::SlowHeaders) => turn.control.dribble(turn.script.gap_ms.filter(|ms| *ms > 0).unwrap_or(DRIBBLE_MS)),
        _ => {}
    }
    turn.tracker.answered(200);
    let (dialect, id) = (turn.dialect, format!("req_sim{:016x}", answer.order));
    let response = if streams { stream(turn, answer) } else { plain(turn, &answer) };
    Ok(with_id(response, dialect, &id))
}

fn stream(turn: Turn, answer: Answer) -> Response<Reply> {
    let sending = Sending::stream(turn.tracker, turn.control, turn.dialect, answer, &turn.script);
    let mut response = Response::new(Reply::Sending(Box::new(sending)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

fn plain(turn: Turn, answer: &Answer) -> Response<Reply> {
    let mut body = match turn.dialect {
        Dialect::OpenAi => openai::plain(answer),
        Dialect::Anthropic => anthropic::plain(answer),
        Dialect::Gemini => gemini::plain(answer),
    };
    if turn.script.fault == Some(Fault::BadJson) {
        body.pop();
    }
    let len = body.len();
    let said = Said { output: answer.output_tokens(), reasoning: answer.all_reasoning_tokens() };
    let sending = Sending::plain(turn.tracker, turn.control, body.into(), said, &turn.script);
    let mut response = Response::new(Reply::Sending(Box::new(sending)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if turn.script.fault == Some(Fault::Truncate) {
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(len + TRUNCATED_BYTES));
    }
    response
}

/// An error answer in the dialect's shape, handed over whole.
fn refuse(turn: Turn, status: u16, message: &str) -> Response<Reply> {
    turn.tracker.answered(status);
    let body = Bytes::from(error(turn.dialect, status, message).to_string());
    let sending = Sending::plain(turn.tracker, turn.control, body, Said::default(), &Script::default());
    let mut response = Response::new(Reply::Sending(Box::new(sending)));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(after) = turn.script.retry_after.as_ref().and_then(|after| HeaderValue::from_str(&after.replace('_', " ")).ok()) {
        response.headers_mut().insert(RETRY_AFTER, after);
    }
    response
}

fn with_id(mut response: Response<Reply>, dialect: Dialect, id: &str) -> Response<Reply> {
    let name = match dialect {
        Dialect::Anthropic => "request-id",
        Dialect::OpenAi | Dialect::Gemini => "x-request-id",
    };
    if let Ok(id) = HeaderValue::from_str(id) {
        response.headers_mut().insert(name, id);
    }
    response
}

fn error(dialect: Dialect, status: u16, message: &str) -> Value {
    match dialect {
        Dialect::OpenAi => openai::error(status, message),
        Dialect::Anthropic => anthropic::error(status, message),
        Dialect::Gemini => gemini::error(status, message),
    }
}

/// A page of the simulator itself.
pub(crate) fn page(status: StatusCode, body: &Value) -> Response<Reply> {
    let mut response = Response::new(Reply::Page(Some(Bytes::from(body.to_string()))));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn model_entry(id: &str, created_unix_s: u64) -> Value {
    json!({"id": id, "object": "model", "created": created_unix_s, "owned_by": "llmg-simulator"})
}

/// The last four characters of the credential: enough to tell which key was used, and no more.
fn key_last4(headers: &HeaderMap) -> Option<Box<str>> {
    let names = ["x-api-key", "x-goog-api-key", "api-key"];
    let plain = names.into_iter().find_map(|name| headers.get(name));
    let key = plain.or_else(|| headers.get(AUTHORIZATION))?.to_str().ok()?;
    let skipped = key.chars().count().saturating_sub(4);
    Some(key.chars().skip(skipped).collect())
}
