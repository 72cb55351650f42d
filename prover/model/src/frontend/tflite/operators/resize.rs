//! Resizing of rows and columns.

use super::entry::{Entry, entry};
use crate::error::Result;
use crate::frontend::compose::{Coordinates, Operand, Resize};
use crate::frontend::tflite::step::Step;

const SIZES: &str = "constant sizes; align_corners and half_pixel_centers";

pub(super) const OPERATORS: &[Entry] = &[
    entry(
        "RESIZE_BILINEAR",
        SIZES,
        "a linear layer for each axis",
        |s| {
            let places = places(s, 2)?;
            resized(s, Resize::Linear, places)
        },
    ),
    entry("RESIZE_NEAREST_NEIGHBOR", SIZES, "a rearrangement", |s| {
        let places = places(s, 0)?;
        resized(s, Resize::Nearest, places)
    })
    .moving(),
];

/// The two flags from `field` on.
fn places(step: &Step<'_, '_>, field: usize) -> Result<Coordinates> {
    match (step.flag(field)?, step.flag(field + 1)?) {
        (false, false) => Ok(Coordinates::Asymmetric),
        (true, false) => Ok(Coordinates::AlignCorners),
        (false, true) => Ok(Coordinates::HalfPixel),
        (true, true) => Err(step
            .compose
            .refuse("align_corners and half_pixel_centers; supported: one of them")),
    }
}

fn resized(step: &mut Step<'_, '_>, how: Resize, places: Coordinates) -> Result<Vec<Operand>> {
    let x = step.input(0)?;
    match step.lengths(1)?.as_slice() {
        &[rows, columns] if rows * columns > 0 => Ok(vec![step.compose.resized(
            &x,
            [rows, columns],
            how,
            places,
        )?]),
        other => Err(step
            .compose
            .refuse(format!("sizes {other:?}; supported: rows and columns"))),
    }
}
