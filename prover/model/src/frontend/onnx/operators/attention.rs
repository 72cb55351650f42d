//! Attention as one operator.

use super::entry::{Operator, many};
use crate::error::Result;
use crate::float::{Constant, Function};
use crate::frontend::compose::{Arithmetic, ZERO, all, map};
use crate::frontend::onnx::attributes::Attributes;
use crate::frontend::onnx::importer::{
    Importer, Kind,
    Operand::{self, Constant as C, Tensor as T},
};
use crate::frontend::onnx::node::refuse;
use tract_onnx::pb::NodeProto;

pub(super) const OPERATORS: &[Operator] = &[many(
    "Attention",
    "three or four axes, groups of heads, masks of numbers or constant masks of truth values, is_causal, softcap, earlier keys and values",
    "matrix products and Softmax",
    &[
        "is_causal",
        "kv_num_heads",
        "q_num_heads",
        "qk_matmul_output_mode",
        "scale",
        "softcap",
        "softmax_precision",
    ],
    attention,
)];

/// What masks are made of.
const LOW: f64 = -1e30;

/// An input as `[batch, heads, positions, elements of a head]`.
fn by_heads(
    importer: &mut Importer,
    node: &NodeProto,
    index: usize,
    heads: &str,
) -> Result<Operand> {
    let x = importer.given(node, index)?;
    let shape = importer.shape_of(&x);
    let count = usize::try_from(node.int(heads, 0)).unwrap_or(0);
    match *shape.as_slice() {
        [_, _, _, _] => Ok(x),
        [n, positions, width] if count > 0 && width.is_multiple_of(count) => {
            let x = importer.reshaped(node, x, &[n, positions, count, width / count])?;
            importer.transposed(node, x, &[0, 2, 1, 3])
        }
        _ => Err(refuse(
            node,
            format!("input {index} of shape {shape:?} with {count} {heads}"),
        )),
    }
}

fn attention(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    if importer.operand(node, 6)?.is_some() {
        return Err(refuse(node, "nonpad_kv_seqlen; supported: masks"));
    }
    let flat = importer.given(node, 0)?;
    let flat = importer.shape_of(&flat).len() == 3;
    let query = by_heads(importer, node, 0, "q_num_heads")?;
    let mut present = Vec::new();
    for (index, past) in [(1, 4), (2, 5)] {
        let own = by_heads(importer, node, index, "kv_num_heads")?;
        present.push(match importer.operand(node, past)? {
            Some(past) => importer.concatenated(node, &[past, own], 2)?,
            None => own,
        });
    }
    let earlier = match importer.operand(node, 4)? {
        Some(past) => importer.shape_of(&past)[2],
        None => 0,
    };
    let shape = importer.shape_of(&query);
    let heads = shape[1];
    let mut repeated = Vec::new();
    for operand in &present {
        repeated.push(repeat_heads(importer, node, operand, heads)?);
    }
    let (Some(values), Some(keys)) = (repeated.pop(), repeated.pop()) else {
        return Err(refuse(node, "keys or values are missing"));
    };
    let scale = match node.find("scale") {
        Some(scale) => f64::from(scale.f),
        None => 1.0 / libm::sqrt(shape[3] as f64),
    };
    let number = |v: f64| C(Constant::scalar(v));
    let keys = importer.flipped(node, keys)?;
    let query = importer.arithmetic(node, Arithmetic::Mul, query, number(scale))?;
    let product = importer.matrix_product(node, query, keys)?;
    let target = importer.shape_of(&product);
    let mut scores = product.clone();
    if let Some(mask) = mask(importer, node, &target, earlier)? {
        scores = importer.arithmetic(node, Arithmetic::Add, scores, mask)?;
    }
    if importer.shape_of(&scores) != target {
        return Err(refuse(node, "a mask that is larger than the scores"));
    }
    let masked = scores.clone();
    let cap = node.float("softcap", 0.0);
    if cap != 0.0 {
        let share = importer.arithmetic(node, Arithmetic::Div, scores, number(cap))?;
        let share = importer.only_tensor(node, share)?;
        let share = importer.function(node, share, Function::Tanh)?;
        scores = T(importer.scaled(node, share, cap)?);
    }
    let capped = scores.clone();
    let scores = importer.only_tensor(node, scores)?;
    let shares = T(importer.softmax(node, scores, 3)?);
    let shown = match node.int("qk_matmul_output_mode", 0) {
        0 => product,
        1 => masked,
        2 => capped,
        3 => shares.clone(),
        other => return Err(refuse(node, format!("qk_matmul_output_mode {other}"))),
    };
    let mut output = importer.matrix_product(node, shares, values)?;
    if flat {
        output = importer.transposed(node, output, &[0, 2, 1, 3])?;
        let own = importer.shape_of(&output);
        output = importer.reshaped(node, output, &[own[0], own[1], own[2] * own[3]])?;
    }
    let mut made = vec![output];
    made.extend(present);
    made.push(shown);
    Ok(made)
}

/// Every head of keys or values as often as heads of queries share it.
fn repeat_heads(
    importer: &mut Importer,
    node: &NodeProto,
    x: &Operand,
    heads: usize,
) -> Result<Operand> {
    let shape = importer.shape_of(x);
    let own = shape[1];
    if own == heads {
        return Ok(x.clone());
    }
    if !heads.is_multiple_of(own) {
        return Err(refuse(
            node,
            format!("{own} heads of keys for {heads} of queries"),
        ));
    }
    let group = heads / own;
    let axes = [
        all(shape[0]),
        (0..heads).map(|h| Some(h / group)).collect(),
        all(shape[2]),
        all(shape[3]),
    ];
    importer.pick(node, x, &axes, ZERO)
}

/// What is added to the scores: numbers, or a low number where a truth value is 0 or a key comes after its query.
fn mask(
    importer: &mut Importer,
    node: &NodeProto,
    scores: &[usize],
    earlier: usize,
) -> Result<Option<Operand>> {
    let [queries, keys] = [scores[2], scores[3]];
    let truth = importer.kind_of_input(node, 3) != Kind::Real;
    let mut mask = match importer.operand(node, 3)? {
        Some(C(c)) if truth => Some(C(map(c, |v| if v == 0.0 { LOW } else { 0.0 }))),
        Some(T(_)) if truth => {
            return Err(refuse(
                node,
                "a mask of truth values that depends on the input; supported: constant masks, and masks of numbers",
            ));
        }
        other => other,
    };
    if let Some(given) = &mask {
        let mut shape = importer.shape_of(given);
        let last = shape.len().saturating_sub(1);
        // A shorter mask hides the keys after it.
        if let Some(length) = shape.get(last).copied()
            && length < keys
            && length > 1
        {
            shape[last] = keys - length;
            let data = vec![LOW; shape.iter().product()];
            let rest = C(Constant { shape, data });
            let parts = [given.clone(), rest];
            mask = Some(importer.concatenated(node, &parts, last)?);
        }
    }
    if node.int("is_causal", 0) == 0 {
        return Ok(mask);
    }
    let after = |n: usize| n % keys > n / keys + earlier;
    let low = |n: usize| if after(n) { LOW } else { 0.0 };
    let causal = C(Constant {
        shape: vec![queries, keys],
        data: (0..queries * keys).map(low).collect(),
    });
    Ok(Some(match mask {
        Some(mask) => importer.arithmetic(node, Arithmetic::Add, mask, causal)?,
        None => causal,
    }))
}
