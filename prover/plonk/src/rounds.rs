//! The rounds that commit to the witness and to the products of its arguments.

use crate::error::{PlonkError, Result};
use crate::key::ProvingKey;
use crate::lookup;
use crate::open::write_points;
use crate::permutation;
use crate::prove::{Round, Values};
use crate::source::{Basis, KeyColumn, Lent, refs};
use crate::witness::{Filled, Handed, Phases, Witness};
use chainfer_compute::backend::Compute;
use halo2_proofs::plonk::{Any, Column};
use halo2_proofs::transcript::{EncodedChallenge, TranscriptWrite};
use halo2curves::bn256::{Fr, G1Affine};
use halo2curves::ff::Field;
use rand::RngCore;
use rayon::prelude::*;

/// The advice columns while they are filled.
struct Taking<'r, 'a, C: Compute, R, T, E> {
    round: &'r mut Round<'a, C, R, T, E>,
    advice: Vec<Option<Taken<C::Column>>>,
    challenges: Vec<Fr>,
}

/// What was committed to.
enum Taken<P> {
    Column(P),
    /// The blinding rows of a column that was lent.
    Blinds(Vec<Fr>),
}

impl<C, R, E, T> Filled for Taking<'_, '_, C, R, T, E>
where
    C: Compute,
    R: RngCore,
    E: EncodedChallenge<G1Affine>,
    T: TranscriptWrite<G1Affine, E>,
{
    fn phase(&mut self, phase: u8, columns: Vec<(usize, Handed<'_>)>) -> Result<Vec<(usize, Fr)>> {
        let Taking {
            round,
            advice,
            challenges,
        } = self;
        let (n, usable) = (round.n(), round.usable);
        let bases = round.setup.basis(round.compute, Basis::Lagrange)?;
        let mut columns = columns.into_iter();
        loop {
            let (mut some, mut places) = (Vec::new(), Vec::new());
            for (index, handed) in columns.by_ref().take(round.at_once()) {
                let (mut values, is_lent) = match handed {
                    Handed::Over(mut values) => {
                        values.reserve_exact(n.saturating_sub(values.len()));
                        values.resize(n, Fr::ZERO);
                        (values, false)
                    }
                    Handed::Lent(lent) => {
                        let mut values = vec![Fr::ZERO; n];
                        values[..lent.len()].copy_from_slice(lent);
                        (values, true)
                    }
                };
                round.blind(&mut values[usable..]);
                // Without a limit, what was copied is kept.
                let blinds =
                    (is_lent && round.limits.at_once.is_some()).then(|| values[usable..].to_vec());
                places.push((index, blinds));
                some.push(round.compute.column(values)?);
            }
            if some.is_empty() {
                break;
            }
            let points = round
                .compute
                .commit(bases.as_ref(), &some.iter().collect::<Vec<_>>())?;
            write_points(&points, round.transcript)?;
            for ((index, blinds), column) in places.into_iter().zip(some) {
                advice[index] = Some(blinds.map_or(Taken::Column(column), Taken::Blinds));
            }
        }
        drop(bases);
        let mut known = Vec::new();
        for (index, of) in round.vk.cs().challenge_phase().into_iter().enumerate() {
            if of == phase {
                let value: Fr = *round.transcript.squeeze_challenge_scalar::<()>();
                challenges[index] = value;
                known.push((index, value));
            }
        }
        Ok(known)
    }

    fn given(&mut self, column: usize, mut values: Vec<Fr>) -> Result<()> {
        let (n, usable) = (self.round.n(), self.round.usable);
        match self.advice.get_mut(column) {
            Some(Some(Taken::Column(_))) => Ok(()),
            Some(Some(place)) if values.len() <= usable => {
                values.reserve_exact(n - values.len());
                values.resize(n, Fr::ZERO);
                if let Taken::Blinds(blinds) = place {
                    values[usable..].copy_from_slice(blinds);
                }
                *place = Taken::Column(self.round.compute.column(values)?);
                Ok(())
            }
            _ => Err(PlonkError::Witness(format!("column {column} was not lent"))),
        }
    }
}

/// A lookup between its two rounds.
pub(crate) struct Permuted<P> {
    input: P,
    table: P,
    permuted_input: P,
    permuted_table: P,
}

impl<C, R, E, T> Round<'_, C, R, T, E>
where
    C: Compute,
    R: RngCore,
    E: EncodedChallenge<G1Affine>,
    T: TranscriptWrite<G1Affine, E>,
{
    pub(crate) fn instances(&mut self, instances: &[&[Fr]]) -> Result<Vec<C::Column>> {
        let expected = self.vk.cs().num_instance_columns();
        if instances.len() != expected {
            return Err(PlonkError::Mismatch {
                what: "instance columns",
                expected,
                got: instances.len(),
            });
        }
        let mut columns = Vec::new();
        for values in instances {
            if values.len() > self.usable {
                return Err(PlonkError::Mismatch {
                    what: "rows of an instance column, at most",
                    expected: self.usable,
                    got: values.len(),
                });
            }
            for value in *values {
                self.transcript.common_scalar(*value)?;
            }
            let mut column = vec![Fr::ZERO; self.n()];
            column[..values.len()].copy_from_slice(values);
            columns.push(self.compute.column(column)?);
        }
        Ok(columns)
    }

    /// Has the witness filled, and commits to the columns of every phase.
    pub(crate) fn advice(&mut self, witness: impl Witness) -> Result<(Vec<C::Column>, Vec<Fr>)> {
        let cs = self.vk.cs();
        let usable = self.usable;
        let phases = cs.advice_column_phase();
        let mut taking = Taking {
            advice: phases.iter().map(|_| None).collect(),
            challenges: vec![Fr::ZERO; cs.challenge_phase().len()],
            round: self,
        };
        {
            let challenges = taking.challenges.len();
            let mut filling = Phases::new(phases, challenges, usable, &mut taking);
            witness.fill(&mut filling)?;
            while !filling.done() {
                filling.end_phase()?;
            }
        }
        let Taking {
            advice, challenges, ..
        } = taking;
        let missing = || PlonkError::Witness("a column was not filled".to_owned());
        let advice = advice.into_iter().map(|column| match column {
            Some(Taken::Column(column)) => Ok(column),
            Some(Taken::Blinds(_)) | None => Err(missing()),
        });
        Ok((advice.collect::<Result<_>>()?, challenges))
    }

    pub(crate) fn permuted_lookups(
        &mut self,
        key: &ProvingKey<C::Column>,
        values: &Values<C::Column>,
        theta: Fr,
    ) -> Result<Vec<Permuted<C::Column>>> {
        let cs = self.vk.cs();
        let lookups = cs.lookups().len();
        if lookups == 0 {
            return Ok(Vec::new());
        }
        let (n, usable) = (self.n(), self.usable);
        let compressed = {
            let fixed = cs.num_fixed_columns();
            let looked_up: Vec<KeyColumn> = (0..fixed)
                .filter(|index| key.fixed_in_lookups(*index))
                .map(KeyColumn::Fixed)
                .collect();
            let fixed_values = key.values(self.compute, &looked_up)?;
            // Stands for the columns that no lookup reads.
            let points = key.points(self.compute)?;
            let mut columns = vec![points.as_ref(); fixed];
            for (column, values) in looked_up.iter().zip(&fixed_values) {
                if let KeyColumn::Fixed(index) = column {
                    columns[*index] = values.as_ref();
                }
            }
            columns.extend(values.advice.iter().chain(&values.instances));
            let mut parameters = vec![Fr::ZERO, Fr::ZERO, theta, Fr::ZERO];
            parameters.extend(&values.challenges);
            let program = key.quotient.compressed_lookups(cs);
            self.compute.run(program, &columns, &parameters)?
        };
        let mut made = Vec::new();
        let mut compressed = compressed.into_iter();
        for number in 0..lookups {
            let (Some(input), Some(table)) = (compressed.next(), compressed.next()) else {
                break;
            };
            let (mut a, mut s) = {
                let (input, table) = (self.compute.read(&input)?, self.compute.read(&table)?);
                lookup::permute(number, &input[..usable], &table[..usable])?
            };
            for column in [&mut a, &mut s] {
                column.reserve_exact(n.saturating_sub(column.len()));
                column.resize(n, Fr::ZERO);
                self.blind(&mut column[usable..]);
            }
            made.push(Permuted {
                input,
                table,
                permuted_input: self.compute.column(a)?,
                permuted_table: self.compute.column(s)?,
            });
        }
        let columns: Vec<&C::Column> = made
            .iter()
            .flat_map(|lookup| [&lookup.permuted_input, &lookup.permuted_table])
            .collect();
        self.commit(Basis::Lagrange, &columns)?;
        Ok(made)
    }

    /// Blinds running products.
    fn blinded(&mut self, products: Vec<Vec<Fr>>) -> Result<Vec<C::Column>> {
        let mut columns = Vec::new();
        for mut product in products {
            self.blind(&mut product[self.usable + 1..]);
            columns.push(self.compute.column(product)?);
        }
        Ok(columns)
    }

    pub(crate) fn permutation_products(
        &mut self,
        key: &ProvingKey<C::Column>,
        values: &Values<C::Column>,
        beta: Fr,
        gamma: Fr,
    ) -> Result<Vec<C::Column>> {
        let len = permutation::set_len(self.vk.cs().degree());
        // With a limit, one set at a time.
        let at_once = match self.limits.at_once {
            None => key.copied.len().max(1),
            Some(_) => len,
        };
        let mut made = Vec::new();
        let mut start = Fr::ONE;
        for (group, columns) in key.copied.chunks(at_once).enumerate() {
            let first = group * at_once;
            let ratios = self.permutation_ratios(key, values, (first, columns), &[beta, gamma])?;
            let mut products = self.running_products(ratios, true)?;
            if start != Fr::ONE {
                for product in &mut products {
                    product.par_iter_mut().for_each(|z| *z *= start);
                }
            }
            start = products.last().map_or(start, |last| last[self.usable]);
            made.extend(self.blinded(products)?);
        }
        self.commit(Basis::Lagrange, &made.iter().collect::<Vec<_>>())?;
        Ok(made)
    }

    /// Numerators and denominators of consecutive sets, whose first column is number `first` of those that take part in copies.
    fn permutation_ratios(
        &self,
        key: &ProvingKey<C::Column>,
        values: &Values<C::Column>,
        (first, copied): (usize, &[Column<Any>]),
        parameters: &[Fr],
    ) -> Result<Vec<C::Column>> {
        let compute = self.compute;
        let mut of_columns: Vec<Lent<'_, C::Column>> = Vec::new();
        for column in copied {
            let index = column.index();
            of_columns.push(match column.column_type() {
                Any::Advice(_) => Lent::Held(&values.advice[index]),
                Any::Instance => Lent::Held(&values.instances[index]),
                Any::Fixed => {
                    let fixed = key.values(compute, &[KeyColumn::Fixed(index)])?;
                    crate::key::only(fixed)?
                }
            });
        }
        let sigmas: Vec<KeyColumn> = (first..first + copied.len())
            .map(KeyColumn::Sigma)
            .collect();
        of_columns.extend(key.values(compute, &sigmas)?);
        of_columns.push(key.points(compute)?);
        let program = permutation::program(first, copied.len(), self.vk.cs().degree());
        Ok(compute.run(&program, &refs(&of_columns), parameters)?)
    }

    /// Running products of numerators and, behind them, their denominators.
    fn running_products(&self, ratios: Vec<C::Column>, chained: bool) -> Result<Vec<Vec<Fr>>> {
        let mut numerators = ratios;
        let denominators = numerators.split_off(numerators.len() / 2);
        let products =
            self.compute
                .running_products(numerators, denominators, self.usable, chained)?;
        Ok(products)
    }

    pub(crate) fn lookup_products(
        &mut self,
        permuted: Vec<Permuted<C::Column>>,
        beta: Fr,
        gamma: Fr,
    ) -> Result<Vec<C::Column>> {
        if permuted.is_empty() {
            return Ok(Vec::new());
        }
        let columns: Vec<&C::Column> = permuted
            .iter()
            .flat_map(|p| [&p.input, &p.table, &p.permuted_input, &p.permuted_table])
            .collect();
        let program = lookup::program(permuted.len());
        let ratios = self.compute.run(&program, &columns, &[beta, gamma])?;
        let permuted: Vec<[C::Column; 2]> = permuted
            .into_iter()
            .map(|p| [p.permuted_input, p.permuted_table])
            .collect();
        let products = self.running_products(ratios, false)?;
        let products = self.blinded(products)?;
        self.commit(Basis::Lagrange, &products.iter().collect::<Vec<_>>())?;
        let three =
            |(product, [input, table]): (C::Column, [C::Column; 2])| [product, input, table];
        Ok(products.into_iter().zip(permuted).flat_map(three).collect())
    }

    pub(crate) fn random_polynomial(&mut self) -> Result<C::Column> {
        let mut coefficients = vec![Fr::ZERO; self.n()];
        self.blind(&mut coefficients);
        let random = self.compute.column(coefficients)?;
        self.commit(Basis::Monomial, &[&random])?;
        Ok(random)
    }
}
