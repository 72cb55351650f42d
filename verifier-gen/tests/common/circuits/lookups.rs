//! Built-in lookups.

use halo2_proofs::{
    circuit::{Layouter, Value},
    plonk::{
        Advice, Circuit, Column, ConstraintSystem, Error, Expression, Fixed, Instance, TableColumn,
    },
    poly::Rotation,
};
use halo2curves::bn256::Fr;

use super::Example;

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
