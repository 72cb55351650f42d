//! Arguments about trusted setups: which are known, which are accepted, and the verbs of `chainfer srs`.

use chainfer_engine::{
    EngineError,
    srs::{import::ExpectedHash, validate_known},
};
use chainfer_formats::{KnownSetups, SetupPolicy};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Setups that the user knows, besides the built-in list.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Trusted setup")]
pub(crate) struct KnownSrsArgs {
    /// JSON file with further trusted setups that count as known; repeat for several
    #[arg(long = "known-srs", value_name = "FILE", env = "CHAINFER_KNOWN_SRS")]
    pub(crate) files: Vec<PathBuf>,
}

impl KnownSrsArgs {
    /// The built-in list and the setups of the files.
    ///
    /// # Errors
    /// A file cannot be read, or lists what is no setup.
    pub(crate) fn load(&self) -> Result<KnownSetups, EngineError> {
        let mut known = KnownSetups::built_in();
        // An empty variable is one that is not set.
        for file in self.files.iter().filter(|f| !f.as_os_str().is_empty()) {
            known.add_file(file)?;
        }
        validate_known(&known)?;
        Ok(known)
    }
}

/// Which setups are accepted for public chains.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Trusted setup")]
pub(crate) struct SetupArgs {
    #[command(flatten)]
    pub(crate) known: KnownSrsArgs,
    /// Accept a setup that is not on the list of known ceremonies on a chain other than 31337: whoever made it may be able to
    /// forge proofs
    #[arg(long = "allow-unknown-srs")]
    pub(crate) allow_unknown: bool,
    /// Accept the insecure development SRS on a chain other than 31337: anybody can forge proofs under it
    #[arg(long = "allow-insecure-srs")]
    pub(crate) allow_development: bool,
}

impl SetupArgs {
    /// What these arguments accept.
    ///
    /// # Errors
    /// As [`KnownSrsArgs::load`].
    pub(crate) fn policy(&self) -> Result<SetupPolicy, EngineError> {
        Ok(SetupPolicy {
            known: self.known.load()?,
            allow_development: self.allow_development,
            allow_unknown: self.allow_unknown,
        })
    }
}

/// `chainfer srs`.
#[derive(Debug, Args)]
pub(crate) struct SrsArgs {
    #[command(subcommand)]
    pub(crate) command: SrsCommand,
}

/// What `chainfer srs` does.
#[derive(Debug, Subcommand)]
pub(crate) enum SrsCommand {
    /// Make the INSECURE development setup, unless it is in the cache: anybody can forge proofs under it
    Dev {
        /// Binary logarithm of its size
        #[arg(short, long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=26))]
        k: u32,
    },
    /// Check a setup from a file (snarkjs .ptau, powers-of-tau challenge or response, raw halo2 parameters) and store it in the
    /// cache
    Import(SrsImportArgs),
    /// Check a setup file as `import` does, and store nothing
    Check(SrsFileArgs),
    /// Show the setups in the cache
    List {
        #[command(flatten)]
        known: KnownSrsArgs,
    },
}

/// A setup file, and what is expected of it.
#[derive(Debug, Args)]
pub(crate) struct SrsFileArgs {
    /// Setup file
    pub(crate) file: PathBuf,
    /// BLAKE2b or SHA-256 hash that the whole file must have, in hex
    #[arg(long, value_name = "HEX")]
    pub(crate) hash: Option<ExpectedHash>,
    /// Read and check only what is used: the powers that are kept, tau in G2 and the Lagrange basis
    #[arg(long)]
    pub(crate) needed_only: bool,
    #[command(flatten)]
    pub(crate) known: KnownSrsArgs,
}

/// `chainfer srs import`.
#[derive(Debug, Args)]
pub(crate) struct SrsImportArgs {
    #[command(flatten)]
    pub(crate) file: SrsFileArgs,
    /// Binary logarithms of the sizes to store, separated by commas; other sizes below the largest are cut when they are needed
    #[arg(short, long, value_name = "K", value_delimiter = ',', conflicts_with = "max_k", value_parser = clap::value_parser!(u32).range(1..=26))]
    pub(crate) k: Vec<u32>,
    /// Store one size: the file's, but at most this binary logarithm [default: 20]
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..=26))]
    pub(crate) max_k: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_name_of_a_list_is_none() {
        let args = KnownSrsArgs {
            files: vec![PathBuf::new()],
        };
        args.load().unwrap();
    }
}
