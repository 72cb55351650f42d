//! What gates are written with: queries of cells by role, and helpers for expressions.
//!
//! All gates have degree 5 at most (halo2-axiom clamps the quotient's degree there, so a higher one would give proofs that do
//! not verify), and the name of each is its equation.
//!
//! Gates must vanish on the blinded rows too. Terms whose coefficients are all fixed vanish there by themselves, for fixed
//! columns are 0 on those rows; the rest is multiplied by [`ACTIVE`](crate::columns::ACTIVE).

pub(crate) use crate::columns::Expr;
use crate::columns::{Col, Columns, Fix};
use crate::error::CircuitError;
use crate::shape::CircuitShape;
use halo2_proofs::plonk::{ConstraintSystem, Expression, VirtualCells};
use halo2_proofs::poly::Rotation;
use halo2curves::bn256::Fr;

/// Gates: the equation as a name, and the expression that must be 0.
pub(crate) type Gates = Vec<(String, Expr)>;

/// Highest degree of a gate.
pub const MAX_DEGREE: usize = 5;

/// Queries of the cells around a row.
pub(crate) struct Cells<'a, 'm> {
    meta: &'a mut VirtualCells<'m, Fr>,
    columns: &'a Columns,
    /// The first role that was asked for and that the shape lacks.
    missing: Option<CircuitError>,
}

impl<'a> Cells<'a, '_> {
    pub(crate) fn shape(&self) -> &'a CircuitShape {
        &self.columns.shape
    }

    /// Advice `rotation` rows below.
    pub(crate) fn at(&mut self, col: Col, rotation: i32) -> Expr {
        match self.columns.advice(col) {
            Ok(column) => self.meta.query_advice(column, Rotation(rotation)),
            Err(missing) => self.fail(missing),
        }
    }

    /// Advice of the row.
    pub(crate) fn cur(&mut self, col: Col) -> Expr {
        self.at(col, 0)
    }

    /// Advice of the row above.
    pub(crate) fn prev(&mut self, col: Col) -> Expr {
        self.at(col, -1)
    }

    /// A fixed column, or the flag that encoded selectors stand for, as often as they give it.
    pub(crate) fn fix(&mut self, role: Fix) -> Expr {
        let columns = self.columns;
        let decoded = columns
            .placement
            .decode(role, &columns.shape, &mut |own| self.fixed(own));
        decoded.unwrap_or_else(|| self.fixed(role))
    }

    fn fixed(&mut self, role: Fix) -> Expr {
        match self.columns.fixed(role) {
            Ok(column) => self.meta.query_fixed(column, Rotation::cur()),
            Err(missing) => self.fail(missing),
        }
    }

    fn fail(&mut self, missing: CircuitError) -> Expr {
        self.missing.get_or_insert(missing);
        int(0)
    }

    pub(crate) fn instance(&mut self) -> Expr {
        let column = self.columns.instance;
        self.meta.query_instance(column, Rotation::cur())
    }

    /// The challenge of positions within a tensor.
    pub(crate) fn z(&mut self) -> Expr {
        self.meta.query_challenge(self.columns.z)
    }

    /// The challenge of output channels.
    pub(crate) fn r(&mut self) -> Expr {
        self.meta.query_challenge(self.columns.r)
    }

    /// The challenge of lookup denominators.
    pub(crate) fn x(&mut self) -> Expr {
        self.meta.query_challenge(self.columns.x)
    }
}

/// Adds the gates of one chip to a constraint system.
///
/// # Errors
/// If they need a column that the shape lacks; the constraint system then has a gate that nothing satisfies.
pub(crate) fn add(
    meta: &mut ConstraintSystem<Fr>,
    columns: &Columns,
    chip: &'static str,
    gates: impl FnOnce(&mut Cells<'_, '_>) -> Gates,
) -> Result<(), CircuitError> {
    let mut missing = None;
    meta.create_gate(chip, |meta| {
        let mut cells = Cells {
            meta,
            columns,
            missing: None,
        };
        let made = gates(&mut cells);
        missing = cells.missing;
        if missing.is_some() {
            vec![("unsatisfiable: a column is missing".into(), int(1))]
        } else {
            made
        }
    });
    missing.map_or(Ok(()), Err)
}

pub(crate) fn int(v: u64) -> Expr {
    Expression::Constant(Fr::from(v))
}

/// `base^n` by squaring, so that the expression stays small.
pub(crate) fn power(base: &Expr, n: usize) -> Expr {
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

pub(crate) fn sum(terms: impl IntoIterator<Item = Expr>) -> Expr {
    terms
        .into_iter()
        .reduce(|a, b| a + b)
        .unwrap_or_else(|| int(0))
}
