//! Max pooling: y = max of up to four activations, by comparisons.
//!
//! A comparison of a and b writes their difference as p - n with one of p and n 0, both looked up to be in [0, R):
//!
//! ```text
//! p n = 0        b = a - p + n        max(a, b) = a + n
//! ```
//!
//! The operands are copies: the accumulator D takes all four taps of a maximum in, as tap_0 + r tap_1 + r^2 tap_2 + r^3 tap_3,
//! and the layer's equation compares them with what the window reads of the input, taps past the window with 0, the least
//! activation:
//!
//! ```text
//! sum over channels, Horner by r^4:  r^3 B_3 + r^2 B_2 + r B_1 + B_0 - D = 0
//! ```
//!
//! with B_j the sum of the activations that tap j reads ([`windows`]). Its degree in z and r together is at most 4 channels + U,
//! U the units of a channel: its maxima. [`wide`] has a maximum in two lanes of one row, [`compact`] in three rows of a comparison
//! each.
//!
//! Security: docs/security.md#rule-3-one-equation-per-layer.

pub(crate) mod compact;
pub(crate) mod wide;

use crate::chip::linear::windows;
use crate::chip::operator::Witness;
use crate::chip::rlc::program::{Program, Step};
use crate::columns::{Col, Fix};
use crate::error::CircuitError;
use chainfer_model::quantized::QMaxPool;

/// Row of a maximum.
pub(crate) const POOL: Fix = Fix::new("max: row");

/// Taps of a maximum; a window with fewer has zeros.
const TAPS: usize = 4;

/// The equation that ties the taps of the maxima to the activations.
fn relation(layer: &QMaxPool, program: &mut Program<'_>) -> Result<(), CircuitError> {
    let out = program.tensor(layer.output, &layer.name)?;
    let window = layer.window();
    let tensors = (layer.input, layer.output);
    windows::prepare(program, &layer.name, &window, tensors)?;
    let window_taps: Vec<(usize, usize)> = window.offsets().collect();
    let mut step = Step::Drop;
    for channel in 0..out.dims.c {
        for j in (0..TAPS).rev() {
            let terms = match window_taps.get(j) {
                Some(tap) => {
                    let layout = program.layout();
                    windows::taps(layout, &layer.name, &window, tensors, channel, *tap)?
                }
                None => vec![],
            };
            if terms.is_empty() {
                program.step(step);
            } else {
                program.one();
                program.products(&terms, step);
            }
            step = Step::R;
        }
        program.one();
        program.product(Col::D.at(out.channel_end(channel)), -1, Step::Hold);
    }
    program.check();
    program.relation_has_degree(TAPS * out.dims.c + out.chan_units());
    Ok(())
}

/// The activations that each maximum is taken of, with the row of the maximum.
fn maxima(
    layer: &QMaxPool,
    witness: &Witness<'_>,
) -> Result<Vec<(usize, [u32; TAPS])>, CircuitError> {
    let input = witness.layout.tensor(layer.input, &layer.name)?.dims;
    let output = witness.layout.tensor(layer.output, &layer.name)?;
    let values = &witness.values[layer.input.0];
    let window = layer.window();
    let of_element = |element: usize| {
        let (c, rest) = (element / output.dims.plane(), element % output.dims.plane());
        let (oy, ox) = (rest / output.dims.w, rest % output.dims.w);
        let mut taps = [0u32; TAPS];
        for tap in window.inside([oy, ox], [input.h, input.w]) {
            taps[tap.index] = values[(c * input.h + tap.row) * input.w + tap.column];
        }
        (output.cell(element).0, taps)
    };
    Ok((0..output.dims.len()).map(of_element).collect())
}

#[cfg(test)]
mod tests;
