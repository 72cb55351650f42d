//! Arguments of the verbs that talk to a chain. Names and variables are foundry's.

use alloy::primitives::B256;
use chainfer_chain::wallet::WalletArgs;
use chainfer_relayer::store::Location;
use clap::Args;
use std::path::PathBuf;

/// Which node.
#[derive(Debug, Args)]
#[command(next_help_heading = "Node")]
pub(crate) struct NodeArgs {
    /// HTTP address of the node
    #[arg(
        short = 'r',
        long,
        value_name = "URL",
        env = "ETH_RPC_URL",
        hide_env_values = true
    )]
    pub(crate) rpc_url: String,
    /// Blocks that settle a transaction; by default 1 on a development chain and 3 elsewhere
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub(crate) confirmations: Option<u64>,
}

/// Which Solidity compiler.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct SolcArgs {
    /// Solidity compiler; else scripts/solc if this is the repository's root, else solc in PATH
    #[arg(long, value_name = "PATH", env = "CHAINFER_SOLC")]
    pub(crate) solc: Option<PathBuf>,
}

/// Whether proofs that anybody can forge may go on chain.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct DevelopmentSrs {
    /// Accept the insecure development SRS on a chain other than 31337: anybody can forge proofs under it
    #[arg(long = "allow-insecure-srs")]
    pub(crate) allowed: bool,
}

/// `chainfer deploy`.
#[derive(Debug, Args)]
pub(crate) struct DeployArgs {
    /// Bundle folder; its public part is enough
    pub(crate) bundle: PathBuf,
    /// Registry to register with; a new one is deployed if absent
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) registry: Option<String>,
    /// Who owns a new registry, and lists verifier shapes in it; the sender if absent
    #[arg(long, value_name = "ADDRESS", conflicts_with = "registry")]
    pub(crate) owner: Option<String>,
    /// Who may freeze verifier shapes and models of a new registry at once; nobody if absent
    #[arg(long, value_name = "ADDRESS", conflicts_with = "registry")]
    pub(crate) guardian: Option<String>,
    /// Where the bundle's public part will be found; recorded on chain
    #[arg(long, value_name = "URI", default_value = "")]
    pub(crate) uri: String,
    #[command(flatten)]
    pub(crate) development_srs: DevelopmentSrs,
    /// State of the sender, a file or postgres://…; by default a file for each chain in ~/.local/state/chainfer
    #[arg(long, value_name = "FILE|ADDRESS")]
    pub(crate) state: Option<Location>,
    #[command(flatten)]
    pub(crate) solc: SolcArgs,
    #[command(flatten)]
    pub(crate) node: NodeArgs,
    #[command(flatten)]
    pub(crate) wallet: WalletArgs,
}

/// `chainfer check-registry`.
#[derive(Debug, Args)]
pub(crate) struct CheckRegistryArgs {
    /// Address of the registry, or the file that records its deployment (deployments/CHAIN_ID.json)
    pub(crate) registry: String,
    /// HTTP address of the node
    #[arg(
        short = 'r',
        long,
        value_name = "URL",
        env = "ETH_RPC_URL",
        hide_env_values = true
    )]
    pub(crate) rpc_url: String,
    #[command(flatten)]
    pub(crate) construction: ConstructionArgs,
}

/// `chainfer check-model`.
#[derive(Debug, Args)]
pub(crate) struct CheckModelArgs {
    /// Bundle folder; its public part is enough
    pub(crate) bundle: PathBuf,
    /// Registry that has the model
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) registry: String,
    /// Who registered it; if absent, the bundle's record of its deployment on the node's chain says
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) registrant: Option<String>,
    /// HTTP address of the node
    #[arg(
        short = 'r',
        long,
        value_name = "URL",
        env = "ETH_RPC_URL",
        hide_env_values = true
    )]
    pub(crate) rpc_url: String,
    #[command(flatten)]
    pub(crate) solc: SolcArgs,
}

/// What the registry's constructor was given, for an address without a record.
#[derive(Debug, Args)]
#[command(next_help_heading = "Construction (with an address instead of a record)")]
pub(crate) struct ConstructionArgs {
    /// Owner that the registry was deployed with; its address is derived from this and the other three
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) owner: Option<String>,
    /// Guardian that it was deployed with; zero if not given
    #[arg(long, value_name = "ADDRESS", requires = "owner")]
    pub(crate) guardian: Option<String>,
    /// Code hash of a verifier shape that was listed from the start; once for each, in order
    #[arg(long = "verifier", value_name = "HASH", requires = "owner")]
    pub(crate) verifiers: Vec<B256>,
    /// Salt of the deployment; zero if not given
    #[arg(long, value_name = "HASH", requires = "owner")]
    pub(crate) salt: Option<B256>,
}

/// `chainfer attest`.
#[derive(Debug, Args)]
pub(crate) struct AttestArgs {
    /// Bundle folder; its public part is enough
    pub(crate) bundle: PathBuf,
    /// Proof file, bound to a request on the node's chain
    pub(crate) proof: PathBuf,
    #[command(flatten)]
    pub(crate) development_srs: DevelopmentSrs,
    /// State of the sender, a file or postgres://…; by default a file for each chain in ~/.local/state/chainfer
    #[arg(long, value_name = "FILE|ADDRESS")]
    pub(crate) state: Option<Location>,
    #[command(flatten)]
    pub(crate) node: NodeArgs,
    #[command(flatten)]
    pub(crate) wallet: WalletArgs,
}
