//! Bias correction: rounding errors of weights have a mean over real inputs, which the bias can take back.
//!
//! Layers are corrected in order, on the integer values that the layers before them really produce (Nagel et al. 2019,
//! "Data-free quantization through weight equalization and bias correction", section 4.2, with samples).

use crate::error::Result;
use crate::executor::{layer_values, linear_accumulators, quantise_clamped, requantise};
use crate::fuse::{FusedGraph, FusedLinear};
use crate::quantized::{QLayer, QLinear, QuantizedGraph};
use crate::signature::Sample;

/// Observations that a mean of zero is worth: few observations correct little.
const PRIOR: f64 = 4.0;

/// The integer values of all samples, as far as layers are quantised.
pub(super) struct Corrector<'a> {
    fused: &'a FusedGraph,
    float: &'a [Vec<Vec<f64>>],
    integer: Vec<Vec<Vec<u32>>>,
}

impl<'a> Corrector<'a> {
    pub(super) fn new(
        fused: &'a FusedGraph,
        graph: &QuantizedGraph,
        samples: &[Sample],
        float: &'a [Vec<Vec<f64>>],
    ) -> Self {
        let start = |sample: &Sample| {
            let mut tensors = vec![Vec::new(); graph.tensors.len()];
            for (id, values) in graph.inputs.iter().zip(quantise_clamped(graph, &sample.0)) {
                tensors[id.0] = values;
            }
            tensors
        };
        Self {
            fused,
            float,
            integer: samples.iter().map(start).collect(),
        }
    }

    /// The integer values of every sample so far, by tensor.
    pub(super) fn samples(&self) -> &[Vec<Vec<u32>>] {
        &self.integer
    }

    /// Corrects a layer's bias, by one number per output channel, and runs the layer.
    pub(super) fn linear(
        &mut self,
        graph: &QuantizedGraph,
        source: &FusedLinear,
        layer: &mut QLinear,
    ) {
        let out = graph.tensor(layer.output);
        let range = f64::from(graph.range);
        let bounds = self.fused.tensors[source.output].bounds;
        // What an accumulator is for real 0: the rounding half and the zero point.
        let zero = (f64::from(out.quant.zero_point) + 0.5) * range;
        let mut excess = vec![0.0; out.dims.c];
        let mut count = vec![0.0; out.dims.c];
        let mut accumulators = Vec::with_capacity(self.integer.len());
        for (float, integer) in self.float.iter().zip(&self.integer) {
            let wanted = self.fused.accumulators(source, float);
            let acc = linear_accumulators(graph, layer, integer);
            for (e, (a, w)) in acc.iter().zip(&wanted).enumerate() {
                // Where the float network clamps, errors are not seen.
                if bounds.clamp(*w) == *w {
                    let channel = e / out.dims.plane();
                    excess[channel] += *a as f64 - zero - w / out.quant.scale * range;
                    count[channel] += 1.0;
                }
            }
            accumulators.push(acc);
        }
        let shift: Vec<i64> = excess
            .iter()
            .zip(&count)
            .map(|(sum, n)| -libm::round(sum / (n + PRIOR)) as i64)
            .collect();
        let channel = |e: usize| shift[e / out.dims.plane()];
        for (e, b) in layer.element_bias.iter_mut().enumerate() {
            *b += channel(e);
        }
        for (acc, tensors) in accumulators.into_iter().zip(&mut self.integer) {
            let values = acc.into_iter().enumerate();
            tensors[layer.output.0] = values
                .map(|(e, a)| requantise(a + channel(e), graph.range))
                .collect();
        }
    }

    /// Runs a layer that is not corrected.
    pub(super) fn run(&mut self, graph: &QuantizedGraph, layer: &QLayer) -> Result<()> {
        for tensors in &mut self.integer {
            tensors[layer.output().0] = layer_values(graph, layer, tensors, |_| Ok(()))?;
        }
        Ok(())
    }
}
