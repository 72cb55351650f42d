//! Accepts connections, and serves HTTP/1 on them within the limits.

use super::connections::{Connection, Connections};
use super::limits::Limits;
use super::stream::Stream;
use crate::boxed::Boxed;
use axum::Router;
use axum::body::Body;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Most headers of a request.
const HEADERS: usize = 64;

/// Most bytes of a request's head.
const HEAD_BYTES: usize = 16 << 10;

/// What a connection buffers of what it reads.
const BUFFER: usize = 32 << 10;

/// Wait after the system gave no connection, for lack of files for instance.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// At the end, for a client to take an answer that is made already.
const LAST_ANSWER: Duration = Duration::from_secs(1);

/// Serves until `shutdown` resolves, and then what is in hand, for a limited time.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    connections: Arc<Connections>,
    mut shutdown: Boxed<'static, ()>,
) {
    let limits = Arc::new(limits);
    let (stop, stopped) = watch::channel(());
    let mut tasks = JoinSet::new();
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(_) = tasks.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((tcp, address)) => {
                    if let Some(connection) = connections.admit(address.ip().into()) {
                        let (router, limits) = (router.clone(), Arc::clone(&limits));
                        let stopped = stopped.clone();
                        tasks.spawn(converse(tcp, Arc::new(connection), router, limits, stopped));
                    }
                }
                Err(e) if is_of_client(&e) => {}
                Err(e) => {
                    tracing::warn!(error = %e, "no connection can be accepted; will try again");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop((listener, stopped));
    stop.send_replace(());
    let rest = async { while tasks.join_next().await.is_some() {} };
    if timeout(limits.shutdown_time, rest).await.is_err() {
        tracing::warn!(
            requests = tasks.len(),
            "requests that take too long are given up"
        );
    }
    tasks.shutdown().await;
}

fn is_of_client(e: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        e.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}

/// Serves one connection to its end.
async fn converse(
    tcp: TcpStream,
    connection: Arc<Connection>,
    router: Router,
    limits: Arc<Limits>,
    mut stopped: watch::Receiver<()>,
) {
    // Only makes answers later.
    let _ = tcp.set_nodelay(true);
    let handler = TowerToHyperService::new(router);
    let of = Arc::clone(&connection);
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Arc::clone(&of));
        handler.call(request)
    });
    let stream = TokioIo::new(Stream::new(tcp, limits.write_time));
    let conversation = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_time)
        .max_headers(HEADERS)
        .max_header_size(HEAD_BYTES)
        .max_buf_size(BUFFER)
        .serve_connection(stream, service);
    let mut conversation = pin!(conversation);
    let is_over = tokio::select! {
        // Why it ended concerns the client alone.
        _ = conversation.as_mut() => true,
        () = connection.evicted() => true,
        _ = stopped.changed() => false,
    };
    if is_over {
        return;
    }
    conversation.as_mut().graceful_shutdown();
    while connection.is_in_hand() {
        tokio::select! {
            _ = conversation.as_mut() => return,
            () = sleep(Duration::from_millis(20)) => {}
        }
    }
    // Nothing is in hand: what a client has begun to send is not waited for.
    let _ = timeout(LAST_ANSWER, conversation).await;
}
