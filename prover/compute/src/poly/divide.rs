//! Division by X - root.

use halo2curves::bn256::Fr;
use halo2curves::ff::Field;

/// Divides a polynomial (coefficients, lowest degree first) by X - root in place, and returns the remainder, which is its value at the root. The
/// highest coefficient becomes 0.
pub fn divide_by_root(coefficients: &mut [Fr], root: Fr) -> Fr {
    let mut carry = Fr::ZERO;
    for c in coefficients.iter_mut().rev() {
        let next = *c + carry * root;
        *c = carry;
        carry = next;
    }
    carry
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotient_times_divisor_and_remainder_is_the_polynomial() {
        for root in [Fr::ZERO, Fr::ONE, -Fr::from(7)] {
            let p: Vec<Fr> = (0..9u64).map(|i| Fr::from(i * i + 3)).collect();
            let mut q = p.clone();
            let remainder = divide_by_root(&mut q, root);
            assert_eq!(q[8], Fr::ZERO);
            for i in 0..9 {
                let shifted = if i == 0 { remainder } else { q[i - 1] };
                assert_eq!(p[i], shifted - root * q[i]);
            }
        }
        assert_eq!(divide_by_root(&mut [], Fr::ONE), Fr::ZERO);
    }
}
