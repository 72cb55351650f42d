//! Trailing rows and columns that nobody reads (behind a floor) are not computed, nor are layers that nobody reads.

use super::graph::{FusedGraph, FusedLayer, FusedLinear, FusedMap, FusedTerm};
use crate::dims::Dims;
use crate::window::Window;

pub(super) fn trim(graph: &mut FusedGraph) {
    // Rows and columns read so far, for every tensor.
    let mut read: Vec<Option<[usize; 2]>> = vec![None; graph.tensors.len()];
    for t in graph.inputs.iter().chain(&graph.outputs) {
        let Dims { h, w, .. } = graph.tensors[*t].dims;
        read[*t] = Some([h, w]);
    }
    let mut layers = std::mem::take(&mut graph.layers);
    layers.reverse();
    layers.retain_mut(|layer| {
        let Some([h, w]) = read[layer.output()] else {
            return false;
        };
        let out = &mut graph.tensors[layer.output()].dims;
        let is_spatial = match layer {
            FusedLayer::Linear(l) => {
                let is_conv = |t: &FusedTerm| matches!(t.map, FusedMap::Conv { .. });
                !l.terms.is_empty() && l.terms.iter().all(is_conv)
            }
            FusedLayer::MaxPool(_) => true,
            _ => false,
        };
        if is_spatial {
            let from = *out;
            *out = Dims { h, w, ..*out };
            if let FusedLayer::Linear(linear) = layer {
                crop_bias(linear, from, *out);
            }
        }
        let out = *out;
        for (input, needed) in needs(graph, layer, out) {
            let slot = read[input].get_or_insert([1, 1]);
            *slot = [slot[0].max(needed[0]), slot[1].max(needed[1])];
        }
        true
    });
    layers.reverse();
    graph.layers = layers;
    drop_unread(graph, &read);
}

fn crop_bias(linear: &mut FusedLinear, from: Dims, to: Dims) {
    if from != to {
        linear.bias = (0..to.len())
            .map(|e| {
                let (c, y, x) = (e / to.plane(), e % to.plane() / to.w, e % to.w);
                linear.bias[(c * from.h + y) * from.w + x]
            })
            .collect();
    }
}

/// Rows and columns of each input that the layer reads.
fn needs(graph: &FusedGraph, layer: &FusedLayer, out: Dims) -> Vec<(usize, [usize; 2])> {
    let read = |window: &Window, src: Dims| {
        [
            window.rows.needed(out.h, src.h),
            window.columns.needed(out.w, src.w),
        ]
    };
    match layer {
        FusedLayer::MaxPool(p) => vec![(p.input, read(&p.window, graph.tensors[p.input].dims))],
        FusedLayer::Linear(linear) => linear
            .terms
            .iter()
            .map(|term| {
                let src = graph.tensors[term.input].dims;
                let needed = match &term.map {
                    FusedMap::Dense(_) => [src.h, src.w],
                    FusedMap::Conv { geometry, .. } => read(&geometry.window, src),
                };
                (term.input, needed)
            })
            .collect(),
        _ => {
            let whole = |t: usize| (t, [graph.tensors[t].dims.h, graph.tensors[t].dims.w]);
            layer.inputs().into_iter().map(whole).collect()
        }
    }
}

/// Renumbers tensors without those that nobody reads.
fn drop_unread(graph: &mut FusedGraph, read: &[Option<[usize; 2]>]) {
    let mut to = vec![0; read.len()];
    let mut next = 0;
    for (slot, read) in to.iter_mut().zip(read) {
        *slot = next;
        next += usize::from(read.is_some());
    }
    let mut index = 0;
    graph.tensors.retain(|_| {
        index += 1;
        read[index - 1].is_some()
    });
    for t in graph.inputs.iter_mut().chain(&mut graph.outputs) {
        *t = to[*t];
    }
    for layer in &mut graph.layers {
        for tensor in layer.tensors_mut() {
            *tensor = to[*tensor];
        }
    }
}
