//! Exact index maps from an input tensor to the output of a window layer (convolution or max pooling).
//!
//! For a kernel column `kx` the input columns that are read stand for output columns; a [`ColumnMap`] turns that
//! into the steps and masks of a Horner accumulator. For a kernel row `ky`, [`segments`] cuts the input rows into
//! runs that are contiguous in both layouts: the sum over a run is a difference of two accumulator values.

use super::tensor::TensorLayout;
use chainfer_model::window::Window;

/// Which output row each input row stands for, under one kernel row.
#[derive(Debug)]
pub(crate) struct RowMap {
    target: Vec<Option<usize>>,
}

impl RowMap {
    pub(crate) fn new(window: &Window, height: usize, ky: usize) -> Self {
        RowMap {
            target: (0..height)
                .map(|row| window.rows.output_of(row, ky, height))
                .collect(),
        }
    }
}

/// A run of input positions `first..=last` that stands for output positions ending at `out_last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) first: usize,
    pub(crate) last: usize,
    pub(crate) out_last: usize,
    /// The accumulator restarts at `first`: nothing is to be subtracted.
    pub(crate) restarts: bool,
}

/// Runs that are contiguous in both layouts and do not cross a restart of the accumulators.
pub(crate) fn segments(input: &TensorLayout, output: &TensorLayout, map: &RowMap) -> Vec<Segment> {
    let mut runs: Vec<Segment> = Vec::new();
    for at in 0..input.dims.h {
        let Some(row) = map.target[input.order[at]].filter(|row| *row < output.dims.h) else {
            continue;
        };
        let out = output.position[row];
        match runs.last_mut() {
            Some(run) if run.last + 1 == at && run.out_last + 1 == out && !input.restarts(at) => {
                (run.last, run.out_last) = (at, out);
            }
            _ => runs.push(Segment {
                first: at,
                last: at,
                out_last: out,
                restarts: input.restarts(at),
            }),
        }
    }
    runs
}

/// Steps and masks of one accumulator over an image row, the same for every row of the tensor.
#[derive(Clone, Debug)]
pub(crate) struct ColumnMap {
    /// The accumulator is multiplied by z before this slot is taken in.
    pub(crate) step: Vec<bool>,
    /// The slot's value is taken in.
    pub(crate) mask: Vec<bool>,
    /// Steps taken at the slot of output column 0, counted from the start of the row.
    pub(crate) offset: i64,
}

/// The columns read under one kernel column.
struct Used {
    /// (input column, output column), ascending.
    pairs: Vec<(usize, usize)>,
    /// Steps besides those of the columns themselves until the next row's first column.
    extra: usize,
    /// Of these, how many are taken before the first column.
    lead: usize,
}

impl Used {
    fn new(
        window: &Window,
        width: usize,
        stride: usize,
        output: &TensorLayout,
        kx: usize,
    ) -> Option<Self> {
        let pairs: Vec<(usize, usize)> = (0..width)
            .filter_map(|col| Some((col, window.columns.output_of(col, kx, width)?)))
            .filter(|(_, out)| *out < output.dims.w)
            .collect();
        let (first, last) = (*pairs.first()?, *pairs.last()?);
        let extra = output.pitch_units() + first.1 - last.1 - 1;
        Some(Used {
            pairs,
            extra,
            lead: extra.min(first.0 * stride),
        })
    }
}

impl ColumnMap {
    /// The least pitch of the input that has room for the extra steps.
    pub(crate) fn pitch_needed(
        window: &Window,
        input: &TensorLayout,
        output: &TensorLayout,
        kx: usize,
    ) -> usize {
        Used::new(window, input.dims.w, input.stride, output, kx).map_or(0, |used| {
            let last = used.pairs.last().map_or(0, |p| p.0);
            last * input.stride + 1 + used.extra - used.lead
        })
    }

    /// Units that a channel of the output needs past its rows.
    pub(crate) fn tail_needed(
        window: &Window,
        input_width: usize,
        input_stride: usize,
        output: &TensorLayout,
        kx: usize,
    ) -> usize {
        Used::new(window, input_width, input_stride, output, kx).map_or(0, |used| {
            let first = used.pairs.first().map_or(0, |p| p.1);
            first.saturating_sub(used.lead)
        })
    }

    pub(crate) fn new(
        window: &Window,
        input: &TensorLayout,
        output: &TensorLayout,
        kx: usize,
    ) -> Option<Self> {
        let used = Used::new(window, input.dims.w, input.stride, output, kx)?;
        let (first, last) = (*used.pairs.first()?, *used.pairs.last()?);
        let mut step = vec![false; input.pitch];
        let mut mask = vec![false; input.pitch];
        let start = first.0 * input.stride;
        step[start - used.lead..start].fill(true);
        let mut previous = None;
        for (col, out) in &used.pairs {
            let slot = col * input.stride;
            mask[slot] = true;
            step[slot] = previous != Some(*out);
            previous = Some(*out);
        }
        let after = last.0 * input.stride + 1;
        step[after..after + used.extra - used.lead].fill(true);
        Some(ColumnMap {
            step,
            mask,
            offset: used.lead as i64 + 1 - first.1 as i64,
        })
    }

    /// Whether two maps can share an accumulator.
    pub(crate) fn same_flags(&self, other: &ColumnMap) -> bool {
        self.step == other.step && self.mask == other.mask
    }
}
