//! The interface in `src/abi` is that of the compiled contract.

use crate::world::{artefact, creation_code};
use alloy::primitives::{B256, keccak256};
use alloy::sol_types::{SolConstructor, SolInterface, SolStruct, SolType};
use chainfer_chain::abi::ChainferRegistry::{
    ChainferRegistryCalls as Calls, ChainferRegistryErrors as Errors,
    ChainferRegistryEvents as Events, constructorCall,
};
use chainfer_chain::abi::{
    ChunkProof, ChunkSpec, ChunkValues, Inference, InferenceState, Model, ModelRecord,
    ModelRegistration, Opening, ShownInference, TensorSpec,
};
use serde_json::Value;
use std::collections::BTreeSet;

/// A parameter's type, structs spelled out.
fn canonical(parameter: &Value) -> String {
    let name = parameter["type"].as_str().unwrap();
    match name.strip_prefix("tuple") {
        Some(array) => format!("{}{array}", tuple(&parameter["components"])),
        None => name.to_owned(),
    }
}

fn tuple(parameters: &Value) -> String {
    let types: Vec<String> = parameters
        .as_array()
        .into_iter()
        .flatten()
        .map(canonical)
        .collect();
    format!("({})", types.join(","))
}

/// Functions, errors and events of the compiled registry by the hash of what they are called.
fn compiled(kind: &str) -> BTreeSet<B256> {
    let artefact = artefact("ChainferRegistry");
    let entries = artefact["abi"].as_array().unwrap();
    let of_kind = entries.iter().filter(|entry| entry["type"] == kind);
    of_kind
        .map(|entry| {
            let name = entry["name"].as_str().unwrap_or_default();
            keccak256(format!("{name}{}", tuple(&entry["inputs"])))
        })
        .collect()
}

fn selectors(kind: &str) -> BTreeSet<[u8; 4]> {
    let hashes = compiled(kind).into_iter();
    hashes
        .map(|hash| [hash[0], hash[1], hash[2], hash[3]])
        .collect()
}

#[test]
fn selectors_equal_those_of_the_compiled_registry() {
    assert!(!creation_code("ChainferRegistry").is_empty());
    assert_eq!(
        Calls::selectors().collect::<BTreeSet<_>>(),
        selectors("function")
    );
    assert_eq!(
        Errors::selectors().collect::<BTreeSet<_>>(),
        selectors("error")
    );
    let events: BTreeSet<B256> = Events::SELECTORS.iter().map(|s| B256::from(*s)).collect();
    assert_eq!(events, compiled("event"));
}

/// EIP-712's description of a struct, names of the fields included, without the structs inside of it.
fn described(name: &str, components: &Value) -> String {
    let fields: Vec<String> = components
        .as_array()
        .unwrap()
        .iter()
        .map(|field| {
            let kind = field["type"].as_str().unwrap();
            let inner = field["internalType"].as_str().unwrap();
            let kind = inner
                .strip_prefix("struct ")
                .filter(|_| kind.starts_with("tuple"))
                .unwrap_or(kind);
            format!("{kind} {}", field["name"].as_str().unwrap())
        })
        .collect();
    format!("{name}({})", fields.join(","))
}

/// Every struct among the registry's parameters and answers.
fn compiled_structs() -> BTreeSet<String> {
    fn collect(parameters: &Value, found: &mut BTreeSet<String>) {
        for parameter in parameters.as_array().into_iter().flatten() {
            let inner = parameter["internalType"].as_str().unwrap_or_default();
            if let Some(name) = inner.strip_prefix("struct ") {
                let components = &parameter["components"];
                found.insert(described(name.trim_end_matches("[]"), components));
                collect(components, found);
            }
        }
    }
    let mut found = BTreeSet::new();
    for entry in artefact("ChainferRegistry")["abi"].as_array().unwrap() {
        collect(&entry["inputs"], &mut found);
        collect(&entry["outputs"], &mut found);
    }
    found
}

#[test]
fn structs_equal_those_of_the_compiled_registry() {
    assert!(!creation_code("ChainferRegistry").is_empty());
    let ours: BTreeSet<String> = [
        Model::eip712_root_type(),
        ModelRegistration::eip712_root_type(),
        ChunkSpec::eip712_root_type(),
        TensorSpec::eip712_root_type(),
        ChunkProof::eip712_root_type(),
        ChunkValues::eip712_root_type(),
        Inference::eip712_root_type(),
        InferenceState::eip712_root_type(),
        ModelRecord::eip712_root_type(),
        Opening::eip712_root_type(),
        ShownInference::eip712_root_type(),
    ]
    .map(|text| text.into_owned())
    .into();
    assert_eq!(ours, compiled_structs());
}

#[test]
fn constructor_equals_that_of_the_compiled_registry() {
    assert!(!creation_code("ChainferRegistry").is_empty());
    let artefact = artefact("ChainferRegistry");
    let entries = artefact["abi"].as_array().unwrap();
    let constructor = entries.iter().find(|e| e["type"] == "constructor").unwrap();
    assert_eq!(
        <<constructorCall as SolConstructor>::Parameters<'_> as SolType>::SOL_NAME,
        tuple(&constructor["inputs"])
    );
}
