//! `chainfer-relayer`: the HTTP relayer service. Parses and wires; the library does the work.

use anyhow::{Context, Result, bail};
use chainfer_relayer::client::ClientConfig;
use chainfer_relayer::service::{ServiceConfig, run};
use chainfer_relayer::wallet::{Secret, WalletConfig};
use clap::{Args, Parser, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Relays chainfer inference proofs to an Ethereum registry, durably.
#[derive(Debug, Parser)]
#[command(name = "chainfer-relayer", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the HTTP service until SIGINT or SIGTERM.
    Serve(Box<Serve>),
}

#[derive(Debug, Args)]
struct Serve {
    /// Address to listen on.
    #[arg(
        long,
        default_value = "127.0.0.1:8645",
        env = "CHAINFER_RELAYER_LISTEN"
    )]
    listen: SocketAddr,
    /// State file (SQLite).
    #[arg(
        long,
        default_value = "chainfer-relayer.sqlite",
        env = "CHAINFER_RELAYER_STATE"
    )]
    state: PathBuf,
    /// Token that clients must show as `Authorization: Bearer`.
    #[arg(long, env = "CHAINFER_RELAYER_TOKEN", hide_env_values = true)]
    token: Option<Secret>,
    /// The only registry that proofs may be for.
    #[arg(long, env = "CHAINFER_REGISTRY")]
    registry: Option<alloy::primitives::Address>,
    /// Chain that the node must be of.
    #[arg(long, env = "CHAIN_ID")]
    chain_id: Option<u64>,
    /// Blocks that settle a job; 1 on development chains, 3 elsewhere.
    #[arg(long)]
    confirmations: Option<u64>,
    /// Milliseconds between two looks at the chain.
    #[arg(long, default_value_t = 1_000)]
    poll_ms: u64,
    /// Largest fee per gas in wei.
    #[arg(long)]
    max_fee: Option<u64>,
    /// Largest gas limit of a transaction.
    #[arg(long)]
    gas_cap: Option<u64>,
    /// Node (HTTP).
    #[arg(long, env = "ETH_RPC_URL", hide_env_values = true)]
    rpc_url: Secret,
    #[command(flatten)]
    wallet: Wallet,
}

#[derive(Debug, Args)]
#[group(multiple = true)]
struct Wallet {
    /// Private key in hexadecimal.
    #[arg(long, env = "ETH_PRIVATE_KEY", hide_env_values = true)]
    private_key: Option<Secret>,
    /// Encrypted keystore file.
    #[arg(long, env = "ETH_KEYSTORE", conflicts_with = "private_key")]
    keystore: Option<PathBuf>,
    /// Name of a keystore in foundry's folder.
    #[arg(long, env = "ETH_KEYSTORE_ACCOUNT", conflicts_with_all = ["private_key", "keystore"])]
    account: Option<String>,
    /// Password of the keystore.
    #[arg(long, env = "ETH_KEYSTORE_PASSWORD", hide_env_values = true)]
    password: Option<Secret>,
    /// File with the password of the keystore.
    #[arg(long, env = "ETH_PASSWORD", conflicts_with = "password")]
    password_file: Option<PathBuf>,
}

impl Wallet {
    fn resolve(self) -> Result<WalletConfig> {
        if let Some(key) = self.private_key {
            return Ok(WalletConfig::PrivateKey(key));
        }
        let password = match (self.password, self.password_file) {
            (Some(password), _) => password,
            (None, Some(path)) => {
                let text = std::fs::read_to_string(&path)
                    .with_context(|| format!("cannot read {}", path.display()))?;
                Secret::new(text.trim_end_matches(['\r', '\n']))
            }
            (None, None) => Secret::default(),
        };
        match (self.keystore, self.account) {
            (Some(path), _) => Ok(WalletConfig::Keystore { path, password }),
            (None, Some(name)) => Ok(WalletConfig::account(&name, password)?),
            (None, None) => bail!("no key: give --private-key, --keystore or --account"),
        }
    }
}

impl Serve {
    fn resolve(self) -> Result<ServiceConfig> {
        let mut client = ClientConfig::new(self.rpc_url.expose(), self.wallet.resolve()?);
        client.state = Some(self.state);
        client.chain_id = self.chain_id;
        client.engine.registry = self.registry;
        client.engine.confirmations = self.confirmations;
        client.engine.poll = Duration::from_millis(self.poll_ms.max(10));
        if let Some(max_fee) = self.max_fee {
            client.engine.fees.max_fee = max_fee;
        }
        if let Some(gas_cap) = self.gas_cap {
            client.engine.gas_cap = gas_cap;
        }
        let mut config = ServiceConfig::new(client);
        config.listen = self.listen;
        config.token = self.token;
        Ok(config)
    }
}

/// Resolves on SIGINT or SIGTERM.
async fn shutdown() {
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

#[tokio::main]
async fn main() -> Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    match Cli::parse().command {
        Command::Serve(serve) => Ok(run(serve.resolve()?, shutdown()).await?),
    }
}
