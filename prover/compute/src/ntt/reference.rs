//! What tests hold transforms against.

use super::Parameters;
use halo2curves::bn256::Fr;
use halo2curves::ff::Field;

/// By the definition.
pub(super) fn by_definition(parameters: &Parameters, x: &[Fr]) -> Vec<Fr> {
    let at = |t: usize| {
        let point = parameters.into * parameters.root.pow_vartime([t as u64]);
        let sum = x.iter().rev().fold(Fr::ZERO, |sum, x| sum * point + x);
        sum * parameters.scale * parameters.out.pow_vartime([t as u64])
    };
    (0..x.len()).map(at).collect()
}

/// Layer by layer, in place.
pub(super) fn transform(parameters: &Parameters, x: &mut [Fr]) {
    let n = x.len();
    let mut power = Fr::ONE;
    for x in x.iter_mut() {
        *x *= power;
        power *= parameters.into;
    }
    let bits = n.trailing_zeros();
    for i in 0..n {
        let reversed = if bits == 0 {
            0
        } else {
            i.reverse_bits() >> (usize::BITS - bits)
        };
        if i < reversed {
            x.swap(i, reversed);
        }
    }
    let mut half = 1;
    while half < n {
        let step = parameters.root.pow_vartime([(n / (2 * half)) as u64]);
        for block in x.chunks_mut(2 * half) {
            let (low, high) = block.split_at_mut(half);
            let mut factor = Fr::ONE;
            for (a, b) in low.iter_mut().zip(high) {
                let product = *b * factor;
                *b = *a - product;
                *a += product;
                factor *= step;
            }
        }
        half *= 2;
    }
    let mut power = parameters.scale;
    for x in x.iter_mut() {
        *x *= power;
        power *= parameters.out;
    }
}
