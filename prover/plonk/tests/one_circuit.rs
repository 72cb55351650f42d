//! A circuit with everything in it, with keys and proofs of both provers.

use chainfer_compute::backend::Cpu;
use chainfer_compute::msm::Bases;
use chainfer_plonk::{
    Key, KeyColumns, Limits, PlonkError, Prover, ProvingKey, Setup, Synthesis, keygen,
    proving_bytes,
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
    coset_parts: u32,
) -> Prover<'a, Cpu> {
    Prover {
        compute,
        setup,
        vk: key.vk(),
        key: Key::Loaded(key),
        limits: Limits { coset_parts },
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
        prover(&cpu, &setup, &key, 0)
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
        prover(&cpu, &setup, &key, 0)
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
fn proof_in_parts_of_cosets_is_the_proof_at_once() {
    let k = 9;
    let params = ParamsKZG::<Bn256>::setup(k, ChaCha20Rng::seed_from_u64(1));
    let circuit = Everything { rows: 490 };
    let cpu = Cpu::detect();
    let setup = Setup::from_halo2(&cpu, &params).unwrap();
    let (vk, columns) = keygen(&cpu, &setup, &circuit).unwrap();
    let key = ProvingKey::new(&cpu, vk, columns).unwrap();
    let instances = [instance(circuit.rows)];
    let columns = [instances.as_slice()];
    let made = |coset_parts: u32| {
        let mut transcript = EvmTranscriptWrite::init(Vec::new());
        let mut rng = ChaCha20Rng::seed_from_u64(5);
        let witness = Synthesis::new(&circuit, &columns);
        prover(&cpu, &setup, &key, coset_parts)
            .prove(witness, &columns, &mut rng, &mut transcript)
            .unwrap();
        transcript.finalize()
    };
    let whole = made(0);
    for coset_parts in 1..=4 {
        assert_eq!(made(coset_parts), whole, "{coset_parts}");
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
        let refused = prover(&cpu, &setup, &key, coset_parts).prove(
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
fn less_memory_takes_more_parts() {
    let mut cs = ConstraintSystem::default();
    Everything::configure(&mut cs);
    let of = |bytes| Limits::within(&cs, 18, bytes).coset_parts;
    assert_eq!(of(None), 0);
    assert_eq!(of(Some(u64::MAX)), 0);
    let bytes = |coset_parts| proving_bytes(&cs, 18, Limits { coset_parts });
    assert!(bytes(1) < bytes(0));
    assert_eq!(of(Some(bytes(0))), 0);
    assert_eq!(of(Some(bytes(1))), 1);
    // Where nothing fits, as many parts as are of use.
    let least = (0..=6).map(bytes).min().unwrap();
    assert_eq!(bytes(of(Some(1))), least);
}
