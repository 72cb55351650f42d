//! Data sets: the integer program, and the float network beside it, sample by sample.

use super::levels::is_level;
use super::report::Tally;
use crate::error::{ModelError, Result};
use crate::executor::{ClampTable, Saturation, SaturationPolicy, execute_counting};
use crate::float::FloatGraph;
use crate::fuse::{FusedGraph, fuse};
use crate::quantized::QuantizedGraph;
use crate::split::is_part;
use std::collections::BTreeMap;

/// A program, and the float network that it was made from if that is at hand. It can be shared between threads.
#[derive(Debug)]
pub struct Evaluator<'a> {
    graph: &'a QuantizedGraph,
    clamps: &'a ClampTable,
    reference: Option<FusedGraph>,
    /// The float network's tensor that each of the program's is; parts of tensors are none.
    places: Vec<Option<usize>>,
}

/// What became of one sample.
#[derive(Clone, Debug)]
pub struct Evaluated {
    /// The program's outputs as integers, in external order.
    pub raw: Vec<Vec<u32>>,
    /// The float network's outputs, in external order.
    pub float: Option<Vec<Vec<f64>>>,
    /// Errors by tensor id; empty without a float network.
    pub tallies: Vec<Tally>,
    /// Inputs and tensors with values that saturated.
    pub saturation: Vec<Saturation>,
}

impl<'a> Evaluator<'a> {
    /// Prepares `graph`, and compares it with `float` if that is given.
    ///
    /// # Errors
    /// The float network cannot be fused, or is not the one that the program was made from.
    pub fn new(
        graph: &'a QuantizedGraph,
        clamps: &'a ClampTable,
        float: Option<&FloatGraph>,
    ) -> Result<Self> {
        let reference = float.map(fuse).transpose()?;
        let mut places = Vec::new();
        if let Some(fused) = &reference {
            let known: BTreeMap<_, _> = (fused.tensors.iter().enumerate())
                .map(|(n, t)| (t.name.as_str(), (n, t.dims)))
                .collect();
            for tensor in &graph.tensors {
                let found = known.get(tensor.name.as_str());
                let found = found.filter(|(_, dims)| *dims == tensor.dims);
                if found.is_none() && !is_part(&tensor.name) && !is_level(&tensor.name) {
                    return Err(ModelError::InvalidGraph(format!(
                        "the float network is not the one that the program was made from: it has no tensor {}",
                        tensor.name
                    )));
                }
                places.push(found.map(|(n, _)| *n));
            }
        }
        Ok(Self {
            graph,
            clamps,
            reference,
            places,
        })
    }

    /// Runs one sample, one flat list per input.
    ///
    /// # Errors
    /// Wrong number or length of lists, or a value that is not finite.
    pub fn run(&self, sample: &[Vec<f64>]) -> Result<Evaluated> {
        let graph = self.graph;
        let inputs = graph.quantise_inputs(sample, SaturationPolicy::Saturate)?;
        let mut saturation = graph.saturated_inputs(sample);
        let (trace, layers) = execute_counting(graph, self.clamps, &inputs)?;
        saturation.extend(layers);
        let mut evaluated = Evaluated {
            raw: graph.raw_outputs(&trace),
            float: None,
            tallies: Vec::new(),
            saturation,
        };
        if let Some(fused) = &self.reference {
            let expected = fused.run(sample);
            let tensors = graph.tensors.iter().zip(&trace.tensors).zip(&self.places);
            evaluated.tallies = tensors
                .map(|((tensor, values), place)| {
                    let mut tally = Tally::default();
                    let expected = place.map_or(&[][..], |n| &expected[n]);
                    for (e, (u, expected)) in values.iter().zip(expected).enumerate() {
                        tally.add(tensor.real(e, *u), *expected);
                    }
                    tally
                })
                .collect();
            evaluated.float = Some(fused.outputs_of(&expected));
        }
        Ok(evaluated)
    }
}
