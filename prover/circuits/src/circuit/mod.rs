//! The chunk circuit as halo2 sees it.
//!
//! One region with absolute rows: fixed columns and first-phase columns are computed beforehand and assigned whole, second-phase
//! columns follow once the challenges are known.

mod blinders;
mod first_phase;
mod fixed;
mod second_phase;
mod unread;

pub use first_phase::ChunkWitness;

use crate::arrangement;
use crate::columns::{CellRef, Columns};
use crate::error::CircuitError;
use crate::gate::int;
use crate::plan::ChunkPlan;
use crate::shape::CircuitShape;
use crate::trace::{Challenges, FixedCells, Trace};
use halo2_proofs::circuit::{Cell, Layouter, Region, SimpleFloorPlanner, Value};
use halo2_proofs::plonk::{Advice, Circuit, Column, ConstraintSystem, Error};
use halo2curves::bn256::Fr;
use std::sync::Arc;

#[cfg(test)]
pub(crate) use {
    blinders::hidden as hidden_rows, first_phase::first_phase, fixed::fill,
    second_phase::second_phase, unread::cells as unread_cells,
};

/// A chunk with or without its witness.
#[derive(Clone)]
pub struct ChunkCircuit {
    plan: Arc<ChunkPlan>,
    fixed: Arc<FixedCells>,
    first: Option<Arc<Trace>>,
}

impl std::fmt::Debug for ChunkCircuit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChunkCircuit")
            .field("plan", &self.plan)
            .finish_non_exhaustive()
    }
}

impl ChunkCircuit {
    /// Without a witness, for key generation.
    ///
    /// # Errors
    /// If a chip writes to a cell that the plan's shape does not have: a defect of the chip.
    pub fn for_keygen(plan: Arc<ChunkPlan>) -> Result<Self, CircuitError> {
        let fixed = Arc::new(fixed::fill(&plan)?);
        Ok(ChunkCircuit {
            plan,
            fixed,
            first: None,
        })
    }

    /// With the witness.
    ///
    /// # Errors
    /// If the values are not a trace of the model.
    pub fn for_proof(plan: Arc<ChunkPlan>, witness: &ChunkWitness) -> Result<Self, CircuitError> {
        let first = first_phase::first_phase(&plan, witness)?;
        let fixed = Arc::new(fixed::fill(&plan)?);
        Ok(Self::new(plan, fixed, first))
    }

    /// From fixed and first-phase cells.
    pub(crate) fn new(plan: Arc<ChunkPlan>, fixed: Arc<FixedCells>, first: Trace) -> Self {
        ChunkCircuit {
            plan,
            fixed,
            first: Some(Arc::new(first)),
        }
    }

    fn assign_fixed(
        &self,
        region: &mut Region<'_, Fr>,
        columns: &Columns,
    ) -> Result<(), CircuitError> {
        for (role, column) in &columns.fixed {
            for (row, value) in self.fixed.column(*role)?.iter().enumerate() {
                region.assign_fixed(*column, row, *value);
            }
        }
        Ok(())
    }

    fn assign(&self, region: &mut Region<'_, Fr>, columns: &Columns) -> Result<(), CircuitError> {
        self.assign_fixed(region, columns)?;
        if let Some(first) = &self.first {
            assign_trace(region, &columns.first, first);
        }
        for (left, right) in self.plan.copies()? {
            region.constrain_equal(halo2_cell(columns, left)?, halo2_cell(columns, right)?);
        }
        region.next_phase();
        let challenges = region
            .get_challenge(columns.z)
            .zip(region.get_challenge(columns.r))
            .zip(region.get_challenge(columns.x));
        let mut outcome = Ok(());
        if let Some(first) = &self.first {
            challenges.map(|((z, r), x)| {
                let challenges = Challenges { z, r, x };
                match second_phase::second_phase(&self.plan, &self.fixed, first, &challenges) {
                    Ok(second) => assign_trace(region, &columns.second, &second),
                    Err(error) => outcome = Err(error),
                }
            });
        }
        outcome
    }
}

fn assign_trace(region: &mut Region<'_, Fr>, columns: &[Column<Advice>], trace: &Trace) {
    for (column, values) in columns.iter().zip(trace.columns()) {
        for (row, value) in values.iter().enumerate() {
            region.assign_advice(*column, row, Value::known(*value));
        }
    }
}

fn halo2_cell(columns: &Columns, cell: CellRef) -> Result<Cell, CircuitError> {
    Ok(Cell {
        row_offset: cell.row,
        column: columns.advice(cell.col)?.into(),
    })
}

/// halo2 has no place for an error of ours.
fn failed(error: &CircuitError) -> Error {
    tracing::error!(%error, "the circuit cannot be synthesised");
    Error::Synthesis
}

impl Circuit<Fr> for ChunkCircuit {
    type Config = Result<Columns, CircuitError>;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = CircuitShape;

    fn params(&self) -> CircuitShape {
        self.plan.shape().clone()
    }

    fn without_witnesses(&self) -> Self {
        ChunkCircuit {
            first: None,
            ..self.clone()
        }
    }

    fn configure_with_params(meta: &mut ConstraintSystem<Fr>, shape: CircuitShape) -> Self::Config {
        let columns = arrangement::configure(meta, &shape);
        if columns.is_err() {
            // No plan has such a shape; a key for it must not verify anything.
            meta.create_gate("no circuit", |_| vec![("unsatisfiable", int(1))]);
        }
        columns
    }

    fn configure(meta: &mut ConstraintSystem<Fr>) -> Self::Config {
        Self::configure_with_params(
            meta,
            CircuitShape {
                lanes: 1,
                range: 16,
                limbs: 1,
                weights_per_row: 1,
                hash_lanes: 1,
                ..CircuitShape::default()
            },
        )
    }

    fn synthesize(
        &self,
        columns: Self::Config,
        mut layouter: impl Layouter<Fr>,
    ) -> Result<(), Error> {
        let columns = columns.map_err(|e| failed(&e))?;
        layouter.assign_region(
            || "chunk",
            |mut region| self.assign(&mut region, &columns).map_err(|e| failed(&e)),
        )?;
        for (cell, row) in self.plan.instance_copies() {
            let cell = halo2_cell(&columns, cell).map_err(|e| failed(&e))?;
            layouter.constrain_instance(cell, columns.instance, row);
        }
        Ok(())
    }
}
