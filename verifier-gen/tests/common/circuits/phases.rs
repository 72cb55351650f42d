//! Two phases, challenges and rotations.

use halo2_proofs::{
    circuit::{Layouter, Value},
    plonk::{
        Advice, Challenge, Circuit, Column, ConstraintSystem, Error, Expression, FirstPhase, Fixed,
        Instance, SecondPhase, VirtualCells,
    },
    poly::Rotation,
};
use halo2curves::{bn256::Fr, ff::Field};

use super::{Example, power};

/// Two phases (halo2-axiom's prover panics at the end of a third), three challenges, rotations on both sides, degree 5, high
/// powers of a challenge, copies to public inputs.
#[derive(Clone)]
pub(crate) struct Phases {
    seed: u64,
}

#[derive(Clone)]
pub(crate) struct PhasesConfig {
    a: Column<Advice>,
    b: Column<Advice>,
    c: Column<Advice>,
    acc: Column<Advice>,
    last: Column<Advice>,
    active: Column<Fixed>,
    fifth: Column<Fixed>,
    instance: Column<Instance>,
    challenges: [Challenge; 3],
}

const ROWS: usize = 40;
const ACTIVE: std::ops::Range<usize> = 3..30;

impl Circuit<Fr> for Phases {
    plain_circuit!(PhasesConfig);

    fn configure(meta: &mut ConstraintSystem<Fr>) -> PhasesConfig {
        let [a, b, c] = [(); 3].map(|()| meta.advice_column());
        let r = meta.challenge_usable_after(FirstPhase);
        let s = meta.challenge_usable_after(FirstPhase);
        let t = meta.challenge_usable_after(FirstPhase);
        let acc = meta.advice_column_in(SecondPhase);
        let last = meta.advice_column_in(SecondPhase);
        let [active, fifth] = [(); 2].map(|()| meta.fixed_column());
        let instance = meta.instance_column();
        meta.enable_equality(a);
        meta.enable_equality(c);
        meta.enable_equality(instance);
        meta.create_gate("accumulate", |meta| {
            let active = meta.query_fixed(active, Rotation::cur());
            let cell = |meta: &mut VirtualCells<'_, Fr>, at| meta.query_advice(a, Rotation(at));
            let (a0, a1, a2) = (cell(meta, 0), cell(meta, 2), cell(meta, -3));
            let b = meta.query_advice(b, Rotation::cur());
            let c = meta.query_advice(c, Rotation::cur());
            let acc0 = meta.query_advice(acc, Rotation::cur());
            let acc1 = meta.query_advice(acc, Rotation::next());
            let last = meta.query_advice(last, Rotation::cur());
            let [r, s, t] = [r, s, t].map(|challenge| meta.query_challenge(challenge));
            let seven = Expression::Constant(Fr::from(7));
            let step = acc0.clone() * r.clone()
                + s.clone() * a0.clone()
                + power(r.clone(), 21) * b
                + seven;
            vec![
                active.clone() * (acc1 - step),
                active.clone() * (last - t * acc0 - power(r.clone(), 2) * power(s, 3) * a0),
                active * (c - a1 - a2 * Fr::from(3)),
            ]
        });
        meta.create_gate("fourth power", |meta| {
            let fifth = meta.query_fixed(fifth, Rotation::cur());
            let a = meta.query_advice(a, Rotation::cur());
            let b = meta.query_advice(b, Rotation::cur());
            vec![fifth * (power(a, 4) - b)]
        });
        PhasesConfig {
            a,
            b,
            c,
            acc,
            last,
            active,
            fifth,
            instance,
            challenges: [r, s, t],
        }
    }

    fn synthesize(
        &self,
        config: PhasesConfig,
        mut layouter: impl Layouter<Fr>,
    ) -> Result<(), Error> {
        let (a, b, c) = self.columns();
        layouter
            .assign_region(
                || "all phases",
                |mut region| {
                    let mut cells = Vec::new();
                    for row in 0..ROWS {
                        cells.push(
                            region
                                .assign_advice(config.a, row, Value::known(a[row]))
                                .cell(),
                        );
                        region.assign_advice(config.b, row, Value::known(b[row]));
                        cells.push(
                            region
                                .assign_advice(config.c, row, Value::known(c[row]))
                                .cell(),
                        );
                        let flag = |on| if on { Fr::ONE } else { Fr::ZERO };
                        region.assign_fixed(config.active, row, flag(ACTIVE.contains(&row)));
                        region.assign_fixed(config.fifth, row, flag(row % 3 == 0));
                    }
                    // Rows 1 and 36 of a hold the same value.
                    region.constrain_equal(cells[2], cells[72]);
                    region.next_phase();
                    let [r, s] = [0, 1].map(|i| region.get_challenge(config.challenges[i]));
                    let mut acc = vec![Value::known(Fr::ZERO); ROWS];
                    for row in ACTIVE {
                        acc[row + 1] = acc[row].zip(r).zip(s).map(|((acc, r), s)| {
                            acc * r + s * a[row] + r.pow([21]) * b[row] + Fr::from(7)
                        });
                    }
                    for (row, value) in acc.iter().enumerate() {
                        region.assign_advice(config.acc, row, *value);
                    }
                    let t = region.get_challenge(config.challenges[2]);
                    for row in 0..ROWS {
                        let value = acc[row]
                            .zip(t)
                            .zip(r.zip(s))
                            .map(|((acc, t), (r, s))| t * acc + r.square() * s.cube() * a[row]);
                        region.assign_advice(config.last, row, value);
                    }
                    Ok(cells)
                },
            )
            .map(|cells| {
                layouter.constrain_instance(cells[0], config.instance, 0);
                layouter.constrain_instance(cells[2 * 5 + 1], config.instance, 1);
                layouter.constrain_instance(cells[2], config.instance, 2);
            })
    }
}

impl Phases {
    fn columns(&self) -> (Vec<Fr>, Vec<Fr>, Vec<Fr>) {
        let mut a: Vec<Fr> = (0..ROWS as u64)
            .map(|row| Fr::from(self.seed + row).cube())
            .collect();
        a[36] = a[1];
        let b = a.iter().map(|a| a.square().square()).collect();
        let mut c = vec![Fr::ZERO; ROWS];
        for row in ACTIVE {
            c[row] = a[row + 2] + a[row - 3] * Fr::from(3);
        }
        (a, b, c)
    }
}

impl Example for Phases {
    const NAME: &'static str = "Phases";

    fn example() -> Self {
        Self { seed: 11 }
    }

    fn instances(&self) -> Vec<Vec<Fr>> {
        let (a, _, c) = self.columns();
        vec![vec![a[0], c[5], a[1]]]
    }
}
