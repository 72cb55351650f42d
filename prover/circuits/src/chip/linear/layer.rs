//! The RLC checks of linear layers.

use super::{outputs, windows};
use crate::chip::operator::{LayerChip, Operator, Witness};
use crate::chip::rlc::program::{Load, Program, Step};
use crate::columns::Col;
use crate::error::CircuitError;
use crate::layout::place::ChunkLayout;
use crate::trace::FixedCells;
use chainfer_model::quantized::{ConvMap, QLayer, QLinear, TensorId, TermMap};
use chainfer_model::window::Window;

/// The operator of linear layers; their rows are requantised activations as all others.
#[derive(Debug)]
pub(crate) struct Linear;

impl Operator for Linear {
    fn layer<'a>(&self, layer: &'a QLayer) -> Option<Box<dyn LayerChip + 'a>> {
        match layer {
            QLayer::Linear(linear) => Some(Box::new(LinearLayer { layer, linear })),
            _ => None,
        }
    }
}

struct LinearLayer<'a> {
    layer: &'a QLayer,
    linear: &'a QLinear,
}

impl LayerChip for LinearLayer<'_> {
    fn windows(&self) -> Vec<(TensorId, Window)> {
        let terms = self.linear.terms.iter();
        terms
            .filter_map(|term| match &term.map {
                TermMap::Conv(conv) => Some((term.input, conv.window())),
                TermMap::Dense { .. } => None,
            })
            .collect()
    }

    fn relation(&self, program: &mut Program<'_>) -> Result<(), CircuitError> {
        if self.is_dense() {
            self.dense(program)
        } else {
            self.convolution(program)
        }
    }

    fn fixed(&self, layout: &ChunkLayout, fixed: &mut FixedCells) -> Result<(), CircuitError> {
        let tensor = layout.tensor(self.linear.output, &self.linear.name)?;
        let begins = |row: usize| {
            if self.is_dense() {
                row == tensor.base
            } else {
                tensor.begins_channel(row)
            }
        };
        outputs::fixed_steps(tensor, begins, fixed);
        outputs::fixed_biases(tensor, &self.linear.element_bias, fixed);
        Ok(())
    }

    fn witness(&self, witness: &mut Witness<'_>) -> Result<(), CircuitError> {
        outputs::witness(self.layer, witness)
    }
}

impl LinearLayer<'_> {
    fn is_dense(&self) -> bool {
        let first = self.linear.terms.first().map(|t| &t.map);
        matches!(first, Some(TermMap::Dense { .. }))
    }

    fn mixed(&self) -> CircuitError {
        CircuitError::inconsistent(&self.linear.name, "mixed terms")
    }

    /// `sum_o r^(O-1-o) ( - D_o + sum over terms, channels c, taps t  W_oct B_ct ) = 0`, Horner over the output channels.
    fn convolution(&self, program: &mut Program<'_>) -> Result<(), CircuitError> {
        let layer = self.linear;
        let out = program.tensor(layer.output, &layer.name)?;
        let channels = out.dims.c;
        let mut step = Step::Drop;
        let mut convs = Vec::new();
        for term in &layer.terms {
            let TermMap::Conv(conv) = &term.map else {
                return Err(self.mixed());
            };
            let window = conv.window();
            let tensors = (term.input, layer.output);
            windows::prepare(program, &layer.name, &window, tensors)?;
            convs.push((tensors, conv, window));
        }
        let mut after_products = true;
        for o in 0..channels {
            // The coefficient of D is alpha = 1.
            if after_products {
                program.one();
            }
            after_products = false;
            program.product(Col::D.at(out.channel_end(o)), -1, step);
            step = Step::R;
            for (tensors, conv, window) in &convs {
                let per_group = channels / conv.groups;
                // The weights of a group are folded by r up to its last channel: its sums enter once.
                if (o + 1) % per_group != 0 {
                    continue;
                }
                after_products = true;
                let in_channels = program.tensor(tensors.0, &layer.name)?.dims.c / conv.groups;
                let group = o / per_group;
                for c in 0..in_channels {
                    for tap in window.offsets() {
                        let channel = group * in_channels + c;
                        let layout = program.layout();
                        let terms =
                            windows::taps(layout, &layer.name, window, *tensors, channel, tap)?;
                        if terms.is_empty() {
                            continue;
                        }
                        program.fold(per_group, Load::FoldR, || {
                            (group * per_group..=o)
                                .map(|o| conv.weights[weight_index(conv, in_channels, o, c, tap)])
                                .collect()
                        });
                        program.products(&terms, Step::Hold);
                    }
                }
            }
        }
        program.check();
        program.relation_has_degree(channels + out.chan_units());
        Ok(())
    }

    /// `- D + sum over inputs i  (sum_q z^(U-1-q) W_qi) x_i = 0`, U the units of the output.
    fn dense(&self, program: &mut Program<'_>) -> Result<(), CircuitError> {
        let layer = self.linear;
        let out = program.tensor(layer.output, &layer.name)?;
        let units = out.dims.c * out.chan_units();
        program.one();
        let end = out.channel_end(out.dims.c - 1);
        program.product(Col::D.at(end), -1, Step::Drop);
        for term in &layer.terms {
            let TermMap::Dense { weights } = &term.map else {
                return Err(self.mixed());
            };
            let input = program.tensor(term.input, &layer.name)?;
            let width = input.dims.len();
            for i in 0..width {
                let (row, lane) = input.cell(i);
                program.fold(units, Load::FoldZ, || {
                    let mut column = vec![0; units];
                    for o in 0..out.dims.len() {
                        column[out.slot_of(o)] = weights[o * width + i];
                    }
                    column
                });
                program.product(Col::Y(lane).at(row), 1, Step::Hold);
            }
        }
        program.check();
        program.relation_has_degree(units);
        Ok(())
    }
}

fn weight_index(
    conv: &ConvMap,
    in_channels: usize,
    o: usize,
    c: usize,
    (ky, kx): (usize, usize),
) -> usize {
    ((o * in_channels + c) * conv.kernel[0] + ky) * conv.kernel[1] + kx
}
