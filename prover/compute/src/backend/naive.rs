//! The reference: every step by its definition.

use super::{Compute, ComputeError, Division, Evaluation, Result, Term};
use crate::ntt::Domain;
use crate::quotient::{Operation, Program};
use halo2curves::bn256::{Fr, G1, G1Affine};
use halo2curves::ff::Field;
use std::borrow::Cow;

/// Plain loops over field elements, without haste: what other back ends are compared with.
#[derive(Clone, Copy, Debug, Default)]
pub struct Naive;

fn shape(step: &'static str, detail: String) -> ComputeError {
    ComputeError::Shape { step, detail }
}

fn require_length(step: &'static str, column: &[Fr], len: usize) -> Result<()> {
    if column.len() == len {
        return Ok(());
    }
    let detail = format!("a column has {} elements of {len}", column.len());
    Err(shape(step, detail))
}

/// The sum of c_i · point^i.
fn value(coefficients: &[Fr], point: Fr) -> Fr {
    let mut power = Fr::ONE;
    let mut sum = Fr::ZERO;
    for c in coefficients {
        sum += power * c;
        power *= point;
    }
    sum
}

/// The polynomial's coefficients times scale, from its values on shift · omega^t: c_i = scale / n · shift^-i · sum of v_t · omega^(-it).
fn interpolate(domain: &Domain, shift: Fr, scale: Fr, values: &[Fr]) -> Vec<Fr> {
    let n_inverse = Fr::from(2).pow_vartime([u64::from(domain.k())]).invert();
    let factor = scale * n_inverse.unwrap_or(Fr::ZERO);
    let (back, unshift) = (
        domain.omega().invert().unwrap_or(Fr::ZERO),
        shift.invert().unwrap_or(Fr::ZERO),
    );
    (0..values.len() as u64)
        .map(|i| factor * unshift.pow_vartime([i]) * value(values, back.pow_vartime([i])))
        .collect()
}

impl Compute for Naive {
    type Column = Vec<Fr>;
    type Bases = Vec<G1Affine>;

    fn name(&self) -> String {
        "naive".to_owned()
    }

    fn len(&self, column: &Vec<Fr>) -> usize {
        column.len()
    }

    fn bases(&self, points: Vec<G1Affine>) -> Result<Vec<G1Affine>> {
        Ok(points)
    }

    fn column(&self, values: Vec<Fr>) -> Result<Vec<Fr>> {
        Ok(values)
    }

    fn read<'a>(&self, column: &'a Vec<Fr>) -> Result<Cow<'a, [Fr]>> {
        Ok(Cow::Borrowed(column))
    }

    fn commit(&self, bases: &Vec<G1Affine>, columns: &[&Vec<Fr>]) -> Result<Vec<G1>> {
        let one = |column: &&Vec<Fr>| {
            if column.len() > bases.len() {
                let detail = format!("{} elements for {} points", column.len(), bases.len());
                return Err(shape("commit", detail));
            }
            let products = bases.iter().zip(*column).map(|(point, c)| *point * *c);
            Ok(products.fold(G1::default(), |sum, product| sum + product))
        };
        columns.iter().map(one).collect()
    }

    fn to_coefficients(&self, domain: &Domain, columns: Vec<Vec<Fr>>) -> Result<Vec<Vec<Fr>>> {
        let one = |column: &Vec<Fr>| {
            require_length("to coefficients", column, domain.n())?;
            Ok(interpolate(domain, Fr::ONE, Fr::ONE, column))
        };
        columns.iter().map(one).collect()
    }

    fn to_coset(
        &self,
        domain: &Domain,
        shift: Fr,
        columns: &[&Vec<Fr>],
        _reuse: Vec<Vec<Fr>>,
    ) -> Result<Vec<Vec<Fr>>> {
        let one = |column: &&Vec<Fr>| {
            if !column.len().is_multiple_of(domain.n()) {
                let (got, points) = (column.len(), domain.n());
                return Err(shape(
                    "to a coset",
                    format!("{got} coefficients for {points} points"),
                ));
            }
            Ok((0..domain.n() as i32)
                .map(|t| value(column, domain.rotate(shift, t)))
                .collect())
        };
        columns.iter().map(one).collect()
    }

    fn coset_to_coefficients(
        &self,
        domain: &Domain,
        shift: Fr,
        scale: Fr,
        column: Vec<Fr>,
    ) -> Result<Vec<Fr>> {
        require_length("from a coset", &column, domain.n())?;
        Ok(interpolate(domain, shift, scale, &column))
    }

    fn run(
        &self,
        program: &Program,
        columns: &[&Vec<Fr>],
        parameters: &[Fr],
    ) -> Result<Vec<Vec<Fr>>> {
        let rows = columns.first().map_or(0, |column| column.len());
        for column in columns {
            require_length("a program", column, rows)?;
        }
        if columns.len() < program.columns() || parameters.len() < program.parameters() {
            let (columns, parameters) = (columns.len(), parameters.len());
            let detail = format!("{columns} columns and {parameters} parameters are too few");
            return Err(shape("a program", detail));
        }
        let plain = program.operations(parameters);
        let mut outputs = vec![Vec::new(); plain.outputs];
        let mut registers = vec![Fr::ZERO; plain.registers];
        for row in 0..rows {
            for operation in &plain.operations {
                match *operation {
                    Operation::Column {
                        to,
                        column,
                        rotation,
                    } => {
                        let at = (row as i64 + i64::from(rotation)).rem_euclid(rows as i64);
                        registers[to] = columns[column][at as usize];
                    }
                    Operation::Constant { to, constant } => {
                        registers[to] = plain.constants[constant];
                    }
                    Operation::Add { to, a, b } => registers[to] = registers[a] + registers[b],
                    Operation::Subtract { to, a, b } => registers[to] = registers[a] - registers[b],
                    Operation::Multiply { to, a, b } => registers[to] = registers[a] * registers[b],
                    Operation::Output { from, output } => outputs[output].push(registers[from]),
                }
            }
        }
        Ok(outputs)
    }

    fn interleave(&self, columns: Vec<Vec<Fr>>) -> Result<Vec<Fr>> {
        let len = columns.first().map_or(0, Vec::len);
        for column in &columns {
            require_length("interleaving", column, len)?;
        }
        let row = |row: usize| columns.iter().map(move |column| column[row]);
        Ok((0..len).flat_map(row).collect())
    }

    fn running_products(
        &self,
        numerators: Vec<Vec<Fr>>,
        denominators: Vec<Vec<Fr>>,
        last: usize,
        chained: bool,
    ) -> Result<Vec<Vec<Fr>>> {
        let mut start = Fr::ONE;
        let mut all = Vec::new();
        for (numerators, denominators) in numerators.iter().zip(&denominators) {
            require_length("running products", denominators, numerators.len())?;
            let mut product = start;
            let mut column = Vec::new();
            for (numerator, denominator) in numerators.iter().zip(denominators) {
                column.push(product);
                product *= *numerator * denominator.invert().unwrap_or(Fr::ZERO);
            }
            if chained {
                start = column.get(last).copied().unwrap_or(Fr::ONE);
            }
            all.push(column);
        }
        Ok(all)
    }

    fn evaluate(&self, evaluations: &[Evaluation<'_, Vec<Fr>>]) -> Result<Vec<Fr>> {
        let one = |e: &Evaluation<'_, Vec<Fr>>| value(e.polynomial, e.point);
        Ok(evaluations.iter().map(one).collect())
    }

    fn combine(&self, terms: &[Term<'_, Vec<Fr>>], len: usize) -> Result<Vec<Fr>> {
        let mut sum = vec![Fr::ZERO; len];
        for term in terms {
            for (sum, value) in sum.iter_mut().zip(term.column) {
                *sum += term.factor * value;
            }
        }
        Ok(sum)
    }

    /// Schoolbook division by the product of all X - root.
    fn divide(&self, polynomials: Vec<Division<'_, Vec<Fr>>>) -> Result<Vec<Vec<Fr>>> {
        let one = |division: Division<'_, Vec<Fr>>| {
            let mut divisor = vec![Fr::ONE];
            for root in &division.roots {
                let mut next = vec![Fr::ZERO; divisor.len() + 1];
                for (i, c) in divisor.iter().enumerate() {
                    next[i + 1] += c;
                    next[i] -= *root * c;
                }
                divisor = next;
            }
            let mut rest = division.polynomial.clone();
            for (c, low) in rest.iter_mut().zip(&division.low) {
                *c -= low;
            }
            let mut quotient = vec![Fr::ZERO; rest.len()];
            for at in (0..(rest.len() + 1).saturating_sub(divisor.len())).rev() {
                let c = rest[at + divisor.len() - 1];
                quotient[at] = c;
                for (i, d) in divisor.iter().enumerate() {
                    rest[at + i] -= c * d;
                }
            }
            quotient
        };
        Ok(polynomials.into_iter().map(one).collect())
    }
}
