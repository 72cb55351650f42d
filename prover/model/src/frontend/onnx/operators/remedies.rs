//! What helps against operators that are not supported.

use crate::frontend::onnx::node::is_standard;
use tract_onnx::pb::NodeProto;

/// The domain of ONNX Runtime's own operators.
pub(super) const MICROSOFT: &str = "com.microsoft";

/// Against functions of scores that give probabilities.
pub(in crate::frontend::onnx) const SCORES: &str = "leave it out at the end of the model, or compile with --raw-scores: the scores before it have the same order";
const QUANTISED: &str =
    "export the model before its quantisation: chainfer quantises the float model itself";
const AFTER: &str = "leave it out and compute it from the model's outputs";
const BEFORE: &str = "compute it before the model, and make what it gives the model's input";
const UNROLL: &str = "export the model with its steps unrolled (tracing instead of scripting)";

const FUNCTION: &str = "train the model with Tanh or another function that is supported";

const REMEDIES: &[(&str, &[&str])] = &[
    (
        FUNCTION,
        &[
            "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Cosh", "Sinh",
        ],
    ),
    (
        QUANTISED,
        &[
            "QGemm",
            "QAttention",
            "QLinearAveragePool",
            "QLinearConcat",
            "QLinearSoftmax",
        ],
    ),
    (AFTER, &["NonMaxSuppression", "TopK", "ZipMap"]),
    (
        BEFORE,
        &[
            "CategoryMapper",
            "DFT",
            "LabelEncoder",
            "MelWeightMatrix",
            "OneHotEncoder",
            "STFT",
            "TfIdfVectorizer",
        ],
    ),
    (UNROLL, &["Loop", "Scan"]),
];

/// What would help; empty if that is not known.
pub(super) fn of(node: &NodeProto) -> &'static str {
    let op = node.op_type.as_str();
    let found = REMEDIES
        .iter()
        .find(|(_, operators)| operators.contains(&op));
    match found {
        Some((remedy, _)) => remedy,
        None if is_standard(&node.domain) => "",
        None => {
            "export the model with ONNX's own operators only, without optimisations for one runtime"
        }
    }
}
