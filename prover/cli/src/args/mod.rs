//! The command line as it is typed. Each verb resolves its arguments into a request before it does any work.

mod chain;
mod demo;
mod proving;
mod setup;

pub(crate) use chain::{
    AttestArgs, CatalogueArgs, CheckModelArgs, CheckRegistryArgs, ConstructionArgs, DeployArgs,
    KeysArg, SenderArgs, SolcArgs,
};
pub(crate) use demo::DemoArgs;
pub(crate) use proving::{
    AgainArgs, AuditArgs, AutoOr, BackendArg, BindingArgs, CompileArgs, EvaluateArgs, InspectArgs,
    ObjectiveArg, OpenArgs, PlanArgs, ProveArgs, ProverArg, RunArgs, SaturationArgs, SolidityArgs,
    VerifyArgs, VisibilityArg,
};
pub(crate) use setup::{KnownSrsArgs, SetupArgs, SrsArgs, SrsCommand, SrsFileArgs, SrsImportArgs};

use clap::{Args, Parser, Subcommand};

/// chainfer: proofs of neural-network inference, attested on Ethereum.
#[derive(Debug, Parser)]
#[command(
    name = "chainfer",
    version,
    about = "Proves that a committed neural network produced an output, and records the result on Ethereum",
    after_help = "Exit codes: 0 success; 1 a verification or a transaction failed; 2 wrong usage or bad input.\n\
                  To begin: chainfer compile MODEL.onnx -o BUNDLE"
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
    /// Print one JSON object to stdout; progress goes to stderr
    #[arg(long, global = true, help_heading = "Output")]
    pub(crate) json: bool,
    /// Print errors only, no progress
    #[arg(
        short,
        long,
        global = true,
        conflicts_with = "verbose",
        help_heading = "Output"
    )]
    pub(crate) quiet: bool,
    /// Print log messages of the libraries; repeat for more
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Output")]
    pub(crate) verbose: u8,
}

/// The verbs of the program.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Turn a model into a bundle: chunk circuits, keys and Solidity verifiers
    Compile(CompileArgs),
    /// Run the model on an input and prove the result
    Prove(ProveArgs),
    /// Verify an inference proof against a bundle
    Verify(VerifyArgs),
    /// Run the quantised model on an input without proving it
    Run(RunArgs),
    /// Run the quantised model on a data set, and compare it with labels and with the float model
    Evaluate(EvaluateArgs),
    /// Print a committed tensor of an inference and the opening of its commitment
    Open(OpenArgs),
    /// Describe a bundle or a model
    Inspect(InspectArgs),
    /// Compile a bundle's model again, or its structure without weights, and compare everything with the bundle
    Audit(AuditArgs),
    /// Write a bundle's Solidity verifiers as a forge project, with tests if a proof is given
    Solidity(SolidityArgs),
    /// Deploy a bundle's verifiers and register the model, with a new registry unless one is given
    Deploy(DeployArgs),
    /// Show the verifiers that all models share, and which of them a chain has
    Catalogue(CatalogueArgs),
    /// Check that a registry on a chain is the one that this program was built with
    CheckRegistry(CheckRegistryArgs),
    /// Check that a registry's record of a model matches a bundle, and audit the bundle
    CheckModel(CheckModelArgs),
    /// Send an inference proof to the registry
    Attest(AttestArgs),
    /// Manage trusted setups
    Srs(SrsArgs),
    /// Run everything on a local chain: compile, deploy, prove, relay, and read the result in a contract
    Demo(DemoArgs),
    /// Print the completion script of a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}
