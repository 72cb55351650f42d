//! Settings of the service.

use super::limits::Limits;
use super::tokens::Tokens;
use crate::client::ClientConfig;
use std::net::SocketAddr;
use std::time::Duration;

/// Settings of the service.
#[derive(Debug, Clone)]
pub struct ServiceConfig {
    /// Node, key, state file and engine.
    pub client: ClientConfig,
    /// Address to listen on; port 0 takes a free one. Beyond loopback, tokens are needed.
    pub listen: SocketAddr,
    /// Who may ask for what. Without any, whoever reaches the address may ask for everything.
    pub tokens: Tokens,
    /// Names under which clients reach the service, besides `localhost` and addresses.
    pub hosts: Vec<String>,
    /// What clients may take of the service.
    pub limits: Limits,
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
            tokens: Tokens::default(),
            hosts: Vec::new(),
            limits: Limits::default(),
            max_state_bytes: None,
            stall_after: Duration::from_secs(60),
        }
    }
}
