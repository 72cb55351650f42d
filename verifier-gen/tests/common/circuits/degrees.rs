//! Degrees above halo2's default clamp, used and unused.

use halo2_proofs::{
    circuit::{Layouter, Value},
    plonk::{Advice, Circuit, Column, ConstraintSystem, Error, Fixed, Instance},
    poly::Rotation,
};
use halo2curves::{bn256::Fr, ff::Field};

use super::{Example, power};

/// Two advice columns, of which the second is a power of the first, and the first cell is public.
#[derive(Clone)]
pub(crate) struct PowerConfig {
    a: Column<Advice>,
    b: Column<Advice>,
    q: Column<Fixed>,
    instance: Column<Instance>,
}

fn configure(
    meta: &mut ConstraintSystem<Fr>,
    exponent: usize,
    minimum_degree: usize,
) -> PowerConfig {
    let [a, b] = [(); 2].map(|()| meta.advice_column());
    let q = meta.fixed_column();
    let instance = meta.instance_column();
    meta.set_minimum_degree(minimum_degree);
    meta.enable_equality(a);
    meta.enable_equality(instance);
    meta.create_gate("power", |meta| {
        let [x, y] = [a, b].map(|column| meta.query_advice(column, Rotation::cur()));
        vec![meta.query_fixed(q, Rotation::cur()) * (power(x, exponent) - y)]
    });
    PowerConfig { a, b, q, instance }
}

fn synthesize(
    config: &PowerConfig,
    exponent: u64,
    mut layouter: impl Layouter<Fr>,
) -> Result<(), Error> {
    let first = layouter.assign_region(
        || "",
        |mut region| {
            let mut first = None;
            for row in 0..20 {
                let x = Fr::from(row as u64 + 2);
                let cell = region.assign_advice(config.a, row, Value::known(x)).cell();
                region.assign_advice(config.b, row, Value::known(x.pow([exponent])));
                region.assign_fixed(config.q, row, Fr::ONE);
                first.get_or_insert(cell);
            }
            Ok(first.unwrap())
        },
    )?;
    layouter.constrain_instance(first, config.instance, 0);
    Ok(())
}

/// A gate of degree 9: eight pieces of the quotient.
#[derive(Clone)]
pub(crate) struct HighDegree;

impl Circuit<Fr> for HighDegree {
    plain_circuit!(PowerConfig);

    fn configure(meta: &mut ConstraintSystem<Fr>) -> PowerConfig {
        configure(meta, 8, 9)
    }

    fn synthesize(&self, config: PowerConfig, layouter: impl Layouter<Fr>) -> Result<(), Error> {
        synthesize(&config, 8, layouter)
    }
}

impl Example for HighDegree {
    const NAME: &'static str = "HighDegree";

    fn example() -> Self {
        Self
    }

    fn instances(&self) -> Vec<Vec<Fr>> {
        vec![vec![Fr::from(2)]]
    }
}

/// A degree of 9 that nothing reaches: the quotient's upper pieces are zero, and an honest proof holds identity points.
#[derive(Clone)]
pub(crate) struct LowQuotient;

impl Circuit<Fr> for LowQuotient {
    plain_circuit!(PowerConfig);

    fn configure(meta: &mut ConstraintSystem<Fr>) -> PowerConfig {
        configure(meta, 2, 9)
    }

    fn synthesize(&self, config: PowerConfig, layouter: impl Layouter<Fr>) -> Result<(), Error> {
        synthesize(&config, 2, layouter)
    }
}

impl Example for LowQuotient {
    const NAME: &'static str = "LowQuotient";

    fn example() -> Self {
        Self
    }

    fn instances(&self) -> Vec<Vec<Fr>> {
        vec![vec![Fr::from(2)]]
    }
}
