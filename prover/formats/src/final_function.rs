//! The function at the end of a classifier that may be left out of what is proved.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A function that turns scores into probabilities and keeps their order. A model may be compiled without the one at its end: its output is
/// the scores then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinalFunction {
    /// Exponentials, divided by their sum.
    Softmax,
    /// The logarithm of Softmax.
    LogSoftmax,
    /// The logistic function of each score.
    Sigmoid,
}

impl FinalFunction {
    /// Its number in the manifest id; 0 is none.
    pub(crate) fn code(self) -> u64 {
        match self {
            Self::Softmax => 1,
            Self::LogSoftmax => 2,
            Self::Sigmoid => 3,
        }
    }
}

impl fmt::Display for FinalFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Softmax => "Softmax",
            Self::LogSoftmax => "LogSoftmax",
            Self::Sigmoid => "Sigmoid",
        })
    }
}
