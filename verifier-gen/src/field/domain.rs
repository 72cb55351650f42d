//! The evaluation domain in the arithmetic: constants of an embedded verifier, inputs of a shared one, whose key says how many rows
//! there are.

use halo2curves::{bn256::Fr, ff::Field};

use super::graph::{Graph, Input, NodeId};
use crate::{
    options::Mode,
    protocol::{Protocol, root_power},
};

/// What is known of the domain when the code is generated.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Domain<'a> {
    /// The number of rows and that of public inputs: the key is in the contract.
    Known(&'a Protocol),
    /// Nothing: see [`Input::Root`] and its neighbours.
    OfKey,
}

impl<'a> Domain<'a> {
    pub(crate) fn new(protocol: &'a Protocol, mode: Mode) -> Self {
        match mode {
            Mode::Embedded => Self::Known(protocol),
            Mode::Shared => Self::OfKey,
        }
    }

    /// The root of unity to the power of a rotation.
    pub(crate) fn root(self, graph: &mut Graph, rotation: i32) -> NodeId {
        match self {
            Self::Known(protocol) => graph.constant(root_power(protocol.omega, rotation)),
            Self::OfKey => {
                let base = if rotation < 0 {
                    Input::RootInverse
                } else {
                    Input::Root
                };
                let base = graph.input(base);
                graph.pow(base, u64::from(rotation.unsigned_abs()))
            }
        }
    }

    /// `x` to the number of rows.
    pub(crate) fn to_rows(self, graph: &mut Graph, x: NodeId) -> NodeId {
        match self {
            Self::Known(protocol) => graph.pow(x, protocol.rows()),
            Self::OfKey => graph.input(Input::XToRows),
        }
    }

    /// The inverse of the number of rows.
    pub(crate) fn rows_inverse(self, graph: &mut Graph) -> NodeId {
        match self {
            Self::Known(protocol) => {
                let rows = Fr::from(protocol.rows()).invert().unwrap_or(Fr::ZERO);
                graph.constant(rows)
            }
            Self::OfKey => graph.input(Input::RowsInverse),
        }
    }
}
