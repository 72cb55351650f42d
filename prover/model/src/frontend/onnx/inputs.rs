//! Inputs and outputs of the model: element types, and dimensions that the file leaves open.

use super::constants::{kind, type_name};
use super::importer::Kind;
use super::node::malformed;
use crate::error::Result;
use std::collections::{BTreeMap, BTreeSet};
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::{ValueInfoProto, type_proto};

/// The lengths that the user gives, and the names that the file has for them. Those of axes that the file fixes are `INPUT.AXIS`, as those of
/// open ones without a name.
#[derive(Debug)]
pub(super) struct OpenDims<'o> {
    given: &'o BTreeMap<String, usize>,
    met: BTreeSet<String>,
    /// Axes whose length is fixed in the file.
    fixed: BTreeSet<String>,
    replaces: bool,
}

impl<'o> OpenDims<'o> {
    pub(super) fn new(given: &'o BTreeMap<String, usize>) -> Self {
        Self {
            given,
            met: BTreeSet::new(),
            fixed: BTreeSet::new(),
            replaces: false,
        }
    }

    /// The shape of a model input. A first axis without a fixed length is the batch: it is 1 unless it is given.
    pub(super) fn shape(&mut self, input: &ValueInfoProto) -> Result<(Vec<usize>, Kind)> {
        let name = &input.name;
        let tensor =
            tensor_type(input).ok_or_else(|| malformed(format!("input {name} is not a tensor")))?;
        let kind = kind(tensor.elem_type).ok_or_else(|| {
            malformed(format!(
                "input {name} has element type {}; supported: float, double, float16, bfloat16, integers of at most 64 bits, bool; what \
                 follows from others has to be computed before the model, and given as numbers",
                type_name(tensor.elem_type)
            ))
        })?;
        let dims = tensor.shape.as_ref().map(|s| s.dim.as_slice());
        let dims = dims.filter(|d| !d.is_empty()).ok_or_else(|| {
            malformed(format!(
                "input {name} has no shape; export the model with fixed shapes"
            ))
        })?;
        let mut shape = Vec::with_capacity(dims.len());
        let mut open = Vec::new();
        for (axis, dim) in dims.iter().enumerate() {
            let place = format!("{name}.{axis}");
            if let Some(length) = fixed(dim) {
                let given = self.given.get(&place).copied();
                self.replaces |= given.is_some_and(|given| given != length);
                shape.push(given.unwrap_or(length));
                self.fixed.insert(place);
                continue;
            }
            let symbol = symbol(dim).unwrap_or(place);
            match self.given.get(&symbol) {
                Some(length) => shape.push(*length),
                None if axis == 0 => shape.push(1),
                None => open.push(format!("axis {axis} ({symbol})")),
            }
            self.met.insert(symbol);
        }
        if open.is_empty() {
            return Ok((shape, kind));
        }
        let flags: Vec<String> = open
            .iter()
            .filter_map(|o| o.split_once('(')?.1.strip_suffix(')'))
            .map(|symbol| format!("--dim {symbol}=N"))
            .collect();
        Err(malformed(format!(
            "input {name}: {} has no fixed length; give it with {}, or export the model with fixed shapes",
            open.join(", "),
            flags.join(" ")
        )))
    }

    /// Refuses lengths of dimensions that no input has; whether one stands in place of a length that the file fixes, so that shapes that it
    /// declares further on do not hold.
    pub(super) fn finish(self) -> Result<bool> {
        let is_met = |name: &String| self.met.contains(name) || self.fixed.contains(name);
        let Some(unknown) = self.given.keys().find(|name| !is_met(name)) else {
            return Ok(self.replaces);
        };
        let known: Vec<&str> = self.met.iter().map(String::as_str).collect();
        Err(malformed(format!(
            "--dim {unknown}: no input has an open dimension of this name; there are: {}; INPUT.AXIS names one that is fixed",
            if known.is_empty() {
                "none".to_owned()
            } else {
                known.join(", ")
            }
        )))
    }
}

fn tensor_type(value: &ValueInfoProto) -> Option<&type_proto::Tensor> {
    let type_proto::Value::TensorType(tensor) = value.r#type.as_ref()?.value.as_ref()?;
    Some(tensor)
}

fn fixed(dimension: &Dimension) -> Option<usize> {
    match dimension.value {
        Some(dimension::Value::DimValue(n)) if n > 0 => usize::try_from(n).ok(),
        _ => None,
    }
}

/// The name of an open dimension.
fn symbol(dimension: &Dimension) -> Option<String> {
    match &dimension.value {
        Some(dimension::Value::DimParam(name)) if !name.is_empty() => Some(name.clone()),
        _ => None,
    }
}

/// Refuses an output whose declared shape is another than the computed one. The first axis may be the exporter's batch, and axes of length 1
/// may be left out, as writers do who take them for nothing.
pub(super) fn output_shape(output: &ValueInfoProto, computed: &[usize]) -> Result<()> {
    let Some(shape) = tensor_type(output).and_then(|t| t.shape.as_ref()) else {
        return Ok(());
    };
    let declared: Vec<Option<usize>> = shape.dim.iter().map(fixed).collect();
    let differs = |(declared, computed): (&Option<usize>, &usize)| {
        declared.is_some_and(|length| length != *computed)
    };
    let longer = |lengths: &[Option<usize>]| -> Vec<Option<usize>> {
        let lengths = lengths.iter().skip(1);
        lengths.filter(|l| **l != Some(1)).copied().collect()
    };
    let lengths: Vec<Option<usize>> = computed.iter().copied().map(Some).collect();
    if longer(&declared) == longer(&lengths) {
        return Ok(());
    }
    if declared.len() != computed.len() || declared.iter().zip(computed).skip(1).any(differs) {
        return Err(malformed(format!(
            "output {} is declared with shape {}, the network computes {computed:?}",
            output.name,
            shown(&declared)
        )));
    }
    Ok(())
}

fn shown(shape: &[Option<usize>]) -> String {
    let lengths = shape.iter();
    let lengths = lengths.map(|l| l.map_or_else(|| "?".to_owned(), |l| l.to_string()));
    format!("[{}]", lengths.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(dims: &[i64]) -> ValueInfoProto {
        let dim = |length: &i64| Dimension {
            value: Some(dimension::Value::DimValue(*length)),
            ..Dimension::default()
        };
        let shape = tract_onnx::pb::TensorShapeProto {
            dim: dims.iter().map(dim).collect(),
        };
        let tensor = type_proto::Tensor {
            elem_type: 1,
            shape: Some(shape),
        };
        ValueInfoProto {
            name: "y".to_owned(),
            r#type: Some(tract_onnx::pb::TypeProto {
                value: Some(type_proto::Value::TensorType(tensor)),
                ..Default::default()
            }),
            ..ValueInfoProto::default()
        }
    }

    #[test]
    fn output_may_be_declared_without_its_axes_of_length_1() {
        for declared in [&[1, 10][..], &[1, 10, 1, 1], &[7, 10, 1], &[1, 1, 10]] {
            assert!(output_shape(&output(declared), &[1, 10, 1, 1]).is_ok());
        }
        for declared in [&[1, 5][..], &[1, 5, 2, 1], &[10], &[1, 10, 10]] {
            let refused = output_shape(&output(declared), &[1, 10, 1, 1]).unwrap_err();
            assert!(refused.to_string().contains("declared with shape"));
        }
    }
}
