//! The rows of the RLC checks, and the builder that layers write them with.

use crate::columns::{CellRef, Col};
use crate::error::CircuitError;
use crate::layout::place::ChunkLayout;
use crate::layout::tensor::TensorLayout;
use chainfer_model::quantized::TensorId;
use std::collections::BTreeMap;

/// How alpha is carried over from the row above.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Carry {
    #[default]
    Drop,
    Hold,
    /// Times r^weights_per_row.
    R,
    /// Times z^weights_per_row.
    Z,
    /// Times the operand.
    Scale,
}

/// What alpha takes in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Load {
    #[default]
    Nothing,
    One,
    Z,
    /// The row's weights, folded by r.
    FoldR,
    /// The row's weights, folded by z.
    FoldZ,
}

/// How gamma continues from the row above.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Step {
    Drop,
    #[default]
    Hold,
    R,
}

/// One row of an RLC check.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    pub(crate) carry: Carry,
    pub(crate) load: Load,
    pub(crate) weights: Vec<i64>,
    pub(crate) gamma: Step,
    /// Coefficient of (previous alpha) times operand.
    pub(crate) product: i64,
    /// Gamma must be 0 here.
    pub(crate) zero: bool,
    /// Cell that the operand copies; 0 where there is none.
    pub(crate) operand: Option<CellRef>,
    /// The operand is no copy: gamma = 0 here says that it is gamma of the row above, where alpha is 1.
    pub(crate) keeps: bool,
}

/// A product that waits for the row after alpha's.
#[derive(Clone, Copy, Debug)]
struct Pending {
    operand: CellRef,
    factor: i64,
    step: Step,
}

/// A weighted accumulator value: factor * z^exponent * cell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Term {
    pub(crate) exponent: usize,
    pub(crate) factor: i64,
    pub(crate) cell: CellRef,
}

/// How many rows there are, whatever the number of weights in one.
#[derive(Clone, Debug, Default)]
pub(crate) struct RowCount {
    /// Rows that hold no weights.
    others: usize,
    /// Folds by their number of weights, and whether they are by z.
    folds: BTreeMap<(usize, bool), usize>,
}

impl RowCount {
    /// The rows, with so many weights in one.
    pub(crate) fn rows(&self, per_row: usize) -> usize {
        let folds = self.folds.iter().map(|((len, by_z), count)| {
            let dropped = usize::from(*by_z && per_row > 1);
            count * (len.div_ceil(per_row) + dropped)
        });
        self.others + folds.sum::<usize>()
    }
}

/// What becomes of the rows.
#[derive(Debug)]
enum Rows {
    Kept { rows: Vec<Row>, per_row: usize },
    Counted(RowCount),
}

/// The rows of a chunk while its layers add them.
#[derive(Debug)]
pub(crate) struct Program<'a> {
    rows: Rows,
    layout: &'a ChunkLayout,
    powers: BTreeMap<usize, CellRef>,
    /// Sums of powers of z by (ratio's exponent, number of terms), and of r by their number.
    geometric: BTreeMap<(usize, usize), CellRef>,
    geometric_r: BTreeMap<usize, CellRef>,
    /// A cell that holds 1.
    one: Option<CellRef>,
    /// Alpha of the last row is 1.
    alpha_is_one: bool,
    pending: Option<Pending>,
    /// Largest sum of challenge exponents in a relation, for the soundness error.
    degree: usize,
}

impl<'a> Program<'a> {
    /// A program whose rows hold so many weights.
    pub(crate) fn new(layout: &'a ChunkLayout, per_row: usize) -> Self {
        let rows = Vec::new();
        Self::with(Rows::Kept { rows, per_row }, layout)
    }

    /// A program that counts its rows and keeps none.
    pub(crate) fn counting(layout: &'a ChunkLayout) -> Self {
        Self::with(Rows::Counted(RowCount::default()), layout)
    }

    fn with(rows: Rows, layout: &'a ChunkLayout) -> Self {
        Program {
            rows,
            layout,
            powers: BTreeMap::new(),
            geometric: BTreeMap::new(),
            geometric_r: BTreeMap::new(),
            one: None,
            alpha_is_one: false,
            pending: None,
            degree: 0,
        }
    }

    /// The rows, none if they were counted, and the largest degree of a relation in the challenges.
    pub(crate) fn finish(self) -> (Vec<Row>, usize) {
        match self.rows {
            Rows::Kept { rows, .. } => (rows, self.degree),
            Rows::Counted(_) => (Vec::new(), self.degree),
        }
    }

    /// The number of rows, and the largest degree of a relation in the challenges.
    pub(crate) fn count(self) -> (RowCount, usize) {
        match self.rows {
            Rows::Kept { rows, .. } => {
                let others = rows.len();
                let folds = BTreeMap::new();
                (RowCount { others, folds }, self.degree)
            }
            Rows::Counted(count) => (count, self.degree),
        }
    }

    /// Appends a row as it stands; gives its number, which is one of its own as long as none is counted.
    fn add(&mut self, row: Row) -> usize {
        match &mut self.rows {
            Rows::Kept { rows, .. } => {
                rows.push(row);
                rows.len() - 1
            }
            Rows::Counted(count) => {
                count.others += 1;
                count.others - 1
            }
        }
    }

    /// The layout that cells are taken from.
    pub(crate) fn layout(&self) -> &'a ChunkLayout {
        self.layout
    }

    /// A relation's degree in the challenges together.
    pub(crate) fn relation_has_degree(&mut self, degree: usize) {
        self.degree = self.degree.max(degree);
    }

    fn alpha_cell(&self, row: usize) -> CellRef {
        Col::Alpha.at(row)
    }

    /// Appends a row; a pending product goes with it, or before it where the row needs the operand itself.
    fn push(&mut self, row: Row) -> usize {
        let mut row = row;
        if let Some(p) = self.pending.take() {
            if row.operand.is_some() {
                let hold = Row {
                    carry: Carry::Hold,
                    ..Row::default()
                };
                self.add(with_product(hold, p));
            } else {
                row = with_product(row, p);
            }
        }
        self.alpha_is_one = match (row.carry, row.load) {
            (Carry::Hold, Load::Nothing) => self.alpha_is_one,
            (Carry::Drop, Load::One) => true,
            _ => false,
        };
        self.add(row)
    }

    /// Gives gamma the product of the last row's alpha and a cell.
    pub(crate) fn product(&mut self, cell: CellRef, factor: i64, step: Step) {
        self.flush();
        self.pending = Some(Pending {
            operand: cell,
            factor,
            step,
        });
    }

    /// The cell that holds gamma after the last product; alpha is 1 then.
    pub(crate) fn keep(&mut self) -> CellRef {
        if self.pending.is_some() || !self.alpha_is_one {
            self.one();
        }
        let row = self.push(Row {
            carry: Carry::Hold,
            product: -1,
            zero: true,
            keeps: true,
            ..Row::default()
        });
        Col::U.at(row)
    }

    /// Ends a relation: gamma is 0 after the last product, in a row that holds gamma.
    pub(crate) fn check(&mut self) {
        if self.pending.is_some_and(|p| p.step != Step::Hold) {
            self.flush();
        }
        self.push(Row {
            zero: true,
            ..Row::default()
        });
    }

    /// Gives a waiting product a row of its own.
    fn flush(&mut self) {
        if self.pending.is_some() {
            self.push(Row {
                carry: Carry::Hold,
                ..Row::default()
            });
        }
    }

    /// Steps gamma without a product.
    pub(crate) fn step(&mut self, step: Step) {
        self.flush();
        self.push(Row {
            gamma: step,
            ..Row::default()
        });
    }

    /// Sets alpha to 1.
    pub(crate) fn one(&mut self) -> usize {
        self.push(Row {
            load: Load::One,
            ..Row::default()
        })
    }

    /// Sets alpha to 1 unless it is.
    pub(crate) fn unit(&mut self) {
        if !self.alpha_is_one {
            self.one();
        }
    }

    /// The cell that holds 1.
    fn one_cell(&mut self) -> CellRef {
        if let Some(cell) = self.one {
            return cell;
        }
        let row = self.push(Row {
            load: Load::One,
            ..Row::default()
        });
        let cell = self.alpha_cell(row);
        self.one = Some(cell);
        cell
    }

    /// The cell that holds 1 + z^ratio + … + z^(ratio (count - 1)), made by doubling.
    pub(crate) fn geometric(&mut self, ratio: usize, count: usize) -> CellRef {
        if count == 1 {
            return self.one_cell();
        }
        if let Some(cell) = self.geometric.get(&(ratio, count)) {
            return *cell;
        }
        let even = count.is_multiple_of(2);
        let part = if even { count / 2 } else { count - 1 };
        let sum = self.geometric(ratio, part);
        let power = self.power(ratio * part);
        if even {
            let one = self.one_cell();
            self.unit();
            self.scale(sum);
            self.product(one, 1, Step::Drop);
        } else {
            self.unit();
            self.product(sum, 1, Step::Drop);
        }
        self.product(power, 1, Step::Hold);
        let cell = self.keep();
        self.geometric.insert((ratio, count), cell);
        cell
    }

    /// The cell that holds 1 + r + … + r^(count - 1).
    pub(crate) fn geometric_r(&mut self, count: usize) -> CellRef {
        if let Some(cell) = self.geometric_r.get(&count) {
            return *cell;
        }
        let one = self.one_cell();
        self.unit();
        self.horner((0..count).map(|_| one));
        let cell = self.keep();
        self.geometric_r.insert(count, cell);
        cell
    }

    /// Horner by r over alpha times the cells, in gamma.
    pub(crate) fn horner(&mut self, cells: impl IntoIterator<Item = CellRef>) {
        let mut step = Step::Drop;
        for cell in cells {
            self.product(cell, 1, step);
            step = Step::R;
        }
    }

    /// The cell that holds the product of some cells.
    pub(crate) fn product_of(&mut self, cells: &[CellRef]) -> CellRef {
        let mut row = self.one();
        for cell in cells {
            row = self.scale(*cell);
        }
        self.alpha_cell(row)
    }

    /// The cell that holds z^exponent (at least 1), made by squaring.
    pub(crate) fn power(&mut self, exponent: usize) -> CellRef {
        if let Some(cell) = self.powers.get(&exponent) {
            return *cell;
        }
        let z = match self.powers.get(&1) {
            Some(cell) => *cell,
            None => {
                let row = self.push(Row {
                    load: Load::Z,
                    ..Row::default()
                });
                let cell = self.alpha_cell(row);
                self.powers.insert(1, cell);
                cell
            }
        };
        if exponent == 1 {
            return z;
        }
        let mut row = self.push(Row {
            load: Load::Z,
            ..Row::default()
        });
        let bits = usize::BITS - exponent.leading_zeros();
        for bit in (0..bits - 1).rev() {
            row = self.scale(self.alpha_cell(row));
            if exponent >> bit & 1 == 1 {
                row = self.scale(z);
            }
        }
        let cell = self.alpha_cell(row);
        self.powers.insert(exponent, cell);
        cell
    }

    /// Multiplies alpha by a cell.
    pub(crate) fn scale(&mut self, by: CellRef) -> usize {
        self.push(Row {
            carry: Carry::Scale,
            operand: Some(by),
            ..Row::default()
        })
    }

    /// Makes the powers that the terms need before alpha is in use.
    pub(crate) fn prepare(&mut self, terms: &[Term]) {
        let mut at = 0;
        for term in terms {
            if term.exponent > at {
                self.power(term.exponent - at);
                at = term.exponent;
            }
        }
    }

    /// Adds alpha * sum of the terms to gamma; the first product takes `step`.
    pub(crate) fn products(&mut self, terms: &[Term], step: Step) {
        let (mut at, mut step) = (0, step);
        for term in terms {
            if term.exponent > at {
                let by = self.power(term.exponent - at);
                self.scale(by);
                at = term.exponent;
            }
            self.product(term.cell, term.factor, step);
            step = Step::Hold;
        }
    }

    /// Horner over so many weights, highest exponent first, padded in front to whole rows. Where rows are counted, the weights are not
    /// asked for.
    pub(crate) fn fold(&mut self, len: usize, load: Load, weights: impl FnOnce() -> Vec<i64>) {
        let per_row = match &mut self.rows {
            Rows::Counted(count) => {
                let by_z = load == Load::FoldZ;
                *count.folds.entry((len, by_z)).or_default() += 1;
                self.pending = None;
                self.alpha_is_one = false;
                return;
            }
            Rows::Kept { per_row, .. } => *per_row,
        };
        let weights = weights();
        let padding = weights.len().next_multiple_of(per_row) - weights.len();
        let mut padded = vec![0; padding];
        padded.extend_from_slice(&weights);
        // No encoded selector stands for a fold of several weights by z that drops alpha: a row before it does.
        let dropped = load == Load::FoldZ && per_row > 1;
        if dropped {
            self.push(Row::default());
        }
        for (i, row) in padded.chunks(per_row).enumerate() {
            let carry = match (i, load) {
                (0, _) if !dropped => Carry::Drop,
                (_, Load::FoldZ) => Carry::Z,
                _ => Carry::R,
            };
            self.push(Row {
                carry,
                load,
                weights: row.to_vec(),
                ..Row::default()
            });
        }
    }

    /// Where a tensor that the layer reads or writes stands.
    pub(crate) fn tensor(
        &self,
        id: TensorId,
        layer: &str,
    ) -> Result<&'a TensorLayout, CircuitError> {
        self.layout.tensor(id, layer)
    }
}

fn with_product(row: Row, p: Pending) -> Row {
    Row {
        operand: Some(p.operand),
        product: p.factor,
        gamma: p.step,
        ..row
    }
}
