//! The guarded dialler: names are resolved here and the address that is judged is the address that is dialled.
//!
//! A name is resolved once per connection, so an answer that changes between the judgement and the connection does not
//! help anybody. Redirects are never followed: the client above sends one request to one address.

use std::error::Error;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tower_service::Service;

type Answer<T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send>>;

/// Where names and connections come from.
pub(crate) trait Net: Send + Sync {
    /// All addresses of a host.
    fn resolve(&self, host: String, port: u16) -> Answer<Vec<SocketAddr>>;
    /// A connection to an address that was judged.
    fn open(&self, address: SocketAddr) -> Answer<TcpStream>;
}

/// The machine's own resolver and sockets.
struct System;

impl Net for System {
    fn resolve(&self, host: String, port: u16) -> Answer<Vec<SocketAddr>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) })
    }

    fn open(&self, address: SocketAddr) -> Answer<TcpStream> {
        Box::pin(async move {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            Ok(stream)
        })
    }
}

/// Opens TCP connections, with TCP_NODELAY, within a time limit, never to an address that the policy forbids.
#[derive(Clone)]
pub(crate) struct Dialler {
    timeout: Duration,
    allow_private: bool,
    net: Arc<dyn Net>,
}

impl Dialler {
    /// `allow_private`: addresses of this machine and its networks may be dialled, and without TLS.
    pub(crate) fn new(timeout: Duration, allow_private: bool) -> Self {
        Self::over(Arc::new(System), timeout, allow_private)
    }

    pub(crate) fn over(net: Arc<dyn Net>, timeout: Duration, allow_private: bool) -> Self {
        Self { timeout, allow_private, net }
    }

    async fn dial(self, uri: Uri) -> io::Result<TokioIo<Socket>> {
        let secure = uri.scheme_str() == Some("https");
        if !secure && !self.allow_private {
            // A key would cross the open network for everybody to read.
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "the address is not https"));
        }
        let host = uri.host().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the address has no host"))?;
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        match tokio::time::timeout(self.timeout, self.connect(host, port)).await {
            Ok(connected) => connected.map(|stream| TokioIo::new(Socket(stream))),
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "connecting took too long")),
        }
    }

    async fn connect(&self, host: String, port: u16) -> io::Result<TcpStream> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
        for address in self.net.resolve(host, port).await? {
            if !self.allow_private && !is_public(address.ip()) {
                last = io::Error::new(io::ErrorKind::PermissionDenied, "the host has an address that is not public");
                continue;
            }
            match self.net.open(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

/// False for loopback, private, link-local, shared, documentation, benchmark, multicast and reserved ranges, also when
/// they are wrapped in an IPv6 address (mapped, compatible, NAT64, 6to4, Teredo).
pub(crate) fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => {
            let s = v6.segments();
            let low = Ipv4Addr::from((u32::from(s[6]) << 16) | u32::from(s[7]));
            let wraps_low = s[..5] == [0; 5] && (s[5] == 0 || s[5] == 0xffff) || (s[0] == 0x64 && s[1] == 0xff9b);
            if wraps_low {
                return s[..3] == [0x64, 0xff9b, 0] && is_public_v4(low) || (s[..5] == [0; 5] && s[5] == 0xffff && is_public_v4(low));
            }
            // Global unicast is 2000::/3; of it 6to4 (2002::/16) and Teredo carry other addresses, 2001::/23 (with Teredo) is for
            // protocols, and 2001:db8::/32 and 3fff::/20 are documentation.
            let global = s[0] & 0xe000 == 0x2000;
            let protocol = s[0] == 0x2001 && s[1] < 0x200;
            let documentation = s[0] == 0x2001 && s[1] == 0xdb8 || s[0] == 0x3fff && s[1] < 0x1000;
            global && s[0] != 0x2002 && !protocol && !documentation
        }
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special =
        ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_multicast() || ip.is_broadcast() || ip.is_documentation();
    let shared = a == 100 && (64..128).contains(&b);
    let protocol = a == 192 && b == 0 && c == 0;
    let relay = a == 192 && b == 88 && c == 99;
    let benchmark = a == 198 && (18..20).contains(&b);
    !(special || a == 0 || a >= 240 || shared || protocol || relay || benchmark)
}

/// True when connecting took too long, however deep the error is wrapped.
pub(crate) fn timed_out(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::TimedOut) {
            return true;
        }
        next = error.source();
    }
    false
}

impl Service<Uri> for Dialler {
    type Response = TokioIo<Socket>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TokioIo<Socket>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().dial(uri))
    }
}

/// A TCP connection that the pool knows nothing special about.
#[derive(Debug)]
pub(crate) struct Socket(TcpStream);

impl Connection for Socket {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }
    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }
}
