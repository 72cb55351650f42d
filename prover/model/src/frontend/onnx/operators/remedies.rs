//! What helps against operators that are not supported.

use crate::frontend::onnx::node::is_standard;
use tract_onnx::pb::NodeProto;

/// The domain of ONNX Runtime's own operators.
pub(super) const MICROSOFT: &str = "com.microsoft";

const QUANTISED: &str =
    "export the model before its quantisation: chainfer quantises the float model itself";
const AFTER: &str = "leave it out and compute it from the model's outputs";
const BEFORE: &str = "compute it before the model, and make what it gives the model's input";
const RANDOM: &str = "export the model for inference, where nothing is drawn at random";
const UNROLL: &str = "export the model with its steps unrolled (tracing instead of scripting)";

const REMEDIES: &[(&str, &[&str])] = &[
    (
        QUANTISED,
        &[
            "QGemm",
            "QAttention",
            "QLinearAveragePool",
            "QLinearSoftmax",
        ],
    ),
    (AFTER, &["NonMaxSuppression", "ZipMap"]),
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
    (
        RANDOM,
        &[
            "Bernoulli",
            "Multinomial",
            "RandomNormal",
            "RandomNormalLike",
            "RandomUniform",
            "RandomUniformLike",
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
