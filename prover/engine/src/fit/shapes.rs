//! One shape for several chunks: they share a verifier contract then, which is deployed once.

use super::cut::{Cutter, Planned};
use crate::error::Result;
use chainfer_circuits::{CircuitShape, Objective, PlanSummary, Planner, shape_cost};
use chainfer_model::partitioned::PartitionedModel;

/// What all chunks together may cost with shared shapes, as a multiple of what they cost with their own.
const COST_OF_SHARING: f64 = 1.03;
/// Chunks of fewer rows than this keep their own.
const SMALL_ROWS: usize = 1 << 12;
/// Most pairs of shapes that are tried: plans take time.
const MAX_TRIALS: usize = 400;

/// Chunks of one constraint system.
#[derive(Clone, Debug)]
struct Group {
    /// Its shape, whatever the number of rows.
    shape: CircuitShape,
    chunks: Vec<usize>,
}

/// Two groups made one.
struct Merger {
    groups: [usize; 2],
    shape: CircuitShape,
    plans: Vec<(usize, PlanSummary)>,
    /// What it costs more.
    cost: f64,
}

impl Cutter<'_> {
    /// Gives chunks the shape of others as long as that costs little; the number of rows stays a chunk's own. Where gas counts they have
    /// canonical shapes, which all models share.
    pub(super) fn share_shapes(
        &self,
        model: &PartitionedModel,
        mut plans: Vec<Planned>,
    ) -> Result<Vec<Planned>> {
        let is_small = plans.iter().all(|plan| plan.summary.rows() < SMALL_ROWS);
        if self.objective() == Objective::Gas || is_small {
            return Ok(plans);
        }
        let planner = Planner::new(model)?;
        let mut groups: Vec<Group> = Vec::new();
        for (chunk, plan) in plans.iter().enumerate() {
            let shape = without_rows(&plan.summary.shape);
            match groups.iter_mut().find(|group| group.shape == shape) {
                Some(group) => group.chunks.push(chunk),
                None => groups.push(Group {
                    shape,
                    chunks: vec![chunk],
                }),
            }
        }
        let cost = |plan: &PlanSummary| plan.cost(self.objective()) as f64;
        let own: f64 = plans.iter().map(|plan| cost(&plan.summary)).sum();
        let mut left = own * (COST_OF_SHARING - 1.0);
        while let Some(merger) = self.cheapest(planner, &groups, &plans, left) {
            left -= merger.cost;
            for (chunk, summary) in merger.plans {
                plans[chunk] = Planned {
                    is_own: plans[chunk].is_own && summary.shape == plans[chunk].summary.shape,
                    summary,
                };
            }
            let [one, other] = merger.groups;
            let chunks = groups.remove(other.max(one)).chunks;
            let group = &mut groups[other.min(one)];
            group.chunks.extend(chunks);
            group.shape = merger.shape;
        }
        Ok(plans)
    }

    /// The merger of two groups that costs the least, if one costs little enough.
    fn cheapest(
        &self,
        planner: Planner<'_>,
        groups: &[Group],
        plans: &[Planned],
        left: f64,
    ) -> Option<Merger> {
        let mut trials = Vec::new();
        for one in 0..groups.len() {
            for other in one + 1..groups.len() {
                for shape in joined(&groups[one].shape, &groups[other].shape) {
                    trials.push(([one, other], shape));
                }
            }
        }
        let bound = |(pair, shape): &([usize; 2], CircuitShape)| {
            let chunks = pair.iter().flat_map(|group| &groups[*group].chunks);
            chunks
                .map(|chunk| self.more(&plans[*chunk].summary, shape))
                .sum::<f64>()
        };
        // What shapes cost with the rows that chunks have says which ones to plan.
        let mut bounded: Vec<_> = trials
            .into_iter()
            .map(|trial| (bound(&trial), trial))
            .collect();
        bounded.retain(|(bound, _)| *bound <= left);
        bounded.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        bounded.truncate(MAX_TRIALS);
        for trials in bounded.chunks(8) {
            let made = (trials.iter()).filter_map(|(_, (pair, shape))| {
                self.merged(planner, groups, plans, (*pair, shape))
            });
            let cheapest = made
                .filter(|merger| merger.cost <= left)
                .filter(|merger| self.has_verifier(&merger.shape))
                .min_by(|a, b| a.cost.total_cmp(&b.cost));
            if cheapest.is_some() {
                return cheapest;
            }
        }
        None
    }

    /// What a chunk costs more in a shape, if it has as many rows.
    fn more(&self, plan: &PlanSummary, shape: &CircuitShape) -> f64 {
        let k = plan.shape.k;
        let shape = CircuitShape { k, ..shape.clone() };
        let objective = self.objective();
        shape_cost(&shape, objective) as f64 - plan.cost(objective) as f64
    }

    fn merged(
        &self,
        planner: Planner<'_>,
        groups: &[Group],
        plans: &[Planned],
        (pair, shape): ([usize; 2], &CircuitShape),
    ) -> Option<Merger> {
        let chunks = pair.iter().flat_map(|group| &groups[*group].chunks);
        let mut cost = 0.0;
        let mut made = Vec::new();
        for chunk in chunks {
            let before = &plans[*chunk].summary;
            let plan = self.in_shape(planner, *chunk, shape, before.shape.k + 1)?;
            let objective = self.objective();
            cost += plan.cost(objective) as f64 - before.cost(objective) as f64;
            made.push((*chunk, plan));
        }
        Some(Merger {
            groups: pair,
            shape: shape.clone(),
            plans: made,
            cost,
        })
    }
}

fn without_rows(shape: &CircuitShape) -> CircuitShape {
    CircuitShape {
        k: 0,
        ..shape.clone()
    }
}

/// Shapes that have the columns of both, in the sizes of one or the other.
fn joined(one: &CircuitShape, other: &CircuitShape) -> Vec<CircuitShape> {
    // In the wide arrangement a chunk without maxima or products has nothing for the selectors of their rows, which no key has empty.
    let has_selectors = (one.pooling, one.products) == (other.pooling, other.products);
    if one.stacked != other.stacked || !(one.stacked || has_selectors) {
        return Vec::new();
    }
    let mut shapes: Vec<CircuitShape> = Vec::new();
    for lanes in [one.lanes, other.lanes] {
        for weights_per_row in [one.weights_per_row, other.weights_per_row] {
            for hash_lanes in [one.hash_lanes, other.hash_lanes] {
                let shape = CircuitShape {
                    lanes,
                    weights_per_row,
                    hash_lanes,
                    limbs: one.limbs.max(other.limbs),
                    taps: one.taps.max(other.taps),
                    pooling: one.pooling || other.pooling,
                    functions: one.functions || other.functions,
                    products: one.products || other.products,
                    ..one.clone()
                };
                let valid = CircuitShape {
                    k: chainfer_formats::shape::MAX_K,
                    ..shape.clone()
                };
                if valid.validate().is_ok() && !shapes.contains(&shape) {
                    shapes.push(shape);
                }
            }
        }
    }
    shapes
}
