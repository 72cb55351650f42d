//! Symbolic values: what is known of a float tensor before it is stored.

use super::elements::Element;
use super::graph::{FusedMap, FusedTerm};
use crate::dims::Dims;

/// A linear map of stored tensors that has not been stored.
#[derive(Clone, Debug)]
pub(super) enum Body {
    /// `scale[e] * (sum of the pool window of the stored tensor at e) + shift[e]`.
    Affine {
        tensor: usize,
        pool: [usize; 2],
        scale: Vec<f64>,
        shift: Vec<f64>,
    },
    /// Elements of stored tensors and constants, in the value's internal order.
    Elements(Vec<Element>),
    /// A linear layer that waits for its activation. Its float tensor has one reader.
    Linear {
        nodes: Vec<String>,
        terms: Vec<FusedTerm>,
        bias: Vec<f64>,
    },
}

/// The value of one float tensor, seen through its reshapes and transposes.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) body: Body,
    /// Internal layout of the body's elements.
    pub(super) dims: Dims,
    /// Internal index of every element of the float tensor; `None` is the identity.
    pub(super) at: Option<Vec<usize>>,
    /// Whether no other value refers to the stored tensor of an affine body.
    pub(super) sole: bool,
}

impl Value {
    /// The stored tensor itself.
    pub(super) fn stored(tensor: usize, dims: Dims, at: Option<Vec<usize>>) -> Self {
        Self {
            body: Body::Affine {
                tensor,
                pool: [1, 1],
                scale: vec![1.0; dims.len()],
                shift: vec![0.0; dims.len()],
            },
            dims,
            at,
            sole: true,
        }
    }

    /// The tensor, if the value is a stored tensor and nothing more.
    pub(super) fn plain(&self) -> Option<usize> {
        match &self.body {
            Body::Affine {
                tensor,
                pool: [1, 1],
                scale,
                shift,
            } if scale.iter().all(|v| *v == 1.0) && shift.iter().all(|v| *v == 0.0) => {
                Some(*tensor)
            }
            _ => None,
        }
    }

    /// Internal index of external element `j`.
    pub(super) fn index(&self, j: usize) -> usize {
        self.at.as_ref().map_or(j, |at| at[j])
    }

    /// Values given in external order, put in internal order.
    pub(super) fn internal(&self, external: Vec<f64>) -> Vec<f64> {
        let Some(at) = &self.at else { return external };
        let mut internal = vec![0.0; external.len()];
        for (value, i) in external.into_iter().zip(at) {
            internal[*i] = value;
        }
        internal
    }

    /// Whether the elements stand as channels, rows and columns of `shape`.
    pub(super) fn is_planes(&self, shape: &[usize]) -> bool {
        let Dims { c, h, w } = self.dims;
        self.at.is_none() && shape == [1, c, h, w]
    }
}

/// Channels, rows and columns of a `[1, C, H, W]` shape.
pub(super) fn dims_of_planes(shape: &[usize]) -> Dims {
    Dims {
        c: shape[1],
        h: shape[2],
        w: shape[3],
    }
}

/// The factor of each channel, if all elements of a channel share it.
pub(super) fn per_channel(scale: &[f64], dims: Dims) -> Option<Vec<f64>> {
    scale
        .chunks_exact(dims.plane())
        .map(|plane| plane.iter().all(|v| *v == plane[0]).then_some(plane[0]))
        .collect()
}

/// Multiplies every output element of the terms by its factor; `None` if a convolution's channel has several.
pub(super) fn scale_rows(terms: &mut [FusedTerm], factors: &[f64], out: Dims) -> Option<()> {
    let channels = per_channel(factors, out);
    if channels.is_none() && terms.iter().any(|t| matches!(t.map, FusedMap::Conv { .. })) {
        return None;
    }
    for term in terms {
        let (weights, factors) = match &mut term.map {
            FusedMap::Conv { weights, .. } => (weights, channels.as_deref().unwrap_or_default()),
            FusedMap::Dense(weights) => (weights, factors),
        };
        let row = weights.len() / factors.len().max(1);
        for (row, factor) in weights.chunks_exact_mut(row).zip(factors) {
            row.iter_mut().for_each(|w| *w *= factor);
        }
    }
    Some(())
}

/// The permutation, or `None` if it is the identity.
pub(super) fn normal(at: Vec<usize>) -> Option<Vec<usize>> {
    let identity = at.iter().enumerate().all(|(i, v)| i == *v);
    (!identity).then_some(at)
}

/// The inverse permutation.
pub(super) fn invert(at: &[usize]) -> Vec<usize> {
    let mut inverse = vec![0; at.len()];
    for (i, v) in at.iter().enumerate() {
        inverse[*v] = i;
    }
    inverse
}

/// Internal index of element `(row, channel)`, row-major, where channels are outermost.
pub(super) fn rows_layout(rows: usize, channels: usize) -> Vec<usize> {
    (0..rows * channels)
        .map(|j| j % channels * rows + j / channels)
        .collect()
}
