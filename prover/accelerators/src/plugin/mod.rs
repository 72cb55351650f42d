//! Accelerators by a small C interface of our own, `include/chainfer_compute.h`.
//!
//! A library may leave steps out; the processor does those, and the few that the interface does not have (running
//! products, divisions, interleaving, and folding where a coset is done in parts).

pub mod abi;
mod context;

use crate::element::{from_montgomery, montgomery, point_words};
use crate::error::LoadError;
use crate::host::Host;
use abi::Element;
use chainfer_compute::backend::{Compute, ComputeError, Cpu, Division, Evaluation, Result, Term};
use chainfer_compute::msm::{self, msm_batch};
use chainfer_compute::ntt::Domain;
use chainfer_compute::quotient::{Operation, Program};
use context::{Context, Handle};
use halo2curves::CurveAffine as _;
use halo2curves::bn256::{Fq, Fr, G1, G1Affine};
use halo2curves::ff::{Field, PrimeField as _};
use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

/// A device that a plug-in drives.
#[derive(Debug)]
pub struct Plugin {
    context: Arc<Context>,
    cpu: Cpu,
}

/// A column that a plug-in holds.
#[derive(Debug)]
pub struct PluginColumn(Handle);

/// Points that a plug-in holds, or the processor where the plug-in leaves commitments out.
#[derive(Debug)]
pub struct PluginBases(Points);

#[derive(Debug)]
enum Points {
    Device(Handle),
    Host(msm::Bases),
}

impl PluginBases {
    fn len(&self) -> usize {
        match &self.0 {
            Points::Device(bases) => bases.len(),
            Points::Host(bases) => bases.len(),
        }
    }
}

/// The parameters of a transform but for its size.
struct Transform {
    root: Fr,
    into: Fr,
    out: Fr,
    scale: Fr,
}

fn element(value: &Fr) -> Element {
    Element {
        words: montgomery(value),
    }
}

fn shape(step: &'static str, detail: String) -> ComputeError {
    ComputeError::Shape { step, detail }
}

fn inverse(value: Fr) -> Fr {
    Option::from(value.invert()).unwrap_or(Fr::ZERO)
}

impl Plugin {
    /// Loads a library, and asks it for a device.
    ///
    /// # Errors
    /// The library is not there, has another interface, or does not give the device.
    pub fn open(library: &Path, device: &str) -> std::result::Result<Self, LoadError> {
        Ok(Plugin {
            context: Context::open(library, device)?,
            cpu: Cpu::detect(),
        })
    }

    fn host(&self) -> Host<'_, Self> {
        Host {
            device: self,
            cpu: self.cpu,
        }
    }

    fn same_length(&self, step: &'static str, columns: &[&PluginColumn], len: usize) -> Result<()> {
        match columns.iter().find(|column| column.0.len() != len) {
            None => Ok(()),
            Some(column) => {
                let got = column.0.len();
                Err(shape(step, format!("a column has {got} elements of {len}")))
            }
        }
    }

    fn transform(
        &self,
        domain: &Domain,
        transform: &Transform,
        columns: &[&PluginColumn],
    ) -> Result<Vec<PluginColumn>> {
        let parameters = abi::Ntt {
            k: domain.k(),
            reserved: 0,
            root: element(&transform.root),
            into: element(&transform.into),
            out: element(&transform.out),
            scale: element(&transform.scale),
        };
        let columns: Vec<&Handle> = columns.iter().map(|column| &column.0).collect();
        let made = self.context.ntt(&parameters, &columns)?;
        Ok(made.into_iter().map(PluginColumn).collect())
    }

    fn elements(&self, step: &'static str, words: &[Element]) -> Result<Vec<Fr>> {
        words
            .iter()
            .map(|element| from_montgomery(&element.words))
            .collect::<Option<_>>()
            .ok_or_else(|| {
                self.context
                    .fault(step, "an element is not reduced".to_owned())
            })
    }

    fn point(&self, point: &abi::Point) -> Result<G1> {
        if *point == abi::Point::default() {
            return Ok(G1::default());
        }
        let coordinate = |element: &Element| from_montgomery::<Fq>(&element.words);
        coordinate(&point.x)
            .zip(coordinate(&point.y))
            .and_then(|(x, y)| Option::from(G1Affine::from_xy(x, y)))
            .map(|point: G1Affine| point.into())
            .ok_or_else(|| {
                self.context
                    .fault("commit", "a commitment is no point".to_owned())
            })
    }
}

impl Compute for Plugin {
    type Column = PluginColumn;
    type Bases = PluginBases;

    fn name(&self) -> String {
        self.context.name().to_owned()
    }

    fn len(&self, column: &PluginColumn) -> usize {
        column.0.len()
    }

    fn bases(&self, points: Vec<G1Affine>) -> Result<PluginBases> {
        if !self.context.has_commit() {
            return Ok(PluginBases(Points::Host(msm::Bases::new(&points))));
        }
        let points: Vec<abi::Point> = points
            .iter()
            .map(|point| {
                let [x, y] = point_words(point).map(|words| Element { words });
                abi::Point { x, y }
            })
            .collect();
        Ok(PluginBases(Points::Device(self.context.bases(&points)?)))
    }

    fn column(&self, values: Vec<Fr>) -> Result<PluginColumn> {
        let values: Vec<Element> = values.iter().map(element).collect();
        Ok(PluginColumn(self.context.column(&values)?))
    }

    fn read<'a>(&self, column: &'a PluginColumn) -> Result<Cow<'a, [Fr]>> {
        let words = self.context.read(&column.0)?;
        Ok(Cow::Owned(self.elements("read", &words)?))
    }

    fn commit(&self, bases: &PluginBases, columns: &[&PluginColumn]) -> Result<Vec<G1>> {
        if let Some(column) = columns.iter().find(|c| c.0.len() > bases.len()) {
            let detail = format!("{} elements for {} points", column.0.len(), bases.len());
            return Err(shape("commit", detail));
        }
        match &bases.0 {
            Points::Device(bases) => {
                let columns: Vec<&Handle> = columns.iter().map(|column| &column.0).collect();
                let points = self.context.commit(bases, &columns)?;
                points.iter().map(|point| self.point(point)).collect()
            }
            Points::Host(bases) => {
                let columns = self.host().read(columns)?;
                let columns: Vec<&[Fr]> = columns.iter().map(Vec::as_slice).collect();
                Ok(msm_batch(self.cpu.arithmetic(), bases, &columns))
            }
        }
    }

    fn to_coefficients(
        &self,
        domain: &Domain,
        columns: Vec<PluginColumn>,
    ) -> Result<Vec<PluginColumn>> {
        let all: Vec<&PluginColumn> = columns.iter().collect();
        self.same_length("to coefficients", &all, domain.n())?;
        if !self.context.has_ntt() {
            return self.host().to_coefficients(domain, columns);
        }
        let transform = Transform {
            root: inverse(domain.omega()),
            into: Fr::ONE,
            out: Fr::ONE,
            scale: Fr::TWO_INV.pow_vartime([u64::from(domain.k())]),
        };
        self.transform(domain, &transform, &all)
    }

    fn to_coset(
        &self,
        domain: &Domain,
        shift: Fr,
        columns: &[&PluginColumn],
        reuse: Vec<PluginColumn>,
    ) -> Result<Vec<PluginColumn>> {
        if let Some(column) = columns
            .iter()
            .find(|c| !c.0.len().is_multiple_of(domain.n()))
        {
            let (got, points) = (column.0.len(), domain.n());
            let detail = format!("{got} coefficients for {points} points");
            return Err(shape("to a coset", detail));
        }
        // Their memory is the library's to use again.
        drop(reuse);
        if !self.context.has_ntt() {
            return self.host().to_coset(domain, shift, columns);
        }
        let transform = Transform {
            root: domain.omega(),
            into: shift,
            out: Fr::ONE,
            scale: Fr::ONE,
        };
        let power = shift.pow_vartime([domain.n() as u64]);
        let folded: Vec<Option<PluginColumn>> = columns
            .iter()
            .map(|column| {
                let is_longer = column.0.len() != domain.n();
                let fold = || self.host().fold(column, domain.n(), power);
                is_longer.then(fold).transpose()
            })
            .collect::<Result<_>>()?;
        let columns: Vec<&PluginColumn> = columns
            .iter()
            .zip(&folded)
            .map(|(column, folded)| folded.as_ref().unwrap_or(column))
            .collect();
        self.transform(domain, &transform, &columns)
    }

    fn coset_to_coefficients(
        &self,
        domain: &Domain,
        shift: Fr,
        scale: Fr,
        column: PluginColumn,
    ) -> Result<PluginColumn> {
        const STEP: &str = "from a coset";
        self.same_length(STEP, &[&column], domain.n())?;
        if !self.context.has_ntt() {
            return self
                .host()
                .coset_to_coefficients(domain, shift, scale, &column);
        }
        let transform = Transform {
            root: inverse(domain.omega()),
            into: Fr::ONE,
            out: inverse(shift),
            scale: scale * Fr::TWO_INV.pow_vartime([u64::from(domain.k())]),
        };
        let made = self.transform(domain, &transform, &[&column])?;
        let only = made.into_iter().next();
        only.ok_or_else(|| self.context.fault(STEP, "nothing was made".to_owned()))
    }

    fn run(
        &self,
        program: &Program,
        columns: &[&PluginColumn],
        parameters: &[Fr],
    ) -> Result<Vec<PluginColumn>> {
        const STEP: &str = "a program";
        let rows = columns.first().map_or(0, |column| column.0.len());
        self.same_length(STEP, columns, rows)?;
        if columns.len() < program.columns() || parameters.len() < program.parameters() {
            let (columns, parameters) = (columns.len(), parameters.len());
            let detail = format!("{columns} columns and {parameters} parameters are too few");
            return Err(shape(STEP, detail));
        }
        if !self.context.has_run() {
            return self.host().run(program, columns, parameters);
        }
        let plain = program.operations(parameters);
        let constants: Vec<Element> = plain.constants.iter().map(element).collect();
        let operations: Vec<abi::Operation> = plain.operations.iter().map(operation).collect();
        let columns: Vec<&Handle> = columns.iter().map(|column| &column.0).collect();
        let sizes = (plain.registers, plain.outputs);
        let made = self
            .context
            .run(sizes, &constants, &operations, &columns, rows)?;
        Ok(made.into_iter().map(PluginColumn).collect())
    }

    fn interleave(&self, columns: Vec<PluginColumn>) -> Result<PluginColumn> {
        self.host().interleave(columns)
    }

    fn running_products(
        &self,
        numerators: Vec<PluginColumn>,
        denominators: Vec<PluginColumn>,
        last: usize,
        chained: bool,
    ) -> Result<Vec<Vec<Fr>>> {
        self.host()
            .running_products(numerators, denominators, last, chained)
    }

    fn evaluate(&self, evaluations: &[Evaluation<'_, PluginColumn>]) -> Result<Vec<Fr>> {
        if !self.context.has_evaluate() {
            return self.host().evaluate(evaluations);
        }
        let columns: Vec<&Handle> = evaluations.iter().map(|e| &e.polynomial.0).collect();
        let points: Vec<Element> = evaluations.iter().map(|e| element(&e.point)).collect();
        let values = self.context.evaluate(&columns, &points)?;
        self.elements("evaluate", &values)
    }

    fn combine(&self, terms: &[Term<'_, PluginColumn>], len: usize) -> Result<PluginColumn> {
        if !self.context.has_combine() {
            return self.host().combine(terms, len);
        }
        let factors: Vec<Element> = terms.iter().map(|term| element(&term.factor)).collect();
        let columns: Vec<&Handle> = terms.iter().map(|term| &term.column.0).collect();
        let made = self.context.combine(&factors, &columns, len)?;
        Ok(PluginColumn(made))
    }

    fn divide(&self, polynomials: Vec<Division<'_, PluginColumn>>) -> Result<Vec<PluginColumn>> {
        self.host().divide(polynomials)
    }
}

fn operation(operation: &Operation) -> abi::Operation {
    let (code, to, a, b) = match *operation {
        Operation::Column {
            to,
            column,
            rotation,
        } => (abi::COLUMN, to, column, rotation),
        Operation::Constant { to, constant } => (abi::CONSTANT, to, constant, 0),
        Operation::Add { to, a, b } => (abi::ADD, to, a, b as i32),
        Operation::Subtract { to, a, b } => (abi::SUBTRACT, to, a, b as i32),
        Operation::Multiply { to, a, b } => (abi::MULTIPLY, to, a, b as i32),
        Operation::Output { from, output } => (abi::OUTPUT, output, from, 0),
    };
    abi::Operation {
        code,
        to: to as u32,
        a: a as u32,
        b,
    }
}
