#![doc = include_str!("../README.md")]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod boxed;
pub mod client;
pub mod engine;
mod error;
pub mod money;
mod owner;
#[cfg(all(test, feature = "postgres"))]
#[path = "../tests/support/postgres.rs"]
mod postgres_for_tests;
pub mod service;
pub mod state;
pub mod store;
mod submitter;

pub use error::{Error, Result};
pub use submitter::{BadSubmitter, Submitter};
