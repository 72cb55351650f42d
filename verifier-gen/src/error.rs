//! Why a verifier cannot be generated.

use thiserror::Error;

use crate::options::Mode;

/// Reasons why [`generate`](crate::generate) refuses a key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum GenerateError {
    /// The contract name is not a Solidity identifier.
    #[error("`{0}` is not a Solidity identifier")]
    ContractName(String),
    /// The caller gave lengths for another number of instance columns than the circuit has.
    #[error("the circuit has {expected} instance columns, lengths of {got} were given")]
    InstanceColumns {
        /// Instance columns of the circuit.
        expected: usize,
        /// Lengths given.
        got: usize,
    },
    /// An instance column is longer than the rows that are not blinded.
    #[error("instance column {column} has {got} values, {usable} rows are usable")]
    InstanceTooLong {
        /// Index of the column.
        column: usize,
        /// Length given.
        got: usize,
        /// Rows of the column that may hold values.
        usable: usize,
    },
    /// A gate or a lookup has a higher degree than halo2 computes the quotient for (it clamps at 5 unless told otherwise):
    /// proofs of such a circuit never verify.
    #[error(
        "{kind} `{name}` has degree {degree}, the constraint system is clamped at {limit}: call set_minimum_degree"
    )]
    DegreeClamped {
        /// `gate` or `lookup`.
        kind: &'static str,
        /// Its name.
        name: String,
        /// Degree that its constraints need.
        degree: usize,
        /// Degree of the constraint system.
        limit: usize,
    },
    /// The constraint system's degree leaves no room for the permutation argument.
    #[error("the constraint system's degree {0} is below 3")]
    DegreeTooLow(usize),
    /// An expression still holds a selector: the constraint system does not come from a verifying key.
    #[error("a selector was not replaced by a fixed column")]
    SelectorNotReplaced,
    /// An expression queries a cell that the constraint system does not list.
    #[error(
        "{kind} column {column} is queried at rotation {rotation}, which the constraint system does not list"
    )]
    UnknownQuery {
        /// `advice`, `fixed` or `instance`.
        kind: &'static str,
        /// Index of the column.
        column: usize,
        /// Rotation of the query.
        rotation: i32,
    },
    /// Two rotations are the same row of a domain this small.
    #[error("two of the circuit's rotations meet in a domain of {rows} rows")]
    RotationCollision {
        /// Rows of the domain.
        rows: u64,
    },
    /// The verifier needs more memory than its 16-bit references reach.
    #[error("the verifier needs {bytes} bytes of memory, 65536 can be addressed")]
    MemoryTooLarge {
        /// Bytes needed.
        bytes: usize,
    },
    /// The runtime code would exceed the EVM's limit.
    #[error("the contract would take about {bytes} bytes of code, {limit} are allowed")]
    CodeTooLarge {
        /// Estimated size of the runtime code.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The key does not fit in a contract's code.
    #[error("a contract that holds the key would take {bytes} bytes of code, {limit} are allowed")]
    KeyTooLarge {
        /// Bytes of its runtime code.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// A shared verifier is called with a key, an embedded one without.
    #[error("calls of {}", match mode { Mode::Shared => "a shared verifier take a key", Mode::Embedded => "an embedded verifier take no key: it holds one" })]
    KeyArgument {
        /// Mode of the verifier.
        mode: Mode,
    },
}
