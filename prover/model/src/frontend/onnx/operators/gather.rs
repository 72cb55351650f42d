//! Elements by their indices.

use super::entry::{Operator, many};
use super::movement::MOVED;
use crate::error::Result;
use crate::float::{Constant, Element, FloatId, FloatOp, Function};
use crate::frontend::compose::{Sources, View, ZERO, coordinates, ravel};
use crate::frontend::onnx::attributes::Attributes;
use crate::frontend::onnx::importer::{Importer, Operand};
use crate::frontend::onnx::node::{refuse, size};
use tract_onnx::pb::NodeProto;

/// Rows of a table that is read by indices of the input.
const MAX_ROWS: usize = 4096;

pub(super) const OPERATORS: &[Operator] = &[
    many(
        "Gather",
        "constant indices; or indices that depend on the input, into at most 4096 entries",
        "a rearrangement; a comparison with every index and a linear layer",
        &["axis"],
        gather,
    ),
    many(
        "GatherElements",
        "constant indices",
        MOVED,
        &["axis"],
        gather_elements,
    ),
    many(
        "GatherND",
        "constant indices",
        MOVED,
        &["batch_dims"],
        gather_nd,
    ),
    many(
        "OneHot",
        "constant depth of at most 4096, constant values",
        "a comparison with every index",
        &["axis"],
        one_hot,
    ),
];

/// Indices as coordinates of an axis; negative ones count from the end.
fn index(node: &NodeProto, value: f64, length: usize) -> Result<usize> {
    let at = if value < 0.0 {
        value + length as f64
    } else {
        value
    };
    if (0.0..length as f64).contains(&at) {
        return Ok(at as usize);
    }
    Err(refuse(
        node,
        format!("index {value} of an axis of length {length}"),
    ))
}

fn gather(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    let data = importer.given(node, 0)?;
    let shape = importer.shape_of(&data);
    let axis = importer.axis(node, 0, shape.len())?;
    let indices = match importer.given(node, 1)? {
        Operand::Constant(indices) => indices,
        Operand::Tensor(id) => return by_input(importer, node, data, id, axis),
    };
    let target = [&shape[..axis], &indices.shape, &shape[axis + 1..]].concat();
    size(node, &target)?;
    let mut axes: Vec<Vec<Option<usize>>> =
        shape.iter().map(|d| (0..*d).map(Some).collect()).collect();
    let indices = indices.data.iter();
    axes[axis] = indices
        .map(|i| index(node, *i, shape[axis]).map(Some))
        .collect::<Result<_>>()?;
    let mut sources = Sources::default();
    let view = sources.view(&importer.builder, &data).by_axis(&axes, ZERO);
    Ok(vec![importer.place(node, &sources, view.shaped(target))?])
}

/// A row of 0 for each index, with 1 at its place: `[.., length]`.
fn one_hot_rows(
    importer: &mut Importer,
    node: &NodeProto,
    indices: FloatId,
    length: usize,
) -> Result<FloatId> {
    if length > MAX_ROWS {
        return Err(refuse(
            node,
            format!(
                "indices of the input into {length} entries; supported: {MAX_ROWS}; export the model from the embeddings on (inputs_embeds)"
            ),
        ));
    }
    // Negative indices count from the end: the length is added where the index and a half is not positive.
    let half = importer.shifted(node, indices, 0.5)?;
    let is = importer.function(node, half, Function::Positive)?;
    let less = importer.scaled(node, is, -(length as f64))?;
    let indices = importer.op(node, FloatOp::Add, &[indices, less])?;
    let indices = importer.shifted(node, indices, length as f64)?;
    let mut shape = importer.builder.shape(indices).to_vec();
    shape.push(1);
    let column = importer.reshape(node, indices, &shape)?;
    if let Some(last) = shape.last_mut() {
        *last = length;
    }
    let repeated = importer.expand(node, column, &shape)?;
    let numbers = Constant {
        shape: vec![length],
        data: (0..length).map(|v| -(v as f64)).collect(),
    };
    let differences = importer.op(node, FloatOp::AddConstant(numbers), &[repeated])?;
    importer.function(node, differences, Function::IsZero { tolerance: 0.5 })
}

/// Entries of the axis by indices that depend on the input.
fn by_input(
    importer: &mut Importer,
    node: &NodeProto,
    data: Operand,
    indices: FloatId,
    axis: usize,
) -> Result<Vec<Operand>> {
    let shape = importer.shape_of(&data);
    let own = importer.builder.shape(indices).to_vec();
    let rows = one_hot_rows(importer, node, indices, shape[axis])?;
    let count: usize = own.iter().product();
    let rows = importer.reshape(node, rows, &[count, shape[axis]])?;
    // The axis first, the others as columns.
    let mut perm: Vec<usize> = (0..shape.len()).filter(|a| *a != axis).collect();
    perm.insert(0, axis);
    let table = importer.transposed(node, data, &perm)?;
    let rest: usize = perm[1..].iter().map(|a| shape[*a]).product();
    let table = importer.reshaped(node, table, &[shape[axis], rest])?;
    let found = importer.matrix_product(node, Operand::Tensor(rows), table)?;
    let others = perm[1..].iter().map(|a| shape[*a]);
    let split: Vec<usize> = own.iter().copied().chain(others).collect();
    let found = importer.reshaped(node, found, &split)?;
    // The axes before the index axis go before those of the indices.
    let k = own.len();
    let back: Vec<usize> = (k..k + axis)
        .chain(0..k)
        .chain(k + axis..split.len())
        .collect();
    Ok(vec![importer.transposed(node, found, &back)?])
}

fn one_hot(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    let indices = importer.tensor(node, 0)?;
    let depth = importer.required(node, 1)?;
    let depth = depth.data.first().copied().unwrap_or(0.0);
    let values = importer.required(node, 2)?.data;
    let &[off, on] = values.as_slice() else {
        return Err(refuse(node, "values that are not two"));
    };
    if !(1.0..=MAX_ROWS as f64).contains(&depth) {
        return Err(refuse(
            node,
            format!("a depth of {depth}; supported: 1 to {MAX_ROWS}"),
        ));
    }
    let rows = one_hot_rows(importer, node, indices, depth as usize)?;
    let rank = importer.builder.shape(rows).len();
    let axis = importer.axis(node, -1, rank)?;
    let mut perm: Vec<usize> = (0..rank - 1).collect();
    perm.insert(axis, rank - 1);
    let rows = importer.transpose(node, rows, &perm)?;
    let rows = importer.scaled(node, rows, on - off)?;
    Ok(vec![Operand::Tensor(importer.shifted(node, rows, off)?)])
}

fn gather_elements(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    let data = importer.given(node, 0)?;
    let shape = importer.shape_of(&data);
    let axis = importer.axis(node, 0, shape.len())?;
    let indices = importer.required(node, 1)?;
    let longer = |(axis_, (i, d)): (usize, (&usize, &usize))| axis_ != axis && i > d;
    let pairs = indices.shape.iter().zip(&shape);
    if indices.shape.len() != shape.len() || pairs.enumerate().any(longer) {
        return Err(refuse(
            node,
            format!("indices of shape {:?} for {shape:?}", indices.shape),
        ));
    }
    size(node, &indices.shape)?;
    let mut sources = Sources::default();
    let whole = sources.view(&importer.builder, &data);
    let places = coordinates(&indices.shape).zip(&indices.data);
    let elements = places.map(|(mut at, i)| {
        at[axis] = index(node, *i, shape[axis])?;
        Ok(whole.elements[ravel(&at, &shape)])
    });
    let view = View {
        elements: elements.collect::<Result<Vec<Element>>>()?,
        shape: indices.shape.clone(),
    };
    Ok(vec![importer.place(node, &sources, view)?])
}

fn gather_nd(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    let data = importer.given(node, 0)?;
    let shape = importer.shape_of(&data);
    let indices = importer.required(node, 1)?;
    let batch = usize::try_from(node.int("batch_dims", 0)).unwrap_or(usize::MAX);
    let bad = || {
        refuse(
            node,
            format!(
                "indices of shape {:?}, batch_dims {batch} for {shape:?}",
                indices.shape
            ),
        )
    };
    let Some((depth, outer)) = indices.shape.split_last() else {
        return Err(bad());
    };
    let depth = *depth;
    if batch > outer.len()
        || batch > shape.len()
        || outer[..batch] != shape[..batch]
        || depth == 0
        || depth > shape.len() - batch
    {
        return Err(bad());
    }
    let inner = &shape[batch + depth..];
    let run: usize = inner.iter().product();
    let target = [outer, inner].concat();
    size(node, &target)?;
    let mut sources = Sources::default();
    let whole = sources.view(&importer.builder, &data);
    let mut elements = Vec::new();
    for (at, tuple) in coordinates(outer).zip(indices.data.chunks_exact(depth)) {
        let mut place = at[..batch].to_vec();
        for (n, i) in tuple.iter().enumerate() {
            place.push(index(node, *i, shape[batch + n])?);
        }
        let start = ravel(&place, &shape[..batch + depth]) * run;
        elements.extend_from_slice(&whole.elements[start..start + run]);
    }
    let view = View {
        shape: target,
        elements,
    };
    Ok(vec![importer.place(node, &sources, view)?])
}
