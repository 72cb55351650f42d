//! Outputs that are requantised, of any operator: the steps of D over them, biases, digits.

use super::{D_STEP, bias, taken};
use crate::chip::operator::Witness;
use crate::chip::requantise::digits;
use crate::error::CircuitError;
use crate::field::signed;
use crate::layout::tensor::TensorLayout;
use crate::trace::FixedCells;
use chainfer_model::executor::accumulators;
use chainfer_model::quantized::QLayer;

/// D steps but where it begins.
pub(crate) fn fixed_steps(
    tensor: &TensorLayout,
    begins: impl Fn(usize) -> bool,
    fixed: &mut FixedCells,
) {
    for row in tensor.block().filter(|row| !begins(*row)) {
        fixed.flag(D_STEP, row);
    }
}

/// Every element's accumulator enters D, less its bias.
pub(crate) fn fixed_biases(tensor: &TensorLayout, biases: &[i64], fixed: &mut FixedCells) {
    for (element, value) in biases.iter().enumerate() {
        let (row, lane) = tensor.cell(element);
        fixed.flag(taken(lane), row);
        fixed.set(bias(lane), row, signed(*value));
    }
}

/// Writes a layer's output from its accumulators.
pub(crate) fn witness(layer: &QLayer, witness: &mut Witness<'_>) -> Result<(), CircuitError> {
    let range = witness.graph.range;
    let layout = witness.layout.tensor(layer.output(), layer.name())?;
    let found = accumulators(witness.graph, layer, witness.values);
    let found =
        found.ok_or_else(|| CircuitError::inconsistent(layer.name(), "it has no accumulators"))?;
    for (element, acc) in found.into_iter().enumerate() {
        let found = digits(acc, range).ok_or_else(|| CircuitError::AccumulatorBound {
            layer: layer.name().into(),
            bound: u128::from(acc.unsigned_abs()),
            limit: u128::from(range).pow(3),
        })?;
        let (row, lane) = layout.cell(element);
        witness.digits(lane, row, found);
    }
    Ok(())
}
