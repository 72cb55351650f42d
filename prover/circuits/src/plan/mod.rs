//! The plan of a chunk circuit: shape, placement of every cell, copy constraints.

mod boundary;
mod estimate;
mod memory;
pub(crate) mod names;
mod options;
mod rows;
mod search;

pub use estimate::{Estimator, LayerRows, PublicEnds, RunEstimate, shape_cost};
pub use memory::ColumnCounts;
pub(crate) use memory::witness_columns;
pub use names::FixedColumn;
pub use options::{HideWeights, Objective, PlanOptions};

use crate::arrangement::{self, Arrangement};
use crate::catalogue::{CANONICAL, Catalogue};
use crate::chip::openings::{self, grid::Grid, plan::OpeningPlan};
use crate::chip::operator::LayerChip;
use crate::chip::rlc::{self, program::Row};
use crate::chip::{logup, registry};
use crate::columns::{CellRef, Col, equality_columns};
use crate::error::CircuitError;
use crate::layout::place::{ChunkLayout, Geometry};
use crate::shape::CircuitShape;
use chainfer_model::partitioned::{ChunkSpec, PartitionedModel};
use chainfer_model::quantized::{QLayer, TensorId};
pub(crate) use rows::IDLE_ROWS;
use rows::Rows;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// The whole layout of one chunk. Holds the weights: private.
#[derive(Clone)]
pub struct ChunkPlan {
    pub(crate) model: PartitionedModel,
    pub(crate) chunk: usize,
    pub(crate) shape: CircuitShape,
    pub(crate) arrangement: &'static dyn Arrangement,
    /// Usable rows; gates act on all of them but the last.
    pub(crate) usable: usize,
    pub(crate) layout: ChunkLayout,
    /// Rows of the RLC checks.
    pub(crate) check: Vec<Row>,
    pub(crate) openings: OpeningPlan,
    pub(crate) grid: Grid,
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
    /// The parameters that fix the circuit's columns and gates.
    pub shape: CircuitShape,
    /// Rows that gates may use.
    pub usable_rows: usize,
    /// Rows taken by activations.
    pub value_rows: usize,
    /// Rows taken by weights and relations.
    pub combine_rows: usize,
    /// Rows taken by packing and Poseidon.
    pub hash_rows: usize,
    /// Poseidon permutations computed, without idle slots.
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
    /// log2 of the error of the RLC checks and of the lookup argument (Schwartz-Zippel).
    pub soundness_error_log2: f64,
}

impl PlanSummary {
    /// CPU-seconds that a proof takes, by estimate: on one machine that was measured, and in proportion elsewhere.
    pub fn cpu_seconds(&self) -> f64 {
        search::cpu_seconds(&self.shape)
    }
}

impl ChunkPlan {
    /// Plans chunk `chunk` of a model.
    ///
    /// # Errors
    /// If the model is inconsistent, or no circuit of at most 2^24 rows (or of the size asked for) holds the chunk.
    pub fn new(
        model: &PartitionedModel,
        chunk: usize,
        options: &PlanOptions,
    ) -> Result<Self, CircuitError> {
        Self::within(&CANONICAL, model, chunk, options)
    }

    /// Plans a chunk with another catalogue.
    pub(crate) fn within(
        catalogue: &Catalogue<'_>,
        model: &PartitionedModel,
        chunk: usize,
        options: &PlanOptions,
    ) -> Result<Self, CircuitError> {
        let planner = Planner::new(model)?;
        let spec = planner.spec(chunk)?;
        let openings = OpeningPlan::new(model, spec);
        let inputs = inputs(model, spec);
        let layers = layers(model, spec);
        let (shape, usable) = planner.search((chunk, &inputs, &openings), options, catalogue)?;
        let arrangement = arrangement::of(&shape);
        let grid = arrangement.grid(&openings, &shape);
        let geometry = Geometry {
            graph: &model.graph,
            inputs: &inputs,
            layers: &rows::geometries(arrangement, layers, shape.lanes)?,
            lanes: shape.lanes,
        };
        let weights_per_row = shape.weights_per_row;
        let rows = Rows::new(arrangement, layers, &geometry, weights_per_row, grid.rows())?;
        let hide_rows = hide_rows(chunk, options, usable, rows.end())?;
        Ok(ChunkPlan {
            model: model.clone(),
            chunk,
            shape,
            arrangement,
            usable,
            layout: rows.layout,
            check: rows.check,
            openings,
            grid,
            hide_rows,
            seed: options.hiding_seed,
            degree: rows.degree,
        })
    }

    /// The shape, which fixes the constraint system.
    pub fn shape(&self) -> &CircuitShape {
        &self.shape
    }

    /// Number of public values, root and context not counted.
    pub fn num_public(&self) -> usize {
        self.openings.exposed.len()
    }

    /// Rows of blinders in every weight column; a key reveals nothing over `hide_rows - 1` proofs.
    pub fn hide_rows(&self) -> u32 {
        self.hide_rows
    }

    /// Figures for reports.
    pub fn summary(&self) -> PlanSummary {
        summary(
            &self.shape,
            self.usable,
            &Taken {
                values: self.layout.end - self.layout.first,
                check: self.check.len(),
                degree: self.degree,
                hide_rows: self.hide_rows,
            },
            (&self.openings, &self.grid),
        )
    }

    /// Tensors that the chunk reads.
    pub(crate) fn inputs(&self) -> Vec<TensorId> {
        inputs(&self.model, &self.model.chunks[self.chunk])
    }

    /// The chips of the chunk's layers, in order.
    pub(crate) fn layer_chips(&self) -> Result<Vec<Box<dyn LayerChip + '_>>, CircuitError> {
        let layers = layers(&self.model, &self.model.chunks[self.chunk]).iter();
        let operators = self.arrangement.operators();
        layers
            .map(|layer| registry::layer(&operators, layer))
            .collect()
    }

    /// Rows of activations, idle ones included.
    pub(crate) fn value_rows(&self) -> Range<usize> {
        self.layout.first..self.active_rows()
    }

    /// The last of the idle rows.
    pub(crate) fn idle_row(&self) -> usize {
        self.active_rows() - 1
    }

    /// Number of rows that gates act on.
    pub(crate) fn active_rows(&self) -> usize {
        self.usable - 1
    }

    /// Rows whose cell in this column is looked up.
    pub(crate) fn looked_up_rows(&self, col: Col) -> Range<usize> {
        logup::looked_up_rows(col, self.active_rows(), self.value_rows())
    }

    /// Copy constraints between advice cells.
    pub(crate) fn copies(&self) -> Result<Vec<(CellRef, CellRef)>, CircuitError> {
        let mut copies: Vec<_> = rlc::copies(&self.check).collect();
        copies.extend(openings::copies(&self.openings, &self.grid, &self.layout)?);
        for layer in self.layer_chips()? {
            copies.extend(layer.copies(&self.layout)?);
        }
        Ok(copies)
    }

    /// Cells that equal an instance by a copy constraint: (cell, row of the instance column).
    pub(crate) fn instance_copies(&self) -> Vec<(CellRef, usize)> {
        openings::instance_copies(&self.openings, &self.grid).collect()
    }
}

/// Rows that a chunk takes in its shape.
struct Taken {
    values: usize,
    check: usize,
    degree: usize,
    hide_rows: u32,
}

fn summary(
    shape: &CircuitShape,
    usable: usize,
    taken: &Taken,
    (openings, grid): (&OpeningPlan, &Grid),
) -> PlanSummary {
    let lookups = logup::lookups(shape) * (usable - 1);
    let error = logup::error(shape, lookups, usable);
    let total = (taken.degree + error) as f64;
    let arrangement = arrangement::of(shape);
    PlanSummary {
        shape: shape.clone(),
        usable_rows: usable - 1,
        value_rows: taken.values,
        combine_rows: taken.check,
        hash_rows: grid.rows(),
        permutations: openings.permutations.len(),
        lookups,
        first_phase_columns: arrangement.first_phase_columns(shape),
        second_phase_columns: arrangement.second_phase_columns(shape),
        fixed_columns: arrangement.fixed_columns(shape).len(),
        equality_columns: equality_columns(arrangement, shape),
        hide_rows: taken.hide_rows,
        soundness_error_log2: total.log2() - 253.6,
    }
}

/// Rows of blinders where activations and weights end at a row.
fn hide_rows(
    chunk: usize,
    options: &PlanOptions,
    usable: usize,
    end: usize,
) -> Result<u32, CircuitError> {
    let free = (usable - 1 - end).saturating_sub(IDLE_ROWS) as u32;
    match options.hide_weights {
        HideWeights::Auto => Ok(free.min(usable as u32 / 16)),
        HideWeights::Rows(asked) if asked > free => {
            Err(CircuitError::NoRoomToHide { chunk, asked, free })
        }
        HideWeights::Rows(asked) => Ok(asked),
    }
}

/// Plans the chunks of one model, which is checked once.
#[derive(Clone, Copy, Debug)]
pub struct Planner<'m> {
    model: &'m PartitionedModel,
}

impl<'m> Planner<'m> {
    /// Checks the model.
    ///
    /// # Errors
    /// It breaks its rules.
    pub fn new(model: &'m PartitionedModel) -> Result<Self, CircuitError> {
        chainfer_model::executor::validate(&model.graph)
            .map_err(|e| CircuitError::inconsistent("model", e.to_string()))?;
        Ok(Self { model })
    }

    fn spec(&self, chunk: usize) -> Result<&'m ChunkSpec, CircuitError> {
        let spec = self.model.chunks.get(chunk).ok_or_else(|| {
            CircuitError::inconsistent("model", format!("there is no chunk {chunk}"))
        })?;
        boundary::check(self.model, chunk)?;
        Ok(spec)
    }

    fn search(
        &self,
        (chunk, inputs, openings): (usize, &[TensorId], &OpeningPlan),
        options: &PlanOptions,
        catalogue: &Catalogue<'_>,
    ) -> Result<(CircuitShape, usize), CircuitError> {
        let chunk = search::Chunk {
            index: chunk,
            graph: &self.model.graph,
            inputs,
            layers: layers(self.model, &self.model.chunks[chunk]),
            openings,
        };
        search::search(&chunk, options, catalogue)
    }

    /// Figures of the plan of a chunk, without the plan: its rows are counted.
    ///
    /// # Errors
    /// As [`ChunkPlan::new`].
    pub fn summary(
        &self,
        chunk: usize,
        options: &PlanOptions,
    ) -> Result<PlanSummary, CircuitError> {
        let (model, spec) = (self.model, self.spec(chunk)?);
        let openings = OpeningPlan::new(model, spec);
        let (inputs, layers) = (inputs(model, spec), layers(model, spec));
        let (shape, usable) = self.search((chunk, &inputs, &openings), options, &CANONICAL)?;
        let arrangement = arrangement::of(&shape);
        let grid = arrangement.grid(&openings, &shape);
        let geometry = Geometry {
            graph: &model.graph,
            inputs: &inputs,
            layers: &rows::geometries(arrangement, layers, shape.lanes)?,
            lanes: shape.lanes,
        };
        let layout = geometry.lay_out(0)?;
        let (count, degree) = Rows::count(arrangement, layers, &layout)?;
        let check = count.rows(shape.weights_per_row);
        let first = arrangement.first_value_row(check, grid.rows());
        let taken = Taken {
            values: layout.end,
            check,
            degree,
            hide_rows: hide_rows(chunk, options, usable, check.max(first + layout.end))?,
        };
        Ok(summary(&shape, usable, &taken, (&openings, &grid)))
    }
}

fn inputs(model: &PartitionedModel, chunk: &ChunkSpec) -> Vec<TensorId> {
    let reads = chunk.reads.iter();
    reads.map(|leaf| model.leaves[*leaf].tensor).collect()
}

fn layers<'a>(model: &'a PartitionedModel, chunk: &ChunkSpec) -> &'a [QLayer] {
    &model.graph.layers[chunk.first_layer..chunk.end_layer]
}
