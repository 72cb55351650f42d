//! The command line.

pub(crate) mod serve;
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
    /// Cancels a job. What is signed already is replaced by a transaction that does nothing.
    Cancel(verbs::One),
    /// Shows the relayer as a whole: jobs, money, nodes, pauses.
    Status(verbs::Whole),
    /// Stops sending anything new; what is out is followed to its end.
    Pause(verbs::Pause),
    /// Lifts a pause that was set by hand.
    Resume(verbs::Whole),
    /// Copies the state file while it may be in use.
    Backup(verbs::Backup),
}
