//! Convolutions that see their whole input at one position are matrix products.

use super::graph::{FusedGraph, FusedLayer, FusedMap, FusedTensor, FusedTerm};
use super::sum::matrix;
use crate::dims::Dims;

/// A grouped convolution becomes a (mostly zero) matrix only up to this many weights.
const MAX_SPARSE: usize = 4096;

pub(super) fn to_dense(graph: &mut FusedGraph) {
    for layer in &mut graph.layers {
        let FusedLayer::Linear(linear) = layer else {
            continue;
        };
        let out = graph.tensors[linear.output].dims;
        let converted: Option<Vec<FusedTerm>> = linear
            .terms
            .iter()
            .map(|term| as_dense(term, &graph.tensors, out))
            .collect();
        if let Some(terms) = converted {
            linear.terms = terms;
        }
    }
}

fn as_dense(term: &FusedTerm, tensors: &[FusedTensor], out: Dims) -> Option<FusedTerm> {
    let FusedMap::Conv { geometry, weights } = &term.map else {
        return Some(term.clone());
    };
    let src = tensors[term.input].dims;
    let window = &geometry.window;
    let whole = window.pre_pool() == [1, 1]
        && out.plane() == 1
        && window.rows.covers(src.h)
        && window.columns.covers(src.w);
    let small = geometry.groups == 1 || src.len().saturating_mul(out.len()) <= MAX_SPARSE;
    if !(whole && small) {
        return None;
    }
    Some(FusedTerm {
        input: term.input,
        map: FusedMap::Dense(matrix(geometry, weights, src, out)?),
    })
}
