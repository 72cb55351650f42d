//! Arguments of the demo.

use super::SolcArgs;
use clap::Args;
use std::{num::NonZeroUsize, path::PathBuf};

/// `chainfer demo`. `scripts/demo` calls it with all paths; a later option wins over an earlier one.
#[derive(Debug, Args)]
#[command(args_override_self = true)]
pub(crate) struct DemoArgs {
    /// Model: a classifier with one input and one output of scores
    #[arg(long, value_name = "FILE")]
    pub(crate) model: PathBuf,
    /// Input to prove
    #[arg(long, value_name = "FILE")]
    pub(crate) input: PathBuf,
    /// Sample inputs to measure value ranges with
    #[arg(long, value_name = "FILE")]
    pub(crate) calibration: Option<PathBuf>,
    /// Circuits to cut the model into
    #[arg(long, value_name = "N", default_value = "3")]
    pub(crate) chunks: NonZeroUsize,
    /// Chunks proved at one time
    #[arg(long, value_name = "J")]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// anvil, foundry's local node
    #[arg(long, value_name = "PATH", default_value = "anvil")]
    pub(crate) anvil: PathBuf,
    /// The relayer service; else the one beside this program
    #[arg(long, value_name = "PATH")]
    pub(crate) relayer: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) solc: SolcArgs,
    /// Keep bundle, proof and logs in this folder, which must not exist
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,
}
