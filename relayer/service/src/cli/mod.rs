//! The command line.

mod http;
pub(crate) mod serve;
mod spending;
pub(crate) mod verbs;

use clap::{Parser, Subcommand};

/// Relays chainfer inference proofs to an Ethereum registry, durably.
#[derive(Debug, Parser)]
#[command(name = "chainfer-relayer", version, about)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs the HTTP service until SIGINT or SIGTERM.
    Serve(Box<serve::Serve>),
    /// Hands a proof to a running service.
    Submit(verbs::Submit),
    /// Lists jobs, newest first.
    List(verbs::List),
    /// Shows a job with its transactions and log.
    Show(verbs::One),
    /// Cancels a job. Transactions that are signed already are replaced with empty ones.
    Cancel(verbs::Cancel),
    /// Shows the relayer as a whole: jobs, money, nodes, pauses.
    Status(verbs::Whole),
    /// Stops sending anything new; pending transactions are still followed.
    Pause(verbs::Pause),
    /// Lifts a manual pause.
    Resume(verbs::Whole),
    /// Copies the state file while it may be in use.
    Backup(verbs::Backup),
}
