//! Rounding of weights that lets errors cancel over real inputs.
//!
//! For inputs `x` with second moments `H`, the error of a row is `d' H d`, where `d` is what rounding took off each weight.
//! With `H = R R'`, `R` upper triangular, rounding weight after weight to what the earlier errors leave is Babai's
//! nearest-plane method (the same as GPTQ, Frantar et al. 2022).

use crate::convolution::{Geometry, pool_sums, pooled_dims};
use crate::fuse::FusedMap;
use crate::quantized::{Dims, QTensor};

/// Rows longer than this are rounded one weight at a time.
const MAX_ROW: usize = 512;
/// Multiplications spent on the moments of one row of inputs.
const BUDGET: usize = 1 << 28;
/// Part of the mean square that every input is taken to have of its own, beside `1 / observations`.
const DAMPING: f64 = 0.02;

/// Second moments of the inputs of a row of weights.
struct Moments {
    size: usize,
    sums: Vec<f64>,
    count: usize,
}

impl Moments {
    fn new(size: usize) -> Self {
        Self {
            size,
            sums: vec![0.0; size * size],
            count: 0,
        }
    }

    fn add(&mut self, x: &[f64]) {
        self.count += 1;
        for (a, row) in x.iter().zip(self.sums.chunks_exact_mut(self.size)) {
            if *a != 0.0 {
                row.iter_mut().zip(x).for_each(|(slot, b)| *slot += a * b);
            }
        }
    }

    /// `R`, upper triangular and row-major, of the damped moments; `None` where nothing was seen.
    fn factor(mut self) -> Option<Vec<f64>> {
        let n = self.size;
        let mean = (0..n).map(|i| self.sums[i * n + i]).sum::<f64>() / n as f64;
        if !(mean.is_normal() && mean > 0.0) {
            return None;
        }
        let own = mean * (DAMPING + 1.0 / self.count as f64);
        (0..n).for_each(|i| self.sums[i * n + i] += own);
        let mut r = self.sums;
        for j in (0..n).rev() {
            let pivot = libm::sqrt(r[j * n + j]);
            if !pivot.is_normal() {
                return None;
            }
            r[j * n + j] = pivot;
            for i in 0..j {
                r[i * n + j] /= pivot;
            }
            // Take the outer product of column j off what is left.
            for i in 0..j {
                let factor = r[i * n + j];
                if factor != 0.0 {
                    for k in i..j {
                        r[i * n + k] -= factor * r[k * n + j];
                    }
                }
            }
        }
        Some(r)
    }
}

/// Rounds one row.
fn round_row(row: &mut [f64], r: &[f64]) {
    let n = row.len();
    let mut carried = vec![0.0; n];
    for i in 0..n {
        let wanted = row[i];
        row[i] = libm::round(wanted + carried[i] / r[i * n + i]);
        let error = wanted - row[i];
        for k in i + 1..n {
            carried[k] += error * r[i * n + k];
        }
    }
}

/// Rounds the weights of one term, given the integer values of its input over the samples.
pub(super) fn round(
    map: &FusedMap,
    weights: &mut [f64],
    input: &QTensor,
    out: Dims,
    samples: &[&[u32]],
) {
    let zero = f64::from(input.quant.zero_point);
    let real = |values: &&[u32]| {
        values
            .iter()
            .map(|u| f64::from(*u) - zero)
            .collect::<Vec<f64>>()
    };
    let groups = match map {
        FusedMap::Dense(_) => 1,
        FusedMap::Conv { geometry, .. } => geometry.groups,
    };
    let rows = match map {
        FusedMap::Dense(_) => out.len(),
        FusedMap::Conv { .. } => out.c,
    };
    let size = weights.len() / rows;
    if size <= MAX_ROW {
        let values: Vec<Vec<f64>> = samples.iter().map(real).collect();
        for (group, rows) in weights.chunks_exact_mut(size * (rows / groups)).enumerate() {
            let mut moments = Moments::new(size);
            match map {
                FusedMap::Dense(_) => values.iter().for_each(|x| moments.add(x)),
                FusedMap::Conv { geometry, .. } => {
                    observe(&mut moments, geometry, group, input.dims, out, &values)
                }
            }
            if let Some(r) = moments.factor() {
                rows.chunks_exact_mut(size)
                    .for_each(|row| round_row(row, &r));
            }
        }
    }
    weights.iter_mut().for_each(|w| *w = libm::round(*w));
}

/// The windows of one group, thinned out evenly to the budget.
fn observe(
    moments: &mut Moments,
    geometry: &Geometry,
    group: usize,
    src: Dims,
    out: Dims,
    samples: &[Vec<f64>],
) {
    let limit = (BUDGET / (moments.size * moments.size)).clamp(64, 4096);
    let step = (samples.len() * out.plane()).div_ceil(limit).max(1);
    let window = &geometry.window;
    let from = pooled_dims(src, window.pre_pool());
    let channels = src.c / geometry.groups;
    let mut position = 0;
    for values in samples {
        let pooled = pool_sums(values, src, window.pre_pool());
        for at in 0..out.plane() {
            position += 1;
            if position % step != 0 {
                continue;
            }
            let mut seen = vec![0.0; moments.size];
            let planes = pooled[group * channels * from.plane()..].chunks_exact(from.plane());
            for (slots, plane) in seen.chunks_exact_mut(window.taps()).zip(planes) {
                for tap in window.inside([at / out.w, at % out.w], [from.h, from.w]) {
                    slots[tap.index] = plane[tap.row * from.w + tap.column];
                }
            }
            moments.add(&seen);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observations() -> Vec<Vec<f64>> {
        // Four correlated inputs.
        let value =
            |n: usize, i: usize| 50.0 + ((n * 29) % 17) as f64 + ((n * 7 + i * 5) % 11) as f64;
        (0..40)
            .map(|n| (0..4).map(|i| value(n, i)).collect())
            .collect()
    }

    #[test]
    fn factor_times_its_transpose_is_the_damped_moments() {
        let mut moments = Moments::new(4);
        observations().iter().for_each(|x| moments.add(x));
        let sums = moments.sums.clone();
        let own = (0..4).map(|i| sums[i * 5]).sum::<f64>() / 4.0 * (DAMPING + 1.0 / 40.0);
        let r = moments.factor().unwrap();
        for i in 0..4 {
            for j in i..4 {
                let product: f64 = (j..4).map(|k| r[i * 4 + k] * r[j * 4 + k]).sum();
                let wanted = sums[i * 4 + j] + if i == j { own } else { 0.0 };
                assert!((product - wanted).abs() < 1e-6 * wanted, "{i} {j}");
            }
        }
    }

    #[test]
    fn row_rounding_lessens_the_error_over_the_inputs() {
        let mut moments = Moments::new(4);
        observations().iter().for_each(|x| moments.add(x));
        let r = moments.factor().unwrap();
        let row = [10.4, -3.4, 7.4, 0.4];
        let mut rounded = row;
        round_row(&mut rounded, &r);
        let error = |w: &[f64]| {
            let one = |x: &Vec<f64>| {
                x.iter()
                    .zip(w.iter().zip(&row))
                    .map(|(x, (a, b))| x * (a - b))
                    .sum::<f64>()
            };
            observations().iter().map(|x| one(x) * one(x)).sum::<f64>()
        };
        let nearest: Vec<f64> = row.iter().map(|w| w.round()).collect();
        assert!(rounded.iter().all(|w| w.fract() == 0.0));
        assert!(error(&rounded) < error(&nearest) / 4.0);
    }
}
