//! The interface in `src/abi` is that of the compiled contract.

use crate::world::{artefact, creation_code};
use alloy::primitives::keccak256;
use alloy::sol_types::SolInterface;
use chainfer_relayer::abi::IChainferRegistry::{
    IChainferRegistryCalls as Calls, IChainferRegistryErrors as Errors,
    IChainferRegistryEvents as Events,
};
use serde_json::Value;
use std::collections::BTreeSet;

#[test]
fn selectors_equal_those_of_the_compiled_registry() {
    assert!(!creation_code("ChainferRegistry").is_empty());
    let artefact = artefact("ChainferRegistry");
    let compiled: BTreeSet<String> = artefact["methodIdentifiers"]
        .as_object()
        .unwrap()
        .values()
        .map(|v| v.as_str().unwrap().to_owned())
        .collect();
    for selector in Calls::selectors() {
        let name = Calls::name_by_selector(selector).unwrap_or("?");
        assert!(
            compiled.contains(&alloy::hex::encode(selector)),
            "the contract has no such {name}"
        );
    }
    for entry in artefact["abi"].as_array().unwrap() {
        let name = entry["name"].as_str().unwrap_or_default();
        // Structs would need their components spelled out; errors and events have none.
        let types: Vec<&str> = entry["inputs"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|i: &Value| i["type"].as_str().unwrap())
            .collect();
        let hash = keccak256(format!("{name}({})", types.join(",")));
        match entry["type"].as_str().unwrap() {
            "error" => {
                let selector = [hash[0], hash[1], hash[2], hash[3]];
                assert!(
                    Errors::valid_selector(selector),
                    "error {name} is not decoded"
                );
            }
            "event" => {
                assert!(
                    Events::SELECTORS.contains(&hash.0),
                    "event {name} is not known"
                );
            }
            _ => {}
        }
    }
}
