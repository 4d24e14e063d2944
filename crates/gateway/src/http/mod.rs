//! The edge's HTTP: routes, body limit, and the one place where a fault becomes an answer and a log line.

mod caller;
mod chat;
mod models;
mod reply;
mod route;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use domain::{Code, Fault, RequestId};
use http::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use llm::Dialect;
use percent_encoding::percent_decode_str;

use crate::body::Body;
use crate::gateway::Gateway;
use route::{Route, route};

/// A client gets this long to send its whole body.
const BODY_DEADLINE: Duration = Duration::from_secs(120);

impl Gateway {
    /// True for paths that are the gateway's, so that another service may take the rest of a shared listener.
    pub fn owns(path: &str) -> bool {
        path.starts_with("/v1/") || path.starts_with("/v1beta/") || path == "/v1" || route(path) != Route::Unknown
    }

    /// True for the path whose answer is a long list of what is there, and nothing of a call: it may be compressed.
    pub fn only_lists(path: &str) -> bool {
        path.ends_with("/models") && route(path) == Route::Models
    }

    /// Answers one request; `client` is the address that it comes from.
    pub async fn handle(self: Arc<Self>, client: IpAddr, request: Request<Incoming>) -> Response<Body> {
        let started = Instant::now();
        let id = RequestId::from_uuid(service::random::uuid());
        let (head, body) = request.into_parts();
        // SDKs write the slash of `provider/model` as %2F.
        let path = percent_decode_str(head.uri.path()).decode_utf8_lossy();
        let route = route(&path);
        let dialect = route.dialect();
        let answered = match route.method() {
            None => Err(Fault::new(
                Code::NotFound,
                format!("there is nothing at {}; the API is under /v1, for example /v1/chat/completions", head.uri.path()),
            )),
            Some(method) if method != head.method => Err(Fault::new(Code::MethodNotAllowed, format!("this path takes {method}"))),
            Some(_) => self.routed(&route, (&head, client), body, id, started).await,
        };
        match answered {
            Ok(response) => response,
            Err(fault) => {
                let mut response = refuse(&fault, dialect, id);
                if let (Code::MethodNotAllowed, Some(method)) = (fault.code(), route.method())
                    && let Ok(value) = method.as_str().parse()
                {
                    response.headers_mut().insert(ALLOW, value);
                }
                response
            }
        }
    }

    async fn routed(
        self: &Arc<Self>,
        route: &Route<'_>,
        (head, client): (&http::request::Parts, IpAddr),
        body: Incoming,
        id: RequestId,
        started: Instant,
    ) -> Result<Response<Body>, Fault> {
        match route {
            Route::Models => self.models(&head.headers, client).await,
            Route::Model(name) => self.model(name, &head.headers, client).await,
            Route::Chat(dialect) => {
                self.chat(chat::Request { dialect: *dialect, path: llm::CallPath::default(), head, client, id, started }, body).await
            }
            Route::Gemini { model, stream } => {
                let path = llm::CallPath { model: Some(model), stream: *stream };
                self.chat(chat::Request { dialect: Dialect::Gemini, path, head, client, id, started }, body).await
            }
            Route::Unknown => Err(Fault::new(Code::NotFound, "there is nothing here")),
        }
    }

    /// What a body may take in memory: its declared length, or an eighth of the limit when it declares none.
    fn body_size(&self, headers: &HeaderMap) -> u64 {
        let declared = headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<u64>().ok());
        let limit = u64::try_from(self.settings.body_bytes_max).unwrap_or(u64::MAX);
        declared.unwrap_or(limit / 8).min(limit)
    }

    /// Reads a JSON body within the limit.
    async fn body(&self, headers: &HeaderMap, body: Incoming) -> Result<Bytes, Fault> {
        if !is_json(headers) {
            return Err(Fault::new(Code::UnsupportedMediaType, "send the body as JSON, with the header `content-type: application/json`"));
        }
        let limit = self.settings.body_bytes_max;
        let too_large = || Fault::new(Code::BodyTooLarge, format!("the body is over the limit of {limit} bytes; send less"));
        let declared = headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<usize>().ok());
        if declared.is_some_and(|bytes| bytes > limit) {
            return Err(too_large());
        }
        match tokio::time::timeout(BODY_DEADLINE, Limited::new(body, limit).collect()).await {
            Ok(Ok(collected)) => Ok(collected.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
            Ok(Err(error)) => Err(Fault::new(Code::InvalidRequest, "the body ended before it was whole; send it again").because(error)),
            Err(_) => Err(Fault::new(Code::InvalidRequest, "the body did not arrive in time; send it again")),
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()) else { return false };
    let kind = value.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json") || (kind.len() > 5 && kind.to_ascii_lowercase().ends_with("+json"))
}

/// The one place where faults are logged and answered. The sentence is for the caller alone: it may quote the request, or
/// what a provider said of it.
fn refuse(fault: &Fault, dialect: Dialect, id: RequestId) -> Response<Body> {
    let code = fault.code();
    let status = service::http_status::of(code);
    let provider = fault.upstream_detail().map_or("", |detail| &detail.provider);
    if status.is_server_error() {
        tracing::error!(code = code.as_str(), provider, call.id = %id, cause = fault.chain(), "the call `{id}` failed");
    } else {
        let param = fault.wrong_param().unwrap_or_default();
        tracing::debug!(code = code.as_str(), provider, param, call.id = %id, cause = fault.chain(), "the call `{id}` was refused");
    }
    let id = id.to_string();
    let body = dialect.codec().fault_write(status.as_u16(), fault, &id);
    reply::fault(status, body, fault, &id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_list_of_models_only_lists() {
        assert!(Gateway::only_lists("/v1/models") && Gateway::only_lists("/models"));
        for path in ["/v1/chat/completions", "/v1/messages", "/v1/models/a/models", "/v1beta/models/gemini:generateContent", "/api/models"]
        {
            assert!(!Gateway::only_lists(path), "{path}");
        }
    }
}
