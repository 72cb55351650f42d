//! The plan of a chunk circuit: shape, placement of every cell, copy constraints.

use crate::boundary;
use crate::columns::{CellRef, Col, Columns, equality_columns};
use crate::error::CircuitError;
use crate::gates;
use crate::hashing::{HashGrid, HashPlan, ZERO};
use crate::layout::{self, ChunkLayout, Lanes};
use crate::program::{self, CombineRow};
use crate::shape::{CircuitShape, MAX_K, ShapeColumns as _};
use chainfer_model::partitioned::{ChunkSpec, PartitionedModel};
use chainfer_model::quantized::QLayer;
use halo2_proofs::plonk::ConstraintSystem;
use halo2_proofs::poly::Rotation;
use halo2curves::bn256::Fr;
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
    /// Prover memory.
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

/// Options of [`ChunkPlan::new`].
#[derive(Clone, Debug, Default)]
pub struct PlanOptions {
    /// What to optimise for.
    pub objective: Objective,
    /// log2 of the number of rows; found if absent.
    pub k: Option<u32>,
    /// Weight hiding.
    pub hide_weights: HideWeights,
    /// Seed of the blinders.
    pub hiding_seed: [u8; 32],
}

/// Blinder rows that `auto` insists on when it chooses a size.
const AUTO_HIDE_ROWS: usize = 16;

/// The whole layout of one chunk. Holds the weights: private.
#[derive(Clone)]
pub struct ChunkPlan {
    pub(crate) model: PartitionedModel,
    pub(crate) chunk: usize,
    pub(crate) shape: CircuitShape,
    /// Usable rows; gates act on all of them but the last.
    pub(crate) usable: usize,
    pub(crate) layout: ChunkLayout,
    pub(crate) program: Vec<CombineRow>,
    pub(crate) hashing: HashPlan,
    pub(crate) grid: HashGrid,
    pub(crate) hide_rows: u32,
    pub(crate) seed: [u8; 32],
    degree: usize,
}

impl std::fmt::Debug for ChunkPlan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChunkPlan")
            .field("chunk", &self.chunk)
            .field("shape", &self.shape)
            .finish_non_exhaustive()
    }
}

/// Figures of a plan, for reports.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PlanSummary {
    /// Shape.
    pub shape: CircuitShape,
    /// Rows that gates may use.
    pub usable_rows: usize,
    /// Rows taken by activations.
    pub value_rows: usize,
    /// Rows taken by weights and relations.
    pub combine_rows: usize,
    /// Rows taken by packing and Poseidon.
    pub hash_rows: usize,
    /// Poseidon permutations.
    pub permutations: usize,
    /// Lookups, idle slots included.
    pub lookups: usize,
    /// First-phase advice columns.
    pub first_phase_columns: usize,
    /// Second-phase advice columns.
    pub second_phase_columns: usize,
    /// Fixed columns.
    pub fixed_columns: usize,
    /// Columns in the permutation argument.
    pub equality_columns: usize,
    /// Rows of blinders in every weight column.
    pub hide_rows: u32,
    /// log2 of the error of the random linear combinations and of the lookup argument (Schwartz-Zippel).
    pub soundness_error_log2: f64,
}

/// Configures a shape's constraint system and returns its usable rows, or why it is not one of ours.
pub(crate) fn usable_rows(shape: &CircuitShape) -> Result<usize, CircuitError> {
    shape.validate()?;
    let mut meta = ConstraintSystem::<Fr>::default();
    let columns = Columns::allocate(&mut meta, shape);
    gates::configure(&mut meta, &columns);
    let polynomials = meta.gates().iter().flat_map(|g| g.polynomials());
    let degree = polynomials.map(|p| p.degree()).max().unwrap_or(0);
    if degree > gates::MAX_DEGREE {
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

struct Candidate {
    shape: CircuitShape,
    usable: usize,
    cost: f64,
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

impl ChunkPlan {
    /// Plans chunk `chunk` of a model.
    ///
    /// # Errors
    /// If the model is inconsistent, or no circuit of at most 2^20 rows (or of the size asked for) holds the chunk.
    pub fn new(
        model: &PartitionedModel,
        chunk: usize,
        options: &PlanOptions,
    ) -> Result<Self, CircuitError> {
        let graph_error = |what: String| CircuitError::Inconsistent {
            layer: "model".into(),
            what,
        };
        chainfer_model::executor::validate(&model.graph).map_err(|e| graph_error(e.to_string()))?;
        let spec = model
            .chunks
            .get(chunk)
            .ok_or_else(|| graph_error(format!("there is no chunk {chunk}")))?;
        boundary::check(model, chunk)?;
        let hashing = HashPlan::new(model, spec);
        let best = Self::search(model, chunk, spec, &hashing, options)?;
        let grid = hashing.grid(&best.shape);
        let Arranged {
            layout,
            program,
            degree,
            end,
        } = Arranged::new(model, spec, &best.shape, &grid)?;
        let free = (best.usable - 1 - end) as u32;
        let hide_rows = match options.hide_weights {
            HideWeights::Auto => free.min(best.usable as u32 / 16),
            HideWeights::Rows(asked) if asked > free => {
                return Err(CircuitError::NoRoomToHide { chunk, asked, free });
            }
            HideWeights::Rows(asked) => asked,
        };
        Ok(ChunkPlan {
            model: model.clone(),
            chunk,
            shape: best.shape,
            usable: best.usable,
            layout,
            program,
            hashing,
            grid,
            hide_rows,
            seed: options.hiding_seed,
            degree,
        })
    }

    fn search(
        model: &PartitionedModel,
        chunk: usize,
        spec: &ChunkSpec,
        hashing: &HashPlan,
        options: &PlanOptions,
    ) -> Result<Candidate, CircuitError> {
        let range = model.graph.range;
        let pooling = layout::layers(model, spec)
            .iter()
            .any(|l| matches!(l, QLayer::MaxPool(_)));
        let reserve = match options.hide_weights {
            HideWeights::Auto => AUTO_HIDE_ROWS,
            HideWeights::Rows(n) => n as usize,
        };
        let mut best: Option<Candidate> = None;
        let mut least = usize::MAX;
        let mut consider = |shape: CircuitShape, rows: usize| -> Result<(), CircuitError> {
            least = least.min(rows);
            let dearest = best.as_ref().map_or(f64::INFINITY, |b| b.cost);
            let fits = |shape: &CircuitShape| cost(shape, options.objective) < dearest;
            if let Some((shape, usable)) = smallest(shape, rows, options.k, fits)? {
                let cost = cost(&shape, options.objective);
                best = Some(Candidate {
                    shape,
                    usable,
                    cost,
                });
            }
            Ok(())
        };
        let base = CircuitShape {
            range,
            pooling,
            ..CircuitShape::default()
        };
        if options.objective != Objective::Time {
            let mut shape = CircuitShape {
                limbs: 1,
                lanes: 1,
                weights_per_row: 1,
                hash_lanes: 1,
                stacked: true,
                ..base.clone()
            };
            let grid = hashing.grid(&shape);
            let arranged = Arranged::new(model, spec, &shape, &grid)?;
            shape.taps = arranged.layout.taps;
            consider(shape, arranged.end + reserve)?;
        }
        for lanes in if pooling { 2..=4 } else { 1..=4 } {
            let side_by_side = Lanes {
                count: lanes,
                stacked: false,
            };
            let placed = layout::lay_out(model, spec, side_by_side, 0)?;
            for weights_per_row in [1, 2, 4, 8] {
                let (combine, _) = program::build(model, spec, &placed, weights_per_row)?;
                for hash_lanes in 1..=8 {
                    let shape = CircuitShape {
                        lanes,
                        taps: placed.taps,
                        weights_per_row,
                        hash_lanes,
                        ..base.clone()
                    };
                    let rows = (placed.end + reserve)
                        .max(combine.len() + reserve)
                        .max(hashing.grid(&shape).rows);
                    for limbs in [1, 2, 4] {
                        if range.is_multiple_of(limbs) {
                            let shape = shape.clone();
                            consider(CircuitShape { limbs, ..shape }, rows)?;
                        }
                    }
                }
            }
        }
        best.ok_or(match options.k {
            Some(k) => CircuitError::DoesNotFit { chunk, k, range },
            None => CircuitError::TooLarge {
                chunk,
                needed: least,
                max_k: MAX_K,
            },
        })
    }

    /// The shape, which fixes the constraint system.
    pub fn shape(&self) -> &CircuitShape {
        &self.shape
    }

    /// Number of public values, root and context not counted.
    pub fn num_public(&self) -> usize {
        self.hashing.exposed.len()
    }

    /// Rows of blinders in every weight column; a key reveals nothing over `hide_rows - 1` proofs.
    pub fn hide_rows(&self) -> u32 {
        self.hide_rows
    }

    /// Figures for reports.
    pub fn summary(&self) -> PlanSummary {
        let s = &self.shape;
        let lookups = 3 * s.lanes * (self.usable - 1);
        let total = (self.degree + lookups + self.usable) as f64;
        PlanSummary {
            shape: s.clone(),
            usable_rows: self.usable - 1,
            value_rows: self.layout.end - self.layout.first,
            combine_rows: self.program.len(),
            hash_rows: self.grid.rows,
            permutations: self.hashing.permutations.len(),
            lookups,
            first_phase_columns: s.first_phase_columns(),
            second_phase_columns: s.second_phase_columns(),
            fixed_columns: crate::columns::fixed_columns(s).len(),
            equality_columns: equality_columns(s),
            hide_rows: self.hide_rows,
            soundness_error_log2: total.log2() - 253.6,
        }
    }

    pub(crate) fn spec(&self) -> &ChunkSpec {
        &self.model.chunks[self.chunk]
    }

    /// Rows of activations, idle ones included.
    pub(crate) fn value_rows(&self) -> std::ops::Range<usize> {
        self.layout.first..self.usable - 1
    }

    /// Rows whose cell in this column is looked up. Where areas are stacked, hashing takes the columns of two of the digits.
    pub(crate) fn looked_up_rows(&self, col: Col) -> std::ops::Range<usize> {
        if matches!(col, Col::E(_)) {
            0..self.usable - 1
        } else {
            self.value_rows()
        }
    }

    /// Copy constraints between advice cells.
    pub(crate) fn copies(&self) -> Vec<(CellRef, CellRef)> {
        let grid = &self.grid;
        let mut copies = Vec::new();
        for (row, line) in self.program.iter().enumerate() {
            if let Some(cell) = line.operand {
                copies.push((CellRef { col: Col::U, row }, cell));
            }
        }
        let zero = grid.cell(ZERO);
        for (i, element) in self.hashing.elements.iter().enumerate() {
            let (lane, first) = grid.element_at(i);
            let tensor = &self.layout.tensors[&element.tensor];
            for j in 0..grid.values() {
                let (row, word) = grid.value_at(first, j);
                let slot = CellRef {
                    col: Col::Hash(lane, word),
                    row,
                };
                if j < element.count {
                    let (row, lane) = tensor.cell(element.first + j);
                    let col = Col::Y(lane);
                    copies.push((slot, CellRef { col, row }));
                } else {
                    copies.extend(zero.map(|z| (slot, z)));
                }
            }
        }
        for (i, state) in self.hashing.permutations.iter().enumerate() {
            for (j, source) in state.iter().enumerate() {
                copies.extend(grid.cell(*source).map(|cell| (grid.word_at(i, j), cell)));
            }
        }
        copies.extend(self.instance_cells().filter_map(|(cell, row)| {
            let col = Col::Hash(0, 0);
            self.shape.stacked.then_some((CellRef { col, row }, cell))
        }));
        copies
    }

    /// Cells that equal an instance by a copy constraint: (cell, row of the instance column). Where areas are stacked, a
    /// gate compares the cells that they are copied to.
    pub(crate) fn instance_copies(&self) -> Vec<(CellRef, usize)> {
        let direct = !self.shape.stacked;
        self.instance_cells().filter(|_| direct).collect()
    }

    fn instance_cells(&self) -> impl Iterator<Item = (CellRef, usize)> + '_ {
        let cell = |(source, row)| Some((self.grid.cell(source)?, row));
        self.hashing.instances().filter_map(cell)
    }

    /// Rows of the first S-box of every permutation slot, used or not, for the fixed pattern.
    pub(crate) fn permutation_slots(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.grid.slots).map(|slot| self.grid.slot(slot))
    }
}

/// Everything of a chunk in its rows.
struct Arranged {
    layout: ChunkLayout,
    program: Vec<CombineRow>,
    degree: usize,
    /// Row after the last one with an activation or a weight.
    end: usize,
}

impl Arranged {
    fn new(
        model: &PartitionedModel,
        chunk: &ChunkSpec,
        shape: &CircuitShape,
        grid: &HashGrid,
    ) -> Result<Self, CircuitError> {
        let per_row = shape.weights_per_row;
        let lanes = Lanes {
            count: shape.lanes,
            stacked: shape.stacked,
        };
        let mut layout = layout::lay_out(model, chunk, lanes, 0)?;
        let (mut program, mut degree) = program::build(model, chunk, &layout, per_row)?;
        if shape.stacked {
            // Activations follow what shares their columns; the program is as long wherever they are.
            let first = program.len().max(grid.rows);
            layout = layout::lay_out(model, chunk, lanes, first)?;
            (program, degree) = program::build(model, chunk, &layout, per_row)?;
        }
        Ok(Arranged {
            end: program.len().max(layout.end),
            layout,
            program,
            degree,
        })
    }
}

/// Estimated cost of a shape: CPU-seconds for time, gas for gas, bytes for memory. The coefficients of time are
/// measurements at k = 12 (a column more of each kind); those of gas are what a commitment costs to send and to scale, and
/// an evaluation to send.
fn cost(shape: &CircuitShape, objective: Objective) -> f64 {
    let first = shape.first_phase_columns() as f64;
    let second = shape.second_phase_columns() as f64;
    let fixed = crate::columns::fixed_columns(shape).len() as f64;
    let equality = equality_columns(shape) as f64;
    let rows = (1u64 << shape.k) as f64;
    let time =
        rows / 4096.0 * (0.075 * first + 0.136 * second + 0.06 * equality + 0.018 * fixed + 0.5);
    match objective {
        Objective::Time => time,
        Objective::Gas => {
            let products = (equality / 3.0).ceil();
            let commitments = 6_350.0 * (first + second + fixed + equality + products);
            let points = 1_024.0 * (first + second + products);
            let evaluations = 512.0 * (first + 2.0 * second + fixed + equality + 3.0 * products);
            commitments + points + evaluations + time
        }
        Objective::Memory => rows * (first + second + fixed + equality) + time,
    }
}
