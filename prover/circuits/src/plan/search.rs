//! Finds the cheapest shape that holds a chunk.

use super::memory::ColumnCounts;
use super::options::{HideWeights, Objective, PlanOptions};
use super::rows::{IDLE_ROWS, Rows, geometries};
use crate::arrangement::{self, Arrangement, compact::Compact, wide::Wide};
use crate::catalogue::{Catalogue, Entry};
use crate::chip::openings::plan::OpeningPlan;
use crate::chip::operator::Operator;
use crate::chip::registry;
use crate::columns::equality_columns;
use crate::error::CircuitError;
use crate::gate::MAX_DEGREE;
use crate::layout::place::Geometry;
use crate::shape::{CircuitShape, MAX_K};
use chainfer_model::quantized::{QLayer, QuantizedGraph, TensorId};
use halo2_proofs::plonk::ConstraintSystem;
use halo2_proofs::poly::Rotation;
use halo2curves::bn256::Fr;

/// Blinder rows that `auto` insists on when it chooses a size.
const AUTO_HIDE_ROWS: usize = 16;

/// Configures a shape's constraint system and returns its usable rows, or why the planner never makes it.
pub(crate) fn usable_rows(shape: &CircuitShape) -> Result<usize, CircuitError> {
    shape.validate()?;
    let mut meta = ConstraintSystem::<Fr>::default();
    arrangement::configure(&mut meta, shape)?;
    let polynomials = meta.gates().iter().flat_map(|g| g.polynomials());
    let degree = polynomials.map(|p| p.degree()).max().unwrap_or(0);
    if degree > MAX_DEGREE {
        return Err(CircuitError::BadShape {
            what: "gate degree",
            got: degree as u64,
            allowed: "at most 5",
        });
    }
    // Hidden weight columns may be opened at one point only.
    let rotated = meta
        .fixed_queries()
        .iter()
        .filter(|(_, at)| *at != Rotation::cur())
        .count();
    if rotated > 0 {
        return Err(CircuitError::BadShape {
            what: "fixed queries off the current row",
            got: rotated as u64,
            allowed: "none",
        });
    }
    Ok((1 << shape.k) - meta.blinding_factors() - 1)
}

/// A chunk, as far as its shape depends on it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chunk<'a> {
    pub(super) index: usize,
    pub(super) graph: &'a QuantizedGraph,
    pub(super) inputs: &'a [TensorId],
    pub(super) layers: &'a [QLayer],
    pub(super) openings: &'a OpeningPlan,
}

/// The shape of the least cost, with its usable rows.
struct Search<'a> {
    options: &'a PlanOptions,
    best: Option<(CircuitShape, usize)>,
    least_cost: f64,
    /// Least rows that any arrangement needs.
    least_rows: usize,
}

/// The cheapest shape that holds a chunk, with its usable rows; where gas is to be saved, the cheapest of the catalogue if one of it
/// does: what a verifier of its own costs to deploy is saved by no proof.
///
/// # Errors
/// If none does.
pub(super) fn search(
    chunk: &Chunk<'_>,
    options: &PlanOptions,
    catalogue: &Catalogue<'_>,
) -> Result<(CircuitShape, usize), CircuitError> {
    if let Some(shape) = &options.shape {
        return in_shape(chunk, options, shape);
    }
    let mut search = Search {
        options,
        best: None,
        least_cost: f64::INFINITY,
        least_rows: usize::MAX,
    };
    if options.objective == Objective::Gas && chunk.graph.range == catalogue.range {
        for entry in catalogue.entries {
            search.arrangement(&Compact, chunk, Some(entry))?;
        }
        if let Some(found) = search.best.take() {
            return Ok(found);
        }
    }
    // A tall circuit never proves faster.
    if options.objective != Objective::Time || !has_lanes(&Wide, chunk.layers) {
        search.arrangement(&Compact, chunk, None)?;
    }
    search.arrangement(&Wide, chunk, None)?;
    let range = chunk.graph.range;
    let chunk = chunk.index;
    search.best.ok_or(match options.k {
        Some(k) => CircuitError::DoesNotFit { chunk, k, range },
        None => CircuitError::TooLarge {
            chunk,
            needed: search.least_rows,
            max_k: MAX_K,
        },
    })
}

/// The shape that is asked for, with its usable rows.
///
/// # Errors
/// It lacks columns that the chunk needs, or has too few rows.
fn in_shape(
    chunk: &Chunk<'_>,
    options: &PlanOptions,
    shape: &CircuitShape,
) -> Result<(CircuitShape, usize), CircuitError> {
    shape.validate()?;
    let refuse = || CircuitError::NotOfShape { chunk: chunk.index };
    let arrangement = arrangement::of(shape);
    let operators = arrangement.operators();
    let lacks = |operator: &&dyn Operator| !operator.is_in(shape);
    let has_lanes =
        (arrangement.lanes_needed(shape)..=arrangement.most_lanes(shape)).contains(&shape.lanes);
    if shape.range != chunk.graph.range
        || !has_lanes
        || registry::used(&operators, chunk.layers).any(|operator| lacks(&operator))
    {
        return Err(refuse());
    }
    let layers = geometries(arrangement, chunk.layers, shape.lanes)?;
    let geometry = Geometry {
        graph: chunk.graph,
        inputs: chunk.inputs,
        layers: &layers,
        lanes: shape.lanes,
    };
    let placed = geometry.lay_out(0)?;
    let (check, _) = Rows::count(arrangement, chunk.layers, &placed)?;
    let needs = Needs {
        values: placed.end,
        check: check.rows(shape.weights_per_row),
        tables: placed.tables.len(),
        hashing: arrangement.grid(chunk.openings, shape).rows(),
    };
    let usable = usable_rows(shape)?;
    if placed.taps() > shape.taps
        || needs.rows(arrangement, shape.range, reserve(options)) >= usable
    {
        return Err(refuse());
    }
    Ok((shape.clone(), usable))
}

/// Rows of blinders that a plan has at least.
pub(super) fn reserve(options: &PlanOptions) -> usize {
    match options.hide_weights {
        HideWeights::Auto => AUTO_HIDE_ROWS,
        HideWeights::Rows(n) => n as usize,
    }
}

/// Rows of each kind that a chunk needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Needs {
    pub(super) values: usize,
    pub(super) check: usize,
    pub(super) tables: usize,
    pub(super) hashing: usize,
}

impl Needs {
    /// All rows, with so many of blinders.
    pub(super) fn rows(&self, arrangement: &dyn Arrangement, range: u32, reserve: usize) -> usize {
        let first = arrangement.first_value_row(self.check, self.hashing);
        (first + self.values + reserve + IDLE_ROWS)
            .max(self.check + reserve + IDLE_ROWS)
            .max(self.tables * range as usize)
            .max(self.hashing)
    }
}

/// Whether the operators of some layers can share rows: one may need more lanes than another can have.
fn has_lanes(arrangement: &dyn Arrangement, layers: &[QLayer]) -> bool {
    let mut shape = arrangement.base();
    for operator in registry::used(&arrangement.operators(), layers) {
        operator.require(&mut shape);
    }
    arrangement.lanes_needed(&shape) <= arrangement.most_lanes(&shape)
}

impl Search<'_> {
    /// Tries every size of an arrangement, with the columns that the chunk needs or those of a canonical shape.
    fn arrangement(
        &mut self,
        arrangement: &'static dyn Arrangement,
        chunk: &Chunk<'_>,
        canonical: Option<&Entry>,
    ) -> Result<(), CircuitError> {
        let reserve = reserve(self.options);
        let mut base = arrangement.base();
        base.range = chunk.graph.range;
        if let Some(entry) = canonical {
            base.pooling = entry.pooling;
            base.functions = entry.functions;
            base.products = entry.products;
        }
        for operator in registry::used(&arrangement.operators(), chunk.layers) {
            if canonical.is_some() && !operator.is_in(&base) {
                return Ok(());
            }
            operator.require(&mut base);
        }
        let sizes = arrangement.sizes();
        let fewest = arrangement.lanes_needed(&base).max(*sizes.lanes.start());
        for lanes in fewest..=arrangement.most_lanes(&base) {
            let layers = geometries(arrangement, chunk.layers, lanes)?;
            let geometry = Geometry {
                graph: chunk.graph,
                inputs: chunk.inputs,
                layers: &layers,
                lanes,
            };
            let placed = geometry.lay_out(0)?;
            let taps = canonical.map_or(placed.taps(), |entry| entry.taps);
            if taps < placed.taps() {
                continue;
            }
            let (check, _) = Rows::count(arrangement, chunk.layers, &placed)?;
            for &weights_per_row in sizes.weights_per_row {
                let check = check.rows(weights_per_row);
                for hash_lanes in sizes.hash_lanes.clone() {
                    let shape = CircuitShape {
                        lanes,
                        taps,
                        weights_per_row,
                        hash_lanes,
                        ..base.clone()
                    };
                    let needs = Needs {
                        values: placed.end,
                        check,
                        tables: placed.tables.len(),
                        hashing: arrangement.grid(chunk.openings, &shape).rows(),
                    };
                    let rows = needs.rows(arrangement, base.range, reserve);
                    for &limbs in sizes.limbs {
                        if base.range.is_multiple_of(limbs) {
                            let shape = shape.clone();
                            self.consider(CircuitShape { limbs, ..shape }, rows)?;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn consider(&mut self, shape: CircuitShape, rows: usize) -> Result<(), CircuitError> {
        self.least_rows = self.least_rows.min(rows);
        if !has_few_columns_for(&shape, rows) {
            return Ok(());
        }
        let objective = self.options.objective;
        let fits = |shape: &CircuitShape| cost(shape, objective) < self.least_cost;
        if let Some((shape, usable)) = smallest(shape, rows, self.options.k, fits)? {
            self.least_cost = cost(&shape, objective);
            self.best = Some((shape, usable));
        }
        Ok(())
    }
}

/// Whether a shape is not wider than a circuit of so many rows is worth: each column of weights is a commitment that a verifier scales,
/// which many rows pay for.
pub(super) fn has_few_columns_for(shape: &CircuitShape, rows: usize) -> bool {
    const MANY_ROWS: usize = 1 << 13;
    const FEW_WEIGHTS: usize = 8;
    shape.weights_per_row <= FEW_WEIGHTS || rows > MANY_ROWS
}

/// The shape with the least k (or the one asked for) that has room for the rows and the table.
fn smallest(
    shape: CircuitShape,
    rows: usize,
    k: Option<u32>,
    worthwhile: impl Fn(&CircuitShape) -> bool,
) -> Result<Option<(CircuitShape, usize)>, CircuitError> {
    let needed = (rows + 1).max(shape.table() as usize + 1);
    let first = usize::BITS - needed.leading_zeros();
    for k in k.map_or(first.max(5)..=MAX_K, |k| k..=k) {
        let shape = CircuitShape { k, ..shape.clone() };
        if shape.validate().is_err() || needed + 6 > 1 << k {
            continue;
        }
        if !worthwhile(&shape) {
            return Ok(None);
        }
        let usable = usable_rows(&shape)?;
        if needed <= usable {
            return Ok(Some((shape, usable)));
        }
    }
    Ok(None)
}

/// Columns of a circuit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Columns {
    pub(super) first_phase: usize,
    pub(super) second_phase: usize,
    pub(super) fixed: usize,
    pub(super) equality: usize,
}

impl Columns {
    pub(super) fn of(shape: &CircuitShape) -> Self {
        let arrangement = arrangement::of(shape);
        Columns {
            first_phase: arrangement.first_phase_columns(shape),
            second_phase: arrangement.second_phase_columns(shape),
            fixed: arrangement.fixed_columns(shape).len(),
            equality: equality_columns(arrangement, shape),
        }
    }

    /// What proving takes with so many rows. The coefficients are what a column more of each kind added to a proof.
    fn time(&self, rows: f64) -> f64 {
        let [first, second] = [self.first_phase as f64, self.second_phase as f64];
        let [fixed, equality] = [self.fixed as f64, self.equality as f64];
        let a_row = 0.075 * first + 0.136 * second + 0.06 * equality + 0.018 * fixed + 0.5;
        rows / 4096.0 * a_row
    }

    /// Estimated cost with so many rows: proving time for time, gas for gas, bytes for memory; time decides between equals. The
    /// coefficients of gas are what a commitment costs to send and to scale, and an evaluation to send.
    pub(super) fn cost(&self, rows: f64, objective: Objective) -> f64 {
        let [first, second] = [self.first_phase as f64, self.second_phase as f64];
        let [fixed, equality] = [self.fixed as f64, self.equality as f64];
        let time = self.time(rows);
        match objective {
            Objective::Time => time,
            Objective::Gas => {
                let products = (equality / 3.0).ceil();
                let commitments = 6_350.0 * (first + second + fixed + equality + products);
                let points = 1_024.0 * (first + second + products);
                let evaluations =
                    512.0 * (first + 2.0 * second + fixed + equality + 3.0 * products);
                commitments + points + evaluations + time
            }
            Objective::Memory => rows * ColumnCounts::from(self).row_bytes() as f64 + time,
        }
    }
}

/// Units of [`Columns::time`] in CPU-seconds, as measured on proofs of k = 14 to 17 on a Zen 5 core.
const CPU_SECONDS: f64 = 0.045;

/// CPU-seconds that a proof of this shape takes, by estimate.
pub(super) fn cpu_seconds(shape: &CircuitShape) -> f64 {
    CPU_SECONDS * Columns::of(shape).time((1u64 << shape.k) as f64)
}

fn cost(shape: &CircuitShape, objective: Objective) -> f64 {
    Columns::of(shape).cost((1u64 << shape.k) as f64, objective)
}
