//! Transforms in scalars, on machines without vector instructions: layer by layer in place, with factors that are kept.

use super::{Column, Parameters, powers};
use halo2curves::bn256::Fr;
use halo2curves::ff::Field;

/// Elements whose layers are done together: 2^10 of 32 bytes stay in the nearest cache.
const BLOCK_BITS: u32 = 10;

/// The factors of one transform.
#[derive(Debug)]
pub(super) struct Scalar {
    bits: u32,
    /// For the layer that joins halves of 2^s elements, the factors of the second half.
    layers: Vec<Vec<Fr>>,
    /// Whether the factor of the first layer is 1.
    from_domain: bool,
    out: Fr,
    scale: Fr,
}

impl Scalar {
    pub(super) fn new(k: u32, parameters: &Parameters) -> Self {
        let n = 1u64 << k;
        let layer = |s: u32| {
            // Halves of 2^s elements: the points of the joined transform are shift · step^j.
            let joined = n >> (s + 1);
            let shift = parameters.into.pow_vartime([joined]);
            let mut factors = powers(parameters.root.pow_vartime([joined]), 1 << s);
            if shift != Fr::ONE {
                factors.iter_mut().for_each(|factor| *factor *= shift);
            }
            factors
        };
        Scalar {
            bits: k,
            layers: (0..k).map(layer).collect(),
            from_domain: parameters.into == Fr::ONE,
            out: parameters.out,
            scale: parameters.scale,
        }
    }

    pub(super) fn run(&self, column: Column<'_>) {
        match column {
            Column::InPlace(values) => {
                for i in 0..values.len() {
                    let reversed = self.reversed(i);
                    if i < reversed {
                        values.swap(i, reversed);
                    }
                }
                self.transform(values);
            }
            Column::Into(from, to) => {
                for (i, value) in from.iter().enumerate() {
                    to[self.reversed(i)] = *value;
                }
                self.transform(to);
            }
        }
    }

    fn reversed(&self, i: usize) -> usize {
        match self.bits {
            0 => i,
            bits => i.reverse_bits() >> (usize::BITS - bits),
        }
    }

    fn transform(&self, values: &mut [Fr]) {
        let block_bits = self.bits.min(BLOCK_BITS);
        for block in values.chunks_exact_mut(1 << block_bits) {
            self.layers(block, 0, block_bits);
        }
        self.layers(values, block_bits, self.bits);
        if self.out != Fr::ONE {
            let mut power = self.scale;
            for value in values {
                *value *= power;
                power *= self.out;
            }
        } else if self.scale != Fr::ONE {
            for value in values {
                *value *= self.scale;
            }
        }
    }

    /// Layers `s` to `end`, two a pass.
    fn layers(&self, values: &mut [Fr], mut s: u32, end: u32) {
        if s == 0 && end > 0 && self.from_domain {
            for pair in values.chunks_exact_mut(2) {
                (pair[0], pair[1]) = (pair[0] + pair[1], pair[0] - pair[1]);
            }
            s = 1;
        }
        if (end - s) % 2 == 1 {
            let half = 1usize << s;
            let layer = &self.layers[s as usize][..half];
            for block in values.chunks_exact_mut(2 * half) {
                let (low, high) = block.split_at_mut(half);
                for ((a, b), factor) in low.iter_mut().zip(high).zip(layer) {
                    let product = *b * factor;
                    (*a, *b) = (*a + product, *a - product);
                }
            }
            s += 1;
        }
        while s < end {
            let half = 1usize << s;
            let first = &self.layers[s as usize][..half];
            let (second, third) = self.layers[s as usize + 1].split_at(half);
            for block in values.chunks_exact_mut(4 * half) {
                let (low, high) = block.split_at_mut(2 * half);
                let (x0, x1) = low.split_at_mut(half);
                let (x2, x3) = high.split_at_mut(half);
                for j in 0..half {
                    let (b, d) = (x1[j] * first[j], x3[j] * first[j]);
                    let (sum, difference) = (x0[j] + b, x0[j] - b);
                    let e = (x2[j] + d) * second[j];
                    let f = (x2[j] - d) * third[j];
                    (x0[j], x2[j]) = (sum + e, sum - e);
                    (x1[j], x3[j]) = (difference + f, difference - f);
                }
            }
            s += 2;
        }
    }
}
