//! The crate's error.

use crate::frontend::Blockers;
use chainfer_formats::FormatError;
use std::path::PathBuf;

/// Everything that can go wrong between a model file and a partitioned integer program.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A file could not be read.
    #[error("cannot read {path}: {source}", path = .path.display())]
    Read {
        /// Path of the file, as it was given.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file that is too large, or a folder or device.
    #[error(transparent)]
    File(FormatError),
    /// The bytes are not a model or input in the stated format.
    #[error("{format}: {detail}")]
    Malformed {
        /// `onnx`, `zkml msgpack`, `json`, `npy`, ...
        format: &'static str,
        /// What is wrong, and where.
        detail: String,
    },
    /// An operator that no front end or lowering knows.
    #[error("node {node}: operator {op} is not supported; {}supported: {supported}", sentence(.remedy))]
    UnsupportedOperator {
        /// Name in the source model.
        node: String,
        /// Operator name in the source model.
        op: String,
        /// What would help; empty if that is not known.
        remedy: String,
        /// Comma-separated list of what is.
        supported: String,
    },
    /// Several nodes that cannot be read.
    #[error("{0}")]
    Blocked(Blockers),
    /// A supported operator used in a way that is not.
    #[error("node {node}: {op}: {reason}")]
    UnsupportedUse {
        /// Name in the source model.
        node: String,
        /// Operator name in the source format.
        op: String,
        /// What is not supported, and what is.
        reason: String,
    },
    /// Wrong number of inputs.
    #[error("the model has {expected} input(s) ({names}), got {got}")]
    InputCount {
        /// Number of inputs of the model.
        expected: usize,
        /// Number of inputs given.
        got: usize,
        /// Their names and shapes.
        names: String,
    },
    /// An input of the wrong length.
    #[error("{place}: input {name} has shape {shape:?}, which is {expected} values, got {got}")]
    InputLength {
        /// File and position.
        place: String,
        /// Input name.
        name: String,
        /// Shape that the model states.
        shape: Vec<usize>,
        /// Expected number of values.
        expected: usize,
        /// Given number of values.
        got: usize,
    },
    /// A value that is not a finite number, or a quantised value outside its range.
    #[error("{place}: input {name}, element {element}: {reason}")]
    InputValue {
        /// File and position.
        place: String,
        /// Input name.
        name: String,
        /// Flat index of the value within the input.
        element: usize,
        /// What is wrong.
        reason: String,
    },
    /// A quantised graph that breaks its own rules.
    #[error("invalid quantised graph: {0}")]
    InvalidGraph(String),
    /// An option of the quantiser out of its range.
    #[error("invalid option: {0}")]
    InvalidOption(String),
    /// A layer whose accumulator can leave the range that the circuit can write down.
    #[error(
        "layer {layer}, output element {element}: the accumulator can reach {bound} in magnitude, the limit is {limit}; \
         use a larger range or rescale the layer"
    )]
    AccumulatorBound {
        /// Name of the source node or nodes.
        layer: String,
        /// Flat index of the output element.
        element: usize,
        /// The largest magnitude that inputs in range can give.
        bound: i128,
        /// Magnitudes must stay below this.
        limit: i128,
    },
    /// Refusal mode: a value left its tensor's range where the float function has no bound.
    #[error(
        "layer {layer}, output element {element}: the value {value} lies outside of [0, {range}) where the float function \
         does not saturate; calibrate with inputs like this one, or allow saturation"
    )]
    Saturated {
        /// Name of the source node or nodes.
        layer: String,
        /// Flat index of the output element.
        element: usize,
        /// Quotient before clamping.
        value: i64,
        /// Values in range are below this.
        range: u32,
    },
    /// A model that cannot be cut as asked.
    #[error("cannot partition: {0}")]
    Partition(String),
}

/// A part of a message, if there is any.
fn sentence(part: &str) -> String {
    if part.is_empty() {
        String::new()
    } else {
        format!("{part}; ")
    }
}

/// The crate's result.
pub type Result<T, E = ModelError> = std::result::Result<T, E>;
