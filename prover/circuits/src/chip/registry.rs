//! The operators that circuits prove: the one list to extend.
//!
//! To add an operator, write its chip ([`Operator`] and [`LayerChip`]) and add an entry here, at the end: the order is that of columns
//! and gates, and of encodings in the compact arrangement. Nothing else lists operators, but the layers of a model
//! ([`QLayer`]), the parameter of a shape that says whether it has the operator's columns ([`Operator::require`]), and the catalogue, whose
//! last entry has all of them.

use crate::chip::function::Function;
use crate::chip::gather::Gather;
use crate::chip::linear::Linear;
use crate::chip::mat_mul::MatMul;
use crate::chip::max_pool;
use crate::chip::operator::{LayerChip, Operator};
use crate::chip::product::Product;
use crate::error::CircuitError;
use chainfer_model::quantized::QLayer;

/// An operator, as each arrangement proves it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) wide: &'static dyn Operator,
    pub(crate) compact: &'static dyn Operator,
}

/// The operators, in the order of their columns and gates.
pub(crate) const OPERATORS: &[Entry] = &[
    Entry {
        wide: &Linear,
        compact: &Linear,
    },
    Entry {
        wide: &max_pool::wide::MaxPool,
        compact: &max_pool::compact::MaxPool,
    },
    Entry {
        wide: &Gather,
        compact: &Gather,
    },
    Entry {
        wide: &Function,
        compact: &Function,
    },
    Entry {
        wide: &Product,
        compact: &Product,
    },
    Entry {
        wide: &MatMul,
        compact: &MatMul,
    },
];

/// The operators of an arrangement.
pub(crate) type Operators = [&'static dyn Operator];

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
