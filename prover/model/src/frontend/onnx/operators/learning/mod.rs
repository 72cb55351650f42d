//! The domain ai.onnx.ml: pipelines of scikit-learn, as skl2onnx writes them, and ensembles of trees, as the converters of XGBoost and
//! LightGBM write them, too.

mod classifier;
mod nodes;
mod scale;
mod trees;
mod vectors;

pub(in crate::frontend::onnx) use classifier::{is_classifier, scores};

use super::entry::{Operator, many, one};
use crate::error::Result;
use crate::float::FloatId;
use crate::frontend::onnx::attributes::Attributes;
use crate::frontend::onnx::importer::Importer;
use crate::frontend::onnx::node::refuse;
use tract_onnx::pb::NodeProto;

/// The domain of these operators.
pub(super) const DOMAIN: &str = "ai.onnx.ml";

/// How trees are computed.
const TREES: &str = "linear layers and a comparison for each node of each tree";
/// How machines of support vectors are computed.
const VECTORS: &str =
    "linear layers, and a function for each support vector unless the kernel is linear";
/// What is done about a classifier's end.
const ENDS: &str = "post_transform NONE, SOFTMAX and LOGISTIC, left out with --drop-final-softmax; the label is left out";

pub(super) const OPERATORS: &[Operator] = &[
    one(
        "ArrayFeatureExtractor",
        "constant places along the last axis; of labels, what it computes is left out",
        "a rearrangement: elements are read where they are",
        &[],
        scale::extract,
    )
    .only(DOMAIN),
    one(
        "Binarizer",
        "one threshold",
        "a function of every element",
        &["threshold"],
        scale::binarizer,
    )
    .only(DOMAIN),
    many(
        "FeatureVectorizer",
        "tensors of one row each",
        "a rearrangement: elements are read where they are",
        &["inputdimensions"],
        scale::join,
    )
    .only(DOMAIN),
    one(
        "Imputer",
        "any: a model's numbers are never missing",
        "nothing: a view of the same elements",
        &[
            "imputed_value_floats",
            "imputed_value_int64s",
            "replaced_value_float",
            "replaced_value_int64",
        ],
        scale::imputer,
    )
    .only(DOMAIN),
    one(
        "LinearClassifier",
        ENDS,
        "a linear layer",
        &[
            "classlabels_ints",
            "classlabels_strings",
            "coefficients",
            "intercepts",
            "multi_class",
            "post_transform",
        ],
        classifier::probabilities,
    )
    .only(DOMAIN),
    one(
        "LinearRegressor",
        "post_transform NONE",
        "a linear layer",
        &["coefficients", "intercepts", "post_transform", "targets"],
        classifier::linear_regressor,
    )
    .only(DOMAIN),
    one(
        "Normalizer",
        "norm MAX, L1 and L2; with --drop-final-softmax nothing, after a classifier",
        "a linear layer, a function and a product",
        &["norm"],
        scale::normalizer,
    )
    .only(DOMAIN),
    one(
        "SVMClassifier",
        "without probabilities: scores of pairs of classes; kernels LINEAR, RBF, POLY and SIGMOID; the label is left out",
        VECTORS,
        &[
            "classlabels_ints",
            "classlabels_strings",
            "coefficients",
            "kernel_params",
            "kernel_type",
            "post_transform",
            "prob_a",
            "prob_b",
            "rho",
            "support_vectors",
            "vectors_per_class",
        ],
        classifier::probabilities,
    )
    .only(DOMAIN),
    one(
        "SVMRegressor",
        "kernels LINEAR, RBF, POLY and SIGMOID; of one class refused",
        VECTORS,
        &[
            "coefficients",
            "kernel_params",
            "kernel_type",
            "n_supports",
            "one_class",
            "post_transform",
            "rho",
            "support_vectors",
        ],
        vectors::regressor,
    )
    .only(DOMAIN),
    one(
        "Scaler",
        "one offset and scale for all features, or one for each",
        "nothing: it is folded into the linear layer before or after it",
        &["offset", "scale"],
        scale::scaler,
    )
    .only(DOMAIN),
    one(
        "TreeEnsembleClassifier",
        ENDS,
        TREES,
        &[
            "base_values",
            "base_values_as_tensor",
            "class_ids",
            "class_nodeids",
            "class_treeids",
            "class_weights",
            "class_weights_as_tensor",
            "classlabels_int64s",
            "classlabels_strings",
            "nodes_falsenodeids",
            "nodes_featureids",
            "nodes_hitrates",
            "nodes_hitrates_as_tensor",
            "nodes_missing_value_tracks_true",
            "nodes_modes",
            "nodes_nodeids",
            "nodes_treeids",
            "nodes_truenodeids",
            "nodes_values",
            "nodes_values_as_tensor",
            "post_transform",
        ],
        classifier::probabilities,
    )
    .only(DOMAIN),
    one(
        "TreeEnsembleRegressor",
        "aggregate_function SUM and AVERAGE; post_transform NONE",
        TREES,
        &[
            "aggregate_function",
            "base_values",
            "base_values_as_tensor",
            "n_targets",
            "nodes_falsenodeids",
            "nodes_featureids",
            "nodes_hitrates",
            "nodes_hitrates_as_tensor",
            "nodes_missing_value_tracks_true",
            "nodes_modes",
            "nodes_nodeids",
            "nodes_treeids",
            "nodes_truenodeids",
            "nodes_values",
            "nodes_values_as_tensor",
            "post_transform",
            "target_ids",
            "target_nodeids",
            "target_treeids",
            "target_weights",
            "target_weights_as_tensor",
        ],
        trees::regressor,
    )
    .only(DOMAIN),
    one(
        "ZipMap",
        "scores: they are the output in the order of the classes, without the names of those",
        "nothing",
        &["classlabels_int64s", "classlabels_strings"],
        not_numbers,
    )
    .only(DOMAIN),
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

/// Numbers as a list of floats, or as a tensor under the name with `_as_tensor` behind it.
fn numbers(node: &NodeProto, name: &str) -> Result<Vec<f64>> {
    let list = floats(node, name);
    let tensor = node.find(&format!("{name}_as_tensor"));
    let Some(tensor) = tensor.and_then(|a| a.t.as_ref()) else {
        return Ok(list);
    };
    let folder = crate::frontend::onnx::external::Folder::none();
    let made = crate::frontend::onnx::constants::load(tensor, name, &folder)?;
    Ok(crate::frontend::onnx::evaluate::constant(name, &made)?.data)
}

/// The features of the first input, `[1, features]`.
fn features(importer: &Importer, node: &NodeProto) -> Result<(FloatId, usize)> {
    let input = importer.tensor(node, 0)?;
    let shape = importer.builder.shape(input);
    match *shape {
        [1, features] => Ok((input, features)),
        _ => Err(refuse(
            node,
            format!("input shape {shape:?}; supported: [1, features]"),
        )),
    }
}

/// The number of classes that are named.
fn classes(node: &NodeProto) -> usize {
    let ints = ["classlabels_ints", "classlabels_int64s"];
    let ints = ints
        .iter()
        .filter_map(|n| node.ints(n))
        .map(<[i64]>::len)
        .max();
    let strings = node
        .find("classlabels_strings")
        .map_or(0, |a| a.strings.len());
    ints.unwrap_or(0).max(strings)
}
