//! Constraint systems drawn by chance: our contracts answer exactly as halo2 does, on honest inputs and on mutated ones.
//!
//! `CHAINFER_SEED` sets the seed, from which systems and mutations follow; proofs do not (halo2 draws from the thread), so a
//! failure prints its input. `CHAINFER_SOAK=N` makes N mutations over as many systems as they take, `CHAINFER_LONG` 5,000.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr
)]

mod common;

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Instant,
};

use chainfer_verifier_gen::{CodeStyle, Entry, GeneratorOptions};
use common::{
    campaign::{seed, soak},
    circuits::{Random, System},
    input::{Fixture, Input, Key},
    mutate::{KINDS, mutate},
    solc::Settings,
    targets::{Native, Ours, Target, Verdict},
};
use rand::{Rng, SeedableRng, rngs::StdRng};

/// Systems in a normal run, and mutations of each.
const SYSTEMS: usize = 4;
const MUTATIONS: usize = 40;
/// Mutations over all systems in a long run.
const SOAK: usize = 5_000;
/// Mutations of one system in a soak: compiling its contracts takes longer than these.
const PER_SYSTEM: usize = 250;
const THREADS: usize = 2;

/// Each code style and each entry once; in `tests/differential.rs` they meet in all combinations.
fn targets(key: &Key<'_>) -> [Ours; 3] {
    let options = [
        (
            "embedded inline",
            GeneratorOptions::embedded(key.name).with_code(CodeStyle::Inline),
            Entry::Verify,
        ),
        (
            "shared inline accumulate",
            GeneratorOptions::shared().with_code(CodeStyle::Inline),
            Entry::Accumulate,
        ),
        (
            "shared interpreted",
            GeneratorOptions::shared().with_code(CodeStyle::Interpreted),
            Entry::Verify,
        ),
    ];
    options.map(|(name, options, entry)| {
        let mut ours = Ours::new(name, key, &options, Settings::PROJECT);
        ours.entry = entry;
        ours
    })
}

/// Verdicts on a system's inputs.
#[derive(Default)]
struct Tally {
    accepted: usize,
    rejected: usize,
}

/// Puts a system's honest proof and mutations of it before all verifiers.
fn agree(number: usize, mutations: usize) -> Tally {
    let system_seed = seed().wrapping_mul(0x9e37_79b9).wrapping_add(number as u64);
    let system = System::draw(system_seed);
    let fixture = Fixture::of(Random(system.clone()));
    let native = Native::new(&fixture.key());
    let ours = targets(&fixture.key());
    let judge = |input: &Input, what: &str| {
        let expected = native.judge(input);
        for target in &ours {
            let verdict = target.judge(input);
            assert_eq!(
                verdict,
                expected,
                "{}, CHAINFER_SEED={}, system {number} ({what})\n{input}\n{system:?}",
                target.name(),
                seed(),
            );
        }
        expected
    };
    assert_eq!(judge(&fixture.honest, "honest"), Verdict::Accepts);
    let mut tally = Tally {
        accepted: 1,
        rejected: 0,
    };
    let mut rng = StdRng::seed_from_u64(system_seed);
    let words = fixture.honest.instances.len() + fixture.honest.proof.len() / 32;
    for _ in 0..mutations {
        let kind = KINDS[rng.gen_range(0..KINDS.len())];
        let mut input = fixture.honest.clone();
        let at = rng.gen_range(0..words);
        let what = mutate(&mut input, kind, at, fixture.shape, &mut rng);
        match judge(&input, &what) {
            Verdict::Accepts => tally.accepted += 1,
            _ => tally.rejected += 1,
        }
    }
    eprintln!("system {number}: {}", system.summary());
    tally
}

#[test]
fn random_constraint_systems_agree() {
    let (systems, mutations) = match soak(SOAK) {
        Some(total) => (total.div_ceil(PER_SYSTEM), PER_SYSTEM.min(total)),
        None => (SYSTEMS, MUTATIONS),
    };
    let started = Instant::now();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut tallies = Vec::new();
        loop {
            match next.fetch_add(1, Ordering::Relaxed) {
                number if number < systems => tallies.push(agree(number, mutations)),
                _ => return tallies,
            }
        }
    };
    let tallies: Vec<Tally> = std::thread::scope(|scope| {
        let threads = [(); THREADS].map(|()| scope.spawn(work));
        let tallies = threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap());
        tallies.collect()
    });
    let accepted: usize = tallies.iter().map(|tally| tally.accepted).sum();
    let rejected: usize = tallies.iter().map(|tally| tally.rejected).sum();
    assert_eq!(accepted + rejected, systems * (1 + mutations));
    // Mutations are rejected but where they change nothing.
    assert!(
        rejected * 10 > systems * mutations * 9,
        "{rejected} rejected"
    );
    eprintln!(
        "seed {}: {systems} systems, {mutations} mutations each, {accepted} inputs accepted, {rejected} rejected, {:.1} s",
        seed(),
        started.elapsed().as_secs_f64(),
    );
}
