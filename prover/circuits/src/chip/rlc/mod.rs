//! Random-linear-combination (RLC) checks: one equation per layer, under random challenges.
//!
//! For the challenges z (positions) and r (output channels) a layer's equation is
//!
//! ```text
//! sum_o r^(O-1-o) ( - D_o + sum over channels c, taps t  W_oct B_ct ) = 0
//! ```
//!
//! where D_o is the Horner sum over positions of the pre-activations less their bias ([`linear`](crate::chip::linear)), and B_ct
//! that of the activations which tap t reads ([`windows`](crate::chip::linear::windows)). Rows of their own compute the left
//! side: alpha folds the weights of one (c, t), the operand u copies a sum, gamma adds the products up. Primes mark the row
//! above, weight_t is a row's weight t, w their number:
//!
//! ```text
//! alpha = one + z·loadz + fold_r(weight) + fold_z(weight) + (hold + r^w·contr + z^w·contz + scale·u) alpha'      degree 5
//! gamma = (hold + r·step) gamma' + product·alpha'·u                                                             degree 5
//! gamma = 0 at the end of every equation                                                                       degree 5
//! ```
//!
//! All flags and weights are fixed cells, u is bound by a copy constraint. The equation is a polynomial in r and z whose
//! coefficients are the layer's equations, one per monomial. A polynomial of total degree d vanishes at random challenges with
//! probability at most d over the field's order, unless it is zero: unless every equation holds.
//!
//! Security: docs/security.md#rule-3-one-equation-per-layer, docs/security.md#rule-1-transcript-challenges,
//! docs/security.md#rule-6-fixed-not-advice.

pub(crate) mod program;

use crate::chip::logup;
use crate::columns::{CellRef, Col, Fix, Query};
use crate::error::CircuitError;
use crate::field::signed;
use crate::gate::{Cells, Expr, int, power};
use crate::selectors::{SCALE, among, decode as selector, interpolate};
use crate::shape::CircuitShape;
use crate::trace::{Challenges, FixedCells, Trace};
use halo2_proofs::plonk::Expression;
use halo2curves::bn256::Fr;
use halo2curves::ff::Field;
use program::{Carry, Load, Row, Step};

pub(crate) const WEIGHT: &str = "weight";

/// Weight `t` of a row. Holds nothing but weights, biases and blinders: the verifying key is the commitment to them.
pub(crate) const fn weight(t: usize) -> Fix {
    Fix::nth(WEIGHT, t)
}

/// Coefficient of the product of the previous alpha and the operand: -1, 0, 1 or a function's tag.
pub(crate) const PRODUCT: Fix = Fix::new("product");
/// Alpha is set to 1.
pub(crate) const ALPHA_ONE: Fix = Fix::new("alpha = 1");
/// Alpha is set to the challenge z.
pub(crate) const ALPHA_Z: Fix = Fix::new("alpha = z");
/// Alpha takes in the row's weights folded by r.
pub(crate) const FOLD_R: Fix = Fix::new("alpha: fold by r");
/// Alpha takes in the row's weights folded by z.
pub(crate) const FOLD_Z: Fix = Fix::new("alpha: fold by z");
/// Alpha is carried over, times r^weights_per_row.
pub(crate) const CONT_R: Fix = Fix::new("alpha: times r");
/// Alpha is carried over, times z^weights_per_row.
pub(crate) const CONT_Z: Fix = Fix::new("alpha: times z");
/// Alpha is carried over, times the operand.
pub(crate) const SCALE_BY: Fix = Fix::new("alpha: times the operand");
/// Alpha is carried over unchanged.
pub(crate) const HOLD: Fix = Fix::new("alpha: held");
/// Gamma is carried over unchanged.
pub(crate) const GAMMA_HOLD: Fix = Fix::new("gamma: held");
/// Gamma is carried over, times r.
pub(crate) const GAMMA_R: Fix = Fix::new("gamma: times r");
/// Gamma must be 0.
pub(crate) const ZERO: Fix = Fix::new("gamma = 0");

/// The flags that selectors stand for.
pub(crate) const FLAGS: [Fix; 11] = [
    ALPHA_ONE, ALPHA_Z, FOLD_R, FOLD_Z, CONT_R, CONT_Z, SCALE_BY, HOLD, GAMMA_HOLD, GAMMA_R, ZERO,
];

/// Selector of how alpha is carried over.
pub(crate) const CARRY: Fix = Fix::new("selector: carry of alpha");
/// Selector of what alpha takes in.
pub(crate) const LOAD: Fix = Fix::new("selector: load of alpha");
/// Selector of how gamma continues and whether it must be 0, and of the ends of the lookup sums.
pub(crate) const GAMMA: Fix = Fix::new("selector: gamma");

/// Encodings of gamma: dropped, held, times r, held and 0, dropped where the lookup sums end.
const GAMMA_CODES: std::ops::Range<i64> = 0..5;
const GAMMA_ENDS: i64 = 4;

/// Name of the equation of alpha.
pub(crate) const FOLDS: &str = "alpha: fold of the weights";
/// Name of the equation of gamma.
pub(crate) const PRODUCTS: &str = "gamma: sum of products";
/// Name of the check.
pub(crate) const RELATION: &str = "relation: gamma = 0";

/// Horner over the row's weights, the first the highest.
fn fold(weights: &[Expr], base: &Expr) -> Expr {
    let mut it = weights.iter().cloned();
    let first = it.next().unwrap_or_else(|| int(0));
    it.fold(first, |acc, w| acc * base.clone() + w)
}

/// Alpha's right-hand side, times [`SCALE`].
pub(crate) fn folds(c: &mut Cells<'_, '_>) -> Expr {
    let per_row = c.shape().weights_per_row;
    let (z, r) = (c.z(), c.r());
    let weights: Vec<Expr> = (0..per_row).map(|t| c.fix(weight(t))).collect();
    let keep = c.fix(CONT_R) * power(&r, per_row)
        + c.fix(CONT_Z) * power(&z, per_row)
        + c.fix(SCALE_BY) * c.cur(Col::U)
        + c.fix(HOLD);
    c.fix(ALPHA_ONE)
        + c.fix(ALPHA_Z) * z.clone()
        + c.fix(FOLD_R) * fold(&weights, &r)
        + c.fix(FOLD_Z) * fold(&weights, &z)
        + keep * c.prev(Col::Alpha)
}

/// Gamma's right-hand side, times [`SCALE`].
pub(crate) fn products(c: &mut Cells<'_, '_>) -> Expr {
    let step = c.fix(GAMMA_HOLD) + c.fix(GAMMA_R) * c.r();
    let product = c.fix(PRODUCT) * c.prev(Col::Alpha) * c.cur(Col::U);
    step * c.prev(Col::Gamma) + product * Fr::from(SCALE)
}

/// gamma = 0, times [`SCALE`], at the end of an equation.
pub(crate) fn relation(c: &mut Cells<'_, '_>) -> Expr {
    c.fix(ZERO) * c.cur(Col::Gamma)
}

/// A flag of this chip as an expression in its selectors.
///
/// Carry and load: (1, 0) holds, (1, 1) continues a fold by r, (1, 2) by z, (2, 3) scales; (0, 1) begins a fold, (0, 2) loads 1,
/// (0, 3) loads z. Load 3 switches off what carry 2 would double.
pub(crate) fn decode(role: Fix, query: &mut Query<'_>) -> Option<Expr> {
    let load = |query: &mut Query<'_>, code: i64| selector(query, LOAD, &among(0..4, &[code]));
    let gamma =
        |query: &mut Query<'_>, codes: &[i64]| selector(query, GAMMA, &among(GAMMA_CODES, codes));
    Some(match role {
        GAMMA_HOLD => gamma(query, &[1, 3]),
        GAMMA_R => gamma(query, &[2]),
        ZERO => gamma(query, &[3]),
        logup::ENDS => gamma(query, &[GAMMA_ENDS]),
        HOLD => query(CARRY) * load(query, 0),
        CONT_R => query(CARRY) * load(query, 1),
        CONT_Z => query(CARRY) * load(query, 2),
        SCALE_BY => selector(query, CARRY, &among(0..3, &[2])),
        FOLD_R => load(query, 1),
        FOLD_Z => query(CARRY) * load(query, 2),
        ALPHA_ONE => (int(1) - query(CARRY)) * load(query, 2),
        ALPHA_Z => {
            // The other factor is 2 at carry 0.
            let load = interpolate(&query(LOAD), &among(0..4, &[3]), SCALE / 2);
            (Expression::Constant(Fr::from(2)) - query(CARRY)) * load
        }
        _ => return None,
    })
}

/// The encodings of a row's carry and load.
fn alpha_codes(row: &Row) -> Result<(i64, i64), CircuitError> {
    Ok(match (row.carry, row.load) {
        (Carry::Hold, Load::Nothing) => (1, 0),
        (Carry::R, Load::FoldR) => (1, 1),
        (Carry::Z, Load::FoldZ) => (1, 2),
        (Carry::Scale, Load::Nothing) => (2, 3),
        (Carry::Drop, Load::Nothing) => (0, 0),
        (Carry::Drop, Load::FoldR) => (0, 1),
        // With one weight per row the base of a fold matters only from its second row on.
        (Carry::Drop, Load::FoldZ) if row.weights.len() == 1 => (0, 1),
        (Carry::Drop, Load::One) => (0, 2),
        (Carry::Drop, Load::Z) => (0, 3),
        flags => return Err(CircuitError::unknown_code(CARRY, flags)),
    })
}

/// The encoding of gamma in a row; the first row would read a row above the check.
fn gamma_code(row: &Row, first: bool) -> Result<i64, CircuitError> {
    Ok(match (row.gamma, row.zero) {
        (Step::Hold, true) => 3,
        (Step::Hold, false) if !first => 1,
        (Step::R, false) => 2,
        (Step::Drop | Step::Hold, false) => 0,
        flags => return Err(CircuitError::unknown_code(GAMMA, flags)),
    })
}

/// Flags, coefficients and weights of the rows, and the encodings that stand for the flags.
pub(crate) fn fixed(rows: &[Row], fixed: &mut FixedCells) -> Result<(), CircuitError> {
    for (at, row) in rows.iter().enumerate() {
        let carry = match row.carry {
            Carry::Drop => None,
            Carry::Hold => Some(HOLD),
            Carry::R => Some(CONT_R),
            Carry::Z => Some(CONT_Z),
            Carry::Scale => Some(SCALE_BY),
        };
        let load = match row.load {
            Load::Nothing => None,
            Load::One => Some(ALPHA_ONE),
            Load::Z => Some(ALPHA_Z),
            Load::FoldR => Some(FOLD_R),
            Load::FoldZ => Some(FOLD_Z),
        };
        let gamma = match row.gamma {
            Step::Drop => None,
            // Row 0 reads a blinded row.
            Step::Hold => (at > 0).then_some(GAMMA_HOLD),
            Step::R => Some(GAMMA_R),
        };
        for role in [carry, load, gamma].into_iter().flatten() {
            fixed.flag(role, at);
        }
        if row.zero {
            fixed.flag(ZERO, at);
        }
        fixed.set(PRODUCT, at, signed(row.product));
        for (t, value) in row.weights.iter().enumerate() {
            fixed.set(weight(t), at, signed(*value));
        }
        let (carry, load) = alpha_codes(row)?;
        fixed.set(CARRY, at, signed(carry));
        fixed.set(LOAD, at, signed(load));
        fixed.set(GAMMA, at, signed(gamma_code(row, at == 0)?));
    }
    Ok(())
}

/// The encoding of the rows where the lookup sums end; it replaces that of row 0, where gamma is dropped.
pub(crate) fn fixed_ends(usable: usize, fixed: &mut FixedCells) {
    for row in [0, usable - 1] {
        fixed.set(GAMMA, row, signed(GAMMA_ENDS));
    }
}

/// Cells of an idle row that make the column nonzero and change nothing that is read: alpha is 0 in the row above, and is held; where
/// nothing is loaded either, it is multiplied by the operand. A product with it is 0.
pub(crate) fn idle(column: Fix) -> Option<Vec<(Fix, i64)>> {
    match column {
        CARRY => Some(vec![(HOLD, 1), (CARRY, 1)]),
        LOAD => Some(vec![(HOLD, 0), (SCALE_BY, 1), (CARRY, 2), (LOAD, 3)]),
        PRODUCT => Some(vec![(PRODUCT, 1)]),
        _ => None,
    }
}

/// Copy constraints of the operands.
pub(crate) fn copies(rows: &[Row]) -> impl Iterator<Item = (CellRef, CellRef)> + '_ {
    let operands = rows.iter().enumerate();
    operands.filter_map(|(at, row)| Some((Col::U.at(at), row.operand?)))
}

/// alpha, gamma and the operands; after the last row they are 0, as their coefficients are.
pub(crate) fn second_phase(
    shape: &CircuitShape,
    rows: &[Row],
    ch: &Challenges,
    first: &Trace,
    second: &mut Trace,
) -> Result<(), CircuitError> {
    let per_row = shape.weights_per_row as u64;
    let (z_row, r_row) = (ch.z.pow([per_row]), ch.r.pow([per_row]));
    let fold = |weights: &[i64], base: Fr| {
        let horner = |acc: Fr, w: &i64| acc * base + signed(*w);
        weights.iter().fold(Fr::ZERO, horner)
    };
    let (mut alpha, mut gamma) = (Fr::ZERO, Fr::ZERO);
    for (at, row) in rows.iter().enumerate() {
        let operand = match row.operand {
            _ if row.keeps => gamma,
            Some(cell) if cell.col.is_first_phase() => first.get(cell)?,
            Some(cell) => second.get(cell)?,
            None => Fr::ZERO,
        };
        let previous = alpha;
        let carried = match row.carry {
            Carry::Drop => Fr::ZERO,
            Carry::Hold => previous,
            Carry::R => previous * r_row,
            Carry::Z => previous * z_row,
            Carry::Scale => previous * operand,
        };
        let loaded = match row.load {
            Load::Nothing => Fr::ZERO,
            Load::One => Fr::ONE,
            Load::Z => ch.z,
            Load::FoldR => fold(&row.weights, ch.r),
            Load::FoldZ => fold(&row.weights, ch.z),
        };
        alpha = carried + loaded;
        let product = signed(row.product) * previous * operand;
        gamma = product
            + match row.gamma {
                Step::Drop => Fr::ZERO,
                Step::Hold => gamma,
                Step::R => gamma * ch.r,
            };
        for (col, v) in [(Col::Alpha, alpha), (Col::Gamma, gamma), (Col::U, operand)] {
            second.set(col, at, v);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
