//! What an operator must say to be proved: the traits behind the registry.

use crate::chip::function::Uses;
use crate::chip::logup::{DIGITS, Lookups};
use crate::chip::requantise::Digits;
use crate::chip::rlc::program::Program;
use crate::columns::{CellRef, Col, Fix, Query};
use crate::error::CircuitError;
use crate::gate::{Cells, Expr, Gates};
use crate::layout::place::ChunkLayout;
use crate::shape::CircuitShape;
use crate::trace::{Challenges, FixedCells, FixedValues, Trace};
use chainfer_model::quantized::{QLayer, QuantizedGraph, TensorId};
use chainfer_model::window::Window;
use halo2curves::bn256::Fr;
use halo2curves::ff::Field;
use std::fmt::Debug;

/// An operator in one arrangement: what it adds to the constraint system.
///
/// Only [`layer`](Operator::layer) is required. An operator whose outputs are requantised and that is linear in its inputs needs
/// no more; one with rows of another meaning has a flag for them, gates, and what its rows give the accumulator D.
pub(crate) trait Operator: Debug + Send + Sync {
    /// The layer, if it is one of this operator's.
    fn layer<'a>(&self, layer: &'a QLayer) -> Option<Box<dyn LayerChip + 'a>>;

    /// Whether a shape has the columns and gates of this operator.
    fn is_in(&self, _shape: &CircuitShape) -> bool {
        true
    }

    /// Marks a shape as one that has them.
    fn require(&self, _shape: &mut CircuitShape) {}

    /// Lanes that its rows need.
    fn lanes(&self) -> usize {
        1
    }

    /// The most lanes that its rows can stand in.
    fn most_lanes(&self) -> usize {
        usize::MAX
    }

    /// The flag of rows where a lane is not requantised, but belongs to this operator.
    fn own_rows(&self, _lane: usize) -> Option<Fix> {
        None
    }

    /// Its fixed columns that are no flags: no gate reads them in the last usable row.
    fn columns(&self, _shape: &CircuitShape) -> Vec<Fix> {
        vec![]
    }

    /// Its flags, in the order of their columns where they have columns of their own.
    fn flags(&self, _shape: &CircuitShape) -> Vec<Fix> {
        vec![]
    }

    /// Its encoded selectors, where its flags have no columns of their own.
    fn selectors(&self) -> Vec<Fix> {
        vec![]
    }

    /// One of its flags as an expression in its selectors.
    fn decode(&self, _role: Fix, _query: &mut Query<'_>) -> Option<Expr> {
        None
    }

    /// Sets its selectors in a row of activations, from the flags.
    fn encode(&self, _row: usize, _fixed: &mut FixedCells) -> Result<(), CircuitError> {
        Ok(())
    }

    /// Cells of an idle row that make one of its columns nonzero and change nothing that is read ([`unread`](crate::circuit)).
    fn idle(&self, _column: Fix) -> Option<Vec<(Fix, i64)>> {
        None
    }

    /// A further step of the accumulator D: the coefficient of D in the row above.
    fn sum_step(&self, _c: &mut Cells<'_, '_>) -> Option<Expr> {
        None
    }

    /// What a row of this operator adds to D.
    fn sum_term(&self, _c: &mut Cells<'_, '_>) -> Option<Expr> {
        None
    }

    /// [`sum_step`](Operator::sum_step) and [`sum_term`](Operator::sum_term) as values in a row, if there are any.
    fn sums<'a>(&self, _inputs: &SumInputs<'a>) -> Result<Option<RowSums<'a>>, CircuitError> {
        Ok(None)
    }

    /// Its gates, if it has any.
    fn gates(&self) -> Option<MakeGates> {
        None
    }
}

/// Makes an operator's gates.
pub(crate) type MakeGates = fn(&mut Cells<'_, '_>) -> Gates;

/// Step and term of D by row.
pub(crate) type RowSums<'a> = Box<dyn Fn(usize) -> (Fr, Fr) + 'a>;

/// What the values of D are computed from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SumInputs<'a> {
    pub(crate) shape: &'a CircuitShape,
    pub(crate) fixed: &'a FixedCells,
    pub(crate) first: &'a Trace,
    pub(crate) challenges: Challenges,
}

/// One layer of a chunk.
pub(crate) trait LayerChip {
    /// The windows through which it reads its inputs, one per term; an input that is read element by element has none.
    fn windows(&self) -> Vec<(TensorId, Window)>;

    /// Slots that an element of its output takes in rows of `lanes` slots.
    fn slots(&self, _lanes: usize) -> usize {
        1
    }

    /// Whether pairs of operands have rows of their own behind the output's.
    fn has_pairs(&self) -> bool {
        false
    }

    /// The table that it looks its output up in, by its index in the model.
    fn table(&self) -> Option<usize> {
        None
    }

    /// The activations that it repeats: cells with copy constraints.
    fn copies(&self, _layout: &ChunkLayout) -> Result<Vec<(CellRef, CellRef)>, CircuitError> {
        Ok(vec![])
    }

    /// Adds the layer's RLC check to the program, if it has one.
    fn relation(&self, program: &mut Program<'_>) -> Result<(), CircuitError>;

    /// Sets the layer's fixed cells among the rows of activations.
    fn fixed(&self, layout: &ChunkLayout, fixed: &mut FixedCells) -> Result<(), CircuitError>;

    /// Writes the layer's output.
    fn witness(&self, witness: &mut Witness<'_>) -> Result<(), CircuitError>;
}

/// The first phase while it is written.
#[derive(Debug)]
pub(crate) struct Witness<'a> {
    pub(crate) graph: &'a QuantizedGraph,
    pub(crate) layout: &'a ChunkLayout,
    /// Values of every tensor of the model, by id.
    pub(crate) values: &'a [Vec<u32>],
    pub(crate) trace: Trace,
    pub(crate) lookups: Lookups,
    pub(crate) uses: Uses,
}

impl Witness<'_> {
    /// Writes the looked-up cells of a lane that was idle.
    pub(crate) fn look_up(&mut self, lane: usize, row: usize, values: [u32; DIGITS]) {
        self.lookups.write(&mut self.trace, (lane, row), values);
    }

    /// Writes an activation with its digits.
    pub(crate) fn digits(&mut self, lane: usize, row: usize, d: Digits) {
        self.trace.set_small(Col::Y(lane), row, d.y);
        self.look_up(lane, row, [d.rem, d.v, d.e]);
        let biased = Fr::from((i64::from(d.c) + 1).unsigned_abs());
        self.trace.set(Col::C(lane), row, biased);
    }

    /// Writes a tensor that the chunk reads.
    pub(crate) fn input(&mut self, tensor: TensorId) -> Result<(), CircuitError> {
        let layout = self.layout.tensor(tensor, "input")?;
        let values = self.values;
        for (element, u) in values[tensor.0].iter().enumerate() {
            let (row, lane) = layout.cell(element);
            self.digits(lane, row, Digits::of_input(*u));
        }
        Ok(())
    }
}

/// The value of a flag: 1 or 0.
pub(crate) fn is_one(flags: FixedValues<'_>, row: usize) -> bool {
    !bool::from(flags[row].is_zero())
}
