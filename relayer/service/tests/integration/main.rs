//! The relayer against real anvil nodes. Needs `npm ci` in the repository's root.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    unreachable_pub,
    missing_docs,
    missing_debug_implementations
)]

mod anvil;
mod cli;
mod deploy;
mod faults;
#[path = "../../../../tests/support/golden.rs"]
mod golden;
mod hostile;
mod interface;
mod load;
mod openapi;
#[cfg(feature = "postgres")]
#[path = "../support/postgres.rs"]
mod postgres;
mod process;
mod proxy;
mod relay;
mod relayer;
mod remote;
mod rules;
mod scene;
mod service;
#[cfg(any(feature = "aws", feature = "gcp"))]
mod signers;
mod state;
mod table;
mod world;
