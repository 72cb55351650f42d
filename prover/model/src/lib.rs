//! Models: graph representation, front ends, quantiser, integer reference executor and partitioner.
//!
//! [`frontend::load_model`] reads a file into a [`float::FloatGraph`]; [`quantise::quantise`] makes it an integer program
//! ([`quantized::QuantizedGraph`]) that [`executor::execute`] runs; [`partition::partition`] cuts that into chunks.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod convolution;
pub mod error;
pub mod executor;
pub mod float;
pub mod frontend;
mod fuse;
pub mod io;
pub mod partition;
pub mod partitioned;
pub mod quantise;
pub mod quantized;
pub mod window;

pub use error::{ModelError, Result};
#[cfg(feature = "onnx")]
pub use frontend::load_model;
