//! Functions of one activation: y = f(x), looked up in a table of pairs.
//!
//! A slot of the output has y as any activation has, with c = 0 and v = y; the argument x stands in the cell e, which only a saturation
//! would need. The tables that a chunk uses have the tags 1, 2, …; a fixed cell holds the slot's tag, 0 where there is no function. With
//! K = 2^17, which is above every activation, the lookup argument ([`logup`](crate::chip::logup)) has two more kinds of fractions,
//!
//! ```text
//! tag / (x + K tag + e + r (y + 1))   -   mult / (x + key + r value)       key = K tag + argument, value = f(argument) + 1
//! ```
//!
//! in the same sums: it looks up pairs, where a digit d is the pair (d, 0). No digit is mistaken for an entry of a function, whose
//! second component is not 0, nor the other way round, as no function's key is below K. Entries that pad a table are (0, 0), the digit 0.
//! The weight of a slot is its tag rather than 1, which is as good: it is not 0, and its sums stay below the field's characteristic.
//!
//! That e is the argument, the layer's equation says. D takes in tag e, so with the point sums B of the input ([`windows`])
//!
//! ```text
//! sum over channels, Horner by r:  tag B_o - D_o = 0               degree of D's term: 3 with the flag of active rows
//! ```
//!
//! Security: docs/security.md#rule-5-logup, docs/security.md#rule-3-one-equation-per-layer.

use crate::chip::linear::{outputs, windows};
use crate::chip::logup::{Fractions, Numerators};
use crate::chip::operator::{LayerChip, Operator, RowSums, SumInputs, Witness};
use crate::chip::requantise::Digits;
use crate::chip::rlc::program::{Program, Step, Term};
use crate::columns::{ACTIVE, Col, Fix, UNIT};
use crate::error::CircuitError;
use crate::field::{powers, two_to};
use crate::gate::{Cells, Expr, int, power, sum};
use crate::layout::place::ChunkLayout;
use crate::shape::CircuitShape;
use crate::trace::{FixedCells, Trace};
use chainfer_model::quantized::{QFunction, QLayer, QuantizedGraph, TensorId};
use chainfer_model::window::Window;
use halo2curves::bn256::Fr;
use halo2curves::ff::Field;

pub(crate) const TAG: &str = "function: tag";

/// The tag of the lane's function, 0 where there is none.
pub(crate) const fn tag(lane: usize) -> Fix {
    Fix::nth(TAG, lane)
}

/// Tag and argument of a table's entry.
pub(crate) const KEY: Fix = Fix::new("function: key");
/// The entry's value, plus 1.
pub(crate) const VALUE: Fix = Fix::new("function: value");

/// log2 of what a tag counts for in a key: more than any argument.
const TAG_BITS: u64 = 17;

/// First-phase columns besides those of activations.
pub(crate) fn advice_columns(shape: &CircuitShape) -> usize {
    usize::from(shape.functions)
}

/// Lookups of a row.
pub(crate) fn lookups(shape: &CircuitShape) -> usize {
    if shape.functions { shape.lanes } else { 0 }
}

/// Fractions of a row: the lanes' lookups, and an entry.
pub(crate) fn fraction_count(shape: &CircuitShape) -> usize {
    match lookups(shape) {
        0 => 0,
        lookups => lookups + 1,
    }
}

/// The fractions, numerator and denominator each.
pub(crate) fn fractions(c: &mut Cells<'_, '_>) -> Vec<(Expr, Expr)> {
    let mut fractions = Vec::new();
    if fraction_count(c.shape()) == 0 {
        return fractions;
    }
    let (x, r) = (c.x(), c.r());
    for l in 0..c.shape().lanes {
        let (own, argument, y) = (c.fix(tag(l)), c.cur(Col::E(l)), c.cur(Col::Y(l)));
        let key = own.clone() * two_to(TAG_BITS) + argument;
        fractions.push((own, x.clone() + key + r.clone() * (y + int(1))));
    }
    let entry = c.fix(KEY) + r * c.fix(VALUE);
    fractions.push((-c.cur(Col::TableMult), x + entry));
    fractions
}

/// The fractions' values.
pub(crate) fn second_phase<'a>(
    active: usize,
    inputs: &SumInputs<'a>,
    fractions: &mut Fractions<'a>,
) -> Result<(), CircuitError> {
    let (shape, fixed, first) = (inputs.shape, inputs.fixed, inputs.first);
    if fraction_count(shape) == 0 {
        return Ok(());
    }
    let (x, r) = (inputs.challenges.x, inputs.challenges.r);
    let place = two_to(TAG_BITS);
    for l in 0..shape.lanes {
        let tags = fixed.column(tag(l))?;
        let (arguments, values) = (first.column(Col::E(l))?, first.column(Col::Y(l))?);
        let pair =
            |row: usize| x + place * tags[row] + arguments[row] + r * (values[row] + Fr::ONE);
        // Where there is no tag the denominator does not matter.
        let used = |row: usize| !bool::from(tags[row].is_zero());
        let denominators = (0..active).map(|row| if used(row) { pair(row) } else { Fr::ONE });
        fractions.push(Numerators::Cells(tags), denominators);
    }
    let (keys, values) = (fixed.column(KEY)?, fixed.column(VALUE)?);
    let entries = keys.iter().zip(values.iter()).take(active);
    let multiplicities = Numerators::Minus(first.column(Col::TableMult)?);
    fractions.push(
        multiplicities,
        entries.map(|(key, value)| x + key + r * value),
    );
    Ok(())
}

/// The tables of a chunk, one after the other.
pub(crate) fn fixed_tables(
    layout: &ChunkLayout,
    graph: &QuantizedGraph,
    fixed: &mut FixedCells,
) -> Result<(), CircuitError> {
    let mut row = 0;
    for (table, tag) in layout.tables.iter().zip(1u64..) {
        let values = graph.tables.get(*table);
        let values = values
            .ok_or_else(|| CircuitError::inconsistent("functions", "a table does not exist"))?;
        for (argument, value) in (0u64..).zip(values) {
            fixed.set(KEY, row, Fr::from((tag << TAG_BITS) + argument));
            fixed.set(VALUE, row, Fr::from(u64::from(*value) + 1));
            row += 1;
        }
    }
    Ok(())
}

/// How often each entry of the tables is looked up, each lookup as often as its tag says.
#[derive(Debug)]
pub(crate) struct Uses {
    range: usize,
    counts: Vec<u64>,
}

impl Uses {
    /// None yet.
    pub(crate) fn new(shape: &CircuitShape, layout: &ChunkLayout) -> Self {
        let range = shape.range as usize;
        Uses {
            range,
            counts: vec![0; layout.tables.len() * range],
        }
    }

    fn count(&mut self, tag: usize, argument: u32) {
        self.counts[(tag - 1) * self.range + argument as usize] += tag as u64;
    }

    /// Writes the multiplicities.
    pub(crate) fn finish(self, trace: &mut Trace) {
        for (row, count) in self.counts.into_iter().enumerate() {
            trace.set(Col::TableMult, row, Fr::from(count));
        }
    }
}

/// The operator of functions.
#[derive(Debug)]
pub(crate) struct Function;

impl Operator for Function {
    fn layer<'a>(&self, layer: &'a QLayer) -> Option<Box<dyn LayerChip + 'a>> {
        match layer {
            QLayer::Function(function) => Some(Box::new(Layer(function))),
            _ => None,
        }
    }

    fn is_in(&self, shape: &CircuitShape) -> bool {
        shape.functions
    }

    fn require(&self, shape: &mut CircuitShape) {
        shape.functions = true;
    }

    fn columns(&self, shape: &CircuitShape) -> Vec<Fix> {
        let mut columns: Vec<Fix> = (0..shape.lanes).map(tag).collect();
        columns.extend([KEY, VALUE]);
        columns
    }

    fn sum_term(&self, c: &mut Cells<'_, '_>) -> Option<Expr> {
        let lanes = c.shape().lanes;
        let z = c.z();
        let arguments: Vec<Expr> = (0..lanes)
            .map(|l| c.fix(tag(l)) * c.cur(Col::E(l)) * power(&z, lanes - 1 - l))
            .collect();
        Some(c.fix(UNIT) * c.fix(ACTIVE) * sum(arguments))
    }

    fn sums<'a>(&self, inputs: &SumInputs<'a>) -> Result<Option<RowSums<'a>>, CircuitError> {
        let (first, fixed) = (inputs.first, inputs.fixed);
        let lane = |l| Ok((fixed.column(tag(l))?, first.column(Col::E(l))?));
        let lanes: Vec<_> = (0..inputs.shape.lanes)
            .map(lane)
            .collect::<Result<_, CircuitError>>()?;
        let z = powers(inputs.challenges.z, lanes.len());
        Ok(Some(Box::new(move |row| {
            let mut term = Fr::ZERO;
            for ((tags, arguments), z) in lanes.iter().zip(z.iter().rev()) {
                if !bool::from(tags[row].is_zero()) {
                    term += tags[row] * arguments[row] * z;
                }
            }
            (Fr::ZERO, term)
        })))
    }
}

struct Layer<'a>(&'a QFunction);

impl LayerChip for Layer<'_> {
    fn windows(&self) -> Vec<(TensorId, Window)> {
        vec![(self.0.input, Window::POINT)]
    }

    fn table(&self) -> Option<usize> {
        Some(self.0.table)
    }

    /// `sum_o r^(O-1-o) (tag B_o - D_o) = 0`, Horner over the channels.
    fn relation(&self, program: &mut Program<'_>) -> Result<(), CircuitError> {
        let (layout, name) = (program.layout(), &self.0.name);
        let out = program.tensor(self.0.output, name)?;
        let tag = layout.tag(self.0.table, name)? as i64;
        let tensors = (self.0.input, self.0.output);
        windows::prepare(program, name, &Window::POINT, tensors)?;
        let mut step = Step::Drop;
        for channel in 0..out.dims.c {
            program.unit();
            program.product(Col::D.at(out.channel_end(channel)), -1, step);
            step = Step::R;
            let arguments = windows::taps(layout, name, &Window::POINT, tensors, channel, (0, 0))?;
            let weighted = arguments.into_iter().map(|term| Term {
                factor: tag * term.factor,
                ..term
            });
            program.products(&weighted.collect::<Vec<_>>(), Step::Hold);
        }
        program.check();
        program.relation_has_degree(out.dims.c + out.chan_units());
        Ok(())
    }

    fn fixed(&self, layout: &ChunkLayout, fixed: &mut FixedCells) -> Result<(), CircuitError> {
        let tensor = layout.tensor(self.0.output, &self.0.name)?;
        outputs::fixed_steps(tensor, |row| tensor.begins_channel(row), fixed);
        let own = Fr::from(layout.tag(self.0.table, &self.0.name)? as u64);
        for element in 0..tensor.dims.len() {
            let (row, lane) = tensor.cell(element);
            fixed.set(tag(lane), row, own);
        }
        Ok(())
    }

    fn witness(&self, witness: &mut Witness<'_>) -> Result<(), CircuitError> {
        let layout = witness.layout.tensor(self.0.output, &self.0.name)?;
        let tag = witness.layout.tag(self.0.table, &self.0.name)?;
        let values = witness.values;
        let pairs = values[self.0.input.0].iter().zip(&values[self.0.output.0]);
        for (element, (argument, value)) in pairs.enumerate() {
            let (row, lane) = layout.cell(element);
            let digits = Digits {
                e: *argument,
                ..Digits::of_input(*value)
            };
            witness.digits(lane, row, digits);
            witness.uses.count(tag, *argument);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
