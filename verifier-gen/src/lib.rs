#![doc = include_str!("../README.md")]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod contract;
mod error;
mod field;
mod generate;
mod options;
pub mod project;
mod protocol;
mod template;
#[cfg(test)]
mod testing;
mod yul;

pub use contract::{
    calldata::{Entry, encode_calldata, encode_shared_calldata},
    key::KeyContract,
};
pub use error::GenerateError;
pub use generate::{GeneratedVerifier, generate};
pub use options::{CodeStyle, GeneratorOptions, Mode};
