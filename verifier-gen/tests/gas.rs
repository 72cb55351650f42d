//! The figures in `gas.json` are what is measured; estimates are upper bounds and close.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr
)]

mod common;

use common::{
    batch::batches,
    gas::{drift, shapes},
};
use serde_json::Value;

#[test]
fn committed_figures_of_the_shapes_are_what_is_measured() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/gas.json");
    let committed: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let mut lines = Vec::new();
    let measured = Value::from(shapes());
    drift("shapes", &committed["shapes"], &measured, &mut lines);
    let measured = Value::from(batches());
    drift("batches", &committed["batches"], &measured, &mut lines);
    assert!(
        lines.is_empty(),
        "gas.json is stale, run scripts/gas-report:\n{}",
        lines.join("\n")
    );
}

#[test]
fn gas_estimates_are_upper_bounds_and_close() {
    for shape in shapes() {
        for (name, figures) in shape["verifiers"].as_object().unwrap() {
            let Some(estimate) = figures["estimated_gas"].as_u64() else {
                assert!(name == "EvmLoader" || name.contains("accumulate"), "{name}");
                continue;
            };
            let gas = figures["transaction"].as_u64().unwrap();
            eprintln!("{} {name}: {gas} gas, {estimate} estimated", shape["name"]);
            assert!(
                gas <= estimate && estimate - gas < gas / 12,
                "{gas} {estimate}"
            );
        }
    }
}

#[test]
fn every_contract_fits_the_code_limit() {
    for shape in shapes() {
        for (name, figures) in shape["verifiers"].as_object().unwrap() {
            let bytes = figures["runtime_bytes"].as_u64().unwrap();
            assert!(
                name == "EvmLoader" || bytes <= 24_576,
                "{} {name}: {bytes}",
                shape["name"]
            );
        }
    }
}
