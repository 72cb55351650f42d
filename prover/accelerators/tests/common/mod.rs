//! Libraries of this crate's examples, and whole proofs on any back end.
#![allow(dead_code, reason = "each test uses a part of it")]

#[path = "../../../plonk/tests/random/mod.rs"]
pub(crate) mod random;

use chainfer_compute::backend::Compute;
use chainfer_plonk::{Key, Limits, PlonkError, Prover, ProvingKey, Setup, Synthesis, keygen};
use halo2_proofs::plonk;
use halo2_proofs::poly::kzg::commitment::{KZGCommitmentScheme, ParamsKZG};
use halo2_proofs::poly::kzg::multiopen::VerifierSHPLONK;
use halo2_proofs::poly::kzg::strategy::SingleStrategy;
use halo2_proofs::transcript::{
    Blake2bRead, Blake2bWrite, Challenge255, TranscriptReadBuffer as _, TranscriptWriterBuffer as _,
};
use halo2curves::bn256::{Bn256, Fr, G1Affine};
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;
use random::{RandomCircuit, Spoil};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The library that cargo made of an example. Where this test alone was built, it may not be there, or be older than its source.
pub(crate) fn library(example: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let (prefix, suffix) = (std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let path = profile
        .join("examples")
        .join(format!("{prefix}{example}{suffix}"));
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = [
        format!("examples/{example}/main.rs"),
        "examples/plugin/table.rs".to_owned(),
    ];
    let changed = |path: &Path| std::fs::metadata(path).and_then(|of| of.modified());
    let is_fresh = |source: &String| {
        let source = changed(&manifest.join(source)).unwrap();
        changed(&path).is_ok_and(|library| library >= source)
    };
    if !sources.iter().all(is_fresh) {
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "-p", "chainfer-accelerators", "--example", example]);
        build.arg("--target-dir").arg(profile.parent().unwrap());
        if profile.ends_with("release") {
            build.arg("--release");
        }
        assert!(build.status().unwrap().success(), "{example} is built");
    }
    path
}

/// A circuit, its parameters and halo2's key.
pub(crate) struct Statement {
    pub(crate) circuit: RandomCircuit,
    params: ParamsKZG<Bn256>,
    vk: plonk::VerifyingKey<G1Affine>,
}

impl Statement {
    /// One that has lookups and copies, of 2^k rows.
    pub(crate) fn new(k: u32) -> Self {
        let has_everything = |circuit: &RandomCircuit| {
            let (cs, plan) = circuit.plan();
            !cs.lookups().is_empty()
                && !cs.permutation().get_columns().is_empty()
                && plan.allows(Spoil::Gate)
        };
        let circuit = (0..)
            .map(|seed| RandomCircuit::new(seed, k, 2))
            .find(has_everything)
            .unwrap();
        let params = ParamsKZG::setup(k, ChaCha20Rng::seed_from_u64(1));
        let vk = plonk::keygen_vk(&params, &circuit).unwrap();
        Statement {
            circuit,
            params,
            vk,
        }
    }

    /// Makes a key and a proof on a back end.
    pub(crate) fn prove<C: Compute>(&self, compute: &C) -> Result<Vec<u8>, PlonkError> {
        self.prove_within(compute, Limits::default())
    }

    pub(crate) fn prove_within<C: Compute>(
        &self,
        compute: &C,
        limits: Limits,
    ) -> Result<Vec<u8>, PlonkError> {
        let setup = Setup::from_halo2(compute, &self.params)?;
        let (vk, columns) = keygen(compute, &setup, &self.circuit)?;
        let key = ProvingKey::new(compute, vk, columns)?;
        let prover = Prover {
            compute,
            setup: &setup,
            vk: key.vk(),
            key: Key::Loaded(&key),
            limits,
        };
        let mut transcript = Blake2bWrite::<_, G1Affine, Challenge255<_>>::init(Vec::new());
        let instances = self.circuit.instances();
        let slices: Vec<&[Fr]> = instances.iter().map(Vec::as_slice).collect();
        let witness = Synthesis::new(&self.circuit, &slices);
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        prover.prove(witness, &slices, &mut rng, &mut transcript)?;
        Ok(transcript.finalize())
    }

    /// Whether halo2 accepts a proof.
    pub(crate) fn accepts(&self, proof: &[u8]) -> bool {
        let mut transcript = Blake2bRead::<_, G1Affine, Challenge255<_>>::init(proof);
        let instances = self.circuit.instances();
        let slices: Vec<&[Fr]> = instances.iter().map(Vec::as_slice).collect();
        plonk::verify_proof::<KZGCommitmentScheme<Bn256>, VerifierSHPLONK<'_, Bn256>, _, _, _>(
            &self.params,
            &self.vk,
            SingleStrategy::new(&self.params),
            &[&slices],
            &mut transcript,
        )
        .is_ok()
    }
}
