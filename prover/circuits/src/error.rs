//! Errors of planning and witness generation.

use std::fmt;
use thiserror::Error;

/// What can go wrong before a proof exists.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum CircuitError {
    /// No circuit size within the limit holds the chunk.
    #[error(
        "chunk {chunk} needs {needed} rows, more than a circuit of 2^{max_k} rows has; compile with more chunks"
    )]
    TooLarge {
        /// Chunk index.
        chunk: usize,
        /// Rows needed in the narrowest feasible layout.
        needed: usize,
        /// Largest log2 of the number of rows.
        max_k: u32,
    },
    /// The size asked for does not hold the chunk.
    #[error(
        "chunk {chunk} does not fit in 2^{k} rows with a table of {range} entries; use a larger k or more chunks"
    )]
    DoesNotFit {
        /// Chunk index.
        chunk: usize,
        /// log2 of the number of rows.
        k: u32,
        /// Activation range R: the table's entries, unless limbs split them.
        range: u32,
    },
    /// The shape asked for does not hold the chunk.
    #[error("chunk {chunk} does not fit in the shape that its bundle states")]
    NotOfShape {
        /// Chunk index.
        chunk: usize,
    },
    /// A layer's accumulator can leave the digits that the circuit has for it.
    #[error(
        "layer {layer}: the accumulator can reach {bound}, the limit is {limit}; scale the weights down or raise the activation range"
    )]
    AccumulatorBound {
        /// Layer name.
        layer: String,
        /// Worst case of the absolute value.
        bound: u128,
        /// Bounds must stay below this.
        limit: u128,
    },
    /// Two parts of the model disagree.
    #[error("layer {layer}: {what}")]
    Inconsistent {
        /// Layer name.
        layer: String,
        /// What disagrees.
        what: String,
    },
    /// A shape that the planner never makes.
    #[error("circuit shape: {what} is {got}, allowed {allowed}")]
    BadShape {
        /// Name of the parameter, or of what follows from the shape.
        what: &'static str,
        /// Value found.
        got: u64,
        /// Values allowed.
        allowed: &'static str,
    },
    /// A trace that does not belong to the model.
    #[error("witness: tensor {tensor} has {got} values, expected {expected} below {range}")]
    BadWitness {
        /// Tensor name.
        tensor: String,
        /// Values found.
        got: usize,
        /// Values expected.
        expected: usize,
        /// Activation range.
        range: u32,
    },
    /// More rows were asked for weight hiding than are free.
    #[error(
        "chunk {chunk}: {asked} rows of blinders were asked for to hide the weights, {free} are free; ask for fewer or use a larger k"
    )]
    NoRoomToHide {
        /// Chunk index.
        chunk: usize,
        /// Rows asked for.
        asked: u32,
        /// Rows free in the fullest weight column.
        free: u32,
    },
    /// A chip uses a column that the shape does not have.
    #[error("circuit: the shape has no column for {role}")]
    MissingColumn {
        /// Role of the column.
        role: String,
    },
    /// A chip uses a cell that the circuit does not have.
    #[error("circuit: there is no cell for {role} in row {row}")]
    MissingCell {
        /// Role of the column.
        role: String,
        /// Row within the circuit, from 0.
        row: usize,
    },
    /// No encoded selector stands for a combination of flags.
    #[error("circuit: no value of the encoded selector {selector} stands for {flags}")]
    UnknownCode {
        /// The selector.
        selector: String,
        /// The flags of the row.
        flags: String,
    },
    /// A fixed column would commit to the point at infinity, which no key may hold.
    #[error("circuit: the column {role} is 0 in every row, and nothing says where it may not be")]
    ZeroColumn {
        /// Role of the column.
        role: String,
    },
    /// The registry has no operator for a layer.
    #[error("layer {layer}: no chip proves this operator")]
    NoChip {
        /// Layer name.
        layer: String,
    },
}

impl CircuitError {
    pub(crate) fn missing_column(role: impl fmt::Debug) -> Self {
        CircuitError::MissingColumn {
            role: format!("{role:?}"),
        }
    }

    pub(crate) fn missing_cell(role: impl fmt::Debug, row: usize) -> Self {
        CircuitError::MissingCell {
            role: format!("{role:?}"),
            row,
        }
    }

    pub(crate) fn unknown_code(selector: impl fmt::Debug, flags: impl fmt::Debug) -> Self {
        CircuitError::UnknownCode {
            selector: format!("{selector:?}"),
            flags: format!("{flags:?}"),
        }
    }

    pub(crate) fn inconsistent(layer: &str, what: impl Into<String>) -> Self {
        CircuitError::Inconsistent {
            layer: layer.into(),
            what: what.into(),
        }
    }
}
