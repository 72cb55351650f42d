//! Convolution accumulators, row by row, over integers or reals.

use crate::quantized::{ConvMap, Dims};
use std::ops::{AddAssign, Mul, Range};

/// A convolution without its weights; fields as in [`ConvMap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Geometry {
    pub(crate) pre_pool: [usize; 2],
    pub(crate) kernel: [usize; 2],
    pub(crate) stride: [usize; 2],
    pub(crate) pad: [usize; 2],
    pub(crate) groups: usize,
}

impl From<&ConvMap> for Geometry {
    fn from(map: &ConvMap) -> Self {
        Self {
            pre_pool: map.pre_pool,
            kernel: map.kernel,
            stride: map.stride,
            pad: map.pad,
            groups: map.groups,
        }
    }
}

/// Input coordinate of kernel tap `k` at output coordinate `o`, if it lies inside of `len`.
pub(crate) fn tap(o: usize, stride: usize, k: usize, pad: usize, len: usize) -> Option<usize> {
    (o * stride + k).checked_sub(pad).filter(|i| *i < len)
}

/// Output coordinates whose tap `k` exists: those `o < out` with `pad <= o * stride + k < pad + len`.
fn tap_range(out: usize, stride: usize, k: usize, pad: usize, len: usize) -> Range<usize> {
    let first = pad.saturating_sub(k).div_ceil(stride);
    let end = (pad + len).saturating_sub(k).div_ceil(stride).min(out);
    first.min(end)..end
}

/// Dims after non-overlapping pooling; rows and columns that do not fill a window are dropped.
pub(crate) fn pooled_dims(dims: Dims, pool: [usize; 2]) -> Dims {
    Dims {
        c: dims.c,
        h: dims.h / pool[0],
        w: dims.w / pool[1],
    }
}

/// Sums over non-overlapping windows.
pub(crate) fn pool_sums<T: Copy + Default + AddAssign>(
    input: &[T],
    dims: Dims,
    pool: [usize; 2],
) -> Vec<T> {
    if pool == [1, 1] {
        return input.to_vec();
    }
    let to = pooled_dims(dims, pool);
    let mut out = vec![T::default(); to.len()];
    for c in 0..to.c {
        for y in 0..to.h * pool[0] {
            let row = &input[(c * dims.h + y) * dims.w..][..to.w * pool[1]];
            let sums = &mut out[(c * to.h + y / pool[0]) * to.w..][..to.w];
            for (slot, window) in sums.iter_mut().zip(row.chunks_exact(pool[1])) {
                window.iter().for_each(|v| *slot += *v);
            }
        }
    }
    out
}

/// Adds the convolution of `input` (of dims `src`) to `acc` (of dims `dst`).
pub(crate) fn accumulate<T>(
    geometry: &Geometry,
    weights: &[T],
    src: Dims,
    dst: Dims,
    input: &[T],
    acc: &mut [T],
) where
    T: Copy + Default + PartialEq + AddAssign + Mul<Output = T>,
{
    let Geometry {
        kernel: [kh, kw],
        stride,
        pad,
        groups,
        ..
    } = *geometry;
    let pooled = pool_sums(input, src, geometry.pre_pool);
    let from = pooled_dims(src, geometry.pre_pool);
    let (group_in, group_out) = (src.c / groups, dst.c / groups);
    for o in 0..dst.c {
        let first_in = o / group_out * group_in;
        for i in 0..group_in {
            let plane = &pooled[(first_in + i) * from.plane()..][..from.plane()];
            let taps = &weights[(o * group_in + i) * kh * kw..][..kh * kw];
            for (k, &weight) in taps.iter().enumerate() {
                if weight == T::default() {
                    continue;
                }
                let (ky, kx) = (k / kw, k % kw);
                let columns = tap_range(dst.w, stride[1], kx, pad[1], from.w);
                if columns.is_empty() {
                    continue;
                }
                let x0 = columns.start * stride[1] + kx - pad[1];
                for oy in tap_range(dst.h, stride[0], ky, pad[0], from.h) {
                    let y = oy * stride[0] + ky - pad[0];
                    let row = plane[y * from.w + x0..(y + 1) * from.w].iter();
                    let slots = &mut acc[(o * dst.h + oy) * dst.w..][columns.clone()];
                    for (slot, u) in slots.iter_mut().zip(row.step_by(stride[1])) {
                        *slot += weight * *u;
                    }
                }
            }
        }
    }
}
