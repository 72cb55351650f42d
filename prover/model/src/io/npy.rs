//! NumPy's `.npy` arrays and `.npz` archives (NEP 1; APPNOTE 4.3 for zip, stored or deflated, no zip64).

use crate::error::{ModelError, Result};
use crate::signature::{InputSpec, Sample};
use std::collections::BTreeSet;

/// The arrays of one file are no larger than this together, packed or not.
const MAX_BYTES: usize = 1 << 30;
/// Numbers of one file: as many bytes as they become in memory.
const MAX_NUMBERS: usize = MAX_BYTES / size_of::<f64>();

fn bad(detail: impl Into<String>) -> ModelError {
    ModelError::Malformed {
        format: "npy input",
        detail: detail.into(),
    }
}

/// One input from one array, flattened in row-major order.
///
/// # Errors
/// Not an array of numbers, truncated, or of another shape than the input: flat, or the input's but for axes of length 1 in front.
pub fn inputs_from_npy(bytes: &[u8], specs: &[InputSpec]) -> Result<Vec<Vec<f64>>> {
    let array = array(bytes, MAX_NUMBERS)?;
    if let [spec] = specs {
        array.check_shape(spec)?;
    }
    Ok(vec![array.numbers])
}

/// Samples from one array, whose first axis counts them.
///
/// # Errors
/// As [`inputs_from_npy`], or a model with several inputs.
pub fn samples_from_npy(bytes: &[u8], specs: &[InputSpec]) -> Result<Vec<Sample>> {
    let [spec] = specs else {
        return Err(bad(format!(
            "one array for {} inputs; save them with numpy.savez",
            specs.len()
        )));
    };
    let lists = array(bytes, MAX_NUMBERS)?.samples(spec)?;
    Ok(lists.into_iter().map(|list| Sample(vec![list])).collect())
}

/// Samples from an archive: arrays as [`inputs_from_npz`] finds them, each with a first axis that counts the samples.
///
/// # Errors
/// As [`inputs_from_npz`], or arrays of different numbers of samples.
pub fn samples_from_npz(bytes: &[u8], specs: &[InputSpec]) -> Result<Vec<Sample>> {
    let inputs = from_npz(bytes, specs, |array, spec| array.samples(spec))?;
    let count = inputs.first().map_or(0, Vec::len);
    if let Some(other) = inputs.iter().find(|lists| lists.len() != count) {
        return Err(bad(format!(
            "arrays of {count} and of {} samples",
            other.len()
        )));
    }
    let mut samples = vec![Sample(Vec::with_capacity(specs.len())); count];
    for lists in inputs {
        for (sample, list) in samples.iter_mut().zip(lists) {
            sample.0.push(list);
        }
    }
    Ok(samples)
}

/// Whole numbers that are not negative, from an array of one axis.
///
/// # Errors
/// Not an array of such numbers.
pub fn labels_from_npy(bytes: &[u8]) -> Result<Vec<usize>> {
    let numbers = array(bytes, MAX_NUMBERS)?.numbers;
    let whole =
        |v: f64| (v >= 0.0 && v.fract() == 0.0 && v <= f64::from(u32::MAX)).then_some(v as usize);
    let labels = numbers.into_iter().enumerate();
    labels
        .map(|(n, v)| whole(v).ok_or_else(|| bad(format!("label {n} is {v}, which is no index"))))
        .collect()
}

/// Inputs from an archive: by name where every input's name is there, else in the archive's order, if it has as many arrays.
///
/// # Errors
/// Not a zip archive of arrays, or one with other arrays than the inputs.
pub fn inputs_from_npz(bytes: &[u8], specs: &[InputSpec]) -> Result<Vec<Vec<f64>>> {
    from_npz(bytes, specs, |array, spec| {
        array.check_shape(spec)?;
        Ok(array.numbers)
    })
}

/// The arrays of an archive, by what `take` makes of each.
fn from_npz<T>(
    bytes: &[u8],
    specs: &[InputSpec],
    take: impl Fn(Array, &InputSpec) -> Result<T>,
) -> Result<Vec<T>> {
    let entries = entries(bytes)?;
    let names: Vec<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
    let mut seen = BTreeSet::new();
    if let Some(again) = entries.iter().find(|entry| !seen.insert(&entry.name)) {
        return Err(bad(format!("two arrays of the name {}", again.name)));
    }
    let find = |name: &&str| {
        entries
            .iter()
            .find(|e| e.name.trim_end_matches(".npy") == *name)
    };
    let chosen: Vec<&Entry<'_>> = match names.iter().map(find).collect::<Option<Vec<_>>>() {
        Some(named) => named,
        None if entries.len() == names.len() => entries.iter().collect(),
        None => {
            return Err(bad(format!(
                "{} arrays, none or not all of which have the names of the {} inputs ({})",
                entries.len(),
                names.len(),
                names.join(", ")
            )));
        }
    };
    let total = chosen
        .iter()
        .try_fold(0usize, |sum, entry| sum.checked_add(entry.size));
    if total.is_none_or(|total| total > MAX_BYTES) {
        return Err(bad(format!("arrays of more than {MAX_BYTES} bytes")));
    }
    let mut room = MAX_NUMBERS;
    chosen
        .into_iter()
        .zip(specs)
        .map(|(entry, spec)| {
            let mut read = |bytes: &[u8]| {
                let array = array(bytes, room)?;
                room -= array.numbers.len();
                take(array, spec)
            };
            read(&entry.unpack()?).map_err(|e| match e {
                ModelError::Malformed { format, detail } => ModelError::Malformed {
                    format,
                    detail: format!("{}: {detail}", entry.name),
                },
                other => other,
            })
        })
        .collect()
}

/// Little-endian unsigned integer of `N` bytes at `at`.
fn uint<const N: usize>(bytes: &[u8], at: usize) -> Result<usize> {
    let field = at
        .checked_add(N)
        .and_then(|end| bytes.get(at..end))
        .ok_or_else(|| bad("truncated"))?;
    Ok(field.iter().rev().fold(0, |n, b| n << 8 | usize::from(*b)))
}

/// An array in row-major order.
struct Array {
    shape: Vec<usize>,
    numbers: Vec<f64>,
}

impl Array {
    /// The samples along the first axis.
    fn samples(self, spec: &InputSpec) -> Result<Vec<Vec<f64>>> {
        let Some((count, rest)) = self.shape.split_first() else {
            return Err(bad("a single number; the first axis counts the samples"));
        };
        let each: usize = spec.shape.iter().product();
        if *count == 0 || self.numbers.len() / count != each {
            return Err(bad(format!(
                "shape {:?}: expected samples along the first axis, of {each} numbers each for input {} of shape {:?}",
                self.shape, spec.name, spec.shape
            )));
        }
        let one = Self {
            shape: rest.to_vec(),
            numbers: Vec::new(),
        };
        one.check_shape(spec)?;
        Ok(self
            .numbers
            .chunks_exact(each)
            .map(<[f64]>::to_vec)
            .collect())
    }

    /// Refuses a shape of two axes or more that is not the input's: the same numbers would stand for other elements.
    fn check_shape(&self, spec: &InputSpec) -> Result<()> {
        let core = |shape: &[usize]| -> Vec<usize> {
            shape
                .iter()
                .copied()
                .skip_while(|length| *length == 1)
                .collect()
        };
        let (got, expected) = (core(&self.shape), core(&spec.shape));
        if got.len() < 2 || got == expected {
            return Ok(());
        }
        Err(bad(format!(
            "shape {:?}, but input {} has shape {:?}; transpose the array, or save x.reshape(-1) if it is in the model's order",
            self.shape, spec.name, spec.shape
        )))
    }
}

/// An array of numbers, for at most `room` of which there is room.
fn array(bytes: &[u8], room: usize) -> Result<Array> {
    if !bytes.starts_with(b"\x93NUMPY") {
        return Err(bad("not a NumPy array (wrong magic); save with numpy.save"));
    }
    let (length, start) = match bytes.get(6) {
        Some(1) => (uint::<2>(bytes, 8)?, 10),
        Some(2 | 3) => (uint::<4>(bytes, 8)?, 12),
        _ => return Err(bad("unknown array format version")),
    };
    let end = start + length;
    let header = bytes
        .get(start..end)
        .ok_or_else(|| bad("truncated header"))?;
    let header = std::str::from_utf8(header).map_err(|_| bad("the header is not text"))?;
    if field(header, "fortran_order").is_some_and(|v| v.starts_with("True")) {
        return Err(bad(
            "column-major order is not supported; save numpy.ascontiguousarray(x)",
        ));
    }
    let descr = field(header, "descr")
        .and_then(quoted)
        .ok_or_else(|| bad("the header has no descr"))?;
    let shape = field(header, "shape")
        .and_then(|v| v.strip_prefix('(')?.split_once(')'))
        .ok_or_else(|| bad("the header has no shape"))?
        .0;
    let lengths: Option<Vec<usize>> = shape
        .split(',')
        .map(str::trim)
        .filter(|d| !d.is_empty())
        .map(|d| d.parse().ok())
        .collect();
    let malformed = || bad(format!("bad shape ({shape})"));
    let lengths = lengths.ok_or_else(malformed)?;
    let count = lengths
        .iter()
        .try_fold(1usize, |n, length| n.checked_mul(*length))
        .ok_or_else(malformed)?;
    let data = &bytes[end..];
    let number = Number::parse(descr).ok_or_else(|| {
        bad(format!(
            "elements of type {descr:?} are not supported; save x.astype(numpy.float32)"
        ))
    })?;
    if count > room {
        return Err(bad(format!(
            "shape ({shape}): a file may have {MAX_NUMBERS} numbers, and there is room for {room} more"
        )));
    }
    if count.checked_mul(number.width) != Some(data.len()) {
        return Err(bad(format!(
            "shape ({shape}) of {descr} needs {count} times {} bytes, got {}",
            number.width,
            data.len()
        )));
    }
    Ok(Array {
        shape: lengths,
        numbers: data
            .chunks_exact(number.width)
            .map(|b| number.read(b))
            .collect(),
    })
}

/// The text after `'name':` in a header.
fn field<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    let at = header.find(&format!("'{name}'"))?;
    Some(header[at..].split_once(':')?.1.trim_start())
}

fn quoted(text: &str) -> Option<&str> {
    Some(text.strip_prefix('\'')?.split_once('\'')?.0)
}

/// An element type.
#[derive(Clone, Copy)]
struct Number {
    kind: u8,
    width: usize,
    big: bool,
}

impl Number {
    fn parse(descr: &str) -> Option<Self> {
        let &[order, kind, width] = descr.as_bytes() else {
            return None;
        };
        let width = usize::from(width.checked_sub(b'0')?);
        let known = match kind {
            b'f' => matches!(width, 4 | 8),
            b'i' | b'u' => matches!(width, 1 | 2 | 4 | 8),
            b'b' => width == 1,
            _ => false,
        };
        (known && matches!(order, b'<' | b'>' | b'|' | b'=')).then_some(Self {
            kind,
            width,
            big: order == b'>',
        })
    }

    fn read(&self, bytes: &[u8]) -> f64 {
        let fold = |n: u64, b: &u8| n << 8 | u64::from(*b);
        let raw = if self.big {
            bytes.iter().fold(0, fold)
        } else {
            bytes.iter().rev().fold(0, fold)
        };
        match (self.kind, self.width) {
            (b'f', 4) => f64::from(f32::from_bits(raw as u32)),
            (b'f', _) => f64::from_bits(raw),
            (b'i', width) => {
                let unused = 64 - 8 * width as u32;
                ((raw << unused) as i64 >> unused) as f64
            }
            _ => raw as f64,
        }
    }
}

/// One file of a zip archive.
struct Entry<'a> {
    name: String,
    method: usize,
    size: usize,
    packed: &'a [u8],
}

impl Entry<'_> {
    fn unpack(&self) -> Result<Vec<u8>> {
        match self.method {
            0 if self.packed.len() == self.size => Ok(self.packed.to_vec()),
            0 => Err(bad(format!("{}: stored with two sizes", self.name))),
            8 => miniz_oxide::inflate::decompress_to_vec_with_limit(self.packed, self.size)
                .map_err(|_| bad(format!("{}: broken compressed data", self.name))),
            other => Err(bad(format!(
                "{}: unknown compression method {other}",
                self.name
            ))),
        }
    }
}

fn entries(bytes: &[u8]) -> Result<Vec<Entry<'_>>> {
    let end = bytes
        .windows(4)
        .rposition(|w| w == b"PK\x05\x06")
        .ok_or_else(|| bad("not a NumPy archive (no zip directory); save with numpy.savez"))?;
    let count = uint::<2>(bytes, end + 10)?;
    let mut at = uint::<4>(bytes, end + 16)?;
    let mut entries = Vec::new();
    for _ in 0..count {
        if bytes
            .get(at..)
            .is_none_or(|b| !b.starts_with(b"PK\x01\x02"))
        {
            return Err(bad("broken zip directory"));
        }
        let (packed, size) = (uint::<4>(bytes, at + 20)?, uint::<4>(bytes, at + 24)?);
        let name_length = uint::<2>(bytes, at + 28)?;
        let name = bytes
            .get(at + 46..at + 46 + name_length)
            .ok_or_else(|| bad("truncated"))?;
        let local = uint::<4>(bytes, at + 42)?;
        let data = local + 30 + uint::<2>(bytes, local + 26)? + uint::<2>(bytes, local + 28)?;
        entries.push(Entry {
            name: String::from_utf8_lossy(name).into_owned(),
            method: uint::<2>(bytes, at + 10)?,
            size,
            packed: bytes
                .get(data..data + packed)
                .ok_or_else(|| bad("truncated"))?,
        });
        at += 46 + name_length + uint::<2>(bytes, at + 30)? + uint::<2>(bytes, at + 32)?;
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let header =
            format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        bytes
    }

    fn zip(files: &[(&str, usize, &[u8], usize)]) -> Vec<u8> {
        let (mut bytes, mut directory) = (Vec::new(), Vec::new());
        for (name, method, packed, size) in files {
            let local = bytes.len() as u32;
            let mut common = vec![20, 0, 0, 0, *method as u8, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            common.extend((packed.len() as u32).to_le_bytes());
            common.extend((*size as u32).to_le_bytes());
            common.extend((name.len() as u16).to_le_bytes());
            common.extend([0, 0]);
            bytes.extend(b"PK\x03\x04");
            bytes.extend(&common);
            bytes.extend(name.as_bytes());
            bytes.extend(*packed);
            directory.extend(b"PK\x01\x02\x14\x00");
            directory.extend(&common);
            directory.extend([0; 10]);
            directory.extend(local.to_le_bytes());
            directory.extend(name.as_bytes());
        }
        let start = bytes.len() as u32;
        bytes.extend(&directory);
        bytes.extend(b"PK\x05\x06\0\0\0\0\0\0");
        bytes.extend((files.len() as u16).to_le_bytes());
        bytes.extend((directory.len() as u32).to_le_bytes());
        bytes.extend(start.to_le_bytes());
        bytes.extend([0, 0]);
        bytes
    }

    fn numbers(bytes: &[u8]) -> Result<Vec<f64>> {
        Ok(array(bytes, MAX_NUMBERS)?.numbers)
    }

    fn specs(names: &[&str]) -> Vec<InputSpec> {
        let spec = |name: &&str| InputSpec {
            name: (*name).to_owned(),
            shape: vec![1],
        };
        names.iter().map(spec).collect()
    }

    #[test]
    fn npy_reads_every_number_type() {
        let f4: Vec<u8> = [1.5f32, -2.0]
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .collect();
        assert_eq!(
            numbers(&npy("<f4", "(1, 2)", &f4)).unwrap(),
            vec![1.5, -2.0]
        );
        let f8: Vec<u8> = [1.5f64].iter().flat_map(|v| v.to_be_bytes()).collect();
        assert_eq!(numbers(&npy(">f8", "()", &f8)).unwrap(), vec![1.5]);
        assert_eq!(
            numbers(&npy("|i1", "(2,)", &[255, 1])).unwrap(),
            vec![-1.0, 1.0]
        );
        assert_eq!(
            numbers(&npy("|u1", "(2,)", &[255, 1])).unwrap(),
            vec![255.0, 1.0]
        );
        assert_eq!(
            numbers(&npy("<i2", "(1,)", &[254, 255])).unwrap(),
            vec![-2.0]
        );
    }

    #[test]
    fn npy_errors_name_the_remedy() {
        let message = |bytes: &[u8]| numbers(bytes).unwrap_err().to_string();
        assert!(message(b"hello").contains("numpy.save"));
        assert!(message(&npy("<c8", "(1,)", &[0; 8])).contains("astype"));
        assert!(message(&npy("<f4", "(2,)", &[0; 4])).contains("needs 2 times 4 bytes, got 4"));
        let fortran =
            String::from_utf8_lossy(&npy("<f4", "(1,)", &[])[10..]).replace("False", "True ");
        let mut bytes = npy("<f4", "(1,)", &[])[..10].to_vec();
        bytes.extend(fortran.as_bytes());
        assert!(message(&bytes).contains("ascontiguousarray"));
    }

    #[test]
    fn npz_goes_by_name_or_order_and_inflates() {
        let (a, b) = (npy("|u1", "(1,)", &[1]), npy("|u1", "(1,)", &[2]));
        let packed = miniz_oxide::deflate::compress_to_vec(&b, 6);
        let bytes = zip(&[("x.npy", 0, &a, a.len()), ("y.npy", 8, &packed, b.len())]);
        let read = |names: &[&str]| inputs_from_npz(&bytes, &specs(names)).unwrap();
        assert_eq!(read(&["y", "x"]), vec![vec![2.0], vec![1.0]]);
        assert_eq!(read(&["other", "names"]), vec![vec![1.0], vec![2.0]]);
    }

    #[test]
    fn npz_with_more_than_the_inputs_is_refused_before_it_is_inflated() {
        let a = npy("|u1", "(1,)", &[1]);
        let huge = MAX_BYTES / 2 + 1;
        let bytes = zip(&[("x.npy", 0, &a, a.len()), ("y.npy", 8, &[0xff], huge)]);
        let refused = |names: &[&str]| {
            inputs_from_npz(&bytes, &specs(names))
                .unwrap_err()
                .to_string()
        };
        assert!(refused(&["z"]).contains("2 arrays"));
        assert!(refused(&["x", "y", "z"]).contains("inputs (x, y, z)"));
        assert!(refused(&["x", "y"]).contains("y.npy: broken compressed data"));
        let bytes = zip(&[("x.npy", 8, &[0xff], huge), ("y.npy", 8, &[0xff], huge)]);
        let refused = inputs_from_npz(&bytes, &specs(&["x", "y"])).unwrap_err();
        assert!(refused.to_string().contains("more than 1073741824 bytes"));
    }

    #[test]
    fn array_of_another_form_is_refused() {
        let spec = |shape: &[usize]| {
            [InputSpec {
                name: "x".to_owned(),
                shape: shape.to_vec(),
            }]
        };
        let read = |shape: &str| {
            let bytes = npy("|u1", shape, &[0; 12]);
            inputs_from_npy(&bytes, &spec(&[1, 3, 2, 2]))
        };
        for fits in [
            "(12,)",
            "(1, 3, 2, 2)",
            "(3, 2, 2)",
            "(1, 1, 3, 2, 2)",
            "(1, 12)",
        ] {
            read(fits).unwrap();
        }
        for other in [
            "(1, 2, 2, 3)",
            "(2, 2, 3)",
            "(3, 4)",
            "(12, 1)",
            "(3, 2, 2, 1)",
        ] {
            let refused = read(other).unwrap_err().to_string();
            assert!(refused.contains("[1, 3, 2, 2]"), "{other}: {refused}");
        }
    }

    #[test]
    fn npz_with_a_name_twice_is_refused() {
        let a = npy("|u1", "(1,)", &[1]);
        let bytes = zip(&[("x.npy", 0, &a, a.len()), ("x.npy", 0, &a, a.len())]);
        let refused = inputs_from_npz(&bytes, &specs(&["x"])).unwrap_err();
        assert!(refused.to_string().contains("two arrays of the name x.npy"));
    }

    #[test]
    fn numbers_are_bounded_by_what_they_take_in_memory() {
        let shape = format!("({},)", MAX_NUMBERS + 1);
        let refused = numbers(&npy("|u1", &shape, &[])).unwrap_err().to_string();
        assert!(refused.contains("room for 134217728 more"), "{refused}");
    }

    #[test]
    fn npz_truncated_or_altered_never_panics() {
        let a = npy("|u1", "(1,)", &[1]);
        let bytes = zip(&[("x.npy", 0, &a, a.len())]);
        for n in 0..bytes.len() {
            let _ = inputs_from_npz(&bytes[..n], &specs(&["x"]));
            for flip in [1, 0x80, 0xff] {
                let mut altered = bytes.clone();
                altered[n] ^= flip;
                let _ = inputs_from_npz(&altered, &specs(&["x"]));
            }
        }
    }

    #[test]
    fn samples_stand_along_the_first_axis() {
        let spec = |name: &str, shape: &[usize]| InputSpec {
            name: name.into(),
            shape: shape.to_vec(),
        };
        let x = [spec("x", &[1, 2, 2])];
        let bytes: Vec<u8> = (0..8).collect();
        let expected = [vec![0.0, 1.0, 2.0, 3.0], vec![4.0, 5.0, 6.0, 7.0]];
        for shape in ["(2, 4)", "(2, 2, 2)", "(2, 1, 2, 2)"] {
            let samples = samples_from_npy(&npy("|u1", shape, &bytes), &x).unwrap();
            let lists: Vec<_> = samples.into_iter().map(|s| s.0[0].clone()).collect();
            assert_eq!(lists, expected, "{shape}");
        }
        for shape in ["(8,)", "(4, 2)", "()"] {
            let length = if shape == "()" { 1 } else { 8 };
            assert!(samples_from_npy(&npy("|u1", shape, &bytes[..length]), &x).is_err());
        }
        let two = [spec("a", &[1, 2]), spec("b", &[1, 1])];
        let (a, b) = (
            npy("|u1", "(2, 2)", &bytes[..4]),
            npy("|u1", "(2, 1)", &bytes[4..6]),
        );
        let short = npy("|u1", "(1, 1)", &bytes[..1]);
        let archive = |b: &[u8]| zip(&[("b.npy", 0, b, b.len()), ("a.npy", 0, &a, a.len())]);
        let samples = samples_from_npz(&archive(&b), &two).unwrap();
        assert_eq!(samples[1], Sample(vec![vec![2.0, 3.0], vec![5.0]]));
        let error = samples_from_npz(&archive(&short), &two).unwrap_err();
        assert!(
            error.to_string().contains("arrays of 2 and of 1 samples"),
            "{error}"
        );
        assert_eq!(labels_from_npy(&b).unwrap(), [4, 5]);
        let half = npy("<f8", "(1,)", &0.5f64.to_le_bytes());
        assert!(labels_from_npy(&half).is_err());
    }
}
