//! Many permutation and instance columns.

use halo2_proofs::{
    circuit::{Layouter, Value},
    plonk::{Advice, Circuit, Column, ConstraintSystem, Error, Fixed, Instance},
    poly::Rotation,
};
use halo2curves::{bn256::Fr, ff::Field};

use super::Example;

/// Many permutation columns of every kind in several sets, two instance columns, rotations of an instance column in a gate.
#[derive(Clone)]
pub(crate) struct Wide;

#[derive(Clone)]
pub(crate) struct WideConfig {
    advice: [Column<Advice>; 7],
    q: Column<Fixed>,
    constants: Column<Fixed>,
    instances: [Column<Instance>; 2],
}

const PUBLIC: [u64; 5] = [3, 5, 8, 13, 21];

impl Circuit<Fr> for Wide {
    plain_circuit!(WideConfig);

    fn configure(meta: &mut ConstraintSystem<Fr>) -> WideConfig {
        let advice = [(); 7].map(|()| meta.advice_column());
        let [q, constants] = [(); 2].map(|()| meta.fixed_column());
        let instances = [(); 2].map(|()| meta.instance_column());
        meta.create_gate("instance", |meta| {
            let q = meta.query_fixed(q, Rotation::cur());
            let [a, b] = [-1, 1].map(|at| meta.query_instance(instances[0], Rotation(at)));
            let other = meta.query_instance(instances[1], Rotation::cur());
            let cells = advice.map(|column| meta.query_advice(column, Rotation::cur()));
            let product = cells[0].clone() * cells[1].clone() * cells[2].clone() * cells[3].clone();
            vec![
                q.clone() * (a + b - cells[5].clone()),
                q.clone() * (other - cells[6].clone()),
                q * (product - cells[4].clone()),
            ]
        });
        advice
            .iter()
            .for_each(|column| meta.enable_equality(*column));
        meta.enable_equality(constants);
        instances
            .iter()
            .for_each(|column| meta.enable_equality(*column));
        WideConfig {
            advice,
            q,
            constants,
            instances,
        }
    }

    fn synthesize(&self, config: WideConfig, mut layouter: impl Layouter<Fr>) -> Result<(), Error> {
        let cells = layouter.assign_region(
            || "",
            |mut region| {
                region.assign_fixed(config.q, 1, Fr::ONE);
                let row: [u64; 7] = [2, 3, 4, 5, 120, 3 + 8, PUBLIC[4]];
                let cells: Vec<_> = (0..7)
                    .map(|i| {
                        region
                            .assign_advice(config.advice[i], 1, Value::known(Fr::from(row[i])))
                            .cell()
                    })
                    .collect();
                let constant = region.assign_fixed(config.constants, 4, Fr::from(4));
                region.constrain_equal(constant, cells[2]);
                let other = region
                    .assign_advice(config.advice[6], 9, Value::known(Fr::from(5)))
                    .cell();
                region.constrain_equal(other, cells[3]);
                Ok(vec![other, cells[6]])
            },
        )?;
        layouter.constrain_instance(cells[0], config.instances[0], 1);
        layouter.constrain_instance(cells[1], config.instances[1], 1);
        Ok(())
    }
}

impl Example for Wide {
    const NAME: &'static str = "Wide";

    fn example() -> Self {
        Self
    }

    fn instances(&self) -> Vec<Vec<Fr>> {
        vec![
            PUBLIC[..3].iter().copied().map(Fr::from).collect(),
            PUBLIC[3..].iter().copied().map(Fr::from).collect(),
        ]
    }
}
