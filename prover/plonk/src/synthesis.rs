//! A halo2 circuit as a witness.

use crate::error::{PlonkError, Result};
use crate::keygen::evaluated;
use crate::witness::{Phases, Witness};
use halo2_proofs::circuit::Value;
use halo2_proofs::plonk::{
    Advice, Any, Assigned, Assignment, Challenge, Circuit, Column, ConstraintSystem, Error, Fixed,
    FloorPlanner, Instance, Selector,
};
use halo2curves::bn256::Fr;

/// A halo2 circuit with its instances. As with halo2's own prover, a circuit goes through its phases with `Region::next_phase` in one
/// synthesis, or is synthesised once a phase; later writes to columns of a phase that is over are ignored.
#[derive(Debug)]
pub struct Synthesis<'a, C> {
    circuit: &'a C,
    instances: &'a [&'a [Fr]],
}

impl<'a, C: Circuit<Fr>> Synthesis<'a, C> {
    /// Of a circuit and the values of its instance columns.
    pub fn new(circuit: &'a C, instances: &'a [&'a [Fr]]) -> Self {
        Synthesis { circuit, instances }
    }
}

impl<C: Circuit<Fr>> Witness for Synthesis<'_, C> {
    fn fill(self, phases: &mut Phases<'_>) -> Result<()> {
        let mut cs = ConstraintSystem::default();
        let config = C::configure_with_params(&mut cs, self.circuit.params());
        let columns = cs.num_advice_columns();
        let mut cells = Cells {
            phases,
            instances: self.instances,
            columns: vec![Vec::new(); columns],
            lent: Lent::default(),
            failed: None,
        };
        // A circuit without columns has no phase to end.
        loop {
            let before = cells.phases.current();
            C::FloorPlanner::synthesize(
                &mut cells,
                self.circuit,
                config.clone(),
                cs.constants().clone(),
            )?;
            if let Some(error) = cells.failed.take() {
                return Err(error);
            }
            if cells.phases.done() {
                return Ok(());
            }
            cells.end_phase()?;
            if cells.phases.done() || cells.phases.current() == before {
                return Ok(());
            }
        }
    }
}

/// The cells that halo2's layouter writes.
struct Cells<'a, 'b> {
    phases: &'a mut Phases<'b>,
    instances: &'a [&'a [Fr]],
    columns: Vec<Vec<Assigned<Fr>>>,
    lent: Lent,
    failed: Option<PlonkError>,
}

/// Copies of assigned values, which halo2 wants references to for as long as the circuit likes. They are never written again, and stay where they
/// are until the synthesis is over.
#[derive(Default)]
struct Lent(Vec<Vec<Assigned<Fr>>>);

impl Lent {
    const SLAB: usize = 1 << 12;

    fn keep<'v>(&mut self, value: Assigned<Fr>) -> &'v Assigned<Fr> {
        if self.0.last().is_none_or(|slab| slab.len() == Self::SLAB) {
            self.0.push(Vec::with_capacity(Self::SLAB));
        }
        let slab = self.0.len() - 1;
        self.0[slab].push(value);
        let kept: *const Assigned<Fr> = &raw const self.0[slab][self.0[slab].len() - 1];
        // SAFETY: the slab has its capacity from the start, so that its values do not move, and none is written again. It lives until
        // `Synthesis::fill` returns. The lifetime is the caller's choice, as in halo2's own prover: its `Assignment` trait leaves no
        // other, and what a circuit is handed here it uses within its synthesis.
        #[expect(
            unsafe_code,
            reason = "halo2 asks for a reference of a lifetime that it chooses"
        )]
        unsafe {
            &*kept
        }
    }
}

impl Cells<'_, '_> {
    fn fail(&mut self, error: PlonkError) {
        self.failed.get_or_insert(error);
    }

    /// Hands over the columns of the phase, with all denominators inverted at once.
    fn end_phase(&mut self) -> Result<()> {
        let current = self.phases.current();
        for index in 0..self.columns.len() {
            if self.phases.phase_of(index) != Some(current) {
                continue;
            }
            let values = evaluated(&self.columns[index]);
            self.phases.set(index, values)?;
        }
        self.phases.end_phase()
    }
}

impl Assignment<Fr> for Cells<'_, '_> {
    fn enter_region<NR, N>(&mut self, _: N)
    where
        NR: Into<String>,
        N: FnOnce() -> NR,
    {
    }

    fn exit_region(&mut self) {}

    fn enable_selector<A, AR>(
        &mut self,
        _: A,
        _: &Selector,
        _: usize,
    ) -> std::result::Result<(), Error>
    where
        A: FnOnce() -> AR,
        AR: Into<String>,
    {
        Ok(())
    }

    fn annotate_column<A, AR>(&mut self, _: A, _: Column<Any>)
    where
        A: FnOnce() -> AR,
        AR: Into<String>,
    {
    }

    fn query_instance(
        &self,
        column: Column<Instance>,
        row: usize,
    ) -> std::result::Result<Value<Fr>, Error> {
        if row >= self.phases.usable_rows() {
            return Err(Error::BoundsFailure);
        }
        let value = self
            .instances
            .get(column.index())
            .and_then(|values| values.get(row));
        value
            .map(|value| Value::known(*value))
            .ok_or(Error::BoundsFailure)
    }

    fn assign_advice<'v>(
        &mut self,
        column: Column<Advice>,
        row: usize,
        to: Value<Assigned<Fr>>,
    ) -> Value<&'v Assigned<Fr>> {
        let usable = self.phases.usable_rows();
        let current = self.phases.current();
        let phase = self.phases.phase_of(column.index());
        let (Some(phase), true) = (phase, row < usable) else {
            self.fail(PlonkError::Witness(format!(
                "there is no cell in row {row} of column {}",
                column.index()
            )));
            return Value::unknown();
        };
        let mut known = None;
        to.map(|value| known = Some(value));
        let Some(value) = known else {
            if phase == current {
                self.fail(PlonkError::Witness(format!(
                    "row {row} of column {} is unknown in its phase",
                    column.index()
                )));
            }
            return Value::unknown();
        };
        if phase >= current {
            let cells = &mut self.columns[column.index()];
            if cells.is_empty() {
                cells.resize(usable, Assigned::Zero);
            }
            cells[row] = value;
        }
        Value::known(self.lent.keep(value))
    }

    fn assign_fixed(&mut self, _: Column<Fixed>, _: usize, _: Assigned<Fr>) {}

    fn copy(&mut self, _: Column<Any>, _: usize, _: Column<Any>, _: usize) {}

    fn fill_from_row(
        &mut self,
        _: Column<Fixed>,
        _: usize,
        _: Value<Assigned<Fr>>,
    ) -> std::result::Result<(), Error> {
        Ok(())
    }

    fn get_challenge(&self, challenge: Challenge) -> Value<Fr> {
        match self.phases.challenge(challenge.index()) {
            Some(value) => Value::known(value),
            None => Value::unknown(),
        }
    }

    fn push_namespace<NR, N>(&mut self, _: N)
    where
        NR: Into<String>,
        N: FnOnce() -> NR,
    {
    }

    fn pop_namespace(&mut self, _: Option<String>) {}

    fn next_phase(&mut self) {
        if let Err(error) = self.end_phase() {
            self.fail(error);
        }
    }
}
