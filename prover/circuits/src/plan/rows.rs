//! The rows of a chunk in one shape: activations, and the RLC checks over them.

use crate::arrangement::Arrangement;
use crate::chip::registry;
use crate::chip::rlc::program::{Program, Row, RowCount};
use crate::error::CircuitError;
use crate::layout::place::{ChunkLayout, Geometry, LayerGeometry};
use chainfer_model::quantized::QLayer;

/// Rows that gates act on, behind all activations, weights and hidden weights' blinders, and that hold nothing: the last one is where
/// a selector that no row of the chunk needs is set ([`unread`](crate::circuit)).
pub(crate) const IDLE_ROWS: usize = 2;

/// What the layers mean for the places of tensors.
pub(super) fn geometries(
    arrangement: &dyn Arrangement,
    layers: &[QLayer],
    lanes: usize,
) -> Result<Vec<LayerGeometry>, CircuitError> {
    let of_layer = |layer: &QLayer| {
        let chip = registry::layer(&arrangement.operators(), layer)?;
        Ok(LayerGeometry {
            output: layer.output(),
            windows: chip.windows(),
            slots: chip.slots(lanes),
            has_pairs: chip.has_pairs(),
            table: chip.table(),
        })
    };
    layers.iter().map(of_layer).collect()
}

/// Everything of a chunk in its rows.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) layout: ChunkLayout,
    pub(super) check: Vec<Row>,
    /// Largest degree of an equation in the challenges.
    pub(super) degree: usize,
}

impl Rows {
    /// The rows of the check over tensors that are placed, and its degree.
    pub(super) fn check(
        arrangement: &dyn Arrangement,
        layers: &[QLayer],
        layout: &ChunkLayout,
        weights_per_row: usize,
    ) -> Result<(Vec<Row>, usize), CircuitError> {
        let mut program = Program::new(layout, weights_per_row);
        for layer in layers {
            registry::layer(&arrangement.operators(), layer)?.relation(&mut program)?;
        }
        Ok(program.finish())
    }

    /// How many rows the check over tensors that are placed has, and its degree.
    pub(super) fn count(
        arrangement: &dyn Arrangement,
        layers: &[QLayer],
        layout: &ChunkLayout,
    ) -> Result<(RowCount, usize), CircuitError> {
        let mut program = Program::counting(layout);
        for layer in layers {
            registry::layer(&arrangement.operators(), layer)?.relation(&mut program)?;
        }
        Ok(program.count())
    }

    /// Places the activations behind what shares their columns.
    pub(super) fn new(
        arrangement: &dyn Arrangement,
        layers: &[QLayer],
        geometry: &Geometry<'_>,
        weights_per_row: usize,
        hashing: usize,
    ) -> Result<Self, CircuitError> {
        let mut layout = geometry.lay_out(0)?;
        let of = |layout: &ChunkLayout| Rows::check(arrangement, layers, layout, weights_per_row);
        let (mut check, mut degree) = of(&layout)?;
        // The check is as long wherever the activations are.
        let first = arrangement.first_value_row(check.len(), hashing);
        if first > 0 {
            layout = geometry.lay_out(first)?;
            (check, degree) = of(&layout)?;
        }
        Ok(Rows {
            layout,
            check,
            degree,
        })
    }

    /// Row after the last one with an activation or a weight.
    pub(super) fn end(&self) -> usize {
        self.check.len().max(self.layout.end)
    }
}
