//! Many multiples of the generator at once, from a table of window multiples.

use super::affine::normalise;
use halo2curves::{
    bn256::{Fr, G1, G1Affine},
    ff::PrimeField,
    group::Group,
};
use rayon::prelude::*;

/// Bits a window.
const WINDOW: usize = 11;
/// Windows that cover a scalar.
const WINDOWS: usize = (Fr::NUM_BITS as usize).div_ceil(WINDOW);
/// Scalars that one task handles.
const BATCH: usize = 256;

/// `table[j][d - 1] = d * 2^(WINDOW * j) * G` for `d` in `1..2^WINDOW`.
pub(super) struct GeneratorTable {
    table: Vec<Vec<G1Affine>>,
}

impl GeneratorTable {
    pub(super) fn new() -> Self {
        let mut bases = Vec::with_capacity(WINDOWS);
        let mut base = G1::generator();
        for _ in 0..WINDOWS {
            bases.push(base);
            for _ in 0..WINDOW {
                base = base.double();
            }
        }
        let table = bases
            .par_iter()
            .map(|base| {
                let mut multiples = Vec::with_capacity((1 << WINDOW) - 1);
                let mut multiple = *base;
                for _ in 1..1usize << WINDOW {
                    multiples.push(multiple);
                    multiple += base;
                }
                normalise(&multiples)
            })
            .collect();
        Self { table }
    }

    /// `scalar * G` for every scalar.
    pub(super) fn multiply(&self, scalars: &[Fr]) -> Vec<G1Affine> {
        let batches: Vec<Vec<G1Affine>> = scalars
            .par_chunks(BATCH)
            .map(|batch| normalise(&batch.iter().map(|s| self.one(s)).collect::<Vec<_>>()))
            .collect();
        batches.concat()
    }

    fn one(&self, scalar: &Fr) -> G1 {
        let bytes: [u8; 32] = scalar.to_repr();
        let mut sum = G1::identity();
        for (j, multiples) in self.table.iter().enumerate() {
            let digit = window(&bytes, j * WINDOW);
            if digit != 0 {
                sum += multiples[digit - 1];
            }
        }
        sum
    }
}

/// `WINDOW` bits of a little-endian number, from bit `at`.
fn window(bytes: &[u8; 32], at: usize) -> usize {
    let mut low = [0u8; 4];
    for (slot, byte) in low.iter_mut().zip(&bytes[at / 8..]) {
        *slot = *byte;
    }
    (u32::from_le_bytes(low) as usize >> (at % 8)) & ((1 << WINDOW) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use halo2curves::{ff::Field, group::Curve};
    use rand::{SeedableRng, rngs::StdRng};

    #[test]
    fn multiply_random_and_edge_scalars_match_plain_multiplication() {
        let mut rng = StdRng::seed_from_u64(1);
        let mut scalars: Vec<Fr> = (0..300).map(|_| Fr::random(&mut rng)).collect();
        scalars.extend([Fr::ZERO, Fr::ONE, -Fr::ONE, Fr::from(1 << WINDOW)]);
        let points = GeneratorTable::new().multiply(&scalars);
        for (s, p) in scalars.iter().zip(&points) {
            assert_eq!((G1::generator() * s).to_affine(), *p);
        }
    }
}
