//! `serve`: flags to a configuration, and when to stop.

use super::http::Http;
use super::spending::{Keeping, Money, Scope};
use anyhow::{Context, Result};
use chainfer_chain::wallet::{Secret, WalletArgs};
use chainfer_relayer::client::ClientConfig;
use chainfer_relayer::service::ServiceConfig;
use chainfer_relayer::store::Location;
use clap::{Args, ValueEnum};
use std::time::Duration;

#[derive(Debug, Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    http: Http,
    /// State: a file (SQLite), or postgres://USER@HOST/DATABASE for relayers on several machines; give the password in
    /// PGPASSWORD.
    #[arg(
        long,
        value_name = "FILE|ADDRESS",
        default_value = "chainfer-relayer.sqlite",
        env = "CHAINFER_RELAYER_STATE",
        hide_env_values = true
    )]
    state: Location,
    #[command(flatten)]
    scope: Scope,
    /// Chain id that the node must report.
    #[arg(long, env = "CHAIN_ID")]
    chain_id: Option<u64>,
    /// Blocks that settle a job; 1 on development chains, 3 elsewhere.
    #[arg(long)]
    confirmations: Option<u64>,
    /// Milliseconds between two polls of the chain.
    #[arg(long, default_value_t = 1_000)]
    poll_ms: u64,
    /// Milliseconds before a transaction that waits for a block is replaced with higher fees.
    #[arg(long, default_value_t = 45_000)]
    bump_after_ms: u64,
    /// Milliseconds before a transaction that the node may not have is broadcast again.
    #[arg(long, default_value_t = 3_000)]
    resend_after_ms: u64,
    /// Largest fee per gas in wei.
    #[arg(long)]
    max_fee: Option<u64>,
    /// Largest execution gas of a transaction; by default what the chain's rules allow.
    #[arg(long)]
    gas_cap: Option<u64>,
    /// Largest state gas of a transaction, on chains that price state apart; by default what the chain's rules allow.
    #[arg(long)]
    state_gas_cap: Option<u64>,
    /// Node (HTTP). Several, separated by commas or repeated, are asked in this order.
    #[arg(
        long,
        env = "ETH_RPC_URL",
        hide_env_values = true,
        value_delimiter = ',',
        required = true
    )]
    rpc_url: Vec<Secret>,
    #[command(flatten)]
    money: Money,
    /// Largest number of unfinished jobs; further proofs are answered with 429.
    #[arg(long, default_value_t = 10_000)]
    queue_limit: u64,
    /// Largest number of transactions that wait for a block at one time.
    #[arg(long, default_value_t = 16)]
    max_in_flight: u32,
    #[command(flatten)]
    keeping: Keeping,
    /// Format of the log, which goes to stderr.
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,
    #[command(flatten)]
    wallet: WalletArgs,
}

/// Format of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Plain lines.
    Text,
    /// One JSON object a line.
    Json,
}

impl Serve {
    pub(crate) fn resolve(self) -> Result<ServiceConfig> {
        let mut nodes = self.rpc_url.iter().map(|url| url.expose().to_owned());
        let first = nodes.next().context("no node: give --rpc-url")?;
        let mut client = ClientConfig::new(first, self.wallet.resolve()?);
        client.rpc.fallbacks = nodes.collect();
        let in_file = matches!(self.state, Location::File(_));
        client.state = Some(self.state);
        client.chain_id = self.chain_id;
        self.scope.apply(&mut client.engine)?;
        self.money.apply(&mut client.engine)?;
        let max_state_bytes = self.keeping.apply(&mut client.engine, in_file);
        client.engine.queue_limit = self.queue_limit;
        client.engine.max_in_flight = self.max_in_flight.max(1);
        client.engine.confirmations = self.confirmations;
        client.engine.poll = Duration::from_millis(self.poll_ms.max(10));
        client.engine.bump_after = Duration::from_millis(self.bump_after_ms);
        client.engine.resend_after = Duration::from_millis(self.resend_after_ms);
        if let Some(max_fee) = self.max_fee {
            client.engine.fees.max_fee = max_fee;
        }
        client.engine.gas_cap = self.gas_cap;
        client.engine.state_gas_cap = self.state_gas_cap;
        let mut config = ServiceConfig::new(client);
        self.http.resolve(&mut config)?;
        config.max_state_bytes = max_state_bytes;
        Ok(config)
    }
}

/// Resolves on SIGINT or SIGTERM.
pub(crate) async fn shutdown() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = interrupt.await;
}
