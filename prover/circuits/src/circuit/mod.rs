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
use crate::plan::{ChunkPlan, witness_columns};
use crate::shape::CircuitShape;
use crate::trace::{Challenges, FixedCells, Trace};
use chainfer_plonk::{Phases, PlonkError, Witness};
use halo2_proofs::circuit::{Cell, Layouter, Region, SimpleFloorPlanner, Value};
use halo2_proofs::plonk::{Advice, Challenge, Circuit, Column, ConstraintSystem, Error};
use halo2curves::bn256::Fr;
use std::sync::{Arc, Mutex, PoisonError};

#[cfg(test)]
pub(crate) use {
    blinders::hidden as hidden_rows, first_phase::first_phase, fixed::fill,
    second_phase::second_phase, unread::cells as unread_cells,
};

/// A chunk with or without its witness.
#[derive(Clone)]
pub struct ChunkCircuit {
    plan: Arc<ChunkPlan>,
    cells: Cells,
}

/// The cells of a chunk that are known before the challenges.
#[derive(Clone)]
enum Cells {
    /// Kept, for as many passes as there are.
    Kept {
        fixed: Arc<FixedCells>,
        first: Option<Arc<Trace>>,
    },
    /// For the one pass of a proof: first-phase cells, which are gone after it. A proof takes the fixed ones from the key; the second
    /// phase has them made, so that they take no memory before and after.
    Once(Arc<Mutex<Option<Trace>>>),
}

/// Cells at the start of a pass.
struct Known {
    /// Where they are kept.
    fixed: Option<Arc<FixedCells>>,
    /// Where there is a witness.
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
        let cells = Cells::Kept { fixed, first: None };
        Ok(ChunkCircuit { plan, cells })
    }

    /// With the witness.
    ///
    /// # Errors
    /// If the values are not a trace of the model.
    pub fn for_proof(plan: Arc<ChunkPlan>, witness: &ChunkWitness) -> Result<Self, CircuitError> {
        let first = Some(Arc::new(first_phase::first_phase(&plan, witness)?));
        let fixed = Arc::new(fixed::fill(&plan)?);
        let cells = Cells::Kept { fixed, first };
        Ok(ChunkCircuit { plan, cells })
    }

    /// With the witness, for one proof, which takes less memory than with [`for_proof`](Self::for_proof). It has no fixed cells and no copy
    /// constraints, which are the key's: no key can be made of it, and it is good for one pass.
    ///
    /// # Errors
    /// If the values are not a trace of the model.
    pub fn for_one_proof(
        plan: Arc<ChunkPlan>,
        witness: &ChunkWitness,
    ) -> Result<Self, CircuitError> {
        let first = first_phase::first_phase(&plan, witness)?;
        let cells = Cells::Once(Arc::new(Mutex::new(Some(first))));
        Ok(ChunkCircuit { plan, cells })
    }

    /// Columns' worth of memory that a chunk of this shape takes beside its advice columns while they are made.
    pub fn witness_columns(shape: &CircuitShape) -> usize {
        let placement = arrangement::of(shape).placement();
        witness_columns(placement.fixed_columns(shape).len())
    }

    /// From fixed and first-phase cells.
    #[cfg(test)]
    pub(crate) fn new(plan: Arc<ChunkPlan>, fixed: Arc<FixedCells>, first: Trace) -> Self {
        let first = Some(Arc::new(first));
        let cells = Cells::Kept { fixed, first };
        ChunkCircuit { plan, cells }
    }

    fn assign(&self, region: &mut Region<'_, Fr>, columns: &Columns) -> Result<(), CircuitError> {
        let Known { fixed, first } = self.known()?;
        if let Some(fixed) = &fixed {
            assign_fixed(region, columns, fixed)?;
            for (left, right) in self.plan.copies()? {
                region.constrain_equal(halo2_cell(columns, left)?, halo2_cell(columns, right)?);
            }
        }
        if let Some(first) = &first {
            assign_trace(region, &columns.first, first);
        }
        region.next_phase();
        let challenges = region
            .get_challenge(columns.z)
            .zip(region.get_challenge(columns.r))
            .zip(region.get_challenge(columns.x));
        let mut outcome = Ok(());
        if let Some(first) = first {
            challenges.map(|((z, r), x)| {
                let challenges = Challenges { z, r, x };
                outcome = self.second_phase(fixed, &first, &challenges).map(|second| {
                    drop(first);
                    assign_trace(region, &columns.second, &second);
                });
            });
        }
        outcome
    }

    fn known(&self) -> Result<Known, CircuitError> {
        match &self.cells {
            Cells::Kept { fixed, first } => Ok(Known {
                fixed: Some(Arc::clone(fixed)),
                first: first.clone(),
            }),
            Cells::Once(first) => {
                let mut first = first.lock().unwrap_or_else(PoisonError::into_inner);
                let first = first.take().ok_or_else(|| {
                    CircuitError::inconsistent("chunk", "its witness has been used")
                })?;
                Ok(Known {
                    fixed: None,
                    first: Some(Arc::new(first)),
                })
            }
        }
    }

    fn second_phase(
        &self,
        fixed: Option<Arc<FixedCells>>,
        first: &Trace,
        challenges: &Challenges,
    ) -> Result<Trace, CircuitError> {
        let fixed = match fixed {
            Some(fixed) => fixed,
            None => Arc::new(fixed::fill(&self.plan)?),
        };
        second_phase::second_phase(&self.plan, &fixed, first, challenges)
    }
}

fn assign_fixed(
    region: &mut Region<'_, Fr>,
    columns: &Columns,
    fixed: &FixedCells,
) -> Result<(), CircuitError> {
    for (role, column) in &columns.fixed {
        for (row, value) in fixed.column(*role)?.iter().enumerate() {
            region.assign_fixed(*column, row, *value);
        }
    }
    Ok(())
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

/// Columns are handed over whole, without halo2's layouter.
impl Witness for ChunkCircuit {
    fn fill(self, phases: &mut Phases<'_>) -> Result<(), PlonkError> {
        let refused = |error: CircuitError| PlonkError::Witness(error.to_string());
        let mut meta = ConstraintSystem::default();
        let columns = Self::configure_with_params(&mut meta, self.params()).map_err(refused)?;
        let Known { fixed, first } = self.known().map_err(refused)?;
        let first = first.ok_or_else(|| PlonkError::Witness("the circuit has none".to_owned()))?;
        // The second phase is made of them, too.
        let lent: Vec<(usize, &[Fr])> = (columns.first.iter())
            .zip(first.columns())
            .map(|(column, values)| (column.index(), values.as_slice()))
            .collect();
        phases.end_phase_lending(&lent)?;
        let challenge = |challenge: Challenge| {
            let value = phases.challenge(challenge.index());
            value.ok_or_else(|| PlonkError::Witness("a challenge is not known".to_owned()))
        };
        let challenges = Challenges {
            z: challenge(columns.z)?,
            r: challenge(columns.r)?,
            x: challenge(columns.x)?,
        };
        let second = self
            .second_phase(fixed, &first, &challenges)
            .map_err(refused)?;
        let first = Arc::unwrap_or_clone(first).into_columns();
        for (column, values) in columns.first.iter().zip(first) {
            phases.give(column.index(), values)?;
        }
        for (column, values) in columns.second.iter().zip(second.into_columns()) {
            phases.set(column.index(), values)?;
        }
        Ok(())
    }
}

impl Circuit<Fr> for ChunkCircuit {
    type Config = Result<Columns, CircuitError>;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = CircuitShape;

    fn params(&self) -> CircuitShape {
        self.plan.shape().clone()
    }

    fn without_witnesses(&self) -> Self {
        let cells = match &self.cells {
            Cells::Kept { fixed, .. } => Cells::Kept {
                fixed: Arc::clone(fixed),
                first: None,
            },
            Cells::Once(_) => Cells::Once(Arc::default()),
        };
        ChunkCircuit {
            plan: Arc::clone(&self.plan),
            cells,
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
