//! Attributes of nodes, with their defaults.

use super::node::refuse;
use crate::error::Result;
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
    /// `N` sizes, each at least `least`.
    fn sizes<const N: usize>(
        &self,
        name: &str,
        default: [usize; N],
        least: i64,
    ) -> Result<[usize; N]>;
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

    fn sizes<const N: usize>(
        &self,
        name: &str,
        default: [usize; N],
        least: i64,
    ) -> Result<[usize; N]> {
        let Some(list) = self.ints(name) else {
            return Ok(default);
        };
        let sizes: Option<Vec<usize>> = list
            .iter()
            .map(|v| {
                usize::try_from(*v)
                    .ok()
                    .filter(|_| (least..=1 << 16).contains(v))
            })
            .collect();
        sizes
            .and_then(|s| <[usize; N]>::try_from(s).ok())
            .ok_or_else(|| {
                refuse(
                    self,
                    format!("{name} is {list:?}; supported: {N} numbers of at least {least}"),
                )
            })
    }
}
