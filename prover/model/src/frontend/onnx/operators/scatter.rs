//! Elements replaced at constant places.

use super::entry::{Operator, many};
use super::movement::MOVED;
use crate::error::Result;
use crate::frontend::onnx::attributes::Attributes;
use crate::frontend::onnx::importer::{Importer, Operand};
use crate::frontend::onnx::node::refuse;
use crate::frontend::onnx::view::{Sources, ravel, unravel};
use tract_onnx::pb::NodeProto;

const ACCEPTS: &str = "constant indices, each place once; reduction none";

pub(super) const OPERATORS: &[Operator] = &[
    many("Scatter", ACCEPTS, MOVED, &["axis"], elements),
    many(
        "ScatterElements",
        ACCEPTS,
        MOVED,
        &["axis", "reduction"],
        elements,
    ),
    many("ScatterND", ACCEPTS, MOVED, &["reduction"], slices),
];

/// A coordinate; negative ones count from the end.
fn place(node: &NodeProto, value: f64, length: usize) -> Result<usize> {
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

fn check(node: &NodeProto) -> Result<()> {
    match node.text("reduction").as_deref() {
        None | Some("" | "none") => Ok(()),
        Some(other) => Err(refuse(node, format!("reduction {other}; supported: none"))),
    }
}

fn elements(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    check(node)?;
    let data = importer.given(node, 0)?;
    let shape = importer.shape_of(&data);
    let axis = importer.axis(node, 0, shape.len())?;
    let indices = importer.required(node, 1)?;
    let updates = importer.given(node, 2)?;
    let own = importer.shape_of(&updates);
    let fits = indices.shape.iter().zip(&shape).enumerate();
    let mut fits = fits.map(|(a, (i, d))| a == axis || i <= d);
    if indices.shape != own || own.len() != shape.len() || !fits.all(|f| f) {
        return Err(refuse(
            node,
            format!(
                "indices of shape {:?} and updates of {own:?} for {shape:?}",
                indices.shape
            ),
        ));
    }
    let mut places = Vec::with_capacity(indices.data.len());
    for (n, value) in indices.data.iter().enumerate() {
        let mut at = unravel(n, &own);
        at[axis] = place(node, *value, shape[axis])?;
        places.push(ravel(&at, &shape));
    }
    replaced(importer, node, &data, &updates, &places)
}

fn slices(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    check(node)?;
    let data = importer.given(node, 0)?;
    let shape = importer.shape_of(&data);
    let indices = importer.required(node, 1)?;
    let updates = importer.given(node, 2)?;
    let own = importer.shape_of(&updates);
    let bad = || {
        refuse(
            node,
            format!(
                "indices of shape {:?} and updates of {own:?} for {shape:?}",
                indices.shape
            ),
        )
    };
    let (depth, outer) = indices.shape.split_last().ok_or_else(bad)?;
    let inner = shape.get(*depth..).ok_or_else(bad)?;
    if *depth == 0 || own != [outer, inner].concat() {
        return Err(bad());
    }
    let mut places = Vec::new();
    for tuple in indices.data.chunks_exact(*depth) {
        let mut at = Vec::with_capacity(shape.len());
        for (value, length) in tuple.iter().zip(&shape) {
            at.push(place(node, *value, *length)?);
        }
        let start = ravel(&at, &shape[..*depth]);
        let run: usize = inner.iter().product();
        places.extend((0..run).map(|n| start * run + n));
    }
    replaced(importer, node, &data, &updates, &places)
}

/// The data with the updates at their places.
fn replaced(
    importer: &mut Importer,
    node: &NodeProto,
    data: &Operand,
    updates: &Operand,
    places: &[usize],
) -> Result<Vec<Operand>> {
    let mut sources = Sources::default();
    let mut view = sources.view(importer, data);
    let updates = sources.view(importer, updates);
    let mut taken = vec![false; view.elements.len()];
    for (place, element) in places.iter().zip(&updates.elements) {
        if std::mem::replace(&mut taken[*place], true) {
            return Err(refuse(
                node,
                "a place that is written twice; supported: once",
            ));
        }
        view.elements[*place] = *element;
    }
    Ok(vec![importer.place(node, &sources, view)?])
}
