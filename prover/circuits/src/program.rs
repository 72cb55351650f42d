//! The combine program: rows that check, for every layer, one random linear combination of its equations.
//!
//! For challenges z (positions) and r (output channels) a layer's relation is
//!
//! ```text
//! sum_o r^(O-1-o) ( - D_o + sum over channels c, taps t  W_oct B_ct ) = 0
//! ```
//!
//! where `D_o` is the Horner sum over positions of the pre-activations less their bias, and `B_ct` that of the
//! activations which tap t reads. `alpha` folds the weights of one (c, t), `gamma` adds the products up.

use crate::columns::{CellRef, Col};
use crate::error::CircuitError;
use crate::layout::{ChunkLayout, TensorLayout, layers};
use crate::windows::{ColumnMap, RowMap, Window, segments};
use chainfer_model::partitioned::{ChunkSpec, PartitionedModel};
use chainfer_model::quantized::{ConvMap, QLayer, QLinear, QMaxPool, TensorId, TermMap};
use std::collections::BTreeMap;

/// How alpha goes on from the row above.
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

/// How gamma goes on from the row above.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Step {
    Drop,
    #[default]
    Hold,
    R,
}

/// One row of the program.
#[derive(Clone, Debug, Default)]
pub(crate) struct CombineRow {
    pub(crate) carry: Carry,
    pub(crate) load: Load,
    pub(crate) weights: Vec<i64>,
    pub(crate) gamma: Step,
    /// Coefficient of (previous alpha) times operand.
    pub(crate) product: i8,
    /// Gamma must be 0 here.
    pub(crate) zero: bool,
    /// Cell that the operand copies; 0 where there is none.
    pub(crate) operand: Option<CellRef>,
}

/// A product that waits for the row after alpha's.
#[derive(Clone, Copy, Debug)]
struct Pending {
    operand: CellRef,
    sign: i8,
    step: Step,
}

/// A weighted accumulator value: sign * z^exponent * cell.
#[derive(Clone, Copy, Debug)]
struct Term {
    exponent: usize,
    sign: i8,
    cell: CellRef,
}

pub(crate) struct Program<'a> {
    pub(crate) rows: Vec<CombineRow>,
    per_row: usize,
    layout: &'a ChunkLayout,
    powers: BTreeMap<usize, CellRef>,
    pending: Option<Pending>,
    /// Largest sum of challenge exponents in a relation, for the soundness error.
    pub(crate) degree: usize,
}

/// Builds the program of a chunk.
pub(crate) fn build(
    model: &PartitionedModel,
    chunk: &ChunkSpec,
    layout: &ChunkLayout,
    per_row: usize,
) -> Result<(Vec<CombineRow>, usize), CircuitError> {
    let mut program = Program {
        rows: Vec::new(),
        per_row,
        layout,
        powers: BTreeMap::new(),
        pending: None,
        degree: 0,
    };
    for layer in layers(model, chunk) {
        match layer {
            QLayer::Linear(linear)
                if matches!(
                    linear.terms.first().map(|t| &t.map),
                    Some(TermMap::Dense { .. })
                ) =>
            {
                program.dense(linear)?;
            }
            QLayer::Linear(linear) => program.convolution(model, linear)?,
            QLayer::MaxPool(pool) => program.max_pool(pool)?,
        }
    }
    Ok((program.rows, program.degree))
}

impl Program<'_> {
    fn alpha_cell(&self, row: usize) -> CellRef {
        CellRef {
            col: Col::Alpha,
            row,
        }
    }

    /// Appends a row; a pending product goes with it, or before it where the row needs the operand itself.
    fn push(&mut self, row: CombineRow) -> usize {
        let mut row = row;
        if let Some(p) = self.pending.take() {
            if row.operand.is_some() {
                let hold = CombineRow {
                    carry: Carry::Hold,
                    ..CombineRow::default()
                };
                self.rows.push(with_product(hold, p));
            } else {
                row = with_product(row, p);
            }
        }
        self.rows.push(row);
        self.rows.len() - 1
    }

    /// Gives gamma the product of the last row's alpha and a cell.
    fn product(&mut self, cell: CellRef, sign: i8, step: Step) {
        self.flush();
        self.pending = Some(Pending {
            operand: cell,
            sign,
            step,
        });
    }

    /// Ends a relation: gamma is 0 after the last product, in a row that holds gamma.
    fn check(&mut self) {
        if self.pending.is_some_and(|p| p.step != Step::Hold) {
            self.flush();
        }
        let at = self.push(CombineRow::default());
        self.rows[at].zero = true;
    }

    /// Gives a waiting product a row of its own.
    fn flush(&mut self) {
        if self.pending.is_some() {
            self.push(CombineRow {
                carry: Carry::Hold,
                ..CombineRow::default()
            });
        }
    }

    fn one(&mut self) {
        self.push(CombineRow {
            load: Load::One,
            ..CombineRow::default()
        });
    }

    /// The cell that holds z^exponent (at least 1), made by squaring.
    fn power(&mut self, exponent: usize) -> CellRef {
        if let Some(cell) = self.powers.get(&exponent) {
            return *cell;
        }
        let z = match self.powers.get(&1) {
            Some(cell) => *cell,
            None => {
                let row = self.push(CombineRow {
                    load: Load::Z,
                    ..CombineRow::default()
                });
                let cell = self.alpha_cell(row);
                self.powers.insert(1, cell);
                cell
            }
        };
        if exponent == 1 {
            return z;
        }
        let mut row = self.push(CombineRow {
            load: Load::Z,
            ..CombineRow::default()
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

    fn scale(&mut self, by: CellRef) -> usize {
        self.push(CombineRow {
            carry: Carry::Scale,
            operand: Some(by),
            ..CombineRow::default()
        })
    }

    /// Makes the powers that the terms need before alpha is in use.
    fn prepare(&mut self, terms: &[Term]) {
        let mut at = 0;
        for term in terms {
            if term.exponent > at {
                self.power(term.exponent - at);
                at = term.exponent;
            }
        }
    }

    /// Adds alpha * sum of the terms to gamma; the first product takes `step`.
    fn products(&mut self, terms: &[Term], step: Step) {
        let (mut at, mut step) = (0, step);
        for term in terms {
            if term.exponent > at {
                let by = self.power(term.exponent - at);
                self.scale(by);
                at = term.exponent;
            }
            self.product(term.cell, term.sign, step);
            step = Step::Hold;
        }
    }

    /// Horner over weights, highest exponent first, padded in front to whole rows.
    fn fold(&mut self, weights: &[i64], load: Load) {
        let padding = weights.len().next_multiple_of(self.per_row) - weights.len();
        let mut padded = vec![0; padding];
        padded.extend_from_slice(weights);
        // Codes have no fold of several weights by z that drops alpha: a row before it does.
        let dropped = load == Load::FoldZ && self.per_row > 1;
        if dropped {
            self.push(CombineRow::default());
        }
        for (i, row) in padded.chunks(self.per_row).enumerate() {
            let carry = match (i, load) {
                (0, _) if !dropped => Carry::Drop,
                (_, Load::FoldZ) => Carry::Z,
                _ => Carry::R,
            };
            self.push(CombineRow {
                carry,
                load,
                weights: row.to_vec(),
                ..CombineRow::default()
            });
        }
    }

    fn tensor(&self, id: TensorId, layer: &str) -> Result<&TensorLayout, CircuitError> {
        self.layout
            .tensors
            .get(&id)
            .ok_or_else(|| CircuitError::Inconsistent {
                layer: layer.into(),
                what: format!("tensor {} is neither computed nor read by its chunk", id.0),
            })
    }

    /// Accumulator values that sum up to what one tap of one input channel reads, ascending by exponent.
    fn tap(
        &self,
        layer: &str,
        window: &Window,
        (input, output): (TensorId, TensorId),
        channel: usize,
        (ky, kx): (usize, usize),
    ) -> Result<Vec<Term>, CircuitError> {
        let (x, y) = (self.tensor(input, layer)?, self.tensor(output, layer)?);
        let Some(map) = ColumnMap::new(window, x, y, kx) else {
            return Ok(vec![]);
        };
        let class = x.classes.iter().position(|c| c.same_flags(&map));
        let beta = class.ok_or_else(|| CircuitError::Inconsistent {
            layer: layer.into(),
            what: "no accumulator has its column offset".into(),
        })?;
        let mut terms = Vec::new();
        let pitch = y.pitch_units();
        for run in segments(x, y, &RowMap::new(window, x.dims.h, ky)) {
            let exponent =
                y.chan_units() as i64 - 1 + map.offset - ((run.out_last + 1) * pitch) as i64;
            let exponent = usize::try_from(exponent).map_err(|_| CircuitError::Inconsistent {
                layer: layer.into(),
                what: "the output's channel has no room for its left padding".into(),
            })?;
            let cell = |position| CellRef {
                col: Col::Beta(beta),
                row: x.read_row(channel, position),
            };
            terms.push(Term {
                exponent,
                sign: 1,
                cell: cell(run.last),
            });
            if !run.restarts {
                let more = (run.last + 1 - run.first) * pitch;
                terms.push(Term {
                    exponent: exponent + more,
                    sign: -1,
                    cell: cell(run.first - 1),
                });
            }
        }
        terms.sort_by_key(|t| t.exponent);
        Ok(terms)
    }

    fn convolution(
        &mut self,
        model: &PartitionedModel,
        layer: &QLinear,
    ) -> Result<(), CircuitError> {
        let out = self.tensor(layer.output, &layer.name)?.clone();
        let channels = out.dims.c;
        let mut step = Step::Drop;
        let mut convs = Vec::new();
        for term in &layer.terms {
            let TermMap::Conv(conv) = &term.map else {
                return Err(CircuitError::Inconsistent {
                    layer: layer.name.clone(),
                    what: "mixed terms".into(),
                });
            };
            convs.push((term.input, conv, Window::of_conv(conv)));
            self.prepare_taps(layer, (term.input, layer.output), &Window::of_conv(conv))?;
        }
        let mut after_products = true;
        for o in 0..channels {
            // The coefficient of D is alpha = 1.
            if after_products {
                self.one();
            }
            after_products = false;
            let cell = CellRef {
                col: Col::D,
                row: out.channel_end(o),
            };
            self.product(cell, -1, step);
            step = Step::R;
            for (input, conv, window) in &convs {
                let per_group = channels / conv.groups;
                if (o + 1) % per_group != 0 {
                    continue;
                }
                after_products = true;
                let in_channels = model.graph.tensor(*input).dims.c / conv.groups;
                let group = o / per_group;
                for c in 0..in_channels {
                    for ky in 0..window.kernel[0] {
                        for kx in 0..window.kernel[1] {
                            let channel = group * in_channels + c;
                            let terms = self.tap(
                                &layer.name,
                                window,
                                (*input, layer.output),
                                channel,
                                (ky, kx),
                            )?;
                            if terms.is_empty() {
                                continue;
                            }
                            let weights: Vec<i64> = (group * per_group..=o)
                                .map(|o| {
                                    conv.weights[weight_index(conv, in_channels, o, c, ky, kx)]
                                })
                                .collect();
                            self.fold(&weights, Load::FoldR);
                            self.products(&terms, Step::Hold);
                        }
                    }
                }
            }
        }
        self.check();
        self.degree = self.degree.max(channels + out.chan_units());
        Ok(())
    }

    fn prepare_taps(
        &mut self,
        layer: &QLinear,
        (input, output): (TensorId, TensorId),
        window: &Window,
    ) -> Result<(), CircuitError> {
        for ky in 0..window.kernel[0] {
            for kx in 0..window.kernel[1] {
                let terms = self.tap(&layer.name, window, (input, output), 0, (ky, kx))?;
                self.prepare(&terms);
            }
        }
        Ok(())
    }

    fn dense(&mut self, layer: &QLinear) -> Result<(), CircuitError> {
        let out = self.tensor(layer.output, &layer.name)?.clone();
        let units = out.dims.c * out.chan_units();
        self.one();
        let end = out.channel_end(out.dims.c - 1);
        self.product(
            CellRef {
                col: Col::D,
                row: end,
            },
            -1,
            Step::Drop,
        );
        for term in &layer.terms {
            let TermMap::Dense { weights } = &term.map else {
                return Err(CircuitError::Inconsistent {
                    layer: layer.name.clone(),
                    what: "mixed terms".into(),
                });
            };
            let input = self.tensor(term.input, &layer.name)?.clone();
            let width = input.dims.len();
            for i in 0..width {
                let mut column = vec![0; units];
                for o in 0..out.dims.len() {
                    column[out.slot_of(o)] = weights[o * width + i];
                }
                let (row, lane) = input.cell(i);
                self.fold(&column, Load::FoldZ);
                self.product(
                    CellRef {
                        col: Col::Y(lane),
                        row,
                    },
                    1,
                    Step::Hold,
                );
            }
        }
        self.check();
        self.degree = self.degree.max(units);
        Ok(())
    }

    /// The copies of the taps in the max-pooling rows equal the activations that the window reads.
    fn max_pool(&mut self, layer: &QMaxPool) -> Result<(), CircuitError> {
        let out = self.tensor(layer.output, &layer.name)?.clone();
        let window = Window::of_pool(layer);
        let taps: Vec<(usize, usize)> = (0..window.kernel[0])
            .flat_map(|ky| (0..window.kernel[1]).map(move |kx| (ky, kx)))
            .collect();
        let mut step = Step::Drop;
        for tap in &taps {
            let terms = self.tap(&layer.name, &window, (layer.input, layer.output), 0, *tap)?;
            self.prepare(&terms);
        }
        for channel in 0..out.dims.c {
            // gamma = r^4 gamma + r^3 B_3 + r^2 B_2 + r B_1 + B_0 - D, Horner over the taps.
            for j in (0..4).rev() {
                let terms = match taps.get(j) {
                    Some(tap) => self.tap(
                        &layer.name,
                        &window,
                        (layer.input, layer.output),
                        channel,
                        *tap,
                    )?,
                    None => vec![],
                };
                if terms.is_empty() {
                    self.flush();
                    self.push(CombineRow {
                        gamma: step,
                        ..CombineRow::default()
                    });
                } else {
                    self.one();
                    self.products(&terms, step);
                }
                step = Step::R;
            }
            self.one();
            let cell = CellRef {
                col: Col::D,
                row: out.channel_end(channel),
            };
            self.product(cell, -1, Step::Hold);
        }
        self.check();
        self.degree = self.degree.max(4 * out.dims.c + out.chan_units());
        Ok(())
    }
}

fn with_product(row: CombineRow, p: Pending) -> CombineRow {
    CombineRow {
        operand: Some(p.operand),
        product: p.sign,
        gamma: p.step,
        ..row
    }
}

fn weight_index(
    conv: &ConvMap,
    in_channels: usize,
    o: usize,
    c: usize,
    ky: usize,
    kx: usize,
) -> usize {
    ((o * in_channels + c) * conv.kernel[0] + ky) * conv.kernel[1] + kx
}
