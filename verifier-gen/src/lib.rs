//! Turns a halo2 verifying key into a Solidity contract that verifies its proofs.
//!
//! Proofs are halo2-axiom's with SHPLONK over BN254 and the transcript of `chainfer-transcript`: any number of phases and
//! challenges, any rotations, permutation columns or none, built-in lookups. [`generate`] gives self-contained source with two
//! entry points: `verifyProof`, which returns true or reverts with a typed error, and `accumulate`, which does everything but the
//! pairing and returns its two points, so that many proofs can share one. [`Entry`] gives the only encoding that they accept.
//!
//! # Where the key is
//! [`GeneratorOptions::embedded`]: in the contract. [`GeneratorOptions::shared`]: in the code of another contract
//! ([`KeyContract`]), whose address each call names; such a verifier serves every key of one constraint system, and who relies on
//! it has to pin the key's address and code hash.
//!
//! # How the contract works
//! The constraint system is read into a graph without duplicate nodes, together with everything else that
//! happens in the scalar field, and rendered as nested Yul expressions; where that would exceed the EVM's limit, as programs of one
//! instruction, a·b + c, that a loop runs ([`CodeStyle`]). Commitments are folded by Horner's rule in short loops over
//! contiguous points. The crate's `decisions` folder says why.
//!
//! Strictness: canonical calldata of the exact length, every public input and evaluation below r, every coordinate below q,
//! every point on the curve, every precompile's success and return size checked. The identity is accepted as a point where
//! halo2 accepts it. A bad point costs a bounded amount of gas.
//!
//! ```
//! use chainfer_verifier_gen::{Entry, encode_shared_calldata};
//!
//! let key = [0x11; 20];
//! let calldata = encode_shared_calldata(key, &[0; 64], &[]);
//! assert_eq!(calldata, Entry::Verify.encode_shared(key, &[0; 64], &[]));
//! ```
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
pub mod project;
mod protocol;
mod quotient;
mod render;
mod slots;
#[cfg(test)]
mod testing;

pub use calldata::{Entry, encode_calldata, encode_shared_calldata};
pub use error::GenerateError;
pub use generate::{GeneratedVerifier, generate};
pub use key::KeyContract;
pub use options::{CodeStyle, GeneratorOptions, Mode};
