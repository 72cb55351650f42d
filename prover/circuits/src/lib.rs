//! Chunk circuits: layout plan, chips, boundary commitments.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod boundary;
mod circuit;
mod codes;
pub mod columns;
pub mod commitment;
mod error;
mod fill;
mod gates;
mod hashing;
mod layout;
mod plan;
pub mod poseidon;
mod program;
mod second;
mod shape;
mod windows;
mod witness;

pub use circuit::{ChunkCircuit, chunk_instances};
pub use commitment::InferenceCommitment;
pub use error::CircuitError;
pub use gates::MAX_DEGREE;
pub use plan::{ChunkPlan, HideWeights, Objective, PlanOptions, PlanSummary};
pub use shape::CircuitShape;
pub use witness::ChunkWitness;

#[cfg(test)]
mod tests;
