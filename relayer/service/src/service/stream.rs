//! A connection whose client has to take its answers in time.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

/// At the end, for a client to come to the end of what it sends: a reset would take the answer from it.
const LINGER: Duration = Duration::from_millis(500);

/// Most of it that is thrown away.
const LINGER_BYTES: usize = 1 << 20;

/// A TCP stream that fails when what is written to it is not taken within a time, however slowly it goes on.
#[derive(Debug)]
pub(super) struct Stream {
    tcp: TcpStream,
    limit: Duration,
    /// Since the client began to keep something waiting.
    waits: Option<Pin<Box<Sleep>>>,
    /// Since the writing side was closed.
    lingers: Option<Pin<Box<Sleep>>>,
    thrown_away: usize,
}

impl Stream {
    pub(super) fn new(tcp: TcpStream, limit: Duration) -> Self {
        Self {
            tcp,
            limit,
            waits: None,
            lingers: None,
            thrown_away: 0,
        }
    }

    fn in_time(
        &mut self,
        written: Poll<io::Result<usize>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            return written;
        }
        let limit = self.limit;
        let waits = self.waits.get_or_insert_with(|| Box::pin(sleep(limit)));
        waits.as_mut().poll(cx).map(|()| {
            let why = "the client does not take its answer";
            Err(io::Error::new(io::ErrorKind::TimedOut, why))
        })
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.tcp).poll_write(cx, buffer);
        self.in_time(written, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.tcp).poll_write_vectored(cx, buffers);
        self.in_time(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    /// Called when nothing is left to write.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.waits = None;
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.lingers.is_none() {
            ready!(Pin::new(&mut this.tcp).poll_shutdown(cx))?;
        }
        let lingers = this.lingers.get_or_insert_with(|| Box::pin(sleep(LINGER)));
        let mut scratch = [0; 4_096];
        while this.thrown_away < LINGER_BYTES && lingers.as_mut().poll(cx).is_pending() {
            let mut buffer = ReadBuf::new(&mut scratch);
            ready!(Pin::new(&mut this.tcp).poll_read(cx, &mut buffer))?;
            if buffer.filled().is_empty() {
                break;
            }
            this.thrown_away += buffer.filled().len();
        }
        Poll::Ready(Ok(()))
    }
}
