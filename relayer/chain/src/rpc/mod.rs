//! A JSON-RPC client for the few calls that relaying needs.
//!
//! Reads are repeated on transient failures. [`Rpc::send_raw`] is not: only the caller knows whether sending again is
//! right. The URL of a node may carry credentials, so no error and no log line shows one.

mod client;
mod config;
mod error;
mod nodes;
mod types;

pub use client::{At, Rpc};
pub use config::RpcConfig;
pub use error::{ErrorClass, RpcError, SendOutcome};
pub use nodes::{NodeHealth, is_loopback};
pub use types::{Block, CallRequest, Log, Receipt};
