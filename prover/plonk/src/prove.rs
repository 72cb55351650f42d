//! The protocol, round by round.

use crate::error::{PlonkError, Result};
use crate::key::{ProvingKey, usable_rows};
use crate::limits::Limits;
use crate::lookup;
use crate::open::{Query, interpolate, open, write_commitments, write_points};
use crate::quotient::Parted;
use crate::setup::Setup;
use crate::witness::{Phases, Witness};
use chainfer_compute::backend::{Compute, Evaluation, Term};
use halo2_proofs::plonk::{Any, VerifyingKey};
use halo2_proofs::transcript::{EncodedChallenge, TranscriptWrite};
use halo2curves::bn256::{Fr, G1Affine};
use halo2curves::ff::Field;
use rand::RngCore;
use std::collections::BTreeMap;
use std::fmt;

/// A proving key, or how to come by it. It is asked for when the witness is committed to, so that both need not be in memory at
/// the most expensive moment of making the witness.
pub enum Key<'a, P> {
    /// At hand.
    Loaded(&'a ProvingKey<P>),
    /// To be loaded for one proof.
    Load(&'a dyn Fn() -> Result<ProvingKey<P>>),
}

impl<P> fmt::Debug for Key<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Key::Loaded(_) => "Loaded",
            Key::Load(_) => "Load",
        })
    }
}

/// What proves one circuit, any number of times.
#[derive(Debug)]
pub struct Prover<'a, C: Compute> {
    /// The back end, which made setup and key.
    pub compute: &'a C,
    /// The powers of tau.
    pub setup: &'a Setup<C::Bases>,
    /// The verifying key.
    pub vk: &'a VerifyingKey<G1Affine>,
    /// The key.
    pub key: Key<'a, C::Column>,
    /// What to do about memory.
    pub limits: Limits,
}

impl<C: Compute> Prover<'_, C> {
    /// Proves that the witness satisfies the circuit with these instances, one slice an instance column, and writes the proof to the
    /// transcript.
    ///
    /// Everything that hides the witness is drawn from `rng`: the values of the blinding rows of every committed column, and the
    /// polynomial that blinds the quotient.
    ///
    /// # Errors
    /// The setup, key, instances and witness do not fit each other; a looked-up value is not in its table; the back end or the
    /// transcript fails. A witness that breaks a gate or a copy is not an error: the proof does not verify.
    pub fn prove<W, R, E, T>(
        &self,
        witness: W,
        instances: &[&[Fr]],
        rng: &mut R,
        transcript: &mut T,
    ) -> Result<()>
    where
        W: Witness,
        R: RngCore,
        E: EncodedChallenge<G1Affine>,
        T: TranscriptWrite<G1Affine, E>,
    {
        let Prover {
            compute,
            setup,
            vk,
            limits,
            ..
        } = *self;
        let k = vk.get_domain().k();
        setup.require_k(k)?;
        let usable = usable_rows(vk.cs(), k)?;
        if limits.coset_parts > k {
            return Err(PlonkError::Mismatch {
                what: "log2 of the parts of a coset, at most",
                expected: k as usize,
                got: limits.coset_parts as usize,
            });
        }
        let mut round = Round {
            compute,
            setup,
            vk,
            usable,
            limits,
            rng,
            transcript,
            encoding: std::marker::PhantomData,
        };
        round.transcript.common_scalar(vk.transcript_repr())?;
        let instances = round.instances(instances)?;
        compute.round("advice");
        let (advice, challenges) = round.advice(witness)?;
        let values = Values {
            advice,
            instances,
            challenges,
        };
        compute.round("key");
        let loaded;
        let key = match &self.key {
            Key::Loaded(key) => *key,
            Key::Load(load) => {
                loaded = load()?;
                &loaded
            }
        };
        if key.vk.transcript_repr() != vk.transcript_repr() {
            return Err(PlonkError::OtherKey);
        }
        let theta: Fr = *round.transcript.squeeze_challenge_scalar::<()>();
        compute.round("lookups");
        let permuted = round.permuted_lookups(key, &values, theta)?;
        let beta: Fr = *round.transcript.squeeze_challenge_scalar::<()>();
        let gamma: Fr = *round.transcript.squeeze_challenge_scalar::<()>();
        compute.round("permutation");
        let products = round.permutation_products(key, &values, beta, gamma)?;
        compute.round("lookups");
        let lookups = round.lookup_products(key, permuted, beta, gamma)?;
        compute.round("random polynomial");
        let random = round.random_polynomial()?;
        let y: Fr = *round.transcript.squeeze_challenge_scalar::<()>();

        compute.round("coefficients");
        let polynomials = Polynomials {
            advice: compute.to_coefficients(&key.domain, values.advice)?,
            instances: compute.to_coefficients(&key.domain, values.instances)?,
            products: compute.to_coefficients(&key.domain, products)?,
            lookups: compute.to_coefficients(&key.domain, lookups)?,
        };
        let mut parameters = vec![beta, gamma, theta, y];
        parameters.extend(values.challenges);
        compute.round("quotient");
        let pieces = round.quotient_pieces(key, &polynomials, &parameters)?;
        compute.round("quotient pieces");
        write_commitments(
            compute,
            setup,
            &pieces.iter().collect::<Vec<_>>(),
            round.transcript,
        )?;
        let x: Fr = *round.transcript.squeeze_challenge_scalar::<()>();
        round.evaluate_and_open(key, &polynomials, (&pieces, &random), x)
    }
}

/// Columns as values on the domain.
struct Values<P> {
    advice: Vec<P>,
    instances: Vec<P>,
    challenges: Vec<Fr>,
}

/// Columns as coefficients.
struct Polynomials<P> {
    advice: Vec<P>,
    instances: Vec<P>,
    products: Vec<P>,
    /// Three a lookup: running product, permuted input, permuted table.
    lookups: Vec<P>,
}

/// A lookup between its two rounds.
struct Permuted<P> {
    input: P,
    table: P,
    permuted_input: P,
    permuted_table: P,
}

/// What every round works with.
struct Round<'a, C: Compute, R, T, E> {
    compute: &'a C,
    setup: &'a Setup<C::Bases>,
    vk: &'a VerifyingKey<G1Affine>,
    /// Rows that a circuit may use; the last of the others but for blinding ends the running products.
    usable: usize,
    limits: Limits,
    rng: &'a mut R,
    transcript: &'a mut T,
    encoding: std::marker::PhantomData<E>,
}

impl<C, R, E, T> Round<'_, C, R, T, E>
where
    C: Compute,
    R: RngCore,
    E: EncodedChallenge<G1Affine>,
    T: TranscriptWrite<G1Affine, E>,
{
    fn n(&self) -> usize {
        1 << self.vk.get_domain().k()
    }

    fn blind(&mut self, rows: &mut [Fr]) {
        for cell in rows {
            *cell = Fr::random(&mut *self.rng);
        }
    }

    fn instances(&mut self, instances: &[&[Fr]]) -> Result<Vec<C::Column>> {
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
            let mut column = values.to_vec();
            column.resize(self.n(), Fr::ZERO);
            columns.push(self.compute.column(column)?);
        }
        Ok(columns)
    }

    /// Has the witness filled, and commits to the columns of every phase.
    fn advice(&mut self, witness: impl Witness) -> Result<(Vec<C::Column>, Vec<Fr>)> {
        let cs = self.vk.cs();
        let (n, usable) = (self.n(), self.usable);
        let phases = cs.advice_column_phase();
        let challenge_phases = cs.challenge_phase();
        let mut advice: Vec<Option<C::Column>> = phases.iter().map(|_| None).collect();
        let mut challenges = vec![Fr::ZERO; challenge_phases.len()];
        let mut finish = |phase: u8, columns: Vec<(usize, Vec<Fr>)>| {
            let mut filled = Vec::new();
            let mut indices = Vec::new();
            for (index, mut values) in columns {
                values.resize(n, Fr::ZERO);
                self.blind(&mut values[usable..]);
                filled.push(self.compute.column(values)?);
                indices.push(index);
            }
            let points = self
                .compute
                .commit(self.setup.lagrange(), &filled.iter().collect::<Vec<_>>())?;
            write_points(&points, self.transcript)?;
            for (index, column) in indices.into_iter().zip(filled) {
                advice[index] = Some(column);
            }
            let mut known = Vec::new();
            for (index, _) in challenge_phases
                .iter()
                .enumerate()
                .filter(|(_, of)| **of == phase)
            {
                let value: Fr = *self.transcript.squeeze_challenge_scalar::<()>();
                challenges[index] = value;
                known.push((index, value));
            }
            Ok(known)
        };
        let mut filling = Phases::new(phases, challenge_phases.len(), usable, &mut finish);
        witness.fill(&mut filling)?;
        while !filling.done() {
            filling.end_phase()?;
        }
        let advice: Option<Vec<C::Column>> = advice.into_iter().collect();
        let advice =
            advice.ok_or_else(|| PlonkError::Witness("a column was not filled".to_owned()))?;
        Ok((advice, challenges))
    }

    fn permuted_lookups(
        &mut self,
        key: &ProvingKey<C::Column>,
        values: &Values<C::Column>,
        theta: Fr,
    ) -> Result<Vec<Permuted<C::Column>>> {
        let lookups = self.vk.cs().lookups().len();
        if lookups == 0 {
            return Ok(Vec::new());
        }
        let (n, usable) = (self.n(), self.usable);
        let stand_in = &key.points;
        let fixed = key
            .fixed_values
            .iter()
            .map(|column| column.as_ref().unwrap_or(stand_in));
        let columns: Vec<&C::Column> = fixed
            .chain(&values.advice)
            .chain(&values.instances)
            .collect();
        let mut parameters = vec![Fr::ZERO, Fr::ZERO, theta, Fr::ZERO];
        parameters.extend(&values.challenges);
        let compressed =
            self.compute
                .run(key.quotient.compressed_lookups(), &columns, &parameters)?;
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
        write_points(
            &self.compute.commit(self.setup.lagrange(), &columns)?,
            self.transcript,
        )?;
        Ok(made)
    }

    /// Runs a program of numerators and denominators, and makes, blinds and commits to the running products.
    fn products(&mut self, ratios: Vec<C::Column>, chained: bool) -> Result<Vec<C::Column>> {
        let usable = self.usable;
        let mut numerators = ratios;
        let denominators = numerators.split_off(numerators.len() / 2);
        let products = self
            .compute
            .running_products(numerators, denominators, usable, chained)?;
        let mut columns = Vec::new();
        for mut product in products {
            self.blind(&mut product[usable + 1..]);
            columns.push(self.compute.column(product)?);
        }
        let points = self
            .compute
            .commit(self.setup.lagrange(), &columns.iter().collect::<Vec<_>>())?;
        write_points(&points, self.transcript)?;
        Ok(columns)
    }

    fn permutation_products(
        &mut self,
        key: &ProvingKey<C::Column>,
        values: &Values<C::Column>,
        beta: Fr,
        gamma: Fr,
    ) -> Result<Vec<C::Column>> {
        if key.copied.is_empty() {
            return Ok(Vec::new());
        }
        let mut columns = Vec::new();
        for column in &key.copied {
            let (of, index) = (column.column_type(), column.index());
            columns.push(match of {
                Any::Advice(_) => &values.advice[index],
                Any::Instance => &values.instances[index],
                Any::Fixed => key.fixed_values[index].as_ref().unwrap_or(&key.points),
            });
        }
        // Values on the domain are those on the coset with shift 1.
        let sigmas: Vec<&C::Column> = key.sigmas.iter().collect();
        let sigmas = self
            .compute
            .to_coset(&key.domain, Fr::ONE, &sigmas, Vec::new())?;
        columns.extend(&sigmas);
        columns.push(&key.points);
        let ratios = self
            .compute
            .run(&key.permutation, &columns, &[beta, gamma])?;
        self.products(ratios, true)
    }

    fn lookup_products(
        &mut self,
        key: &ProvingKey<C::Column>,
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
        let ratios = self
            .compute
            .run(&key.lookup_products, &columns, &[beta, gamma])?;
        let products = self.products(ratios, false)?;
        let three = |(product, permuted): (C::Column, Permuted<C::Column>)| {
            [product, permuted.permuted_input, permuted.permuted_table]
        };
        Ok(products.into_iter().zip(permuted).flat_map(three).collect())
    }

    fn random_polynomial(&mut self) -> Result<C::Column> {
        let mut coefficients = vec![Fr::ZERO; self.n()];
        self.blind(&mut coefficients);
        let random = self.compute.column(coefficients)?;
        write_commitments(self.compute, self.setup, &[&random], self.transcript)?;
        Ok(random)
    }

    /// The quotient of all constraints by X^n - 1, in pieces of n coefficients: h = sum over m of X^(m·n) · piece m.
    ///
    /// On the coset c·omega^i, X^n is the constant c^n: there the quotient of the numerator's values by c^n - 1 is the sum of
    /// c^(m·n) · piece m, a polynomial of n coefficients that those n values determine. As many cosets as pieces determine the pieces.
    fn quotient_pieces(
        &mut self,
        key: &ProvingKey<C::Column>,
        polynomials: &Polynomials<C::Column>,
        parameters: &[Fr],
    ) -> Result<Vec<C::Column>> {
        let compute = self.compute;
        let domain = &key.domain;
        let count = key.vk.cs().degree() - 1;
        let columns: Vec<&C::Column> = key
            .fixed
            .iter()
            .chain(&polynomials.advice)
            .chain(&polynomials.instances)
            .chain(&polynomials.products)
            .chain(&key.sigmas)
            .chain(&polynomials.lookups)
            .chain(&key.rows)
            .collect();
        let cosets = Cosets::new(domain.k(), count);
        let mut parts = Vec::new();
        let mut reuse = Vec::new();
        for (shift, power) in cosets.shifts.iter().zip(&cosets.powers) {
            let values = if self.limits.coset_parts == 0 {
                let on_coset = compute.to_coset(domain, *shift, &columns, reuse)?;
                let of_coset: Vec<&C::Column> = on_coset.iter().collect();
                let values = compute.run(key.quotient.numerator(), &of_coset, parameters)?;
                reuse = on_coset;
                values
            } else {
                vec![self.numerator_in_parts(key, *shift, &columns, parameters)?]
            };
            let scale = Option::from((*power - Fr::ONE).invert()).unwrap_or(Fr::ZERO);
            for column in values {
                parts.push(compute.coset_to_coefficients(domain, *shift, scale, column)?);
            }
        }
        drop(reuse);
        let mut pieces = Vec::new();
        for factors in &cosets.inverse {
            let terms: Vec<Term<'_, C::Column>> = factors
                .iter()
                .zip(&parts)
                .map(|(factor, column)| Term {
                    factor: *factor,
                    column,
                })
                .collect();
            pieces.push(compute.combine(&terms, domain.n())?);
        }
        Ok(pieces)
    }

    /// Values of the numerator on a coset, a part of it at a time. Part r of p has the points shift·omega^r times powers of omega^p: a coset of
    /// a smaller domain, on which a polynomial takes p times less memory. A rotation goes to another part, so a column is
    /// evaluated once a rotation.
    fn numerator_in_parts(
        &self,
        key: &ProvingKey<C::Column>,
        shift: Fr,
        columns: &[&C::Column],
        parameters: &[Fr],
    ) -> Result<C::Column> {
        let compute = self.compute;
        let part = compute.domain(key.domain.k() - self.limits.coset_parts);
        let Parted { program, queries } = key.quotient.parted();
        let mut by_rotation: BTreeMap<i32, Vec<usize>> = BTreeMap::new();
        for (place, (_, rotation)) in queries.iter().enumerate() {
            by_rotation.entry(*rotation).or_default().push(place);
        }
        let mut values = Vec::new();
        for r in 0..1i32 << self.limits.coset_parts {
            let mut on_part: Vec<Option<C::Column>> = queries.iter().map(|_| None).collect();
            for (rotation, places) in &by_rotation {
                let point = key.domain.rotate(shift, r + rotation);
                let rotated: Vec<&C::Column> = places
                    .iter()
                    .map(|place| columns[queries[*place].0])
                    .collect();
                let made = compute.to_coset(&part, point, &rotated, Vec::new())?;
                for (place, column) in places.iter().zip(made) {
                    on_part[*place] = Some(column);
                }
            }
            let on_part: Vec<&C::Column> = on_part.iter().flatten().collect();
            values.extend(compute.run(program, &on_part, parameters)?);
        }
        Ok(compute.interleave(values)?)
    }

    fn evaluate_and_open(
        &mut self,
        key: &ProvingKey<C::Column>,
        polynomials: &Polynomials<C::Column>,
        (pieces, random): (&[C::Column], &C::Column),
        x: Fr,
    ) -> Result<()> {
        let compute = self.compute;
        let (cs, domain) = (key.vk.cs(), &key.domain);
        let at = |rotation: i32| domain.rotate(x, rotation);
        let x_n = x.pow_vartime([domain.n() as u64]);
        let factors = std::iter::successors(Some(Fr::ONE), |power| Some(*power * x_n));
        let terms: Vec<Term<'_, C::Column>> = factors
            .zip(pieces)
            .map(|(factor, column)| Term { factor, column })
            .collect();
        let quotient = compute.combine(&terms, domain.n())?;

        // In the order in which the values are written. Where the openings go in another order, they are queued apart.
        let mut written: Vec<(&C::Column, Fr)> = Vec::new();
        let advice = cs
            .advice_queries()
            .iter()
            .map(|(c, r)| (&polynomials.advice[c.index()], at(r.0)));
        written.extend(advice);
        let fixed_from = written.len();
        written.extend(
            cs.fixed_queries()
                .iter()
                .map(|(c, r)| (&key.fixed[c.index()], at(r.0))),
        );
        let random_at = written.len();
        written.push((random, x));
        let sigmas_from = written.len();
        written.extend(key.sigmas.iter().map(|sigma| (sigma, x)));
        let products_from = written.len();
        let last = at(-(cs.blinding_factors() as i32 + 1));
        for (number, product) in polynomials.products.iter().enumerate() {
            written.extend([(product, x), (product, at(1))]);
            if number + 1 < polynomials.products.len() {
                written.push((product, last));
            }
        }
        let lookups_from = written.len();
        for lookup in polynomials.lookups.chunks_exact(3) {
            let (product, input, table) = (&lookup[0], &lookup[1], &lookup[2]);
            written.extend([
                (product, x),
                (product, at(1)),
                (input, x),
                (input, at(-1)),
                (table, x),
            ]);
        }
        compute.round("evaluations");
        let evaluations: Vec<Evaluation<'_, C::Column>> = written
            .iter()
            .copied()
            .chain([(&quotient, x)])
            .map(|(polynomial, point)| Evaluation { polynomial, point })
            .collect();
        let values = compute.evaluate(&evaluations)?;
        for value in &values[..written.len()] {
            self.transcript.write_scalar(*value)?;
        }

        let query = |number: usize| Query {
            polynomial: written[number].0,
            point: written[number].1,
            value: values[number],
        };
        // As the verifier queues them: the third value of the products comes behind those of all, from the last product to the first.
        let mut queries: Vec<Query<'_, C::Column>> = (0..fixed_from).map(query).collect();
        let of_products = products_from..lookups_from;
        let (ends, others): (Vec<usize>, Vec<usize>) =
            of_products.partition(|number| written[*number].1 == last);
        queries.extend(others.into_iter().map(query));
        queries.extend(ends.into_iter().rev().map(query));
        for first in (lookups_from..written.len()).step_by(5) {
            queries.extend([0, 2, 4, 3, 1].map(|offset| query(first + offset)));
        }
        queries.extend((fixed_from..random_at).map(query));
        queries.extend((sigmas_from..products_from).map(query));
        queries.push(Query {
            polynomial: &quotient,
            point: x,
            value: values[written.len()],
        });
        queries.push(query(random_at));
        compute.round("opening");
        open(compute, self.setup, &queries, self.transcript)
    }
}

/// Cosets on which the quotient is computed.
struct Cosets {
    /// c
    shifts: Vec<Fr>,
    /// c^n
    powers: Vec<Fr>,
    /// The inverse of the matrix of c^(m·n), a row a coset and a column an m.
    inverse: Vec<Vec<Fr>>,
}

impl Cosets {
    /// zeta, a cube root of 1 and so in no domain, times powers of a root of 1 whose order is larger than n by a power of two.
    fn new(k: u32, count: usize) -> Self {
        use halo2curves::ff::{PrimeField as _, WithSmallOrderMulGroup as _};
        let extension = count.next_power_of_two().ilog2();
        let root = (k + extension..Fr::S).fold(Fr::ROOT_OF_UNITY, |root, _| root.square());
        let shifts: Vec<Fr> = std::iter::successors(Some(Fr::ZETA), |shift| Some(*shift * root))
            .take(count)
            .collect();
        let powers: Vec<Fr> = shifts
            .iter()
            .map(|shift| shift.pow_vartime([1u64 << k]))
            .collect();
        let inverse = inverse_vandermonde(&powers);
        Cosets {
            shifts,
            powers,
            inverse,
        }
    }
}

/// The inverse of the matrix whose row i holds the powers of point i: column i of it holds the coefficients of the polynomial that is 1 at
/// point i and 0 at the others.
fn inverse_vandermonde(points: &[Fr]) -> Vec<Vec<Fr>> {
    let count = points.len();
    let mut inverse = vec![vec![Fr::ZERO; count]; count];
    for i in 0..count {
        let mut values = vec![Fr::ZERO; count];
        values[i] = Fr::ONE;
        for (row, c) in inverse.iter_mut().zip(interpolate(points, &values)) {
            row[i] = c;
        }
    }
    inverse
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inverse_vandermonde_is_the_inverse() {
        let points = [Fr::from(2), Fr::from(5), -Fr::from(3), Fr::from(11)];
        let inverse = inverse_vandermonde(&points);
        for (i, point) in points.iter().enumerate() {
            let mut row = [Fr::ZERO; 4];
            for (m, coefficients) in inverse.iter().enumerate() {
                let power = point.pow_vartime([m as u64]);
                for (entry, c) in row.iter_mut().zip(coefficients) {
                    *entry += power * c;
                }
            }
            let mut unit = [Fr::ZERO; 4];
            unit[i] = Fr::ONE;
            assert_eq!(row, unit);
        }
    }
}
