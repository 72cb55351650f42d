//! The end of a classifier: labels, which are not proved, and probabilities, which have the order of the scores that they are made of.

use super::attributes::Attributes;
use super::constants::is_real;
use super::importer::{Importer, Value};
use super::node::refuse;
use super::operators;
use super::operators::SCORES;
use crate::error::Result;
use crate::float::FloatId;
use crate::frontend::Support;
use tract_onnx::pb::NodeProto;

/// Probabilities: increasing functions of the elements of a tensor, which is proved instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scores {
    pub(super) of: FloatId,
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
        "ArgMax" => {
            let place = Value::Dropped("the place of the largest value");
            define_all(importer, node, &place)
        }
        "Softmax" | "LogSoftmax" | "Sigmoid" => {
            operators::check(node, importer.opset, false)?;
            if !importer.raw_scores {
                return Err(operators::unsupported(node, SCORES));
            }
            let shape = importer.builder.shape(*id);
            if shape.iter().filter(|d| **d > 1).count() > 1 {
                return Err(refuse(
                    node,
                    format!("scores of shape {shape:?}; supported: one list of scores"),
                ));
            }
            let scores = Scores {
                of: *id,
                complement: false,
            };
            define_all(importer, node, &Value::Scores(scores))
        }
        "ai.onnx.ml.ZipMap" => {
            operators::check(node, importer.opset, false)?;
            define_all(importer, node, &Value::Tensor(*id))
        }
        "ai.onnx.ml.LinearClassifier" => {
            operators::check(node, importer.opset, false)?;
            let id = operators::read(importer, node)?;
            let transform = node.text("post_transform").unwrap_or_default();
            let scores = match transform.as_str() {
                "" | "NONE" => Value::Tensor(id),
                _ => Value::Scores(Scores {
                    of: id,
                    complement: false,
                }),
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
