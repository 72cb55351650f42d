//! Recurrent networks, unrolled: LSTM, GRU, RNN.

use super::cells::{Activation, Cell, Gates};
use super::entry::{Operator, many};
use crate::error::Result;
use crate::float::Constant;
use crate::frontend::onnx::attributes::Attributes;
use crate::frontend::onnx::importer::{
    Importer,
    Operand::{self, Constant as C},
};
use crate::frontend::onnx::node::{refuse, size};
use tract_onnx::pb::NodeProto;

/// So many steps are unrolled.
const MAX_STEPS: usize = 1024;

const ACCEPTS: &str = "constant weights, all directions, initial states, lists of activations, layout; all outputs; no clip, no lengths of sequences";
const UNROLLED: &str = "its steps, one after the other: linear layers, functions and products";

pub(super) const OPERATORS: &[Operator] = &[
    many(
        "GRU",
        ACCEPTS,
        UNROLLED,
        &[
            "activation_alpha",
            "activation_beta",
            "activations",
            "clip",
            "direction",
            "hidden_size",
            "layout",
            "linear_before_reset",
            "output_sequence",
        ],
        gru,
    ),
    many(
        "LSTM",
        ACCEPTS,
        UNROLLED,
        &[
            "activation_alpha",
            "activation_beta",
            "activations",
            "clip",
            "direction",
            "hidden_size",
            "input_forget",
            "layout",
            "output_sequence",
        ],
        lstm,
    ),
    many(
        "RNN",
        ACCEPTS,
        UNROLLED,
        &[
            "activation_alpha",
            "activation_beta",
            "activations",
            "clip",
            "direction",
            "hidden_size",
            "layout",
            "output_sequence",
        ],
        rnn,
    ),
];

fn lstm(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    if node.int("input_forget", 0) != 0 {
        return Err(refuse(node, "input_forget = 1; supported: 0"));
    }
    unrolled(importer, node, Cell::Lstm)
}

fn gru(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    let after = node.int("linear_before_reset", 0) != 0;
    unrolled(
        importer,
        node,
        Cell::Gru {
            linear_before_reset: after,
        },
    )
}

fn rnn(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    unrolled(importer, node, Cell::Rnn)
}

/// The functions of all directions, in the node's order.
fn activations(node: &NodeProto, cell: Cell, directions: usize) -> Result<Vec<Activation>> {
    let names: Vec<String> = match node.find("activations") {
        Some(list) => list
            .strings
            .iter()
            .map(|s| String::from_utf8_lossy(s).into_owned())
            .collect(),
        None => Vec::new(),
    };
    let names = if names.is_empty() {
        let own = cell.activations().repeat(directions);
        own.iter().map(|n| (*n).to_owned()).collect()
    } else {
        names
    };
    if names.len() != directions * cell.activations().len() {
        return Err(refuse(node, format!("activations {names:?}")));
    }
    let parameters = ["activation_alpha", "activation_beta"];
    let given = parameters
        .iter()
        .any(|p| node.find(p).is_some_and(|a| !a.floats.is_empty()));
    names
        .iter()
        .map(|name| {
            let found = Activation::named(name);
            let found = found.ok_or_else(|| refuse(node, format!("activation {name}")))?;
            if given && found.has_parameters() {
                return Err(refuse(
                    node,
                    format!(
                        "activation_alpha or activation_beta for {name}; supported: its defaults"
                    ),
                ));
            }
            Ok(found)
        })
        .collect()
}

/// Weights `[directions, gates · hidden, inputs]` of one direction and gate.
fn part(constant: &Constant, direction: usize, directions: usize, gates: usize) -> Vec<Vec<f64>> {
    let whole = constant.data.len() / directions;
    let own = &constant.data[direction * whole..(direction + 1) * whole];
    own.chunks_exact((whole / gates).max(1))
        .map(<[f64]>::to_vec)
        .collect()
}

fn unrolled(importer: &mut Importer, node: &NodeProto, cell: Cell) -> Result<Vec<Operand>> {
    if node.find("clip").is_some() {
        return Err(refuse(node, "clip; supported: none"));
    }
    let directions = match node.text("direction").as_deref() {
        None | Some("" | "forward") => vec![false],
        Some("reverse") => vec![true],
        Some("bidirectional") => vec![false, true],
        Some(other) => return Err(refuse(node, format!("direction {other} is unknown"))),
    };
    let count = directions.len();
    let by_batch = node.int("layout", 0) != 0;
    let input = importer.given(node, 0)?;
    let input = if by_batch && importer.shape_of(&input).len() == 3 {
        importer.transposed(node, input, &[1, 0, 2])?
    } else {
        input
    };
    let shape = importer.shape_of(&input);
    let &[steps, batch, inputs] = shape.as_slice() else {
        return Err(refuse(
            node,
            format!("input shape {shape:?}; supported: three axes"),
        ));
    };
    if steps * count > MAX_STEPS {
        return Err(refuse(
            node,
            format!("{steps} steps; supported: {MAX_STEPS} of all directions; cut the sequence"),
        ));
    }
    let (weights, recurrent) = (importer.required(node, 1)?, importer.required(node, 2)?);
    let gates = cell.gates();
    let hidden = recurrent.shape.get(2).copied().unwrap_or(0);
    let rows = gates * hidden;
    if hidden == 0
        || weights.shape != [count, rows, inputs]
        || recurrent.shape != [count, rows, hidden]
    {
        return Err(refuse(
            node,
            format!(
                "weights of shapes {:?} and {:?} for {count} directions and {inputs} inputs",
                weights.shape, recurrent.shape
            ),
        ));
    }
    let declared = node.int("hidden_size", hidden as i64);
    if declared != hidden as i64 {
        return Err(refuse(
            node,
            format!("hidden_size {declared} for {hidden} rows"),
        ));
    }
    let bias = optional(importer, node, 3, &[count, 2 * rows])?;
    let peepholes = match cell {
        Cell::Lstm => optional(importer, node, 7, &[count, 3 * hidden])?,
        _ => None,
    };
    if let Some(lengths) = importer.integers(node, 4)?
        && lengths.iter().any(|l| *l != steps as i64)
    {
        return Err(refuse(
            node,
            format!("lengths {lengths:?} of sequences of {steps} steps; supported: full ones"),
        ));
    }
    size(node, &[steps, count, batch, hidden])?;
    let functions = activations(node, cell, count)?;
    let each = functions.len() / count;
    let (mut all, mut last, mut cells) = (Vec::new(), Vec::new(), Vec::new());
    for (n, reverse) in directions.iter().enumerate() {
        let gates = Gates {
            cell,
            hidden,
            weights: part(&weights, n, count, gates),
            recurrent: part(&recurrent, n, count, gates),
            bias: bias.as_ref().map(|b| part(b, n, count, 2 * gates)),
            peepholes: peepholes.as_ref().map(|p| part(p, n, count, 3)),
            functions: functions[n * each..(n + 1) * each].to_vec(),
        };
        let mut start = Vec::new();
        for index in [5, 6].into_iter().take(cell.states()) {
            start.push(initial(
                importer,
                node,
                index,
                n,
                by_batch,
                &[count, batch, hidden],
            )?);
        }
        let order: Vec<usize> = if *reverse {
            (0..steps).rev().collect()
        } else {
            (0..steps).collect()
        };
        let (mut outputs, end) = gates.unroll(importer, node, &input, &order, start)?;
        if *reverse {
            outputs.reverse();
        }
        for output in &mut outputs {
            *output = importer.reshaped(node, output.clone(), &[1, 1, batch, hidden])?;
        }
        all.push(importer.concatenated(node, &outputs, 0)?);
        let mut end = end.into_iter();
        for list in [&mut last, &mut cells] {
            if let Some(state) = end.next() {
                list.push(importer.reshaped(node, state, &[1, batch, hidden])?);
            }
        }
    }
    let mut made = vec![importer.concatenated(node, &all, 1)?];
    if by_batch {
        made[0] = importer.transposed(node, made[0].clone(), &[2, 0, 1, 3])?;
    }
    for states in [last, cells].iter().filter(|s| !s.is_empty()) {
        let joined = importer.concatenated(node, states, 0)?;
        made.push(match by_batch {
            true => importer.transposed(node, joined, &[1, 0, 2])?,
            false => joined,
        });
    }
    Ok(made)
}

/// A constant of this shape, if it is given.
fn optional(
    importer: &Importer,
    node: &NodeProto,
    index: usize,
    shape: &[usize],
) -> Result<Option<Constant>> {
    let constant = importer.constant(node, index)?;
    match constant {
        Some(c) if c.shape != shape => Err(refuse(
            node,
            format!("input {index} of shape {:?}; supported: {shape:?}", c.shape),
        )),
        other => Ok(other),
    }
}

/// The initial state of a direction, `[batch, hidden]`; zeros if it is not given.
fn initial(
    importer: &mut Importer,
    node: &NodeProto,
    index: usize,
    direction: usize,
    by_batch: bool,
    shape: &[usize; 3],
) -> Result<Operand> {
    let [_, batch, hidden] = *shape;
    let Some(state) = importer.operand(node, index)? else {
        let data = vec![0.0; batch * hidden];
        return Ok(C(Constant {
            shape: vec![batch, hidden],
            data,
        }));
    };
    let state = match by_batch && importer.shape_of(&state).len() == 3 {
        true => importer.transposed(node, state, &[1, 0, 2])?,
        false => state,
    };
    if importer.shape_of(&state) != shape {
        return Err(refuse(
            node,
            format!("input {index}; supported: shape {shape:?}"),
        ));
    }
    let own = importer.part(node, &state, 0, direction..direction + 1)?;
    importer.reshaped(node, own, &[batch, hidden])
}
