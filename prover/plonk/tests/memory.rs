//! What is allocated, against what [`CircuitSize`] says. Whoever allocates beside it would be counted, so this binary has one test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use chainfer_compute::backend::Cpu;
use chainfer_plonk::{
    CircuitSize, Key, KeyColumn, KeyColumns, KeySource, Limits, Phases, PlonkError, Prover,
    ProvingKey, Setup, Structure, Witness, keygen,
};
use chainfer_transcript::EvmTranscriptWrite;
use halo2_proofs::circuit::{Layouter, SimpleFloorPlanner};
use halo2_proofs::plonk::{
    Advice, Circuit, Column, ConstraintSystem, Error, FirstPhase, Fixed, SecondPhase, VerifyingKey,
};
use halo2_proofs::poly::Rotation;
use halo2_proofs::poly::kzg::commitment::ParamsKZG;
use halo2curves::bn256::{Bn256, Fr, G1Affine};
use halo2curves::ff::Field;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use std::alloc::{GlobalAlloc, Layout, System};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Counts what is allocated, and the most of it.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all calls go to the system's allocator as they are.
#[expect(unsafe_code, reason = "an allocator")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Relaxed) + layout.size();
        MOST.fetch_max(now, Relaxed);
        // SAFETY: the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Bytes that are allocated at most, beside those that are before.
fn most<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let before = NOW.load(Relaxed);
    MOST.store(before, Relaxed);
    let made = work();
    (made, (MOST.load(Relaxed) - before) as u64)
}

/// Columns in numbers like a chunk's.
#[derive(Clone, Copy)]
struct Wide {
    lookup: bool,
}

const FIXED: usize = 10;
const FIRST: usize = 5;
const SECOND: usize = 4;

impl Circuit<Fr> for Wide {
    type Config = Vec<Column<Fixed>>;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = bool;

    fn params(&self) -> bool {
        self.lookup
    }

    fn without_witnesses(&self) -> Self {
        *self
    }

    fn configure(meta: &mut ConstraintSystem<Fr>) -> Self::Config {
        Self::configure_with_params(meta, false)
    }

    fn configure_with_params(meta: &mut ConstraintSystem<Fr>, lookup: bool) -> Self::Config {
        let fixed: Vec<Column<Fixed>> = (0..FIXED).map(|_| meta.fixed_column()).collect();
        let mut advice: Vec<Column<Advice>> = Vec::new();
        for _ in 0..FIRST {
            advice.push(meta.advice_column());
        }
        meta.challenge_usable_after(FirstPhase);
        for _ in 0..SECOND {
            advice.push(meta.advice_column_in(SecondPhase));
        }
        let instance = meta.instance_column();
        meta.enable_equality(instance);
        for column in &advice[..4] {
            meta.enable_equality(*column);
        }
        meta.create_gate("all", |meta| {
            let mut sum = meta.query_fixed(fixed[0], Rotation::cur());
            for (i, column) in advice.iter().enumerate() {
                let here = meta.query_advice(*column, Rotation::cur());
                let next = meta.query_advice(*column, Rotation((i % 3) as i32 - 1));
                let factor = meta.query_fixed(fixed[i % FIXED], Rotation::cur());
                sum = sum + factor * here.clone() * here * next;
            }
            for column in &fixed {
                sum = sum + meta.query_fixed(*column, Rotation::cur());
            }
            vec![sum]
        });
        if lookup {
            meta.lookup_any("looked up", |meta| {
                let input = meta.query_fixed(fixed[1], Rotation::cur());
                let table = meta.query_fixed(fixed[2], Rotation::cur());
                vec![(input, table)]
            });
        }
        fixed
    }

    fn synthesize(
        &self,
        fixed: Self::Config,
        mut layouter: impl Layouter<Fr>,
    ) -> Result<(), Error> {
        layouter.assign_region(
            || "",
            |mut region| {
                for (i, column) in fixed.iter().enumerate() {
                    for row in 0..200 {
                        // Equal tables and inputs.
                        let value = row as u64 * if i < 3 { 1 } else { i as u64 };
                        region.assign_fixed(*column, row, Fr::from(value));
                    }
                }
                Ok(())
            },
        )
    }
}

/// Full-width values, which cost the most. They satisfy nothing, which no prover looks at. As in chunks, the first phase is lent while the
/// second is made, and given then.
struct Random;

impl Witness for Random {
    fn fill(self, phases: &mut Phases<'_>) -> Result<(), PlonkError> {
        let rows = phases.usable_rows();
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let mut column = || {
            let mut values = Vec::with_capacity(rows);
            values.extend((0..rows).map(|_| Fr::random(&mut rng)));
            values
        };
        let first: Vec<Vec<Fr>> = (0..FIRST).map(|_| column()).collect();
        let lent: Vec<(usize, &[Fr])> = first.iter().map(Vec::as_slice).enumerate().collect();
        phases.end_phase_lending(&lent)?;
        let second: Vec<Vec<Fr>> = (0..SECOND).map(|_| column()).collect();
        for (column, values) in first.into_iter().enumerate() {
            phases.give(column, values)?;
        }
        for (column, values) in (FIRST..).zip(second) {
            phases.set(column, values)?;
        }
        Ok(())
    }
}

/// Columns that are in memory already, and count for nothing.
#[derive(Clone, Debug)]
struct Elsewhere(Arc<KeyColumns>);

impl KeySource for Elsewhere {
    fn column(&self, column: KeyColumn) -> Result<Vec<Fr>, PlonkError> {
        self.0.column(column)
    }
}

struct Statement {
    params: Arc<ParamsKZG<Bn256>>,
    vk: VerifyingKey<G1Affine>,
    columns: Elsewhere,
}

fn proved(statement: &Statement, limits: Limits) -> Vec<u8> {
    let cpu = Cpu::detect();
    let source = Arc::clone(&statement.params);
    let setup = match limits.streamed {
        false => Setup::from_source(&cpu, source.as_ref()).unwrap(),
        true => Setup::streamed(source),
    };
    let load = || {
        let (vk, columns) = (statement.vk.clone(), statement.columns.clone());
        match limits.streamed {
            false => ProvingKey::new(&cpu, vk, KeyColumns::clone(&columns.0)),
            true => ProvingKey::streamed(&cpu, vk, Box::new(columns)),
        }
    };
    let mut transcript = EvmTranscriptWrite::init(Vec::new());
    let prover = Prover {
        compute: &cpu,
        setup: &setup,
        vk: &statement.vk,
        key: Key::Load(&load),
        limits,
    };
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    prover
        .prove(Random, &[&[]], &mut rng, &mut transcript)
        .unwrap();
    transcript.finalize()
}

#[test]
fn proofs_and_keys_take_no_more_than_is_said() {
    let threads = 2;
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap();
    for (k, lookup) in [(14, false), (12, true)] {
        let circuit = Wide { lookup };
        let params = Arc::new(ParamsKZG::<Bn256>::setup(k, ChaCha20Rng::seed_from_u64(1)));
        let cpu = Cpu::detect();
        let setup = Setup::from_halo2(&cpu, &params).unwrap();
        let (vk, columns) = pool.install(|| keygen(&cpu, &setup, &circuit).unwrap());
        drop(setup);
        let statement = Statement {
            params,
            vk,
            columns: Elsewhere(Arc::new(columns)),
        };
        let size = CircuitSize::of(statement.vk.cs(), k);
        let mut made = Vec::new();
        let mut least = u64::MAX;
        for at_once in [None, Some(1)] {
            for streamed in [false, true] {
                for coset_parts in [0, 2, 5] {
                    let limits = Limits {
                        coset_parts,
                        at_once: at_once.and_then(NonZeroUsize::new),
                        streamed,
                    };
                    let work = || pool.install(|| proved(&statement, limits));
                    let (proof, taken) = most(work);
                    let said = size.proving_bytes(limits, threads);
                    let column = (32u64 << k) as f64;
                    println!(
                        "k {k}, {limits:?}: {:.1} columns of {:.1}",
                        taken as f64 / column,
                        said as f64 / column
                    );
                    made.push((limits, proof, taken, said));
                    least = least.min(taken);
                }
            }
        }
        let source = Arc::clone(&statement.params);
        let (vk, taken) = most(|| {
            pool.install(|| {
                let structure = Structure::of(&circuit, k).unwrap();
                let mut keep = |_, _: &[Fr]| Ok(());
                let setup = Setup::streamed(source);
                structure.keys(&cpu, &setup, &mut keep).unwrap()
            })
        });
        assert_eq!(vk.transcript_repr(), statement.vk.transcript_repr());
        let said = size.keygen_bytes(threads);
        println!("k {k}, keys: {} KiB of {}", taken >> 10, said >> 10);
        assert!(taken <= said, "keys: {taken} of {said}");
        for (limits, proof, taken, said) in &made {
            assert!(proof == &made[0].1, "{limits:?}");
            assert!(taken <= said, "{limits:?}: {taken} of {said}");
            // An estimate that nobody could work with is none. What threads work in counts for much where there are few rows.
            let threads = 16 << 20;
            assert!(*said < taken * 2 + threads, "{limits:?}: {taken} of {said}");
        }
        assert!(least * 2 < made[0].2);
    }
}
