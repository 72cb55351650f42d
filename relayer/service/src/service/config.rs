//! Settings of the service.

use crate::client::ClientConfig;
use chainfer_chain::wallet::Secret;
use std::net::SocketAddr;
use std::time::Duration;

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
    /// The engine counts as stuck when no tick has succeeded for this long.
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
