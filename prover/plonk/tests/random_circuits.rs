//! Random circuits ([`random`]): the generator's are accepted by halo2's own prover and verifier, and halo2 accepts our proofs of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod random;

use chainfer_compute::backend::{Compute, Cpu};
use chainfer_plonk::{Key, Limits, Prover, ProvingKey, Setup, Synthesis, keygen};
use halo2_proofs::plonk::{self, VerifyingKey, keygen_pk2, keygen_vk};
use halo2_proofs::poly::kzg::commitment::{KZGCommitmentScheme, ParamsKZG};
use halo2_proofs::poly::kzg::multiopen::{ProverSHPLONK, VerifierSHPLONK};
use halo2_proofs::poly::kzg::strategy::SingleStrategy;
use halo2_proofs::transcript::{
    Blake2bRead, Blake2bWrite, Challenge255, TranscriptReadBuffer as _, TranscriptWriterBuffer as _,
};
use halo2curves::bn256::{Bn256, Fr, G1Affine};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha20Rng;
use random::RandomCircuit;
use std::collections::BTreeMap;
use std::ops::Range;

type Bases = <Cpu as Compute>::Bases;
type Column = <Cpu as Compute>::Column;

/// Setups by k, for halo2 and for us.
struct Setups {
    cpu: Cpu,
    made: BTreeMap<u32, (ParamsKZG<Bn256>, Setup<Bases>)>,
}

impl Setups {
    fn new() -> Self {
        Setups {
            cpu: Cpu::detect(),
            made: BTreeMap::new(),
        }
    }

    fn of(&mut self, k: u32) -> &(ParamsKZG<Bn256>, Setup<Bases>) {
        self.made.entry(k).or_insert_with(|| {
            let params = ParamsKZG::setup(k, ChaCha20Rng::seed_from_u64(u64::from(k)));
            let ours = Setup::from_halo2(&self.cpu, &params).unwrap();
            (params, ours)
        })
    }
}

/// Mostly 5, so that tests are fast; up to 8.
fn k_of(seed: u64) -> u32 {
    5 + (seed % 4 / 3 + seed % 32 / 31 + seed % 256 / 255) as u32
}

fn slices(instances: &[Vec<Fr>]) -> Vec<&[Fr]> {
    instances.iter().map(Vec::as_slice).collect()
}

fn halo2_proof(
    params: &ParamsKZG<Bn256>,
    key: &plonk::ProvingKey<G1Affine>,
    circuit: &RandomCircuit,
) -> Vec<u8> {
    let mut transcript = Blake2bWrite::<_, G1Affine, Challenge255<_>>::init(Vec::new());
    plonk::create_proof::<KZGCommitmentScheme<Bn256>, ProverSHPLONK<'_, Bn256>, _, _, _, _>(
        params,
        key,
        std::slice::from_ref(circuit),
        &[&slices(&circuit.instances())],
        ChaCha20Rng::seed_from_u64(4),
        &mut transcript,
    )
    .unwrap();
    transcript.finalize()
}

fn our_proof(
    cpu: &Cpu,
    setup: &Setup<Bases>,
    key: &ProvingKey<Column>,
    circuit: &RandomCircuit,
) -> Vec<u8> {
    let mut transcript = Blake2bWrite::<_, G1Affine, Challenge255<_>>::init(Vec::new());
    let instances = circuit.instances();
    let slices = slices(&instances);
    let prover = Prover {
        compute: cpu,
        setup,
        vk: key.vk(),
        key: Key::Loaded(key),
        limits: Limits::default(),
    };
    let witness = Synthesis::new(circuit, &slices);
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    prover
        .prove(witness, &slices, &mut rng, &mut transcript)
        .unwrap();
    transcript.finalize()
}

fn accepts(
    params: &ParamsKZG<Bn256>,
    vk: &VerifyingKey<G1Affine>,
    instances: &[Vec<Fr>],
    proof: &[u8],
) -> bool {
    let mut transcript = Blake2bRead::<_, G1Affine, Challenge255<_>>::init(proof);
    plonk::verify_proof::<KZGCommitmentScheme<Bn256>, VerifierSHPLONK<'_, Bn256>, _, _, _>(
        params,
        vk,
        SingleStrategy::new(params),
        &[&slices(instances)],
        &mut transcript,
    )
    .is_ok()
}

#[test]
fn generated_circuit_is_satisfied_and_spoiled_one_is_not() {
    let mut setups = Setups::new();
    for seed in 0..40 {
        let circuit = RandomCircuit::new(seed, k_of(seed), 2);
        let (params, _) = setups.of(circuit.params.k);
        let compress_selectors = seed % 3 == 0;
        let key = keygen_pk2(params, &circuit, compress_selectors).unwrap();
        let instances = circuit.instances();
        let accepted = |circuit: &RandomCircuit| {
            accepts(
                params,
                key.get_vk(),
                &instances,
                &halo2_proof(params, &key, circuit),
            )
        };
        assert!(accepted(&circuit), "seed {seed}");
        if seed % 2 == 0 {
            for spoiled in circuit.spoiled() {
                assert!(!accepted(&spoiled), "seed {seed}, {:?}", spoiled.spoil);
            }
        }
    }
}

/// Our proofs verify under halo2's key, which is ours; with a bit flipped, another instance or another witness, they do not.
fn check_our_proofs(seeds: Range<u64>) {
    let mut setups = Setups::new();
    let cpu = Cpu::detect();
    for seed in seeds {
        let circuit = RandomCircuit::new(seed, k_of(seed), 3);
        let (params, setup) = setups.of(circuit.params.k);
        let halo2 = keygen_vk(params, &circuit).unwrap();
        let (ours, columns) = keygen(&cpu, setup, &circuit).unwrap();
        assert_eq!(
            halo2.transcript_repr(),
            ours.transcript_repr(),
            "seed {seed}"
        );
        let key = ProvingKey::new(&cpu, ours, columns).unwrap();
        let proof = our_proof(&cpu, setup, &key, &circuit);
        let instances = circuit.instances();
        assert!(accepts(params, &halo2, &instances, &proof), "seed {seed}");

        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let mut flipped = proof.clone();
        let place = rng.gen_range(0..proof.len());
        // halo2curves ignores the highest bit of a compressed point.
        flipped[place] ^= 1 << rng.gen_range(0..7);
        assert!(
            !accepts(params, &halo2, &instances, &flipped),
            "seed {seed}, byte {place}"
        );
        let mut others = instances.clone();
        if let Some(value) = others.iter_mut().find_map(|column| column.last_mut()) {
            *value += Fr::one();
            assert!(!accepts(params, &halo2, &others, &proof), "seed {seed}");
        }
        if seed % 4 == 0 {
            for spoiled in circuit.spoiled() {
                let proof = our_proof(&cpu, setup, &key, &spoiled);
                assert!(
                    !accepts(params, &halo2, &instances, &proof),
                    "seed {seed}, {:?}",
                    spoiled.spoil
                );
            }
        }
    }
}

#[test]
fn our_proof_of_a_random_circuit_is_accepted_and_others_are_not() {
    let long = std::env::var_os("CHAINFER_LONG").is_some();
    check_our_proofs(if long { 100..2100 } else { 0..60 });
}
