//! Cuts a program so that every chunk is proved within a given memory: more chunks, and layers cut inside where one alone is too
//! large. Circuits are planned, no key is made.

use crate::{
    bundle::Recipe,
    error::{EngineError, Result},
    resources::proving_bytes,
};
use chainfer_circuits::{ChunkPlan, CircuitError, PlanSummary};
use chainfer_formats::{limits::MAX_CHUNKS, shape::MAX_K};
use chainfer_model::{
    executor::ClampTable,
    partition::{BoundaryVisibility, ChunkCount, CostModel, partition},
    partitioned::PartitionedModel,
    quantized::QuantizedGraph,
    split::{SplitLimits, split},
};
use rayon::prelude::*;

/// Bytes of memory that chunks stay below where nothing else is asked for.
pub const DEFAULT_TARGET: u64 = 4 << 30;

/// Columns that a row of a wide circuit takes, all forms of them that a proof holds, in bytes: what layers are cut by before any
/// circuit is planned.
const ROW_BYTES: u64 = 400 * 32;
/// Activations of a row.
const LANES: usize = 4;
/// Weights of a row.
const WEIGHTS: usize = 8;
/// Times that the limits of layers are halved.
const HALVINGS: usize = 6;

/// What every chunk has to stay within.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FitTarget {
    /// Bytes of memory, by the estimate that proving limits its jobs with.
    pub memory: u64,
    /// log2 of the rows.
    pub max_k: u32,
    /// Whether a program that cannot stay within is refused; it is cut as far as possible otherwise.
    pub is_limit: bool,
}

impl Default for FitTarget {
    fn default() -> Self {
        Self {
            memory: DEFAULT_TARGET,
            max_k: MAX_K,
            is_limit: false,
        }
    }
}

impl FitTarget {
    fn holds(&self, plan: &PlanSummary) -> bool {
        proving_bytes(plan) <= self.memory && plan.shape.k <= self.max_k
    }

    /// Layers larger than this fill a chunk within the target.
    fn layers(&self) -> SplitLimits {
        let rows = (self.memory / ROW_BYTES).max(1);
        let k = (63 - rows.leading_zeros()).min(self.max_k).min(MAX_K);
        // Half of the rows: the rest is for openings and for what stands beside.
        let rows = (1usize << k) / 2;
        SplitLimits {
            values: rows * LANES,
            weights: rows * WEIGHTS,
        }
    }
}

/// A program that is cut.
#[derive(Debug)]
pub struct Fitted {
    /// The program.
    pub model: PartitionedModel,
    /// Clamps of its layers.
    pub clamps: ClampTable,
    /// The limits that layers were cut by, if any was.
    pub split: Option<SplitLimits>,
}

/// Cuts `graph` into chunks within `target`. An exact number of chunks is kept, and layers are cut inside only where one of the
/// chunks would not fit otherwise.
///
/// # Errors
/// The program cannot be partitioned; [`EngineError::DoesNotFit`] if a limit is asked for that no cut stays within.
pub fn fit(
    graph: &QuantizedGraph,
    clamps: &ClampTable,
    (chunks, visibility): (ChunkCount, BoundaryVisibility),
    recipe: &Recipe,
    target: &FitTarget,
) -> Result<Fitted> {
    let costs = CostModel::default();
    let mut limits = target.layers();
    let mut best: Option<(u64, Fitted)> = None;
    let mut reason = None;
    let mut tried = 0;
    for _ in 0..=HALVINGS {
        let cut_by = limits;
        limits.values = (limits.values / 2).max(1);
        limits.weights = (limits.weights / 2).max(1);
        let (parts, part_clamps) = split(graph.clone(), clamps.clone(), &cut_by)?;
        // The same layers give the same plans.
        if std::mem::replace(&mut tried, parts.layers.len()) == parts.layers.len() {
            continue;
        }
        let split = (parts.layers.len() != graph.layers.len()).then_some(cut_by);
        let most = parts.layers.len().min(MAX_CHUNKS);
        let mut count = chunks;
        loop {
            let model = partition(parts.clone(), count, visibility, &costs)?;
            let used = model.chunks.len();
            let layers = |chunk: usize| {
                let chunk = &model.chunks[chunk];
                chunk.end_layer - chunk.first_layer
            };
            let (worst, is_one_layer) = match worst(&model, recipe, target) {
                Ok(None) => {
                    return Ok(Fitted {
                        model,
                        clamps: part_clamps,
                        split,
                    });
                }
                Ok(Some((bytes, chunk))) => (bytes, layers(chunk) == 1),
                Err(error @ CircuitError::TooLarge { chunk, .. }) => {
                    reason = Some(error);
                    (u64::MAX, layers(chunk) == 1)
                }
                Err(error) => return Err(error.into()),
            };
            if best.as_ref().is_none_or(|(least, _)| worst < *least) {
                let fitted = Fitted {
                    model,
                    clamps: part_clamps.clone(),
                    split,
                };
                best = Some((worst, fitted));
            }
            // A chunk that is one layer does not become smaller by more cuts.
            if matches!(chunks, ChunkCount::Exactly(_)) || used == most || is_one_layer {
                break;
            }
            count = ChunkCount::Exactly((used + used.div_ceil(4)).min(most));
        }
    }
    match best {
        Some((bytes, fitted)) if bytes < u64::MAX && !target.is_limit => Ok(fitted),
        Some((bytes, _)) if bytes < u64::MAX => Err(EngineError::DoesNotFit {
            needed: bytes,
            memory: target.memory,
            max_k: target.max_k,
        }),
        _ => Err(reason.map_or_else(
            || EngineError::Inconsistent("a program without chunks".into()),
            EngineError::from,
        )),
    }
}

/// Bytes and number of the chunk that takes the most memory of those that are not within the target, if there are any.
fn worst(
    model: &PartitionedModel,
    recipe: &Recipe,
    target: &FitTarget,
) -> std::result::Result<Option<(u64, usize)>, CircuitError> {
    let options = recipe.plan_options();
    let beyond = (0..model.chunks.len())
        .into_par_iter()
        .map(|chunk| {
            let plan = ChunkPlan::new(model, chunk, &options)?.summary();
            Ok((!target.holds(&plan)).then(|| (proving_bytes(&plan), chunk)))
        })
        .collect::<std::result::Result<Vec<_>, CircuitError>>()?;
    Ok(beyond.into_iter().flatten().max())
}
