//! The lowest degree.

use halo2_proofs::{
    circuit::{Layouter, Value},
    plonk::{Advice, Circuit, Column, ConstraintSystem, Error, Fixed, Instance},
    poly::Rotation,
};
use halo2curves::{bn256::Fr, ff::Field};

use super::Example;

/// The lowest degree: one column a permutation set, and a fixed column of zeros, whose commitment is the identity.
#[derive(Clone)]
pub(crate) struct Cubic;

#[derive(Clone)]
pub(crate) struct CubicConfig {
    advice: [Column<Advice>; 3],
    q: Column<Fixed>,
    zero: Column<Fixed>,
    instance: Column<Instance>,
}

impl Circuit<Fr> for Cubic {
    plain_circuit!(CubicConfig);

    fn configure(meta: &mut ConstraintSystem<Fr>) -> CubicConfig {
        let advice = [(); 3].map(|()| meta.advice_column());
        let [q, zero] = [(); 2].map(|()| meta.fixed_column());
        let instance = meta.instance_column();
        advice
            .iter()
            .for_each(|column| meta.enable_equality(*column));
        meta.enable_equality(instance);
        meta.create_gate("product", |meta| {
            let [a, b, c] = advice.map(|column| meta.query_advice(column, Rotation::cur()));
            let [q, zero] = [q, zero].map(|column| meta.query_fixed(column, Rotation::cur()));
            vec![q * (a.clone() * b - c), zero * a]
        });
        CubicConfig {
            advice,
            q,
            zero,
            instance,
        }
    }

    fn synthesize(
        &self,
        config: CubicConfig,
        mut layouter: impl Layouter<Fr>,
    ) -> Result<(), Error> {
        let result = layouter.assign_region(
            || "",
            |mut region| {
                region.assign_fixed(config.q, 0, Fr::ONE);
                region.assign_fixed(config.zero, 0, Fr::ZERO);
                let [_, _, c] = [(0, 6), (1, 7), (2, 42)].map(|(i, v)| {
                    region
                        .assign_advice(config.advice[i], 0, Value::known(Fr::from(v)))
                        .cell()
                });
                Ok(c)
            },
        )?;
        layouter.constrain_instance(result, config.instance, 0);
        Ok(())
    }
}

impl Example for Cubic {
    const NAME: &'static str = "Cubic";

    fn example() -> Self {
        Self
    }

    fn instances(&self) -> Vec<Vec<Fr>> {
        vec![vec![Fr::from(42)]]
    }
}
