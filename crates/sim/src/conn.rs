//! The server's side of one connection, with the faults that only a socket can show.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

const HEAD_END: &[u8; 4] = b"\r\n\r\n";

/// What a request can ask of its connection. Only HTTP/1.1 uses it: with HTTP/2 other requests share the connection.
#[derive(Default)]
pub(crate) struct Control {
    reset: AtomicBool,
    dribble_ms: AtomicU64,
}

/// A socket under control.
pub(crate) struct Wire {
    stream: TcpStream,
    control: Arc<Control>,
    pause: Option<Pin<Box<Sleep>>>,
    /// How many bytes of the end of a head have been written in a row.
    matched: usize,
}

impl Control {
    /// When the connection is dropped, it is reset.
    pub(crate) fn reset(&self) {
        self.reset.store(true, Ordering::Relaxed);
    }

    /// The next head is written one byte per `ms`.
    pub(crate) fn dribble(&self, ms: u64) {
        self.dribble_ms.store(ms, Ordering::Relaxed);
    }
}

impl Wire {
    pub(crate) fn new(stream: TcpStream, control: Arc<Control>) -> Self {
        Self { stream, control, pause: None, matched: 0 }
    }

    fn poll_dribble(&mut self, cx: &mut Context<'_>, byte: u8, ms: u64) -> Poll<io::Result<usize>> {
        if let Some(pause) = self.pause.as_mut() {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &[byte]))?;
        if written == 0 {
            return Poll::Ready(Ok(0));
        }
        self.matched = match byte {
            _ if byte == HEAD_END[self.matched] => self.matched + 1,
            b'\r' => 1,
            _ => 0,
        };
        if self.matched == HEAD_END.len() {
            self.matched = 0;
            self.control.dribble(0);
        } else {
            self.pause = Some(Box::pin(tokio::time::sleep(Duration::from_millis(ms))));
        }
        Poll::Ready(Ok(1))
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.control.reset.load(Ordering::Relaxed) {
            // If it fails, the connection is gone already.
            let _gone = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match (self.control.dribble_ms.load(Ordering::Relaxed), buf.first()) {
            (ms @ 1.., Some(byte)) => self.poll_dribble(cx, *byte, ms),
            _ => Pin::new(&mut self.stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
