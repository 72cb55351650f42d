//! Kernel, stride, dilation and padding of convolutions and pools, for any number of axes.

use crate::error::Result;
use crate::frontend::onnx::attributes::Attributes;
use crate::frontend::onnx::node::refuse;
use crate::window::Axis;
use tract_onnx::pb::NodeProto;

/// No kernel, stride, dilation or padding is larger than this.
const MAX: i64 = 1 << 16;

/// A window along one axis, and the padding after the last element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) axis: Axis,
    pub(super) after: usize,
}

impl Span {
    /// How many places the window has on an input of this length.
    pub(super) fn outputs(&self, node: &NodeProto, length: usize) -> Result<usize> {
        self.axis.output_len(length, self.after).ok_or_else(|| {
            refuse(
                node,
                format!(
                    "a window of {} on a padded input of {}",
                    self.axis.extent(),
                    length + self.axis.pad + self.after
                ),
            )
        })
    }
}

/// As many numbers as there are axes, each at least `least`.
pub(super) fn list(
    node: &NodeProto,
    name: &str,
    count: usize,
    default: usize,
    least: i64,
) -> Result<Vec<usize>> {
    let Some(list) = node.ints(name).filter(|l| !l.is_empty()) else {
        return Ok(vec![default; count]);
    };
    let sizes: Option<Vec<usize>> = list
        .iter()
        .map(|v| {
            usize::try_from(*v)
                .ok()
                .filter(|_| (least..=MAX).contains(v))
        })
        .collect();
    sizes.filter(|s| s.len() == count).ok_or_else(|| {
        refuse(
            node,
            format!("{name} is {list:?}; supported: {count} numbers of at least {least}"),
        )
    })
}

/// The kernel's lengths, which a convolution knows from its weights.
pub(super) fn kernel(
    node: &NodeProto,
    count: usize,
    known: Option<&[usize]>,
) -> Result<Vec<usize>> {
    let declared = node.ints("kernel_shape").filter(|l| !l.is_empty());
    match (declared, known) {
        (None, Some(known)) if !known.contains(&0) => Ok(known.to_vec()),
        (None, _) => Err(refuse(node, "kernel_shape is missing")),
        (Some(_), _) => {
            let kernel = list(node, "kernel_shape", count, 0, 1)?;
            if known.is_some_and(|k| *k != kernel) {
                return Err(refuse(
                    node,
                    format!("kernel_shape {kernel:?} does not match the weights"),
                ));
            }
            Ok(kernel)
        }
    }
}

/// The window of a node over an input of these lengths.
pub(super) fn spans(
    node: &NodeProto,
    input: &[usize],
    known: Option<&[usize]>,
) -> Result<Vec<Span>> {
    let count = input.len();
    let kernel = kernel(node, count, known)?;
    let stride = list(node, "strides", count, 1, 1)?;
    let dilation = list(node, "dilations", count, 1, 1)?;
    let pads = list(node, "pads", 2 * count, 0, 0)?;
    let auto = node.text("auto_pad").unwrap_or_default();
    let mut spans = Vec::with_capacity(count);
    for (n, length) in input.iter().enumerate() {
        let mut axis = Axis::new(kernel[n], stride[n], 0);
        axis.dilation = dilation[n];
        let (before, mut after) = match auto.as_str() {
            "" | "NOTSET" => (pads[n], pads[count + n]),
            "VALID" => (0, 0),
            "SAME_UPPER" | "SAME_LOWER" => axis.same_padding(*length, auto == "SAME_UPPER"),
            other => return Err(refuse(node, format!("auto_pad {other} is unknown"))),
        };
        axis.pad = before;
        if node.int("ceil_mode", 0) != 0 {
            after += axis.ceil_padding(*length, after);
        }
        spans.push(Span { axis, after });
    }
    Ok(spans)
}
