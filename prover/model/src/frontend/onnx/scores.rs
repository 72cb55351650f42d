//! The end of a classifier: labels, which are not proved, and probabilities, which have the order of the scores that they are made of.

use super::attributes::Attributes;
use super::constants::is_real;
use super::importer::{Importer, Operand, Value};
use super::node::refuse;
use super::operators;
use super::order;
use crate::error::Result;
use crate::float::FloatId;
use crate::frontend::Support;
use chainfer_formats::FinalFunction;
use std::collections::{BTreeMap, BTreeSet};
use tract_onnx::pb::{GraphProto, NodeProto};

/// Probabilities: increasing functions of the elements of a tensor, which is proved instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scores {
    pub(super) of: FloatId,
    pub(super) function: FinalFunction,
    /// The function is decreasing: those of the other class.
    pub(super) complement: bool,
}

/// What a node computes that stands at the end of a classifier. `None`: it is an ordinary node.
pub(super) fn ending(importer: &mut Importer, node: &NodeProto) -> Result<Option<Support>> {
    let values: Vec<Value> = node
        .input
        .iter()
        .filter_map(|name| importer.value(name).cloned())
        .collect();
    let title = operators::title(node);
    let dropped = values.iter().find(|v| matches!(v, Value::Dropped(_)));
    if let Some(dropped) = dropped {
        return define_all(importer, node, dropped);
    }
    if let Some(scores) = of_scores(&values) {
        let value = after_scores(importer, node, &values, scores)?;
        return define_all(importer, node, &value);
    }
    let Some(Value::Tensor(id)) = values.first() else {
        return Ok(None);
    };
    match title.as_str() {
        "ArgMax" if ends(importer, node) => {
            let place = Value::Dropped("the place of the largest value");
            define_all(importer, node, &place)
        }
        "Softmax" | "LogSoftmax" | "Sigmoid"
            if importer.drop_final_softmax && ends(importer, node) =>
        {
            operators::check(node, importer.opset, false)?;
            let shape = importer.builder.shape(*id);
            if shape.iter().filter(|d| **d > 1).count() > 1 {
                return Err(refuse(
                    node,
                    format!("scores of shape {shape:?}; supported: one list of scores"),
                ));
            }
            let scores = Scores {
                of: *id,
                function: match node.op_type.as_str() {
                    "Softmax" => FinalFunction::Softmax,
                    "LogSoftmax" => FinalFunction::LogSoftmax,
                    _ => FinalFunction::Sigmoid,
                },
                complement: false,
            };
            define_all(importer, node, &Value::Scores(scores))
        }
        "ai.onnx.ml.ZipMap" => {
            operators::check(node, importer.opset, false)?;
            define_all(importer, node, &Value::Tensor(*id))
        }
        title if operators::is_classifier(title) => {
            operators::check(node, importer.opset, false)?;
            let mut scores = None;
            let ends = node
                .output
                .get(1)
                .is_some_and(|n| importer.endings.contains(n));
            if importer.drop_final_softmax && ends {
                let made = operators::scores(importer, node)?;
                scores = made.function.map(|function| {
                    Value::Scores(Scores {
                        of: made.of,
                        function,
                        complement: false,
                    })
                });
            }
            let scores = match scores {
                Some(scores) => scores,
                None => match operators::read(importer, node)?.into_iter().next() {
                    Some(Operand::Tensor(id)) => Value::Tensor(id),
                    _ => return Ok(None),
                },
            };
            let outputs = node.output.iter().zip([Value::Dropped("a label"), scores]);
            for (name, value) in outputs.filter(|(name, _)| !name.is_empty()) {
                importer.define(name, value)?;
            }
            Ok(Some(Support::Supported))
        }
        _ => Ok(None),
    }
}

fn ends(importer: &Importer, node: &NodeProto) -> bool {
    let mut outputs = node.output.iter();
    outputs.any(|name| importer.endings.contains(name))
}

/// What may stand between scores and an output: it keeps their order, or finds the first of them.
const AFTER_SCORES: &[&str] = &[
    "ArgMax",
    "Cast",
    "Concat",
    "Identity",
    "Sub",
    "ai.onnx.ml.Normalizer",
    "ai.onnx.ml.ZipMap",
];
/// What may end a classifier.
const SCORES: &[&str] = &[
    "LogSoftmax",
    "Sigmoid",
    "Softmax",
    "ai.onnx.ml.LinearClassifier",
    "ai.onnx.ml.SVMClassifier",
    "ai.onnx.ml.TreeEnsembleClassifier",
];
/// What may stand between the place of the first score and an output.
const AFTER_PLACE: &[&str] = &[
    "Cast",
    "Flatten",
    "Identity",
    "Reshape",
    "Squeeze",
    "Unsqueeze",
    "ai.onnx.ml.ArrayFeatureExtractor",
];

/// The values that nothing but the end of a classifier reads: those of Softmax and Sigmoid, and of ArgMax where another output
/// remains.
pub(super) fn endings(graph: &GraphProto) -> BTreeSet<String> {
    let mut readers: BTreeMap<&str, Vec<&NodeProto>> = BTreeMap::new();
    for node in &graph.node {
        for name in order::reads(node) {
            readers.entry(name).or_default().push(node);
        }
    }
    let outputs: BTreeSet<&str> = graph.output.iter().map(|o| o.name.as_str()).collect();
    // All that follows from a value, if nothing but these operators reads it.
    let after = |name: &str, allowed: &[&str]| {
        let mut found = BTreeSet::new();
        let mut open = vec![(name.to_owned(), allowed == AFTER_PLACE)];
        while let Some((name, place)) = open.pop() {
            if !found.insert(name.clone()) {
                continue;
            }
            for reader in readers.get(name.as_str()).into_iter().flatten() {
                let title = operators::title(reader);
                let of = if place { AFTER_PLACE } else { AFTER_SCORES };
                if !of.contains(&title.as_str()) {
                    return None;
                }
                let next = reader.output.iter().filter(|o| !o.is_empty());
                open.extend(next.map(|o| (o.clone(), place || title == "ArgMax")));
            }
        }
        Some(found)
    };
    let of = |operators: &[&str]| -> Vec<&String> {
        let nodes = graph.node.iter();
        nodes
            .filter(|n| operators.contains(&operators::title(n).as_str()))
            .filter_map(|n| match operators::is_classifier(&operators::title(n)) {
                true => n.output.get(1),
                false => n.output.first(),
            })
            .collect()
    };
    let scores = of(SCORES);
    let places: Vec<(&String, BTreeSet<String>)> = of(&["ArgMax"])
        .into_iter()
        .filter_map(|name| Some((name, after(name, AFTER_PLACE)?)))
        .collect();
    let labels: BTreeSet<&String> = places.iter().flat_map(|(_, all)| all).collect();
    let others = outputs.iter().any(|o| !labels.contains(&(*o).to_owned()));
    let kept = scores
        .into_iter()
        .filter(|name| after(name, AFTER_SCORES).is_some());
    let dropped = places.iter().map(|(name, _)| *name).filter(|_| others);
    kept.chain(dropped).cloned().collect()
}

fn define_all(importer: &mut Importer, node: &NodeProto, value: &Value) -> Result<Option<Support>> {
    for name in node.output.iter().filter(|name| !name.is_empty()) {
        importer.define(name, value.clone())?;
    }
    Ok(Some(Support::Dropped))
}

fn of_scores(values: &[Value]) -> Option<Scores> {
    values.iter().find_map(|v| match v {
        Value::Scores(scores) => Some(*scores),
        _ => None,
    })
}

/// What becomes of probabilities.
fn after_scores(
    importer: &Importer,
    node: &NodeProto,
    values: &[Value],
    scores: Scores,
) -> Result<Value> {
    operators::check(node, importer.opset, false)?;
    let complement = |v: &Value| match v {
        Value::Scores(other) if other.of == scores.of => Some(other.complement),
        _ => None,
    };
    match (operators::title(node).as_str(), values) {
        ("Identity" | "ai.onnx.ml.ZipMap" | "ai.onnx.ml.Normalizer", [_]) => {
            Ok(Value::Scores(scores))
        }
        ("Cast", [_]) if is_real(node.int("to", 0) as i32) => Ok(Value::Scores(scores)),
        ("ArgMax", [_]) => Ok(Value::Dropped("the place of the largest value")),
        // 1 - p
        ("Sub", [Value::Constant(one), Value::Scores(_)]) if is_one(one) => {
            Ok(Value::Scores(Scores {
                complement: !scores.complement,
                ..scores
            }))
        }
        // Of two classes: [1 - p, p]
        ("Concat", [a, b]) if complement(a) == Some(true) && complement(b) == Some(false) => {
            Ok(Value::Scores(Scores {
                complement: false,
                ..scores
            }))
        }
        _ => Err(refuse(
            node,
            "it reads probabilities; supported: Softmax and Sigmoid at the end of the model",
        )),
    }
}

fn is_one(tensor: &tract_onnx::prelude::Tensor) -> bool {
    let number = super::evaluate::constant("one", tensor);
    number.is_ok_and(|c| c.data == [1.0])
}
