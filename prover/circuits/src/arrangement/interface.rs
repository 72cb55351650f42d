//! What an arrangement decides.

use crate::chip::openings::grid::{Grid, Wiring};
use crate::chip::openings::plan::OpeningPlan;
use crate::chip::operator::Operator;
use crate::chip::packing::Packing;
use crate::columns::{Columns, Fix, Placement};
use crate::error::CircuitError;
use crate::shape::CircuitShape;
use crate::trace::FixedCells;
use halo2_proofs::plonk::ConstraintSystem;
use halo2curves::bn256::Fr;
use std::ops::{Range, RangeInclusive};

/// Where activations, RLC checks and hashing stand: which columns, which rows.
pub(crate) trait Arrangement: Placement {
    /// Itself, for what only needs to know where columns are.
    fn placement(&self) -> &'static dyn Placement;

    /// The operators, as this arrangement proves them.
    fn operators(&self) -> Vec<&'static dyn Operator>;

    /// How elements are packed.
    fn packing(&self) -> &'static dyn Packing;

    /// How hashed words are wired.
    fn wiring(&self) -> &'static dyn Wiring;

    /// A shape of this arrangement without columns.
    fn base(&self) -> CircuitShape;

    /// The sizes that plans are searched among; a shape has at least as many lanes as its operators need.
    fn sizes(&self) -> Sizes;

    /// First row of activations, given the rows of the check and of hashing.
    fn first_value_row(&self, check: usize, hashing: usize) -> usize;

    /// The row after the last that a column of weights or biases needs, given the end of the check and of activations.
    fn end_of(&self, role: Fix, check: usize, values: usize) -> usize;

    /// Adds all gates of a shape, in order.
    fn configure(
        &self,
        meta: &mut ConstraintSystem<Fr>,
        columns: &Columns,
    ) -> Result<(), CircuitError>;

    /// Sets the selectors of the rows of activations from their flags, where those have no columns of their own.
    fn encode(
        &self,
        shape: &CircuitShape,
        values: Range<usize>,
        fixed: &mut FixedCells,
    ) -> Result<(), CircuitError>;

    /// The operators of a shape.
    fn operators_in(&self, shape: &CircuitShape) -> Vec<&'static dyn Operator> {
        let all = self.operators().into_iter();
        all.filter(|operator| operator.is_in(shape)).collect()
    }

    /// Lanes that a shape's operators need.
    fn lanes_needed(&self, shape: &CircuitShape) -> usize {
        let needed = self.operators_in(shape).into_iter();
        needed.map(|operator| operator.lanes()).max().unwrap_or(1)
    }

    /// The most lanes that a shape's operators can have.
    fn most_lanes(&self, shape: &CircuitShape) -> usize {
        let allowed = self.operators_in(shape).into_iter();
        let most = allowed.map(|operator| operator.most_lanes()).min();
        most.unwrap_or(usize::MAX).min(*self.sizes().lanes.end())
    }

    /// The places of hashed words.
    fn grid(&self, plan: &OpeningPlan, shape: &CircuitShape) -> Grid {
        Grid::new(plan, shape.hash_lanes, self.packing(), self.wiring())
    }
}

/// Sizes of shapes.
#[derive(Clone, Debug)]
pub(crate) struct Sizes {
    pub(crate) lanes: RangeInclusive<usize>,
    pub(crate) weights_per_row: &'static [usize],
    pub(crate) hash_lanes: RangeInclusive<usize>,
    pub(crate) limbs: &'static [u32],
}
