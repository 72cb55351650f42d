//! The HTTP service: takes proofs, relays them, tells how they stand.
//!
//! | route | answer |
//! |---|---|
//! | `POST /v1/proofs` | body PROOF; 202 and the job when it is new, 200 when it was there |
//! | `GET /v1/proofs` | jobs, newest first; `?state=` and `?limit=` |
//! | `GET /v1/proofs/{id}` | one job with its transactions |
//! | `GET /health` | 200 while the process runs |
//! | `GET /ready` | 200 while database and node answer and the engine moves, otherwise 503 |
//!
//! With a token set, `/v1` wants `Authorization: Bearer`. Errors are `{"error": {"code", "message"}}`.

mod auth;
mod error;
mod routes;
mod view;

pub use view::{JobView, TransitionView};

use crate::client::ClientConfig;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::store::now_ms;
use crate::wallet::Secret;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};

/// Settings of the service.
#[derive(Debug, Clone)]
pub struct ServiceConfig {
    /// Node, key, state file and engine.
    pub client: ClientConfig,
    /// Address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Token that clients must show; none when `None`.
    pub token: Option<Secret>,
    /// Largest accepted body in bytes.
    pub body_limit: usize,
    /// Requests that are worked on at one time; more are refused with 503.
    pub max_requests: usize,
    /// The engine counts as stuck when no tick succeeds for so long.
    pub stall_after: Duration,
}

impl ServiceConfig {
    /// Defaults around a client configuration.
    pub fn new(client: ClientConfig) -> Self {
        Self {
            client,
            listen: SocketAddr::from(([127, 0, 0, 1], 8645)),
            token: None,
            body_limit: 16 << 20,
            max_requests: 64,
            stall_after: Duration::from_secs(60),
        }
    }
}

/// A service that listens but does not serve yet.
#[derive(Debug)]
pub struct Service {
    listener: TcpListener,
    address: SocketAddr,
    shared: Arc<Shared>,
    config: ServiceConfig,
}

/// What request handlers and the engine's loop share.
#[derive(Debug)]
struct Shared {
    engine: Engine,
    token: Option<Secret>,
    stall_after: Duration,
    /// Unix milliseconds of the last tick that succeeded.
    last_tick: AtomicU64,
    /// A proof came in: tick now.
    wake: Notify,
}

impl Service {
    /// Opens database, wallet and node, and binds the address.
    pub async fn bind(config: ServiceConfig) -> Result<Self> {
        if config.token.is_none() && !config.listen.ip().is_loopback() {
            tracing::warn!(listen = %config.listen, "listening beyond this machine without a token");
        }
        let engine = config.client.connect().await?;
        let io = |source| Error::Io {
            path: config.listen.to_string(),
            source,
        };
        let listener = TcpListener::bind(config.listen).await.map_err(io)?;
        let address = listener.local_addr().map_err(io)?;
        let shared = Arc::new(Shared {
            engine,
            token: config.token.clone(),
            stall_after: config.stall_after,
            last_tick: AtomicU64::new(now_ms()),
            wake: Notify::new(),
        });
        tracing::info!(%address, "listening");
        Ok(Self {
            listener,
            address,
            shared,
            config,
        })
    }

    /// The address in use.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The engine, for its database and settings.
    pub fn engine(&self) -> &Engine {
        &self.shared.engine
    }

    /// Serves until `shutdown` resolves; then takes no more requests, finishes those in hand and the
    /// running tick, and returns.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send + 'static) -> Result<()> {
        let (stop, stopped) = watch::channel(false);
        let engine = tokio::spawn(tick_forever(Arc::clone(&self.shared), stopped));
        let router = routes::router(Arc::clone(&self.shared), &self.config);
        let served = axum::serve(self.listener, router)
            .with_graceful_shutdown(shutdown)
            .await
            .map_err(|source| Error::Io {
                path: self.address.to_string(),
                source,
            });
        // The receiver lives in the task; that it is gone already is as good.
        let _ = stop.send(true);
        engine.await.map_err(|e| Error::Task(e.to_string()))?;
        tracing::info!("stopped");
        served
    }
}

/// Binds and serves until `shutdown` resolves.
pub async fn run(
    config: ServiceConfig,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    Service::bind(config).await?.run(shutdown).await
}

async fn tick_forever(shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    while !*stopped.borrow() {
        match shared.engine.tick().await {
            Ok(()) => shared.last_tick.store(now_ms(), Ordering::Relaxed),
            Err(e) => tracing::warn!(error = %e, "tick failed; will try again"),
        }
        tokio::select! {
            () = tokio::time::sleep(shared.engine.config().poll) => {}
            () = shared.wake.notified() => {}
            _ = stopped.changed() => {}
        }
    }
}
