//! Sliding windows: the one definition of which input element a tap of a convolution or a pooling reads.
//!
//! Along one axis, the input's elements are first summed in blocks of `pre_pool`; a rest that does not fill a block is
//! dropped. Of the `pooled = length / pre_pool` sums,
//!
//! ```text
//! tap k of output o reads sum number  o * stride + k * dilation - pad,  if that lies in 0..pooled, else nothing.
//! ```
//!
//! Everything else here follows from that line: which outputs a tap reaches ([`Axis::outputs`]), which output an element
//! belongs to ([`Axis::output_of`]), how long the output is ([`Axis::output_len`]), how much of the input is read
//! ([`Axis::needed`]) and the padding rules of the file formats. The float executor, the front ends, fusion, the integer
//! executors and the circuits all ask this module.
//!
//! Worked example: a kernel of 3, stride 2, padding 1 over 5 elements has 3 outputs; their taps read
//! `[-, 0, 1]`, `[1, 2, 3]` and `[3, 4, -]`.

use std::ops::Range;

/// Zeros (or, for maxima, nothing) around the rows and columns of an input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Padding {
    /// Rows above.
    pub top: usize,
    /// Columns to the left.
    pub left: usize,
    /// Rows below.
    pub bottom: usize,
    /// Columns to the right.
    pub right: usize,
}

impl Padding {
    /// No padding.
    pub const NONE: Self = Self {
        top: 0,
        left: 0,
        bottom: 0,
        right: 0,
    };

    /// What stands before the first row and the first column: the `pad` of a [`Window`].
    pub fn before(&self) -> [usize; 2] {
        [self.top, self.left]
    }

    /// What stands after the last row and the last column. It only decides how many outputs there are.
    pub fn after(&self) -> [usize; 2] {
        [self.bottom, self.right]
    }
}

/// A window along one axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Axis {
    /// Consecutive elements that are summed before the window sees them; 1 is none.
    pub pre_pool: usize,
    /// Number of taps.
    pub kernel: usize,
    /// Distance of the first taps of two neighbouring outputs.
    pub stride: usize,
    /// Distance of two neighbouring taps.
    pub dilation: usize,
    /// How far the first output's first tap lies before the first element.
    pub pad: usize,
}

impl Axis {
    /// A window without pooling and dilation.
    pub const fn new(kernel: usize, stride: usize, pad: usize) -> Self {
        Self {
            pre_pool: 1,
            kernel,
            stride,
            dilation: 1,
            pad,
        }
    }

    /// How many sums an input of `len` elements has after pooling.
    pub fn pooled(&self, len: usize) -> usize {
        len / self.pre_pool
    }

    /// Elements from the first tap to the last, both included.
    pub fn extent(&self) -> usize {
        (self.kernel - 1) * self.dilation + 1
    }

    /// The pooled element that `tap` of `output` reads; `None` where it lies outside.
    pub fn input(&self, output: usize, tap: usize, pooled: usize) -> Option<usize> {
        (output * self.stride + tap * self.dilation)
            .checked_sub(self.pad)
            .filter(|element| *element < pooled)
    }

    /// The outputs below `outputs` whose `tap` lies inside of the pooled input; no other output has that tap.
    pub fn outputs(&self, tap: usize, outputs: usize, pooled: usize) -> Range<usize> {
        let offset = tap * self.dilation;
        let first = self.pad.saturating_sub(offset).div_ceil(self.stride);
        let end = (self.pad + pooled)
            .saturating_sub(offset)
            .div_ceil(self.stride)
            .min(outputs);
        first.min(end)..end
    }

    /// The output, if any, whose `tap` reads the block that holds `element` of an input of `len` elements. The output's
    /// length is the caller's to check.
    pub fn output_of(&self, element: usize, tap: usize, len: usize) -> Option<usize> {
        let pooled = element / self.pre_pool;
        if pooled >= self.pooled(len) {
            return None;
        }
        let shifted = (pooled + self.pad).checked_sub(tap * self.dilation)?;
        shifted
            .is_multiple_of(self.stride)
            .then_some(shifted / self.stride)
    }

    /// Outputs over a pooled input with `after` elements of padding behind it; `None` where not one window fits.
    pub fn output_len(&self, pooled: usize, after: usize) -> Option<usize> {
        let room = (pooled + self.pad + after).checked_sub(self.extent())?;
        Some(room / self.stride + 1)
    }

    /// How many elements, from the first on, the first `outputs` outputs read out of `len`: at least one block.
    pub fn needed(&self, outputs: usize, len: usize) -> usize {
        let end = ((outputs - 1) * self.stride + self.extent()).saturating_sub(self.pad);
        end.min(self.pooled(len)).max(1) * self.pre_pool
    }

    /// Distance of the elements that one tap reads for two neighbouring outputs.
    pub fn step(&self) -> usize {
        self.pre_pool * self.stride
    }

    /// Whether output `i` reads element `i` and nothing else.
    pub fn is_identity(&self) -> bool {
        self.kernel == 1 && self.step() == 1 && self.pad == 0
    }

    /// Whether the first output's taps reach from before the input to past its end.
    pub fn covers(&self, pooled: usize) -> bool {
        self.extent() >= pooled + self.pad
    }

    /// The padding `(before, after)` that makes the output `ceil(len / stride)` long, which the formats call SAME; of an
    /// odd number, the larger half goes after the input if `upper`, else before it. [`Self::pad`] is not read.
    pub fn same_padding(&self, len: usize, upper: bool) -> (usize, usize) {
        let total =
            ((len.div_ceil(self.stride) - 1) * self.stride + self.extent()).saturating_sub(len);
        let less = total / 2;
        if upper {
            (less, total - less)
        } else {
            (total - less, less)
        }
    }

    /// How much padding ONNX's `ceil_mode` adds to the `after` there is: enough for the last, partial window, unless that
    /// window would begin in the padding.
    pub fn ceil_padding(&self, len: usize, after: usize) -> usize {
        let padded = len + self.pad + after;
        let Some(room) = padded.checked_sub(self.extent()) else {
            return 0;
        };
        let mut steps = room.div_ceil(self.stride);
        if steps * self.stride >= len + self.pad {
            steps -= 1;
        }
        (steps * self.stride + self.extent()).saturating_sub(padded)
    }

    /// The least window that has the taps of both, for the sum of two maps; `None` where no one window has.
    pub fn union(&self, other: &Self) -> Option<Self> {
        let pad = self.pad.max(other.pad);
        let alike = (self.pre_pool, self.stride, self.dilation)
            == (other.pre_pool, other.stride, other.dilation);
        let aligned = self.pad.abs_diff(other.pad).is_multiple_of(self.dilation);
        (alike && aligned).then(|| {
            let kernel = |axis: &Self| axis.kernel + (pad - axis.pad) / axis.dilation;
            Self {
                kernel: kernel(self).max(kernel(other)),
                pad,
                ..*self
            }
        })
    }

    /// The number that this window's first tap has in `union`.
    pub fn first_tap_in(&self, union: &Self) -> usize {
        (union.pad - self.pad) / self.dilation
    }
}

/// A window over rows and columns, the same in every channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// Along the rows: its taps lie above each other.
    pub rows: Axis,
    /// Along the columns.
    pub columns: Axis,
}

/// A tap that exists: its number in the kernel, row-major, and the pooled element that it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tap {
    /// `kernel row * kernel columns + kernel column`.
    pub index: usize,
    /// Row of the pooled input.
    pub row: usize,
    /// Column of the pooled input.
    pub column: usize,
}

impl Window {
    /// One element of its own for every output.
    pub const POINT: Self = Self::new([1, 1], [1, 1], [0, 0]);

    /// A window of `[rows, columns]` without pooling and dilation; `pad` is `[above, left]`.
    pub const fn new(kernel: [usize; 2], stride: [usize; 2], pad: [usize; 2]) -> Self {
        Self {
            rows: Axis::new(kernel[0], stride[0], pad[0]),
            columns: Axis::new(kernel[1], stride[1], pad[1]),
        }
    }

    /// The one position of a window that sees `size` elements whole.
    pub const fn whole(size: [usize; 2]) -> Self {
        Self::new(size, [1, 1], [0, 0])
    }

    /// The same window over sums of `[rows, columns]` elements.
    pub const fn pooling(mut self, pre_pool: [usize; 2]) -> Self {
        self.rows.pre_pool = pre_pool[0];
        self.columns.pre_pool = pre_pool[1];
        self
    }

    /// `[rows, columns]` that are summed first.
    pub fn pre_pool(&self) -> [usize; 2] {
        [self.rows.pre_pool, self.columns.pre_pool]
    }

    /// Taps, `[rows, columns]`.
    pub fn kernel(&self) -> [usize; 2] {
        [self.rows.kernel, self.columns.kernel]
    }

    /// Strides, `[rows, columns]`.
    pub fn stride(&self) -> [usize; 2] {
        [self.rows.stride, self.columns.stride]
    }

    /// Padding, `[above, left]`.
    pub fn pad(&self) -> [usize; 2] {
        [self.rows.pad, self.columns.pad]
    }

    /// Number of taps.
    pub fn taps(&self) -> usize {
        self.rows.kernel * self.columns.kernel
    }

    /// Kernel rows and columns of the taps, in the order of [`Tap::index`].
    pub fn offsets(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let [rows, columns] = self.kernel();
        (0..rows).flat_map(move |ky| (0..columns).map(move |kx| (ky, kx)))
    }

    /// Size `[rows, columns]` after pooling.
    pub fn pooled(&self, size: [usize; 2]) -> [usize; 2] {
        [self.rows.pooled(size[0]), self.columns.pooled(size[1])]
    }

    /// Size `[rows, columns]` of the output over a pooled input; `None` where not one window fits.
    pub fn output_size(&self, pooled: [usize; 2], after: [usize; 2]) -> Option<[usize; 2]> {
        Some([
            self.rows.output_len(pooled[0], after[0])?,
            self.columns.output_len(pooled[1], after[1])?,
        ])
    }

    /// The taps of the output at `[row, column]` that lie inside of the pooled input, in kernel order.
    pub fn inside(
        &self,
        output: [usize; 2],
        pooled: [usize; 2],
    ) -> impl Iterator<Item = Tap> + use<> {
        let (rows, columns) = (self.rows, self.columns);
        (0..rows.kernel)
            .filter_map(move |ky| Some((ky, rows.input(output[0], ky, pooled[0])?)))
            .flat_map(move |(ky, row)| {
                (0..columns.kernel).filter_map(move |kx| {
                    Some(Tap {
                        index: ky * columns.kernel + kx,
                        row,
                        column: columns.input(output[1], kx, pooled[1])?,
                    })
                })
            })
    }

    /// The padding that makes the output `ceil(size / stride)` large, by [`Axis::same_padding`].
    pub fn same_padding(&self, size: [usize; 2], upper: bool) -> Padding {
        let (top, bottom) = self.rows.same_padding(size[0], upper);
        let (left, right) = self.columns.same_padding(size[1], upper);
        Padding {
            top,
            left,
            bottom,
            right,
        }
    }

    /// The least window that has the taps of both; `None` where no one window has.
    pub fn union(&self, other: &Self) -> Option<Self> {
        Some(Self {
            rows: self.rows.union(&other.rows)?,
            columns: self.columns.union(&other.columns)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Small windows of every kind.
    fn every_axis() -> impl Iterator<Item = Axis> {
        (0..2 * 4 * 3 * 3 * 5).map(|n| Axis {
            pre_pool: 1 + n % 2,
            kernel: 1 + n / 2 % 4,
            stride: 1 + n / 8 % 3,
            dilation: 1 + n / 24 % 3,
            pad: n / 72,
        })
    }

    #[test]
    fn the_documented_example_holds() {
        let axis = Axis::new(3, 2, 1);
        assert_eq!(axis.output_len(5, 1), Some(3));
        let read: Vec<Vec<Option<usize>>> = (0..3)
            .map(|o| (0..3).map(|k| axis.input(o, k, 5)).collect())
            .collect();
        assert_eq!(
            read,
            [
                [None, Some(0), Some(1)],
                [Some(1), Some(2), Some(3)],
                [Some(3), Some(4), None]
            ]
        );
    }

    #[test]
    fn outputs_and_output_of_invert_input() {
        for axis in every_axis() {
            for len in 1..10 {
                let pooled = axis.pooled(len);
                for tap in 0..axis.kernel {
                    let range = axis.outputs(tap, 7, pooled);
                    for o in 0..7 {
                        let input = axis.input(o, tap, pooled);
                        assert_eq!(
                            range.contains(&o),
                            input.is_some(),
                            "{axis:?} {len} {tap} {o}"
                        );
                    }
                    for element in 0..len {
                        let reads = |o: &usize| {
                            axis.input(*o, tap, pooled) == Some(element / axis.pre_pool)
                        };
                        let expected = (0..40).find(reads);
                        assert_eq!(
                            axis.output_of(element, tap, len),
                            expected,
                            "{axis:?} {element}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn output_len_counts_the_windows_that_fit() {
        for axis in every_axis() {
            for (pooled, after) in (1..8).flat_map(|p| (0..3).map(move |a| (p, a))) {
                let fits = |o: &usize| o * axis.stride + axis.extent() <= pooled + axis.pad + after;
                let count = (0..40).filter(fits).count();
                assert_eq!(
                    axis.output_len(pooled, after).unwrap_or(0),
                    count,
                    "{axis:?}"
                );
            }
        }
    }

    #[test]
    fn needed_ends_after_the_last_element_read() {
        for axis in every_axis() {
            for (outputs, len) in (1..6).flat_map(|o| (2..9).map(move |l| (o, l))) {
                let needed = axis.needed(outputs, len);
                assert!(needed >= axis.pre_pool && needed <= len, "{axis:?}");
                let taps = (0..outputs).flat_map(|o| (0..axis.kernel).map(move |k| (o, k)));
                let read = taps.filter_map(|(o, k)| axis.input(o, k, axis.pooled(len)));
                assert!(read.max().is_none_or(|i| (i + 1) * axis.pre_pool <= needed));
            }
        }
    }

    #[test]
    fn union_has_the_taps_of_both_at_their_places() {
        for a in every_axis() {
            for b in every_axis() {
                let Some(both) = a.union(&b) else { continue };
                for own in [a, b] {
                    let first = own.first_tap_in(&both);
                    assert!(first + own.kernel <= both.kernel);
                    for (o, k) in (0..4).flat_map(|o| (0..own.kernel).map(move |k| (o, k))) {
                        assert_eq!(own.input(o, k, 5), both.input(o, first + k, 5));
                    }
                }
            }
        }
    }

    #[test]
    fn inside_gives_kernel_order_and_skips_padding() {
        let window = Window::new([2, 2], [2, 2], [1, 1]);
        let tap = |index, row, column| Tap { index, row, column };
        let taps = |output| window.inside(output, [3, 3]).collect::<Vec<_>>();
        assert_eq!(taps([0, 0]), [tap(3, 0, 0)]);
        assert_eq!(taps([0, 1]), [tap(2, 0, 1), tap(3, 0, 2)]);
        assert_eq!(
            taps([1, 1]),
            [tap(0, 1, 1), tap(1, 1, 2), tap(2, 2, 1), tap(3, 2, 2)]
        );
    }

    #[test]
    fn same_padding_splits_the_odd_one() {
        let window = Window::new([2, 4], [1, 2], [0, 0]);
        let upper = window.same_padding([5, 5], true);
        assert_eq!(
            (upper.top, upper.bottom, upper.left, upper.right),
            (0, 1, 1, 2)
        );
        let lower = window.same_padding([5, 5], false);
        assert_eq!(
            (lower.top, lower.bottom, lower.left, lower.right),
            (1, 0, 2, 1)
        );
    }

    #[test]
    fn ceil_mode_adds_what_the_last_window_needs() {
        assert_eq!(Axis::new(3, 2, 0).ceil_padding(6, 0), 1);
        assert_eq!(Axis::new(3, 2, 0).ceil_padding(7, 0), 0);
        // The last window would begin in the padding.
        assert_eq!(Axis::new(2, 2, 1).ceil_padding(3, 1), 0);
    }

    #[test]
    fn identity_reads_its_own_element_alone() {
        assert!(Axis::new(1, 1, 0).is_identity());
        for other in [Axis::new(2, 1, 0), Axis::new(1, 2, 0), Axis::new(1, 1, 1)] {
            assert!(!other.is_identity());
        }
        assert!(!Window::POINT.pooling([2, 1]).rows.is_identity());
    }
}
