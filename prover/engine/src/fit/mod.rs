//! Cuts a program into chunks: balanced, within a given memory and size, and such that a verifier contract can carry each. Layers are
//! cut inside where one alone is too large. Circuits are planned, no key is made.

mod cut;
mod shapes;
mod verifier;

use crate::{
    bundle::{EmitVerifier, Recipe},
    error::{EngineError, Result},
};
use chainfer_circuits::{CircuitShape, PlanSummary};
use chainfer_formats::shape::MAX_K;
use chainfer_model::{
    executor::ClampTable,
    partition::{BoundaryVisibility, ChunkCount},
    partitioned::PartitionedModel,
    quantized::QuantizedGraph,
    split::{SplitLimits, split},
};
use cut::{Cut, Cutter, Obstacle};
use verifier::Verifiers;

pub use verifier::without_key;

/// Bytes of memory that chunks stay below where nothing else is asked for.
pub const DEFAULT_TARGET: u64 = 4 << 30;

/// Times that limits of layers are lowered.
const ATTEMPTS: usize = 24;
/// A chunk's work over the mean from which on layers are cut inside to even it out.
const UNEVEN: f64 = 1.15;
/// Chunks of fewer rows than this are not worth cutting a layer for.
const SMALL_ROWS: usize = 1 << 14;
/// What balance may cost: all chunks together, as a multiple of what they cost without.
const COST_OF_BALANCE: f64 = 1.1;
/// Times that layers are cut finer for balance.
const BALANCINGS: usize = 4;

/// What every chunk has to stay within.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FitTarget {
    /// Bytes of memory, by the estimate that proving limits its jobs with: at full speed where there is such a cut, else in a slower
    /// way.
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
    fn holds(&self, bytes: u64, k: u32) -> bool {
        bytes <= self.memory && k <= self.max_k
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
    /// How each chunk is laid out.
    pub plans: Vec<PlanSummary>,
    /// The shape of each chunk, where one or the other is not the one that suits it alone; empty otherwise.
    pub shapes: Vec<CircuitShape>,
}

/// What a program is cut for.
#[derive(Clone, Copy)]
pub struct FitRequest<'a> {
    /// How many chunks.
    pub chunks: ChunkCount,
    /// Which ends are public.
    pub visibility: BoundaryVisibility,
    /// How circuits are planned.
    pub recipe: &'a Recipe,
    /// What they stay within.
    pub target: FitTarget,
    /// Makes verifier contracts: a chunk whose verifier cannot be made does not fit.
    pub emit: Option<&'a EmitVerifier<'a>>,
}

impl std::fmt::Debug for FitRequest<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FitRequest")
            .field("chunks", &self.chunks)
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

/// Cuts `graph` into chunks as asked for: the largest at most 15 % above the mean where layers can be cut so, all of them together as
/// cheap as that allows. An exact number of chunks is kept. Layers are cut inside only where one of the chunks would not stay within the
/// target otherwise, or would be much larger than the others.
///
/// # Errors
/// The program cannot be partitioned; [`EngineError::DoesNotFit`] if a limit is asked for that no cut stays within;
/// [`EngineError::VerifierSource`] if no cut has verifiers that contracts can carry.
pub fn fit(
    graph: &QuantizedGraph,
    clamps: &ClampTable,
    request: &FitRequest<'_>,
) -> Result<Fitted> {
    let verifiers = Verifiers::new(request.emit);
    let cutter = Cutter::new(request, &verifiers);
    let mut search = Search {
        graph,
        clamps,
        cutter,
        limits: None,
    };
    let found = match search.within()? {
        Ok(found) => search.balanced(found)?,
        Err(_) => match search.slowly()? {
            Some(found) => found,
            None => search.without_limit()?,
        },
    };
    found.finish(&search.cutter)
}

/// A cut of a program whose layers were cut by some limits.
struct Found {
    cut: Cut,
    graph: QuantizedGraph,
    clamps: ClampTable,
    split: Option<SplitLimits>,
}

impl Found {
    fn largest_bytes(&self) -> u64 {
        let bytes = self
            .cut
            .plans
            .iter()
            .map(|plan| plan.summary.proving_bytes());
        bytes.max().unwrap_or(0)
    }

    /// The program with its chunks, which share shapes where that costs little.
    fn finish(self, cutter: &Cutter<'_>) -> Result<Fitted> {
        let model = cutter.partition(self.graph, &self.cut.ends)?;
        let plans = cutter.share_shapes(&model, self.cut.plans)?;
        let is_own = plans.iter().all(|plan| plan.is_own);
        let shapes = plans.iter().map(|plan| plan.summary.shape.clone());
        Ok(Fitted {
            model,
            clamps: self.clamps,
            split: self.split,
            shapes: if is_own { Vec::new() } else { shapes.collect() },
            plans: plans.into_iter().map(|plan| plan.summary).collect(),
        })
    }
}

/// The search for limits of layers.
struct Search<'a> {
    graph: &'a QuantizedGraph,
    clamps: &'a ClampTable,
    cutter: Cutter<'a>,
    limits: Option<SplitLimits>,
}

impl Search<'_> {
    /// Cuts layers finer until there is a cut within the target. The outer error is the program's fault.
    fn within(&mut self) -> Result<std::result::Result<Found, Obstacle>> {
        let mut last = None;
        for _ in 0..ATTEMPTS {
            match self.attempt()? {
                Ok(found) => return Ok(Ok(found)),
                Err(obstacle) => {
                    // One chunk has all of the layers, in however many parts.
                    let finer = if self.cutter.is_whole() {
                        None
                    } else {
                        obstacle.finer(self.limits, self.graph)
                    };
                    last = Some(obstacle);
                    match finer {
                        Some(limits) => self.limits = Some(limits),
                        None => break,
                    }
                }
            }
        }
        match last {
            Some(obstacle) => Ok(Err(obstacle)),
            None => Err(EngineError::Inconsistent("no cut was tried".to_owned())),
        }
    }

    /// A cut within the target if proofs are made the slowest way.
    fn slowly(&mut self) -> Result<Option<Found>> {
        let fast = self.cutter;
        let finest = self.limits.take();
        self.cutter = fast.slowly();
        let found = self.within()?.ok();
        if found.is_none() {
            (self.cutter, self.limits) = (fast, finest);
        }
        Ok(found)
    }

    /// A cut that takes little memory, where none stays within the target.
    fn without_limit(&mut self) -> Result<Found> {
        let target = self.cutter.target();
        self.cutter = self.cutter.without_limit();
        let finest = self.limits.take();
        let mut found = self.within()?;
        if finest.is_some() {
            self.limits = finest;
            let other = self.within()?;
            let is_smaller = match (&found, &other) {
                (Ok(whole), Ok(parts)) => parts.largest_bytes() < whole.largest_bytes(),
                (whole, _) => whole.is_err(),
            };
            if is_smaller {
                found = other;
            }
        }
        let found = found.map_err(|obstacle| obstacle.error(&target))?;
        if target.is_limit {
            return Err(EngineError::DoesNotFit {
                needed: found.largest_bytes(),
                memory: target.memory,
                max_k: target.max_k,
            });
        }
        Ok(found)
    }

    /// Cuts layers finer as long as it makes the chunks more even for a fair price.
    fn balanced(&mut self, mut found: Found) -> Result<Found> {
        let allowed = found.cut.cost * COST_OF_BALANCE;
        let limits = self.limits;
        for _ in 0..BALANCINGS {
            let is_small = found.cut.largest_rows < SMALL_ROWS;
            if found.cut.ends.len() < 2 || found.cut.unevenness <= UNEVEN || is_small {
                break;
            }
            let obstacle = Obstacle::uneven(&found.cut);
            let Some(finer) = obstacle.finer(self.limits, self.graph) else {
                break;
            };
            self.limits = Some(finer);
            let Ok(other) = self.attempt()? else {
                break;
            };
            if other.cut.unevenness < found.cut.unevenness && other.cut.cost <= allowed {
                found = other;
            }
        }
        self.limits = limits;
        Ok(found)
    }

    fn attempt(&mut self) -> Result<std::result::Result<Found, Obstacle>> {
        let (graph, clamps) = match &self.limits {
            Some(limits) => split(self.graph.clone(), self.clamps.clone(), limits)?,
            None => (self.graph.clone(), self.clamps.clone()),
        };
        let is_split = graph.layers.len() != self.graph.layers.len();
        let cut = match self.cutter.cut(&graph)? {
            Ok(cut) => cut,
            Err(obstacle) => return Ok(Err(obstacle)),
        };
        Ok(Ok(Found {
            cut,
            graph,
            clamps,
            split: self.limits.filter(|_| is_split),
        }))
    }
}

#[cfg(test)]
mod tests;
