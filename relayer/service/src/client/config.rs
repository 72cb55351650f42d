//! The node, the key and the state that a client works with.

use crate::boxed::Boxed;
use crate::engine::{Engine, EngineConfig};
use crate::error::Result;
use crate::money::Gwei;
use crate::store::{Location, Store};
use alloy::primitives::B256;
use chainfer_chain::rpc::{Rpc, RpcConfig};
use chainfer_chain::wallet::WalletConfig;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The most that a call may cost where nobody says: 0.5 ether, whatever the node says of prices.
pub const DEFAULT_SPEND_CAP: Gwei = Gwei(500_000_000);

/// Where to send from and to.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// Nodes to read from and to broadcast to.
    pub rpc: RpcConfig,
    /// The sending key.
    pub wallet: WalletConfig,
    /// Where the state is kept; without this nothing survives the process.
    pub state: Option<Location>,
    /// Chain id that the node must report.
    pub chain_id: Option<u64>,
    /// Settings of the engine.
    pub engine: EngineConfig,
    /// The most that a call which sends may cost, all its transactions together; [`DEFAULT_SPEND_CAP`] where this does not say.
    /// A service has [`crate::money::Caps`] instead.
    pub max_spend: Option<Gwei>,
    /// Limit for a whole call.
    pub limit: Duration,
}

impl ClientConfig {
    /// Defaults for a node and a key; no state file.
    pub fn new(rpc_url: impl Into<String>, wallet: WalletConfig) -> Self {
        Self {
            rpc: RpcConfig::new(rpc_url),
            wallet,
            state: None,
            chain_id: None,
            engine: EngineConfig::default(),
            max_spend: None,
            limit: Duration::from_secs(900),
        }
    }

    /// The file in `folder` for the node's chain. Its name has the chain id and the genesis,
    /// so that a restarted development chain gets a file of its own.
    pub async fn state_file_in(&self, folder: &Path) -> Result<PathBuf> {
        let rpc = Rpc::new(self.rpc.clone())?;
        let chain_id = rpc.chain_id().await?;
        let genesis = rpc.block(0).await?.map_or(B256::ZERO, |b| b.hash);
        let short = alloy::hex::encode(&genesis[..4]);
        Ok(folder.join(format!("relayer-{chain_id}-{short}.sqlite")))
    }

    /// Opens wallet, database and node.
    pub async fn connect(&self) -> Result<Engine> {
        self.open().await
    }

    /// The same for one call, which ends at once when its transactions cost more than they may.
    pub(super) async fn connect_limited(&self) -> Result<Engine> {
        let mut config = self.clone();
        config.engine.fail_over_cap = true;
        let mut engine = config.open().await?;
        let limit = self.max_spend.unwrap_or(DEFAULT_SPEND_CAP);
        engine.limit_run(limit).await?;
        Ok(engine)
    }

    fn open(&self) -> Boxed<'_, Result<Engine>> {
        Box::pin(async move {
            let wallet = self.wallet.open().await?;
            let store = match &self.state {
                Some(location) => Store::connect(location).await?,
                None => Store::open_in_memory()?,
            };
            let rpc = Rpc::new(self.rpc.clone())?;
            Engine::open(rpc, store, wallet, self.chain_id, self.engine.clone()).await
        })
    }
}
