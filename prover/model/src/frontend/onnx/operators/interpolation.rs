//! Which elements of an axis an element of a resized axis follows from, and with which weights.

use crate::error::Result;
use crate::frontend::onnx::node::refuse;
use tract_onnx::pb::NodeProto;

/// How places of the output become coordinates of the input (ONNX's coordinate_transformation_mode).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Coordinates {
    HalfPixel,
    HalfPixelSymmetric,
    PytorchHalfPixel,
    HalfPixelForNearest,
    AlignCorners,
    Asymmetric,
    /// Part of the input, in shares of its length.
    Crop {
        start: f64,
        end: f64,
    },
}

/// How much an element counts at a distance from the coordinate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kernel {
    Linear,
    /// The convolution kernel of Keys.
    Cubic {
        a: f64,
    },
}

impl Kernel {
    /// How far elements count.
    fn radius(self) -> f64 {
        match self {
            Self::Linear => 1.0,
            Self::Cubic { .. } => 2.0,
        }
    }

    fn at(self, distance: f64) -> f64 {
        let d = distance.abs();
        match self {
            Self::Linear => (1.0 - d).max(0.0),
            Self::Cubic { a } if d <= 1.0 => ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0,
            Self::Cubic { a } if d < 2.0 => ((a * d - 5.0 * a) * d + 8.0 * a) * d - 4.0 * a,
            Self::Cubic { .. } => 0.0,
        }
    }
}

/// An axis that is resized.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Axis {
    pub(super) input: usize,
    pub(super) output: usize,
    scale: f64,
    coordinates: Coordinates,
}

impl Axis {
    /// An axis that stays as it is.
    pub(super) fn same(length: usize) -> Self {
        Self {
            input: length,
            output: length,
            scale: 1.0,
            coordinates: Coordinates::Asymmetric,
        }
    }

    /// By a scale.
    pub(super) fn scaled(
        node: &NodeProto,
        input: usize,
        scale: f64,
        coordinates: Coordinates,
    ) -> Result<Self> {
        let exact = input as f64 * scale;
        if coordinates == Coordinates::AlignCorners && exact != exact.floor() {
            return Err(refuse(
                node,
                format!(
                    "align_corners with a length of {input} times {scale}, which readers differ in; export the model with sizes"
                ),
            ));
        }
        let length = match coordinates {
            Coordinates::Crop { start, end } => exact * (end - start),
            _ => exact,
        };
        Self::sized(node, input, length.floor(), scale, coordinates)
    }

    /// To a length.
    pub(super) fn sized(
        node: &NodeProto,
        input: usize,
        output: f64,
        scale: f64,
        coordinates: Coordinates,
    ) -> Result<Self> {
        let fine = scale.is_finite() && scale > 0.0;
        if !fine || !(1.0..=f64::from(1 << 22)).contains(&output) {
            return Err(refuse(
                node,
                format!("a length of {output}, {input} times {scale}"),
            ));
        }
        Ok(Self {
            input,
            output: output as usize,
            scale,
            coordinates,
        })
    }

    /// Whether nothing changes.
    pub(super) fn is_same(&self) -> bool {
        let crops = matches!(self.coordinates, Coordinates::Crop { start, end } if start != 0.0 || end != 1.0);
        self.input == self.output && self.scale == 1.0 && !crops
    }

    /// Whether an axis keeps its length, though its scale is another one than 1.
    pub(super) fn moves(&self) -> bool {
        let crops = matches!(self.coordinates, Coordinates::Crop { .. });
        self.input == self.output && self.scale != 1.0 && !crops
    }

    /// The coordinate of the input that a place of the output follows from.
    fn coordinate(&self, place: usize) -> f64 {
        let x = place as f64;
        let (input, output) = (self.input as f64, self.output as f64);
        match self.coordinates {
            Coordinates::HalfPixel => (x + 0.5) / self.scale - 0.5,
            Coordinates::HalfPixelSymmetric => {
                let adjustment = output / (self.scale * input);
                let offset = input / 2.0 * (1.0 - adjustment);
                offset + (x + 0.5) / self.scale - 0.5
            }
            Coordinates::PytorchHalfPixel if self.output == 1 => 0.0,
            Coordinates::PytorchHalfPixel => (x + 0.5) / self.scale - 0.5,
            Coordinates::HalfPixelForNearest => (x + 0.5) / self.scale,
            Coordinates::AlignCorners if self.output == 1 => 0.0,
            Coordinates::AlignCorners => x * (input - 1.0) / (output - 1.0),
            Coordinates::Asymmetric => x / self.scale,
            Coordinates::Crop { start, end } if self.output > 1 => {
                start * (input - 1.0) + x * (end - start) * (input - 1.0) / (output - 1.0)
            }
            Coordinates::Crop { start, end } => 0.5 * (start + end) * (input - 1.0),
        }
    }

    /// Whether a coordinate lies outside of an input that is cropped.
    fn is_outside(&self, x: f64) -> bool {
        matches!(self.coordinates, Coordinates::Crop { .. })
            && !(0.0..=(self.input - 1) as f64).contains(&x)
    }

    pub(super) fn leaves_input(&self) -> bool {
        (0..self.output).any(|place| self.is_outside(self.coordinate(place)))
    }

    /// Whether a smaller output reads between elements.
    pub(super) fn reads_between(&self) -> bool {
        let between = |x: f64| x != x.floor();
        self.output < self.input && (0..self.output).any(|p| between(self.coordinate(p)))
    }

    /// The element that each place reads.
    pub(super) fn nearest(&self, nearest: fn(f64) -> f64) -> Vec<Option<usize>> {
        let last = (self.input - 1) as f64;
        let read = |place: usize| {
            let x = self.coordinate(place);
            (!self.is_outside(x)).then(|| nearest(x).clamp(0.0, last) as usize)
        };
        (0..self.output).map(read).collect()
    }

    /// The weights of all elements at each place. With antialias, a smaller output reads as much more of the input.
    pub(super) fn matrix(
        &self,
        node: &NodeProto,
        kernel: Kernel,
        exclude_outside: bool,
        antialias: bool,
    ) -> Result<Vec<f64>> {
        let shrink = if antialias { self.scale.min(1.0) } else { 1.0 };
        let reach = (kernel.radius() / shrink).min(f64::from(1 << 22));
        let last = self.input as i64 - 1;
        let mut weights = vec![0.0; self.output * self.input];
        for (place, row) in weights.chunks_exact_mut(self.input).enumerate() {
            let x = self.coordinate(place);
            if self.is_outside(x) {
                continue;
            }
            let from = (x - reach).floor() as i64;
            let to = (x + reach).ceil() as i64;
            for at in from..=to {
                if exclude_outside && !(0..=last).contains(&at) {
                    continue;
                }
                row[at.clamp(0, last) as usize] += kernel.at((at as f64 - x) * shrink);
            }
            let sum: f64 = row.iter().sum();
            if sum == 0.0 || !sum.is_finite() {
                return Err(refuse(node, "weights that sum to 0"));
            }
            row.iter_mut().for_each(|w| *w /= sum);
        }
        Ok(weights)
    }
}
