//! `serve`: who may connect, and what clients may take.

use anyhow::{Context, Result, bail};
use chainfer_chain::wallet::Secret;
use chainfer_relayer::Submitter;
use chainfer_relayer::service::{Rate, Role, ServiceConfig, Tokens, read_token};
use clap::Args;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Requests that a client may make at once, in seconds of its rate.
const CALLER_BURST: u32 = 10;
const PEER_BURST: u32 = 5;

#[derive(Debug, Args)]
#[command(next_help_heading = "HTTP")]
pub(super) struct Http {
    /// Address to listen on. Beyond loopback tokens are needed
    #[arg(
        long,
        default_value = "127.0.0.1:8645",
        env = "CHAINFER_RELAYER_LISTEN"
    )]
    listen: SocketAddr,
    /// Name under which clients reach the service, besides localhost and addresses; repeat it for several
    #[arg(
        long = "allow-host",
        value_name = "NAME",
        env = "CHAINFER_RELAYER_HOSTS",
        value_delimiter = ','
    )]
    hosts: Vec<String>,
    /// File of tokens, a line each: NAME submit|admin TOKEN. No other user may read it
    #[arg(long, value_name = "FILE", env = "CHAINFER_RELAYER_TOKENS")]
    tokens: Option<PathBuf>,
    /// Token of one submitter, called "shared". Other users of the machine can see it: prefer the variable or a file
    #[arg(long, env = "CHAINFER_RELAYER_TOKEN", hide_env_values = true)]
    token: Option<Secret>,
    /// File with the token of one submitter, which no other user may read
    #[arg(
        long,
        value_name = "FILE",
        env = "CHAINFER_RELAYER_TOKEN_FILE",
        conflicts_with = "token"
    )]
    token_file: Option<PathBuf>,
    /// Token of one administrator, called "admin". Other users of the machine can see it: prefer the variable or a file
    #[arg(long, env = "CHAINFER_RELAYER_ADMIN_TOKEN", hide_env_values = true)]
    admin_token: Option<Secret>,
    /// File with the token of one administrator, which no other user may read
    #[arg(
        long,
        value_name = "FILE",
        env = "CHAINFER_RELAYER_ADMIN_TOKEN_FILE",
        conflicts_with = "admin_token"
    )]
    admin_token_file: Option<PathBuf>,
    /// Most connections
    #[arg(long, value_name = "N", default_value_t = 512)]
    max_connections: usize,
    /// Most connections of one address
    #[arg(long, value_name = "N", default_value_t = 128)]
    max_connections_per_peer: usize,
    /// Most bodies that are received, and most requests that are worked on, at one time
    #[arg(long, value_name = "N", default_value_t = 64)]
    max_requests: usize,
    /// Largest body in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 16 << 20)]
    max_body: usize,
    /// Memory for all bodies in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 64 << 20)]
    max_body_memory: usize,
    /// Bytes a second that a body must come at
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 10)]
    min_body_rate: u32,
    /// Milliseconds for the head of a request, and between two requests of a connection
    #[arg(long, value_name = "MS", default_value_t = 10_000)]
    header_timeout_ms: u64,
    /// Milliseconds for the body of a request
    #[arg(long, value_name = "MS", default_value_t = 60_000)]
    body_timeout_ms: u64,
    /// Milliseconds for a client to take its answer
    #[arg(long, value_name = "MS", default_value_t = 20_000)]
    write_timeout_ms: u64,
    /// Milliseconds for requests in hand when the service ends
    #[arg(long, value_name = "MS", default_value_t = 10_000)]
    shutdown_timeout_ms: u64,
    /// Requests a second of each token, and ten times as many after a rest; more are answered with 429
    #[arg(long, value_name = "N", default_value_t = 100)]
    rate: u32,
    /// Requests a second without a token of each address, and five times as many after a rest
    #[arg(long, value_name = "N", default_value_t = 20)]
    peer_rate: u32,
    /// Milliseconds for which an answer of /ready is given again
    #[arg(long, value_name = "MS", default_value_t = 2_000)]
    ready_cache_ms: u64,
}

impl Http {
    pub(super) fn resolve(self, config: &mut ServiceConfig) -> Result<()> {
        config.tokens = self.all_tokens()?;
        config.listen = self.listen;
        for host in &self.hosts {
            let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
            if host.is_empty() || !host.bytes().all(allowed) {
                bail!("--allow-host {host:?}: a name without scheme and port is expected");
            }
        }
        config.hosts = self.hosts;
        let limits = &mut config.limits;
        limits.connections = self.max_connections;
        limits.connections_per_peer = self.max_connections_per_peer;
        limits.requests = self.max_requests;
        limits.body_bytes = self.max_body;
        limits.body_memory = self.max_body_memory;
        limits.body_rate = self.min_body_rate;
        limits.header_time = Duration::from_millis(self.header_timeout_ms.max(1));
        limits.body_time = Duration::from_millis(self.body_timeout_ms.max(1));
        limits.write_time = Duration::from_millis(self.write_timeout_ms.max(1));
        limits.shutdown_time = Duration::from_millis(self.shutdown_timeout_ms.max(1));
        limits.ready_age = Duration::from_millis(self.ready_cache_ms);
        limits.caller_rate = rate(self.rate, CALLER_BURST);
        limits.peer_rate = rate(self.peer_rate, PEER_BURST);
        Ok(())
    }

    fn all_tokens(&self) -> Result<Tokens> {
        let mut tokens = match &self.tokens {
            Some(path) => Tokens::read(path)?,
            None => Tokens::default(),
        };
        let single = [
            (
                Submitter::shared(),
                Role::Submit,
                &self.token,
                &self.token_file,
                "CHAINFER_RELAYER_TOKEN, --token or --token-file",
            ),
            (
                Submitter::admin(),
                Role::Admin,
                &self.admin_token,
                &self.admin_token_file,
                "CHAINFER_RELAYER_ADMIN_TOKEN, --admin-token or --admin-token-file",
            ),
        ];
        for (name, role, given, file, from) in single {
            let given = match (given, file) {
                (Some(token), _) => token.clone(),
                (None, Some(path)) => read_token(path)?,
                (None, None) => continue,
            };
            tokens
                .add(name, role, &given)
                .map_err(anyhow::Error::msg)
                .context(from)?;
        }
        Ok(tokens)
    }
}

fn rate(per_second: u32, burst: u32) -> Rate {
    Rate {
        per_second,
        burst: per_second.saturating_mul(burst),
    }
}

/// The token of a client.
pub(super) fn token(given: Option<Secret>, file: Option<&Path>) -> Result<Option<Secret>> {
    match (given, file) {
        (Some(token), _) if token.expose().is_empty() => {
            bail!("the token is empty: unset its variable, or give the service's token")
        }
        (Some(token), _) => Ok(Some(token)),
        (None, Some(path)) => Ok(Some(read_token(path)?)),
        (None, None) => Ok(None),
    }
}
