//! Public inputs in numbers, and a column without any.

use halo2_proofs::{
    circuit::{Layouter, Value},
    plonk::{Advice, Circuit, Column, ConstraintSystem, Error, Fixed, Instance},
    poly::Rotation,
};
use halo2curves::{bn256::Fr, ff::Field};

use super::Example;

/// Values of the two instance columns.
const COPIED: usize = 150;
const QUERIED: usize = 70;

/// 220 public inputs: every second of the first column is copied, no constraint touches the others; the second column is
/// queried by a gate.
#[derive(Clone)]
pub(crate) struct ManyInstances;

#[derive(Clone)]
pub(crate) struct ManyConfig {
    copied: Column<Advice>,
    equal: Column<Advice>,
    q: Column<Fixed>,
    instances: [Column<Instance>; 2],
}

impl ManyInstances {
    /// A public input that no constraint touches: only the transcript binds it.
    pub(crate) const UNCONSTRAINED: usize = 3;

    /// Of full width, as commitments and roots are.
    fn value(column: usize, row: usize) -> Fr {
        Fr::from((1000 * column + row + 2) as u64).invert().unwrap()
    }
}

impl Circuit<Fr> for ManyInstances {
    plain_circuit!(ManyConfig);

    fn configure(meta: &mut ConstraintSystem<Fr>) -> ManyConfig {
        let [copied, equal] = [(); 2].map(|()| meta.advice_column());
        let q = meta.fixed_column();
        let instances = [(); 2].map(|()| meta.instance_column());
        meta.enable_equality(copied);
        meta.enable_equality(instances[0]);
        meta.create_gate("equal", |meta| {
            let q = meta.query_fixed(q, Rotation::cur());
            let cell = meta.query_advice(equal, Rotation::cur());
            vec![q * (cell - meta.query_instance(instances[1], Rotation::next()))]
        });
        ManyConfig {
            copied,
            equal,
            q,
            instances,
        }
    }

    fn synthesize(&self, config: ManyConfig, mut layouter: impl Layouter<Fr>) -> Result<(), Error> {
        let cells = layouter.assign_region(
            || "",
            |mut region| {
                for row in 0..QUERIED - 1 {
                    let value = Value::known(Self::value(1, row + 1));
                    region.assign_advice(config.equal, row, value);
                    region.assign_fixed(config.q, row, Fr::ONE);
                }
                let rows = (0..COPIED).step_by(2);
                Ok(rows
                    .map(|row| {
                        let value = Value::known(Self::value(0, row));
                        let cell = region.assign_advice(config.copied, row, value).cell();
                        (cell, row)
                    })
                    .collect::<Vec<_>>())
            },
        )?;
        for (cell, row) in cells {
            layouter.constrain_instance(cell, config.instances[0], row);
        }
        Ok(())
    }
}

impl Example for ManyInstances {
    const NAME: &'static str = "ManyInstances";
    const K: u32 = 8;

    fn example() -> Self {
        Self
    }

    fn instances(&self) -> Vec<Vec<Fr>> {
        let column = |column, len| (0..len).map(|row| Self::value(column, row)).collect();
        vec![column(0, COPIED), column(1, QUERIED)]
    }
}

/// Two instance columns without a value; one is queried, one is copied from.
#[derive(Clone)]
pub(crate) struct EmptyColumn;

#[derive(Clone)]
pub(crate) struct EmptyConfig {
    a: Column<Advice>,
    q: Column<Fixed>,
}

impl Circuit<Fr> for EmptyColumn {
    plain_circuit!(EmptyConfig);

    fn configure(meta: &mut ConstraintSystem<Fr>) -> EmptyConfig {
        let a = meta.advice_column();
        let q = meta.fixed_column();
        let [queried, copied] = [(); 2].map(|()| meta.instance_column());
        meta.enable_equality(a);
        meta.enable_equality(copied);
        meta.create_gate("square minus an absent input", |meta| {
            let [x, next] = [0, 1].map(|at| meta.query_advice(a, Rotation(at)));
            let absent = meta.query_instance(queried, Rotation::cur());
            vec![meta.query_fixed(q, Rotation::cur()) * (x.square() - absent - next)]
        });
        EmptyConfig { a, q }
    }

    fn synthesize(
        &self,
        config: EmptyConfig,
        mut layouter: impl Layouter<Fr>,
    ) -> Result<(), Error> {
        layouter.assign_region(
            || "",
            |mut region| {
                let mut value = Fr::from(3);
                for row in 0..10 {
                    region.assign_advice(config.a, row, Value::known(value));
                    let on = if row < 9 { Fr::ONE } else { Fr::ZERO };
                    region.assign_fixed(config.q, row, on);
                    value = value.square();
                }
                Ok(())
            },
        )
    }
}

impl Example for EmptyColumn {
    const NAME: &'static str = "EmptyColumn";

    fn example() -> Self {
        Self
    }

    fn instances(&self) -> Vec<Vec<Fr>> {
        vec![vec![], vec![]]
    }
}
