//! Constants: the bytes of buffers as real numbers, dense or sparse, quantised or not.

use super::flat::{Table, Vector};
use super::malformed;
use super::schema::{MAX_RANK, Model, Quantisation, Tensor, Type};
use crate::error::Result;
use crate::float::{Constant, MAX_ELEMENTS};

/// All constants that are read have at most so many elements.
const MAX_TOTAL: usize = 1 << 27;
/// Steps through the levels of a sparse constant.
const MAX_STEPS: usize = 1 << 25;

/// What reading constants has taken so far.
#[derive(Debug, Default)]
pub(super) struct Read {
    elements: usize,
}

impl Read {
    /// The value of a tensor; `None` if the file has none.
    pub(super) fn constant(
        &mut self,
        model: &Model<'_>,
        tensor: &Tensor<'_>,
    ) -> Result<Option<Constant>> {
        let bytes = match model.buffers.get(tensor.buffer) {
            Some(bytes) => *bytes,
            None => {
                return Err(malformed(format!(
                    "tensor {}: there is no buffer {}",
                    tensor.name, tensor.buffer
                )));
            }
        };
        let shape = tensor.shape.clone();
        let count = shape.iter().try_fold(1usize, |n, d| n.checked_mul(*d));
        if bytes.is_empty() && count != Some(0) {
            return Ok(None);
        }
        let bad = |reason: String| malformed(format!("constant {}: {reason}", tensor.name));
        let count = count.filter(|n| *n <= MAX_ELEMENTS).ok_or_else(|| {
            bad(format!(
                "shape {shape:?}; supported: {MAX_ELEMENTS} elements"
            ))
        })?;
        self.elements += count;
        if self.elements > MAX_TOTAL {
            return Err(bad(format!("more than {MAX_TOTAL} elements in all")));
        }
        let width = tensor.kind.width().ok_or_else(|| {
            bad(format!(
                "element type {}; supported: float16, float32, float64, int8, int16, int32, int64, uint8, bool",
                tensor.kind.name()
            ))
        })?;
        let data = match &tensor.sparsity {
            None if bytes.len() == count * width => numbers(tensor.kind, bytes, width),
            None => {
                return Err(bad(format!(
                    "shape {shape:?} of {} is {} bytes, got {}",
                    tensor.kind.name(),
                    count * width,
                    bytes.len()
                )));
            }
            Some(sparsity) => dense(sparsity, &shape, &numbers(tensor.kind, bytes, width))?,
        };
        let mut constant = Constant { shape, data };
        if !tensor.kind.is_real() {
            dequantise(&mut constant, &tensor.quantisation).map_err(bad)?;
        }
        Ok(Some(constant))
    }
}

/// Elements as the file has them.
fn numbers(kind: Type, bytes: &[u8], width: usize) -> Vec<f64> {
    let value = |b: &[u8]| {
        let bits = b
            .iter()
            .rev()
            .fold(0u64, |v, byte| v << 8 | u64::from(*byte));
        match kind {
            Type::Float32 => f64::from(f32::from_bits(bits as u32)),
            Type::Float16 => half(bits as u16),
            Type::Float64 => f64::from_bits(bits),
            Type::Int8 => f64::from(bits as u8 as i8),
            Type::Int16 => f64::from(bits as u16 as i16),
            Type::Int32 => f64::from(bits as u32 as i32),
            Type::Int64 => bits as i64 as f64,
            Type::Bool => f64::from(bits != 0),
            Type::Uint8 | Type::Resource | Type::Other(_) => bits as f64,
        }
    };
    bytes.chunks_exact(width).map(value).collect()
}

/// A number of 16 bits (IEEE 754 binary16).
fn half(bits: u16) -> f64 {
    let sign = if bits >> 15 == 0 { 1.0 } else { -1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
    sign * match exponent {
        0 => libm::ldexp(fraction, -24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => libm::ldexp(1024.0 + fraction, exponent - 25),
    }
}

/// `scale * (number - zero point)`, for the whole tensor or for each place along an axis.
fn dequantise(constant: &mut Constant, quantisation: &Quantisation) -> Result<(), String> {
    let scales = &quantisation.scales;
    if scales.iter().any(|s| !s.is_finite()) {
        return Err("a scale that is not a finite number".to_owned());
    }
    if let [scale] = scales.as_slice() {
        let zero = quantisation.zero_point(0);
        constant
            .data
            .iter_mut()
            .for_each(|v| *v = scale * (*v - zero));
        return Ok(());
    }
    if scales.is_empty() {
        return Ok(());
    }
    let axis = usize::try_from(quantisation.axis).unwrap_or(usize::MAX);
    if constant.shape.get(axis) != Some(&scales.len()) {
        return Err(format!(
            "{} scales for axis {} of {:?}",
            scales.len(),
            quantisation.axis,
            constant.shape
        ));
    }
    let inner: usize = constant.shape[axis + 1..].iter().product();
    for (n, v) in constant.data.iter_mut().enumerate() {
        let place = n / inner.max(1) % scales.len();
        *v = scales[place] * (*v - quantisation.zero_point(place));
    }
    Ok(())
}

/// One level of a sparse constant.
enum Level<'f> {
    Dense(usize),
    Sparse {
        segments: (Vector<'f>, usize),
        indices: (Vector<'f>, usize),
    },
}

/// The walk through the levels.
struct Levels<'f> {
    levels: Vec<Level<'f>>,
    /// The dimension of each level: those of the tensor, then the blocks.
    order: Vec<usize>,
    /// Dimension and length of each block.
    blocks: Vec<(usize, usize)>,
    shape: Vec<usize>,
    steps: usize,
}

/// A sparse constant with its zeros.
fn dense(table: &Table<'_>, shape: &[usize], values: &[f64]) -> Result<Vec<f64>> {
    let places = |index: usize, what: &'static str| -> Result<Vec<usize>> {
        let list = table.ints(index, 2 * MAX_RANK, what)?;
        let list = list.iter().map(|n| usize::try_from(*n).ok());
        list.collect::<Option<Vec<_>>>()
            .ok_or_else(|| malformed(format!("{what}: a negative number")))
    };
    let order = places(0, "traversal order")?;
    let map = places(1, "block map")?;
    let mut levels = Vec::new();
    for level in table.tables(2, 2 * MAX_RANK, "dimensions of a sparse constant")? {
        levels.push(match level.u8(0, 0)? {
            0 => Level::Dense(usize::try_from(level.i32(1, 0)?).unwrap_or(0)),
            _ => Level::Sparse {
                segments: indices(&level, 2)?,
                indices: indices(&level, 4)?,
            },
        });
    }
    let bad = || malformed("a sparse constant whose dimensions do not fit its shape");
    let mut sorted = order.clone();
    sorted.sort_unstable();
    let rank = shape.len() + map.len();
    if levels.len() != rank
        || sorted.iter().copied().ne(0..rank)
        || map.iter().any(|d| *d >= shape.len())
    {
        return Err(bad());
    }
    let length = |block: usize| {
        let level = order.iter().position(|d| *d == shape.len() + block)?;
        match levels[level] {
            Level::Dense(length) => Some(length),
            Level::Sparse { .. } => None,
        }
    };
    let blocks = map.iter().enumerate().map(|(n, d)| Some((*d, length(n)?)));
    let blocks = blocks.collect::<Option<Vec<_>>>().ok_or_else(bad)?;
    let mut walk = Levels {
        levels,
        order,
        blocks,
        shape: shape.to_vec(),
        steps: MAX_STEPS,
    };
    let mut out = vec![0.0; shape.iter().product()];
    let mut at = vec![0; rank];
    walk.visit(0, 0, &mut at, values, &mut out)?;
    Ok(out)
}

/// Segments or indices, and the bytes of each.
fn indices<'f>(level: &Table<'f>, index: usize) -> Result<(Vector<'f>, usize)> {
    let width = match level.u8(index, 0)? {
        1 => 4,
        2 => 2,
        3 => 1,
        other => return Err(malformed(format!("sparse indices of type {other}"))),
    };
    let table = level.table(index + 1, "sparse indices")?;
    let table = table.ok_or_else(|| malformed("sparse indices are missing"))?;
    Ok((table.vector(0, width, "sparse indices")?, width))
}

impl Levels<'_> {
    fn visit(
        &mut self,
        level: usize,
        before: usize,
        at: &mut [usize],
        values: &[f64],
        out: &mut [f64],
    ) -> Result<()> {
        let bad = || malformed("a sparse constant whose indices leave its shape");
        self.steps = self.steps.checked_sub(1).ok_or_else(bad)?;
        if level == self.levels.len() {
            let mut place: Vec<usize> = at[..self.shape.len()].to_vec();
            for (n, (dimension, length)) in self.blocks.iter().enumerate() {
                place[*dimension] = place[*dimension]
                    .saturating_mul(*length)
                    .saturating_add(at[self.shape.len() + n]);
            }
            if place.iter().zip(&self.shape).any(|(p, d)| p >= d) {
                return Err(bad());
            }
            let flat = place.iter().zip(&self.shape).fold(0, |f, (p, d)| f * d + p);
            out[flat] = *values.get(before).ok_or_else(bad)?;
            return Ok(());
        }
        let dimension = self.order[level];
        let (segments, indices) = match &self.levels[level] {
            Level::Dense(length) => {
                let length = *length;
                for n in 0..length {
                    at[dimension] = n;
                    let next = before.saturating_mul(length).saturating_add(n);
                    self.visit(level + 1, next, at, values, out)?;
                }
                return Ok(());
            }
            Level::Sparse { segments, indices } => (*segments, *indices),
        };
        if before >= segments.0.len() {
            return Err(bad());
        }
        let start = segments.0.number(before, segments.1)? as usize;
        let end = segments.0.number(before + 1, segments.1)? as usize;
        if end > indices.0.len() {
            return Err(bad());
        }
        for n in start..end {
            at[dimension] = indices.0.number(n, indices.1)? as usize;
            self.visit(level + 1, n, at, values, out)?;
        }
        Ok(())
    }
}
