//! The same inputs, honest and mutated, under halo2, snark-verifier's contract and ours.
//!
//! Ours must answer exactly as halo2 does behind strict parsing. snark-verifier's contract may differ only as
//! `common::differences` documents. Mutations follow from a seed; proofs do not (halo2 draws from the thread), so a failure
//! prints its input.
//!
//! `CHAINFER_SEED` sets the seed. `CHAINFER_SOAK=N` runs N mutations over all shapes, `CHAINFER_LONG` 100,000.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr
)]

mod common;

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use common::{
    campaign::{seed, soak},
    circuits::{
        Cubic, EmptyColumn, Example, Factors, HighDegree, Large, Lookups, LowQuotient,
        ManyInstances, NoPermutation, OnlyFixed, Phases, Selectors, Wide,
    },
    differences::{Difference, explain, holds_identity},
    evm::Outcome,
    input::{Fixture, Input},
    mutate::{KINDS, Kind, mutate},
    prove::word,
    targets::{EvmLoader, Native, Ours, Target, Verdict, ours},
};
use halo2curves::{bn256::Fr, ff::Field};
use rand::{Rng, SeedableRng, rngs::StdRng};

/// Shapes under test, one test each.
const SHAPES: usize = 13;
/// Mutations a shape in a normal run.
const MUTATIONS: usize = 320;
/// Inputs a shape for which the contracts must return the same points.
const ANY_SCALARS: usize = 16;
/// Mutations over all shapes in a long run.
const SOAK: usize = 100_000;
/// Mutations of one proof, before the next is made.
const PER_PROOF: usize = 2_000;
const THREADS: usize = 2;

fn mutations() -> usize {
    soak(SOAK).map_or(MUTATIONS, |total| total.div_ceil(SHAPES))
}

/// What a run saw.
#[derive(Debug, Default)]
struct Tally {
    accepted: usize,
    rejected: usize,
    /// Mutations by kind.
    kinds: BTreeMap<Kind, usize>,
    /// Disagreements of snark-verifier's contract that are documented.
    differences: BTreeMap<Difference, usize>,
}

struct Arena<'a, E: Example> {
    fixture: &'a Fixture<E>,
    native: Native,
    theirs: EvmLoader,
    ours: Vec<Ours>,
}

impl<E: Example> Arena<'_, E> {
    /// Puts one input before all verifiers. An error is a disagreement that nothing documents.
    fn judge(&self, input: &Input, tally: &Mutex<Tally>) -> Result<Verdict, String> {
        let native = self.native.judge(input);
        for target in &self.ours {
            let verdict = target.judge(input);
            if verdict != native {
                let (name, native) = (target.name(), &native);
                return Err(format!("{name}: {verdict:?}; halo2: {native:?}"));
            }
        }
        let theirs = self.theirs.judge(input);
        let mut differences = Vec::new();
        if theirs != native {
            let num_instances = self.fixture.lengths.iter().sum();
            let shape = self.fixture.shape;
            differences = explain(input, &self.native, &theirs, num_instances, shape)?;
        }
        let mut tally = tally.lock().unwrap();
        match native {
            Verdict::Accepts => tally.accepted += 1,
            _ => tally.rejected += 1,
        }
        for difference in differences {
            *tally.differences.entry(difference).or_default() += 1;
        }
        Ok(native)
    }

    /// Mutation number `index`: each word in turn, the kind by chance.
    fn mutated(&self, honest: &Input, index: usize) -> (Input, Kind, String) {
        let mut rng =
            StdRng::seed_from_u64(seed().wrapping_mul(0x9e37_79b9).wrapping_add(index as u64));
        let kind = KINDS[rng.gen_range(0..KINDS.len())];
        let words = honest.instances.len() + honest.proof.len() / 32;
        let mut input = honest.clone();
        let what = mutate(
            &mut input,
            kind,
            index % words,
            self.fixture.shape,
            &mut rng,
        );
        (input, kind, what)
    }

    fn campaign(&self, honest: &Input, range: std::ops::Range<usize>, tally: &Mutex<Tally>) {
        let next = AtomicUsize::new(range.start);
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        if index >= range.end {
                            return;
                        }
                        let (input, kind, what) = self.mutated(honest, index);
                        if let Err(error) = self.judge(&input, tally) {
                            panic!(
                                "{}, CHAINFER_SEED={}, mutation {index} ({what}): {error}\n{input}",
                                E::NAME,
                                seed(),
                            );
                        }
                        *tally.lock().unwrap().kinds.entry(kind).or_default() += 1;
                    }
                });
            }
        });
    }
}

/// What `accumulate` returns is the same in every style and mode whatever the scalars are: verdicts alone would hide most
/// differences, for nearly all such proofs are wrong.
fn same_points<E: Example>(arena: &Arena<'_, E>) {
    let mut rng = StdRng::seed_from_u64(seed());
    let scalars = arena.fixture.shape.scalar_words();
    let targets: Vec<Ours> = arena
        .ours
        .iter()
        .map(|target| target.accumulate(target.name))
        .collect();
    for number in 0..ANY_SCALARS {
        let mut input = arena.fixture.honest.clone();
        let mut draw = || {
            word(&match rng.gen_range(0..6) {
                0 => Fr::ZERO,
                1 => Fr::ONE,
                2 => -Fr::ONE,
                3 => -Fr::from(2),
                _ => Fr::random(&mut rng),
            })
        };
        for instance in &mut input.instances {
            *instance = draw();
        }
        for at in scalars.clone() {
            input.proof[32 * at..32 * at + 32].copy_from_slice(&draw());
        }
        let outcomes: Vec<Vec<u8>> = targets
            .iter()
            .map(|target| match target.call(target.calldata(&input)) {
                Outcome::Returned { output, .. } => output.to_vec(),
                other => panic!("{}, {}: {other:?}\n{input}", E::NAME, target.name()),
            })
            .collect();
        for (target, points) in targets.iter().zip(&outcomes) {
            let name = target.name();
            assert_eq!(
                points,
                &outcomes[0],
                "{}, {name}, input {number}\n{input}",
                E::NAME
            );
        }
    }
}

/// Honest proofs are accepted; mutations get the same verdict everywhere.
fn agree<E: Example>() {
    let fixture = Fixture::<E>::new();
    let arena = Arena {
        native: Native::new(&fixture.key()),
        theirs: EvmLoader::new(&fixture.key()),
        ours: ours(&fixture.key()),
        fixture: &fixture,
    };
    let total = mutations();
    let started = Instant::now();
    let tally = Mutex::new(Tally::default());
    for (round, start) in (0..total).step_by(PER_PROOF).enumerate() {
        let honest = fixture.prove(round as u64 + 2);
        let verdict = arena.judge(&honest, &tally).unwrap();
        assert_eq!(verdict, Verdict::Accepts, "{}", E::NAME);
        arena.campaign(&honest, start..total.min(start + PER_PROOF), &tally);
    }
    same_points(&arena);
    let tally = tally.into_inner().unwrap();
    assert_eq!(tally.kinds.values().sum::<usize>(), total);
    assert_eq!(
        tally.accepted + tally.rejected,
        total + total.div_ceil(PER_PROOF)
    );
    // Mutations are rejected but where they change nothing.
    assert!(tally.rejected * 10 > total * 9, "{tally:?}");
    // Honest proofs of the shapes with a short quotient hold identities; the others never do.
    let identity = holds_identity(&fixture.honest, fixture.shape);
    assert_eq!(
        identity,
        [LowQuotient::NAME, OnlyFixed::NAME].contains(&E::NAME)
    );
    eprintln!(
        "{}: seed {}, {total} mutations, {} inputs accepted, {} rejected, {:.1} s; EvmLoader differs: {:?}; {:?}",
        E::NAME,
        seed(),
        tally.accepted,
        tally.rejected,
        started.elapsed().as_secs_f64(),
        tally.differences,
        tally.kinds,
    );
}

#[test]
fn two_phases_agree() {
    agree::<Phases>();
}

#[test]
fn no_permutation_and_no_instances_agree() {
    agree::<NoPermutation>();
}

#[test]
fn fixed_columns_alone_and_a_first_identity_agree() {
    agree::<OnlyFixed>();
}

#[test]
fn many_permutation_and_instance_columns_agree() {
    agree::<Wide>();
}

#[test]
fn built_in_lookups_agree() {
    agree::<Lookups>();
}

#[test]
fn degree_three_and_an_identity_commitment_agree() {
    agree::<Cubic>();
}

#[test]
fn degree_nine_agrees() {
    agree::<HighDegree>();
}

#[test]
fn factors_of_a_machine_word_agree() {
    agree::<Factors>();
}

#[test]
fn quotient_below_its_degree_agrees() {
    agree::<LowQuotient>();
}

#[test]
fn merged_selectors_agree() {
    agree::<Selectors>();
}

#[test]
fn many_instances_agree() {
    agree::<ManyInstances>();
}

#[test]
fn empty_instance_columns_agree() {
    agree::<EmptyColumn>();
}

#[test]
fn circuit_of_a_chunk_s_size_agrees() {
    agree::<Large>();
}
