//! An entry of the table of operators.

use crate::error::Result;
use crate::float::FloatId;
use crate::frontend::onnx::importer::{Importer, Operand};
use crate::frontend::operator::OperatorInfo;
use tract_onnx::pb::NodeProto;

/// An operator: what is said of it, and the function that reads it.
pub(super) struct Operator {
    pub(super) info: OperatorInfo,
    /// The attributes that any version of the operator has (ONNX 1.23, opset 28).
    pub(super) attributes: &'static [&'static str],
    pub(super) read: Read,
}

/// Reads a node whose output is not constant.
#[derive(Clone, Copy)]
pub(super) enum Read {
    /// Gives the tensor of its first output, which is its only one.
    One(fn(&mut Importer, &NodeProto) -> Result<FloatId>),
    /// Gives what its first outputs are.
    Many(fn(&mut Importer, &NodeProto) -> Result<Vec<Operand>>),
}

/// An operator of one output, of any version.
pub(super) const fn one(
    name: &'static str,
    accepts: &'static str,
    becomes: &'static str,
    attributes: &'static [&'static str],
    read: fn(&mut Importer, &NodeProto) -> Result<FloatId>,
) -> Operator {
    entry(name, accepts, becomes, attributes, Read::One(read))
}

/// An operator of several outputs, or whose output may turn out to be constant.
pub(super) const fn many(
    name: &'static str,
    accepts: &'static str,
    becomes: &'static str,
    attributes: &'static [&'static str],
    read: fn(&mut Importer, &NodeProto) -> Result<Vec<Operand>>,
) -> Operator {
    entry(name, accepts, becomes, attributes, Read::Many(read))
}

const fn entry(
    name: &'static str,
    accepts: &'static str,
    becomes: &'static str,
    attributes: &'static [&'static str],
    read: Read,
) -> Operator {
    Operator {
        info: OperatorInfo {
            name,
            since: Some(1),
            only: "",
            accepts,
            becomes,
        },
        attributes,
        read,
    }
}

impl Operator {
    /// The operator with a restriction that a user should know first: a domain, say.
    pub(super) const fn only(self, only: &'static str) -> Self {
        Self {
            info: OperatorInfo { only, ..self.info },
            ..self
        }
    }
}
