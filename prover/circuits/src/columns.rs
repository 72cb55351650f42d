//! Roles of columns and cells, and the halo2 columns that a shape allocates for them.
//!
//! A chip names the columns that it uses by role: a [`Col`] for advice, a [`Fix`] for fixed columns and flags. Which halo2
//! column a role takes, and whether a flag has one of its own, is decided by the arrangement, through [`Placement`].

use crate::error::CircuitError;
use crate::shape::CircuitShape;
use halo2_proofs::plonk::{
    Advice, Challenge, Column, ConstraintSystem, Expression, FirstPhase, Fixed, Instance,
    SecondPhase,
};
use halo2curves::bn256::Fr;
use std::fmt;

/// An advice column by its role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Col {
    /// Quantised value of a lane.
    Y(usize),
    /// Remainder of a lane, in `[0, R)`.
    Rem(usize),
    /// Quotient digit of a lane, in `[0, R)`.
    V(usize),
    /// Saturation of a lane: c plus 1, in `{0, 1, 2}`.
    C(usize),
    /// Overflow digit of a lane: E minus 1, in `[0, R)`.
    E(usize),
    /// High limb of rem (0), v (1) or E - 1 (2) of a lane, in `[0, limbs)`.
    High(usize, usize),
    /// Poseidon state word 0 to 2, or the square (3), of a hash lane.
    Hash(usize, usize),
    /// Multiplicities of the lookup table.
    Mult,
    /// Multiplicities of the entries of functions' tables.
    TableMult,
    /// Accumulator over pre-activations (second phase).
    D,
    /// Beta accumulator over activations, one per column pattern (second phase).
    Beta(usize),
    /// Fold of the weights (second phase).
    Alpha,
    /// Sum of the products of an RLC check (second phase).
    Gamma,
    /// Operand of a product (second phase).
    U,
    /// Running sum of the lookup argument (second phase).
    Phi(usize),
}

impl Col {
    /// Whether the column is committed before the challenges.
    pub(crate) fn is_first_phase(self) -> bool {
        match self {
            Col::Y(_)
            | Col::Rem(_)
            | Col::V(_)
            | Col::C(_)
            | Col::E(_)
            | Col::High(..)
            | Col::Hash(..)
            | Col::Mult
            | Col::TableMult => true,
            Col::D | Col::Beta(_) | Col::Alpha | Col::Gamma | Col::U | Col::Phi(_) => false,
        }
    }

    /// The cell of this column at a row.
    pub(crate) fn at(self, row: usize) -> CellRef {
        CellRef { col: self, row }
    }
}

/// A cell of an advice column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct CellRef {
    pub(crate) col: Col,
    pub(crate) row: usize,
}

/// A fixed column, or a flag that is read from one: the name that its chip gives it, and indices.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Fix {
    pub(crate) name: &'static str,
    pub(crate) at: [usize; 2],
}

impl Fix {
    pub(crate) const fn new(name: &'static str) -> Self {
        Fix { name, at: [0, 0] }
    }

    /// One of several, by index.
    pub(crate) const fn nth(name: &'static str, index: usize) -> Self {
        Fix {
            name,
            at: [index, 0],
        }
    }

    /// One of several, by two indices.
    pub(crate) const fn pair(name: &'static str, first: usize, second: usize) -> Self {
        Fix {
            name,
            at: [first, second],
        }
    }
}

impl fmt::Debug for Fix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.name, self.at)
    }
}

/// 1 on every row that gates constrain: all usable rows but the last.
pub(crate) const ACTIVE: Fix = Fix::new("active");
/// 1 on every row, scaled as flags of activations are.
pub(crate) const UNIT: Fix = Fix::new("one");
/// Rows of activations.
pub(crate) const VALUE: Fix = Fix::new("row of activations");
pub(crate) const REQUANTISED: &str = "requantised";

/// Rows where a lane's activation is requantised.
pub(crate) const fn requantised(lane: usize) -> Fix {
    Fix::nth(REQUANTISED, lane)
}

/// An expression in cells.
pub(crate) type Expr = Expression<Fr>;

/// Gives the expression of a fixed column.
pub(crate) type Query<'a> = dyn FnMut(Fix) -> Expr + 'a;

/// Which columns the roles of a shape take.
pub(crate) trait Placement: fmt::Debug + Send + Sync {
    /// Number of first-phase advice columns.
    fn first_phase_columns(&self, shape: &CircuitShape) -> usize;

    /// Number of second-phase advice columns.
    fn second_phase_columns(&self, shape: &CircuitShape) -> usize;

    /// Position of a role among the columns of its phase; `None` if the shape has no such column.
    fn position(&self, col: Col, shape: &CircuitShape) -> Option<usize>;

    /// The columns with copy constraints, in the order of the permutation argument, each once.
    fn copied(&self, shape: &CircuitShape) -> Vec<Col>;

    /// Whether the instance column is in the permutation argument.
    fn copies_instances(&self) -> bool;

    /// The fixed columns, in order.
    fn fixed_columns(&self, shape: &CircuitShape) -> Vec<Fix>;

    /// The flags that encoded selectors stand for, and other roles without a column of their own, which are filled all the
    /// same: the trace and the selectors are computed from them.
    fn encoded_flags(&self, shape: &CircuitShape) -> Vec<Fix>;

    /// A role without a column of its own, as an expression in those that have one.
    fn decode(&self, role: Fix, shape: &CircuitShape, query: &mut Query<'_>) -> Option<Expr>;
}

/// Number of columns in the permutation argument, the instance column included where it is in it.
pub(crate) fn equality_columns(placement: &dyn Placement, shape: &CircuitShape) -> usize {
    placement.copied(shape).len() + usize::from(placement.copies_instances())
}

/// The columns and challenges of a configured constraint system.
#[derive(Clone, Debug)]
pub struct Columns {
    pub(crate) shape: CircuitShape,
    pub(crate) placement: &'static dyn Placement,
    pub(crate) first: Vec<Column<Advice>>,
    pub(crate) second: Vec<Column<Advice>>,
    pub(crate) fixed: Vec<(Fix, Column<Fixed>)>,
    pub(crate) instance: Column<Instance>,
    /// Challenge for positions within a tensor.
    pub(crate) z: Challenge,
    /// Challenge for output channels.
    pub(crate) r: Challenge,
    /// Challenge in the denominators of lookups.
    pub(crate) x: Challenge,
}

impl Columns {
    /// Allocates the columns of a shape.
    pub(crate) fn allocate(
        meta: &mut ConstraintSystem<Fr>,
        shape: &CircuitShape,
        placement: &'static dyn Placement,
    ) -> Result<Self, CircuitError> {
        let first = (0..placement.first_phase_columns(shape))
            .map(|_| meta.advice_column_in(FirstPhase))
            .collect();
        let z = meta.challenge_usable_after(FirstPhase);
        let r = meta.challenge_usable_after(FirstPhase);
        let x = meta.challenge_usable_after(FirstPhase);
        let second = (0..placement.second_phase_columns(shape))
            .map(|_| meta.advice_column_in(SecondPhase))
            .collect();
        let fixed = placement
            .fixed_columns(shape)
            .into_iter()
            .map(|f| (f, meta.fixed_column()))
            .collect();
        let instance = meta.instance_column();
        let columns = Columns {
            shape: shape.clone(),
            placement,
            first,
            second,
            fixed,
            instance,
            z,
            r,
            x,
        };
        for col in placement.copied(shape) {
            meta.enable_equality(columns.advice(col)?);
        }
        if placement.copies_instances() {
            meta.enable_equality(instance);
        }
        Ok(columns)
    }

    /// The halo2 column with this role.
    pub(crate) fn advice(&self, col: Col) -> Result<Column<Advice>, CircuitError> {
        let of_phase = if col.is_first_phase() {
            &self.first
        } else {
            &self.second
        };
        let position = self.placement.position(col, &self.shape);
        position
            .and_then(|at| of_phase.get(at))
            .copied()
            .ok_or_else(|| CircuitError::missing_column(col))
    }

    /// The fixed column with this role.
    pub(crate) fn fixed(&self, role: Fix) -> Result<Column<Fixed>, CircuitError> {
        let found = self.fixed.iter().find(|(f, _)| *f == role);
        found
            .map(|(_, column)| *column)
            .ok_or_else(|| CircuitError::missing_column(role))
    }
}
