//! Elements that stand in several parts.

use super::Splitter;
use crate::executor::FloatClamp;
use crate::quantized::{Operand, QGather, QLayer, TensorId};
use std::collections::BTreeMap;
use std::ops::Range;

impl Splitter<'_> {
    /// Where an element of the graph's tensor stands: tensor, and element of it.
    pub(super) fn element(&self, id: TensorId, element: usize) -> (TensorId, usize) {
        let plane = self.graph.tensor(id).dims.plane();
        let part = self.parts[id.0].with(element / plane);
        (part.tensor, element - part.channels.start * plane)
    }

    /// The layer that copies these elements.
    pub(super) fn gather_of(
        &self,
        elements: &[(TensorId, usize)],
        output: TensorId,
        name: String,
    ) -> QLayer {
        let mut sources: Vec<TensorId> = Vec::new();
        let mut starts = BTreeMap::new();
        let mut total = 0;
        for (tensor, _) in elements {
            starts.entry(*tensor).or_insert_with(|| {
                sources.push(*tensor);
                let start = total;
                total += self.tensors[tensor.0].dims.len();
                start
            });
        }
        QLayer::Gather(QGather {
            name,
            sources,
            output,
            elements: elements.iter().map(|(t, e)| starts[t] + e).collect(),
        })
    }

    /// These elements as an operand: of the tensor that has all of them, or of a copy.
    pub(super) fn operand(&mut self, elements: &[(TensorId, usize)], layer: &str) -> Operand {
        let first = elements[0].0;
        if elements.iter().all(|(tensor, _)| *tensor == first) {
            let places: Vec<usize> = elements.iter().map(|(_, e)| *e).collect();
            let whole = self.tensors[first.0].dims.len() == places.len();
            let in_order = places.iter().enumerate().all(|(n, e)| n == *e);
            return Operand {
                tensor: first,
                elements: (!(whole && in_order)).then_some(places),
            };
        }
        let mut tensor = self.tensors[first.0].clone();
        tensor.dims.c = elements.len();
        (tensor.dims.h, tensor.dims.w) = (1, 1);
        let factor = |(of, element): &(TensorId, usize)| self.tensors[of.0].factor(*element);
        tensor.factors = tensor
            .factors
            .is_some()
            .then(|| elements.iter().map(factor).collect());
        Operand {
            tensor: self.copy(elements, tensor, layer),
            elements: None,
        }
    }

    /// The tensor with these channels: a part, or a copy of parts.
    pub(super) fn channels(
        &mut self,
        id: TensorId,
        channels: &Range<usize>,
        layer: &str,
    ) -> TensorId {
        if let Some(tensor) = self.parts[id.0].exactly(channels) {
            return tensor;
        }
        let mut tensor = self.graph.tensor(id).clone();
        let plane = tensor.dims.plane();
        tensor.dims.c = channels.len();
        tensor.factors = tensor.factors.map(|f| f[channels.clone()].to_vec());
        let elements: Vec<_> = (channels.start * plane..channels.end * plane)
            .map(|e| self.element(id, e))
            .collect();
        self.copy(&elements, tensor, layer)
    }

    /// A model output, whole and as the graph has it.
    pub(super) fn output(&mut self, id: TensorId) -> TensorId {
        let parts = &self.parts[id.0];
        if parts.len() == 1 {
            return parts.tensors()[0];
        }
        let tensor = self.graph.tensor(id).clone();
        let elements: Vec<_> = (0..tensor.dims.len())
            .map(|e| self.element(id, e))
            .collect();
        let name = tensor.name.clone();
        let output = self.add(tensor);
        let gather = self.gather_of(&elements, output, name);
        self.layers.push((gather, FloatClamp::default()));
        output
    }

    fn copy(
        &mut self,
        elements: &[(TensorId, usize)],
        mut tensor: crate::quantized::QTensor,
        layer: &str,
    ) -> TensorId {
        let name = format!("{layer}.operand{}", self.tensors.len());
        tensor.name.clone_from(&name);
        tensor.external_shape = vec![1, tensor.dims.c, tensor.dims.h, tensor.dims.w];
        tensor.element_order = None;
        let output = self.add(tensor);
        let gather = self.gather_of(elements, output, name);
        self.layers.push((gather, FloatClamp::default()));
        output
    }
}
