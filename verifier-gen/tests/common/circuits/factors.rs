//! Sums scaled by large factors that fit a machine word.

use halo2_proofs::{
    circuit::{Layouter, Value},
    plonk::{Advice, Circuit, Column, ConstraintSystem, Error, Fixed},
    poly::Rotation,
};
use halo2curves::{bn256::Fr, ff::Field};

use super::Example;

/// Sums of two to four cells, each scaled by a factor of almost 64 bits.
#[derive(Clone)]
pub(crate) struct Factors;

#[derive(Clone)]
pub(crate) struct FactorsConfig {
    terms: [Column<Advice>; 4],
    sums: [Column<Advice>; 4],
    q: Column<Fixed>,
}

/// A factor and how many cells it scales: the product of the two wraps to at most two in 64 bits, or is the largest that is.
const FACTORS: [(u64, usize); 4] = [
    (1 << 63, 2),
    (6_148_914_691_236_517_206, 3),
    (1 << 62, 4),
    (u64::MAX, 4),
];
const TERMS: [u64; 4] = [3, 4, 5, 6];

impl Circuit<Fr> for Factors {
    plain_circuit!(FactorsConfig);

    fn configure(meta: &mut ConstraintSystem<Fr>) -> FactorsConfig {
        let [terms, sums] = [(); 2].map(|()| [(); 4].map(|()| meta.advice_column()));
        let q = meta.fixed_column();
        meta.enable_equality(terms[0]);
        meta.create_gate("sum = factor * terms", |meta| {
            let q = meta.query_fixed(q, Rotation::cur());
            let terms = terms.map(|column| meta.query_advice(column, Rotation::cur()));
            let sums = sums.map(|column| meta.query_advice(column, Rotation::cur()));
            let scaled = FACTORS.map(|(factor, count)| {
                let terms = terms[..count].iter().cloned();
                terms.reduce(|sum, term| sum + term).unwrap() * Fr::from(factor)
            });
            let polynomials = scaled.into_iter().zip(sums);
            polynomials
                .map(|(scaled, sum)| q.clone() * (scaled - sum))
                .collect::<Vec<_>>()
        });
        FactorsConfig { terms, sums, q }
    }

    fn synthesize(
        &self,
        config: FactorsConfig,
        mut layouter: impl Layouter<Fr>,
    ) -> Result<(), Error> {
        layouter.assign_region(
            || "",
            |mut region| {
                region.assign_fixed(config.q, 0, Fr::ONE);
                for (column, term) in config.terms.into_iter().zip(TERMS) {
                    region.assign_advice(column, 0, Value::known(Fr::from(term)));
                }
                for (column, (factor, count)) in config.sums.into_iter().zip(FACTORS) {
                    let sum = Fr::from(TERMS[..count].iter().sum::<u64>());
                    region.assign_advice(column, 0, Value::known(sum * Fr::from(factor)));
                }
                Ok(())
            },
        )
    }
}

impl Example for Factors {
    const NAME: &'static str = "Factors";

    fn example() -> Self {
        Self
    }

    fn instances(&self) -> Vec<Vec<Fr>> {
        vec![]
    }
}
