//! The domain ai.onnx.ml: pipelines of scikit-learn, as skl2onnx writes them.

use super::entry::{Operator, Read};
use crate::error::Result;
use crate::float::{Constant, Dense, FloatId, FloatOp};
use crate::frontend::onnx::attributes::Attributes;
use crate::frontend::onnx::importer::Importer;
use crate::frontend::onnx::node::{label, refuse};
use crate::frontend::operator::OperatorInfo;
use tract_onnx::pb::NodeProto;

/// The domain of these operators.
pub(super) const DOMAIN: &str = "ai.onnx.ml";

pub(super) const OPERATORS: &[Operator] = &[
    Operator {
        info: OperatorInfo {
            name: "ArrayFeatureExtractor",
            since: Some(1),
            only: DOMAIN,
            accepts: "labels: what it computes is left out",
            becomes: "nothing",
        },
        attributes: &[],
        read: Read::One(not_numbers),
    },
    Operator {
        info: OperatorInfo {
            name: "LinearClassifier",
            since: Some(1),
            only: DOMAIN,
            accepts: "a row of coefficients for each class; post_transform NONE, or SOFTMAX and LOGISTIC with --raw-scores; the label is left out",
            becomes: "a linear layer",
        },
        attributes: &[
            "classlabels_ints",
            "classlabels_strings",
            "coefficients",
            "intercepts",
            "multi_class",
            "post_transform",
        ],
        read: Read::One(linear_classifier),
    },
    Operator {
        info: OperatorInfo {
            name: "LinearRegressor",
            since: Some(1),
            only: DOMAIN,
            accepts: "post_transform NONE",
            becomes: "a linear layer",
        },
        attributes: &["coefficients", "intercepts", "post_transform", "targets"],
        read: Read::One(linear_regressor),
    },
    Operator {
        info: OperatorInfo {
            name: "Normalizer",
            since: Some(1),
            only: DOMAIN,
            accepts: "probabilities, with --raw-scores",
            becomes: "nothing: the scores before it are the output",
        },
        attributes: &["norm"],
        read: Read::One(not_numbers),
    },
    Operator {
        info: OperatorInfo {
            name: "Scaler",
            since: Some(1),
            only: DOMAIN,
            accepts: "one offset and scale for all features, or one for each",
            becomes: "nothing: it is folded into the linear layer before or after it",
        },
        attributes: &["offset", "scale"],
        read: Read::One(scaler),
    },
    Operator {
        info: OperatorInfo {
            name: "ZipMap",
            since: Some(1),
            only: DOMAIN,
            accepts: "scores: they are the output in the order of the classes, without the names of those",
            becomes: "nothing",
        },
        attributes: &["classlabels_int64s", "classlabels_strings"],
        read: Read::One(not_numbers),
    },
];

fn not_numbers(_: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    Err(refuse(
        node,
        "values that are used inside the model; supported: at its end, after scores or labels",
    ))
}

fn floats(node: &NodeProto, name: &str) -> Vec<f64> {
    let list = node.find(name).map(|a| a.floats.as_slice());
    list.unwrap_or_default()
        .iter()
        .map(|v| f64::from(*v))
        .collect()
}

fn scaler(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    let input = importer.tensor(node, 0)?;
    let features = importer.builder.shape(input).last().copied().unwrap_or(1);
    let per_feature = |name: &str, default: f64| {
        let mut data = floats(node, name);
        if data.is_empty() {
            data.push(default);
        }
        if data.len() != 1 && data.len() != features {
            return Err(refuse(
                node,
                format!("{} of {name} for {features} features", data.len()),
            ));
        }
        Ok(Constant {
            shape: vec![data.len()],
            data,
        })
    };
    let mut offset = per_feature("offset", 0.0)?;
    let scale = per_feature("scale", 1.0)?;
    offset.data.iter_mut().for_each(|v| *v = -*v);
    let name = label(node);
    let shifted = FloatOp::AddConstant(offset);
    let shifted = importer.builder.node(name, shifted, &[input])?;
    importer.add(node, FloatOp::MulConstant(scale), &[shifted])
}

fn linear_regressor(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    if let Some(other) = node.text("post_transform").filter(|t| t != "NONE") {
        return Err(refuse(
            node,
            format!("post_transform {other}; supported: NONE"),
        ));
    }
    let targets = usize::try_from(node.int("targets", 1)).unwrap_or(0);
    linear(importer, node, targets)
}

/// The scores before the transformation that gives probabilities.
fn linear_classifier(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    let transform = node.text("post_transform").unwrap_or_default();
    match transform.as_str() {
        "" | "NONE" => {}
        "SOFTMAX" | "LOGISTIC" if importer.raw_scores => {}
        "SOFTMAX" | "LOGISTIC" => {
            return Err(refuse(
                node,
                format!(
                    "post_transform {transform}; supported: NONE; {}",
                    super::remedies::SCORES
                ),
            ));
        }
        _ => {
            return Err(refuse(
                node,
                format!("post_transform {transform}; supported: NONE, SOFTMAX and LOGISTIC"),
            ));
        }
    }
    let ints = node.ints("classlabels_ints").map_or(0, <[i64]>::len);
    let strings = node
        .find("classlabels_strings")
        .map_or(0, |a| a.strings.len());
    linear(importer, node, ints.max(strings))
}

fn linear(importer: &mut Importer, node: &NodeProto, outputs: usize) -> Result<FloatId> {
    let input = importer.tensor(node, 0)?;
    let &[1, features] = importer.builder.shape(input) else {
        return Err(refuse(
            node,
            format!(
                "input shape {:?}; supported: [1, features]",
                importer.builder.shape(input)
            ),
        ));
    };
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
