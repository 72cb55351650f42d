//! Proves on the processor where an accelerator fails.

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};
use thiserror::Error;

/// Tries an accelerator first, and leaves it alone once it failed: an error of a device often stays until its process ends.
///
/// A whole proof is repeated, for the handles of one back end mean nothing to another. A proof leaves only after it was verified.
#[derive(Debug, Default)]
pub struct Guard {
    failed: AtomicBool,
}

/// Why there is no proof.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum GuardError<E> {
    /// The prover on the processor failed.
    #[error(transparent)]
    Prover(#[from] E),
    /// The processor's proof does not verify: the witness does not satisfy the circuit.
    #[error("the proof does not verify")]
    Rejected,
}

impl Guard {
    /// Whether the accelerator failed and is not used any more.
    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// Uses the accelerator again.
    pub fn reset(&self) {
        self.failed.store(false, Ordering::Relaxed);
    }

    /// A proof that `verifies`, from the accelerator or, with a warning, from the processor. Each prover starts from the beginning, with a
    /// transcript and a source of randomness of its own.
    ///
    /// # Errors
    /// The processor's prover fails, or its proof does not verify.
    pub fn prove<P, E: Display>(
        &self,
        accelerated: impl FnOnce() -> Result<P, E>,
        on_processor: impl FnOnce() -> Result<P, E>,
        verifies: impl Fn(&P) -> bool,
    ) -> Result<P, GuardError<E>> {
        if !self.has_failed() {
            match accelerated() {
                Ok(proof) if verifies(&proof) => return Ok(proof),
                Ok(_) => {
                    tracing::warn!(
                        "the accelerator's proof does not verify; proving on the processor"
                    );
                }
                Err(error) => {
                    tracing::warn!(%error, "the accelerator failed; proving on the processor");
                }
            }
        }
        let proof = on_processor()?;
        if !verifies(&proof) {
            return Err(GuardError::Rejected);
        }
        // Only now is it known that the witness was not to blame.
        self.failed.store(true, Ordering::Relaxed);
        Ok(proof)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Result<u8, String> = Ok(1);
    const WRONG: Result<u8, String> = Ok(0);

    fn failure() -> Result<u8, String> {
        Err("failure".to_owned())
    }

    fn verifies(proof: &u8) -> bool {
        *proof == 1
    }

    #[test]
    fn good_proof_of_the_accelerator_is_returned() {
        let guard = Guard::default();
        let never = || unreachable!("the processor is not asked");
        assert_eq!(
            guard.prove(|| GOOD, never, verifies),
            GOOD.map_err(GuardError::Prover)
        );
        assert!(!guard.has_failed());
    }

    #[test]
    fn failed_accelerator_is_replaced_and_left_alone() {
        for first in [failure(), WRONG] {
            let guard = Guard::default();
            assert_eq!(guard.prove(|| first, || GOOD, verifies), Ok(1));
            assert!(guard.has_failed());
            let never = || unreachable!("the accelerator is not asked again");
            assert_eq!(guard.prove(never, || GOOD, verifies), Ok(1));
            guard.reset();
            assert!(!guard.has_failed());
        }
    }

    #[test]
    fn failure_of_both_is_an_error_and_no_fault_of_the_accelerator() {
        let guard = Guard::default();
        assert_eq!(
            guard.prove(failure, failure, verifies),
            Err(GuardError::Prover("failure".to_owned()))
        );
        assert_eq!(
            guard.prove(|| WRONG, || WRONG, verifies),
            Err(GuardError::Rejected)
        );
        assert!(!guard.has_failed());
    }
}
