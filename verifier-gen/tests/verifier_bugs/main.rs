//! One module for each class of bugs that verifier contracts have had; each test tries one against ours.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr
)]

#[path = "../common/mod.rs"]
mod common;

mod batching;
mod compiler;
mod encoding;
mod gas;
mod identity;
mod instances;
mod key;
mod precompiles;
mod ranges;
mod transcript;
