//! Attributes of nodes, with their defaults.

use tract_onnx::pb::{AttributeProto, NodeProto};

/// Reads attributes of one node.
pub(super) trait Attributes {
    /// The attribute of this name.
    fn find(&self, name: &str) -> Option<&AttributeProto>;
    /// An integer.
    fn int(&self, name: &str, default: i64) -> i64;
    /// A float.
    fn float(&self, name: &str, default: f64) -> f64;
    /// A list of integers.
    fn ints(&self, name: &str) -> Option<&[i64]>;
    /// A string.
    fn text(&self, name: &str) -> Option<String>;
}

impl Attributes for NodeProto {
    fn find(&self, name: &str) -> Option<&AttributeProto> {
        self.attribute.iter().find(|a| a.name == name)
    }

    fn int(&self, name: &str, default: i64) -> i64 {
        self.find(name).map_or(default, |a| a.i)
    }

    fn float(&self, name: &str, default: f64) -> f64 {
        self.find(name).map_or(default, |a| f64::from(a.f))
    }

    fn ints(&self, name: &str) -> Option<&[i64]> {
        self.find(name).map(|a| a.ints.as_slice())
    }

    fn text(&self, name: &str) -> Option<String> {
        self.find(name)
            .map(|a| String::from_utf8_lossy(&a.s).into_owned())
    }
}
