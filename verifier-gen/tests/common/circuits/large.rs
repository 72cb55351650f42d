//! A circuit of the shape that chunk circuits have: as many columns, gates of the same kinds, all cells zero.

use halo2_proofs::{
    circuit::{Layouter, SimpleFloorPlanner, Value},
    plonk::{
        Advice, Challenge, Circuit, Column, ConstraintSystem, Error, Expression, FirstPhase, Fixed,
        Instance, SecondPhase,
    },
    poly::Rotation,
};
use halo2curves::{bn256::Fr, ff::Field};

use super::Example;

const FIRST: usize = 17;
const SECOND: usize = 11;
const FIXED: usize = 55;
/// Selectors, which stay zero; the columns behind them hold weights.
const SELECTORS: usize = 20;
const COPIED: usize = 15;
const PUBLIC: usize = 8;

/// 28 advice, 55 fixed and 16 permutation columns.
#[derive(Clone)]
pub(crate) struct Large;

#[derive(Clone)]
pub(crate) struct LargeConfig {
    first: Vec<Column<Advice>>,
    second: Vec<Column<Advice>>,
    fixed: Vec<Column<Fixed>>,
    instance: Column<Instance>,
    challenges: [Challenge; 3],
}

impl Circuit<Fr> for Large {
    type Config = LargeConfig;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = ();

    fn without_witnesses(&self) -> Self {
        self.clone()
    }

    fn configure(meta: &mut ConstraintSystem<Fr>) -> LargeConfig {
        let first: Vec<_> = (0..FIRST).map(|_| meta.advice_column()).collect();
        let challenges = [(); 3].map(|()| meta.challenge_usable_after(FirstPhase));
        let second: Vec<_> = (0..SECOND)
            .map(|_| meta.advice_column_in(SecondPhase))
            .collect();
        let fixed: Vec<_> = (0..FIXED).map(|_| meta.fixed_column()).collect();
        let instance = meta.instance_column();
        first
            .iter()
            .take(COPIED)
            .for_each(|column| meta.enable_equality(*column));
        meta.enable_equality(instance);

        meta.create_gate("linear", |meta| {
            let [b, s, _] = challenges.map(|challenge| meta.query_challenge(challenge));
            let mut constraints = Vec::new();
            for i in 0..6 {
                let z = meta.query_advice(second[i], Rotation::cur());
                let next = meta.query_advice(second[i], Rotation::next());
                let [keep, on] =
                    [2 * i, 2 * i + 1].map(|j| meta.query_fixed(fixed[j], Rotation::cur()));
                let mut sum = Expression::Constant(Fr::ZERO);
                for lane in 0..4 {
                    let cell = meta.query_advice(first[(4 * i + lane) % FIRST], Rotation::cur());
                    let weight = meta.query_fixed(fixed[SELECTORS + 4 * i + lane], Rotation::cur());
                    let mut factor = s.clone();
                    for _ in 0..(11 * i + 5 * lane) {
                        factor = factor * b.clone();
                    }
                    sum = sum + factor * cell * (weight - Expression::Constant(Fr::from(3)));
                }
                let one = Expression::Constant(Fr::ONE);
                let horner = (one.clone() + keep * (z.clone() - one)) * b.clone() + sum.clone();
                constraints.push(on.clone() * (next.clone() - horner));
                constraints.push(on * (next - sum - z) * b.clone());
            }
            constraints
        });
        meta.create_gate("lookups", |meta| {
            let [_, _, g] = challenges.map(|challenge| meta.query_challenge(challenge));
            let on = meta.query_fixed(fixed[12], Rotation::cur());
            (0..5)
                .map(|i| {
                    let z = meta.query_advice(second[6 + i], Rotation::cur());
                    let next = meta.query_advice(second[6 + i], Rotation::next());
                    let last = meta.query_advice(second[6 + i], Rotation(-1));
                    let [x, y, w] = [3 * i, 3 * i + 1, 3 * i + 2]
                        .map(|j| g.clone() + meta.query_advice(first[j], Rotation::cur()));
                    let sum = x.clone() * y.clone() + y.clone() * w.clone() + x.clone() * w.clone();
                    on.clone() * ((next - z) * x * y * w - sum + last)
                })
                .collect::<Vec<_>>()
        });
        meta.create_gate("poseidon", |meta| {
            let on = meta.query_fixed(fixed[13], Rotation::cur());
            let cells: Vec<_> = (0..3)
                .map(|i| meta.query_advice(first[i], Rotation::cur()))
                .collect();
            let next: Vec<_> = (0..3)
                .map(|i| meta.query_advice(first[i], Rotation::next()))
                .collect();
            let squares: Vec<_> = (3..6)
                .map(|i| meta.query_advice(first[i], Rotation::cur()))
                .collect();
            let mut constraints = Vec::new();
            for (cell, square) in cells.iter().zip(&squares) {
                constraints.push(on.clone() * (square.clone() - cell.clone() * cell.clone()));
            }
            for (row, next) in next.iter().enumerate() {
                let mut sum = meta.query_fixed(fixed[14 + row], Rotation::cur());
                for column in 0..3 {
                    let fifth =
                        squares[column].clone() * squares[column].clone() * cells[column].clone();
                    sum = sum + fifth * Fr::from((17 * row + 5 * column + 2) as u64).square();
                }
                constraints.push(on.clone() * (next.clone() - sum));
            }
            constraints
        });
        meta.create_gate("requantise", |meta| {
            let on = meta.query_fixed(fixed[17], Rotation::cur());
            let flag = meta.query_fixed(fixed[18], Rotation::cur());
            let one = Expression::Constant(Fr::ONE);
            (0..8)
                .flat_map(|i| {
                    let [c, v, e] = [0, 5, 9]
                        .map(|j| meta.query_advice(first[(i + j) % FIRST], Rotation::cur()));
                    let weight = meta.query_fixed(fixed[SELECTORS + 24 + i % 11], Rotation::cur());
                    let square = c.clone() * c.clone();
                    let clipped =
                        (one.clone() - square.clone()) * v.clone() + square * Fr::from(4079);
                    [
                        on.clone() * (clipped - e.clone() * flag.clone() + weight * c.clone()),
                        on.clone() * c.clone() * (c.clone() - one.clone()) * (c + one.clone()) * e,
                    ]
                })
                .collect::<Vec<_>>()
        });
        meta.create_gate("the rest of the fixed columns", |meta| {
            let cell = meta.query_advice(first[16], Rotation::cur());
            (SELECTORS + 32..FIXED)
                .map(|i| meta.query_fixed(fixed[i], Rotation::cur()) * cell.clone())
                .collect::<Vec<_>>()
        });
        LargeConfig {
            first,
            second,
            fixed,
            instance,
            challenges,
        }
    }

    fn synthesize(
        &self,
        config: LargeConfig,
        mut layouter: impl Layouter<Fr>,
    ) -> Result<(), Error> {
        layouter.assign_region(
            || "",
            |mut region| {
                for (i, column) in config.fixed.iter().enumerate().skip(SELECTORS) {
                    region.assign_fixed(*column, i % 7, Fr::from(i as u64 * 977));
                }
                for column in &config.first {
                    region.assign_advice(*column, 0, Value::known(Fr::ZERO));
                }
                // A cell that no gate looks at keeps the quotient from being zero: snark-verifier takes no identity.
                region.assign_advice(config.first[FIRST - 1], 10, Value::known(Fr::ONE));
                region.next_phase();
                let unused = region.get_challenge(config.challenges[0]);
                for column in &config.second {
                    region.assign_advice(*column, 0, unused.map(|_| Fr::ZERO));
                }
                Ok(())
            },
        )?;
        let _ = config.instance;
        Ok(())
    }
}

impl Example for Large {
    const NAME: &'static str = "Large";

    fn example() -> Self {
        Self
    }

    fn instances(&self) -> Vec<Vec<Fr>> {
        vec![vec![Fr::ZERO; PUBLIC]]
    }
}
