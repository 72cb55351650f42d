//! Elements replaced at constant places.

use super::entry::{Operator, many};
use super::movement::MOVED;
use crate::error::Result;
use crate::float::Element;
use crate::frontend::compose::{Arithmetic, Sources, ravel, unravel};
use crate::frontend::onnx::attributes::Attributes;
use crate::frontend::onnx::importer::{Importer, Operand};
use crate::frontend::onnx::node::refuse;
use tract_onnx::pb::NodeProto;

/// So often a place may be written.
const MAX_ROUNDS: usize = 16;
const ACCEPTS: &str =
    "constant indices, each place once if reduction is none; reductions add, mul, max and min";

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

/// How updates are combined with what is there.
fn reduction(node: &NodeProto) -> Result<Option<Arithmetic>> {
    match node.text("reduction").as_deref() {
        None | Some("" | "none") => Ok(None),
        Some("add") => Ok(Some(Arithmetic::Add)),
        Some("mul") => Ok(Some(Arithmetic::Mul)),
        Some("max") => Ok(Some(Arithmetic::Max)),
        Some("min") => Ok(Some(Arithmetic::Min)),
        Some(other) => Err(refuse(node, format!("reduction {other} is unknown"))),
    }
}

fn elements(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
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
    let reduction = reduction(node)?;
    let mut made = data.clone();
    // Updates that are still to be made: each round takes the first of each place.
    let mut open: Vec<(usize, usize)> = places.iter().copied().enumerate().collect();
    for _ in 0..MAX_ROUNDS {
        let mut sources = Sources::default();
        let mut view = sources.view(&importer.builder, &made);
        let own = sources.view(&importer.builder, updates);
        match reduction {
            Some(Arithmetic::Add) => view.elements.fill(Element::Constant(0.0)),
            Some(Arithmetic::Mul) => view.elements.fill(Element::Constant(1.0)),
            _ => {}
        }
        let mut taken = vec![false; view.elements.len()];
        let mut rest = Vec::new();
        for (n, place) in open {
            match std::mem::replace(&mut taken[place], true) {
                true => rest.push((n, place)),
                false => view.elements[place] = own.elements[n],
            }
        }
        let written = importer.place(node, &sources, view)?;
        made = match reduction {
            None => written,
            Some(op) => importer.arithmetic(node, op, made, written)?,
        };
        if rest.is_empty() {
            return Ok(vec![made]);
        }
        if reduction.is_none() {
            break;
        }
        open = rest;
    }
    Err(refuse(
        node,
        format!(
            "a place that is written many times; supported: once, or {MAX_ROUNDS} times with a reduction"
        ),
    ))
}
