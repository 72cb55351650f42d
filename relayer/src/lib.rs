//! Publishes chainfer inference proofs on Ethereum, durably.
//!
//! An inference proof (a PROOF file) becomes a *job*. The engine reads what the registry has of it,
//! plans the transactions that are missing, and sends them through an outbox: every signed
//! transaction is on disk before it is broadcast, so that a crash at any moment loses nothing and the
//! next start goes on from where it was. The registry's records are idempotent, and are the last
//! line against posting twice.
//!
//! - [`client`]: deploy, attest and read, for programs (the `chainfer` command line uses it).
//! - [`service`]: the HTTP service of the `chainfer-relayer` binary.
//! - [`engine`]: the state machine; [`store`]: the database; [`rpc`]: the node.
//! - [`proof_file`] and [`abi`]: what is read, and whom it is for.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod abi;
pub mod client;
pub mod engine;
mod error;
pub mod fees;
pub mod money;
#[cfg(all(test, feature = "postgres"))]
#[path = "../tests/support/postgres.rs"]
mod postgres_for_tests;
pub mod proof_file;
pub mod rpc;
pub mod service;
pub mod state;
pub mod store;
pub mod wallet;

pub use error::{Error, Result};
