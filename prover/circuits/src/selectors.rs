//! Encoded selectors: flags that exclude each other share a fixed column, whose value (the encoding) names the combination of
//! flags that a row has.
//!
//! A flag is the polynomial in its column (or in two) that is nonzero ([`SCALE`]) at the encodings with the flag and 0 at the
//! others. None has a degree over 4, because it multiplies a cell. Encoding 0 is always the combination without flags: fixed
//! columns are 0 on blinded rows. Each chip says which of its flags share a column.
//!
//! Polynomials are multiplied by [`SCALE`], which makes their coefficients small integers: a verifier's code holds those in a
//! byte or two, but fractions of the field in 32. Gates are linear in such flags, so they scale as a whole.

use crate::columns::{Fix, Query};
use crate::field::signed;
use crate::gate::Expr;
use halo2_proofs::plonk::Expression;
use halo2curves::bn256::Fr;
use halo2curves::ff::Field;
use std::ops::Range;

/// The value of a flag's polynomial at the encodings with the flag; a multiple of every denominator.
pub(crate) const SCALE: u64 = 120;

/// All encodings of a range, and whether each is among those with the flag.
pub(crate) fn among(range: Range<i64>, codes: &[i64]) -> Vec<(i64, bool)> {
    range.map(|code| (code, codes.contains(&code))).collect()
}

/// The flag that these encodings of one column have, times [`SCALE`].
pub(crate) fn decode(query: &mut Query<'_>, column: Fix, points: &[(i64, bool)]) -> Expr {
    interpolate(&query(column), points, SCALE)
}

/// The polynomial of least degree through 0 and `scale` at these points, by divided differences.
pub(crate) fn interpolate(at: &Expr, points: &[(i64, bool)], scale: u64) -> Expr {
    let value = |flag: bool| if flag { Fr::from(scale) } else { Fr::ZERO };
    let mut table: Vec<Fr> = points.iter().map(|p| value(p.1)).collect();
    let mut coefficients = Vec::with_capacity(points.len());
    for order in 1..=points.len() {
        coefficients.extend(table.first());
        for i in 0..points.len() - order {
            let distance = signed(points[i + order].0 - points[i].0);
            table[i] = (table[i + 1] - table[i]) * distance.invert().unwrap_or(Fr::ZERO);
        }
    }
    while coefficients.len() > 1 && coefficients.last() == Some(&Fr::ZERO) {
        coefficients.pop();
    }
    let last = coefficients.pop().unwrap_or(Fr::ZERO);
    let steps = points.iter().zip(&coefficients).rev();
    steps.fold(Expression::Constant(last), |sum, ((code, _), constant)| {
        let factor = at.clone() - Expression::Constant(signed(*code));
        let product = match sum {
            Expression::Constant(by) => factor * by,
            sum => sum * factor,
        };
        if bool::from(constant.is_zero()) {
            product
        } else {
            product + Expression::Constant(*constant)
        }
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The value of an expression without cells.
    pub(crate) fn evaluate(expression: &Expr, challenge: Fr) -> Fr {
        expression.evaluate(
            &|constant| constant,
            &|_| Fr::ZERO,
            &|_| Fr::ZERO,
            &|_| Fr::ZERO,
            &|_| Fr::ZERO,
            &|_| challenge,
            &|a| -a,
            &|a, b| a + b,
            &|a, b| a * b,
            &|a, by| a * by,
        )
    }

    /// A stand-in for a column: any leaf that the evaluation can replace.
    fn leaf() -> Expr {
        let mut meta = halo2_proofs::plonk::ConstraintSystem::<Fr>::default();
        meta.advice_column();
        Expression::Challenge(meta.challenge_usable_after(halo2_proofs::plonk::FirstPhase))
    }

    fn assert_small_constants(expression: &Expr) {
        let small = |value: &Fr| (-1 << 12..1 << 12).any(|small| *value == signed(small));
        match expression {
            Expression::Constant(value) => assert!(small(value), "{value:?}"),
            Expression::Negated(a) => assert_small_constants(a),
            Expression::Sum(a, b) | Expression::Product(a, b) => {
                assert_small_constants(a);
                assert_small_constants(b);
            }
            Expression::Scaled(a, by) => {
                assert_small_constants(a);
                assert!(small(by), "{by:?}");
            }
            _ => {}
        }
    }

    /// The polynomial takes its values, has small coefficients and degree 4 at most.
    pub(crate) fn assert_polynomial(points: &[(i64, bool)], scale: u64) {
        let polynomial = interpolate(&leaf(), points, scale);
        for (code, expected) in points {
            let expected = if *expected { scale } else { 0 };
            assert_eq!(evaluate(&polynomial, signed(*code)), Fr::from(expected));
        }
        assert_small_constants(&polynomial);
        // Through five points there is exactly one polynomial of degree 4.
        let fewer = interpolate(&leaf(), &points[..points.len().min(5)], scale);
        for code in -9..9 {
            let at = signed(code);
            assert_eq!(evaluate(&polynomial, at), evaluate(&fewer, at));
        }
    }

    #[test]
    fn single_codes_of_five_have_polynomials_of_degree_4() {
        for codes in [&[1, 3][..], &[0], &[1], &[2], &[3], &[4]] {
            assert_polynomial(&among(0..5, codes), SCALE);
        }
    }
}
