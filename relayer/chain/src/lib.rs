#![doc = include_str!("../README.md")]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod abi;
mod error;
pub mod fees;
pub mod registry;
pub mod rpc;
pub mod rules;
mod text;
pub mod wallet;

pub use error::{Error, Result};
