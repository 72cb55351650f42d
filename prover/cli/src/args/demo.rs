//! Arguments of the demo.

use super::{SolcArgs, proving::ModelArgs};
use clap::Args;
use std::{num::NonZeroUsize, path::PathBuf};

/// `chainfer demo`. `scripts/demo` passes all paths first, so a repeated option overrides an earlier one.
#[derive(Debug, Args)]
#[command(args_override_self = true)]
pub(crate) struct DemoArgs {
    /// Model file: a classifier with one input, and one output with a score per class
    #[arg(long, value_name = "FILE")]
    pub(crate) model: PathBuf,
    /// Input to prove
    #[arg(long, value_name = "FILE")]
    pub(crate) input: PathBuf,
    /// Sample inputs from which the ranges of values are measured
    #[arg(long, value_name = "FILE")]
    pub(crate) calibration: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) reading: ModelArgs,
    /// Number of chunks to cut the model into, each proved by its own circuit
    #[arg(long, value_name = "N", default_value = "3")]
    pub(crate) chunks: NonZeroUsize,
    /// Number of chunks to prove in parallel
    #[arg(long, value_name = "J")]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// Path of anvil, foundry's local node
    #[arg(long, value_name = "PATH", default_value = "anvil")]
    pub(crate) anvil: PathBuf,
    /// Path of chainfer-relayer; by default the one next to this program
    #[arg(long, value_name = "PATH")]
    pub(crate) relayer: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) solc: SolcArgs,
    /// Keep bundle, proof and logs in this new folder
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,
}
