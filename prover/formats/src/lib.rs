#![doc = include_str!("../README.md")]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod boundary;
pub mod chain_model;
pub mod deployment;
pub mod digest;
mod error;
pub mod files;
mod final_function;
pub mod hex;
pub mod ids;
pub mod json;
pub mod limits;
pub mod manifest;
pub mod packing;
pub mod panics;
pub mod proof;
pub mod scalar;
pub mod secret;
pub mod setup;
pub mod shape;
pub mod srs;
pub mod terminal;

pub use error::{FormatError, Result};

pub use boundary::{LeafClass, Visibility};
pub use chain_model::{ChainChunk, ChainModel, ModelRecord};
pub use deployment::DeploymentFile;
pub use final_function::FinalFunction;
pub use ids::Binding;
pub use manifest::{ChunkEntry, LeafEntry, Manifest, TensorSpec};
pub use proof::{ChunkProof, OutputValues, ProofFile};
pub use scalar::Scalar;
pub use secret::{SecretFile, SecretTensor};
pub use setup::{KnownSetups, SetupPolicy, SetupStatus};
pub use shape::CircuitShape;
pub use srs::SrsSpec;

pub use alloy_primitives::{Address, B256, Bytes, U256};
