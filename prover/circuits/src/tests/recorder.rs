//! A stand-in for key generation and proving that keeps what a circuit assigns.

use halo2_proofs::circuit::Value;
use halo2_proofs::plonk::{
    Advice, Any, Assigned, Assignment, Challenge, Circuit, Column, ConstraintSystem, Error, Fixed,
    FloorPlanner, Instance, Selector,
};
use halo2curves::bn256::Fr;
use halo2curves::ff::Field;

/// Keeps all that a circuit assigns.
///
/// Challenges are constants, so the trace is always the same.
pub(crate) struct Recorder {
    pub(crate) system: ConstraintSystem<Fr>,
    pub(crate) fixed: Vec<Vec<Fr>>,
    pub(crate) advice: Vec<Vec<Fr>>,
    pub(crate) copies: Vec<[(Column<Any>, usize); 2]>,
}

impl Recorder {
    pub(crate) fn run<C: Circuit<Fr>>(circuit: &C) -> Self {
        let mut system = ConstraintSystem::default();
        let config = C::configure_with_params(&mut system, circuit.params());
        let mut recorder = Recorder {
            fixed: vec![vec![]; system.num_fixed_columns()],
            advice: vec![vec![]; system.num_advice_columns()],
            copies: vec![],
            system,
        };
        C::FloorPlanner::synthesize(&mut recorder, circuit, config, vec![]).unwrap();
        recorder
    }
}

/// A constant challenge.
pub(crate) fn challenge(index: usize) -> Fr {
    Fr::from(0x1234_5678_9abc_def1 + index as u64).pow([19])
}

fn put<T: Clone>(column: &mut Vec<T>, at: usize, value: T, empty: T) {
    if column.len() <= at {
        column.resize(at + 1, empty);
    }
    column[at] = value;
}

impl Assignment<Fr> for Recorder {
    fn enter_region<NR: Into<String>, N: FnOnce() -> NR>(&mut self, _: N) {}
    fn annotate_column<A: FnOnce() -> AR, AR: Into<String>>(&mut self, _: A, _: Column<Any>) {}
    fn exit_region(&mut self) {}
    fn enable_selector<A: FnOnce() -> AR, AR: Into<String>>(
        &mut self,
        _: A,
        _: &Selector,
        _: usize,
    ) -> Result<(), Error> {
        Err(Error::Synthesis)
    }
    fn query_instance(&self, _: Column<Instance>, _: usize) -> Result<Value<Fr>, Error> {
        Err(Error::Synthesis)
    }
    fn assign_advice<'v>(
        &mut self,
        column: Column<Advice>,
        row: usize,
        to: Value<Assigned<Fr>>,
    ) -> Value<&'v Assigned<Fr>> {
        to.map(|value| {
            put(
                &mut self.advice[column.index()],
                row,
                value.evaluate(),
                Fr::ZERO,
            )
        });
        Value::unknown()
    }
    fn assign_fixed(&mut self, column: Column<Fixed>, row: usize, to: Assigned<Fr>) {
        put(
            &mut self.fixed[column.index()],
            row,
            to.evaluate(),
            Fr::ZERO,
        );
    }
    fn copy(&mut self, left: Column<Any>, left_row: usize, right: Column<Any>, right_row: usize) {
        self.copies.push([(left, left_row), (right, right_row)]);
    }
    fn fill_from_row(
        &mut self,
        _: Column<Fixed>,
        _: usize,
        _: Value<Assigned<Fr>>,
    ) -> Result<(), Error> {
        Err(Error::Synthesis)
    }
    fn get_challenge(&self, of: Challenge) -> Value<Fr> {
        Value::known(challenge(of.index()))
    }
    fn push_namespace<NR: Into<String>, N: FnOnce() -> NR>(&mut self, _: N) {}
    fn pop_namespace(&mut self, _: Option<String>) {}
}
