//! Neither copies nor public inputs.

use halo2_proofs::{
    circuit::{Layouter, Value},
    plonk::{Advice, Circuit, Column, ConstraintSystem, Error, Fixed},
    poly::Rotation,
};
use halo2curves::{bn256::Fr, ff::Field};

use super::Example;

/// No permutation, no public input, no challenge.
#[derive(Clone)]
pub(crate) struct NoPermutation;

impl Circuit<Fr> for NoPermutation {
    plain_circuit!((Column<Advice>, Column<Fixed>));

    fn configure(meta: &mut ConstraintSystem<Fr>) -> Self::Config {
        let (a, q) = (meta.advice_column(), meta.fixed_column());
        meta.create_gate("product of neighbours", |meta| {
            let [previous, current, next] = [-1, 0, 1].map(|at| meta.query_advice(a, Rotation(at)));
            let q = meta.query_fixed(q, Rotation::cur());
            vec![q * (next - previous * current)]
        });
        (a, q)
    }

    fn synthesize(
        &self,
        (a, q): Self::Config,
        mut layouter: impl Layouter<Fr>,
    ) -> Result<(), Error> {
        layouter.assign_region(
            || "",
            |mut region| {
                let mut values = vec![Fr::from(2), Fr::from(3)];
                for row in 0..20 {
                    region.assign_advice(a, row, Value::known(values[row]));
                    region.assign_fixed(
                        q,
                        row,
                        if (1..19).contains(&row) {
                            Fr::ONE
                        } else {
                            Fr::ZERO
                        },
                    );
                    let next = values[row] * values[row + 1];
                    values.push(next);
                }
                Ok(())
            },
        )
    }
}

impl Example for NoPermutation {
    const NAME: &'static str = "NoPermutation";

    fn example() -> Self {
        Self
    }

    fn instances(&self) -> Vec<Vec<Fr>> {
        vec![]
    }
}
