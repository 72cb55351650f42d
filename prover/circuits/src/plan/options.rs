//! What a plan is asked for.

use crate::shape::CircuitShape;
use serde::{Deserialize, Serialize};

/// What the layout is chosen for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Objective {
    /// Proving time: wide and short.
    #[default]
    Time,
    /// Verification gas: few columns, tall.
    Gas,
    /// Prover memory: few rows times columns.
    Memory,
}

/// Rows of blinders in every weight column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HideWeights {
    /// As many as are free, at most a sixteenth of the rows.
    #[default]
    Auto,
    /// Exactly this many; 0 does not hide.
    Rows(u32),
}

/// Options of [`ChunkPlan::new`](crate::ChunkPlan::new).
#[derive(Clone, Debug, Default)]
pub struct PlanOptions {
    /// What to optimise for.
    pub objective: Objective,
    /// log2 of the number of rows; found if absent.
    pub k: Option<u32>,
    /// The shape; the cheapest that has room if absent. Several chunks may be given one, so that one verifier serves them.
    pub shape: Option<CircuitShape>,
    /// Rows of blinders that hide the weights.
    pub hide_weights: HideWeights,
    /// Seed of the blinders.
    pub hiding_seed: [u8; 32],
}
