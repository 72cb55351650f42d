//! The greatest and the least elements of an axis.

use super::entry::{Operator, many};
use crate::error::Result;
use crate::frontend::onnx::attributes::Attributes;
use crate::frontend::onnx::importer::{Importer, Operand};
use crate::frontend::onnx::node::refuse;
use tract_onnx::pb::NodeProto;

pub(super) const OPERATORS: &[Operator] = &[many(
    "TopK",
    "a constant number of elements, of at most 128; values and indices, in order",
    "comparisons of all pairs, and a matrix product",
    &["axis", "k", "largest", "sorted"],
    top,
)];

fn top(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    let x = importer.given(node, 0)?;
    let rank = importer.shape_of(&x).len();
    let axis = importer.axis(node, -1, rank)?;
    let count = match importer.opset {
        ..10 => node.int("k", 0),
        _ => match importer.integers(node, 1)?.as_deref() {
            Some([k]) => *k,
            other => {
                return Err(refuse(
                    node,
                    format!("{other:?} elements; supported: one constant number"),
                ));
            }
        },
    };
    let count = usize::try_from(count).unwrap_or(0);
    let least = node.int("largest", 1) == 0;
    let mut at = importer.at(node);
    let signed = if least { at.scaled(&x, -1.0)? } else { x };
    let [values, places] = at.greatest(&signed, axis, count)?;
    let values = if least {
        at.scaled(&values, -1.0)?
    } else {
        values
    };
    Ok(vec![values, places])
}
