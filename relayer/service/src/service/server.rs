//! Listening, serving, and the engine's loop beside it.

use super::config::ServiceConfig;
use super::connections::Connections;
use super::gate::Gate;
use super::listener;
use super::metrics::Metrics;
use super::ready::Readiness;
use super::routes;
use super::shared::Shared;
use crate::boxed::Boxed;
use crate::engine::{Engine, RegistryCode};
use crate::error::{Error, Result};
use crate::store::unix_ms;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};

/// A service that listens but does not serve yet.
#[derive(Debug)]
pub struct Service {
    listener: TcpListener,
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Service {
    /// Opens database, wallet and node, and binds the address.
    pub async fn bind(config: ServiceConfig) -> Result<Self> {
        Self::open(config).await
    }

    fn open(mut config: ServiceConfig) -> Boxed<'static, Result<Self>> {
        Box::pin(async move {
            config.tokens.check(config.listen)?;
            if config.tokens.is_empty() {
                tracing::warn!(
                    "no tokens: every program of this machine may submit, cancel and pause"
                );
            }
            config.client.engine.check_at_door = true;
            let registry = config.client.engine.registry;
            if registry.is_some() {
                let code = &mut config.client.engine.registry_code;
                code.get_or_insert(RegistryCode::Built);
            }
            let engine = config.client.connect().await?;
            if let Some(registry) = registry {
                engine.check_registry(registry).await?;
            }
            if let Some(bytes) = config.max_state_bytes {
                engine.store().limit_size(bytes).await?;
            }
            let io = |source| Error::Io {
                path: config.listen.to_string(),
                source,
            };
            let listener = TcpListener::bind(config.listen).await.map_err(io)?;
            let address = listener.local_addr().map_err(io)?;
            let limits = config.limits.clone();
            let shared = Arc::new(Shared {
                engine,
                gate: Gate::new(&config),
                connections: Arc::new(Connections::new(
                    limits.connections,
                    limits.connections_per_peer,
                )),
                readiness: Readiness::default(),
                limits,
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
            })
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
        self.serve(Box::pin(shutdown)).await
    }

    fn serve(self, shutdown: Boxed<'static, ()>) -> Boxed<'static, Result<()>> {
        Box::pin(async move {
            let (stop, stopped) = watch::channel(false);
            let engine = tokio::spawn(tick_forever(Arc::clone(&self.shared), stopped));
            let router = routes::router(&self.shared);
            let limits = self.shared.limits.clone();
            let connections = Arc::clone(&self.shared.connections);
            listener::serve(self.listener, router, limits, connections, shutdown).await;
            // Fails when the task, which has the receiver, has ended already.
            let _ = stop.send(true);
            engine.await.map_err(|e| Error::Task(e.to_string()))?;
            self.shared.engine.close().await;
            tracing::info!("stopped");
            Ok(())
        })
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
