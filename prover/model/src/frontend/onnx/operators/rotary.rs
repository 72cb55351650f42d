//! Rotary embeddings: pairs of elements turned by angles that depend on the position.

use super::entry::{Operator, many};
use crate::error::Result;
use crate::frontend::compose::{Arithmetic, ZERO, all};
use crate::frontend::onnx::attributes::Attributes;
use crate::frontend::onnx::importer::{Importer, Operand};
use crate::frontend::onnx::node::refuse;
use tract_onnx::pb::NodeProto;

pub(super) const OPERATORS: &[Operator] = &[many(
    "RotaryEmbedding",
    "constant or computed tables, constant positions",
    "rearrangements, products and sums",
    &["interleaved", "num_heads", "rotary_embedding_dim"],
    rotary,
)];

fn rotary(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    let input = importer.given(node, 0)?;
    let shape = importer.shape_of(&input);
    let heads = usize::try_from(node.int("num_heads", 0)).unwrap_or(0);
    // As [batch, positions, heads, elements of a head].
    let x = match *shape.as_slice() {
        [_, _, _, _] => importer.transposed(node, input, &[0, 2, 1, 3])?,
        [n, positions, width] if heads > 0 && width.is_multiple_of(heads) => {
            importer.reshaped(node, input, &[n, positions, heads, width / heads])?
        }
        _ => {
            return Err(refuse(
                node,
                format!("input shape {shape:?} with {heads} heads"),
            ));
        }
    };
    let own = importer.shape_of(&x);
    let width = own[3];
    let turned = match node.int("rotary_embedding_dim", 0) {
        0 => width,
        n => usize::try_from(n).unwrap_or(usize::MAX),
    };
    if turned > width || turned == 0 || !turned.is_multiple_of(2) {
        return Err(refuse(
            node,
            format!("rotary_embedding_dim {turned} of {width}"),
        ));
    }
    let half = turned / 2;
    let interleaved = node.int("interleaved", 0) != 0;
    let [first, second]: [Vec<Option<usize>>; 2] = if interleaved {
        [0, 1].map(|k| (0..half).map(|i| Some(2 * i + k)).collect())
    } else {
        [0, half].map(|k| (0..half).map(|i| Some(i + k)).collect())
    };
    let (x1, x2) = (
        columns(importer, node, &x, first)?,
        columns(importer, node, &x, second)?,
    );
    let cos = table(importer, node, 1, &own, half)?;
    let sin = table(importer, node, 2, &own, half)?;
    let mut mix = |op, a: &Operand, b: &Operand| {
        let left = importer.arithmetic(node, Arithmetic::Mul, x1.clone(), a.clone())?;
        let right = importer.arithmetic(node, Arithmetic::Mul, x2.clone(), b.clone())?;
        importer.arithmetic(node, op, left, right)
    };
    let real = mix(Arithmetic::Sub, &cos, &sin)?;
    let imaginary = mix(Arithmetic::Add, &sin, &cos)?;
    let both = importer.concatenated(node, &[real, imaginary], 3)?;
    let both = if interleaved {
        let order = (0..turned).map(|i| Some(i / 2 + i % 2 * half)).collect();
        columns(importer, node, &both, order)?
    } else {
        both
    };
    let whole = if turned == width {
        both
    } else {
        let rest = importer.part(node, &x, 3, turned..width)?;
        importer.concatenated(node, &[both, rest], 3)?
    };
    Ok(vec![if shape.len() == 4 {
        importer.transposed(node, whole, &[0, 2, 1, 3])?
    } else {
        importer.reshaped(node, whole, &shape)?
    }])
}

/// Elements of the last axis, of four.
fn columns(
    importer: &mut Importer,
    node: &NodeProto,
    x: &Operand,
    order: Vec<Option<usize>>,
) -> Result<Operand> {
    let shape = importer.shape_of(x);
    let axes = [all(shape[0]), all(shape[1]), all(shape[2]), order];
    importer.pick(node, x, &axes, ZERO)
}

/// A table of cosines or sines for each position, so that it broadcasts to all heads.
fn table(
    importer: &mut Importer,
    node: &NodeProto,
    index: usize,
    shape: &[usize],
    half: usize,
) -> Result<Operand> {
    let table = importer.given(node, index)?;
    let own = importer.shape_of(&table);
    let target = [shape[0], shape[1], 1, half];
    let positions = importer.constant(node, 3)?;
    let bad = || {
        refuse(
            node,
            format!("input {index} of shape {own:?} for {shape:?} and {half} pairs"),
        )
    };
    match positions {
        None if own == [shape[0], shape[1], half] => importer.reshaped(node, table, &target),
        Some(positions) if positions.shape == shape[..2] && own.len() == 2 && own[1] == half => {
            let row = |v: &f64| {
                let inside = (0.0..own[0] as f64).contains(v);
                inside.then_some(Some(*v as usize))
            };
            let rows = positions.data.iter().map(row).collect::<Option<Vec<_>>>();
            let rows = rows.ok_or_else(bad)?;
            let picked = importer.pick(node, &table, &[rows, all(half)], ZERO)?;
            importer.reshaped(node, picked, &target)
        }
        _ => Err(bad()),
    }
}
