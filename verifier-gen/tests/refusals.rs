//! Keys and options that the generator refuses.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use chainfer_verifier_gen::{GenerateError, GeneratedVerifier, GeneratorOptions, generate};
use halo2_proofs::{
    circuit::{Layouter, SimpleFloorPlanner},
    plonk::{Circuit, ConstraintSystem, Error, Expression, keygen_vk_custom},
    poly::{Rotation, kzg::commitment::ParamsKZG},
};
use halo2curves::bn256::{Bn256, Fr};
use rand::{SeedableRng, rngs::StdRng};

const K: u32 = 5;

/// A gate that multiplies one cell at these rotations.
#[derive(Clone, Default)]
struct Product(Vec<i32>);

impl Circuit<Fr> for Product {
    type Config = ();
    type FloorPlanner = SimpleFloorPlanner;
    type Params = Vec<i32>;

    fn without_witnesses(&self) -> Self {
        self.clone()
    }

    fn params(&self) -> Vec<i32> {
        self.0.clone()
    }

    fn configure_with_params(meta: &mut ConstraintSystem<Fr>, rotations: Vec<i32>) {
        let a = meta.advice_column();
        let instance = meta.instance_column();
        meta.enable_equality(instance);
        meta.create_gate("product", |meta| {
            let cells = rotations
                .iter()
                .map(|at| meta.query_advice(a, Rotation(*at)));
            cells.reduce(|product, cell| product * cell)
        });
    }

    fn configure(meta: &mut ConstraintSystem<Fr>) {
        Self::configure_with_params(meta, vec![0]);
    }

    fn synthesize(&self, (): (), _: impl Layouter<Fr>) -> Result<(), Error> {
        Ok(())
    }
}

/// A lookup whose input and table have these degrees, and the least degree that halo2 is told.
#[derive(Clone, Copy, Default)]
struct Lookup {
    input: usize,
    table: usize,
    minimum: usize,
}

impl Circuit<Fr> for Lookup {
    type Config = ();
    type FloorPlanner = SimpleFloorPlanner;
    type Params = Self;

    fn without_witnesses(&self) -> Self {
        *self
    }

    fn params(&self) -> Self {
        *self
    }

    fn configure_with_params(meta: &mut ConstraintSystem<Fr>, lookup: Self) {
        meta.set_minimum_degree(lookup.minimum);
        let a = meta.advice_column();
        let t = meta.fixed_column();
        meta.lookup_any("powers", |meta| {
            let a = meta.query_advice(a, Rotation::cur());
            let t = meta.query_fixed(t, Rotation::cur());
            let power = |cell: Expression<Fr>, degree| {
                let one = Expression::Constant(Fr::one());
                (0..degree).fold(one, |power, _| power * cell.clone())
            };
            vec![(power(a, lookup.input), power(t, lookup.table))]
        });
    }

    fn configure(meta: &mut ConstraintSystem<Fr>) {
        Self::configure_with_params(meta, Self::default());
    }

    fn synthesize(&self, (): (), _: impl Layouter<Fr>) -> Result<(), Error> {
        Ok(())
    }
}

fn outcome(
    circuit: &impl Circuit<Fr>,
    lengths: &[usize],
    name: &str,
) -> Result<GeneratedVerifier, GenerateError> {
    let params = ParamsKZG::<Bn256>::setup(K, StdRng::seed_from_u64(3));
    let vk = keygen_vk_custom(&params, circuit, false).unwrap();
    generate(&vk, &params, lengths, &GeneratorOptions::new(name))
}

fn refusal(rotations: &[i32], lengths: &[usize], name: &str) -> GenerateError {
    outcome(&Product(rotations.to_vec()), lengths, name).unwrap_err()
}

#[test]
fn name_that_is_no_identifier_is_refused() {
    for name in ["", "9lives", "Chunk Verifier", "A{}"] {
        assert_eq!(
            refusal(&[0], &[1], name),
            GenerateError::ContractName(name.to_owned())
        );
    }
}

#[test]
fn lengths_for_another_number_of_columns_are_refused() {
    assert_eq!(
        refusal(&[0], &[1, 1], "V"),
        GenerateError::InstanceColumns {
            expected: 1,
            got: 2
        }
    );
}

#[test]
fn instances_beyond_the_usable_rows_are_refused() {
    let expected = GenerateError::InstanceTooLong {
        column: 0,
        got: 27,
        usable: 26,
    };
    assert_eq!(refusal(&[0], &[27], "V"), expected);
}

#[test]
fn gate_above_the_clamped_degree_is_refused() {
    let expected = GenerateError::DegreeClamped {
        kind: "gate",
        name: "product".into(),
        degree: 6,
        limit: 5,
    };
    assert_eq!(refusal(&[0, 0, 0, 0, 0, 0], &[1], "V"), expected);
}

#[test]
fn lookup_above_the_clamped_degree_is_refused() {
    for (input, table, degree) in [(3, 1, 6), (2, 2, 6), (1, 3, 6), (4, 0, 7)] {
        let lookup = Lookup {
            input,
            table,
            minimum: 1,
        };
        let expected = GenerateError::DegreeClamped {
            kind: "lookup",
            name: "powers".into(),
            degree,
            limit: 5,
        };
        assert_eq!(outcome(&lookup, &[], "V").unwrap_err(), expected);
    }
}

#[test]
fn lookup_of_the_constraint_system_s_degree_is_taken() {
    for (input, table, minimum) in [(2, 1, 1), (1, 2, 1), (3, 1, 6), (3, 2, 7)] {
        let lookup = Lookup {
            input,
            table,
            minimum,
        };
        outcome(&lookup, &[], "V").unwrap();
    }
}

#[test]
fn rotations_that_meet_are_refused() {
    assert_eq!(
        refusal(&[0, 1 << K], &[1], "V"),
        GenerateError::RotationCollision { rows: 1 << K }
    );
}
