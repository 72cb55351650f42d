//! Random values and expressions.

use halo2_proofs::plonk::{Advice, Challenge, Column, Expression, Fixed, Instance, Selector};
use halo2_proofs::poly::Rotation;
use halo2curves::bn256::Fr;
use halo2curves::ff::Field as _;
use rand::Rng as _;
use rand_chacha::ChaCha20Rng;

/// Zero and one, small values, and any others.
pub(super) fn value(rng: &mut ChaCha20Rng) -> Fr {
    match rng.gen_range(0..8) {
        0 => Fr::ZERO,
        1 => Fr::ONE,
        2 => -Fr::ONE,
        3 => Fr::from(rng.gen_range(2..100)),
        _ => Fr::random(rng),
    }
}

pub(super) fn pick<T: Copy>(rng: &mut ChaCha20Rng, from: &[T]) -> T {
    from[rng.gen_range(0..from.len())]
}

pub(super) fn rotation(rng: &mut ChaCha20Rng) -> Rotation {
    Rotation(pick(rng, &[0, 0, 0, 0, 0, 1, 1, -1, -1, 2, -2, 3]))
}

/// What an expression may read.
#[derive(Clone, Debug, Default)]
pub(super) struct Sources {
    pub(super) advice: Vec<Column<Advice>>,
    pub(super) fixed: Vec<Column<Fixed>>,
    pub(super) instance: Vec<Column<Instance>>,
    /// Complex ones.
    pub(super) selectors: Vec<Selector>,
    pub(super) challenges: Vec<Challenge>,
}

impl Sources {
    /// An expression of this degree at most.
    pub(super) fn expression(&self, rng: &mut ChaCha20Rng, degree: usize) -> Expression<Fr> {
        self.grow(rng, degree, 4)
    }

    fn grow(&self, rng: &mut ChaCha20Rng, degree: usize, depth: usize) -> Expression<Fr> {
        if degree == 0 || depth == 0 {
            return self.leaf(rng, degree);
        }
        let mut part = |degree| Box::new(self.grow(rng, degree, depth - 1));
        let (a, b) = (part(degree), part(degree));
        match rng.gen_range(0..14) {
            0..=1 => self.leaf(rng, degree),
            2..=4 => Expression::Sum(a, b),
            5..=6 => Expression::Sum(a, Box::new(Expression::Negated(b))),
            7..=10 => {
                let left = rng.gen_range(0..=degree);
                let mut part = |degree| Box::new(self.grow(rng, degree, depth - 1));
                Expression::Product(part(left), part(degree - left))
            }
            11 => Expression::Negated(a),
            12 => {
                let factor = pick(
                    rng,
                    &[Fr::ZERO, Fr::ONE, -Fr::ONE, Fr::from(2), Fr::from(12)],
                );
                Expression::Scaled(a, factor)
            }
            _ if degree >= 2 => self.grow(rng, degree / 2, depth - 1).square(),
            _ => *a,
        }
    }

    fn leaf(&self, rng: &mut ChaCha20Rng, degree: usize) -> Expression<Fr> {
        if degree == 0 || rng.gen_range(0..10) == 0 {
            return match self.challenges.is_empty() || rng.gen_range(0..2) == 0 {
                true => Expression::Constant(value(rng)),
                false => pick(rng, &self.challenges).expr(),
            };
        }
        let at = rotation(rng);
        match rng.gen_range(0..10) {
            0..=1 if !self.fixed.is_empty() => pick(rng, &self.fixed).query_cell(at),
            2 if !self.instance.is_empty() => pick(rng, &self.instance).query_cell(at),
            3 if !self.selectors.is_empty() => pick(rng, &self.selectors).expr(),
            _ if !self.advice.is_empty() => pick(rng, &self.advice).query_cell(at),
            _ => Expression::Constant(value(rng)),
        }
    }
}

/// The rotations at which an expression reads advice columns.
pub(super) fn advice_rotations(expression: &Expression<Fr>) -> Vec<i32> {
    let join = |mut a: Vec<i32>, b: Vec<i32>| {
        a.extend(b);
        a
    };
    expression.evaluate(
        &|_| Vec::new(),
        &|_| Vec::new(),
        &|_| Vec::new(),
        &|query| vec![query.rotation().0],
        &|_| Vec::new(),
        &|_| Vec::new(),
        &|a| a,
        &join,
        &join,
        &|a, _| a,
    )
}

/// Whether row + rotation is a usable row for all rotations.
pub(super) fn stays_usable(row: usize, rotations: &[i32], usable: usize) -> bool {
    let usable = 0..usable as i64;
    rotations
        .iter()
        .all(|&rotation| usable.contains(&(row as i64 + i64::from(rotation))))
}
