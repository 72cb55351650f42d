//! The exit code of an error.

use chainfer_circuits::CircuitError;
use chainfer_engine::EngineError;
use chainfer_formats::FormatError;
use chainfer_model::ModelError;
use std::{fmt::Display, io};

/// An argument or file that cannot be used. Exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct BadInput(String);

/// An error for an argument or file that cannot be used.
pub(crate) fn bad_input(message: impl Display) -> anyhow::Error {
    anyhow::Error::new(BadInput(message.to_string()))
}

/// Exit codes other than 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExitCode {
    /// A verification or a transaction failed, or an unexpected error occurred.
    Failed = 1,
    /// Wrong usage or bad input.
    BadInput = 2,
}

/// The exit code of an error: that of the first cause that has one.
pub(crate) fn exit_code(error: &anyhow::Error) -> ExitCode {
    error.chain().find_map(of_cause).unwrap_or(ExitCode::Failed)
}

fn of_cause(cause: &(dyn std::error::Error + 'static)) -> Option<ExitCode> {
    if cause.is::<BadInput>() || cause.is::<ModelError>() {
        return Some(ExitCode::BadInput);
    }
    if let Some(error) = cause.downcast_ref() {
        return Some(of_engine(error));
    }
    if let Some(error) = cause.downcast_ref() {
        return Some(of_circuit(error));
    }
    if let Some(error) = cause.downcast_ref() {
        return Some(of_format(error));
    }
    if let Some(error) = cause.downcast_ref() {
        return Some(of_relayer(error));
    }
    if let Some(error) = cause.downcast_ref() {
        return Some(of_chain(error));
    }
    cause.downcast_ref().map(of_io)
}

fn of_engine(error: &EngineError) -> ExitCode {
    use EngineError as E;
    match error {
        E::Io { source, .. } => of_io(source),
        E::Circuit(error) => of_circuit(error),
        E::Keygen { .. } | E::Proving { .. } | E::SelfCheck { .. } | E::Verify(_) => {
            ExitCode::Failed
        }
        _ => ExitCode::BadInput,
    }
}

fn of_circuit(error: &CircuitError) -> ExitCode {
    match error {
        CircuitError::Inconsistent { .. } | CircuitError::BadWitness { .. } => ExitCode::Failed,
        _ => ExitCode::BadInput,
    }
}

fn of_format(error: &FormatError) -> ExitCode {
    match error {
        FormatError::Io { source, .. } => of_io(source),
        _ => ExitCode::BadInput,
    }
}

fn of_relayer(error: &chainfer_relayer::Error) -> ExitCode {
    use chainfer_relayer::Error as E;
    match error {
        E::Chain(error) => of_chain(error),
        E::Format(error) => of_format(error),
        E::WrongChain { .. } | E::Mismatch { .. } | E::VerifierNotListed { .. } | E::Config(_) => {
            ExitCode::BadInput
        }
        E::Io { source, .. } => of_io(source),
        _ => ExitCode::Failed,
    }
}

fn of_chain(error: &chainfer_chain::Error) -> ExitCode {
    use chainfer_chain::{Error as E, rpc::RpcError};
    match error {
        E::Mismatch { .. }
        | E::NoCode { .. }
        | E::Wallet(_)
        | E::Config(_)
        | E::Rpc(RpcError::Config { .. }) => ExitCode::BadInput,
        E::Io { source, .. } => of_io(source),
        _ => ExitCode::Failed,
    }
}

/// A file that is missing or not accessible is bad input; a full disk is not.
fn of_io(error: &io::Error) -> ExitCode {
    use io::ErrorKind as K;
    match error.kind() {
        K::NotFound
        | K::PermissionDenied
        | K::AlreadyExists
        | K::NotADirectory
        | K::IsADirectory
        | K::InvalidData
        | K::InvalidInput
        | K::UnexpectedEof => ExitCode::BadInput,
        _ => ExitCode::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn exit_code_is_that_of_the_cause_below_the_context() {
        let wrapped = Err::<(), _>(bad_input("no such thing"))
            .context("while testing")
            .unwrap_err();
        assert_eq!(exit_code(&wrapped), ExitCode::BadInput);
        let missing =
            anyhow::Error::new(io::Error::from(io::ErrorKind::NotFound)).context("reading");
        assert_eq!(exit_code(&missing), ExitCode::BadInput);
        assert_eq!(
            exit_code(&anyhow::anyhow!("anything else")),
            ExitCode::Failed
        );
    }
}
