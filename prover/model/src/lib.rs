#![doc = include_str!("../README.md")]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod convolution;
mod dims;
pub mod error;
pub mod executor;
mod file;
pub mod float;
pub mod frontend;
mod fuse;
pub mod io;
mod names;
pub mod partition;
pub mod partitioned;
pub mod quantise;
pub mod quantized;
mod signature;
pub mod split;
pub mod structure;
pub mod window;

pub use error::{ModelError, Result};
#[cfg(feature = "onnx")]
pub use frontend::{load_model, load_model_with, survey_model};
