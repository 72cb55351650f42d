//! A small circuit for unit tests: its fixed values are a parameter, its constraint system is not.

use halo2_proofs::{
    circuit::{Layouter, SimpleFloorPlanner},
    plonk::{
        Advice, Circuit, Column, ConstraintSystem, Error, Fixed, VerifyingKey, keygen_vk_custom,
    },
    poly::{Rotation, kzg::commitment::ParamsKZG},
};
use halo2curves::bn256::{Bn256, Fr, G1Affine};
use rand::{SeedableRng, rngs::StdRng};

pub(crate) const K: u32 = 9;

#[derive(Clone, Default)]
struct Product {
    weights: Vec<u64>,
}

impl Circuit<Fr> for Product {
    type Config = [Column<Fixed>; 3];
    type FloorPlanner = SimpleFloorPlanner;
    type Params = ();

    fn without_witnesses(&self) -> Self {
        self.clone()
    }

    fn configure(meta: &mut ConstraintSystem<Fr>) -> Self::Config {
        let [a, b]: [Column<Advice>; 2] = [(); 2].map(|()| meta.advice_column());
        let fixed = [(); 3].map(|()| meta.fixed_column());
        let instance = meta.instance_column();
        meta.enable_equality(a);
        meta.enable_equality(instance);
        meta.create_gate("product", |meta| {
            let [a, next] = [0, 1].map(|at| meta.query_advice(a, Rotation(at)));
            let b = meta.query_advice(b, Rotation::cur());
            let [p, q, s] = fixed.map(|column| meta.query_fixed(column, Rotation::cur()));
            vec![p * (a.clone() * b.clone() - next), q * a + s * b]
        });
        fixed
    }

    fn synthesize(
        &self,
        fixed: Self::Config,
        mut layouter: impl Layouter<Fr>,
    ) -> Result<(), Error> {
        layouter.assign_region(
            || "",
            |mut region| {
                for (row, weight) in self.weights.iter().enumerate() {
                    for (column, factor) in fixed.iter().zip([1, 1, 0]) {
                        region.assign_fixed(*column, row, Fr::from(weight * factor));
                    }
                }
                Ok(())
            },
        )
    }
}

pub(crate) fn params() -> ParamsKZG<Bn256> {
    params_of(K)
}

/// A setup for 2^k rows.
pub(crate) fn params_of(k: u32) -> ParamsKZG<Bn256> {
    ParamsKZG::setup(k, StdRng::seed_from_u64(3))
}

/// The first two fixed columns are equal, the third one is zero.
pub(crate) fn key(params: &ParamsKZG<Bn256>, weights: &[u64]) -> VerifyingKey<G1Affine> {
    let circuit = Product {
        weights: weights.to_vec(),
    };
    keygen_vk_custom(params, &circuit, false).unwrap()
}
