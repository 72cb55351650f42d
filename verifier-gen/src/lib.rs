//! Turns a halo2 verifying key into a Solidity contract that verifies its proofs.
//!
//! Proofs are halo2-axiom's with SHPLONK over BN254 and the transcript of `chainfer-transcript`: any number of phases and
//! challenges, any rotations, permutation columns or none, built-in lookups. [`generate`] gives self-contained source with one
//! entry point, `verifyProof(bytes,uint256[])`, which returns true or reverts with a typed error; [`encode_calldata`] gives the
//! only encoding that it accepts.
//!
//! # How the contract works
//! The constraint system is read into a graph without duplicate nodes, together with everything else that
//! happens in the scalar field, and lowered to straight-line programs of one instruction, a·b + c. The contract holds these as
//! data, next to the verifying key and a schedule of point operations, and runs them in three short loops. What a circuit adds
//! is data: 6 bytes an operation, 32 a constant, 66 a fixed or permutation column, 2 a commitment of the proof.
//!
//! Strictness: canonical calldata of the exact length, every public input and evaluation below r, every coordinate below q,
//! every point on the curve, every precompile's success and return size checked. The identity is accepted as a point where
//! halo2 accepts it.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod abi;
mod arithmetic;
mod calldata;
mod data;
mod error;
mod estimate;
mod fold;
mod generate;
mod graph;
mod inline;
mod key;
mod lagrange;
mod layout;
mod opening;
mod options;
mod program;
mod protocol;
mod quotient;
mod render;

pub use calldata::{Entry, encode_calldata, encode_shared_calldata};
pub use error::GenerateError;
pub use generate::{GeneratedVerifier, generate};
pub use key::KeyContract;
pub use options::{CodeStyle, GeneratorOptions, Mode};
