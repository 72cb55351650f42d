//! The fixture that the forge tests verify: a chunk proof of the demo model. `CHAINFER_BLESS=1` writes it anew.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "../../verifier-gen/tests/common/mod.rs"]
mod common;

use chainfer_circuits::Objective;
use chainfer_tests::{digits, prove, repository};
use chainfer_verifier_gen::{GeneratorOptions, encode_calldata, generate};
use common::evm::{Evm, Outcome};
use common::solc::{Settings, compile};
use halo2curves::bn256::Fr;
use serde_json::{Value, json};

fn hex0x(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}

#[test]
fn verifier_fixture_is_what_the_generator_writes() {
    let dir = tempfile::tempdir().unwrap();
    let proved = prove(&digits(), 3, Objective::Time, dir.path()).unwrap();
    let public = proved.bundle.public();
    let chunk = 2;
    let file = &proved.proved.proof;
    let mut instances = vec![file.root, file.context];
    instances.extend(&file.chunks[chunk].public_values);
    let (vk, params) = (
        &public.verifying_key(chunk).unwrap(),
        &public.verifier_params()[chunk],
    );
    let ours = generate(
        vk,
        params,
        &[instances.len()],
        &GeneratorOptions::new("SmallVerifier"),
    )
    .unwrap();
    let code = compile(&ours.solidity, &ours.contract_name, Settings::PROJECT);
    let path = repository().join("tests/fixtures/verifier_small.json");
    if std::env::var_os("CHAINFER_BLESS").is_some() {
        let words: Vec<String> = instances.iter().map(|w| hex0x(&w.to_word().0)).collect();
        let fixture = json!({
            "creationCode": hex0x(&code.deployment),
            "proof": hex0x(&file.chunks[chunk].proof),
            "instances": words,
        });
        std::fs::write(
            &path,
            serde_json::to_string_pretty(&fixture).unwrap() + "\n",
        )
        .unwrap();
    }
    let stored: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let bytes =
        |field: &Value| hex::decode(field.as_str().unwrap().trim_start_matches("0x")).unwrap();
    assert!(
        bytes(&stored["creationCode"]) == code.deployment,
        "tests/fixtures/verifier_small.json is stale: run CHAINFER_BLESS=1 cargo nextest run --release -p chainfer-tests fixture"
    );
    let instances: Vec<Fr> = stored["instances"]
        .as_array()
        .unwrap()
        .iter()
        .map(|w| {
            let mut le: [u8; 32] = bytes(w).try_into().unwrap();
            le.reverse();
            Fr::from_bytes(&le).unwrap()
        })
        .collect();
    let mut evm = Evm::new();
    let address = evm.deploy(&code);
    let outcome = evm.call(
        address,
        encode_calldata(&bytes(&stored["proof"]), &instances),
    );
    assert!(matches!(outcome, Outcome::Returned { .. }), "{outcome:?}");
}
