//! From an error to an exit code.

use chainfer_circuits::CircuitError;
use chainfer_engine::EngineError;
use chainfer_formats::FormatError;
use chainfer_model::ModelError;
use chainfer_relayer::proof_file::ProofFileError;
use std::{fmt::Display, io};

/// What the user gave cannot be used. Exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct BadInput(String);

/// An error about what the user gave.
pub(crate) fn bad_input(message: impl Display) -> anyhow::Error {
    anyhow::Error::new(BadInput(message.to_string()))
}

/// Why the program stops without success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExitCode {
    /// A verification or a transaction failed, or something broke.
    Failed = 1,
    /// Bad usage or bad input.
    BadInput = 2,
}

/// The code of an error: that of the first cause that tells.
pub(crate) fn exit_code(error: &anyhow::Error) -> ExitCode {
    error.chain().find_map(of_cause).unwrap_or(ExitCode::Failed)
}

fn of_cause(cause: &(dyn std::error::Error + 'static)) -> Option<ExitCode> {
    if cause.is::<BadInput>() || cause.is::<ModelError>() || cause.is::<ProofFileError>() {
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
    use chainfer_relayer::{Error as E, rpc::RpcError};
    match error {
        E::ProofFile(_)
        | E::WrongChain { .. }
        | E::Mismatch { .. }
        | E::NoCode { .. }
        | E::VerifierNotListed { .. }
        | E::Wallet(_)
        | E::Config(_)
        | E::Rpc(RpcError::Config { .. }) => ExitCode::BadInput,
        E::Io { source, .. } => of_io(source),
        _ => ExitCode::Failed,
    }
}

/// A file that is missing or closed to us is bad input; a full disk is not.
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
