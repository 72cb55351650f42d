//! Convolutions and poolings of `[batch, rows, columns, channels]`.
//!
//! The float graph's have batch 1 and channels first: images of a batch become groups of channels.

use super::{Compose, Operand, Sources, View};
use crate::error::Result;
use crate::float::{Constant, Conv, FloatOp, MAX_ELEMENTS, Padding, Pool};
use crate::window::Window;

/// How a window is placed at the edges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::frontend) enum Same {
    /// As many outputs as strides begin in the input.
    Same,
    /// The window stays inside.
    Valid,
}

/// A window that slides over rows and columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::frontend) struct Window2 {
    pub(in crate::frontend) kernel: [usize; 2],
    pub(in crate::frontend) stride: [usize; 2],
    pub(in crate::frontend) edges: Same,
}

/// A convolution of channels that stand last.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::frontend) struct Convolution {
    pub(in crate::frontend) window: Window2,
    /// Distance of the kernel's taps.
    pub(in crate::frontend) dilation: [usize; 2],
    pub(in crate::frontend) groups: usize,
    pub(in crate::frontend) channels: usize,
    /// `[out channel][in channel of the group][kernel row][kernel column]`.
    pub(in crate::frontend) weights: Vec<f64>,
    pub(in crate::frontend) bias: Option<Vec<f64>>,
}

/// No kernel or stride is larger.
const MAX_SIDE: usize = 1 << 16;

impl Compose<'_> {
    /// Batch, rows, columns and channels.
    pub(in crate::frontend) fn image(&self, x: &Operand) -> Result<[usize; 4]> {
        let shape = self.shape(x);
        <[usize; 4]>::try_from(shape).map_err(|shape| {
            self.refuse(format!(
                "input shape {shape:?}; supported: [batch, rows, columns, channels]"
            ))
        })
    }

    fn planes(&mut self, x: &Operand) -> Result<Operand> {
        let [n, h, w, c] = self.image(x)?;
        let planes = self.transpose(x, &[0, 3, 1, 2])?;
        self.reshape(&planes, &[1, n * c, h, w])
    }

    fn images(&mut self, x: &Operand, batch: usize) -> Result<Operand> {
        let [_, c, h, w] = self.image(x)?;
        let images = self.reshape(x, &[batch, c / batch, h, w])?;
        self.transpose(&images, &[0, 2, 3, 1])
    }

    fn padding(&self, window: &Window2, plane: [usize; 2]) -> Result<Padding> {
        let sides = [window.kernel, window.stride].concat();
        if !sides.iter().all(|n| (1..=MAX_SIDE).contains(n)) {
            return Err(self.refuse(format!(
                "kernel {:?}, stride {:?}",
                window.kernel, window.stride
            )));
        }
        Ok(match window.edges {
            Same::Valid => Padding::NONE,
            Same::Same => {
                Window::new(window.kernel, window.stride, [0, 0]).same_padding(plane, true)
            }
        })
    }

    /// A convolution with constant weights.
    pub(in crate::frontend) fn convolution(
        &mut self,
        x: &Operand,
        conv: Convolution,
    ) -> Result<Operand> {
        let [n, h, w, c] = self.image(x)?;
        let groups = conv.groups;
        if groups == 0 || !c.is_multiple_of(groups) || !conv.channels.is_multiple_of(groups) {
            return Err(self.refuse(format!(
                "{groups} groups of {c} input and {} output channels",
                conv.channels
            )));
        }
        let (kernel, weights) = self.dilated(&conv, c / groups)?;
        let window = Window2 {
            kernel,
            ..conv.window
        };
        let padding = self.padding(&window, [h, w])?;
        let total = weights.len().saturating_mul(n);
        if total > MAX_ELEMENTS {
            return Err(self.refuse(format!(
                "{total} weights, over a batch of {n}; supported: {MAX_ELEMENTS}"
            )));
        }
        let op = Conv {
            channels: n * conv.channels,
            kernel,
            stride: window.stride,
            padding,
            groups: n * groups,
            weights: weights.repeat(n),
            bias: conv.bias.map(|b| b.repeat(n)),
        };
        let planes = self.planes(x)?;
        let planes = self.apply(FloatOp::Conv(op), &[planes])?;
        self.images(&planes, n)
    }

    /// The kernel with zeros between its taps.
    fn dilated(&self, conv: &Convolution, inputs: usize) -> Result<([usize; 2], Vec<f64>)> {
        let ([kh, kw], [dh, dw]) = (conv.window.kernel, conv.dilation);
        let taps = kh.saturating_mul(kw);
        let expected = conv.channels.saturating_mul(inputs).saturating_mul(taps);
        if expected == 0 || expected != conv.weights.len() || dh == 0 || dw == 0 {
            return Err(self.refuse(format!(
                "{} weights for {inputs} input and {} output channels, kernel [{kh}, {kw}], dilation [{dh}, {dw}]",
                conv.weights.len(),
                conv.channels
            )));
        }
        if [dh, dw] == [1, 1] {
            return Ok(([kh, kw], conv.weights.clone()));
        }
        let side = |k: usize, d: usize| (k - 1).saturating_mul(d).saturating_add(1);
        let wide = [side(kh, dh), side(kw, dw)];
        let per = self.size(&wide)?;
        self.size(&[conv.channels, inputs, per])?;
        let mut weights = vec![0.0; conv.channels * inputs * per];
        for (n, w) in conv.weights.iter().enumerate() {
            let (kernel, tap) = (n / taps, n % taps);
            weights[kernel * per + tap / kw * dh * wide[1] + tap % kw * dw] = *w;
        }
        Ok((wide, weights))
    }

    fn pool(&mut self, x: &Operand, window: &Window2) -> Result<(Operand, Pool)> {
        let [_, h, w, _] = self.image(x)?;
        let pool = Pool {
            kernel: window.kernel,
            stride: window.stride,
            padding: self.padding(window, [h, w])?,
        };
        Ok((self.planes(x)?, pool))
    }

    /// Maxima of windows; padding is left out.
    pub(in crate::frontend) fn max_pool(
        &mut self,
        x: &Operand,
        window: &Window2,
    ) -> Result<Operand> {
        let [n, ..] = self.image(x)?;
        let (planes, pool) = self.pool(x, window)?;
        let planes = self.apply(FloatOp::MaxPool(pool), &[planes])?;
        self.images(&planes, n)
    }

    /// Averages of windows; padding is left out.
    pub(in crate::frontend) fn average_pool(
        &mut self,
        x: &Operand,
        window: &Window2,
    ) -> Result<Operand> {
        let [n, h, w, _] = self.image(x)?;
        let (planes, pool) = self.pool(x, window)?;
        let mut planes = self.apply(FloatOp::AveragePool(pool), &[planes])?;
        if pool.padding != Padding::NONE {
            // The sums count zeros around the input, where there are less elements.
            let [_, _, rows, columns] = self.image(&planes)?;
            let counts = |outputs: usize, len: usize, side: usize| -> Vec<usize> {
                let (kernel, stride) = (pool.kernel[side], pool.stride[side]);
                let before = pool.padding.before()[side];
                let count = |o: usize| {
                    let start = o * stride;
                    (start + kernel).min(len + before) - start.max(before)
                };
                (0..outputs).map(count).collect()
            };
            let (down, across) = (counts(rows, h, 0), counts(columns, w, 1));
            let area = (pool.kernel[0] * pool.kernel[1]) as f64;
            let factor = |d: &usize| {
                let across = across.iter();
                across.map(|a| area / (d * a) as f64).collect::<Vec<f64>>()
            };
            let factors = Constant {
                shape: vec![1, 1, rows, columns],
                data: down.iter().flat_map(factor).collect(),
            };
            planes = self.apply(FloatOp::MulConstant(factors), &[planes])?;
        }
        self.images(&planes, n)
    }

    /// A transposed convolution to `[rows, columns]`. Outputs that are a stride apart have the same taps: the outputs of one stride become
    /// channels of an ordinary convolution, and are put in their places.
    pub(in crate::frontend) fn transposed_convolution(
        &mut self,
        x: &Operand,
        conv: &Convolution,
        to: [usize; 2],
    ) -> Result<Operand> {
        let [n, h, w, c] = self.image(x)?;
        let Window2 { kernel, stride, .. } = conv.window;
        // The forward convolution, whose padding it undoes.
        let padding = self.padding(&conv.window, to)?.before();
        let (kernel, stride, channels) = (kernel, stride, conv.channels);
        let expected = channels * c * kernel[0] * kernel[1];
        if conv.weights.len() != expected || conv.groups != 1 || conv.dilation != [1, 1] {
            return Err(self.refuse("weights that do not fit its input"));
        }
        self.size(&[n, to[0], to[1], channels])?;
        let taps = [kernel[0].div_ceil(stride[0]), kernel[1].div_ceil(stride[1])];
        let phases = stride[0] * stride[1];
        let count = self.size(&[phases, channels, c, taps[0], taps[1]])?;
        let last = |side: usize| (to[side] - 1 + padding[side]) / stride[side];
        let shape = [phases, channels, c, taps[0], taps[1]];
        let weight = |flat: usize| {
            let at = super::unravel(flat, &shape);
            let tap = |side: usize, phase: usize| {
                let tap = phase + stride[side] * (taps[side] - 1 - at[3 + side]);
                (tap < kernel[side]).then_some(tap)
            };
            match (tap(0, at[0] / stride[1]), tap(1, at[0] % stride[1])) {
                (Some(ky), Some(kx)) => {
                    conv.weights[((at[1] * c + at[2]) * kernel[0] + ky) * kernel[1] + kx]
                }
                _ => 0.0,
            }
        };
        if count.saturating_mul(n) > MAX_ELEMENTS {
            return Err(self.refuse(format!("{count} weights, over a batch of {n}")));
        }
        let weights: Vec<f64> = (0..count).map(weight).collect();
        let op = Conv {
            channels: n * phases * channels,
            kernel: taps,
            stride: [1, 1],
            padding: Padding {
                top: taps[0] - 1,
                left: taps[1] - 1,
                bottom: (last(0) + 1).saturating_sub(h),
                right: (last(1) + 1).saturating_sub(w),
            },
            groups: n,
            weights: weights.repeat(n),
            bias: conv.bias.as_ref().map(|b| b.repeat(n * phases)),
        };
        let planes = self.planes(x)?;
        let planes = self.apply(FloatOp::Conv(op), &[planes])?;
        let [_, _, rows, columns] = self.image(&planes)?;
        let mut sources = Sources::default();
        let from = sources.view(self.builder, &planes);
        let shape = vec![n, to[0], to[1], channels];
        let element = |flat: usize| {
            let at = super::unravel(flat, &shape);
            let (y, x) = (at[1] + padding[0], at[2] + padding[1]);
            let phase = y % stride[0] * stride[1] + x % stride[1];
            let channel = (at[0] * phases + phase) * channels + at[3];
            from.elements[(channel * rows + y / stride[0]) * columns + x / stride[1]]
        };
        let elements = (0..shape.iter().product()).map(element).collect();
        self.place(&sources, View { shape, elements })
    }
}
