//! What helps against operators that are not supported.

const AFTER: &str = "leave it out and compute it from the model's outputs";
const BEFORE: &str = "compute it before the model, and make what it gives the model's input";
const FLOW: &str = "convert the model with its branches and steps unrolled";
const STABLE: &str =
    "convert the model with TensorFlow Lite's builtin operators instead of StableHLO's";
const RECURRENT: &str =
    "convert the layer as UNIDIRECTIONAL_SEQUENCE_LSTM or unrolled, or export the model as ONNX";
const SELECT: &str =
    "convert the model without custom operators and without TensorFlow's own (Select TF ops)";

const REMEDIES: &[(&str, &[&str])] = &[
    (
        AFTER,
        &[
            "NON_MAX_SUPPRESSION_V4",
            "NON_MAX_SUPPRESSION_V5",
            "UNIQUE",
            "WHERE",
            "custom operator TFLite_Detection_PostProcess",
        ],
    ),
    (
        BEFORE,
        &[
            "HASHTABLE",
            "HASHTABLE_FIND",
            "HASHTABLE_IMPORT",
            "HASHTABLE_LOOKUP",
            "HASHTABLE_SIZE",
            "LSH_PROJECTION",
            "MULTINOMIAL",
            "RANDOM_STANDARD_NORMAL",
            "RANDOM_UNIFORM",
            "RFFT2D",
            "SKIP_GRAM",
        ],
    ),
    (FLOW, &["CALL", "IF", "WHILE"]),
    (
        RECURRENT,
        &[
            "BIDIRECTIONAL_SEQUENCE_LSTM",
            "BIDIRECTIONAL_SEQUENCE_RNN",
            "LSTM",
            "RNN",
            "SVDF",
        ],
    ),
    (
        "use AVERAGE_POOL_2D of the squares instead",
        &["L2_POOL_2D"],
    ),
    (
        "use CONV_2D of each slice instead",
        &["CONV_3D", "CONV_3D_TRANSPOSE"],
    ),
    (
        "replace MaxPoolingWithArgmax2D and MaxUnpooling2D by MAX_POOL_2D and RESIZE_NEAREST_NEIGHBOR, and train the model again",
        &[
            "custom operator MaxPoolingWithArgmax2D",
            "custom operator MaxUnpooling2D",
        ],
    ),
    (
        "convert the model with TRANSPOSE_CONV and ADD instead",
        &["custom operator Convolution2DTransposeBias"],
    ),
];

/// What would help; empty if that is not known.
pub(super) fn remedy(title: &str) -> &'static str {
    let known = REMEDIES.iter().find(|(_, titles)| titles.contains(&title));
    match known {
        Some((remedy, _)) => remedy,
        None if title.starts_with("STABLEHLO_") => STABLE,
        None if title.starts_with("custom operator") => SELECT,
        None => "",
    }
}
