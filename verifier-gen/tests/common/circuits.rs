//! Small circuits, one for each feature that a verifying key can have.

use halo2_proofs::{
    circuit::{Layouter, SimpleFloorPlanner, Value},
    plonk::{
        Advice, Challenge, Circuit, Column, ConstraintSystem, Error, Expression, FirstPhase, Fixed,
        Instance, SecondPhase, TableColumn, VirtualCells,
    },
    poly::Rotation,
};
use halo2curves::{bn256::Fr, ff::Field};

/// A circuit with its public inputs.
pub(crate) trait Example: Circuit<Fr> + Clone {
    const NAME: &'static str;
    fn example() -> Self;
    fn instances(&self) -> Vec<Vec<Fr>>;
}

fn power(expression: Expression<Fr>, exponent: usize) -> Expression<Fr> {
    let mut product = expression.clone();
    for _ in 1..exponent {
        product = product * expression.clone();
    }
    product
}

macro_rules! plain_circuit {
    ($config:ty) => {
        type Config = $config;
        type FloorPlanner = SimpleFloorPlanner;
        type Params = ();

        fn without_witnesses(&self) -> Self {
            self.clone()
        }
    };
}

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

/// Built-in lookups: pairs from a fixed table, and an expression with a rotation.
#[derive(Clone)]
pub(crate) struct Lookups;

#[derive(Clone)]
pub(crate) struct LookupsConfig {
    x: Column<Advice>,
    y: Column<Advice>,
    q: Column<Fixed>,
    table: [TableColumn; 2],
    instance: Column<Instance>,
}

impl Circuit<Fr> for Lookups {
    plain_circuit!(LookupsConfig);

    fn configure(meta: &mut ConstraintSystem<Fr>) -> LookupsConfig {
        let [x, y] = [(); 2].map(|()| meta.advice_column());
        let q = meta.fixed_column();
        let table = [(); 2].map(|()| meta.lookup_table_column());
        let instance = meta.instance_column();
        meta.enable_equality(x);
        meta.enable_equality(instance);
        meta.lookup("square", |meta| {
            let [x, y] = [x, y].map(|column| meta.query_advice(column, Rotation::cur()));
            vec![(x, table[0]), (y, table[1])]
        });
        meta.lookup("difference", |meta| {
            let (x, next) = (
                meta.query_advice(x, Rotation::cur()),
                meta.query_advice(x, Rotation::next()),
            );
            let q = meta.query_fixed(q, Rotation::cur());
            vec![(q * (next - x + Expression::Constant(Fr::from(9))), table[0])]
        });
        LookupsConfig {
            x,
            y,
            q,
            table,
            instance,
        }
    }

    fn synthesize(
        &self,
        config: LookupsConfig,
        mut layouter: impl Layouter<Fr>,
    ) -> Result<(), Error> {
        layouter.assign_table(
            || "squares",
            |mut table| {
                for i in 0..20u64 {
                    table.assign_cell(
                        || "x",
                        config.table[0],
                        i as usize,
                        || Value::known(Fr::from(i)),
                    )?;
                    table.assign_cell(
                        || "y",
                        config.table[1],
                        i as usize,
                        || Value::known(Fr::from(i * i)),
                    )?;
                }
                Ok(())
            },
        )?;
        let first = layouter.assign_region(
            || "",
            |mut region| {
                let mut first = None;
                for row in 0..10u64 {
                    let x = if row < 5 { 7 - row } else { row % 4 };
                    let cell = region
                        .assign_advice(config.x, row as usize, Value::known(Fr::from(x)))
                        .cell();
                    region.assign_advice(config.y, row as usize, Value::known(Fr::from(x * x)));
                    region.assign_fixed(config.q, row as usize, Fr::from(u64::from(row < 9)));
                    first.get_or_insert(cell);
                }
                Ok(first.unwrap())
            },
        )?;
        layouter.constrain_instance(first, config.instance, 0);
        Ok(())
    }
}

impl Example for Lookups {
    const NAME: &'static str = "Lookups";

    fn example() -> Self {
        Self
    }

    fn instances(&self) -> Vec<Vec<Fr>> {
        vec![vec![Fr::from(7)]]
    }
}

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
