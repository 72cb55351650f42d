//! Where the gas goes, ours and snark-verifier's.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr
)]

#[allow(dead_code)]
mod common;

use chainfer_verifier_gen::{CodeStyle, Entry, GeneratorOptions, generate};
use common::{
    circuits::{Cubic, Example, Lookups, NoPermutation, Phases, Wide},
    evm::{Evm, compile},
    large::Large,
    prove::{keys, params, prove},
    snark::snark_verifier_source,
};
use halo2curves::{bn256::Fr, ff::PrimeField};

fn report<E: Example>() {
    let circuit = E::example();
    let instances = circuit.instances();
    let flat: Vec<Fr> = instances.concat();
    let pk = keys(&circuit);
    let lengths: Vec<usize> = instances.iter().map(Vec::len).collect();
    let proof = prove(&pk, circuit, &instances);
    let mut evm = Evm::new();

    let theirs = compile(
        &snark_verifier_source(params(), pk.get_vk(), lengths.clone()),
        "Halo2Verifier",
        false,
    );
    let at = evm.deploy(&theirs);
    let mut calldata: Vec<u8> = flat
        .iter()
        .flat_map(|value| value.to_repr().into_iter().rev())
        .collect();
    calldata.extend(&proof);
    let their_gas = evm.breakdown(at, &calldata);
    eprintln!(
        "{:14} EvmLoader: execution {:7} precompiles {:7} calls {:4} rest {:6} ({:6} without base fees) code {:6}",
        E::NAME,
        their_gas.execution,
        their_gas.precompiles,
        their_gas.calls,
        their_gas.rest(),
        their_gas.rest() - 100 * their_gas.calls,
        theirs.runtime_len,
    );
    for options in [
        GeneratorOptions::embedded(E::NAME),
        GeneratorOptions::shared_named(E::NAME),
        GeneratorOptions::embedded(E::NAME).with_code(CodeStyle::Interpreted),
    ] {
        let label = format!("{:?} {:?}", options.mode, options.code);
        let verifier = generate(pk.get_vk(), params(), &lengths, &options).unwrap();
        if let Some(dir) = std::env::var_os("CHAINFER_DUMP") {
            let path = std::path::Path::new(&dir).join(format!("{} {label}.sol", E::NAME));
            std::fs::write(path, &verifier.solidity).unwrap();
        }
        let code = compile(&verifier.solidity, E::NAME, true);
        let at = evm.deploy(&code);
        let key = verifier
            .key
            .as_ref()
            .map(|key| evm.deploy_raw(key.creation.clone()).into_array());
        let calldata = verifier
            .encode_calldata(Entry::Verify, key, &proof, &flat)
            .unwrap();
        let gas = evm.breakdown(at, &calldata);
        let intrinsic = 21_000 + 16 * calldata.len() as u64;
        eprintln!(
            "  {label:20}: execution {:7} (estimated {}) calls {:4} rest {:6} ({:6} without base fees) code {:6} (estimated {}); {:.1} % and {} below, code {:.1} %",
            gas.execution,
            verifier.gas_estimate - intrinsic,
            gas.calls,
            gas.rest(),
            gas.rest() - 100 * gas.calls,
            code.runtime_len,
            verifier.code_size_estimate,
            100.0 - 100.0 * gas.execution as f64 / their_gas.execution as f64,
            their_gas.execution as i64 - gas.execution as i64,
            100.0 * code.runtime_len as f64 / theirs.runtime_len as f64,
        );
    }
}

#[test]
fn gas_report() {
    report::<NoPermutation>();
    report::<Phases>();
    report::<Cubic>();
    report::<Lookups>();
    report::<Wide>();
    report::<Large>();
}
