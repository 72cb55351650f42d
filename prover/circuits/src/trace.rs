//! The advice columns of one phase, and the fixed columns, while they are filled.
//!
//! Writing to a role that the shape has no column for, or past the last row, is remembered and refused at the end; reading one
//! is refused at once.

use crate::columns::{CellRef, Col, Fix, Placement};
use crate::error::CircuitError;
use crate::shape::CircuitShape;
use halo2curves::bn256::Fr;
use halo2curves::ff::Field;
use std::collections::BTreeMap;
use std::ops::Index;

/// Challenges squeezed after the first phase.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Challenges {
    /// For positions within a tensor.
    pub(crate) z: Fr,
    /// For output channels.
    pub(crate) r: Fr,
    /// In the denominators of lookups.
    pub(crate) x: Fr,
}

/// The advice columns of one phase, column-major.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    shape: CircuitShape,
    placement: &'static dyn Placement,
    first_phase: bool,
    columns: Vec<Vec<Fr>>,
    failed: Option<CircuitError>,
}

impl Trace {
    /// First-phase columns of zeros.
    pub(crate) fn first_phase(
        shape: &CircuitShape,
        placement: &'static dyn Placement,
        rows: usize,
    ) -> Self {
        Trace {
            shape: shape.clone(),
            placement,
            first_phase: true,
            columns: vec![vec![Fr::ZERO; rows]; placement.first_phase_columns(shape)],
            failed: None,
        }
    }

    /// Second-phase columns of zeros.
    pub(crate) fn second_phase(
        shape: &CircuitShape,
        placement: &'static dyn Placement,
        rows: usize,
    ) -> Self {
        Trace {
            shape: shape.clone(),
            placement,
            first_phase: false,
            columns: vec![vec![Fr::ZERO; rows]; placement.second_phase_columns(shape)],
            failed: None,
        }
    }

    fn position(&self, col: Col) -> Option<usize> {
        let own_phase = col.is_first_phase() == self.first_phase;
        own_phase
            .then(|| self.placement.position(col, &self.shape))
            .flatten()
    }

    /// Writes a cell.
    pub(crate) fn set(&mut self, col: Col, row: usize, value: Fr) {
        let column = self
            .position(col)
            .and_then(|at| self.columns.get_mut(at))
            .and_then(|column| column.get_mut(row));
        match column {
            Some(cell) => *cell = value,
            None => {
                self.failed
                    .get_or_insert(CircuitError::missing_cell(col, row));
            }
        }
    }

    /// Writes a small number.
    pub(crate) fn set_small(&mut self, col: Col, row: usize, value: u32) {
        self.set(col, row, Fr::from(u64::from(value)));
    }

    /// A whole column.
    pub(crate) fn column(&self, col: Col) -> Result<&[Fr], CircuitError> {
        self.position(col)
            .and_then(|at| self.columns.get(at))
            .map(Vec::as_slice)
            .ok_or_else(|| CircuitError::missing_column(col))
    }

    /// A whole column, for writing.
    pub(crate) fn column_mut(&mut self, col: Col) -> Result<&mut [Fr], CircuitError> {
        self.position(col)
            .and_then(|at| self.columns.get_mut(at))
            .map(Vec::as_mut_slice)
            .ok_or_else(|| CircuitError::missing_column(col))
    }

    /// A cell.
    pub(crate) fn get(&self, cell: CellRef) -> Result<Fr, CircuitError> {
        let found = self.column(cell.col)?.get(cell.row);
        found
            .copied()
            .ok_or_else(|| CircuitError::missing_cell(cell.col, cell.row))
    }

    /// All columns.
    pub(crate) fn columns(&self) -> &[Vec<Fr>] {
        &self.columns
    }

    /// All columns, for good.
    pub(crate) fn into_columns(self) -> Vec<Vec<Fr>> {
        self.columns
    }

    /// The trace, if every write found its cell.
    pub(crate) fn finish(mut self) -> Result<Self, CircuitError> {
        self.failed.take().map_or(Ok(self), Err)
    }
}

/// Fixed columns by role, and the flags that encoded selectors stand for; each has one value a usable row. Most are flags, which take a
/// byte a row.
#[derive(Clone, Debug)]
pub(crate) struct FixedCells {
    columns: BTreeMap<Fix, FixedColumn>,
    failed: Option<CircuitError>,
}

/// A fixed column.
#[derive(Clone, Debug)]
enum FixedColumn {
    /// Zeros and ones.
    Flags(Vec<bool>),
    /// Any values.
    Values(Vec<Fr>),
}

impl FixedColumn {
    /// Writes a cell, if there is one.
    fn set(&mut self, row: usize, value: Fr) -> Option<()> {
        match self {
            FixedColumn::Flags(flags) if value == ZERO || value == ONE => {
                *flags.get_mut(row)? = value == ONE;
            }
            FixedColumn::Flags(flags) => {
                let mut values: Vec<Fr> = flags.iter().map(|flag| *element(*flag)).collect();
                *values.get_mut(row)? = value;
                *self = FixedColumn::Values(values);
            }
            FixedColumn::Values(values) => *values.get_mut(row)? = value,
        }
        Some(())
    }
}

static ZERO: Fr = Fr::zero();
static ONE: Fr = Fr::one();

fn element(flag: bool) -> &'static Fr {
    if flag { &ONE } else { &ZERO }
}

/// The cells of a fixed column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FixedValues<'a>(&'a FixedColumn);

impl<'a> FixedValues<'a> {
    /// The value of a row.
    pub(crate) fn get(self, row: usize) -> Option<&'a Fr> {
        match self.0 {
            FixedColumn::Flags(flags) => flags.get(row).map(|flag| element(*flag)),
            FixedColumn::Values(values) => values.get(row),
        }
    }

    /// All values, row by row.
    pub(crate) fn iter(self) -> impl Iterator<Item = &'a Fr> {
        (0..self.len()).filter_map(move |row| self.get(row))
    }

    /// Number of rows.
    pub(crate) fn len(self) -> usize {
        match self.0 {
            FixedColumn::Flags(flags) => flags.len(),
            FixedColumn::Values(values) => values.len(),
        }
    }
}

impl Index<usize> for FixedValues<'_> {
    type Output = Fr;

    fn index(&self, row: usize) -> &Fr {
        match self.0 {
            FixedColumn::Flags(flags) => element(flags[row]),
            FixedColumn::Values(values) => &values[row],
        }
    }
}

impl FixedCells {
    /// Columns of zeros.
    pub(crate) fn new(
        shape: &CircuitShape,
        placement: &'static dyn Placement,
        rows: usize,
    ) -> Self {
        let roles = placement.fixed_columns(shape).into_iter();
        let columns = roles
            .chain(placement.encoded_flags(shape))
            .map(|role| (role, FixedColumn::Flags(vec![false; rows])))
            .collect();
        FixedCells {
            columns,
            failed: None,
        }
    }

    /// Writes a cell.
    pub(crate) fn set(&mut self, role: Fix, row: usize, value: Fr) {
        let column = self.columns.get_mut(&role);
        if column.and_then(|column| column.set(row, value)).is_none() {
            self.fail(CircuitError::missing_cell(role, row));
        }
    }

    /// Writes 1.
    pub(crate) fn flag(&mut self, role: Fix, row: usize) {
        self.set(role, row, Fr::ONE);
    }

    /// A whole column.
    pub(crate) fn column(&self, role: Fix) -> Result<FixedValues<'_>, CircuitError> {
        let found = self.columns.get(&role).map(FixedValues);
        found.ok_or_else(|| CircuitError::missing_column(role))
    }

    /// Whether a cell is not 0.
    pub(crate) fn is_set(&self, role: Fix, row: usize) -> Result<bool, CircuitError> {
        let cell = self.column(role)?.get(row);
        cell.map(|value| !bool::from(value.is_zero()))
            .ok_or_else(|| CircuitError::missing_cell(role, row))
    }

    fn fail(&mut self, error: CircuitError) {
        self.failed.get_or_insert(error);
    }

    /// The cells, if every write found its own.
    pub(crate) fn finish(mut self) -> Result<Self, CircuitError> {
        self.failed.take().map_or(Ok(self), Err)
    }
}
