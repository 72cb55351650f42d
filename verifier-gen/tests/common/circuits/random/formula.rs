//! Expressions drawn by chance.

use std::ops::{Add, Mul, Neg, Sub};

use halo2curves::{bn256::Fr, ff::Field};
use rand::{Rng, rngs::StdRng, seq::SliceRandom};

/// How many columns of each kind, and challenges, a formula may name.
#[derive(Clone, Debug, Default)]
pub(super) struct Columns {
    pub(super) advice: usize,
    pub(super) fixed: usize,
    pub(super) instance: usize,
    pub(super) challenges: usize,
}

/// A column and a rotation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    pub(super) column: usize,
    pub(super) at: i32,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Leaf {
    Advice(Cell),
    Fixed(Cell),
    Instance(Cell),
    Challenge(usize),
    Constant(Fr),
}

/// halo2's expressions without the columns' identities, which only a constraint system hands out.
#[derive(Clone, Debug)]
pub(super) enum Formula {
    Leaf(Leaf),
    Negated(Box<Formula>),
    Sum(Box<[Formula; 2]>),
    Difference(Box<[Formula; 2]>),
    Product(Box<[Formula; 2]>),
    Scaled(Box<Formula>, Fr),
}

/// Factors that wrap to almost nothing in 64 bits when a small number multiplies them.
const WRAPPING: [u64; 4] = [1 << 63, 1 << 62, 6_148_914_691_236_517_206, u64::MAX];

/// A constant other than zero, of any size between one and the field's.
pub(super) fn constant(rng: &mut StdRng) -> Fr {
    match rng.gen_range(0..9) {
        0 => Fr::ONE,
        1 => -Fr::ONE,
        2 | 3 => Fr::from(rng.gen_range(2..7)),
        4 => -Fr::from(rng.gen_range(2..7)),
        5 => Fr::from(1 << rng.gen_range(8..64)),
        6 => Fr::from(*WRAPPING.choose(rng).unwrap()),
        7 => Fr::from(2).invert().unwrap(),
        _ => Fr::random(rng),
    }
}

impl Formula {
    /// A formula of at most this depth and degree.
    pub(super) fn draw(columns: &Columns, rng: &mut StdRng, depth: usize, degree: usize) -> Self {
        if depth == 0 || rng.gen_ratio(1, 8) {
            return Self::Leaf(Leaf::draw(columns, rng, degree));
        }
        let below = |rng: &mut StdRng, degree| Self::draw(columns, rng, depth - 1, degree);
        match rng.gen_range(0..10) {
            0..=2 => Self::Sum(Box::new([(); 2].map(|()| below(rng, degree)))),
            3 | 4 => Self::Difference(Box::new([(); 2].map(|()| below(rng, degree)))),
            5 => Self::Negated(Box::new(below(rng, degree))),
            6 => Self::Scaled(Box::new(below(rng, degree)), constant(rng)),
            _ => {
                let first = rng.gen_range(0..=degree);
                let factors = [first, degree - first].map(|degree| below(rng, degree));
                Self::Product(Box::new(factors))
            }
        }
    }

    /// The formula over whatever its leaves stand for.
    pub(super) fn fold<T>(&self, leaf: &mut impl FnMut(Leaf) -> T) -> T
    where
        T: Add<Output = T> + Sub<Output = T> + Mul<Output = T> + Mul<Fr, Output = T>,
        T: Neg<Output = T>,
    {
        let mut both = |operands: &[Self; 2]| {
            let [a, b] = operands;
            (a.fold(leaf), b.fold(leaf))
        };
        match self {
            Self::Sum(operands) => {
                let (a, b) = both(operands);
                a + b
            }
            Self::Difference(operands) => {
                let (a, b) = both(operands);
                a - b
            }
            Self::Product(operands) => {
                let (a, b) = both(operands);
                a * b
            }
            Self::Leaf(this) => leaf(*this),
            Self::Negated(a) => -a.fold(leaf),
            Self::Scaled(a, factor) => a.fold(leaf) * *factor,
        }
    }
}

impl Leaf {
    /// A cell, a challenge or a constant; no cell where the degree has to be zero.
    fn draw(columns: &Columns, rng: &mut StdRng, degree: usize) -> Self {
        let cell = |rng: &mut StdRng, count, reach: i32| Cell {
            column: rng.gen_range(0..count),
            at: rng.gen_range(-reach..=reach),
        };
        loop {
            match rng.gen_range(0..10) {
                0..=3 if degree > 0 => return Self::Advice(cell(rng, columns.advice, 3)),
                4 | 5 if degree > 0 => return Self::Fixed(cell(rng, columns.fixed, 2)),
                6 if degree > 0 && columns.instance > 0 => {
                    return Self::Instance(cell(rng, columns.instance, 2));
                }
                7 if columns.challenges > 0 => {
                    return Self::Challenge(rng.gen_range(0..columns.challenges));
                }
                8 => return Self::Constant(constant(rng)),
                _ => {}
            }
        }
    }
}
