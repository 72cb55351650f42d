//! The command line as the user types it. Verbs turn these into resolved requests before they do any work.

mod chain;
mod demo;
mod proving;

pub(crate) use chain::{
    AttestArgs, CheckModelArgs, CheckRegistryArgs, ConstructionArgs, DeployArgs, DevelopmentSrs,
    NodeArgs, SolcArgs,
};
pub(crate) use demo::DemoArgs;
pub(crate) use proving::{
    AutoOr, BindingArgs, CompileArgs, InspectArgs, ObjectiveArg, OpenArgs, ProveArgs, RunArgs,
    SaturationArgs, SolidityArgs, SrsArgs, SrsCommand, VerifyArgs, VisibilityArg,
};

use clap::{Args, Parser, Subcommand};

/// chainfer: proofs of neural-network inference, attested on Ethereum.
#[derive(Debug, Parser)]
#[command(
    name = "chainfer",
    version,
    about = "Proves that a committed neural network produced an output, and attests it on Ethereum",
    after_help = "Exit codes: 0 success; 1 a verification or a transaction failed; 2 bad usage or bad input.\n\
                  Start with: chainfer compile MODEL.onnx -o BUNDLE"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every verb.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct GlobalArgs {
    /// Print one JSON object on stdout; progress stays on stderr
    #[arg(long, global = true, help_heading = "Output")]
    pub(crate) json: bool,
    /// No progress; errors only
    #[arg(
        short,
        long,
        global = true,
        conflicts_with = "verbose",
        help_heading = "Output"
    )]
    pub(crate) quiet: bool,
    /// Show what the libraries log; twice for more
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Output")]
    pub(crate) verbose: u8,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Turn a model into a bundle: chunk circuits, keys and Solidity verifiers
    Compile(CompileArgs),
    /// Prove one inference
    Prove(ProveArgs),
    /// Check an inference proof against a bundle
    Verify(VerifyArgs),
    /// Run the quantised model on an input, without a proof
    Run(RunArgs),
    /// Show a tensor of a proof and the opening of its commitment
    Open(OpenArgs),
    /// Describe a bundle or a model
    Inspect(InspectArgs),
    /// Write a bundle's Solidity verifiers as a forge project, with tests if there is a proof
    Solidity(SolidityArgs),
    /// Deploy a bundle's verifiers, and a registry if there is none, and register the model
    Deploy(DeployArgs),
    /// Compare a registry on a chain with the one that this program was built with
    CheckRegistry(CheckRegistryArgs),
    /// Compare what a registry recorded about a model with a bundle
    CheckModel(CheckModelArgs),
    /// Publish an inference proof to the registry
    Attest(AttestArgs),
    /// Trusted setups
    Srs(SrsArgs),
    /// The whole way on a local chain: compile, deploy, prove, relay, and let a contract read the result
    Demo(DemoArgs),
    /// Print a shell's completion script
    Completions {
        /// Shell
        shell: clap_complete::Shell,
    },
}
