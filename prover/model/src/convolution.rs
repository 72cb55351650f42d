//! Convolutions and poolings of planes, over integers or reals: the loops of every executor but the naive one.

use crate::dims::Dims;
use crate::window::{Tap, Window};
use std::ops::{AddAssign, Mul};

/// A convolution without its weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Geometry {
    pub(crate) window: Window,
    /// Groups of channels; input and output channels are multiples of it.
    pub(crate) groups: usize,
}

/// Dims after non-overlapping pooling; rows and columns that do not fill a window are dropped.
pub(crate) fn pooled_dims(dims: Dims, pool: [usize; 2]) -> Dims {
    let [h, w] = Window::POINT.pooling(pool).pooled([dims.h, dims.w]);
    Dims { c: dims.c, h, w }
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

/// Folds the taps of every output position, from `start` on and in kernel order; channels stay apart. `window` pools
/// nothing first.
pub(crate) fn fold_windows<T: Copy>(
    window: &Window,
    src: Dims,
    out: [usize; 2],
    input: &[T],
    start: T,
    fold: impl Fn(T, T) -> T,
) -> Vec<T> {
    let mut values = Vec::with_capacity(src.c * out[0] * out[1]);
    for plane in input.chunks_exact(src.plane()) {
        for oy in 0..out[0] {
            for ox in 0..out[1] {
                let taps = window.inside([oy, ox], [src.h, src.w]);
                let value = |tap: Tap| plane[tap.row * src.w + tap.column];
                values.push(taps.map(value).fold(start, &fold));
            }
        }
    }
    values
}

/// Adds the convolution of `input` (of dims `src`) to `acc` (of dims `dst`). Every output element takes its products in
/// the order of its weights.
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
        window: Window { rows, columns },
        groups,
    } = *geometry;
    let pool = geometry.window.pre_pool();
    let pooled = pool_sums(input, src, pool);
    let from = pooled_dims(src, pool);
    let (group_in, group_out) = (src.c / groups, dst.c / groups);
    let size = geometry.window.taps();
    for o in 0..dst.c {
        let first_in = o / group_out * group_in;
        for i in 0..group_in {
            let plane = &pooled[(first_in + i) * from.plane()..][..from.plane()];
            let taps = &weights[(o * group_in + i) * size..][..size];
            for (&weight, (ky, kx)) in taps.iter().zip(geometry.window.offsets()) {
                if weight == T::default() {
                    continue;
                }
                let across = columns.outputs(kx, dst.w, from.w);
                let Some(x) = columns.input(across.start, kx, from.w) else {
                    continue;
                };
                for oy in rows.outputs(ky, dst.h, from.h) {
                    let Some(y) = rows.input(oy, ky, from.h) else {
                        continue;
                    };
                    let row = plane[y * from.w + x..(y + 1) * from.w].iter();
                    let slots = &mut acc[(o * dst.h + oy) * dst.w..][across.clone()];
                    for (slot, u) in slots.iter_mut().zip(row.step_by(columns.stride)) {
                        *slot += weight * *u;
                    }
                }
            }
        }
    }
}
