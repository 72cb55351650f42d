//! What clients may take of the service.

use std::time::Duration;

/// Requests that one client may make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Requests a second that it may go on with.
    pub per_second: u32,
    /// Requests that it may make at once, after a rest.
    pub burst: u32,
}

/// What clients may take of the service. Every limit holds for strangers as for holders of a token.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Open connections.
    pub connections: usize,
    /// Of these from one address (IPv6: from one /64 network).
    pub connections_per_peer: usize,
    /// For a request's head, and between two requests of a connection.
    pub header_time: Duration,
    /// For a request's body.
    pub body_time: Duration,
    /// Bytes a second that a body must come at, once `header_time` is over.
    pub body_rate: u32,
    /// For the client to take an answer.
    pub write_time: Duration,
    /// For requests in hand when the service ends.
    pub shutdown_time: Duration,
    /// Largest body of a proof.
    pub body_bytes: usize,
    /// Memory for all bodies together.
    pub body_memory: usize,
    /// Bodies that are received at one time, and apart from these requests that are worked on at one time.
    pub requests: usize,
    /// The same for administration, which has its own.
    pub admin_requests: usize,
    /// Requests of each holder of a token.
    pub caller_rate: Rate,
    /// Requests without a token from one address, except `/health`.
    pub peer_rate: Rate,
    /// How long an answer of `/ready` is given again.
    pub ready_age: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 512,
            connections_per_peer: 128,
            header_time: Duration::from_secs(10),
            body_time: Duration::from_secs(60),
            body_rate: 1 << 10,
            write_time: Duration::from_secs(20),
            shutdown_time: Duration::from_secs(10),
            body_bytes: 16 << 20,
            body_memory: 64 << 20,
            requests: 64,
            admin_requests: 8,
            caller_rate: Rate {
                per_second: 100,
                burst: 1_000,
            },
            peer_rate: Rate {
                per_second: 20,
                burst: 100,
            },
            ready_age: Duration::from_secs(2),
        }
    }
}
