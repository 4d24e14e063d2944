//! The accept loop: HTTP/1.1 and HTTP/2 on one port, TLS if configured, TCP_NODELAY on every socket, graceful drain.

use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::shutdown::Shutdown;

/// A client gets this long to send its request head, and to finish a TLS handshake.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// After a failed accept (no file handles left) the next try waits, so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);
/// Limit: milliseconds that sent bytes may stay unacknowledged or a client's window closed.
const STALLED_CLIENT_MS: u32 = 60_000;
/// Limit: concurrent calls on one HTTP/2 connection.
const H2_STREAMS_MAX: u32 = 250;
/// Limit: bytes of a request head.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// Why TLS cannot start.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A PEM file cannot be read.
    #[error("read {0}")]
    Pem(String, #[source] rustls::pki_types::pem::Error),
    /// The certificate and the key do not fit.
    #[error("use the certificate and its key")]
    Pair(#[source] rustls::Error),
}

/// Reads a certificate chain and its key, both PEM.
pub fn tls(cert: &Path, key: &Path) -> Result<TlsAcceptor, TlsError> {
    let read = |path: &Path, e| TlsError::Pem(path.display().to_string(), e);
    let chain = CertificateDer::pem_file_iter(cert).and_then(Iterator::collect).map_err(|e| read(cert, e))?;
    let key_der = PrivateKeyDer::from_pem_file(key).map_err(|e| read(key, e))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Pair)?
        .with_no_client_auth()
        .with_single_cert(chain, key_der)
        .map_err(TlsError::Pair)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// What one listener needs.
pub struct Listener {
    /// Bound already.
    pub tcp: TcpListener,
    /// None: plain HTTP.
    pub tls: Option<TlsAcceptor>,
    /// How long open calls get when the process stops.
    pub drain: Duration,
}

/// Serves until shutdown, then lets open calls end within the drain time. `make` gives each connection its service.
pub async fn serve<M, S, B>(listener: Listener, make: M, shutdown: Shutdown)
where
    M: Fn(SocketAddr) -> S,
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Send + 'static,
    S::Future: Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let graceful = GracefulShutdown::new();
    let (connections, cut) = (TaskTracker::new(), CancellationToken::new());
    let stopping = shutdown.stopping();
    tokio::pin!(stopping);
    loop {
        let incoming = tokio::select! {
            incoming = listener.tcp.accept() => incoming,
            () = &mut stopping => break,
        };
        let (stream, peer) = match incoming {
            Ok(incoming) => incoming,
            Err(error) => {
                tracing::warn!(%error, "accepting a connection failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection closed before it was served");
            continue;
        }
        // A client that takes nothing, with its window closed, is given up by the kernel: nobody would poll its answer again.
        if let Err(error) = rustix::net::sockopt::set_tcp_user_timeout(&stream, STALLED_CLIENT_MS) {
            tracing::debug!(%error, "a connection has no stall limit");
        }
        let (service, watcher, acceptor, cut) = (make(peer), graceful.watcher(), listener.tls.clone(), cut.clone());
        connections.spawn(async move {
            tokio::select! {
                () = accepted(stream, acceptor, service, watcher) => {}
                () = cut.cancelled() => {}
            }
        });
    }
    drop(listener.tcp);
    let drained = tokio::time::timeout(listener.drain, graceful.shutdown()).await;
    // Cut connections end their calls before this returns.
    cut.cancel();
    connections.close();
    connections.wait().await;
    if drained.is_err() {
        tracing::warn!(
            drain_ms = u64::try_from(listener.drain.as_millis()).unwrap_or(u64::MAX),
            "open connections were cut at the drain limit"
        );
    }
}

/// Finds out which HTTP a connection speaks, within the head's time limit, and serves it.
async fn accepted<S, B>(stream: TcpStream, acceptor: Option<TlsAcceptor>, service: S, watcher: Watcher)
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Send + 'static,
    S::Future: Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    match acceptor {
        None => {
            if let Ok(Ok(h2)) = tokio::time::timeout(HEAD_TIMEOUT, speaks_h2(&stream)).await {
                connection(stream, h2, service, watcher).await;
            }
        }
        Some(acceptor) => {
            if let Ok(Ok(stream)) = tokio::time::timeout(HEAD_TIMEOUT, acceptor.accept(stream)).await {
                let h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                connection(stream, h2, service, watcher).await;
            }
        }
    }
}

/// HTTP/2 without TLS begins with `PRI `, which is no method that anybody sends.
async fn speaks_h2(stream: &TcpStream) -> std::io::Result<bool> {
    const PREFACE: &[u8] = b"PRI ";
    let mut begin = [0u8; 4];
    loop {
        let read = stream.peek(&mut begin).await?;
        if read == 0 || begin[..read] != PREFACE[..read] {
            return Ok(false);
        }
        if read == begin.len() {
            return Ok(true);
        }
        // The bytes that were seen stay there, so the socket is ready at once: wait a little for more of them.
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}

async fn connection<T, S, B>(stream: T, h2: bool, service: S, watcher: Watcher)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Send + 'static,
    S::Future: Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let builder = auto::Builder::new(TokioExecutor::new());
    let mut builder = if h2 { builder.http2_only() } else { builder.http1_only() };
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(HEAD_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(H2_STREAMS_MAX)
        .max_header_list_size(u32::try_from(HEAD_BYTES_MAX).unwrap_or(u32::MAX))
        .keep_alive_interval(Duration::from_secs(30));
    let served = builder.serve_connection(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(served.into_owned()).await {
        // A client that leaves in the middle is daily business.
        tracing::debug!(error, "a connection ended early");
    }
}
