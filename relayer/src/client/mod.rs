//! Deploy, attest and read, for programs: what the `chainfer` command line is made of.
//!
//! All sending goes through the [`crate::engine`], so a call that was interrupted goes on where it was
//! when it is made again with the same state file, and sends nothing twice.

mod attest;
mod deploy;
mod deploy_plan;
mod listing;
mod read;
mod registered;

pub use attest::{AttestReport, attest};
pub use deploy::{Deployed, Deployment, Step, call_contract, deploy, deploy_contract};
pub use deploy_plan::{
    ChunkCode, DeployPlan, NewRegistry, Registration, RegistryPlan, VerifierCode,
};
pub use read::{InferenceView, read_inference, read_output, read_output_values};
pub use registered::{Difference, differences};

use crate::engine::{Engine, EngineConfig};
use crate::error::Result;
use crate::money::Gwei;
use crate::rpc::{Rpc, RpcConfig};
use crate::state::IntentState;
use crate::store::{Intent, Location, Store, TxKind};
use crate::wallet::WalletConfig;
use alloy::primitives::B256;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where to send from and to.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// The node.
    pub rpc: RpcConfig,
    /// The sending key.
    pub wallet: WalletConfig,
    /// Where the state is kept; without this nothing survives the process.
    pub state: Option<Location>,
    /// Chain that the node must be of.
    pub chain_id: Option<u64>,
    /// Settings of the engine.
    pub engine: EngineConfig,
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
            limit: Duration::from_secs(900),
        }
    }

    /// The file in `folder` for the chain that the node is of: chain id and genesis are in its name,
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
        let wallet = self.wallet.open().await?;
        let store = match &self.state {
            Some(location) => Store::connect(location).await?,
            None => Store::open_in_memory()?,
        };
        let rpc = Rpc::new(self.rpc.clone())?;
        Engine::open(rpc, store, wallet, self.chain_id, self.engine.clone()).await
    }
}

/// A transaction of ours, for reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TxReport {
    /// Hash of the attempt that is in a block, or of the newest one.
    pub hash: Option<B256>,
    /// What it does.
    pub kind: TxKind,
    /// Chunks that it proves.
    pub chunks: Vec<u16>,
    /// Where it stands.
    pub status: IntentState,
    /// Block.
    pub block: Option<u64>,
    /// Gas used.
    pub gas_used: Option<u64>,
    /// Wei per gas.
    pub gas_price: Option<u64>,
    /// What a roll-up took for publishing it, beside gas.
    #[serde(rename = "data_fee_gwei", skip_serializing_if = "Option::is_none")]
    pub data_fee: Option<Gwei>,
    /// How many signed attempts there are.
    pub attempts: usize,
    /// Why, where there is more to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl TxReport {
    /// Reads what is known of an intent.
    pub async fn of(store: &Store, intent: &Intent) -> Result<Self> {
        let attempts = store.attempts(intent.id).await?;
        let mined = intent.settlement.and_then(|s| s.attempt_id);
        let shown = match mined {
            Some(id) => attempts.iter().find(|a| a.id == id),
            None => attempts.last(),
        };
        let ours = intent.settlement.filter(|s| s.attempt_id.is_some());
        Ok(Self {
            hash: shown.map(|a| a.tx.hash),
            kind: intent.tx.kind,
            chunks: intent.tx.chunks.clone(),
            status: intent.state,
            block: ours.map(|s| s.block.number),
            gas_used: ours.map(|s| s.gas_used),
            gas_price: ours.map(|s| s.gas_price),
            data_fee: ours.map(|s| s.data_fee).filter(|fee| fee.0 > 0),
            attempts: attempts.len(),
            reason: intent.reason.clone(),
        })
    }

    /// Reports of all of a job's transactions that were signed, and the gas they used.
    pub async fn of_job(store: &Store, job: B256) -> Result<(Vec<Self>, u64)> {
        let mut reports = Vec::new();
        for intent in store.intents_of(job).await? {
            if intent.nonce.is_some() {
                reports.push(Self::of(store, &intent).await?);
            }
        }
        let gas = reports.iter().filter_map(|r| r.gas_used).sum();
        Ok((reports, gas))
    }
}
