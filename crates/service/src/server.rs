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
use hyper_util::server::graceful::GracefulShutdown;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::shutdown::Shutdown;

/// A client gets this long to send its request head, and to finish a TLS handshake.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// After a failed accept (no file handles left) the next try waits, so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);
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
    let stopping = shutdown.stopping();
    tokio::pin!(stopping);
    loop {
        let accepted = tokio::select! {
            accepted = listener.tcp.accept() => accepted,
            () = &mut stopping => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
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
        let service = make(peer);
        let watcher = graceful.watcher();
        let acceptor = listener.tls.clone();
        tokio::spawn(async move {
            match acceptor {
                None => connection(stream, service, watcher).await,
                Some(acceptor) => {
                    if let Ok(Ok(stream)) = tokio::time::timeout(HEAD_TIMEOUT, handshake(acceptor, stream)).await {
                        connection(stream, service, watcher).await;
                    }
                }
            }
        });
    }
    drop(listener.tcp);
    if tokio::time::timeout(listener.drain, graceful.shutdown()).await.is_err() {
        tracing::warn!(
            drain_ms = u64::try_from(listener.drain.as_millis()).unwrap_or(u64::MAX),
            "open connections were cut at the drain limit"
        );
    }
}

async fn handshake(acceptor: TlsAcceptor, stream: TcpStream) -> std::io::Result<tokio_rustls::server::TlsStream<TcpStream>> {
    acceptor.accept(stream).await
}

async fn connection<T, S, B>(stream: T, service: S, watcher: hyper_util::server::graceful::Watcher)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Send + 'static,
    S::Future: Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(HEAD_BYTES_MAX).pipeline_flush(true);
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
