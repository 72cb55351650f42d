//! Gathers: elements of other tensors in another arrangement.
//!
//! An element of the output has a slot with a cell y, as a model input has; a copy constraint says that it is the source's y. There is no
//! gate and no equation: y = y' for each element, and in range because y' is.
//!
//! The slot's other cells are digits of y that nothing reads. Slots without an element are tied to nothing, and read by nothing: the masks
//! of windows, operands, packing and further gathers reach elements only.

use crate::chip::operator::{LayerChip, Operator, Witness};
use crate::chip::rlc::program::Program;
use crate::columns::{CellRef, Col};
use crate::error::CircuitError;
use crate::layout::place::ChunkLayout;
use crate::layout::tensor::TensorLayout;
use crate::trace::FixedCells;
use chainfer_model::quantized::{QGather, QLayer, TensorId};
use chainfer_model::window::Window;

/// The operator of gathers.
#[derive(Debug)]
pub(crate) struct Gather;

impl Operator for Gather {
    fn layer<'a>(&self, layer: &'a QLayer) -> Option<Box<dyn LayerChip + 'a>> {
        match layer {
            QLayer::Gather(gather) => Some(Box::new(Layer(gather))),
            _ => None,
        }
    }
}

/// The cell that holds an element.
pub(crate) fn activation(tensor: &TensorLayout, element: usize) -> CellRef {
    let (row, lane) = tensor.cell(element);
    Col::Y(lane).at(row)
}

struct Layer<'a>(&'a QGather);

impl LayerChip for Layer<'_> {
    fn windows(&self) -> Vec<(TensorId, Window)> {
        vec![]
    }

    fn copies(&self, layout: &ChunkLayout) -> Result<Vec<(CellRef, CellRef)>, CircuitError> {
        let output = layout.tensor(self.0.output, &self.0.name)?;
        let sources = self.0.sources.iter();
        let sources: Vec<&TensorLayout> = sources
            .map(|id| layout.tensor(*id, &self.0.name))
            .collect::<Result<_, _>>()?;
        let source = |mut element: usize| {
            for tensor in &sources {
                match element.checked_sub(tensor.dims.len()) {
                    None => return Some(activation(tensor, element)),
                    Some(rest) => element = rest,
                }
            }
            None
        };
        let copy = |(place, element): (usize, &usize)| {
            let source = source(*element).ok_or_else(|| {
                CircuitError::inconsistent(&self.0.name, "an element is in no source")
            })?;
            Ok((activation(output, place), source))
        };
        self.0.elements.iter().enumerate().map(copy).collect()
    }

    fn relation(&self, _program: &mut Program<'_>) -> Result<(), CircuitError> {
        Ok(())
    }

    fn fixed(&self, _layout: &ChunkLayout, _fixed: &mut FixedCells) -> Result<(), CircuitError> {
        Ok(())
    }

    fn witness(&self, witness: &mut Witness<'_>) -> Result<(), CircuitError> {
        witness.input(self.0.output)
    }
}

#[cfg(test)]
mod tests;
