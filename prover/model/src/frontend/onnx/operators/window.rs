//! Kernel, stride and padding of convolutions and pools.

use crate::error::Result;
use crate::float::{Padding, Pool};
use crate::frontend::onnx::attributes::Attributes;
use crate::frontend::onnx::node::refuse;
use crate::window::Window;
use tract_onnx::pb::NodeProto;

/// The window of a node over an input of `[rows, columns]`; `kernel` is known from weights for a convolution.
pub(super) fn window(
    node: &NodeProto,
    input: [usize; 2],
    kernel: Option<[usize; 2]>,
) -> Result<Pool> {
    let declared = node.sizes("kernel_shape", kernel.unwrap_or([0, 0]), 1)?;
    if declared == [0, 0] || kernel.is_some_and(|k| k != declared) {
        return Err(refuse(
            node,
            format!("kernel_shape {declared:?} is missing or does not match the weights"),
        ));
    }
    let dilations = node.sizes("dilations", [1, 1], 1)?;
    if dilations != [1, 1] {
        return Err(refuse(
            node,
            format!("dilations {dilations:?}; supported: [1, 1]"),
        ));
    }
    let stride = node.sizes("strides", [1, 1], 1)?;
    let mut padding = match node.text("auto_pad").as_deref() {
        None | Some("" | "NOTSET") => {
            let [top, left, bottom, right] = node.sizes("pads", [0; 4], 0)?;
            Padding {
                top,
                left,
                bottom,
                right,
            }
        }
        Some("VALID") => Padding::NONE,
        Some(mode @ ("SAME_UPPER" | "SAME_LOWER")) => {
            Window::new(declared, stride, [0, 0]).same_padding(input, mode == "SAME_UPPER")
        }
        Some(other) => return Err(refuse(node, format!("auto_pad {other} is unknown"))),
    };
    if node.int("ceil_mode", 0) != 0 {
        let window = Window::new(declared, stride, padding.before());
        padding.bottom += window.rows.ceil_padding(input[0], padding.bottom);
        padding.right += window.columns.ceil_padding(input[1], padding.right);
    }
    Ok(Pool {
        kernel: declared,
        stride,
        padding,
    })
}
