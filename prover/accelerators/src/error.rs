//! Why an accelerator is not there.

use std::path::PathBuf;
use thiserror::Error;

/// Why an accelerator could not be loaded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// No library is there, or it cannot be loaded.
    #[error("{path}: {detail}")]
    Open {
        /// The library.
        path: PathBuf,
        /// What the loader says.
        detail: String,
    },
    /// A function is missing: another library, or another version of it.
    #[error("{path} has no function {symbol}")]
    Symbol {
        /// The library.
        path: PathBuf,
        /// The function.
        symbol: String,
    },
    /// Another version of the interface.
    #[error("{path} has version {got} of the interface, expected {expected}")]
    Version {
        /// The library.
        path: PathBuf,
        /// The version of this crate.
        expected: u64,
        /// The library's.
        got: u64,
    },
    /// The library is there, but not the device.
    #[error("device {device}: {detail}")]
    Device {
        /// The device.
        device: String,
        /// What the library says.
        detail: String,
    },
}
