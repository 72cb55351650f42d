//! Codes: flags that exclude each other share a fixed column, whose value names the combination that a row has.
//!
//! A flag is the polynomial in its column (or in two) that is 1 at the codes with the flag and 0 at the others. None has a
//! degree over 4, for it multiplies a cell. Code 0 is always the combination without flags: fixed columns are 0 on blinded
//! rows. Side by side, the flags of activations keep columns of their own: several lanes leave no room for their degree.
//!
//! Polynomials are taken [`SCALE`] times, which makes their coefficients small integers: a verifier's code holds those in a
//! byte or two, fractions of the field in 32. Gates are linear in such flags, so they scale as a whole.

use crate::columns::Fix;
use crate::fill::signed;
use crate::program::{Carry, CombineRow, Load, Step};
use crate::shape::CircuitShape;
use halo2_proofs::plonk::Expression;
use halo2curves::bn256::Fr;
use halo2curves::ff::Field;

/// A column of codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    /// What stands in the columns of the activations.
    Area,
    /// How D takes in a row of a maximum.
    Pool,
    /// How D takes in a row.
    Sum,
    /// How a tap's accumulator takes in a row.
    Tap(usize),
    /// How alpha goes on: with [`Code::Load`], see [`combine_codes`].
    Carry,
    /// What alpha takes in.
    Load,
    /// How gamma goes on, whether it must be 0, and the rows where the lookup sums are.
    Gamma,
    /// What a row that does not run the permutation does with its words.
    Words,
    /// Two bits: which step of the permutation follows.
    Round(usize),
}

impl Code {
    /// The columns of a shape, in order.
    pub(crate) fn all(shape: &CircuitShape) -> Vec<Code> {
        let mut v = Vec::new();
        if shape.stacked {
            v.extend([Code::Area, Code::Sum]);
            v.extend(shape.pooling.then_some(Code::Pool));
            v.extend((0..shape.taps).map(Code::Tap));
        }
        v.extend([
            Code::Carry,
            Code::Load,
            Code::Gamma,
            Code::Words,
            Code::Round(0),
            Code::Round(1),
        ]);
        v
    }
}

/// What a flag's polynomial is at the codes with the flag; a multiple of every denominator.
pub(crate) const SCALE: u64 = 120;

/// D: (code, steps, takes the pre-activation in).
const SUMS: [(i64, bool, bool); 4] = [
    (0, false, false),
    (1, false, true),
    (2, true, false),
    (3, true, true),
];

/// A tap: (code, is held, steps, takes the activation in).
///
/// Six points for polynomials of degree 4: ±1, ±2 and ±3, shifted by one. `held` and `steps` are even in the unshifted
/// code; for the mask, the masked points 1, 2 and -3 add up to 0, which is when the leading coefficient vanishes.
const TAPS: [(i64, bool, bool, bool); 6] = [
    (0, false, false, false),
    (2, false, false, true),
    (-1, true, false, false),
    (3, true, false, true),
    (4, false, true, false),
    (-2, false, true, true),
];

/// Codes of gamma: dropped, held, times r, held and 0, dropped where the lookup sums are 0.
const GAMMA: std::ops::Range<i64> = 0..5;
/// Codes of the words: nothing; the first value of an element or, stacked, a word pinned to an instance; a further value;
/// words move on; a word pinned to a constant.
const WORDS: std::ops::Range<i64> = 0..5;

/// Codes of the area: hashing and the combine program, requantised activations, maxima.
const AREAS: std::ops::Range<i64> = 0..3;
/// Codes of a maximum's rows: none, then from the first.
const POOL: std::ops::Range<i64> = 0..4;

/// The code of a row of activations.
pub(crate) fn area_code(maximum: bool) -> i64 {
    1 + i64::from(maximum)
}

/// The code of a row's sums.
pub(crate) fn sum_code(steps: bool, taken: bool) -> i64 {
    i64::from(taken) + 2 * i64::from(steps)
}

/// The code of a tap's row.
pub(crate) fn tap_code(held: bool, steps: bool, masked: bool) -> i64 {
    let found = TAPS
        .iter()
        .find(|t| (t.1, t.2, t.3) == (held, steps, masked));
    found.map_or(0, |t| t.0)
}

/// The codes of a row's carry and load.
pub(crate) fn combine_codes(row: &CombineRow) -> (i64, i64) {
    match (row.carry, row.load) {
        (Carry::Hold, _) => (1, 0),
        (Carry::R, _) => (1, 1),
        (Carry::Z, _) => (1, 2),
        (Carry::Scale, _) => (2, 3),
        (Carry::Drop, Load::Nothing) => (0, 0),
        // Only with one weight a row, where the base of a fold matters from its second row on, for a fold by z.
        (Carry::Drop, Load::FoldR | Load::FoldZ) => (0, 1),
        (Carry::Drop, Load::One) => (0, 2),
        (Carry::Drop, Load::Z) => (0, 3),
    }
}

/// The code of gamma in a row of the program; the first row reads a row before the program.
pub(crate) fn gamma_code(row: &CombineRow, first: bool) -> i64 {
    match row.gamma {
        _ if row.zero => 3,
        Step::Hold if !first => 1,
        Step::R => 2,
        Step::Drop | Step::Hold => 0,
    }
}

/// Gamma's code where the lookup sums are 0.
pub(crate) const GAMMA_ENDS: i64 = 4;

/// The code of a row's words.
pub(crate) fn words_code(flag: Fix) -> i64 {
    match flag {
        Fix::PackFirst | Fix::PinInstance => 1,
        Fix::PackCont => 2,
        Fix::Shift => 3,
        Fix::Pin => 4,
        _ => 0,
    }
}

/// The two bits of a step of the permutation.
pub(crate) fn round_code(flag: Fix) -> [i64; 2] {
    match flag {
        Fix::HashRotate => [1, 0],
        Fix::HashPartial => [0, 1],
        Fix::HashFull => [1, 1],
        _ => [0, 0],
    }
}

type Expr = Expression<Fr>;

/// How often [`flag`] takes a flag.
#[cfg(test)]
pub(crate) fn scale(role: Fix) -> u64 {
    match role {
        Fix::Value | Fix::Requantised => 1,
        Fix::HashRotate | Fix::HashPartial | Fix::HashFull => 1,
        _ => SCALE,
    }
}

/// [`SCALE`] times the flag as an expression in the columns of codes; `None` if it has a column of its own. The steps of the
/// permutation and rows of activations, which count lookups, are taken once.
pub(crate) fn flag(
    role: Fix,
    shape: &CircuitShape,
    mut column: impl FnMut(Code) -> Expr,
) -> Option<Expr> {
    let int = |value: u64| Expression::Constant(Fr::from(value));
    let mut single = |code, points: &[(i64, bool)]| Some(interpolate(&column(code), points, SCALE));
    let sums = |of: fn(&(i64, bool, bool)) -> bool| SUMS.map(|s| (s.0, of(&s)));
    let taps = |of: fn(&(i64, bool, bool, bool)) -> bool| TAPS.map(|t| (t.0, of(&t)));
    let among = |range: std::ops::Range<i64>, codes: &[i64]| -> Vec<(i64, bool)> {
        range.map(|code| (code, codes.contains(&code))).collect()
    };
    let loads = |column: &mut dyn FnMut(Code) -> Expr, code: i64| {
        interpolate(&column(Code::Load), &among(0..4, &[code]), SCALE)
    };
    match role {
        Fix::Value
        | Fix::Requantised
        | Fix::Pool
        | Fix::DStep
        | Fix::Acc(_)
        | Fix::BetaHold(_)
        | Fix::BetaStep(_)
        | Fix::BetaMask(..)
            if !shape.stacked =>
        {
            None
        }
        Fix::Value | Fix::Requantised if !shape.pooling => Some(column(Code::Area)),
        Fix::Value => Some(interpolate(&column(Code::Area), &among(AREAS, &[1, 2]), 1)),
        Fix::Requantised => Some(interpolate(&column(Code::Area), &among(AREAS, &[1]), 1)),
        Fix::Pool => single(Code::Area, &among(AREAS, &[2])),
        Fix::PoolRow(i) => single(Code::Pool, &among(POOL, &[i as i64 + 1])),
        Fix::DStep => single(Code::Sum, &sums(|s| s.1)),
        Fix::Acc(_) => single(Code::Sum, &sums(|s| s.2)),
        Fix::BetaHold(j) => single(Code::Tap(j), &taps(|t| t.1)),
        Fix::BetaStep(j) => single(Code::Tap(j), &taps(|t| t.2)),
        Fix::BetaMask(j, _) => single(Code::Tap(j), &taps(|t| t.3)),
        Fix::GammaHold => single(Code::Gamma, &among(GAMMA, &[1, 3])),
        Fix::GammaR => single(Code::Gamma, &among(GAMMA, &[2])),
        Fix::Zero => single(Code::Gamma, &among(GAMMA, &[3])),
        Fix::Ends => single(Code::Gamma, &among(GAMMA, &[GAMMA_ENDS])),
        Fix::PackFirst | Fix::PinInstance => single(Code::Words, &among(WORDS, &[1])),
        Fix::PackCont => single(Code::Words, &among(WORDS, &[2])),
        Fix::Shift => single(Code::Words, &among(WORDS, &[3])),
        Fix::Pin => single(Code::Words, &among(WORDS, &[4])),
        Fix::HashRotate => Some(column(Code::Round(0)) * (int(1) - column(Code::Round(1)))),
        Fix::HashPartial => Some((int(1) - column(Code::Round(0))) * column(Code::Round(1))),
        Fix::HashFull => Some(column(Code::Round(0)) * column(Code::Round(1))),
        // Carry and load: (1, 0) holds, (1, 1) folds on by r, (1, 2) by z, (2, 3) scales; (0, 1) begins a fold, (0, 2) loads 1,
        // (0, 3) loads z. Load 3 switches off what carry 2 would double.
        Fix::Hold => Some(column(Code::Carry) * loads(&mut column, 0)),
        Fix::ContR => Some(column(Code::Carry) * loads(&mut column, 1)),
        Fix::ContZ => Some(column(Code::Carry) * loads(&mut column, 2)),
        Fix::Scale => single(Code::Carry, &among(0..3, &[2])),
        Fix::FoldR => Some(loads(&mut column, 1)),
        Fix::FoldZ => Some(column(Code::Carry) * loads(&mut column, 2)),
        Fix::AlphaOne => Some((int(1) - column(Code::Carry)) * loads(&mut column, 2)),
        Fix::AlphaZ => {
            // Half of this: the last indicator is taken half as often.
            let load = interpolate(&column(Code::Load), &among(0..4, &[3]), SCALE / 2);
            Some((int(2) - column(Code::Carry)) * load)
        }
        _ => None,
    }
}

/// The polynomial of least degree through 0 and `scale` at these points, by divided differences.
fn interpolate(at: &Expr, points: &[(i64, bool)], scale: u64) -> Expr {
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

/// The value of a flag, given the codes.
#[cfg(test)]
pub(crate) fn value_of_flag(
    role: Fix,
    shape: &CircuitShape,
    value: impl Fn(Code) -> Fr,
) -> Option<Fr> {
    let expression = flag(role, shape, |code| Expression::Constant(value(code)))?;
    Some(evaluate(&expression, |_| Fr::ZERO))
}

#[cfg(test)]
fn evaluate(expression: &Expr, challenge: impl Fn(halo2_proofs::plonk::Challenge) -> Fr) -> Fr {
    expression.evaluate(
        &|constant| constant,
        &|_| Fr::ZERO,
        &|_| Fr::ZERO,
        &|_| Fr::ZERO,
        &|_| Fr::ZERO,
        &challenge,
        &|a| -a,
        &|a, b| a + b,
        &|a, b| a * b,
        &|a, by| a * by,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(expression: &Expr, code: i64) -> Fr {
        evaluate(expression, |_| signed(code))
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

    #[test]
    fn polynomials_take_their_values_and_have_degree_4_at_most() {
        let held = TAPS.map(|t| (t.0, t.1));
        let steps = TAPS.map(|t| (t.0, t.2));
        let masked = TAPS.map(|t| (t.0, t.3));
        let gamma: Vec<_> = GAMMA.map(|c| (c, c == 1 || c == 3)).collect();
        for points in [&held[..], &steps, &masked, &gamma] {
            let polynomial = interpolate(&leaf(), points, SCALE);
            for (code, expected) in points {
                let expected = if *expected { SCALE } else { 0 };
                assert_eq!(value(&polynomial, *code), Fr::from(expected));
            }
            assert_small_constants(&polynomial);
            // Through five points there is exactly one polynomial of degree 4.
            let fewer = interpolate(&leaf(), &points[..5], SCALE);
            for code in -9..9 {
                assert_eq!(value(&polynomial, code), value(&fewer, code));
            }
        }
    }

    #[test]
    fn codes_are_distinct_and_0_has_no_flags() {
        for (i, tap) in TAPS.iter().enumerate() {
            assert!(TAPS[..i].iter().all(|other| other.0 != tap.0));
            assert_eq!(tap_code(tap.1, tap.2, tap.3), tap.0);
        }
        assert_eq!(tap_code(false, false, false), 0);
        assert_eq!(sum_code(false, false), 0);
        assert_eq!(combine_codes(&CombineRow::default()), (0, 0));
    }
}
