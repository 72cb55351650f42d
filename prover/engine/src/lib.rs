//! Keys, bundles and proofs: everything between a partitioned model and a checked inference proof.
//!
//! | module | concept |
//! |---|---|
//! | [`srs`] | trusted setup: the insecure development one, the cache, what a verifier needs |
//! | [`keys`] | proving and verifying keys of one circuit, their files and digest |
//! | [`prove`] | one circuit, one proof |
//! | [`manifest`] | the public description of a compiled model, and its id |
//! | [`bundle`] | the folder of a compiled model, and `compile`, which writes it |
//! | [`ids`] | model ids, contexts and inference ids, hashed as the registry does |
//! | [`inference`] | one inference: executed, committed to, proved chunk by chunk, verified |
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod bundle;
pub mod bytes;
mod error;
mod files;
pub mod ids;
pub mod inference;
pub mod keys;
pub mod manifest;
pub mod prove;
pub mod resources;
mod sealed;
pub mod srs;

pub use error::{EngineError, Result, VerifyError};
