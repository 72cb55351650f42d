#![doc = include_str!("../README.md")]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod arrangement;
pub mod catalogue;
mod chip;
mod circuit;
mod columns;
pub mod commitment;
mod error;
mod field;
mod gate;
mod instances;
mod layout;
mod plan;
pub mod poseidon;
mod selectors;
mod shape;
mod trace;

pub use circuit::{ChunkCircuit, ChunkWitness};
pub use columns::Columns;
pub use commitment::InferenceCommitment;
pub use error::CircuitError;
pub use gate::MAX_DEGREE;
pub use instances::chunk_instances;
pub use plan::{
    ChunkPlan, ColumnCounts, Estimator, FixedColumn, HideWeights, LayerRows, Objective,
    PlanOptions, PlanSummary, Planner, PublicEnds, RunEstimate, shape_cost,
};
pub use shape::CircuitShape;

#[cfg(test)]
mod tests;
