//! The chunk circuit as halo2 sees it.

use crate::columns::{CellRef, Columns};
use crate::commitment::{InferenceCommitment, pack};
use crate::error::CircuitError;
use crate::fill::{Filled, fill};
use crate::gates;
use crate::plan::ChunkPlan;
use crate::second::{Challenges, second_phase};
use crate::shape::CircuitShape;
use crate::witness::{ChunkWitness, FirstTrace, first_phase};
use chainfer_model::partitioned::{PartitionedModel, Visibility};
use halo2_proofs::circuit::{Cell, Layouter, Region, SimpleFloorPlanner, Value};
use halo2_proofs::plonk::{Advice, Circuit, Column, ConstraintSystem, Error};
use halo2curves::bn256::Fr;
use std::sync::Arc;

/// A chunk with or without its witness.
#[derive(Clone)]
pub struct ChunkCircuit {
    plan: Option<Arc<ChunkPlan>>,
    fixed: Option<Arc<Filled>>,
    first: Option<Arc<FirstTrace>>,
    /// A cell that tests add 1 to after all is computed.
    bumped: Option<CellRef>,
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
    pub fn for_keygen(plan: Arc<ChunkPlan>) -> Self {
        let fixed = Some(Arc::new(fill(&plan)));
        ChunkCircuit {
            plan: Some(plan),
            fixed,
            first: None,
            bumped: None,
        }
    }

    /// With the witness.
    ///
    /// # Errors
    /// If the values are not a trace of the model.
    pub fn for_proof(plan: Arc<ChunkPlan>, witness: &ChunkWitness) -> Result<Self, CircuitError> {
        let first = first_phase(&plan, witness)?;
        let fixed = Some(Arc::new(fill(&plan)));
        Ok(ChunkCircuit {
            plan: Some(plan),
            fixed,
            first: Some(Arc::new(first)),
            bumped: None,
        })
    }

    /// Overwrites first-phase cells before anything is derived from them: what a prover could do.
    #[cfg(test)]
    pub(crate) fn tampered(&self, cells: &[(CellRef, Fr)]) -> Self {
        let mut copy = self.clone();
        if let (Some(first), Some(plan)) = (&copy.first, &copy.plan) {
            let mut changed = FirstTrace::clone(first);
            for (cell, value) in cells {
                changed.columns[cell.col.index(&plan.shape)][cell.row] = *value;
            }
            copy.first = Some(Arc::new(changed));
        }
        copy
    }

    /// Adds 1 to a cell and changes nothing that depends on it.
    #[cfg(test)]
    pub(crate) fn bumped(&self, cell: CellRef) -> Self {
        let mut copy = self.clone();
        copy.bumped = Some(cell);
        copy
    }

    #[cfg(test)]
    pub(crate) fn first(&self) -> Option<&FirstTrace> {
        self.first.as_deref()
    }

    fn assign_fixed(&self, region: &mut Region<'_, Fr>, columns: &Columns) {
        let Some(fixed) = &self.fixed else { return };
        for (role, column) in &columns.fixed {
            if let Some(values) = fixed.columns.get(role) {
                for (row, value) in values.iter().enumerate() {
                    region.assign_fixed(*column, row, *value);
                }
            }
        }
    }

    fn assign_columns(
        &self,
        region: &mut Region<'_, Fr>,
        columns: &[Column<Advice>],
        values: &[Vec<Fr>],
    ) {
        for (column, values) in columns.iter().zip(values) {
            for (row, value) in values.iter().enumerate() {
                region.assign_advice(*column, row, Value::known(*value));
            }
        }
    }

    fn assign_bumped(
        &self,
        region: &mut Region<'_, Fr>,
        columns: &Columns,
        values: &[Vec<Fr>],
        first_phase: bool,
    ) {
        let Some(plan) = &self.plan else { return };
        if let Some(cell) = self
            .bumped
            .filter(|cell| cell.col.is_first_phase() == first_phase)
        {
            let value = values[cell.col.index(plan.shape())][cell.row] + Fr::one();
            region.assign_advice(columns.advice(cell.col), cell.row, Value::known(value));
        }
    }
}

fn halo2_cell(columns: &Columns, cell: CellRef) -> Cell {
    Cell {
        row_offset: cell.row,
        column: columns.advice(cell.col).into(),
    }
}

impl Circuit<Fr> for ChunkCircuit {
    type Config = Columns;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = CircuitShape;

    fn params(&self) -> CircuitShape {
        self.plan
            .as_ref()
            .map(|p| p.shape().clone())
            .unwrap_or_default()
    }

    fn without_witnesses(&self) -> Self {
        ChunkCircuit {
            first: None,
            bumped: None,
            ..self.clone()
        }
    }

    fn configure_with_params(meta: &mut ConstraintSystem<Fr>, shape: CircuitShape) -> Columns {
        let columns = Columns::allocate(meta, &shape);
        gates::configure(meta, &columns);
        columns
    }

    fn configure(meta: &mut ConstraintSystem<Fr>) -> Columns {
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

    fn synthesize(&self, columns: Columns, mut layouter: impl Layouter<Fr>) -> Result<(), Error> {
        let Some(plan) = &self.plan else {
            return Err(Error::Synthesis);
        };
        layouter.assign_region(
            || "chunk",
            |mut region| {
                self.assign_fixed(&mut region, &columns);
                if let Some(first) = &self.first {
                    self.assign_columns(&mut region, &columns.first, &first.columns);
                    self.assign_bumped(&mut region, &columns, &first.columns, true);
                }
                for (left, right) in plan.copies() {
                    region.constrain_equal(halo2_cell(&columns, left), halo2_cell(&columns, right));
                }
                region.next_phase();
                let challenges = region
                    .get_challenge(columns.z)
                    .zip(region.get_challenge(columns.r))
                    .zip(region.get_challenge(columns.x))
                    .map(|((z, r), x)| Challenges { z, r, x });
                if let (Some(first), Some(fixed)) = (&self.first, &self.fixed) {
                    challenges.map(|challenges| {
                        let second = second_phase(plan, fixed, first, &challenges);
                        self.assign_columns(&mut region, &columns.second, &second.columns);
                        self.assign_bumped(&mut region, &columns, &second.columns, false);
                    });
                }
                Ok(())
            },
        )?;
        for (cell, row) in plan.instance_copies() {
            layouter.constrain_instance(halo2_cell(&columns, cell), columns.instance, row);
        }
        Ok(())
    }
}

/// The instance column of a chunk: `[root, context, public values…]`.
pub fn chunk_instances(
    model: &PartitionedModel,
    chunk: usize,
    values: &[Vec<u32>],
    commitment: &InferenceCommitment,
    context: Fr,
) -> Vec<Fr> {
    let mut instances = vec![commitment.root(), context];
    for leaf in &model.chunks[chunk].exposes {
        let info = &model.leaves[*leaf];
        match info.visibility {
            Visibility::Public => instances.extend(pack(&values[info.tensor.0])),
            Visibility::Committed => instances.push(commitment.leaves[*leaf]),
        }
    }
    instances
}
