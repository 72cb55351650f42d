//! The operators that circuits prove: the one list to extend.
//!
//! To add an operator, write its chip ([`Operator`] and [`LayerChip`]) and add it to both lists, at the end: their order is that of
//! columns and gates, and of codes in the compact arrangement.

use crate::chip::linear::Linear;
use crate::chip::max_pool::{compact, wide};
use crate::chip::operator::{LayerChip, Operator};
use crate::error::CircuitError;
use chainfer_model::quantized::QLayer;

/// An arrangement's operators.
pub(crate) type Operators = [&'static dyn Operator];

/// In the wide arrangement.
pub(crate) const WIDE: &Operators = &[&Linear, &wide::MaxPool];

/// In the compact arrangement.
pub(crate) const COMPACT: &Operators = &[&Linear, &compact::MaxPool];

/// The chip of a layer.
///
/// # Errors
/// If no operator proves it.
pub(crate) fn layer<'a>(
    operators: &Operators,
    layer: &'a QLayer,
) -> Result<Box<dyn LayerChip + 'a>, CircuitError> {
    let mut found = operators
        .iter()
        .filter_map(|operator| operator.layer(layer));
    found.next().ok_or_else(|| CircuitError::NoChip {
        layer: layer.name().into(),
    })
}

/// The operators of some layers.
pub(crate) fn used<'a>(
    operators: &'a Operators,
    layers: &'a [QLayer],
) -> impl Iterator<Item = &'static dyn Operator> + 'a {
    let has = |operator: &&'static dyn Operator| {
        layers.iter().any(|layer| operator.layer(layer).is_some())
    };
    operators.iter().copied().filter(has)
}
