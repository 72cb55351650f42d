//! The files that depend on the chunks.

use std::{collections::BTreeSet, fmt::Write as _};

use halo2curves::{bn256::Fr, ff::PrimeField};

use super::{
    chunk::{ProjectChunk, Proof},
    template::{
        BATCH_TEST, CHUNK_TEST, DEPLOY, DEPLOY_TEST, FOUNDRY, GITIGNORE, KEY, README,
        README_TESTING, SOLC_VERSION,
    },
};
use crate::template::fill;

/// Path and text.
type File = (String, String);

/// The files of every project.
pub(super) fn always(chunks: &[ProjectChunk]) -> Vec<File> {
    let mut files = vec![
        (
            "foundry.toml".to_owned(),
            fill(FOUNDRY, &[("solc", SOLC_VERSION.to_owned())]),
        ),
        (".gitignore".to_owned(), GITIGNORE.to_owned()),
        ("README.md".to_owned(), readme(chunks)),
        ("script/Deploy.s.sol".to_owned(), deploy(chunks)),
    ];
    for (index, chunk) in chunks.iter().enumerate() {
        let name = key_name(index);
        let values = [
            ("chunk", index.to_string()),
            ("name", name.clone()),
            ("creation", hex::encode(&chunk.key_creation)),
            ("code_hash", hex0x(&chunk.key_code_hash)),
        ];
        files.push((format!("src/keys/{name}.sol"), fill(KEY, &values)));
    }
    files
}

/// The tests, for chunks that have proofs.
pub(super) fn tests(chunks: &[ProjectChunk]) -> Vec<File> {
    let mut files = vec![
        ("test/Batch.t.sol".to_owned(), batch_test(chunks)),
        ("test/Deploy.t.sol".to_owned(), deploy_test(chunks)),
    ];
    for (index, chunk) in chunks.iter().enumerate() {
        files.push((
            format!("test/Chunk{index}.t.sol"),
            chunk_test(chunks, index),
        ));
        if let Some(proof) = &chunk.proof {
            files.push((fixture(index), fixture_json(proof, chunk.num_scalars)));
        }
    }
    files
}

fn readme(chunks: &[ProjectChunk]) -> String {
    let mut rows = String::new();
    for (index, chunk) in chunks.iter().enumerate() {
        let _ = writeln!(
            rows,
            "| {index} | `{}` | `{}` | {} | {} |",
            chunk.contract,
            key_name(index),
            chunk.proof_len,
            chunk.num_instances
        );
    }
    let count = match chunks.len() {
        1 => "one chunk".to_owned(),
        n => format!("{n} chunks"),
    };
    let tested = chunks.iter().all(|chunk| chunk.proof.is_some());
    let testing = if tested {
        README_TESTING
    } else {
        "\nThere are no tests: they start from a proof of every chunk. `chainfer solidity BUNDLE --proof PROOF -o DIR` writes them.\n"
    };
    let values = [
        ("chunk_count", count),
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ("chunk_rows", rows),
        ("testing", testing.to_owned()),
    ];
    fill(README, &values)
}

fn deploy(chunks: &[ProjectChunk]) -> String {
    let mut text = String::new();
    for name in contracts(chunks) {
        let _ = writeln!(
            text,
            "        address {} = address(new {name}());",
            variable(name)
        );
    }
    for (index, chunk) in chunks.iter().enumerate() {
        let (name, key) = (&chunk.contract, key_name(index));
        let _ = write!(
            text,
            "        chunks[{index}] = deployChunk(\n            {},\n            keccak256(type({name}).runtimeCode),\n            {key}.CREATION_CODE,\n            {key}.CODE_HASH\n        );\n",
            variable(name)
        );
    }
    fill(DEPLOY, &shared_values(chunks, "..", text))
}

fn batch_test(chunks: &[ProjectChunk]) -> String {
    let mut text = String::new();
    for name in contracts(chunks) {
        let _ = writeln!(
            text,
            "        address {} = address(new {name}());",
            variable(name)
        );
    }
    for (index, chunk) in chunks.iter().enumerate() {
        let key = key_name(index);
        let _ = writeln!(
            text,
            "        deployments[{index}] = Targets.deploy({}, {key}.CREATION_CODE, {key}.CODE_HASH);\n        fixtures[{index}] = \"{}\";",
            variable(&chunk.contract),
            fixture(index)
        );
    }
    fill(BATCH_TEST, &shared_values(chunks, "..", text))
}

fn deploy_test(chunks: &[ProjectChunk]) -> String {
    let (mut hashes, mut fixtures) = (String::new(), String::new());
    for (index, chunk) in chunks.iter().enumerate() {
        let _ = writeln!(
            hashes,
            "        codeHashes[{index}] = keccak256(type({}).runtimeCode);\n        keyCodeHashes[{index}] = {}.CODE_HASH;",
            chunk.contract,
            key_name(index)
        );
        let _ = writeln!(
            fixtures,
            "        fixtures[{index}] = \"{}\";",
            fixture(index)
        );
    }
    let mut values = shared_values(chunks, "..", String::new());
    values.extend([("hashes", hashes), ("fixtures", fixtures)]);
    fill(DEPLOY_TEST, &values)
}

fn chunk_test(chunks: &[ProjectChunk], index: usize) -> String {
    let others: Vec<String> = (0..chunks.len())
        .filter(|other| *other != index)
        .map(key_name)
        .collect();
    let mut keys = String::new();
    for (at, key) in others.iter().enumerate() {
        let _ = writeln!(keys, "        keys[{at}] = {key}.CREATION_CODE;");
    }
    let values = [
        ("chunk", index.to_string()),
        ("verifier", chunks[index].contract.clone()),
        ("fixture", fixture(index)),
        (
            "other_imports",
            others.iter().map(|key| import("..", "keys", key)).collect(),
        ),
        ("other_count", others.len().to_string()),
        ("other_keys", keys),
    ];
    fill(CHUNK_TEST, &values)
}

fn shared_values(chunks: &[ProjectChunk], root: &str, text: String) -> Vec<(&'static str, String)> {
    let keys = (0..chunks.len()).map(|index| import(root, "keys", &key_name(index)));
    let verifiers = contracts(chunks)
        .into_iter()
        .map(|name| import(root, "verifiers", name));
    vec![
        ("imports", keys.chain(verifiers).collect()),
        ("count", chunks.len().to_string()),
        ("chunks", text),
    ]
}

fn fixture_json(proof: &Proof, scalars: usize) -> String {
    let instances: Vec<String> = proof
        .instances
        .iter()
        .map(|value| format!("    \"{}\"", word(value)))
        .collect();
    let instances = if instances.is_empty() {
        "[]".to_owned()
    } else {
        format!("[\n{}\n  ]", instances.join(",\n"))
    };
    format!(
        "{{\n  \"scalars\": {scalars},\n  \"instances\": {instances},\n  \"proof\": \"{}\"\n}}\n",
        hex0x(&proof.bytes)
    )
}

/// Names of the verifiers, each once.
fn contracts(chunks: &[ProjectChunk]) -> BTreeSet<&str> {
    chunks.iter().map(|chunk| chunk.contract.as_str()).collect()
}

/// A local variable for a contract's instance.
fn variable(contract: &str) -> String {
    format!("deployed{contract}")
}

fn import(root: &str, folder: &str, name: &str) -> String {
    format!("import {{{name}}} from \"{root}/src/{folder}/{name}.sol\";\n")
}

fn key_name(index: usize) -> String {
    format!("Chunk{index}Key")
}

fn fixture(index: usize) -> String {
    format!("test/fixtures/chunk{index}.json")
}

fn word(value: &Fr) -> String {
    let bytes: Vec<u8> = value.to_repr().iter().rev().copied().collect();
    hex0x(&bytes)
}

fn hex0x(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}
