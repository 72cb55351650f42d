//! Arguments of the verbs that use a chain. Flags and environment variables are named as in foundry.

use super::{AgainArgs, KnownSrsArgs, SetupArgs};
use alloy::primitives::B256;
use chainfer_chain::wallet::WalletArgs;
use chainfer_relayer::{client::EXPECTED_INFERENCES, money::Gwei, store::Location};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// The node that answers.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Node")]
pub(crate) struct RpcArgs {
    /// HTTP URL of the node
    #[arg(
        short = 'r',
        long,
        value_name = "URL",
        env = "ETH_RPC_URL",
        hide_env_values = true
    )]
    pub(crate) rpc_url: String,
}

/// How transactions are sent: through which node, by whom, and where their state is kept.
#[derive(Debug, Args)]
pub(crate) struct SenderArgs {
    /// Where pending transactions are recorded, a file or postgres://…; by default one file per chain in
    /// ~/.local/state/chainfer
    #[arg(long, value_name = "FILE|ADDRESS")]
    pub(crate) state: Option<Location>,
    #[command(flatten)]
    pub(crate) rpc: RpcArgs,
    /// Blocks to wait for before a transaction counts as settled; by default 1 on a development chain and 3 elsewhere
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..=1000),
        help_heading = "Node"
    )]
    pub(crate) confirmations: Option<u64>,
    #[command(flatten)]
    pub(crate) wallet: WalletArgs,
}

/// The Solidity compiler to use.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct SolcArgs {
    /// Solidity compiler; by default scripts/solc of the repository in whose target folder this program is, otherwise solc from PATH
    #[arg(long, value_name = "PATH", env = "CHAINFER_SOLC")]
    pub(crate) solc: Option<PathBuf>,
}

/// `chainfer deploy`.
#[derive(Debug, Args)]
pub(crate) struct DeployArgs {
    /// Bundle folder; its public part is enough
    pub(crate) bundle: PathBuf,
    /// Registry to register the model with; by default a new one is deployed
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) registry: Option<String>,
    /// Owner of a new registry, who may add verifiers to its list; by default the sender
    #[arg(long, value_name = "ADDRESS", conflicts_with = "registry")]
    pub(crate) owner: Option<String>,
    /// Account that may freeze verifiers and models of a new registry without delay; by default nobody
    #[arg(long, value_name = "ADDRESS", conflicts_with = "registry")]
    pub(crate) guardian: Option<String>,
    /// Chain id that the node must report; by default any
    #[arg(long, value_name = "ID", env = "CHAIN_ID", help_heading = "Node")]
    pub(crate) chain_id: Option<u64>,
    /// The most that all transactions together may cost, such as 0.05ether; by default three times what they take at the node's prices,
    /// and at most 0.5 ether
    #[arg(long, value_name = "AMOUNT")]
    pub(crate) max_spend: Option<Gwei>,
    /// Inferences that are expected of the model: its keys go into the code of contracts if that is cheaper for so many than to hand
    /// them in with every proof
    #[arg(long, value_name = "N", default_value_t = EXPECTED_INFERENCES)]
    pub(crate) expected_inferences: u64,
    /// Where the keys go
    #[arg(long, value_enum, default_value_t = KeysArg::Auto, conflicts_with = "expected_inferences")]
    pub(crate) keys: KeysArg,
    /// Where the bundle's public part will be published; told in the registration's event
    #[arg(long, value_name = "URI", default_value = "")]
    pub(crate) uri: String,
    #[command(flatten)]
    pub(crate) setup: SetupArgs,
    #[command(flatten)]
    pub(crate) solc: SolcArgs,
    #[command(flatten)]
    pub(crate) sender: SenderArgs,
}

/// Where a model's keys go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeysArg {
    /// Where they cost less for the expected inferences
    Auto,
    /// Into the calldata of every proof: nothing is deployed
    Calldata,
    /// Into the code of contracts
    Code,
}

/// `chainfer catalogue`.
#[derive(Debug, Args)]
pub(crate) struct CatalogueArgs {
    /// HTTP URL of a node: also says which of the verifiers its chain has
    #[arg(
        short = 'r',
        long,
        value_name = "URL",
        env = "ETH_RPC_URL",
        hide_env_values = true
    )]
    pub(crate) rpc_url: Option<String>,
    /// Writes the catalogue anew, to a folder that is not there: what scripts/catalogue does
    #[arg(long, value_name = "FOLDER", hide = true)]
    pub(crate) write: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) solc: SolcArgs,
}

/// `chainfer check-registry`.
#[derive(Debug, Args)]
pub(crate) struct CheckRegistryArgs {
    /// Address of the registry, or the file that records its deployment (deployments/CHAIN_ID.json)
    pub(crate) registry: String,
    #[command(flatten)]
    pub(crate) rpc: RpcArgs,
    #[command(flatten)]
    pub(crate) construction: ConstructionArgs,
}

/// `chainfer check-model`.
#[derive(Debug, Args)]
pub(crate) struct CheckModelArgs {
    /// Bundle folder; its public part is enough
    pub(crate) bundle: PathBuf,
    /// Registry that the model is registered with
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) registry: String,
    /// Account that registered it; by default the one in the bundle's record of its deployment on this chain
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) registrant: Option<String>,
    /// Model file that the bundle is said to be compiled from: the bundle is audited against it. By default it is audited against the
    /// structure that it states, which says nothing about the weights
    #[arg(long, value_name = "FILE")]
    pub(crate) model: Option<PathBuf>,
    /// Compare the record alone, without an audit: the bundle's keys may then be of anything
    #[arg(long, conflicts_with = "model")]
    pub(crate) record_only: bool,
    /// Block from which on the event of the registration is searched
    #[arg(long, value_name = "BLOCK", default_value_t = 0)]
    pub(crate) from_block: u64,
    /// Take a registry whose code is not that of this program's build: you know it and trust it
    #[arg(long)]
    pub(crate) other_registry: bool,
    #[command(flatten)]
    pub(crate) known: KnownSrsArgs,
    #[command(flatten)]
    pub(crate) rpc: RpcArgs,
    #[command(flatten)]
    pub(crate) solc: SolcArgs,
    #[command(flatten)]
    pub(crate) again: AgainArgs,
}

/// The constructor arguments of a registry that is given by its address, without a deployment record.
#[derive(Debug, Args)]
#[command(
    next_help_heading = "Constructor arguments (if REGISTRY is an address instead of a record)"
)]
pub(crate) struct ConstructionArgs {
    /// Owner that the registry was deployed with; the registry's address is derived from this and the three options below
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) owner: Option<String>,
    /// Guardian that it was deployed with; by default the zero address
    #[arg(long, value_name = "ADDRESS", requires = "owner")]
    pub(crate) guardian: Option<String>,
    /// Code hash of a verifier that was listed at deployment; repeat for each, in order; by default those of `chainfer catalogue`
    #[arg(long = "verifier", value_name = "HASH", requires = "owner")]
    pub(crate) verifiers: Vec<B256>,
    /// No verifier was listed at deployment
    #[arg(long, requires = "owner", conflicts_with = "verifiers")]
    pub(crate) no_verifiers: bool,
    /// Salt that it was deployed with; by default zero
    #[arg(long, value_name = "HASH", requires = "owner")]
    pub(crate) salt: Option<B256>,
}

/// `chainfer attest`.
#[derive(Debug, Args)]
pub(crate) struct AttestArgs {
    /// Bundle folder; its public part is enough
    pub(crate) bundle: PathBuf,
    /// Proof file, bound to a request on this chain
    pub(crate) proof: PathBuf,
    /// Registry that is trusted whatever its code is; by default the one in the bundle's record of its deployment, which must
    /// have the code that this program was built with
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) registry: Option<String>,
    /// Send the proof also if the model is deprecated or frozen, and the inference does not count
    #[arg(long)]
    pub(crate) allow_deprecated: bool,
    /// The most that all transactions together may cost, such as 0.05ether; by default three times what the bundle's verifiers take at the
    /// node's prices, and at most 0.5 ether
    #[arg(long, value_name = "AMOUNT")]
    pub(crate) max_spend: Option<Gwei>,
    #[command(flatten)]
    pub(crate) setup: SetupArgs,
    #[command(flatten)]
    pub(crate) sender: SenderArgs,
}
