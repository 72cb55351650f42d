//! Keys, bundles and proofs: everything between a partitioned model and a checked inference proof.
//!
//! | module | concept |
//! |---|---|
//! | [`srs`] | trusted setup: the insecure development one, the cache, what a verifier needs |
//! | [`keys`] | proving and verifying keys of one circuit, their files and digest |
//! | [`prove`] | one circuit, one proof |
//! | [`bundle`] | the folder of a compiled model, and `compile`, which writes it |
//! | [`inference`] | one inference: executed, committed to, proved chunk by chunk, verified, opened |
//! | [`field`] | field elements of files as those of halo2 |
//! | [`resources`] | what proving costs, and what this processor can do |
//!
//! Files and ids are defined in [`chainfer_formats`].
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod bundle;
mod error;
pub mod field;
pub mod inference;
pub mod keys;
pub mod prove;
pub mod resources;
mod sealed;
pub mod srs;

pub use error::{EngineError, Result, VerifyError};
