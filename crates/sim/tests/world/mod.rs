//! A simulator on a port of its own, and plain HTTP clients for it.

#![expect(dead_code, reason = "each test file uses its own part of the world")]

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use sim::{Entry, Options, Sim};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub const OPENAI: &str = "/v1/chat/completions";
pub const ANTHROPIC: &str = "/v1/messages";
pub const GEMINI: &str = "/v1beta/models/m:generateContent";
pub const GEMINI_STREAM: &str = "/v1beta/models/m:streamGenerateContent?alt=sse";

pub struct World {
    pub sim: Sim,
    pub address: SocketAddr,
    client: Client<HttpConnector, Full<Bytes>>,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<()>,
}

pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// The body ended before it should.
    pub cut: bool,
}

impl World {
    pub async fn start() -> Self {
        Self::with(Options::default()).await
    }

    pub async fn with(options: Options) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let sim = Sim::new(options);
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = sim.clone();
        let served = tokio::spawn(async move {
            let shutdown = async {
                let _ = stopped.await;
            };
            serving.serve(listener, shutdown).await;
        });
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { sim, address, client, stop: Some(stop), served }
    }

    /// Ends the simulator and waits for it.
    pub async fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        (&mut self.served).await.unwrap();
    }

    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Result<http::Response<Incoming>, String> {
        let mut request = Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::from(body.to_owned())).unwrap();
        self.client.request(request).await.map_err(|error| error.to_string())
    }

    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        Reply::read(self.send(Method::POST, path, &[], &body.to_string()).await.unwrap()).await
    }

    pub async fn get(&self, path: &str) -> Reply {
        Reply::read(self.send(Method::GET, path, &[], "").await.unwrap()).await
    }

    /// The answer to one user message, plain or as a stream, in each dialect.
    pub async fn ask(&self, path: &str, stream: bool, text: &str) -> Reply {
        let (path, body) = request(path, stream, text);
        self.post(path, &body).await
    }

    /// A socket on which a request has been sent, so that a test sees or leaves the answer as it likes.
    pub async fn raw(&self, path: &str, stream: bool, text: &str) -> TcpStream {
        let (path, body) = request(path, stream, text);
        let body = body.to_string();
        let head = format!("POST {path} HTTP/1.1\r\nhost: sim\r\ncontent-length: {}\r\n\r\n", body.len());
        let mut socket = TcpStream::connect(self.address).await.unwrap();
        socket.write_all((head + &body).as_bytes()).await.unwrap();
        socket
    }

    /// A connection of HTTP/2 by prior knowledge.
    pub async fn http2(&self) -> hyper::client::conn::http2::SendRequest<Full<Bytes>> {
        let io = TokioIo::new(TcpStream::connect(self.address).await.unwrap());
        let (sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
        tokio::spawn(connection);
        sender
    }

    /// The latest journal entry.
    pub fn last(&self) -> Entry {
        self.sim.journal().pop().unwrap()
    }
}

impl Reply {
    async fn read(response: http::Response<Incoming>) -> Self {
        let (parts, mut body) = response.into_parts();
        let mut bytes = Vec::new();
        let mut cut = false;
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => bytes.extend_from_slice(&frame.into_data().unwrap_or_default()),
                Err(_) => cut = true,
            }
        }
        Self { status: parts.status, headers: parts.headers, body: bytes.into(), cut }
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The data of each event that is JSON.
    pub fn events(&self) -> Vec<Value> {
        self.text().lines().filter_map(|line| line.strip_prefix("data: ")).filter_map(|data| serde_json::from_str(data).ok()).collect()
    }

    /// What a plain answer says, in any dialect.
    pub fn said(&self) -> String {
        let body = self.json();
        let places = ["/choices/0/message/content", "/content/0/text", "/candidates/0/content/parts/0/text"];
        places.iter().find_map(|place| body.pointer(place)).and_then(Value::as_str).unwrap().to_owned()
    }

    /// What a stream says, in any dialect.
    pub fn said_in_events(&self) -> String {
        let places = ["/choices/0/delta/content", "/delta/text", "/candidates/0/content/parts/0/text"];
        let events = self.events();
        events.iter().filter_map(|event| places.iter().find_map(|place| event.pointer(place))).filter_map(Value::as_str).collect()
    }
}

fn request<'a>(path: &'a str, stream: bool, text: &str) -> (&'a str, Value) {
    match path {
        OPENAI => (
            path,
            json!({"model": "m", "stream": stream, "stream_options": {"include_usage": true},
            "messages": [{"role": "user", "content": text}]}),
        ),
        ANTHROPIC => (path, json!({"model": "m", "stream": stream, "max_tokens": 4_096, "messages": [{"role": "user", "content": text}]})),
        _ => (if stream { GEMINI_STREAM } else { GEMINI }, json!({"contents": [{"role": "user", "parts": [{"text": text}]}]})),
    }
}
