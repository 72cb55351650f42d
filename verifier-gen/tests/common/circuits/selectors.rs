//! Selectors, merged into fewer fixed columns.

use halo2_proofs::{
    circuit::{Layouter, Value},
    plonk::{Advice, Circuit, Column, ConstraintSystem, Error, Instance, Selector},
    poly::Rotation,
};
use halo2curves::bn256::Fr;

use super::Example;

const ROWS: usize = 24;

/// Three simple selectors that never meet on a row, and a complex one.
#[derive(Clone)]
pub(crate) struct Selectors;

#[derive(Clone)]
pub(crate) struct SelectorsConfig {
    a: Column<Advice>,
    simple: [Selector; 3],
    complex: Selector,
    instance: Column<Instance>,
}

impl Circuit<Fr> for Selectors {
    plain_circuit!(SelectorsConfig);

    fn configure(meta: &mut ConstraintSystem<Fr>) -> SelectorsConfig {
        let a = meta.advice_column();
        let simple = [(); 3].map(|()| meta.selector());
        let complex = meta.complex_selector();
        let instance = meta.instance_column();
        meta.enable_equality(a);
        meta.enable_equality(instance);
        for (i, selector) in simple.into_iter().enumerate() {
            meta.create_gate("step", |meta| {
                let on = meta.query_selector(selector);
                let [x, next] = [0, 1].map(|at| meta.query_advice(a, Rotation(at)));
                let expected = match i {
                    0 => x.square(),
                    1 => x.clone() + x,
                    _ => -x,
                };
                vec![on * (next - expected)]
            });
        }
        meta.create_gate("opposite", |meta| {
            let on = meta.query_selector(complex);
            let [x, next] = [0, 1].map(|at| meta.query_advice(a, Rotation(at)));
            vec![on.clone() * on * (x + next)]
        });
        SelectorsConfig {
            a,
            simple,
            complex,
            instance,
        }
    }

    fn synthesize(
        &self,
        config: SelectorsConfig,
        mut layouter: impl Layouter<Fr>,
    ) -> Result<(), Error> {
        let last = layouter.assign_region(
            || "",
            |mut region| {
                let mut cells = Vec::new();
                for (row, value) in Self::values().into_iter().enumerate() {
                    let value = Value::known(value);
                    cells.push(region.assign_advice(config.a, row, value).cell());
                    if row < ROWS {
                        config.simple[row % 3].enable(&mut region, row)?;
                        if row % 3 == 2 {
                            config.complex.enable(&mut region, row)?;
                        }
                    }
                }
                Ok(cells[ROWS])
            },
        )?;
        layouter.constrain_instance(last, config.instance, 0);
        Ok(())
    }
}

impl Selectors {
    fn values() -> Vec<Fr> {
        let mut values = vec![Fr::from(5)];
        for row in 0..ROWS {
            let x = values[row];
            values.push(match row % 3 {
                0 => x.square(),
                1 => x.double(),
                _ => -x,
            });
        }
        values
    }
}

impl Example for Selectors {
    const NAME: &'static str = "Selectors";
    const COMPRESS_SELECTORS: bool = true;

    fn example() -> Self {
        Self
    }

    fn instances(&self) -> Vec<Vec<Fr>> {
        vec![Self::values()[ROWS..].to_vec()]
    }
}
