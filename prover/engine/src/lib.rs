#![doc = include_str!("../README.md")]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod accelerator;
pub mod audit;
pub mod bundle;
mod error;
pub mod field;
pub mod fit;
pub mod inference;
mod key_file;
pub mod key_set;
pub mod keys;
pub mod prove;
pub mod resources;
mod sealed;
pub mod srs;

pub use error::{EngineError, Result, VerifyError};
