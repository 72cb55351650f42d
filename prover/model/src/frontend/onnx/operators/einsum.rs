//! Sums of products by an equation, of one or two operands.

use super::entry::{Operator, many};
use crate::error::Result;
use crate::frontend::compose::{Sources, View, coordinates, ravel};
use crate::frontend::onnx::attributes::Attributes;
use crate::frontend::onnx::importer::{Importer, Operand};
use crate::frontend::onnx::node::refuse;
use std::collections::BTreeMap;
use tract_onnx::pb::NodeProto;

pub(super) const OPERATORS: &[Operator] = &[many(
    "Einsum",
    "one or two operands",
    "a linear layer where one operand is constant, else a matrix product",
    &["equation"],
    einsum,
)];

/// A letter, or an axis of the ellipsis, counted from the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Label {
    Rest(usize),
    Letter(char),
}

/// An operand with the labels of its axes, each of which it has once.
struct Labelled {
    operand: Operand,
    labels: Vec<Label>,
}

fn einsum(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    let equation = node.text("equation").unwrap_or_default();
    let equation: String = equation.chars().filter(|c| !c.is_whitespace()).collect();
    let bad = |what: &str| refuse(node, format!("equation {equation}: {what}"));
    let (left, right) = match equation.split_once("->") {
        Some((left, right)) => (left, Some(right)),
        None => (equation.as_str(), None),
    };
    let terms: Vec<&str> = left.split(',').collect();
    let operands = importer.all_operands(node)?;
    if terms.len() != operands.len() || !(1..=2).contains(&terms.len()) {
        return Err(bad("supported: as many terms as operands, one or two"));
    }
    let mut lengths = BTreeMap::new();
    let mut counts: BTreeMap<Label, usize> = BTreeMap::new();
    let mut labelled = Vec::new();
    for (term, operand) in terms.iter().zip(operands) {
        let shape = importer.shape_of(&operand);
        let labels = labels(term, shape.len()).ok_or_else(|| bad("not the operand's axes"))?;
        for (label, length) in labels.iter().zip(&shape) {
            *counts.entry(*label).or_default() += 1;
            if *lengths.entry(*label).or_insert(*length) != *length {
                return Err(bad("an axis of two lengths"));
            }
        }
        labelled.push(diagonal(importer, node, operand, labels)?);
    }
    let rest = counts
        .keys()
        .filter(|l| matches!(l, Label::Rest(_)))
        .count();
    let output = match right {
        Some(right) => {
            let letters = right.replace("...", "").chars().count();
            let rest = if right.contains("...") { rest } else { 0 };
            labels(right, letters + rest).ok_or_else(|| bad("its output"))?
        }
        None => {
            let mut rest: Vec<Label> = (0..rest).map(Label::Rest).rev().collect();
            let once = counts
                .iter()
                .filter(|(l, n)| matches!(l, Label::Letter(_)) && **n == 1);
            rest.extend(once.map(|(l, _)| *l));
            rest
        }
    };
    let mut sorted = output.clone();
    sorted.sort_unstable();
    sorted.dedup();
    if sorted.len() != output.len() || output.iter().any(|l| !lengths.contains_key(l)) {
        return Err(bad("a letter of the output that no operand has, or twice"));
    }
    let made = if labelled.len() == 1 {
        let Some(only) = labelled.pop() else {
            return Err(bad("no operand"));
        };
        keep(importer, node, only, &|l| output.contains(l))?
    } else {
        let (Some(b), Some(a)) = (labelled.pop(), labelled.pop()) else {
            return Err(bad("no operands"));
        };
        product(importer, node, a, b, &output, &lengths)?
    };
    let perm: Option<Vec<usize>> = output
        .iter()
        .map(|l| made.labels.iter().position(|m| m == l))
        .collect();
    let perm = perm.ok_or_else(|| bad("its output"))?;
    Ok(vec![importer.transposed(node, made.operand, &perm)?])
}

/// The labels of a term for so many axes.
fn labels(term: &str, rank: usize) -> Option<Vec<Label>> {
    let (before, after) = match term.split_once("...") {
        Some((before, after)) => (before, Some(after)),
        None => (term, None),
    };
    let letters = |part: &str| part.chars().map(Label::Letter).collect::<Vec<_>>();
    let fine = |part: &str| part.chars().all(|c| c.is_ascii_alphabetic());
    if !fine(before) || !after.is_none_or(fine) {
        return None;
    }
    let (mut all, after) = (letters(before), after.map(letters));
    match after {
        None => (all.len() == rank).then_some(all),
        Some(after) => {
            let rest = rank.checked_sub(all.len() + after.len())?;
            all.extend((0..rest).rev().map(Label::Rest));
            all.extend(after);
            Some(all)
        }
    }
}

/// An operand whose label stands twice, with the elements whose coordinates there are the same.
fn diagonal(
    importer: &mut Importer,
    node: &NodeProto,
    operand: Operand,
    labels: Vec<Label>,
) -> Result<Labelled> {
    let mut once: Vec<Label> = Vec::new();
    for label in &labels {
        if !once.contains(label) {
            once.push(*label);
        }
    }
    if once.len() == labels.len() {
        return Ok(Labelled { operand, labels });
    }
    let shape = importer.shape_of(&operand);
    let place = |l: &Label| once.iter().position(|o| o == l).unwrap_or(0);
    let mut lengths = vec![1; once.len()];
    for (label, length) in labels.iter().zip(&shape) {
        lengths[place(label)] = *length;
    }
    let mut sources = Sources::default();
    let whole = sources.view(&importer.builder, &operand);
    let elements = coordinates(&lengths).map(|at| {
        let source: Vec<usize> = labels.iter().map(|l| at[place(l)]).collect();
        whole.elements[ravel(&source, &shape)]
    });
    let view = View {
        elements: elements.collect(),
        shape: lengths,
    };
    Ok(Labelled {
        operand: importer.place(node, &sources, view)?,
        labels: once,
    })
}

/// Sums over the axes that are not kept.
fn keep(
    importer: &mut Importer,
    node: &NodeProto,
    from: Labelled,
    kept: &dyn Fn(&Label) -> bool,
) -> Result<Labelled> {
    let labels = from.labels.iter().enumerate();
    let axes: Vec<usize> = labels.filter(|(_, l)| !kept(l)).map(|(a, _)| a).collect();
    if axes.is_empty() {
        return Ok(from);
    }
    let id = importer.only_tensor(node, from.operand)?;
    let sum = importer.sum(node, id, &axes, 1.0, false)?;
    Ok(Labelled {
        operand: Operand::Tensor(sum),
        labels: from.labels.into_iter().filter(|l| kept(l)).collect(),
    })
}

fn product(
    importer: &mut Importer,
    node: &NodeProto,
    a: Labelled,
    b: Labelled,
    output: &[Label],
    lengths: &BTreeMap<Label, usize>,
) -> Result<Labelled> {
    let others = b.labels.clone();
    let a = keep(importer, node, a, &|l| {
        output.contains(l) || others.contains(l)
    })?;
    let others = a.labels.clone();
    let b = keep(importer, node, b, &|l| {
        output.contains(l) || others.contains(l)
    })?;
    let of = |labels: &[Label], both: bool, out: bool, other: &[Label]| -> Vec<Label> {
        let fits = |l: &&Label| other.contains(l) == both && output.contains(l) == out;
        labels.iter().filter(fits).copied().collect()
    };
    let batch = of(&a.labels, true, true, &b.labels);
    let inner = of(&a.labels, true, false, &b.labels);
    let left = of(&a.labels, false, true, &b.labels);
    let right = of(&b.labels, false, true, &a.labels);
    let length = |labels: &[Label]| labels.iter().map(|l| lengths[l]).product::<usize>();
    let (n, k) = (length(&batch), length(&inner));
    let mut arranged = |from: Labelled, order: [&[Label]; 3], shape: [usize; 3]| {
        let order = order.concat();
        let perm: Vec<usize> = order
            .iter()
            .filter_map(|l| from.labels.iter().position(|m| m == l))
            .collect();
        let moved = importer.transposed(node, from.operand, &perm)?;
        // One product needs no axis of products.
        let shape = if n == 1 { &shape[1..] } else { &shape[..] };
        importer.reshaped(node, moved, shape)
    };
    let a = arranged(a, [&batch, &left, &inner], [n, length(&left), k])?;
    let b = arranged(b, [&batch, &inner, &right], [n, k, length(&right)])?;
    let product = importer.matrix_product(node, a, b)?;
    let labels = [batch, left, right].concat();
    let shape: Vec<usize> = labels.iter().map(|l| lengths[l]).collect();
    Ok(Labelled {
        operand: importer.reshaped(node, product, &shape)?,
        labels,
    })
}
