//! Generated text is pinned: its digest is part of a model's manifest id, so that a changed comment would be another model.
//!
//! `tests/golden/` holds the digests; `CHAINFER_BLESS=1` writes them anew. A change that alters them alters every manifest id.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::fmt::Write as _;

use chainfer_verifier_gen::{
    CodeStyle, GenerateError, GeneratedVerifier, GeneratorOptions, generate,
    project::{ChunkProof, ForgeProject, ProjectChunk},
};
use common::{
    circuits::{
        Cubic, EmptyColumn, Example, Factors, HighDegree, Large, Lookups, LowQuotient,
        ManyInstances, NoPermutation, OnlyFixed, Phases, Random, Selectors, System, Wide,
    },
    prove::params,
};
use halo2_proofs::plonk::{VerifyingKey, keygen_vk_custom};
use halo2curves::bn256::{Fr, G1Affine};
use sha3::{Digest, Keccak256};

/// Constraint systems drawn by chance that are pinned too.
const SYSTEMS: u64 = 12;

/// Compares with the committed file, or writes it.
#[track_caller]
fn pinned(name: &str, text: &str) {
    let path = format!("{}/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("CHAINFER_BLESS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap();
    for (committed, line) in committed.lines().zip(text.lines()) {
        assert_eq!(line, committed, "{path}");
    }
    assert_eq!(text, committed, "{path}");
}

fn digest(bytes: impl AsRef<[u8]>) -> String {
    hex::encode(Keccak256::digest(bytes))
}

fn key<E: Example>(circuit: &E) -> (VerifyingKey<G1Affine>, Vec<usize>) {
    let vk = keygen_vk_custom(params(E::K), circuit, E::COMPRESS_SELECTORS).unwrap();
    let lengths = circuit.instances().iter().map(Vec::len).collect();
    (vk, lengths)
}

/// One line a style: what is generated for a circuit, and what is said of it.
fn lines<E: Example>(text: &mut String, name: &str, circuit: &E) {
    let (vk, lengths) = key(circuit);
    for (mode, options) in [
        ("embedded", GeneratorOptions::embedded(E::NAME)),
        ("shared", GeneratorOptions::shared()),
        ("shared_named", GeneratorOptions::shared_named("Named")),
    ] {
        for code in [CodeStyle::Inline, CodeStyle::Interpreted, CodeStyle::Auto] {
            let options = options.clone().with_code(code);
            let made = generate(&vk, params(E::K), &lengths, &options);
            let _ = writeln!(text, "{name} {mode} {code:?}: {}", summary(made));
        }
    }
}

fn summary(made: Result<GeneratedVerifier, GenerateError>) -> String {
    let made = match made {
        Ok(made) => made,
        Err(error) => return error.to_string(),
    };
    let key = made.key.as_ref().map_or_else(String::new, |key| {
        format!(
            " key {} {}",
            hex::encode(key.code_hash),
            digest(&key.creation)
        )
    });
    format!(
        "{} {} abi {} shape {} gas {} bytes {} instructions {} points {} proof {} instances {} interpreted {}{key}",
        made.contract_name,
        digest(&made.solidity),
        digest(&made.abi),
        hex::encode(made.shape_id),
        made.gas_estimate,
        made.code_size_estimate,
        made.instructions,
        made.scaled_commitments,
        made.proof_len,
        made.num_instances,
        made.interpreted,
    )
}

fn example<E: Example>(text: &mut String) {
    lines(text, E::NAME, &E::example());
}

#[test]
fn generated_contracts_are_pinned() {
    let mut text = String::new();
    example::<Cubic>(&mut text);
    example::<EmptyColumn>(&mut text);
    example::<Factors>(&mut text);
    example::<HighDegree>(&mut text);
    example::<Large>(&mut text);
    example::<Lookups>(&mut text);
    example::<LowQuotient>(&mut text);
    example::<ManyInstances>(&mut text);
    example::<NoPermutation>(&mut text);
    example::<OnlyFixed>(&mut text);
    example::<Phases>(&mut text);
    example::<Selectors>(&mut text);
    example::<Wide>(&mut text);
    for seed in 0..SYSTEMS {
        let circuit = Random(System::draw(seed));
        lines(&mut text, &format!("Random{seed}"), &circuit);
    }
    pinned("contracts.txt", &text);
}

fn chunk<E: Example>() -> ProjectChunk {
    let (vk, lengths) = key(&E::example());
    let made = generate(&vk, params(E::K), &lengths, &GeneratorOptions::shared()).unwrap();
    let key = made.key.unwrap();
    ProjectChunk::new(&vk, &lengths, &made.contract_name, &made.solidity, &key)
        .unwrap()
        .with_proof(ChunkProof {
            proof: &vec![7; made.proof_len],
            instances: &vec![Fr::from(11); made.num_instances],
        })
        .unwrap()
}

#[test]
fn project_files_are_pinned() {
    let chunks = vec![
        chunk::<Phases>(),
        chunk::<NoPermutation>(),
        chunk::<Phases>(),
    ];
    let mut text = String::new();
    for file in ForgeProject::new(chunks).unwrap().files() {
        // The others are copies of the repository's contracts.
        let generated = ["src/verifiers/", "src/keys/"];
        let is_generated = generated.iter().any(|path| file.path.starts_with(path));
        if is_generated || !file.path.starts_with("src/") {
            let _ = writeln!(text, "{} {}", file.path, digest(&file.contents));
        }
    }
    pinned("project.txt", &text);
}
