//! The HTTP service: takes proofs, relays them, tells how they stand.
//!
//! `openapi.json` describes the routes, and is served as `/openapi.json`. With a token set all but
//! `/health`, `/ready` and `/openapi.json` want `Authorization: Bearer`. Errors are
//! `{"error": {"code", "message"}}`.

mod error;
mod limits;
mod metrics;
mod remote;
mod routes;
mod view;

pub use remote::{Remote, RemoteError};
pub use routes::routes;
pub use view::{JobView, StatusView, TransitionView};

use crate::client::ClientConfig;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::store::unix_ms;
use chainfer_chain::wallet::Secret;
use metrics::Metrics;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
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
    /// How far the state file may grow; as far as the disk goes when `None`.
    pub max_state_bytes: Option<u64>,
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
            max_state_bytes: None,
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
    /// Why the last tick failed, if it did.
    last_error: Mutex<Option<String>>,
    metrics: Metrics,
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
        if let Some(bytes) = config.max_state_bytes {
            engine.store().limit_size(bytes).await?;
        }
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
            last_tick: AtomicU64::new(unix_ms()),
            last_error: Mutex::default(),
            metrics: Metrics::new(),
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
        self.shared.engine.close().await;
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
        let result = shared.engine.tick().await;
        shared.metrics.count_tick(result.is_ok());
        match &result {
            Ok(()) => shared.last_tick.store(unix_ms(), Ordering::Relaxed),
            Err(e) => tracing::warn!(error = %e, "tick failed; will try again"),
        }
        *shared
            .last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = result.err().map(|e| e.to_string());
        tokio::select! {
            () = tokio::time::sleep(shared.engine.config().poll) => {}
            () = shared.wake.notified() => {}
            _ = stopped.changed() => {}
        }
    }
}
