//! Averages and maxima of windows.

use super::entry::{Entry, entry};
use super::linear::edges;
use crate::error::Result;
use crate::frontend::compose::Window2;
use crate::frontend::tflite::step::Step;

pub(super) const OPERATORS: &[Entry] = &[
    entry(
        "AVERAGE_POOL_2D",
        "SAME and VALID padding; a fused activation",
        "sums folded into the linear layer that reads them, or a linear layer",
        |s| {
            let x = s.input(0)?;
            let window = window(s)?;
            let made = s.compose.average_pool(&x, &window)?;
            Ok(vec![s.activated(&made, 5)?])
        },
    ),
    entry(
        "MAX_POOL_2D",
        "SAME and VALID padding; a fused activation",
        "maxima of at most four values, in stages",
        |s| {
            let x = s.input(0)?;
            let window = window(s)?;
            let made = s.compose.max_pool(&x, &window)?;
            Ok(vec![s.activated(&made, 5)?])
        },
    )
    .moving(),
];

fn window(step: &Step<'_, '_>) -> Result<Window2> {
    Ok(Window2 {
        kernel: [step.option_length(4, 0)?, step.option_length(3, 0)?],
        stride: [step.option_length(2, 0)?, step.option_length(1, 0)?],
        edges: edges(step, 0)?,
    })
}
