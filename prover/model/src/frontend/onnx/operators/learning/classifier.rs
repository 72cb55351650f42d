//! Classifiers and linear regressors: scores, and the function that makes probabilities of them.

use super::{classes, features, floats, trees, vectors};
use crate::error::Result;
use crate::float::{Dense, FloatId, FloatOp, Function};
use crate::frontend::onnx::attributes::Attributes;
use crate::frontend::onnx::importer::{Importer, Operand::Tensor as T};
use crate::frontend::onnx::node::refuse;
use chainfer_formats::FinalFunction;
use tract_onnx::pb::NodeProto;

/// Whether a node's first output is a label and its second scores or probabilities.
pub(in crate::frontend::onnx) fn is_classifier(title: &str) -> bool {
    [
        "ai.onnx.ml.LinearClassifier",
        "ai.onnx.ml.SVMClassifier",
        "ai.onnx.ml.TreeEnsembleClassifier",
    ]
    .contains(&title)
}

/// What a classifier gives before its last function.
#[derive(Clone, Copy, Debug)]
pub(in crate::frontend::onnx) struct ClassScores {
    /// One for each class; of two classes there may be one, that of the second.
    pub(in crate::frontend::onnx) of: FloatId,
    pub(in crate::frontend::onnx) function: Option<FinalFunction>,
    /// What becomes of one score for two classes.
    pub(in crate::frontend::onnx) second: Second,
}

/// How one score stands for two classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::frontend::onnx) enum Second {
    /// There is one for each.
    Both,
    /// It is `s` and the other `1 - s`.
    Complement,
    /// It is `s` and the other `-s`, before the last function.
    Opposite,
}

/// The function that a post_transform names.
pub(super) fn function(node: &NodeProto) -> Result<Option<FinalFunction>> {
    match node.text("post_transform").unwrap_or_default().as_str() {
        "" | "NONE" => Ok(None),
        "SOFTMAX" => Ok(Some(FinalFunction::Softmax)),
        "LOGISTIC" => Ok(Some(FinalFunction::Sigmoid)),
        other => Err(refuse(
            node,
            format!("post_transform {other}; supported: NONE, SOFTMAX and LOGISTIC"),
        )),
    }
}

/// The scores of a classifier.
pub(in crate::frontend::onnx) fn scores(
    importer: &mut Importer,
    node: &NodeProto,
) -> Result<ClassScores> {
    let function = function(node)?;
    let (of, second) = match node.op_type.as_str() {
        "TreeEnsembleClassifier" => trees::classifier(importer, node)?,
        "SVMClassifier" => vectors::classifier(importer, node)?,
        _ => {
            let rows = floats(node, "intercepts").len().max(1);
            let classes = classes(node);
            let second = if (rows, classes) == (1, 2) {
                Second::Opposite
            } else {
                Second::Both
            };
            let outputs = if second == Second::Both { classes } else { 1 };
            (linear(importer, node, outputs)?, second)
        }
    };
    // One score with its complement is a probability already.
    let function = function.filter(|_| second != Second::Complement);
    Ok(ClassScores {
        of,
        function,
        second,
    })
}

/// The probabilities of a classifier, or its scores where no function follows.
pub(super) fn probabilities(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    let made = scores(importer, node)?;
    let both = |importer: &mut Importer, score: FloatId, slope: f64, shift: f64| {
        let other = importer.scaled(node, score, slope)?;
        let other = importer.shifted(node, other, shift)?;
        let pair = importer.concatenated(node, &[T(other), T(score)], 1)?;
        importer.only_tensor(node, pair)
    };
    let output = match (made.second, made.function) {
        (Second::Both, None) => made.of,
        (Second::Both, Some(FinalFunction::Softmax)) => importer.softmax(node, made.of, 1)?,
        (Second::Both, Some(_)) => importer.function(node, made.of, Function::Sigmoid)?,
        (Second::Opposite, Some(FinalFunction::Sigmoid)) => {
            let second = importer.function(node, made.of, Function::Sigmoid)?;
            both(importer, second, -1.0, 1.0)?
        }
        (Second::Opposite, _) => both(importer, made.of, -1.0, 0.0)?,
        (Second::Complement, _) => both(importer, made.of, -1.0, 1.0)?,
    };
    let sums_to_1 = match (made.second, made.function) {
        (Second::Both, function) => function == Some(FinalFunction::Softmax),
        (Second::Opposite, function) => function == Some(FinalFunction::Sigmoid),
        (Second::Complement, _) => true,
    };
    if sums_to_1 {
        importer.shares.insert(output);
    }
    Ok(output)
}

pub(super) fn linear_regressor(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    no_transform(node)?;
    let targets = usize::try_from(node.int("targets", 1)).unwrap_or(0);
    linear(importer, node, targets)
}

/// Refuses a regressor's post_transform.
pub(super) fn no_transform(node: &NodeProto) -> Result<()> {
    match node.text("post_transform").filter(|t| t != "NONE") {
        Some(other) => Err(refuse(
            node,
            format!("post_transform {other}; supported: NONE"),
        )),
        None => Ok(()),
    }
}

fn linear(importer: &mut Importer, node: &NodeProto, outputs: usize) -> Result<FloatId> {
    let (input, features) = features(importer, node)?;
    let (weights, bias) = (floats(node, "coefficients"), floats(node, "intercepts"));
    if outputs == 0 || Some(weights.len()) != features.checked_mul(outputs) {
        return Err(refuse(
            node,
            format!(
                "{} coefficients; supported: one for each of {features} features and {outputs} outputs",
                weights.len()
            ),
        ));
    }
    let op = Dense {
        outputs,
        weights,
        bias: (!bias.is_empty()).then_some(bias),
    };
    importer.add(node, FloatOp::Dense(op), &[input])
}
