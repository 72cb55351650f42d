//! Resizing an axis: nearest elements, or a constant matrix of weights.

use super::{Compose, Operand, ZERO, all};
use crate::error::Result;

/// How places of the output become coordinates of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::frontend) enum Coordinates {
    /// Elements have a width: their middles are compared.
    HalfPixel,
    /// The first and the last elements stay where they are.
    AlignCorners,
    /// By the ratio of the lengths.
    Asymmetric,
}

/// What an element between elements of the input is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::frontend) enum Resize {
    Nearest,
    Linear,
}

impl Coordinates {
    fn scale(self, input: usize, output: usize) -> f64 {
        match self {
            Self::AlignCorners if output > 1 => (input - 1) as f64 / (output - 1) as f64,
            _ => input as f64 / output as f64,
        }
    }

    /// The element that each place reads.
    fn nearest(self, input: usize, output: usize) -> Vec<Option<usize>> {
        let scale = self.scale(input, output);
        let read = |place: usize| {
            let at = match self {
                Self::HalfPixel => ((place as f64 + 0.5) * scale).floor(),
                Self::AlignCorners => (place as f64 * scale).round(),
                Self::Asymmetric => (place as f64 * scale).floor(),
            };
            Some((at as usize).min(input - 1))
        };
        (0..output).map(read).collect()
    }

    /// The weights of all elements at each place.
    fn linear(self, input: usize, output: usize) -> Vec<f64> {
        let scale = self.scale(input, output);
        let mut weights = vec![0.0; input * output];
        for (place, row) in weights.chunks_exact_mut(input).enumerate() {
            let at = match self {
                Self::HalfPixel => (place as f64 + 0.5) * scale - 0.5,
                _ => place as f64 * scale,
            };
            let lower = at.floor();
            let clamp = |v: f64| v.clamp(0.0, (input - 1) as f64) as usize;
            row[clamp(lower)] += 1.0 - (at - lower);
            row[clamp(lower + 1.0)] += at - lower;
        }
        weights
    }
}

impl Compose<'_> {
    /// Rows and columns of `[batch, rows, columns, channels]` resized.
    pub(in crate::frontend) fn resized(
        &mut self,
        input: &Operand,
        to: [usize; 2],
        how: Resize,
        places: Coordinates,
    ) -> Result<Operand> {
        let shape = self.shape(input);
        let &[n, rows, columns, c] = shape.as_slice() else {
            return Err(self.refuse(format!(
                "input shape {shape:?}; supported: [batch, rows, columns, channels]"
            )));
        };
        self.size(&[n, to[0], to[1], c])?;
        match how {
            Resize::Nearest => {
                let axes = [
                    all(n),
                    places.nearest(rows, to[0]),
                    places.nearest(columns, to[1]),
                    all(c),
                ];
                self.pick(input, &axes, ZERO)
            }
            Resize::Linear => {
                let mut resized = input.clone();
                for (axis, from, to) in [(1, rows, to[0]), (2, columns, to[1])] {
                    if from != to {
                        self.size(&[from, to])?;
                        let weights = places.linear(from, to);
                        resized = self.along_axis(&resized, axis, to, weights)?;
                    }
                }
                Ok(resized)
            }
        }
    }
}
