//! Keys made by hand: an honest circuit whose fixed cells or copy constraints are changed on their way into the key.

use chainfer_circuits::{ChunkCircuit, CircuitShape};
use halo2_proofs::circuit::layouter::SyncDeps;
use halo2_proofs::circuit::{Layouter, SimpleFloorPlanner, Value};
use halo2_proofs::plonk::{
    Advice, Any, Assigned, Assignment, Challenge, Circuit, Column, ConstraintSystem, Error, Fixed,
    FloorPlanner, Instance, Selector,
};
use halo2curves::bn256::Fr;
use halo2curves::ff::Field;
use std::cell::{Cell, RefCell};

/// What is changed in a key.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Change {
    #[default]
    Nothing,
    /// A fixed column is 0.
    Zero(usize),
    /// A fixed column is 0 but in its first row, where it is 1: no check of points refuses it.
    Almost(usize),
    /// One number in a fixed column is another.
    Replace { column: usize, from: u64, to: u64 },
    /// One fixed cell is another number.
    Set { column: usize, row: usize, to: u64 },
    /// This copy constraint is left out.
    LeaveOut(usize),
}

/// The columns that a copy constraint joins.
pub(crate) type Copied = [(String, usize); 2];

thread_local! {
    static CHANGE: Cell<Change> = const { Cell::new(Change::Nothing) };
    static COPIES: RefCell<Vec<Copied>> = const { RefCell::new(Vec::new()) };
}

/// Runs a key generation with a change; gives the copy constraints that the circuit asked for, too.
pub(crate) fn with<T>(change: Change, keygen: impl FnOnce() -> T) -> (T, Vec<Copied>) {
    CHANGE.set(change);
    let made = keygen();
    CHANGE.set(Change::Nothing);
    (made, COPIES.take())
}

/// A circuit whose keys are changed on the way.
#[derive(Clone, Debug)]
pub(crate) struct Forged(pub(crate) ChunkCircuit);

impl Circuit<Fr> for Forged {
    type Config = <ChunkCircuit as Circuit<Fr>>::Config;
    type FloorPlanner = ChangingPlanner;
    type Params = CircuitShape;

    fn params(&self) -> CircuitShape {
        self.0.params()
    }

    fn without_witnesses(&self) -> Self {
        Self(self.0.without_witnesses())
    }

    fn configure_with_params(meta: &mut ConstraintSystem<Fr>, shape: CircuitShape) -> Self::Config {
        ChunkCircuit::configure_with_params(meta, shape)
    }

    fn configure(meta: &mut ConstraintSystem<Fr>) -> Self::Config {
        ChunkCircuit::configure(meta)
    }

    fn synthesize(&self, config: Self::Config, layouter: impl Layouter<Fr>) -> Result<(), Error> {
        self.0.synthesize(config, layouter)
    }
}

/// halo2's planner, with the change of this thread.
#[derive(Debug)]
pub(crate) struct ChangingPlanner;

impl FloorPlanner for ChangingPlanner {
    fn synthesize<F: Field, CS: Assignment<F> + SyncDeps, C: Circuit<F>>(
        cs: &mut CS,
        circuit: &C,
        config: C::Config,
        constants: Vec<Column<Fixed>>,
    ) -> Result<(), Error> {
        let mut changing = Changing {
            inner: cs,
            change: CHANGE.get(),
            copies: Vec::new(),
        };
        SimpleFloorPlanner::synthesize(&mut changing, circuit, config, constants)?;
        COPIES.set(changing.copies);
        Ok(())
    }
}

struct Changing<'a, CS> {
    inner: &'a mut CS,
    change: Change,
    copies: Vec<Copied>,
}

fn number<F: Field>(value: u64) -> F {
    let bits = (0..u64::BITS).rev();
    bits.fold(F::ZERO, |sum, bit| {
        let twice = sum.double();
        if value >> bit & 1 == 1 {
            twice + F::ONE
        } else {
            twice
        }
    })
}

impl<F: Field, CS: Assignment<F>> Assignment<F> for Changing<'_, CS> {
    fn enter_region<NR: Into<String>, N: FnOnce() -> NR>(&mut self, name: N) {
        self.inner.enter_region(name);
    }
    fn annotate_column<A: FnOnce() -> AR, AR: Into<String>>(
        &mut self,
        name: A,
        column: Column<Any>,
    ) {
        self.inner.annotate_column(name, column);
    }
    fn exit_region(&mut self) {
        self.inner.exit_region();
    }
    fn enable_selector<A: FnOnce() -> AR, AR: Into<String>>(
        &mut self,
        name: A,
        selector: &Selector,
        row: usize,
    ) -> Result<(), Error> {
        self.inner.enable_selector(name, selector, row)
    }
    fn query_instance(&self, column: Column<Instance>, row: usize) -> Result<Value<F>, Error> {
        self.inner.query_instance(column, row)
    }
    fn assign_advice<'v>(
        &mut self,
        column: Column<Advice>,
        row: usize,
        to: Value<Assigned<F>>,
    ) -> Value<&'v Assigned<F>> {
        self.inner.assign_advice(column, row, to)
    }
    fn assign_fixed(&mut self, column: Column<Fixed>, row: usize, to: Assigned<F>) {
        let at = column.index();
        let to = match self.change {
            Change::Zero(zero) if zero == at => Assigned::Zero,
            Change::Almost(zero) if zero == at && row == 0 => Assigned::Trivial(F::ONE),
            Change::Almost(zero) if zero == at => Assigned::Zero,
            Change::Replace {
                column,
                from,
                to: other,
            } if column == at && to.evaluate() == number::<F>(from) => {
                Assigned::Trivial(number(other))
            }
            Change::Set {
                column,
                row: set,
                to: other,
            } if (column, set) == (at, row) => Assigned::Trivial(number(other)),
            _ => to,
        };
        self.inner.assign_fixed(column, row, to);
    }
    fn copy(&mut self, left: Column<Any>, left_row: usize, right: Column<Any>, right_row: usize) {
        let name = |column: Column<Any>| format!("{:?} {}", column.column_type(), column.index());
        let index = self.copies.len();
        self.copies
            .push([(name(left), left_row), (name(right), right_row)]);
        if !matches!(self.change, Change::LeaveOut(left_out) if left_out == index) {
            self.inner.copy(left, left_row, right, right_row);
        }
    }
    fn fill_from_row(
        &mut self,
        column: Column<Fixed>,
        row: usize,
        to: Value<Assigned<F>>,
    ) -> Result<(), Error> {
        self.inner.fill_from_row(column, row, to)
    }
    fn get_challenge(&self, challenge: Challenge) -> Value<F> {
        self.inner.get_challenge(challenge)
    }
    fn push_namespace<NR: Into<String>, N: FnOnce() -> NR>(&mut self, name: N) {
        self.inner.push_namespace(name);
    }
    fn pop_namespace(&mut self, name: Option<String>) {
        self.inner.pop_namespace(name);
    }
    fn next_phase(&mut self) {
        self.inner.next_phase();
    }
}
