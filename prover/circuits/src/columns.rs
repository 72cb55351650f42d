//! Names of the columns and of cells in them, and the columns that a shape allocates.

use crate::codes::Code;
use crate::layout::POOL_ROWS;
use crate::shape::{CircuitShape, HASH_COLUMNS, ShapeColumns as _};
use halo2_proofs::plonk::{
    Advice, Challenge, Column, ConstraintSystem, FirstPhase, Fixed, Instance, SecondPhase,
};
use halo2curves::bn256::Fr;

/// An advice column by its role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Col {
    /// Quantised value of lane.
    Y(usize),
    /// Remainder, in `[0, R)`.
    Rem(usize),
    /// Quotient digit, in `[0, R)`.
    V(usize),
    /// Saturation c plus 1, in `{0, 1, 2}`.
    C(usize),
    /// Overflow digit minus 1, in `[0, R)`.
    E(usize),
    /// High limb of rem (0), v (1) or E - 1 (2) of a lane, in `[0, limbs)`.
    High(usize, usize),
    /// Poseidon state word 0 to 2, or the square (3), of a hash lane.
    Hash(usize, usize),
    /// Multiplicities of the table.
    Mult,
    /// Accumulator over pre-activations (second phase).
    D,
    /// Accumulator over activations, one a column offset (second phase).
    Beta(usize),
    /// Weight fold (second phase).
    Alpha,
    /// Running total of a relation (second phase).
    Gamma,
    /// Operand (second phase).
    U,
    /// Lookup running sum (second phase).
    Phi(usize),
}

impl Col {
    /// Whether the column is committed before the challenges.
    pub fn is_first_phase(self) -> bool {
        matches!(
            self,
            Col::Y(_)
                | Col::Rem(_)
                | Col::V(_)
                | Col::C(_)
                | Col::E(_)
                | Col::High(..)
                | Col::Hash(..)
                | Col::Mult
        )
    }

    /// The looked-up columns of a lane; column j has the high limb `High(lane, j)`.
    pub(crate) fn looked_up(lane: usize) -> [Col; 3] {
        [Col::Rem(lane), Col::V(lane), Col::E(lane)]
    }

    /// Position among the columns of its phase.
    pub(crate) fn index(self, shape: &CircuitShape) -> usize {
        if shape.stacked {
            return self.stacked_index(shape);
        }
        let width = shape.lane_columns();
        match self {
            Col::Y(l) => width * l,
            Col::Rem(l) => width * l + 1,
            Col::V(l) => width * l + 2,
            Col::C(l) => width * l + 3,
            Col::E(l) => width * l + 4,
            Col::High(l, j) => width * l + 5 + j,
            Col::Hash(h, j) => width * shape.lanes + HASH_COLUMNS * h + j,
            Col::Mult => width * shape.lanes + HASH_COLUMNS * shape.hash_lanes,
            Col::D => 0,
            Col::Alpha => 1,
            Col::Gamma => 2,
            Col::U => 3,
            Col::Beta(j) => 4 + j,
            Col::Phi(p) => shape.accumulator_columns() + p,
        }
    }

    /// Position where areas are stacked: hashing stands in the columns of y, rem, v and c, the combine program in those of
    /// D and of the taps, each on other rows.
    fn stacked_index(self, shape: &CircuitShape) -> usize {
        match self {
            Col::Y(_) | Col::Hash(_, 0) | Col::D | Col::Alpha => 0,
            Col::Rem(_) | Col::Hash(_, 1) | Col::Gamma => 1,
            Col::V(_) | Col::Hash(_, 2) | Col::U => 2,
            Col::C(_) | Col::Hash(..) => 3,
            Col::E(_) => 4,
            // There are no limbs.
            Col::High(..) | Col::Mult => 5,
            Col::Beta(j) => 1 + j,
            Col::Phi(p) => shape.accumulator_columns() + p,
        }
    }

    /// The columns with copy constraints, each once.
    fn equal(shape: &CircuitShape) -> Vec<Col> {
        let mut equal: Vec<Col> = (0..shape.lanes).map(Col::Y).collect();
        if !shape.stacked {
            for h in 0..shape.hash_lanes {
                equal.extend((0..3).map(|j| Col::Hash(h, j)));
            }
        }
        equal.extend([Col::D, Col::Alpha, Col::U]);
        equal.extend((0..shape.taps).map(Col::Beta));
        let mut seen = std::collections::BTreeSet::new();
        equal.retain(|col| seen.insert((col.is_first_phase(), col.index(shape))));
        equal
    }
}

/// Number of columns in the permutation argument, the instance column included where it is in it.
pub(crate) fn equality_columns(shape: &CircuitShape) -> usize {
    Col::equal(shape).len() + usize::from(!shape.stacked)
}

/// A cell of an advice column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CellRef {
    /// Column.
    pub col: Col,
    /// Row.
    pub row: usize,
}

/// A fixed column by its role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fix {
    /// The table: 0 to R - 1, then zeros.
    Table,
    /// 1 on every row that gates constrain: all usable rows but the last.
    Active,
    /// 1 on the first and the last usable row: the lookup sums are 0 there.
    Ends,
    /// The lane's cell is a requantised output that enters D.
    Acc(usize),
    /// Bias of the lane's output (hidden).
    Bias(usize),
    /// D steps by z^lanes.
    DStep,
    /// D steps by z (max-pooling rows).
    DUnit,
    /// First lane's step of a tap accumulator: hold.
    BetaHold(usize),
    /// First lane's step of a tap accumulator: times z.
    BetaStep(usize),
    /// Step of a further lane (tap, lane): times z.
    BetaLane(usize, usize),
    /// The lane's value enters the accumulator (tap, lane).
    BetaMask(usize, usize),
    /// Alpha is set to this constant.
    AlphaOne,
    /// Alpha receives the challenge z.
    AlphaZ,
    /// Alpha receives the row's weights folded by r.
    FoldR,
    /// Alpha receives the row's weights folded by z.
    FoldZ,
    /// Alpha continues times r^weights_per_row.
    ContR,
    /// Alpha continues times z^weights_per_row.
    ContZ,
    /// Alpha continues times the operand.
    Scale,
    /// Alpha is held.
    Hold,
    /// Gamma is held.
    GammaHold,
    /// Gamma continues times r.
    GammaR,
    /// Coefficient of the product of the previous alpha and the operand: -1, 0 or 1.
    Product,
    /// Gamma must be 0.
    Zero,
    /// Weights (hidden).
    Weight(usize),
    /// Poseidon: constant added before the S-box; on other rows what a word is pinned to.
    HashConst,
    /// Poseidon: partial round.
    HashPartial,
    /// Poseidon: S-box and rotation.
    HashRotate,
    /// Poseidon: third S-box of a full round, then the matrix.
    HashFull,
    /// First packing row of an element (side by side).
    PackFirst,
    /// Packing row that continues an element.
    PackCont,
    /// Words move on by one place (stacked).
    Shift,
    /// The first state word is pinned to the row's constant.
    Pin,
    /// The first state word is pinned to the row's instance (stacked).
    PinInstance,
    /// Max-pooling row.
    Pool,
    /// Row of activations (stacked); the other active rows hash and combine.
    Value,
    /// Row of activations that are requantised (stacked).
    Requantised,
    /// Row of a maximum, from the first (stacked).
    PoolRow(usize),
    /// A column of codes.
    Code(Code),
}

/// The fixed columns that a shape has, in order.
pub(crate) fn fixed_columns(shape: &CircuitShape) -> Vec<Fix> {
    let mut v = vec![Fix::Table, Fix::Active, Fix::HashConst, Fix::Product];
    v.extend((0..shape.weights_per_row).map(Fix::Weight));
    if !shape.stacked {
        // Where areas are stacked, biases are the weights of rows with activations.
        v.extend((0..shape.lanes).map(Fix::Bias));
        v.extend(value_flags(shape));
    }
    v.extend(Code::all(shape).into_iter().map(Fix::Code));
    v
}

/// The flags that codes stand for, and biases where they share a column.
pub(crate) fn coded(shape: &CircuitShape) -> Vec<Fix> {
    let mut v = vec![
        Fix::AlphaOne,
        Fix::AlphaZ,
        Fix::FoldR,
        Fix::FoldZ,
        Fix::ContR,
        Fix::ContZ,
        Fix::Scale,
        Fix::Hold,
        Fix::GammaHold,
        Fix::GammaR,
        Fix::Zero,
        Fix::Ends,
        Fix::HashPartial,
        Fix::HashRotate,
        Fix::HashFull,
        Fix::PackCont,
        Fix::Pin,
    ];
    if shape.stacked {
        v.extend(value_flags(shape));
        v.extend([Fix::Bias(0), Fix::Value, Fix::Requantised]);
        v.extend([Fix::Shift, Fix::PinInstance]);
        if shape.pooling {
            v.extend((0..POOL_ROWS).map(Fix::PoolRow));
        }
    } else {
        v.push(Fix::PackFirst);
    }
    v
}

/// Flags of rows with activations.
fn value_flags(shape: &CircuitShape) -> Vec<Fix> {
    let mut v: Vec<Fix> = (0..shape.lanes).map(Fix::Acc).collect();
    v.push(Fix::DStep);
    for j in 0..shape.taps {
        v.extend([Fix::BetaHold(j), Fix::BetaStep(j), Fix::BetaMask(j, 0)]);
        for l in 1..shape.lanes {
            v.extend([Fix::BetaLane(j, l), Fix::BetaMask(j, l)]);
        }
    }
    if shape.pooling {
        v.push(Fix::Pool);
        if !shape.stacked {
            v.push(Fix::DUnit);
        }
    }
    v
}

/// The columns and challenges of a configured constraint system.
#[derive(Clone, Debug)]
pub struct Columns {
    pub(crate) shape: CircuitShape,
    pub(crate) first: Vec<Column<Advice>>,
    pub(crate) second: Vec<Column<Advice>>,
    pub(crate) fixed: Vec<(Fix, Column<Fixed>)>,
    pub(crate) instance: Column<Instance>,
    /// Positions within a tensor.
    pub(crate) z: Challenge,
    /// Output channels.
    pub(crate) r: Challenge,
    /// Lookup denominators.
    pub(crate) x: Challenge,
}

impl Columns {
    /// Allocates the columns of a shape.
    pub(crate) fn allocate(meta: &mut ConstraintSystem<Fr>, shape: &CircuitShape) -> Self {
        let first = (0..shape.first_phase_columns())
            .map(|_| meta.advice_column_in(FirstPhase))
            .collect();
        let z = meta.challenge_usable_after(FirstPhase);
        let r = meta.challenge_usable_after(FirstPhase);
        let x = meta.challenge_usable_after(FirstPhase);
        let second = (0..shape.second_phase_columns())
            .map(|_| meta.advice_column_in(SecondPhase))
            .collect();
        let fixed = fixed_columns(shape)
            .into_iter()
            .map(|f| (f, meta.fixed_column()))
            .collect();
        let instance = meta.instance_column();
        let columns = Columns {
            shape: shape.clone(),
            first,
            second,
            fixed,
            instance,
            z,
            r,
            x,
        };
        for col in Col::equal(shape) {
            meta.enable_equality(columns.advice(col));
        }
        // Where areas are stacked, a gate reads the instances: rows of activations come last.
        if !shape.stacked {
            meta.enable_equality(instance);
        }
        columns
    }

    /// The halo2 column with this role.
    pub fn advice(&self, col: Col) -> Column<Advice> {
        let i = col.index(&self.shape);
        if col.is_first_phase() {
            self.first[i]
        } else {
            self.second[i]
        }
    }
}
