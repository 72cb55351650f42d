//! A circuit with everything in it, with keys and proofs of both provers.

use chainfer_compute::backend::Cpu;
use chainfer_compute::msm::Bases;
use chainfer_plonk::{
    CircuitSize, Key, KeyColumn, KeyColumns, KeySource, Limits, PlonkError, Prover, ProvingKey,
    Setup, Synthesis, keygen,
};
use chainfer_transcript::{EvmTranscriptRead, EvmTranscriptWrite};
use halo2_proofs::circuit::{Layouter, SimpleFloorPlanner, Value};
use halo2_proofs::plonk::{
    self, Advice, Challenge, Circuit, Column, ConstraintSystem, Error, FirstPhase, Fixed, Instance,
    SecondPhase, Selector, TableColumn,
};
use halo2_proofs::poly::kzg::commitment::{KZGCommitmentScheme, ParamsKZG};
use halo2_proofs::poly::kzg::multiopen::{ProverSHPLONK, VerifierSHPLONK};
use halo2_proofs::poly::kzg::strategy::SingleStrategy;
use halo2_proofs::poly::{EvaluationDomain, Rotation};
use halo2curves::bn256::{Bn256, Fr, G1Affine};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

#[derive(Clone, Debug)]
struct Config {
    a: Column<Advice>,
    b: Column<Advice>,
    c: Column<Advice>,
    second: Column<Advice>,
    fixed: Column<Fixed>,
    instance: Column<Instance>,
    product: Selector,
    looked_up: Selector,
    table: TableColumn,
    challenge: Challenge,
}

#[derive(Clone, Debug, Default)]
struct Everything {
    rows: usize,
}

impl Circuit<Fr> for Everything {
    type Config = Config;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = ();

    fn without_witnesses(&self) -> Self {
        self.clone()
    }

    fn configure(meta: &mut ConstraintSystem<Fr>) -> Config {
        let config = Config {
            a: meta.advice_column(),
            b: meta.advice_column(),
            c: meta.advice_column(),
            challenge: meta.challenge_usable_after(FirstPhase),
            second: meta.advice_column_in(SecondPhase),
            fixed: meta.fixed_column(),
            instance: meta.instance_column(),
            product: meta.selector(),
            looked_up: meta.complex_selector(),
            table: meta.lookup_table_column(),
        };
        for column in [config.a, config.c] {
            meta.enable_equality(column);
        }
        meta.enable_equality(config.instance);
        meta.create_gate("product", |meta| {
            let [a, b, c] =
                [config.a, config.b, config.c].map(|x| meta.query_advice(x, Rotation::cur()));
            let fixed = meta.query_fixed(config.fixed, Rotation::cur());
            let s = meta.query_selector(config.product);
            let second = meta.query_advice(config.second, Rotation::cur());
            let before = meta.query_advice(config.second, Rotation::prev());
            let r = meta.query_challenge(config.challenge);
            vec![
                s.clone() * (a.clone() * b.clone() * fixed - c),
                s * (second - before * r - a * b),
            ]
        });
        meta.lookup("small", |meta| {
            let s = meta.query_selector(config.looked_up);
            let b = meta.query_advice(config.b, Rotation::cur());
            vec![(s * b, config.table)]
        });
        config
    }

    fn synthesize(&self, config: Config, mut layouter: impl Layouter<Fr>) -> Result<(), Error> {
        layouter.assign_table(
            || "table",
            |mut table| {
                for i in 0..8 {
                    table.assign_cell(
                        || "",
                        config.table,
                        i,
                        || Value::known(Fr::from(i as u64)),
                    )?;
                }
                Ok(())
            },
        )?;
        let mut ends = Vec::new();
        layouter.assign_region(
            || "region",
            |mut region| {
                let mut last = None;
                // In a row more than the other selector: two equal columns would have one value.
                config.looked_up.enable(&mut region, 0)?;
                for row in 1..self.rows {
                    let (a, b) = (Fr::from(row as u64), Fr::from((row % 8) as u64));
                    config.product.enable(&mut region, row)?;
                    config.looked_up.enable(&mut region, row)?;
                    region.assign_fixed(config.fixed, row, Fr::from(3));
                    region.assign_advice(config.a, row, Value::known(a));
                    region.assign_advice(config.b, row, Value::known(b));
                    let c = region.assign_advice(config.c, row, Value::known(a * b * Fr::from(3)));
                    last = Some(c.cell());
                    if row == 5 {
                        let copied = region.assign_advice(config.a, 0, c.value().copied());
                        region.constrain_equal(copied.cell(), c.cell());
                    }
                }
                region.next_phase();
                let r = region.get_challenge(config.challenge);
                let mut sum = Value::known(Fr::zero());
                region.assign_advice(config.second, 0, sum);
                for row in 1..self.rows {
                    let product = Fr::from(row as u64) * Fr::from((row % 8) as u64);
                    sum = sum * r + Value::known(product);
                    region.assign_advice(config.second, row, sum);
                }
                ends = last.into_iter().collect();
                Ok(())
            },
        )?;
        for cell in ends {
            layouter.constrain_instance(cell, config.instance, 0);
        }
        Ok(())
    }
}

fn prover<'a>(
    compute: &'a Cpu,
    setup: &'a Setup<Bases>,
    key: &'a ProvingKey<Vec<Fr>>,
    limits: Limits,
) -> Prover<'a, Cpu> {
    Prover {
        compute,
        setup,
        vk: key.vk(),
        key: Key::Loaded(key),
        limits,
    }
}

fn parts(coset_parts: u32) -> Limits {
    Limits {
        coset_parts,
        ..Limits::default()
    }
}

fn instance(rows: usize) -> Fr {
    let row = rows as u64 - 1;
    Fr::from(row) * Fr::from(row % 8) * Fr::from(3)
}

fn accepts(
    params: &ParamsKZG<Bn256>,
    vk: &plonk::VerifyingKey<G1Affine>,
    instances: &[Fr],
    proof: &[u8],
) -> bool {
    let mut transcript = EvmTranscriptRead::init(proof);
    plonk::verify_proof::<KZGCommitmentScheme<Bn256>, VerifierSHPLONK<'_, Bn256>, _, _, _>(
        params,
        vk,
        SingleStrategy::new(params),
        &[&[instances]],
        &mut transcript,
    )
    .is_ok()
}

#[test]
fn proof_of_everything_is_accepted_by_halo2() {
    for k in [6, 9] {
        let params = ParamsKZG::<Bn256>::setup(k, ChaCha20Rng::seed_from_u64(1));
        let circuit = Everything {
            rows: (1 << k) - 20,
        };
        let vk = plonk::keygen_vk(&params, &circuit).unwrap();
        let cpu = Cpu::detect();
        let setup = Setup::from_halo2(&cpu, &params).unwrap();
        let (ours, columns) = keygen(&cpu, &setup, &circuit).unwrap();
        assert_eq!(vk.fixed_commitments(), ours.fixed_commitments());
        assert_eq!(
            vk.permutation().commitments(),
            ours.permutation().commitments()
        );
        assert_eq!(vk.transcript_repr(), ours.transcript_repr());
        let pk = plonk::keygen_pk(&params, vk.clone(), &circuit).unwrap();
        for (ours, halo2) in columns.fixed.iter().zip(pk.fixed_polys()) {
            assert_eq!(ours, halo2.values());
        }
        let key = ProvingKey::new(&cpu, ours, columns).unwrap();
        let instances = [instance(circuit.rows)];
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let mut stock = EvmTranscriptWrite::init(Vec::new());
        plonk::create_proof::<KZGCommitmentScheme<Bn256>, ProverSHPLONK<'_, Bn256>, _, _, _, _>(
            &params,
            &pk,
            std::slice::from_ref(&circuit),
            &[&[&instances]],
            &mut rng,
            &mut stock,
        )
        .unwrap();
        let stock = stock.finalize();
        assert!(accepts(&params, &vk, &instances, &stock));
        let mut transcript = EvmTranscriptWrite::init(Vec::new());
        let columns = [instances.as_slice()];
        prover(&cpu, &setup, &key, Limits::default())
            .prove(
                Synthesis::new(&circuit, &columns),
                &columns,
                &mut rng,
                &mut transcript,
            )
            .unwrap();
        let proof = transcript.finalize();
        assert_eq!(proof.len(), stock.len());
        assert!(accepts(&params, &vk, &instances, &proof), "k {k}");
        assert!(!accepts(&params, &vk, &[instances[0] + Fr::one()], &proof));
    }
}

#[test]
fn two_proofs_of_one_witness_have_no_word_in_common() {
    let k = 6;
    let params = ParamsKZG::<Bn256>::setup(k, ChaCha20Rng::seed_from_u64(1));
    let circuit = Everything { rows: 40 };
    let cpu = Cpu::detect();
    let setup = Setup::from_halo2(&cpu, &params).unwrap();
    let (vk, columns) = keygen(&cpu, &setup, &circuit).unwrap();
    let key = ProvingKey::new(&cpu, vk, columns).unwrap();
    let instances = [instance(circuit.rows)];
    let columns = [instances.as_slice()];
    let made = |seed: u64| {
        let mut transcript = EvmTranscriptWrite::init(Vec::new());
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let witness = Synthesis::new(&circuit, &columns);
        prover(&cpu, &setup, &key, Limits::default())
            .prove(witness, &columns, &mut rng, &mut transcript)
            .unwrap();
        transcript.finalize()
    };
    let (first, second) = (made(3), made(4));
    let words: std::collections::HashSet<&[u8]> = first.chunks(32).collect();
    assert_eq!(words.len(), first.len() / 32);
    assert!(second.chunks(32).all(|word| !words.contains(word)));
    // The randomness is all that differs.
    assert_eq!(made(3), first);
}

#[test]
fn proof_within_any_limits_is_the_proof_at_full_speed() {
    let k = 9;
    let params = ParamsKZG::<Bn256>::setup(k, ChaCha20Rng::seed_from_u64(1));
    let circuit = Everything { rows: 490 };
    let instances = [instance(circuit.rows)];
    let columns = [instances.as_slice()];
    let cpu = Cpu::detect();
    let held = Setup::from_halo2(&cpu, &params).unwrap();
    let read = Setup::streamed(Arc::new(params));
    let (vk, of_key) = keygen(&cpu, &held, &circuit).unwrap();
    let streamed = ProvingKey::streamed(&cpu, vk.clone(), Box::new(of_key.clone())).unwrap();
    let key = ProvingKey::new(&cpu, vk, of_key).unwrap();
    let made = |limits: Limits| {
        let (setup, key) = match limits.streamed {
            false => (&held, &key),
            true => (&read, &streamed),
        };
        let mut transcript = EvmTranscriptWrite::init(Vec::new());
        let mut rng = ChaCha20Rng::seed_from_u64(5);
        let witness = Synthesis::new(&circuit, &columns);
        prover(&cpu, setup, key, limits)
            .prove(witness, &columns, &mut rng, &mut transcript)
            .unwrap();
        transcript.finalize()
    };
    let full = made(Limits::default());
    for streamed in [false, true] {
        for coset_parts in 0..=4 {
            for at_once in [None, Some(1), Some(2), Some(3), Some(100)] {
                let limits = Limits {
                    coset_parts,
                    at_once: at_once.and_then(NonZeroUsize::new),
                    streamed,
                };
                assert_eq!(made(limits), full, "{limits:?}");
            }
        }
    }
}

/// A key whose columns cannot be read from a certain point on, or have another length.
#[derive(Debug)]
struct Failing {
    columns: KeyColumns,
    reads_left: AtomicUsize,
    cut: bool,
}

impl KeySource for Failing {
    fn column(&self, column: KeyColumn) -> Result<Vec<Fr>, PlonkError> {
        let left = |left: usize| left.checked_sub(1);
        let order = Ordering::Relaxed;
        let is_over = self.reads_left.fetch_update(order, order, left).is_err();
        let mut values = self.columns.column(column)?;
        match (is_over, self.cut) {
            (false, _) => Ok(values),
            (true, false) => Err(PlonkError::Load("gone".to_owned())),
            (true, true) => {
                values.pop();
                Ok(values)
            }
        }
    }
}

#[test]
fn key_that_cannot_be_read_any_more_is_an_error() {
    let k = 6;
    let params = ParamsKZG::<Bn256>::setup(k, ChaCha20Rng::seed_from_u64(1));
    let circuit = Everything { rows: 40 };
    let instances = [instance(circuit.rows)];
    let columns = [instances.as_slice()];
    let cpu = Cpu::detect();
    let setup = Setup::from_halo2(&cpu, &params).unwrap();
    let (vk, of_key) = keygen(&cpu, &setup, &circuit).unwrap();
    let mut reads = 0;
    for cut in [false, true] {
        loop {
            let source = Failing {
                columns: of_key.clone(),
                reads_left: AtomicUsize::new(reads),
                cut,
            };
            let key = ProvingKey::streamed(&cpu, vk.clone(), Box::new(source)).unwrap();
            let made = prover(&cpu, &setup, &key, parts(1)).prove(
                Synthesis::new(&circuit, &columns),
                &columns,
                &mut ChaCha20Rng::seed_from_u64(2),
                &mut EvmTranscriptWrite::init(Vec::new()),
            );
            match made {
                Ok(()) => break,
                Err(PlonkError::Load(_)) => assert!(!cut),
                Err(PlonkError::Mismatch { .. }) => assert!(cut),
                Err(other) => panic!("{other}"),
            }
            reads += 1;
        }
        // All columns, for the cosets, the values and the opening.
        assert!(reads > 20, "{reads}");
        reads = 0;
    }
}

#[test]
fn more_parts_than_rows_are_refused() {
    let k = 6;
    let params = ParamsKZG::<Bn256>::setup(k, ChaCha20Rng::seed_from_u64(1));
    let circuit = Everything { rows: 40 };
    let cpu = Cpu::detect();
    let setup = Setup::from_halo2(&cpu, &params).unwrap();
    let (vk, columns) = keygen(&cpu, &setup, &circuit).unwrap();
    let key = ProvingKey::new(&cpu, vk, columns).unwrap();
    let instances = [instance(circuit.rows)];
    let columns = [instances.as_slice()];
    for coset_parts in [k + 1, 40, u32::MAX] {
        let refused = prover(&cpu, &setup, &key, parts(coset_parts)).prove(
            Synthesis::new(&circuit, &columns),
            &columns,
            &mut ChaCha20Rng::seed_from_u64(2),
            &mut EvmTranscriptWrite::init(Vec::new()),
        );
        assert!(matches!(refused, Err(PlonkError::Mismatch { .. })));
    }
}

#[test]
fn key_of_fewer_rows_than_blinding_takes_is_refused() {
    let circuit = Everything { rows: 0 };
    let mut cs = ConstraintSystem::default();
    Everything::configure(&mut cs);
    let points = cs.permutation().get_columns().len();
    let (cs, _) = cs
        .clone()
        .directly_convert_selectors_to_fixed(vec![Vec::new(); cs.num_selectors()]);
    for k in 1..3u32 {
        assert!(1 << k < cs.minimum_rows());
        let vk = plonk::VerifyingKey::from_parts(
            EvaluationDomain::new(cs.degree() as u32, k),
            vec![G1Affine::generator(); cs.num_fixed_columns()],
            plonk::permutation::VerifyingKey::from_commitments(vec![G1Affine::generator(); points]),
            cs.clone(),
            Vec::new(),
            false,
        );
        let cpu = Cpu::detect();
        let columns = KeyColumns {
            fixed: vec![vec![Fr::zero(); 1 << k]; cs.num_fixed_columns()],
            sigmas: vec![vec![Fr::zero(); 1 << k]; points],
        };
        let refused = ProvingKey::new(&cpu, vk.clone(), columns).err();
        assert!(matches!(refused, Some(PlonkError::Mismatch { .. })), "{k}");
        let n = 1usize << k;
        let generators = vec![G1Affine::generator(); n];
        let setup = Setup::new(&cpu, generators.clone(), generators).unwrap();
        let instances: [&[Fr]; 1] = [&[]];
        let load = || Err(PlonkError::Load("none".to_owned()));
        let refused = Prover {
            compute: &cpu,
            setup: &setup,
            vk: &vk,
            key: Key::Load(&load),
            limits: Limits::default(),
        }
        .prove(
            Synthesis::new(&circuit, &instances),
            &instances,
            &mut ChaCha20Rng::seed_from_u64(2),
            &mut EvmTranscriptWrite::init(Vec::new()),
        );
        assert!(matches!(refused, Err(PlonkError::Mismatch { .. })), "{k}");
    }
}

#[test]
fn less_memory_takes_slower_ways() {
    let mut cs = ConstraintSystem::default();
    Everything::configure(&mut cs);
    let threads = 2;
    let size = CircuitSize::of(&cs, 18);
    let bytes = |limits| size.proving_bytes(limits, threads);
    let of = |bytes| Limits::within(&size, bytes, threads);
    assert_eq!(of(None), Limits::default());
    assert_eq!(of(Some(u64::MAX)), Limits::default());
    let full = bytes(Limits::default());
    assert_eq!(of(Some(full)), Limits::default());
    assert!(of(Some(full - 1)) != Limits::default());
    // Where nothing fits, what takes the least.
    let least = bytes(of(Some(0)));
    assert!(least * 2 < full, "{least} {full}");
    assert_eq!(of(Some(least)), of(Some(0)));
    for budget in (least..full).step_by(1 << 20) {
        assert!(bytes(of(Some(budget))) <= budget);
    }
}
