//! Keys from a circuit, with the commitments that halo2's own key generation makes.

use crate::copies::{Copies, Sigmas};
use crate::domain::verifying_key;
use crate::error::Result;
use crate::key::usable_rows;
use crate::setup::Setup;
use crate::source::{Basis, KeyColumn, KeyColumns};
use chainfer_compute::backend::Compute;
use halo2_proofs::circuit::Value;
use halo2_proofs::plonk::{
    Advice, Any, Assigned, Assignment, Challenge, Circuit, Column, ConstraintSystem, Error, Fixed,
    FloorPlanner, Instance, Selector, VerifyingKey,
};
use halo2curves::bn256::{Fr, G1, G1Affine};
use halo2curves::ff::{BatchInvert, Field};
use halo2curves::group::Curve;
use std::collections::BTreeMap;

/// Makes the keys of a circuit, without compression of selectors. Only its structure and fixed values matter.
///
/// # Errors
/// The circuit does not fit the setup, or assigns what it must not.
pub fn keygen<C: Compute, D: Circuit<Fr>>(
    compute: &C,
    setup: &Setup<C::Bases>,
    circuit: &D,
) -> Result<(VerifyingKey<G1Affine>, KeyColumns)> {
    let (mut fixed, mut sigmas) = (Vec::new(), Vec::new());
    let mut keep = |column: KeyColumn, values: &[Fr]| {
        match column {
            KeyColumn::Fixed(_) => fixed.push(values.to_vec()),
            KeyColumn::Sigma(_) => sigmas.push(values.to_vec()),
        }
        Ok(())
    };
    let vk = Structure::of(circuit, setup.k())?.keys(compute, setup, &mut keep)?;
    Ok((vk, KeyColumns { fixed, sigmas }))
}

/// What keys are made of: the fixed values and the copies of a circuit, which may be dropped before they are.
#[derive(Debug)]
pub struct Structure {
    cs: ConstraintSystem<Fr>,
    k: u32,
    /// Selectors are the last of them.
    fixed: Vec<FixedCells>,
    copies: Copies,
}

/// Is called with every column of a key as it is made, in coefficients: all fixed ones in order, then all permutation columns.
pub type Keep<'a> = dyn FnMut(KeyColumn, &[Fr]) -> Result<()> + 'a;

impl Structure {
    /// Of a circuit with 2^k rows. Selectors become fixed columns.
    ///
    /// # Errors
    /// The circuit does not fit the rows, or assigns what it must not.
    pub fn of<D: Circuit<Fr>>(circuit: &D, k: u32) -> Result<Self> {
        let mut cs = ConstraintSystem::default();
        let config = D::configure_with_params(&mut cs, circuit.params());
        let n = 1usize << k;
        let columns = cs.num_fixed_columns() + cs.num_selectors();
        let mut assembly = Assembly {
            k,
            usable: usable_rows(&cs, k)?,
            first_selector: cs.num_fixed_columns(),
            fixed: (0..columns).map(|_| FixedCells::new(n)).collect(),
            copies: Copies::new(cs.permutation().get_columns(), n)?,
            failed: None,
        };
        D::FloorPlanner::synthesize(&mut assembly, circuit, config, cs.constants().clone())?;
        if let Some(error) = assembly.failed {
            return Err(error.into());
        }
        // Their values are here already.
        let selectors = vec![Vec::new(); cs.num_selectors()];
        let (cs, _) = cs.directly_convert_selectors_to_fixed(selectors);
        Ok(Structure {
            cs,
            k,
            fixed: assembly.fixed,
            copies: assembly.copies.finished(),
        })
    }

    /// Both keys. Columns of the proving key are handed over as they are made, and not kept.
    ///
    /// # Errors
    /// The setup has another size, the back end fails, or what `keep` says.
    pub fn keys<C: Compute>(
        self,
        compute: &C,
        setup: &Setup<C::Bases>,
        keep: &mut Keep<'_>,
    ) -> Result<VerifyingKey<G1Affine>> {
        self.commit(compute, setup, Some(keep))
    }

    /// The verifying key alone.
    ///
    /// # Errors
    /// The setup has another size, or the back end fails.
    pub fn verifying_key<C: Compute>(
        self,
        compute: &C,
        setup: &Setup<C::Bases>,
    ) -> Result<VerifyingKey<G1Affine>> {
        self.commit(compute, setup, None)
    }

    fn commit<C: Compute>(
        self,
        compute: &C,
        setup: &Setup<C::Bases>,
        mut keep: Option<&mut Keep<'_>>,
    ) -> Result<VerifyingKey<G1Affine>> {
        setup.require_k(self.k)?;
        let domain = compute.domain(self.k);
        let copied = self.copies.columns();
        let count = self.fixed.len() + copied;
        let sigmas = Sigmas::new(&self.copies, &domain);
        let fixed = self.fixed.into_iter().enumerate();
        let fixed = fixed.map(|(i, cells)| (KeyColumn::Fixed(i), cells.into_values()));
        let of_copies = (0..copied).map(|i| (KeyColumn::Sigma(i), sigmas.column(i)));
        let mut columns = fixed.chain(of_copies);
        let bases = setup.basis(compute, Basis::Lagrange)?;
        let mut points = Vec::with_capacity(count);
        while points.len() < count {
            let mut names = Vec::new();
            let mut some = Vec::new();
            for (name, values) in columns.by_ref().take(rayon::current_num_threads()) {
                names.push(name);
                some.push(compute.column(values)?);
            }
            points.extend(compute.commit(bases.as_ref(), &some.iter().collect::<Vec<_>>())?);
            if let Some(keep) = &mut keep {
                let coefficients = compute.to_coefficients(&domain, some)?;
                for (name, column) in names.into_iter().zip(coefficients) {
                    keep(name, &compute.read(&column)?)?;
                }
            }
        }
        let mut commitments = vec![G1Affine::default(); points.len()];
        G1::batch_normalize(&points, &mut commitments);
        let of_sigmas = commitments.split_off(commitments.len() - copied);
        Ok(verifying_key(self.cs, self.k, commitments, of_sigmas))
    }
}

/// A fixed column while it is filled. Zeros and ones take a byte each, until there is another value; denominators, which are rare, are
/// apart.
#[derive(Debug)]
struct FixedCells {
    numerators: Numerators,
    denominators: BTreeMap<usize, Fr>,
}

#[derive(Debug)]
enum Numerators {
    Flags(Vec<bool>),
    Values(Vec<Fr>),
}

fn of_flag(flag: bool) -> Fr {
    if flag { Fr::ONE } else { Fr::ZERO }
}

impl FixedCells {
    fn new(rows: usize) -> Self {
        FixedCells {
            numerators: Numerators::Flags(vec![false; rows]),
            denominators: BTreeMap::new(),
        }
    }

    fn set(&mut self, row: usize, to: Assigned<Fr>) {
        let numerator = to.numerator();
        if let Numerators::Flags(flags) = &mut self.numerators {
            if numerator == Fr::ZERO || numerator == Fr::ONE {
                flags[row] = numerator == Fr::ONE;
            } else {
                let values = flags.iter().map(|flag| of_flag(*flag)).collect();
                self.numerators = Numerators::Values(values);
            }
        }
        if let Numerators::Values(values) = &mut self.numerators {
            values[row] = numerator;
        }
        match to.denominator() {
            Some(denominator) => {
                self.denominators.insert(row, denominator);
            }
            None if self.denominators.is_empty() => {}
            None => {
                self.denominators.remove(&row);
            }
        }
    }

    fn into_values(self) -> Vec<Fr> {
        let mut values = match self.numerators {
            Numerators::Flags(flags) => flags.into_iter().map(of_flag).collect(),
            Numerators::Values(values) => values,
        };
        let (rows, mut inverses): (Vec<usize>, Vec<Fr>) = self.denominators.into_iter().unzip();
        inverses.iter_mut().batch_invert();
        for (row, inverse) in rows.into_iter().zip(inverses) {
            values[row] *= inverse;
        }
        values
    }
}

/// The values of a column, with all denominators inverted at once.
pub(crate) fn evaluated(cells: &[Assigned<Fr>]) -> Vec<Fr> {
    let mut inverses: Vec<Fr> = cells.iter().filter_map(|cell| cell.denominator()).collect();
    inverses.iter_mut().batch_invert();
    let mut inverses = inverses.into_iter();
    let value = |cell: &Assigned<Fr>| match cell.denominator() {
        None => cell.numerator(),
        Some(_) => cell.numerator() * inverses.next().unwrap_or(Fr::ZERO),
    };
    cells.iter().map(value).collect()
}

/// Fixed cells, selectors and copies, as halo2's layouter assigns them.
struct Assembly {
    k: u32,
    usable: usize,
    first_selector: usize,
    fixed: Vec<FixedCells>,
    copies: Copies,
    failed: Option<Error>,
}

impl Assembly {
    fn row(&self, row: usize) -> std::result::Result<(), Error> {
        if row < self.usable {
            Ok(())
        } else {
            Err(Error::NotEnoughRowsAvailable { current_k: self.k })
        }
    }

    fn note(&mut self, outcome: std::result::Result<(), Error>) {
        if let Err(error) = outcome {
            self.failed.get_or_insert(error);
        }
    }
}

impl Assignment<Fr> for Assembly {
    fn enter_region<NR, N>(&mut self, _: N)
    where
        NR: Into<String>,
        N: FnOnce() -> NR,
    {
    }

    fn exit_region(&mut self) {}

    fn enable_selector<A, AR>(
        &mut self,
        _: A,
        selector: &Selector,
        row: usize,
    ) -> std::result::Result<(), Error>
    where
        A: FnOnce() -> AR,
        AR: Into<String>,
    {
        self.row(row)?;
        let column = self
            .fixed
            .get_mut(self.first_selector + selector.index())
            .ok_or(Error::BoundsFailure)?;
        column.set(row, Assigned::Trivial(Fr::ONE));
        Ok(())
    }

    fn annotate_column<A, AR>(&mut self, _: A, _: Column<Any>)
    where
        A: FnOnce() -> AR,
        AR: Into<String>,
    {
    }

    fn query_instance(
        &self,
        _: Column<Instance>,
        row: usize,
    ) -> std::result::Result<Value<Fr>, Error> {
        self.row(row).map(|()| Value::unknown())
    }

    fn assign_advice<'v>(
        &mut self,
        _: Column<Advice>,
        _: usize,
        _: Value<Assigned<Fr>>,
    ) -> Value<&'v Assigned<Fr>> {
        Value::unknown()
    }

    fn assign_fixed(&mut self, column: Column<Fixed>, row: usize, to: Assigned<Fr>) {
        let outcome = self.row(row).and_then(|()| {
            let cells = self
                .fixed
                .get_mut(column.index())
                .ok_or(Error::BoundsFailure)?;
            cells.set(row, to);
            Ok(())
        });
        self.note(outcome);
    }

    fn copy(&mut self, left: Column<Any>, left_row: usize, right: Column<Any>, right_row: usize) {
        let outcome = self.row(left_row).and_then(|()| {
            self.row(right_row)?;
            let (a, b) = (
                self.copies.cell(left, left_row)?,
                self.copies.cell(right, right_row)?,
            );
            self.copies.join(a, b);
            Ok(())
        });
        self.note(outcome);
    }

    fn fill_from_row(
        &mut self,
        column: Column<Fixed>,
        from_row: usize,
        to: Value<Assigned<Fr>>,
    ) -> std::result::Result<(), Error> {
        self.row(from_row)?;
        let mut filler = None;
        to.map(|value| filler = Some(value));
        let filler = filler.ok_or(Error::Synthesis)?;
        let cells = self
            .fixed
            .get_mut(column.index())
            .ok_or(Error::BoundsFailure)?;
        for row in from_row..self.usable {
            cells.set(row, filler);
        }
        Ok(())
    }

    fn get_challenge(&self, _: Challenge) -> Value<Fr> {
        Value::unknown()
    }

    fn push_namespace<NR, N>(&mut self, _: N)
    where
        NR: Into<String>,
        N: FnOnce() -> NR,
    {
    }

    fn pop_namespace(&mut self, _: Option<String>) {}
}
