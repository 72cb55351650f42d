//! Padding rules that both front ends share.

use crate::float::Padding;

/// Padding that makes the output `ceil(input / stride)` long; the odd one goes after (`upper`) or before.
pub(crate) fn same_padding(
    input: [usize; 2],
    kernel: [usize; 2],
    stride: [usize; 2],
    upper: bool,
) -> Padding {
    let side = |axis: usize| {
        let (len, step) = (input[axis], stride[axis]);
        let total = ((len.div_ceil(step) - 1) * step + kernel[axis]).saturating_sub(len);
        let less = total / 2;
        if upper {
            (less, total - less)
        } else {
            (total - less, less)
        }
    };
    let ((top, bottom), (left, right)) = (side(0), side(1));
    Padding {
        top,
        left,
        bottom,
        right,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_padding_splits_the_odd_one() {
        let upper = same_padding([5, 5], [2, 4], [1, 2], true);
        assert_eq!(
            (upper.top, upper.bottom, upper.left, upper.right),
            (0, 1, 1, 2)
        );
        let lower = same_padding([5, 5], [2, 4], [1, 2], false);
        assert_eq!(
            (lower.top, lower.bottom, lower.left, lower.right),
            (1, 0, 2, 1)
        );
    }
}
