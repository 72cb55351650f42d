//! Fixed columns and public inputs alone, of which the first column to be opened is zero.

use halo2_proofs::{
    circuit::Layouter,
    plonk::{Circuit, Column, ConstraintSystem, Error, Expression, Fixed},
    poly::Rotation,
};
use halo2curves::{bn256::Fr, ff::Field};

use super::Example;

/// The row whose value is public.
const ROW: usize = 5;
const VALUE: u64 = 9;

/// No witness and no permutation; the commitment of lowest weight in the first group is the identity.
#[derive(Clone)]
pub(crate) struct OnlyFixed;

impl Circuit<Fr> for OnlyFixed {
    plain_circuit!([Column<Fixed>; 3]);

    fn configure(meta: &mut ConstraintSystem<Fr>) -> Self::Config {
        let [zero, flag, value] = [(); 3].map(|()| meta.fixed_column());
        let instances = [(); 2].map(|()| meta.instance_column());
        meta.create_gate("public values", |meta| {
            let zero = meta.query_fixed(zero, Rotation::cur());
            let flag = meta.query_fixed(flag, Rotation::cur());
            let [previous, value] = [-1, 0].map(|at| meta.query_fixed(value, Rotation(at)));
            let near = meta.query_instance(instances[0], Rotation(-(ROW as i32)));
            let far = meta.query_instance(instances[1], Rotation(-2));
            vec![
                zero * value.clone(),
                flag.clone() * (value.clone() - near),
                flag.clone() * (value - far),
                flag * (previous - Expression::Constant(Fr::from(VALUE - 1))),
            ]
        });
        [zero, flag, value]
    }

    fn synthesize(
        &self,
        [_, flag, value]: Self::Config,
        mut layouter: impl Layouter<Fr>,
    ) -> Result<(), Error> {
        layouter.assign_region(
            || "",
            |mut region| {
                region.assign_fixed(flag, ROW, Fr::ONE);
                region.assign_fixed(value, ROW - 1, Fr::from(VALUE - 1));
                region.assign_fixed(value, ROW, Fr::from(VALUE));
                Ok(())
            },
        )
    }
}

impl Example for OnlyFixed {
    const NAME: &'static str = "OnlyFixed";

    fn example() -> Self {
        Self
    }

    fn instances(&self) -> Vec<Vec<Fr>> {
        // The near one is written out, the far ones take a loop that does not start at the first row.
        let far = [4, 1, 0, VALUE, 7].map(Fr::from);
        vec![vec![Fr::from(VALUE)], far.to_vec()]
    }
}
