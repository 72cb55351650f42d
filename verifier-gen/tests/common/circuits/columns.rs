//! Any number of instance columns.

use halo2_proofs::{
    circuit::{Layouter, SimpleFloorPlanner, Value},
    plonk::{Advice, Circuit, Column, ConstraintSystem, Error, Expression, Fixed},
    poly::Rotation,
};
use halo2curves::{bn256::Fr, ff::Field};

use super::Example;

/// So many instance columns, with two, one and no values by turns; each value is a summand of a constraint.
#[derive(Clone, Default)]
pub(crate) struct Columns(pub(crate) usize);

const ROWS: usize = 2;

#[derive(Clone)]
pub(crate) struct ColumnsConfig {
    sum: Column<Advice>,
    on: Column<Fixed>,
}

impl Columns {
    fn weight(column: usize) -> Fr {
        Fr::from(column as u64 + 2)
    }
}

impl Circuit<Fr> for Columns {
    type Config = ColumnsConfig;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = usize;

    fn without_witnesses(&self) -> Self {
        self.clone()
    }

    fn params(&self) -> usize {
        self.0
    }

    fn configure_with_params(meta: &mut ConstraintSystem<Fr>, columns: usize) -> ColumnsConfig {
        let sum = meta.advice_column();
        let on = meta.fixed_column();
        let instances: Vec<_> = (0..columns).map(|_| meta.instance_column()).collect();
        meta.create_gate("sum", |meta| {
            let mut rest = meta.query_advice(sum, Rotation::cur());
            for (i, column) in instances.iter().enumerate() {
                let value = meta.query_instance(*column, Rotation::cur());
                rest = rest - value * Expression::Constant(Self::weight(i));
            }
            vec![meta.query_fixed(on, Rotation::cur()) * rest]
        });
        ColumnsConfig { sum, on }
    }

    fn configure(meta: &mut ConstraintSystem<Fr>) -> ColumnsConfig {
        Self::configure_with_params(meta, 1)
    }

    fn synthesize(
        &self,
        config: ColumnsConfig,
        mut layouter: impl Layouter<Fr>,
    ) -> Result<(), Error> {
        layouter.assign_region(
            || "",
            |mut region| {
                for row in 0..ROWS {
                    let columns = self.instances();
                    let columns = columns.iter().enumerate();
                    let sum: Fr = columns
                        .filter_map(|(i, values)| Some(*values.get(row)? * Self::weight(i)))
                        .sum();
                    region.assign_advice(config.sum, row, Value::known(sum));
                    region.assign_fixed(config.on, row, Fr::ONE);
                }
                Ok(())
            },
        )
    }
}

impl Example for Columns {
    const NAME: &'static str = "Columns";

    fn example() -> Self {
        Self(9)
    }

    fn instances(&self) -> Vec<Vec<Fr>> {
        let values = |column: usize| {
            let rows = (0..ROWS).skip(column % (ROWS + 1));
            rows.map(|row| Fr::from((100 * column + row + 7) as u64))
                .collect()
        };
        (0..self.0).map(values).collect()
    }
}
