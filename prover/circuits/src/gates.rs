//! The gates. Every gate is named by its equation; all have degree at most 5 (halo2-axiom clamps the quotient's
//! degree there, so a higher one would give proofs that do not verify).
//!
//! Gates must vanish on the blinded rows too. Terms whose coefficients are all fixed vanish there by themselves,
//! for fixed columns are 0 on those rows; the rest is multiplied by `active`.

use crate::codes;
use crate::columns::{Col, Columns, Fix};
use crate::poseidon;
use crate::shape::ShapeColumns as _;
use halo2_proofs::plonk::{ConstraintSystem, Expression, VirtualCells};
use halo2_proofs::poly::Rotation;
use halo2curves::bn256::Fr;
use halo2curves::ff::Field;

type Expr = Expression<Fr>;

/// Highest degree of a gate.
pub const MAX_DEGREE: usize = 5;

struct Cells<'a, 'm> {
    meta: &'a mut VirtualCells<'m, Fr>,
    cols: &'a Columns,
}

impl Cells<'_, '_> {
    fn at(&mut self, col: Col, rotation: i32) -> Expr {
        self.meta
            .query_advice(self.cols.advice(col), Rotation(rotation))
    }

    fn cur(&mut self, col: Col) -> Expr {
        self.at(col, 0)
    }

    fn prev(&mut self, col: Col) -> Expr {
        self.at(col, -1)
    }

    /// A fixed column, or the flag that codes stand for, as often as [`codes::flag`] takes it.
    fn fix(&mut self, role: Fix) -> Expr {
        let shape = &self.cols.shape;
        let own = |code| self.fixed(Fix::Code(code));
        match codes::flag(role, shape, own) {
            Some(flag) => flag,
            None if shape.stacked && matches!(role, Fix::Bias(_)) => self.fixed(Fix::Weight(0)),
            None => self.fixed(role),
        }
    }

    /// Rows of activations.
    fn value_rows(&mut self) -> Expr {
        self.fix(if self.cols.shape.stacked {
            Fix::Value
        } else {
            Fix::Active
        })
    }

    /// Rows where a lane's activation is requantised.
    fn requantised(&mut self, lane: usize) -> Expr {
        let shape = &self.cols.shape;
        match (shape.stacked, shape.pooling && lane < 2) {
            (true, _) => self.fix(Fix::Requantised),
            (false, true) => self.fix(Fix::Active) - self.fix(Fix::Pool),
            (false, false) => self.fix(Fix::Active),
        }
    }

    fn fixed(&mut self, role: Fix) -> Expr {
        let column = self
            .cols
            .fixed
            .iter()
            .find(|(f, _)| *f == role)
            .map(|(_, c)| *c);
        match column {
            Some(c) => self.meta.query_fixed(c, Rotation::cur()),
            None => constant(Fr::ZERO),
        }
    }

    fn instance(&mut self) -> Expr {
        let column = self.cols.instance;
        self.meta.query_instance(column, Rotation::cur())
    }

    fn z(&mut self) -> Expr {
        self.meta.query_challenge(self.cols.z)
    }

    fn r(&mut self) -> Expr {
        self.meta.query_challenge(self.cols.r)
    }

    fn x(&mut self) -> Expr {
        self.meta.query_challenge(self.cols.x)
    }
}

fn constant(v: Fr) -> Expr {
    Expression::Constant(v)
}

fn int(v: u64) -> Expr {
    constant(Fr::from(v))
}

/// `base^n` by squaring, so that the expression stays small.
fn power(base: &Expr, n: usize) -> Expr {
    match n {
        0 => int(1),
        1 => base.clone(),
        _ if n.is_multiple_of(2) => {
            let half = power(base, n / 2);
            half.clone() * half
        }
        _ => power(base, n - 1) * base.clone(),
    }
}

fn sum(terms: impl IntoIterator<Item = Expr>) -> Expr {
    terms
        .into_iter()
        .reduce(|a, b| a + b)
        .unwrap_or_else(|| int(0))
}

/// Horner over the row's weights, the first the highest.
fn fold(weights: &[Expr], base: &Expr) -> Expr {
    let mut it = weights.iter().cloned();
    let first = it.next().unwrap_or_else(|| int(0));
    it.fold(first, |acc, w| acc * base.clone() + w)
}

type Gates = Vec<(String, Expr)>;

fn requantise(c: &mut Cells<'_, '_>, gates: &mut Gates) {
    let range = u64::from(c.cols.shape.range);
    for l in 0..c.cols.shape.lanes {
        let on = c.requantised(l);
        let (y, v, biased) = (c.cur(Col::Y(l)), c.cur(Col::V(l)), c.cur(Col::C(l)));
        let saturation = biased.clone() - int(1);
        let square = saturation.clone() * saturation.clone();
        gates.push((
            format!("saturation {l}: c in -1, 0, 1"),
            on.clone() * biased.clone() * (biased.clone() - int(1)) * (biased - int(2)),
        ));
        let half = Fr::from(range - 1) * Fr::from(2).invert().unwrap_or(Fr::ZERO);
        gates.push((
            format!("requantise {l}: y = (1 - c^2) v + (R - 1)(c^2 + c)/2"),
            on * (y - v.clone() + square.clone() * v - (square + saturation) * half),
        ));
    }
}

/// The pre-activation of a lane: rem + R (v + R c E), E = e + 1.
fn accumulator(c: &mut Cells<'_, '_>, l: usize) -> Expr {
    let range = Fr::from(u64::from(c.cols.shape.range));
    let (rem, v) = (c.cur(Col::Rem(l)), c.cur(Col::V(l)));
    let (biased, e) = (c.cur(Col::C(l)), c.cur(Col::E(l)));
    rem + (v + (biased - int(1)) * (e + int(1)) * range) * range
}

const SUMS: &str = "D = step D' + sum z^i (acc - bias)";
const FOLDS: &str = "alpha: fold of the weights";
const PRODUCTS: &str = "gamma: sum of products";
const RELATION: &str = "relation: gamma = 0";

fn beta_equation(j: usize) -> String {
    format!("beta {j}: Horner over the activations of one column offset")
}

/// What D is; [`codes::SCALE`] times where areas are stacked.
fn pre_activations(c: &mut Cells<'_, '_>) -> Expr {
    let lanes = c.cols.shape.lanes;
    let z = c.z();
    let mut step = c.fix(Fix::DStep) * power(&z, lanes);
    if c.cols.shape.pooling {
        step = step
            + if c.cols.shape.stacked {
                c.fix(Fix::PoolRow(1)) + c.fix(Fix::PoolRow(2))
            } else {
                c.fix(Fix::DUnit) * z.clone()
            };
    }
    let mut total = step * c.prev(Col::D);
    for l in 0..lanes {
        let inner = accumulator(c, l) - c.fix(Fix::Bias(l));
        total = total + c.fix(Fix::Acc(l)) * inner * power(&z, lanes - 1 - l);
    }
    if c.cols.shape.pooling {
        total = total
            + if c.cols.shape.stacked {
                stacked_pool_taps(c)
            } else {
                let r = c.r();
                let taps = pool_taps(c).into_iter().enumerate();
                c.fix(Fix::Pool) * sum(taps.map(|(j, a)| a * power(&r, j)))
            };
    }
    total
}

/// Cells of a max-pooling row, in the two first lanes: differences p - n of (first, second), (third, fourth) and
/// of the two winners, and the two free taps.
struct PoolCells {
    p: [Expr; 3],
    n: [Expr; 3],
    first: Expr,
    third: Expr,
}

fn pool_cells(c: &mut Cells<'_, '_>) -> PoolCells {
    PoolCells {
        p: [c.cur(Col::Rem(0)), c.cur(Col::E(0)), c.cur(Col::V(1))],
        n: [c.cur(Col::V(0)), c.cur(Col::Rem(1)), c.cur(Col::E(1))],
        first: c.cur(Col::C(0)),
        third: c.cur(Col::C(1)),
    }
}

fn pool_taps(c: &mut Cells<'_, '_>) -> [Expr; 4] {
    let PoolCells {
        p: [p0, p1, _],
        n: [n0, n1, _],
        first,
        third,
    } = pool_cells(c);
    [
        first.clone(),
        first - p0 + n0,
        third.clone(),
        third - p1 + n1,
    ]
}

/// The second operand of a row's comparison where areas are stacked: a - p + n.
fn second_operand(c: &mut Cells<'_, '_>) -> Expr {
    c.cur(Col::C(0)) - c.cur(Col::Rem(0)) + c.cur(Col::V(0))
}

/// The taps that the rows of a maximum give D: the last row compares the first two, every row above the result with one
/// more.
fn stacked_pool_taps(c: &mut Cells<'_, '_>) -> Expr {
    let r = c.r();
    let second = second_operand(c);
    let first = c.cur(Col::C(0));
    c.fix(Fix::PoolRow(0)) * second.clone() * power(&r, 3)
        + c.fix(Fix::PoolRow(1)) * second.clone() * power(&r, 2)
        + c.fix(Fix::PoolRow(2)) * (first + second * r)
}

/// y = max(a, a - p + n) in each of the rows of a maximum, from the last to the first.
fn stacked_maximum(c: &mut Cells<'_, '_>, gates: &mut Gates) {
    let on = c.fix(Fix::Pool);
    let (y, a) = (c.cur(Col::Y(0)), c.cur(Col::C(0)));
    let (p, n) = (c.cur(Col::Rem(0)), c.cur(Col::V(0)));
    gates.push(("max: p n = 0".into(), on.clone() * p * n.clone()));
    gates.push(("max: y = a + n".into(), on * (y - a.clone() - n)));
    let continues = c.fix(Fix::PoolRow(0)) + c.fix(Fix::PoolRow(1));
    let next = c.at(Col::Y(0), 1);
    gates.push(("max: a = next y".into(), continues * (a - next)));
}

fn maximum(c: &mut Cells<'_, '_>, gates: &mut Gates) {
    let on = c.fix(Fix::Pool);
    let PoolCells { p, n, first, third } = pool_cells(c);
    let left = first + n[0].clone();
    let right = third + n[1].clone();
    for i in 0..3 {
        gates.push((
            format!("max {i}: p n = 0"),
            on.clone() * p[i].clone() * n[i].clone(),
        ));
    }
    let difference = p[2].clone() - n[2].clone();
    gates.push((
        "max: left - right = p - n".into(),
        on.clone() * (left.clone() - right - difference),
    ));
    gates.push((
        "max: y = left + n".into(),
        on.clone() * (c.cur(Col::Y(0)) - left - n[2].clone()),
    ));
    gates.push((
        "max: y of the second lane = 0".into(),
        on * c.cur(Col::Y(1)),
    ));
}

/// What the accumulator of a tap is; [`codes::SCALE`] times where areas are stacked.
fn activations(c: &mut Cells<'_, '_>, j: usize) -> Expr {
    let z = c.z();
    let first = c.fix(Fix::BetaHold(j)) + c.fix(Fix::BetaStep(j)) * z.clone();
    let mut acc = first * c.prev(Col::Beta(j)) + c.fix(Fix::BetaMask(j, 0)) * c.cur(Col::Y(0));
    for l in 1..c.cols.shape.lanes {
        let step = int(1) + c.fix(Fix::BetaLane(j, l)) * (z.clone() - int(1));
        acc = step * acc + c.fix(Fix::BetaMask(j, l)) * c.cur(Col::Y(l));
    }
    acc
}

/// What alpha is, [`codes::SCALE`] times.
fn folds(c: &mut Cells<'_, '_>) -> Expr {
    let per_row = c.cols.shape.weights_per_row;
    let (z, r) = (c.z(), c.r());
    let weights: Vec<Expr> = (0..per_row).map(|t| c.fix(Fix::Weight(t))).collect();
    let keep = c.fix(Fix::ContR) * power(&r, per_row)
        + c.fix(Fix::ContZ) * power(&z, per_row)
        + c.fix(Fix::Scale) * c.cur(Col::U)
        + c.fix(Fix::Hold);
    c.fix(Fix::AlphaOne)
        + c.fix(Fix::AlphaZ) * z.clone()
        + c.fix(Fix::FoldR) * fold(&weights, &r)
        + c.fix(Fix::FoldZ) * fold(&weights, &z)
        + keep * c.prev(Col::Alpha)
}

/// What gamma is, [`codes::SCALE`] times.
fn products(c: &mut Cells<'_, '_>) -> Expr {
    let step = c.fix(Fix::GammaHold) + c.fix(Fix::GammaR) * c.r();
    let product = c.fix(Fix::Product) * c.prev(Col::Alpha) * c.cur(Col::U);
    step * c.prev(Col::Gamma) + product * Fr::from(codes::SCALE)
}

fn relation(c: &mut Cells<'_, '_>, gates: &mut Gates) {
    let gate = c.fix(Fix::Zero) * c.cur(Col::Gamma);
    gates.push((RELATION.into(), gate));
}

fn accumulators(c: &mut Cells<'_, '_>, gates: &mut Gates) {
    let gate = c.fix(Fix::Active) * c.cur(Col::D) - pre_activations(c);
    gates.push((SUMS.into(), gate));
    let scaled = c.fix(Fix::Active) * Fr::from(codes::SCALE);
    let gate = scaled.clone() * c.cur(Col::Alpha) - folds(c);
    gates.push((FOLDS.into(), gate));
    let gate = scaled * c.cur(Col::Gamma) - products(c);
    gates.push((PRODUCTS.into(), gate));
    relation(c, gates);
    for j in 0..c.cols.shape.taps {
        let gate = c.fix(Fix::Active) * c.cur(Col::Beta(j)) - activations(c, j);
        gates.push((beta_equation(j), gate));
    }
}

/// The accumulators over activations and the combine program in the same columns, on other rows: every flag of either is 0
/// on the rows of the other.
fn stacked_accumulators(c: &mut Cells<'_, '_>, gates: &mut Gates) {
    let scale = Fr::from(codes::SCALE);
    let (active, values) = (c.fix(Fix::Active) * scale, c.value_rows() * scale);
    let gate = active.clone() * c.cur(Col::D) - pre_activations(c) - folds(c);
    gates.push((format!("{SUMS}; {FOLDS}"), gate));
    let first = if c.cols.shape.taps > 0 {
        activations(c, 0)
    } else {
        int(0)
    };
    let gate = active.clone() * c.cur(Col::Gamma) - first - products(c);
    gates.push((format!("{PRODUCTS}; {}", beta_equation(0)), gate));
    relation(c, gates);
    for j in 1..c.cols.shape.taps {
        // The second tap stands in the operand's column, which copy constraints bind in the program.
        let on = if j == 1 {
            values.clone()
        } else {
            active.clone()
        };
        let gate = on * c.cur(Col::Beta(j)) - activations(c, j);
        gates.push((beta_equation(j), gate));
    }
}

fn lookups(c: &mut Cells<'_, '_>, gates: &mut Gates) {
    let x = c.x();
    let mut fractions: Vec<(Expr, Expr)> = Vec::new();
    let (table, limbs) = (
        Fr::from(u64::from(c.cols.shape.table())),
        c.cols.shape.limbs,
    );
    for l in 0..c.cols.shape.lanes {
        for (j, col) in Col::looked_up(l).into_iter().enumerate() {
            let mut low = c.cur(col);
            if limbs > 1 {
                let high = c.cur(Col::High(l, j));
                let each = (1..u64::from(limbs)).map(|i| high.clone() - int(i));
                let product = each.fold(high.clone(), |acc, factor| acc * factor);
                let equation = format!("range {l}.{j}: high limb below {limbs}");
                gates.push((equation, c.fix(Fix::Active) * product));
                low = low - high * table;
            }
            // Hashing takes two of these columns on its rows where areas are stacked.
            let counted = match col {
                Col::Rem(_) | Col::V(_) if c.cols.shape.stacked => c.value_rows(),
                _ => int(1),
            };
            fractions.push((counted, x.clone() + low));
        }
    }
    fractions.push((-c.cur(Col::Mult), x + c.fix(Fix::Table)));
    for (i, group) in fractions.chunks(3).enumerate() {
        let product = |skip: Option<usize>| {
            let kept = group
                .iter()
                .enumerate()
                .filter(|(j, _)| Some(*j) != skip)
                .map(|(_, f)| f.1.clone());
            kept.reduce(|a, b| a * b).unwrap_or_else(|| int(1))
        };
        let difference = c.at(Col::Phi(i), 1) - c.cur(Col::Phi(i));
        let numerator = sum(group
            .iter()
            .enumerate()
            .map(|(j, f)| f.0.clone() * product(Some(j))));
        let equation = format!("logUp {i}: phi' - phi = sum of the row's fractions");
        gates.push((
            equation,
            c.fix(Fix::Active) * (difference * product(None) - numerator),
        ));
    }
    let all: Vec<Expr> = (0..c.cols.shape.sum_columns())
        .map(|i| c.cur(Col::Phi(i)))
        .collect();
    gates.push((
        "logUp: total = 0 at both ends".into(),
        c.fix(Fix::Ends) * sum(all),
    ));
}

fn hashing(c: &mut Cells<'_, '_>, gates: &mut Gates) {
    let active = c.fix(Fix::Active);
    for h in 0..c.cols.shape.hash_lanes {
        permutation(c, gates, h, active.clone());
        let now: Vec<Expr> = (0..3).map(|j| c.cur(Col::Hash(h, j))).collect();
        let (first, cont) = (c.fix(Fix::PackFirst), c.fix(Fix::PackCont));
        gates.push((
            format!("pack {h}: a = 2^32 a' + b + 2^16 c"),
            (first + cont.clone())
                * (now[0].clone() - now[1].clone() - now[2].clone() * two_to(16))
                - cont * c.prev(Col::Hash(h, 0)) * two_to(32),
        ));
        if h == 0 {
            gates.push((
                "pin: a = constant".into(),
                c.fix(Fix::Pin) * (now[0].clone() - c.fix(Fix::HashConst)),
            ));
        }
    }
}

/// Hashing on the rows without activations, with copy constraints on the first word alone.
fn stacked_hashing(c: &mut Cells<'_, '_>, gates: &mut Gates) {
    let on = c.fix(Fix::Active) - c.value_rows();
    permutation(c, gates, 0, on);
    let now: Vec<Expr> = (0..2).map(|j| c.cur(Col::Hash(0, j))).collect();
    let next: Vec<Expr> = (0..3).map(|j| c.at(Col::Hash(0, j), 1)).collect();
    gates.push((
        "pack: next b = 2^16 b + next a".into(),
        c.fix(Fix::PackCont) * (next[1].clone() - next[0].clone() - now[1].clone() * two_to(16)),
    ));
    for j in 0..2 {
        gates.push((
            format!("shift: word {} = the word before", j + 1),
            c.fix(Fix::Shift) * (next[j + 1].clone() - now[j].clone()),
        ));
    }
    gates.push((
        "pin: a = constant".into(),
        c.fix(Fix::Pin) * (now[0].clone() - c.fix(Fix::HashConst)),
    ));
    gates.push((
        "pin: a = instance".into(),
        c.fix(Fix::PinInstance) * (now[0].clone() - c.instance()),
    ));
}

fn two_to(bits: u64) -> Fr {
    Fr::from(2).pow([bits])
}

/// The rounds of Poseidon in a lane; `on` is 1 on the rows that it has to itself.
fn permutation(c: &mut Cells<'_, '_>, gates: &mut Gates, h: usize, on: Expr) {
    let (partial, rotate, full) = (
        c.fix(Fix::HashPartial),
        c.fix(Fix::HashRotate),
        c.fix(Fix::HashFull),
    );
    let now: Vec<Expr> = (0..3).map(|j| c.cur(Col::Hash(h, j))).collect();
    let square = c.cur(Col::Hash(h, 3));
    let input = now[0].clone() + c.fix(Fix::HashConst);
    gates.push((
        format!("poseidon {h}: s = (a + k)^2"),
        on * (square.clone() - input.clone() * input.clone()),
    ));
    let fifth = square.clone() * square * input;
    let mix = |words: [&Expr; 3], row: &[Fr; 3]| {
        sum(words.into_iter().zip(row).map(|(w, m)| w.clone() * *m))
    };
    for j in 0..3 {
        let next = c.at(Col::Hash(h, j), 1);
        let row = &poseidon::mds()[j];
        let after_partial = mix([&fifth, &now[1], &now[2]], row);
        let after_full = mix([&now[1], &now[2], &fifth], row);
        let rotated = if j == 2 {
            fifth.clone()
        } else {
            now[j + 1].clone()
        };
        let equation = partial.clone() * (next.clone() - after_partial)
            + full.clone() * (next.clone() - after_full)
            + rotate.clone() * (next - rotated);
        gates.push((format!("poseidon {h}: round, word {j}"), equation));
    }
}

/// Adds all gates of a shape.
pub(crate) fn configure(meta: &mut ConstraintSystem<Fr>, cols: &Columns) {
    let families: [fn(&mut Cells<'_, '_>, &mut Gates); 4] = if cols.shape.stacked {
        [requantise, stacked_accumulators, lookups, stacked_hashing]
    } else {
        [requantise, accumulators, lookups, hashing]
    };
    for family in families {
        add(meta, cols, family);
    }
    match (cols.shape.pooling, cols.shape.stacked) {
        (true, true) => add(meta, cols, stacked_maximum),
        (true, false) => add(meta, cols, maximum),
        (false, _) => {}
    }
}

fn add(
    meta: &mut ConstraintSystem<Fr>,
    cols: &Columns,
    family: fn(&mut Cells<'_, '_>, &mut Gates),
) {
    // halo2 names a gate and its polynomials; one gate a family keeps the queries together, the polynomial's name
    // is the equation.
    meta.create_gate("chunk", |meta| {
        let mut gates = Vec::new();
        family(&mut Cells { meta, cols }, &mut gates);
        gates
    });
}
