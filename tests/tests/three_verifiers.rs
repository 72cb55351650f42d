//! The same chunk proofs under halo2-axiom, snark-verifier's generated contract and ours.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs
)]

#[path = "../../verifier-gen/tests/common/mod.rs"]
mod common;

use chainfer_circuits::Objective;
use chainfer_engine::field::to_fr;
use chainfer_engine::inference::verify_inference;
use chainfer_tests::{Proved, Source, digits, prove, zkml_mnist};
use chainfer_verifier_gen::{GeneratorOptions, encode_calldata, generate};
use common::evm::{Evm, Outcome};
use common::snark::snark_verifier_source;
use common::solc::{Settings, compile};
use halo2curves::bn256::Fr;
use std::io::Write as _;

/// EIP-170.
const CODE_LIMIT: usize = 24_576;

fn instances(proved: &Proved, chunk: usize) -> Vec<Fr> {
    let file = &proved.proved.proof;
    let mut words = vec![file.root, file.context];
    words.extend(&file.chunks[chunk].public_values);
    words.iter().map(|scalar| to_fr(*scalar)).collect()
}

/// Verifies every chunk natively and in our contract; returns (gas, runtime bytes) of each.
fn verify_everywhere(proved: &Proved, theirs_too: bool) -> Vec<(u64, usize)> {
    let public = proved.bundle.public();
    verify_inference(public, &proved.proved.proof).unwrap();
    let mut figures = Vec::new();
    for chunk in 0..public.num_chunks() {
        let (vk, params) = (
            &public.verifying_key(chunk).unwrap(),
            &public.verifier_params()[chunk],
        );
        let instances = instances(proved, chunk);
        let proof = &proved.proved.proof.chunks[chunk].proof;
        let options = GeneratorOptions::new(format!("Chunk{chunk}Verifier"));
        let ours = generate(vk, params, &[instances.len()], &options).unwrap();
        let code = compile(&ours.solidity, &ours.contract_name, Settings::PROJECT);
        assert!(
            code.runtime_len <= CODE_LIMIT,
            "chunk {chunk}: {} bytes",
            code.runtime_len
        );
        let mut evm = Evm::new();
        let address = evm.deploy(&code);
        let Outcome::Returned { output, gas } =
            evm.call(address, encode_calldata(proof, &instances))
        else {
            panic!("our contract refuses chunk {chunk}");
        };
        assert_eq!(output.last(), Some(&1));
        figures.push((gas, code.runtime_len));
        for at in [0, proof.len() / 2, proof.len() - 1] {
            let mut flipped = proof.to_vec();
            flipped[at] ^= 1;
            let outcome = evm.call(address, encode_calldata(&flipped, &instances));
            assert!(
                matches!(outcome, Outcome::Reverted(_)),
                "byte {at} of chunk {chunk}: {outcome:?}"
            );
        }
        for at in 0..instances.len() {
            let mut changed = instances.clone();
            changed[at] += Fr::one();
            let outcome = evm.call(address, encode_calldata(proof, &changed));
            assert!(
                matches!(outcome, Outcome::Reverted(_)),
                "instance {at} of chunk {chunk}: {outcome:?}"
            );
        }
        if theirs_too {
            let source = snark_verifier_source(params, vk, vec![instances.len()]);
            let theirs = compile(&source, "Halo2Verifier", Settings::FOREIGN);
            let address = evm.deploy(&theirs);
            let mut calldata: Vec<u8> = Vec::new();
            for value in &instances {
                calldata.extend(value.to_bytes().iter().rev());
            }
            calldata.extend(proof);
            let outcome = evm.call(address, calldata);
            assert!(
                matches!(outcome, Outcome::Returned { .. }),
                "snark-verifier refuses chunk {chunk}: {outcome:?}"
            );
        }
    }
    figures
}

fn assert_close(proved: &Proved, tolerance: f64) {
    let values = proved.proved.proof.outputs[0].values.clone().unwrap();
    assert_eq!(values.len(), proved.expected.len());
    for (i, (got, expected)) in values.iter().zip(&proved.expected).enumerate() {
        assert!(
            (got - expected).abs() < tolerance,
            "output {i}: {got}, float {expected}"
        );
    }
}

#[test]
fn digits_in_three_chunks_verifies_in_all_three() {
    let dir = tempfile::tempdir().unwrap();
    let proved = prove(&digits(), 3, Objective::Time, dir.path()).unwrap();
    assert_close(&proved, 0.1);
    let figures = verify_everywhere(&proved, true);
    println!("(gas, bytes) a chunk: {figures:?}");
}

#[test]
fn digits_for_gas_verifies_for_less() {
    let dir = tempfile::tempdir().unwrap();
    let time = prove(&digits(), 1, Objective::Time, &dir.path().join("t")).unwrap();
    let gas = prove(&digits(), 1, Objective::Gas, &dir.path().join("g")).unwrap();
    let (time, gas) = (
        verify_everywhere(&time, false),
        verify_everywhere(&gas, false),
    );
    println!("for time {time:?}, for gas {gas:?}");
    assert!(gas[0].0 < time[0].0);
}

/// Float reference of the network's publishers.
const REFERENCE: [f64; 10] = [
    -10.359, -15.765, -15.978, -3.255, -8.358, 12.922, -10.008, -13.425, -5.931, -1.598,
];

/// Says so to people: past the harness, which keeps what a test prints if it passes.
fn left_out(what: &str) {
    let text =
        format!("LEFT OUT: {what} is not on this machine (CHAINFER_DATA names its folder)\n");
    std::io::stderr().write_all(text.as_bytes()).unwrap();
}

fn mnist(model: &str, input: &str, chunks: &[usize]) {
    let Some(folder) = zkml_mnist() else {
        left_out(&format!("{model} of the zkml MNIST network"));
        return;
    };
    let source = Source {
        model: folder.join(model),
        input: folder.join(input),
        calibration: folder.join(input),
    };
    for n in chunks {
        let dir = tempfile::tempdir().unwrap();
        let proved = prove(&source, *n, Objective::Time, dir.path()).unwrap();
        let values = proved.proved.proof.outputs[0].values.clone().unwrap();
        let worst = values
            .iter()
            .zip(REFERENCE)
            .map(|(v, r)| (v - r).abs())
            .fold(0.0, f64::max);
        assert!(
            worst < 0.05,
            "{model} in {n} chunks: {worst} off the reference"
        );
        let figures = verify_everywhere(&proved, false);
        println!("{model} in {n} chunks: {worst:.4} off, (gas, bytes) {figures:?}");
    }
}

#[test]
fn zkml_mnist_onnx_in_one_two_three_and_five_chunks() {
    mnist("mnist.onnx", "input.json", &[1, 2, 3, 5]);
}

#[test]
fn zkml_mnist_msgpack_in_one_two_three_and_five_chunks() {
    mnist("model.msgpack", "inp.msgpack", &[1, 2, 3, 5]);
}
