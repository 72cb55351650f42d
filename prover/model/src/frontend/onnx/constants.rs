//! Constants as files hold them: in the file or beside it, dense or sparse, in several element types.

use super::evaluate::Evaluator;
use super::extent::MAX_ELEMENTS;
use super::external::Folder;
use super::importer::Kind;
use super::node::malformed;
use crate::error::Result;
use std::borrow::Cow;
use std::sync::Arc;
use tract_onnx::pb::{SparseTensorProto, TensorProto};
use tract_onnx::prelude::{Datum, Tensor};

/// Element types of ONNX, by their numbers in files.
pub(super) const FLOAT: i32 = 1;
const UINT8: i32 = 2;
const INT8: i32 = 3;
const INT32: i32 = 6;
const INT64: i32 = 7;
const BOOL: i32 = 9;
pub(super) const FLOAT16: i32 = 10;
pub(super) const DOUBLE: i32 = 11;
pub(super) const BFLOAT16: i32 = 16;

/// The types whose values stand for real numbers.
pub(super) fn is_real(element_type: i32) -> bool {
    [FLOAT, FLOAT16, BFLOAT16, DOUBLE].contains(&element_type)
}

/// What values of an element type can be; `None` if they are no numbers.
pub(super) fn kind(element_type: i32) -> Option<Kind> {
    match element_type {
        BOOL => Some(Kind::Truth),
        // uint8 to int64, uint32, uint64
        2..=7 | 12 | 13 => Some(Kind::Whole),
        other => is_real(other).then_some(Kind::Real),
    }
}

/// The name of an element type.
pub(super) fn type_name(element_type: i32) -> Cow<'static, str> {
    const NAMES: [&str; 17] = [
        "undefined",
        "float",
        "uint8",
        "int8",
        "uint16",
        "int16",
        "int32",
        "int64",
        "string",
        "bool",
        "float16",
        "double",
        "uint32",
        "uint64",
        "complex64",
        "complex128",
        "bfloat16",
    ];
    let name = usize::try_from(element_type)
        .ok()
        .and_then(|n| NAMES.get(n));
    name.map_or_else(|| element_type.to_string().into(), |name| (*name).into())
}

/// Bytes of an element, if constants may have this type.
fn width(element_type: i32) -> Option<usize> {
    match element_type {
        UINT8 | INT8 | BOOL => Some(1),
        FLOAT16 | BFLOAT16 => Some(2),
        FLOAT | INT32 => Some(4),
        DOUBLE | INT64 => Some(8),
        _ => None,
    }
}

/// Whether constants may have this type.
pub(super) fn is_readable(element_type: i32) -> bool {
    width(element_type).is_some()
}

/// Refuses constants whose declared size is wrong or too large, or whose type is not read; returns the number of elements.
pub(super) fn check(tensor: &TensorProto, name: &str) -> Result<usize> {
    let width = width(tensor.data_type).ok_or_else(|| {
        malformed(format!(
            "constant {name} has element type {}; supported: float, double, float16, bfloat16, int32, int64, int8, uint8, bool",
            type_name(tensor.data_type)
        ))
    })?;
    let count = elements(&tensor.dims).ok_or_else(|| {
        malformed(format!(
            "constant {name} has dims {:?}: a negative length, or too many elements",
            tensor.dims
        ))
    })?;
    if is_external(tensor) {
        return Ok(count);
    }
    let got = match tensor.raw_data.len() {
        0 => typed_len(tensor),
        bytes if bytes % width == 0 => bytes / width,
        _ => usize::MAX,
    };
    if got != count {
        return Err(malformed(format!(
            "constant {name} has dims {:?} and data of another length",
            tensor.dims
        )));
    }
    Ok(count)
}

fn is_external(tensor: &TensorProto) -> bool {
    tensor.data_location == Some(1) || !tensor.external_data.is_empty()
}

fn elements(dims: &[i64]) -> Option<usize> {
    let bounded = |n: &i64| (0..=MAX_ELEMENTS).contains(n);
    let count = dims
        .iter()
        .try_fold(1i64, |n, d| n.checked_mul(*d).filter(bounded))?;
    // A length of 0 hides what is beside it.
    usize::try_from(count)
        .ok()
        .filter(|_| dims.iter().all(bounded))
}

fn typed_len(tensor: &TensorProto) -> usize {
    match tensor.data_type {
        FLOAT => tensor.float_data.len(),
        DOUBLE => tensor.double_data.len(),
        INT64 => tensor.int64_data.len(),
        _ => tensor.int32_data.len(),
    }
}

/// The constant of a file.
pub(super) fn load(tensor: &TensorProto, name: &str, folder: &Folder<'_>) -> Result<Arc<Tensor>> {
    let count = check(tensor, name)?;
    let width = width(tensor.data_type).unwrap_or(1);
    let bytes: Cow<'_, [u8]> = if is_external(tensor) {
        folder.read(tensor, name, count * width)?.into()
    } else {
        tensor.raw_data.as_slice().into()
    };
    let dims: Vec<usize> = tensor.dims.iter().map(|d| *d as usize).collect();
    let raw = !bytes.is_empty();
    let small =
        |to: fn(i32) -> i32| -> Vec<i32> { tensor.int32_data.iter().map(|v| to(*v)).collect() };
    let made = match tensor.data_type {
        FLOAT if raw => of(&dims, words(&bytes, f32::from_le_bytes)),
        FLOAT => of(&dims, tensor.float_data.clone()),
        DOUBLE if raw => of(&dims, words(&bytes, f64::from_le_bytes)),
        DOUBLE => of(&dims, tensor.double_data.clone()),
        INT32 if raw => of(&dims, words(&bytes, i32::from_le_bytes)),
        INT32 => of(&dims, tensor.int32_data.clone()),
        INT64 if raw => of(&dims, words(&bytes, i64::from_le_bytes)),
        INT64 => of(&dims, tensor.int64_data.clone()),
        FLOAT16 if raw => of(&dims, words(&bytes, |b| half(u16::from_le_bytes(b)))),
        FLOAT16 => of(&dims, halves(tensor, half)),
        BFLOAT16 if raw => of(&dims, words(&bytes, |b| brain(u16::from_le_bytes(b)))),
        BFLOAT16 => of(&dims, halves(tensor, brain)),
        BOOL if raw => of(&dims, bytes.iter().map(|b| *b != 0).collect()),
        BOOL => of(&dims, tensor.int32_data.iter().map(|v| *v != 0).collect()),
        INT8 if raw => of(
            &dims,
            bytes.iter().map(|b| i32::from(b.cast_signed())).collect(),
        ),
        INT8 => of(&dims, small(|v| i32::from(v as i8))),
        _ if raw => of(&dims, bytes.iter().map(|b| i32::from(*b)).collect()),
        _ => of(&dims, small(|v| i32::from(v as u8))),
    };
    made.map_err(|e| malformed(format!("constant {name}: {e:#}")))
}

fn of<T: Datum + Copy>(
    dims: &[usize],
    data: Vec<T>,
) -> Result<Arc<Tensor>, tract_onnx::prelude::TractError> {
    Ok(Arc::new(Tensor::from_shape(dims, &data)?))
}

fn words<const N: usize, T>(bytes: &[u8], read: impl Fn([u8; N]) -> T) -> Vec<T> {
    let (words, _) = bytes.as_chunks::<N>();
    words.iter().map(|word| read(*word)).collect()
}

fn halves(tensor: &TensorProto, read: fn(u16) -> f32) -> Vec<f32> {
    tensor.int32_data.iter().map(|v| read(*v as u16)).collect()
}

/// An IEEE 754 number of 16 bits: a sign, 5 bits of exponent, 10 of fraction.
fn half(bits: u16) -> f32 {
    let fraction = f32::from(bits & 0x3ff);
    let size = match bits >> 10 & 0x1f {
        0 => fraction * 2f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        exponent => (1024.0 + fraction) * 2f32.powi(i32::from(exponent) - 25),
    };
    if bits >> 15 == 0 { size } else { -size }
}

/// The upper half of a float.
fn brain(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// A sparse constant with its zeros: places are indices of the flat tensor, or of each axis.
pub(super) fn dense(
    sparse: &SparseTensorProto,
    name: &str,
    evaluator: &mut Evaluator,
) -> Result<Arc<Tensor>> {
    let bad = |what: &str| malformed(format!("sparse constant {name}: {what}"));
    let values = sparse
        .values
        .as_ref()
        .ok_or_else(|| bad("it has no values"))?;
    let places = sparse
        .indices
        .as_ref()
        .ok_or_else(|| bad("it has no indices"))?;
    let length =
        elements(&sparse.dims).ok_or_else(|| bad("a negative length, or too many elements"))?;
    evaluator.reserve(&format!("sparse constant {name}"), length as i64)?;
    let nowhere = Folder::none();
    let values = load(values, name, &nowhere)?;
    let values = Tensor::cast_to::<f32>(&values).map_err(|e| bad(&format!("{e:#}")))?;
    let places = load(places, name, &nowhere)?;
    let (count, rank) = (values.len(), sparse.dims.len());
    let flat = match *places.shape() {
        [n] if n == count => true,
        [n, axes] if n == count && axes == rank => false,
        _ => return Err(bad("not one place for each value")),
    };
    let places =
        super::evaluate::integers(&places).ok_or_else(|| bad("indices of no integer type"))?;
    let view = values
        .to_plain_array_view::<f32>()
        .map_err(|e| bad(&format!("{e:#}")))?;
    let mut data = vec![0f32; length];
    let mut next = 0;
    for (n, value) in view.iter().enumerate() {
        let place = if flat {
            usize::try_from(places[n]).ok()
        } else {
            sparse
                .dims
                .iter()
                .enumerate()
                .try_fold(0usize, |at, (axis, d)| {
                    let i = places[n * rank + axis];
                    (0..*d)
                        .contains(&i)
                        .then_some(at * *d as usize + i as usize)
                })
        };
        let place = place.filter(|p| (next..length).contains(p));
        let place =
            place.ok_or_else(|| bad("indices that are not ascending, or outside of its shape"))?;
        data[place] = *value;
        next = place + 1;
    }
    let dims: Vec<usize> = sparse.dims.iter().map(|d| *d as usize).collect();
    of(&dims, data).map_err(|e| bad(&format!("{e:#}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(tensor: &Tensor) -> Vec<f64> {
        super::super::evaluate::constant("c", tensor).unwrap().data
    }

    fn raw(element_type: i32, dims: &[i64], bytes: &[u8]) -> TensorProto {
        TensorProto {
            data_type: element_type,
            dims: dims.to_vec(),
            raw_data: bytes.to_vec(),
            ..TensorProto::default()
        }
    }

    fn read(tensor: &TensorProto) -> Result<Vec<f64>> {
        load(tensor, "c", &Folder::none()).map(|t| numbers(&t))
    }

    #[test]
    fn sixteen_bit_numbers_are_read_as_what_they_stand_for() {
        let halves: Vec<u8> = [0x3c00u16, 0xc000, 0x0001, 0x7bff, 0x3555, 0x8000]
            .iter()
            .flat_map(|h| h.to_le_bytes())
            .collect();
        let expected = [1.0, -2.0, 2f64.powi(-24), 65504.0, 0.333_251_953_125, 0.0];
        assert_eq!(read(&raw(FLOAT16, &[6], &halves)).unwrap(), expected);
        let typed = TensorProto {
            data_type: FLOAT16,
            dims: vec![2],
            int32_data: vec![0x3c00, 0xc000],
            ..TensorProto::default()
        };
        assert_eq!(read(&typed).unwrap(), [1.0, -2.0]);
        let brains: Vec<u8> = [0x3f80u16, 0xc040]
            .iter()
            .flat_map(|h| h.to_le_bytes())
            .collect();
        assert_eq!(read(&raw(BFLOAT16, &[2], &brains)).unwrap(), [1.0, -3.0]);
        assert!(half(0x7c00).is_infinite() && half(0x7c01).is_nan());
    }

    #[test]
    fn doubles_integers_and_truth_values_are_read() {
        let double = 0.1f64.to_le_bytes();
        assert_eq!(read(&raw(DOUBLE, &[1], &double)).unwrap(), [0.1]);
        assert_eq!(read(&raw(INT8, &[2], &[0xff, 3])).unwrap(), [-1.0, 3.0]);
        assert_eq!(read(&raw(UINT8, &[2], &[0xff, 3])).unwrap(), [255.0, 3.0]);
        assert_eq!(read(&raw(BOOL, &[2], &[0, 1])).unwrap(), [0.0, 1.0]);
    }

    #[test]
    fn constants_of_wrong_size_or_type_are_refused_by_name() {
        for (bad, says) in [
            (raw(8, &[1], &[0]), "element type string"),
            (raw(17, &[1], &[0]), "element type 17"),
            (raw(FLOAT, &[2], &[0; 4]), "another length"),
            (raw(FLOAT, &[-1], &[0; 4]), "negative length"),
            (raw(FLOAT, &[0, i64::MAX], &[]), "too many elements"),
            (raw(FLOAT, &[1 << 40], &[]), "too many elements"),
        ] {
            let refused = read(&bad).unwrap_err().to_string();
            assert!(
                refused.contains(says) && refused.contains("constant c"),
                "{refused}"
            );
        }
    }

    fn sparse(dims: &[i64], places: &[i64], shape: &[i64]) -> Result<Vec<f64>> {
        let values = TensorProto {
            data_type: FLOAT,
            dims: vec![2],
            float_data: vec![5.0, 7.0],
            ..TensorProto::default()
        };
        let indices = TensorProto {
            data_type: INT64,
            dims: shape.to_vec(),
            int64_data: places.to_vec(),
            ..TensorProto::default()
        };
        let proto = SparseTensorProto {
            values: Some(values),
            indices: Some(indices),
            dims: dims.to_vec(),
        };
        dense(&proto, "s", &mut Evaluator::new(13)).map(|t| numbers(&t))
    }

    #[test]
    fn sparse_constants_get_their_zeros() {
        let expected = [0.0, 5.0, 0.0, 0.0, 0.0, 7.0];
        assert_eq!(sparse(&[2, 3], &[1, 5], &[2]).unwrap(), expected);
        assert_eq!(sparse(&[2, 3], &[0, 1, 1, 2], &[2, 2]).unwrap(), expected);
    }

    #[test]
    fn sparse_constants_with_wrong_places_are_refused() {
        for (dims, places, shape) in [
            (&[2, 3][..], &[1, 6][..], &[2][..]),
            (&[2, 3], &[1, -1], &[2]),
            (&[2, 3], &[1, 1], &[2]),
            (&[2, 3], &[0, 1, 0, 3], &[2, 2]),
            (&[2, 3], &[0, 1, 1], &[3]),
            (&[1 << 13, 1 << 14], &[1, 2], &[2]),
        ] {
            let refused = sparse(dims, places, shape).unwrap_err().to_string();
            assert!(refused.contains("sparse constant s"), "{refused}");
        }
    }
}
