//! The sending key. Nothing here prints or logs one, and no `Debug` shows one.
//!
//! A key is in the environment or in a keystore file, or, with the features `aws`, `gcp` and `ledger`, in a key
//! management service or on a device, which it never leaves. Whoever signs, [`Wallet::sign`] passes on no signature
//! that is not by the wallet's own account over the very transaction that was asked for.

mod args;
#[cfg(feature = "aws")]
pub mod aws;
mod config;
#[cfg(feature = "gcp")]
pub mod gcp;
mod hd_path;
#[cfg(feature = "ledger")]
mod ledger;
mod local;
mod open;
mod secret;
mod signing;

pub use args::WalletArgs;
pub use config::{GcpKey, WalletConfig};
pub use hd_path::HdPath;
pub use secret::Secret;
pub use signing::{SignedTx, Wallet};
