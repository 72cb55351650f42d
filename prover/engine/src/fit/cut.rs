//! One program's cut: estimates of all runs of its layers, the choice among them, and the plans of what was chosen.

use super::{FitRequest, FitTarget, verifier::Verifiers};
use crate::error::{EngineError, Result};
use chainfer_circuits::{
    CircuitError, CircuitShape, Estimator, Objective, PlanOptions, PlanSummary, Planner,
    PublicEnds, RunEstimate,
};
use chainfer_model::{
    partition::{ChunkCount, CutAim, RunCost, RunTable, most_chunks, partition_at},
    partitioned::{PartitionedModel, Visibility},
    quantized::{QLayer, QuantizedGraph},
    split::SplitLimits,
};
use rayon::prelude::*;

/// Times that a cut is chosen anew because plans are not as estimated.
const CORRECTIONS: usize = 12;

/// A cut within a target.
#[derive(Clone, Debug)]
pub(super) struct Cut {
    /// Ends of the chunks.
    pub(super) ends: Vec<usize>,
    pub(super) plans: Vec<Planned>,
    /// Cost of all chunks.
    pub(super) cost: f64,
    /// Work of the largest chunk over the mean.
    pub(super) unevenness: f64,
    /// Rows of the largest chunk.
    pub(super) largest_rows: usize,
    /// The layer with the most work of the largest chunk.
    heaviest: Layer,
}

/// How a chunk is laid out.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    pub(super) summary: PlanSummary,
    /// Whether its shape is the one that suits it alone.
    pub(super) is_own: bool,
}

/// What a layer is large by.
#[derive(Clone, Copy, Debug)]
struct Layer {
    values: usize,
    weights: usize,
    channels: usize,
    is_of_weights: bool,
}

/// Why there is no cut.
#[derive(Clone, Debug)]
pub(super) struct Obstacle {
    /// A layer that could be cut inside.
    layer: Layer,
    reason: Reason,
}

#[derive(Clone, Debug)]
enum Reason {
    /// Chunks are uneven.
    Uneven,
    /// No chunk holds the layer, which takes so many rows.
    Layer { name: String, rows: usize },
    /// The chunks that are asked for are too few.
    TooFew,
    /// The planner refuses a chunk.
    Circuit(CircuitError),
    /// No verifier can be made for a chunk.
    Verifier(String),
}

impl Obstacle {
    /// Chunks that are uneven because of a layer.
    pub(super) fn uneven(cut: &Cut) -> Self {
        Self {
            layer: cut.heaviest,
            reason: Reason::Uneven,
        }
    }

    /// Limits that cut the layer further than these do; `None` if it cannot be.
    pub(super) fn finer(
        &self,
        limits: Option<SplitLimits>,
        graph: &QuantizedGraph,
    ) -> Option<SplitLimits> {
        let largest = |of: &dyn Fn(&QLayer) -> usize| graph.layers.iter().map(of).max();
        let mut limits = limits.unwrap_or_else(|| SplitLimits {
            values: largest(&|layer| graph.tensor(layer.output()).dims.len()).unwrap_or(1),
            weights: largest(&QLayer::weights).unwrap_or(1),
        });
        let Layer {
            values, weights, ..
        } = self.layer;
        let (limit, size) = if self.layer.is_of_weights {
            (&mut limits.weights, weights)
        } else {
            (&mut limits.values, values)
        };
        *limit = (*limit).min(size).div_ceil(2);
        (self.layer.channels > 1).then_some(limits)
    }

    /// The error that says so.
    pub(super) fn error(self, target: &FitTarget) -> EngineError {
        match self.reason {
            Reason::Layer { name, rows } => EngineError::LayerTooLarge {
                layer: name,
                rows,
                max_k: target.max_k,
            },
            Reason::Verifier(detail) => EngineError::NoVerifier { detail },
            Reason::Circuit(error) => error.into(),
            Reason::TooFew | Reason::Uneven => EngineError::TooFewChunks {
                max_k: target.max_k,
            },
        }
    }
}

/// Cuts programs as a request asks.
#[derive(Clone, Copy)]
pub(super) struct Cutter<'a> {
    request: FitRequest<'a>,
    verifiers: &'a Verifiers<'a>,
    keeps: Keeps,
}

/// What chunks are kept within.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keeps {
    /// The target, when they are proved at full speed.
    AtFullSpeed,
    /// The target, when they are proved in the way that takes the least memory.
    Slowly,
    /// Nothing. As little memory as possible is taken.
    Nothing,
}

impl<'a> Cutter<'a> {
    pub(super) fn new(request: &FitRequest<'a>, verifiers: &'a Verifiers<'a>) -> Self {
        Self {
            request: *request,
            verifiers,
            keeps: Keeps::AtFullSpeed,
        }
    }

    /// With the memory that the slowest proofs take.
    pub(super) fn slowly(self) -> Self {
        Self {
            keeps: Keeps::Slowly,
            ..self
        }
    }

    /// With any memory and size.
    pub(super) fn without_limit(self) -> Self {
        Self {
            keeps: Keeps::Nothing,
            ..self
        }
    }

    fn options(&self) -> PlanOptions {
        self.request.recipe.plan().options([0; 32])
    }

    pub(super) fn target(&self) -> FitTarget {
        self.request.target
    }

    /// Whether there is to be one chunk.
    pub(super) fn is_whole(&self) -> bool {
        self.request.chunks == ChunkCount::Exactly(1)
    }

    pub(super) fn objective(&self) -> Objective {
        self.request.recipe.objective
    }

    /// Whether a contract can carry the verifier of a shape.
    pub(super) fn has_verifier(&self, shape: &CircuitShape) -> bool {
        self.verifiers.check(shape).is_ok()
    }

    pub(super) fn holds(&self, plan: &PlanSummary) -> bool {
        let (target, k) = (&self.request.target, plan.shape.k);
        match self.keeps {
            Keeps::AtFullSpeed => target.holds(plan.proving_bytes(), k),
            Keeps::Slowly => target.holds(plan.least_proving_bytes(), k),
            Keeps::Nothing => true,
        }
    }

    fn aim(&self) -> CutAim {
        if self.objective() == Objective::Memory || self.keeps == Keeps::Nothing {
            CutAim::Memory
        } else {
            CutAim::Cost
        }
    }

    pub(super) fn partition(
        &self,
        graph: QuantizedGraph,
        ends: &[usize],
    ) -> Result<PartitionedModel> {
        Ok(partition_at(graph, ends, self.request.visibility)?)
    }

    fn estimator<'g>(&self, graph: &'g QuantizedGraph) -> Result<Estimator<'g>> {
        let ends = PublicEnds {
            inputs: self.request.visibility.inputs == Visibility::Public,
            outputs: self.request.visibility.outputs == Visibility::Public,
        };
        Ok(Estimator::new(graph, &self.options(), ends)?)
    }

    /// The best cut of a program. The outer error is the program's fault.
    pub(super) fn cut(&self, graph: &QuantizedGraph) -> Result<std::result::Result<Cut, Obstacle>> {
        let count = self.request.chunks;
        let most = most_chunks(graph, count)?;
        let estimator = self.estimator(graph)?;
        let layer = |index: usize| layer_of(graph, &estimator, index);
        let mut table = self.table(graph, &estimator);
        if let Some(index) = table.too_large() {
            let rows = estimator.layer(index);
            let reason = Reason::Layer {
                name: graph.layers[index].name().to_owned(),
                rows: rows.values.max(rows.check),
            };
            let layer = layer(index);
            return Ok(Err(Obstacle { layer, reason }));
        }
        let mut reason = Reason::TooFew;
        for _ in 0..CORRECTIONS {
            let Some(ends) = table.cut(count, self.aim(), most) else {
                break;
            };
            let model = self.partition(graph.clone(), &ends)?;
            let planned = self.plans(&model)?;
            let mut plans = Vec::with_capacity(ends.len());
            let mut is_as_estimated = true;
            for (chunk, ((first, end), plan)) in runs(&ends).zip(planned).enumerate() {
                let cost = match self.check(&model, chunk, plan) {
                    Ok((plan, cost)) => {
                        plans.push(plan);
                        let estimate = table.run(first, end);
                        // What a cut is chosen by may be a little off.
                        is_as_estimated &=
                            estimate.is_some_and(|run| cost <= run.cost + run.cost / 50);
                        estimate.map(|run| RunCost { cost, ..run })
                    }
                    Err(found) => {
                        is_as_estimated = false;
                        reason = found;
                        None
                    }
                };
                table.set(first, end, cost);
            }
            if is_as_estimated {
                let heaviest = heaviest(&estimator, &table, &ends);
                return Ok(Ok(Cut {
                    cost: table.cost(&ends),
                    unevenness: table.unevenness(&ends),
                    largest_rows: plans
                        .iter()
                        .map(|plan| plan.summary.rows())
                        .max()
                        .unwrap_or(0),
                    heaviest: layer(heaviest),
                    plans,
                    ends,
                }));
            }
        }
        let all = 0..graph.layers.len();
        let heaviest = all.max_by_key(|index| estimator.layer(*index).most());
        Ok(Err(Obstacle {
            layer: layer(heaviest.unwrap_or(0)),
            reason,
        }))
    }

    /// Estimates of all runs within the target.
    fn table(&self, graph: &QuantizedGraph, estimator: &Estimator<'_>) -> RunTable {
        let (keeps, target) = (self.keeps, self.request.target);
        let fits = |run: &RunEstimate| match keeps {
            Keeps::AtFullSpeed => target.holds(run.proving_bytes, run.shape.k),
            Keeps::Slowly => target.holds(run.least_proving_bytes(), run.shape.k),
            Keeps::Nothing => true,
        };
        let cost = |run: RunEstimate| {
            run.is_possible().then_some(RunCost {
                cost: run.cost,
                work: run.work,
                memory: run.proving_bytes,
            })
        };
        let runs = |first| estimator.runs(first, fits).into_iter().map(cost).collect();
        let firsts = (0..graph.layers.len()).into_par_iter();
        RunTable::new(firsts.map(runs).collect())
    }

    /// Plans every chunk of a model. What a chunk does not fit in is with its plan.
    fn plans(
        &self,
        model: &PartitionedModel,
    ) -> Result<Vec<std::result::Result<PlanSummary, CircuitError>>> {
        let planner = Planner::new(model)?;
        let options = self.options();
        let chunks = (0..model.chunks.len()).into_par_iter();
        Ok(chunks
            .map(|chunk| planner.summary(chunk, &options))
            .collect())
    }

    /// A plan that is within the target and has a verifier, with its cost.
    fn check(
        &self,
        model: &PartitionedModel,
        chunk: usize,
        plan: std::result::Result<PlanSummary, CircuitError>,
    ) -> std::result::Result<(Planned, u64), Reason> {
        let summary = plan.map_err(Reason::Circuit)?;
        if !self.holds(&summary) {
            return Err(Reason::TooFew);
        }
        let plan = match self.verifiers.check(&summary.shape) {
            Ok(()) => Planned {
                summary,
                is_own: true,
            },
            Err(detail) => Planned {
                summary: (self.narrower(model, chunk, &summary)).ok_or(Reason::Verifier(detail))?,
                is_own: false,
            },
        };
        let cost = plan.summary.cost(self.objective());
        Ok((plan, cost))
    }

    /// The cheapest plan of a chunk in a shape with fewer columns, that a verifier contract can be made for.
    fn narrower(
        &self,
        model: &PartitionedModel,
        chunk: usize,
        plan: &PlanSummary,
    ) -> Option<PlanSummary> {
        let planner = Planner::new(model).ok()?;
        let own = &plan.shape;
        let mut shapes = Vec::new();
        for lanes in 1..=own.lanes {
            for hash_lanes in 1..=own.hash_lanes {
                let shape = CircuitShape {
                    lanes,
                    hash_lanes,
                    ..own.clone()
                };
                shapes.extend((shape != *own).then_some(shape));
            }
        }
        let plans = shapes
            .iter()
            .filter(|shape| self.verifiers.check(shape).is_ok());
        let plans = plans.filter_map(|shape| self.in_shape(planner, chunk, shape, own.k + 1));
        plans.min_by_key(|plan| plan.cost(self.objective()))
    }

    /// The plan of a chunk in a shape, with as few rows as hold it.
    pub(super) fn in_shape(
        &self,
        planner: Planner<'_>,
        chunk: usize,
        shape: &CircuitShape,
        most_k: u32,
    ) -> Option<PlanSummary> {
        let plan = |k| {
            let shape = CircuitShape { k, ..shape.clone() };
            let options = PlanOptions {
                shape: Some(shape),
                ..self.options()
            };
            planner.summary(chunk, &options).ok()
        };
        let mut plans = (most_k.saturating_sub(2)..=most_k).filter_map(plan);
        plans.find(|plan| self.holds(plan))
    }
}

/// The runs between the ends of chunks.
fn runs(ends: &[usize]) -> impl Iterator<Item = (usize, usize)> + '_ {
    let firsts = std::iter::once(0).chain(ends.iter().copied());
    firsts.zip(ends.iter().copied())
}

fn layer_of(graph: &QuantizedGraph, estimator: &Estimator<'_>, index: usize) -> Layer {
    let (layer, rows) = (&graph.layers[index], estimator.layer(index));
    let dims = graph.tensor(layer.output()).dims;
    Layer {
        values: dims.len(),
        weights: layer.weights(),
        channels: dims.c,
        is_of_weights: rows.check > rows.values && layer.weights() > 1,
    }
}

/// The layer that takes the most rows of the chunk with the most work.
fn heaviest(estimator: &Estimator<'_>, table: &RunTable, ends: &[usize]) -> usize {
    let work = |(first, end): &(usize, usize)| table.run(*first, *end).map(|run| run.work);
    let largest = runs(ends).max_by_key(work);
    let layers = largest.map_or(0..0, |(first, end)| first..end);
    let heaviest = layers.max_by_key(|index| estimator.layer(*index).most());
    heaviest.unwrap_or(0)
}
