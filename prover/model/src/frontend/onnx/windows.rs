//! Kernel, stride and padding of convolutions and pools.

use super::attributes::Attributes;
use super::refuse;
use crate::error::Result;
use crate::float::{Padding, Pool};
use crate::frontend::same_padding as same;
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
            same(input, declared, stride, mode == "SAME_UPPER")
        }
        Some(other) => return Err(refuse(node, format!("auto_pad {other} is unknown"))),
    };
    if node.int("ceil_mode", 0) != 0 {
        padding.bottom += ceil_extra(
            input[0],
            padding.top,
            padding.bottom,
            declared[0],
            stride[0],
        );
        padding.right += ceil_extra(
            input[1],
            padding.left,
            padding.right,
            declared[1],
            stride[1],
        );
    }
    Ok(Pool {
        kernel: declared,
        stride,
        padding,
    })
}

/// Padding after the input that `ceil_mode` adds; a window that would begin in it is dropped.
fn ceil_extra(len: usize, before: usize, after: usize, kernel: usize, stride: usize) -> usize {
    let padded = len + before + after;
    let Some(room) = padded.checked_sub(kernel) else {
        return 0;
    };
    let mut steps = room.div_ceil(stride);
    if steps * stride >= len + before {
        steps -= 1;
    }
    (steps * stride + kernel).saturating_sub(padded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ceil_mode_adds_what_the_last_window_needs() {
        assert_eq!(ceil_extra(6, 0, 0, 3, 2), 1);
        assert_eq!(ceil_extra(7, 0, 0, 3, 2), 0);
        // The last window would begin in the padding.
        assert_eq!(ceil_extra(3, 1, 1, 2, 2), 0);
    }
}
