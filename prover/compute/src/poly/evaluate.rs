//! Values of polynomials at points.

use crate::lanes::{Arithmetic, Kernel, LANES, Lanes, dispatch};
use crate::scalar::horner;
use halo2curves::bn256::Fr;
use halo2curves::ff::Field;
use rayon::prelude::*;

/// Vectors that go through Horner's rule side by side, so that one product does not wait for another.
const CHAINS: usize = 4;
const STRIDE: usize = CHAINS * LANES;

struct Horner<'a> {
    coefficients: &'a [Fr],
    point: Fr,
}

impl Kernel<Fr> for Horner<'_> {
    type Output = Fr;

    /// Number i of the accumulators takes the coefficients i, i + 32, i + 64, … with the point's 32nd power.
    #[inline(always)]
    fn run<L: Lanes<F = Fr>>(self) -> Fr {
        let power = L::constant(&self.point.pow_vartime([STRIDE as u64]));
        let (blocks, rest) = self.coefficients.as_chunks::<STRIDE>();
        let mut sums = [L::zero(); CHAINS];
        for block in blocks.iter().rev() {
            let (eights, _) = block.as_chunks::<LANES>();
            for (sum, eight) in sums.iter_mut().zip(eights) {
                // Bound 16 + 18/84 + 1 at most.
                *sum = sum.mul_constant(&power).add(L::load(eight));
            }
        }
        let mut values = [Fr::ZERO; STRIDE];
        let (eights, _) = values.as_chunks_mut::<LANES>();
        for (sum, eight) in sums.iter().zip(eights) {
            sum.reduce().store(eight);
        }
        let at = self.point.pow_vartime([(blocks.len() * STRIDE) as u64]);
        horner(&values, self.point) + at * horner(rest, self.point)
    }
}

/// The value of every polynomial (coefficients, lowest degree first) at its point, in parallel.
pub fn evaluate(arithmetic: Arithmetic, queries: &[(&[Fr], Fr)]) -> Vec<Fr> {
    let one = |&(coefficients, point): &(&[Fr], Fr)| {
        let kernel = Horner {
            coefficients,
            point,
        };
        dispatch::<Fr, _>(arithmetic, kernel)
    };
    queries.par_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    #[test]
    fn value_is_the_sum_of_powers() {
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        for len in [0, 1, 2, 7, 8, 31, 32, 33, 64, 100, 1 << 10] {
            let p: Vec<Fr> = (0..len).map(|_| Fr::random(&mut rng)).collect();
            for point in [Fr::ZERO, Fr::ONE, -Fr::ONE, Fr::random(&mut rng)] {
                let mut power = Fr::ONE;
                let mut expected = Fr::ZERO;
                for c in &p {
                    expected += power * c;
                    power *= point;
                }
                for arithmetic in Arithmetic::available() {
                    assert_eq!(evaluate(arithmetic, &[(&p, point)]), [expected], "{len}");
                }
            }
        }
    }
}
