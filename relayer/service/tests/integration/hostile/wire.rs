//! Connections on which anything can be said.

use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// Longer than the relayer takes for anything in these tests.
pub const LONG: Duration = Duration::from_secs(30);

/// An address of the attacker's, apart from that of honest clients.
pub const ATTACKER: &str = "127.0.0.2";

pub struct Wire(TcpStream);

/// A response, as far as it came.
#[derive(Debug)]
pub struct Response {
    /// 0 when there was none.
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Wire {
    /// A connection from a loopback address.
    pub async fn open(from: &str, to: SocketAddr) -> Self {
        Self::with(from, to, |_| {}).await
    }

    /// A connection of a client that has hardly any room for what it gets.
    pub async fn narrow(from: &str, to: SocketAddr) -> Self {
        Self::with(from, to, |s| s.set_recv_buffer_size(4_096).unwrap()).await
    }

    async fn with(from: &str, to: SocketAddr, set: impl Fn(&TcpSocket)) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        set(&socket);
        socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
        Self(socket.connect(to).await.unwrap())
    }

    /// Sends, as far as the other side takes it.
    pub async fn send(&mut self, text: impl AsRef<[u8]>) -> bool {
        let sent = timeout(LONG, self.0.write_all(text.as_ref())).await;
        sent.is_ok_and(|sent| sent.is_ok())
    }

    /// Sends what fits without waiting.
    pub fn send_some(&mut self, text: &[u8]) -> usize {
        self.0.try_write(text).unwrap_or(0)
    }

    /// All that comes until the other side closes; panics when it does not.
    pub async fn rest(&mut self) -> String {
        let mut all = Vec::new();
        // A reset is an end, too.
        let read = timeout(LONG, self.0.read_to_end(&mut all)).await;
        let _ = read.expect("the relayer closes the connection");
        String::from_utf8_lossy(&all).into_owned()
    }

    /// The next response; the connection may go on.
    pub async fn response(&mut self) -> Response {
        let mut got = Vec::new();
        let whole = |got: &[u8]| {
            let text = String::from_utf8_lossy(got).into_owned();
            let (head, body) = text.split_once("\r\n\r\n")?;
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length")
                    .then(|| value.trim().parse::<usize>().unwrap())
            });
            (body.len() >= length.unwrap_or(0)).then(|| (head.to_owned(), body.to_owned()))
        };
        loop {
            if let Some((head, body)) = whole(&got) {
                let status = head.split(' ').nth(1).unwrap().parse().unwrap();
                return Response { status, head, body };
            }
            let read = timeout(LONG, self.0.read_buf(&mut got)).await;
            let read = read.expect("the relayer answers or closes");
            if !matches!(read, Ok(n) if n > 0) {
                return Response {
                    status: 0,
                    head: String::from_utf8_lossy(&got).into_owned(),
                    body: String::new(),
                };
            }
        }
    }

    /// Sends a request and reads the response.
    pub async fn ask(&mut self, request: &str) -> Response {
        self.send(request).await;
        self.response().await
    }
}

impl Response {
    /// The error's code.
    pub fn code(&self) -> String {
        let json: serde_json::Value = serde_json::from_str(&self.body).unwrap_or_default();
        json["error"]["code"].as_str().unwrap_or("").to_owned()
    }
}
