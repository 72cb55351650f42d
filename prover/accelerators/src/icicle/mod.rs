//! ICICLE, versions 3 and 4: commitments, transforms, programs and combinations on its CUDA or its CPU device.
//!
//! Columns are numbers (not Montgomery forms) in the memory of the device, several columns of one step in one piece of it. Bases are
//! converted once. The processor does evaluations, running products, divisions, interleaving and transforms of fewer than 2^4
//! points: ICICLE has no fast way for them, or none at all.
//!
//! # Limits
//! ICICLE throws C++ exceptions for an unsupported step or an error that stays with a CUDA context, and an exception that comes through a C
//! interface ends the process. Sizes are checked before every call, so that those are left. Whoever must survive them proves in a
//! process of its own.

mod layout;
mod library;
mod locate;
mod program;

use crate::element::{Words, canonical, from_canonical, from_montgomery, point_words};
use crate::error::LoadError;
use crate::host::Host;
use chainfer_compute::backend::{Compute, ComputeError, Cpu, Division, Evaluation, Result, Term};
use chainfer_compute::ntt::Domain;
use chainfer_compute::quotient::Program;
use halo2curves::CurveAffine as _;
use halo2curves::bn256::{Fq, Fr, G1, G1Affine};
use halo2curves::ff::{Field, PrimeField as _};
use layout::{Device, Projective};
use library::{Direction, Library, Memory, Operation, Slice};
use locate::Places;
use std::borrow::Cow;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// Transforms of fewer points are the processor's.
const SMALLEST_K: u32 = 4;
/// Columns of powers that are kept.
const POWERS: usize = 32;
/// Bits of an element.
const BITS: u32 = Fr::NUM_BITS;

/// Which device to use, and where ICICLE is.
#[derive(Clone, Debug)]
pub struct Options {
    /// `CUDA:0` or `CPU`, for example.
    pub device: String,
    /// log2 of the rows of the largest circuit. The first instance of a process decides, for a device: others may ask for less.
    pub k: u32,
    /// The directory of ICICLE's libraries. Else that of the environment's `ICICLE_LIBRARY_DIR`, else where they usually are.
    pub libraries: Option<PathBuf>,
    /// The directory of its back ends. Else that of the environment's `ICICLE_BACKEND_INSTALL_DIR`, else `backend` beside the libraries.
    pub backends: Option<PathBuf>,
}

/// A device that ICICLE drives.
#[derive(Debug)]
pub struct Icicle {
    library: Arc<Library>,
    cpu: Cpu,
    /// factor · base^i, by length, base and factor.
    powers: Mutex<HashMap<(usize, Words, Words), Slice>>,
}

/// A column in the memory of a device.
#[derive(Debug)]
pub struct IcicleColumn {
    slice: Slice,
    /// No element has more.
    bits: u32,
}

impl From<Slice> for IcicleColumn {
    fn from(slice: Slice) -> Self {
        IcicleColumn { slice, bits: BITS }
    }
}

impl From<Memory> for IcicleColumn {
    fn from(memory: Memory) -> Self {
        Slice::new(memory).into()
    }
}

/// Points in the memory of a device.
#[derive(Debug)]
pub struct IcicleBases {
    slice: Slice,
    count: usize,
}

fn shape(step: &'static str, detail: String) -> ComputeError {
    ComputeError::Shape { step, detail }
}

fn device(name: &str) -> Option<Device> {
    let (kind, id) = name.split_once(':').unwrap_or((name, "0"));
    let mut device = Device {
        kind: [0; 64],
        id: id.parse().ok()?,
    };
    // A 0 stays behind it.
    if kind.is_empty() || kind.len() >= device.kind.len() {
        return None;
    }
    device.kind[..kind.len()].copy_from_slice(kind.as_bytes());
    Some(device)
}

fn bits(words: &Words) -> u32 {
    let zeros = words.iter().rev().scan(true, |above, word| {
        let counted = if *above { word.leading_zeros() } else { 0 };
        *above &= *word == 0;
        Some(counted)
    });
    u64::BITS * 4 - zeros.sum::<u32>()
}

impl Icicle {
    /// Loads ICICLE, and makes the domain for the largest circuit on the device.
    ///
    /// # Errors
    /// The libraries are not there or lack a function, or the device is not there.
    pub fn open(options: &Options) -> std::result::Result<Self, LoadError> {
        let refused = |detail: String| LoadError::Device {
            device: options.device.clone(),
            detail,
        };
        let device = device(&options.device)
            .ok_or_else(|| refused("a device is a type and a number, as in CUDA:0".to_owned()))?;
        let k = options.k.max(SMALLEST_K);
        if k > Fr::S {
            return Err(refused(format!("there is no domain of 2^{k} points")));
        }
        let root = (k..Fr::S).fold(Fr::ROOT_OF_UNITY, |root, _| root.square());
        let places = Places::find(options.libraries.as_deref(), options.backends.as_deref())?;
        let name = format!("ICICLE on {}", options.device);
        Ok(Icicle {
            library: Library::open(&places, device, &name, k, &canonical(&root))?,
            cpu: Cpu::detect(),
            powers: Mutex::default(),
        })
    }

    fn host(&self) -> Host<'_, Self> {
        Host {
            device: self,
            cpu: self.cpu,
        }
    }

    fn same_length(&self, step: &'static str, columns: &[&IcicleColumn], len: usize) -> Result<()> {
        match columns.iter().find(|column| column.slice.len() != len) {
            None => Ok(()),
            Some(column) => {
                let got = column.slice.len();
                Err(shape(step, format!("a column has {got} elements of {len}")))
            }
        }
    }

    /// Whether a transform is the device's.
    fn transforms(&self, step: &'static str, domain: &Domain) -> Result<bool> {
        if domain.k() > self.library.k() {
            let (got, most) = (domain.k(), self.library.k());
            let detail = format!("2^{got} points, and the device was opened for 2^{most}");
            return Err(shape(step, detail));
        }
        Ok(domain.k() >= SMALLEST_K)
    }

    /// factor · base^i for all i below `len`.
    fn powers(&self, len: usize, base: Fr, factor: Fr) -> Result<Slice> {
        let key = (len, canonical(&base), canonical(&factor));
        let mut kept = self.powers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slice) = kept.get(&key) {
            return Ok(slice.clone());
        }
        let powers = std::iter::successors(Some(factor), |power| Some(*power * base));
        let words: Vec<Words> = powers.take(len).map(|power| canonical(&power)).collect();
        let slice = Slice::new(self.library.upload(&words)?);
        if kept.len() >= POWERS {
            kept.clear();
        }
        kept.insert(key, slice.clone());
        Ok(slice)
    }

    /// Columns of at most `size` elements one behind the other, with zeros after shorter ones; as they are, where they lie so.
    fn together(&self, columns: &[&Slice], size: usize) -> Result<Slice> {
        let whole = columns.iter().all(|column| column.len() == size);
        let in_order = columns
            .windows(2)
            .all(|pair| pair[0].is_followed_by(pair[1]));
        if let ([first, .., last], true, true) = (columns, whole, in_order) {
            return Ok(first.up_to(last));
        }
        if let ([only], true) = (columns, whole) {
            return Ok((*only).clone());
        }
        let mut memory = self.library.memory(columns.len() * size)?;
        if !whole {
            self.library.clear(&mut memory)?;
        }
        for (place, column) in columns.iter().enumerate() {
            self.library.copy(column, &mut memory, place * size)?;
        }
        Ok(Slice::new(memory))
    }

    /// The columns of `size` elements that lie one behind the other.
    fn apart(&self, slice: &Slice, size: usize, count: usize) -> Vec<IcicleColumn> {
        (0..count)
            .map(|place| slice.part(place * size..(place + 1) * size).into())
            .collect()
    }

    fn point(&self, point: &Projective) -> Result<G1> {
        let coordinates = [&point.x, &point.y, &point.z].map(from_canonical);
        let affine = |x: Fq, y: Fq, z: Fq| -> Option<G1Affine> {
            let inverse: Fq = Option::from(z.invert())?;
            Option::from(G1Affine::from_xy(x * inverse, y * inverse))
        };
        let point = match coordinates {
            [Some(_), Some(_), Some(z)] if z == Fq::ZERO => Some(G1::default()),
            [Some(x), Some(y), Some(z)] => affine(x, y, z).map(G1::from),
            _ => None,
        };
        point.ok_or_else(|| self.library.fault("commit", "a commitment is no point"))
    }
}

impl Compute for Icicle {
    type Column = IcicleColumn;
    type Bases = IcicleBases;

    fn name(&self) -> String {
        self.library.name().to_owned()
    }

    fn len(&self, column: &IcicleColumn) -> usize {
        column.slice.len()
    }

    fn bases(&self, points: Vec<G1Affine>) -> Result<IcicleBases> {
        let words: Vec<Words> = points.iter().flat_map(point_words).collect();
        let montgomery = Slice::new(self.library.upload(&words)?);
        let count = points.len();
        let slice = if count == 0 {
            montgomery
        } else {
            Slice::new(self.library.convert_points(&montgomery)?)
        };
        Ok(IcicleBases { slice, count })
    }

    fn column(&self, values: Vec<Fr>) -> Result<IcicleColumn> {
        let words: Vec<Words> = values.iter().map(canonical).collect();
        let memory = self.library.upload(&words)?;
        Ok(IcicleColumn {
            slice: Slice::new(memory).part(0..words.len()),
            bits: words.iter().map(bits).max().unwrap_or(0),
        })
    }

    fn read<'a>(&self, column: &'a IcicleColumn) -> Result<Cow<'a, [Fr]>> {
        let len = column.slice.len();
        let montgomery = Slice::new(self.library.convert(&column.slice, true)?).part(0..len);
        let words = self.library.download(&montgomery)?;
        let values: Option<Vec<Fr>> = words.iter().map(from_montgomery).collect();
        let values =
            values.ok_or_else(|| self.library.fault("read", "an element is not reduced"))?;
        Ok(Cow::Owned(values))
    }

    fn commit(&self, bases: &IcicleBases, columns: &[&IcicleColumn]) -> Result<Vec<G1>> {
        if let Some(column) = columns.iter().find(|c| c.slice.len() > bases.count) {
            let detail = format!("{} elements for {} points", column.slice.len(), bases.count);
            return Err(shape("commit", detail));
        }
        let size = columns.iter().map(|c| c.slice.len()).max().unwrap_or(0);
        if size == 0 {
            return Ok(vec![G1::default(); columns.len()]);
        }
        let slices: Vec<&Slice> = columns.iter().map(|column| &column.slice).collect();
        let scalars = self.together(&slices, size)?;
        let bits = columns.iter().map(|c| c.bits).max().unwrap_or(BITS).max(1);
        let points = self.library.msm(&scalars, &bases.slice, size, bits)?;
        points.iter().map(|point| self.point(point)).collect()
    }

    fn to_coefficients(
        &self,
        domain: &Domain,
        columns: Vec<IcicleColumn>,
    ) -> Result<Vec<IcicleColumn>> {
        const STEP: &str = "to coefficients";
        self.same_length(STEP, &columns.iter().collect::<Vec<_>>(), domain.n())?;
        if !self.transforms(STEP, domain)? {
            return self.host().to_coefficients(domain, columns);
        }
        if columns.is_empty() {
            return Ok(columns);
        }
        let slices: Vec<&Slice> = columns.iter().map(|column| &column.slice).collect();
        let values = self.together(&slices, domain.n())?;
        let made = self.library.ntt(Direction::Inverse, domain.k(), &values)?;
        Ok(self.apart(&Slice::new(made), domain.n(), columns.len()))
    }

    fn to_coset(
        &self,
        domain: &Domain,
        shift: Fr,
        columns: &[&IcicleColumn],
        reuse: Vec<IcicleColumn>,
    ) -> Result<Vec<IcicleColumn>> {
        const STEP: &str = "to a coset";
        let n = domain.n();
        if let Some(column) = columns.iter().find(|c| !c.slice.len().is_multiple_of(n)) {
            let detail = format!("{} coefficients for {n} points", column.slice.len());
            return Err(shape(STEP, detail));
        }
        // Their memory goes back to the pool.
        drop(reuse);
        if !self.transforms(STEP, domain)? {
            return self.host().to_coset(domain, shift, columns);
        }
        if columns.is_empty() {
            return Ok(Vec::new());
        }
        let powers = self.powers(n, shift, Fr::ONE)?;
        let power = shift.pow_vartime([n as u64]);
        let mut shifted = self.library.memory(columns.len() * n)?;
        for (place, column) in columns.iter().enumerate() {
            let folded;
            let column = if column.slice.len() == n {
                &column.slice
            } else {
                folded = self.host().fold(column, n, power)?;
                &folded.slice
            };
            let operands = (column, &powers);
            self.library
                .vectors(Operation::Multiply, operands, &mut shifted, place * n)?;
        }
        let shifted = Slice::new(shifted);
        let made = self.library.ntt(Direction::Forward, domain.k(), &shifted)?;
        Ok(self.apart(&Slice::new(made), n, columns.len()))
    }

    fn coset_to_coefficients(
        &self,
        domain: &Domain,
        shift: Fr,
        scale: Fr,
        column: IcicleColumn,
    ) -> Result<IcicleColumn> {
        const STEP: &str = "from a coset";
        self.same_length(STEP, &[&column], domain.n())?;
        if !self.transforms(STEP, domain)? {
            return self
                .host()
                .coset_to_coefficients(domain, shift, scale, &column);
        }
        let unshift = Option::from(shift.invert()).unwrap_or(Fr::ZERO);
        let powers = self.powers(domain.n(), unshift, scale)?;
        let shifted = self
            .library
            .ntt(Direction::Inverse, domain.k(), &column.slice)?;
        let shifted = Slice::new(shifted);
        let mut made = self.library.memory(domain.n())?;
        self.library
            .vectors(Operation::Multiply, (&shifted, &powers), &mut made, 0)?;
        Ok(made.into())
    }

    fn run(
        &self,
        program: &Program,
        columns: &[&IcicleColumn],
        parameters: &[Fr],
    ) -> Result<Vec<IcicleColumn>> {
        const STEP: &str = "a program";
        let rows = columns.first().map_or(0, |column| column.slice.len());
        self.same_length(STEP, columns, rows)?;
        if columns.len() < program.columns() || parameters.len() < program.parameters() {
            let (columns, parameters) = (columns.len(), parameters.len());
            let detail = format!("{columns} columns and {parameters} parameters are too few");
            return Err(shape(STEP, detail));
        }
        if rows == 0 {
            return self.host().run(program, columns, parameters);
        }
        let columns: Vec<&Slice> = columns.iter().map(|column| &column.slice).collect();
        let outputs = program::run(
            &self.library,
            &program.operations(parameters),
            &columns,
            rows,
        )?;
        Ok(outputs.into_iter().map(IcicleColumn::from).collect())
    }

    fn interleave(&self, columns: Vec<IcicleColumn>) -> Result<IcicleColumn> {
        self.host().interleave(columns)
    }

    fn running_products(
        &self,
        numerators: Vec<IcicleColumn>,
        denominators: Vec<IcicleColumn>,
        last: usize,
        chained: bool,
    ) -> Result<Vec<Vec<Fr>>> {
        self.host()
            .running_products(numerators, denominators, last, chained)
    }

    fn evaluate(&self, evaluations: &[Evaluation<'_, IcicleColumn>]) -> Result<Vec<Fr>> {
        self.host().evaluate(evaluations)
    }

    fn combine(&self, terms: &[Term<'_, IcicleColumn>], len: usize) -> Result<IcicleColumn> {
        let whole = terms.iter().all(|term| term.column.slice.len() == len);
        if terms.is_empty() || !whole || len == 0 {
            return self.host().combine(terms, len);
        }
        let mut sum: Option<Slice> = None;
        for term in terms {
            let factor = canonical(&term.factor);
            let column = &term.column.slice;
            let product = self.library.scalar(Operation::Multiply, &factor, column)?;
            let product = Slice::new(product);
            sum = Some(match sum {
                None => product,
                Some(sum) => {
                    let mut next = self.library.memory(len)?;
                    self.library
                        .vectors(Operation::Add, (&sum, &product), &mut next, 0)?;
                    Slice::new(next)
                }
            });
        }
        sum.map(IcicleColumn::from)
            .ok_or_else(|| self.library.fault("combine", "nothing was made"))
    }

    fn divide(&self, polynomials: Vec<Division<'_, IcicleColumn>>) -> Result<Vec<IcicleColumn>> {
        self.host().divide(polynomials)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_those_of_the_number() {
        assert_eq!(bits(&[0; 4]), 0);
        assert_eq!(bits(&[1, 0, 0, 0]), 1);
        assert_eq!(bits(&[u64::MAX, 0, 0, 0]), 64);
        assert_eq!(bits(&[0, 1, 0, 0]), 65);
        assert_eq!(bits(&canonical(&-Fr::ONE)), 254);
    }

    #[test]
    fn device_is_a_type_and_a_number() {
        assert_eq!(
            device("CUDA:3").map(|d| (d.kind[..5].to_vec(), d.id)),
            Some((b"CUDA\0".to_vec(), 3))
        );
        assert_eq!(device("CPU").map(|d| d.id), Some(0));
        for wrong in ["", ":1", "CUDA:", "CUDA:x", &"x".repeat(64)] {
            assert_eq!(device(wrong), None, "{wrong}");
        }
    }
}
