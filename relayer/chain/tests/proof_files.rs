//! Parsing of hostile files: every error names the field, and nothing panics.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use alloy::primitives::{Address, B256, U256};
use chainfer_chain::abi::ids;
use chainfer_chain::proof_file::{DeploymentFile, Manifest, ProofFile, ProofFileError};
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

fn word(value: u64) -> String {
    B256::from(U256::from(value)).to_string()
}

fn good_proof() -> Value {
    let (registry, requester) = (Address::repeat_byte(0x11), Address::repeat_byte(0x22));
    let context = ids::context(
        31337,
        registry,
        B256::repeat_byte(5),
        requester,
        U256::from(9),
    );
    json!({
        "format": "chainfer.proof", "version": 1,
        "manifest_id": word(1), "model_id": B256::repeat_byte(5).to_string(),
        "root": word(3), "context": B256::from(context).to_string(),
        "binding": {
            "chain_id": 31337, "registry": format!("{registry:#x}"),
            "requester": format!("{requester:#x}"), "nonce": word(9),
        },
        "chunks": [
            { "index": 0, "public_values": [word(1)], "proof": "0x0102" },
            { "index": 1, "public_values": [], "proof": "0x03" },
        ],
        "outputs": [{
            "name": "y", "shape": [1, 2], "visibility": "public", "raw": [1, 2], "values": [0.5, -1.0],
        }],
    })
}

fn good_manifest() -> Value {
    json!({
        "format": "chainfer.manifest", "version": 2, "manifest_id": word(1),
        "chunks": [
            { "index": 0, "contract": "A", "source": "a.sol", "num_public": 1,
              "hide_rows": 0, "vk_digest": word(1), "key_code_hash": word(11) },
            { "index": 1, "contract": "B", "source": "b.sol", "num_public": 0,
              "hide_rows": 8, "vk_digest": word(2), "key_code_hash": word(12) },
        ],
        "leaves": [{ "name": "x", "length": 2 }],
        "inputs": [], "outputs": [],
        "srs": { "insecure": true, "digest": word(3) },
    })
}

fn parse(proof: &Value) -> Result<ProofFile, ProofFileError> {
    ProofFile::parse(proof.to_string().as_bytes())
}

/// The error after one change.
fn error_after(change: impl FnOnce(&mut Value)) -> String {
    let mut proof = good_proof();
    change(&mut proof);
    parse(&proof)
        .expect_err("the change must be refused")
        .to_string()
}

#[test]
fn good_proof_survives_a_round_trip() {
    let proof = parse(&good_proof()).unwrap();
    assert_eq!(serde_json::to_value(&proof).unwrap(), good_proof());
    let mut unbound = good_proof();
    unbound["binding"] = Value::Null;
    unbound["model_id"] = Value::Null;
    assert_eq!(
        serde_json::to_value(parse(&unbound).unwrap()).unwrap(),
        unbound
    );
}

#[test]
fn every_missing_field_is_named() {
    for field in [
        "format",
        "version",
        "manifest_id",
        "model_id",
        "root",
        "context",
        "binding",
        "chunks",
        "outputs",
    ] {
        let error = error_after(|p| drop(p.as_object_mut().unwrap().remove(field)));
        assert!(error.contains(field), "{field}: {error}");
    }
}

#[test]
fn bad_values_name_their_path() {
    let modulus = "0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001";
    let cases: Vec<(&str, Value, &str)> = vec![
        ("/root", modulus.into(), "root"),
        ("/root", word(3)[2..].into(), "root"),
        (
            "/root",
            word(0xab).to_uppercase().replace("0X", "0x").into(),
            "root",
        ),
        ("/context", json!(7), "context"),
        ("/manifest_id", "0x01".into(), "manifest_id"),
        ("/binding/registry", "0x1111".into(), "binding.registry"),
        ("/binding/chain_id", "31337".into(), "binding.chain_id"),
        ("/binding/nonce", (-1).into(), "binding.nonce"),
        ("/chunks/1/proof", "0x0".into(), "chunks[1].proof"),
        ("/chunks/1/proof", "0x".into(), "chunks[1].proof"),
        ("/chunks/1/proof", "0xgg".into(), "chunks[1].proof"),
        ("/chunks/1/proof", "é".into(), "chunks[1].proof"),
        (
            "/chunks/0/public_values/0",
            modulus.into(),
            "chunks[0].public_values[0]",
        ),
        ("/chunks/1/index", json!(0), "chunks[1].index"),
        ("/chunks/1/index", json!(70000), "chunks[1].index"),
        ("/chunks", json!([]), "chunks"),
        ("/chunks", json!({}), "chunks"),
        (
            "/outputs/0/visibility",
            "secret".into(),
            "outputs[0].visibility",
        ),
        ("/outputs/0/values/1", Value::Null, "outputs[0].values[1]"),
    ];
    for (pointer, value, path) in cases {
        let error = error_after(|p| *p.pointer_mut(pointer).unwrap() = value.clone());
        assert!(
            error.contains(&format!("`{path}`")),
            "{pointer} = {value}: {error}"
        );
    }
}

#[test]
fn committed_output_has_no_values() {
    let mut proof = good_proof();
    proof["outputs"][0]["visibility"] = "committed".into();
    proof["outputs"][0]["raw"] = Value::Null;
    proof["outputs"][0]["values"] = Value::Null;
    let parsed = parse(&proof).unwrap();
    assert_eq!(parsed.outputs[0].values, None);
}

#[test]
fn unknown_field_is_refused_in_a_proof_not_in_a_manifest() {
    let error = error_after(|p| p["salt"] = word(1).into());
    assert!(error.contains("salt"), "{error}");
    let error = error_after(|p| p["chunks"][0]["witness"] = word(1).into());
    assert!(error.contains("witness"), "{error}");
    let mut manifest = good_manifest();
    manifest["hiding_budget"] = 64.into();
    manifest["chunks"][0]["k"] = 12.into();
    Manifest::parse(manifest.to_string().as_bytes()).unwrap();
}

#[test]
fn other_formats_and_versions_are_told_apart() {
    let mut later = good_proof();
    later["version"] = 2.into();
    later["something_new"] = true.into();
    assert!(matches!(
        parse(&later),
        Err(ProofFileError::Version { got: 2, .. })
    ));
    assert!(matches!(
        parse(&good_manifest()),
        Err(ProofFileError::Format { .. })
    ));
    assert!(Manifest::parse(good_proof().to_string().as_bytes()).is_err());
}

#[test]
fn context_of_another_binding_is_refused() {
    let error = error_after(|p| p["binding"]["nonce"] = word(10).into());
    assert!(error.contains("`context`"), "{error}");
    let error = error_after(|p| p["model_id"] = word(6).into());
    assert!(error.contains("`context`"), "{error}");
}

#[test]
fn proof_of_another_model_does_not_fit_the_manifest() {
    let proof = parse(&good_proof()).unwrap();
    let manifest = |change: fn(&mut Value)| {
        let mut json = good_manifest();
        change(&mut json);
        Manifest::parse(json.to_string().as_bytes()).unwrap()
    };
    proof.check_against(&manifest(|_| {})).unwrap();
    for (change, field) in [
        (
            (|m| m["manifest_id"] = word(2).into()) as fn(&mut Value),
            "manifest_id",
        ),
        (
            |m| drop(m["chunks"].as_array_mut().unwrap().pop()),
            "chunks",
        ),
        (
            |m| m["chunks"][1]["num_public"] = 1.into(),
            "chunks[1].public_values",
        ),
    ] {
        let error = proof
            .check_against(&manifest(change))
            .unwrap_err()
            .to_string();
        assert!(error.contains(&format!("`{field}`")), "{error}");
    }
}

#[test]
fn manifest_nonsense_is_refused() {
    let tensor = json!({
        "name": "y", "leaf": 0, "chunk": 1, "offset": 0, "length": 2, "zero_point": 0,
        "scale": 1.0, "shape": [2], "visibility": "public",
    });
    let with = |field: &str, value: Value| {
        let mut tensor = tensor.clone();
        tensor[field] = value;
        json!([tensor])
    };
    let mut good = good_manifest();
    (good["inputs"], good["outputs"]) = (json!([tensor]), json!([tensor]));
    Manifest::parse(good.to_string().as_bytes()).unwrap();

    for (pointer, value, field) in [
        ("/chunks", json!([]), "chunks"),
        ("/chunks/1/index", json!(5), "chunks[1].index"),
        ("/srs/digest", json!("0x"), "srs.digest"),
        ("/leaves", json!([]), "leaves"),
        (
            "/leaves",
            json!(vec![json!({ "length": 1 }); 2049]),
            "leaves",
        ),
        ("/inputs", with("leaf", json!(1)), "inputs[0].leaf"),
        ("/inputs", with("length", json!(3)), "inputs[0].length"),
        ("/outputs", with("chunk", json!(2)), "outputs[0].chunk"),
        ("/outputs", with("scale", json!(0.0)), "outputs[0].scale"),
    ] {
        let mut manifest = good.clone();
        *manifest.pointer_mut(pointer).unwrap() = value;
        let error = Manifest::parse(manifest.to_string().as_bytes()).unwrap_err();
        assert!(error.to_string().contains(&format!("`{field}`")), "{error}");
    }
}

#[test]
fn deployment_is_strict() {
    let address = |byte| format!("{:#x}", Address::repeat_byte(byte));
    let good = json!({
        "format": "chainfer.deployment", "version": 2, "chain_id": 1, "registry": address(1),
        "model_id": word(1), "registrant": address(2), "block": 5,
        "chunks": [{ "verifier": address(3), "key": address(4) }],
    });
    let parsed = DeploymentFile::parse(good.to_string().as_bytes()).unwrap();
    assert_eq!(parsed.chunks[0].verifier, Address::repeat_byte(3));
    assert_eq!(parsed.chunks[0].key, Address::repeat_byte(4));
    assert_eq!(serde_json::to_value(&parsed).unwrap(), good);
    for field in [
        "chain_id",
        "registry",
        "model_id",
        "registrant",
        "chunks",
        "block",
        "format",
        "version",
    ] {
        let mut bad = good.clone();
        bad[field] = json!("0xZZ");
        let error = DeploymentFile::parse(bad.to_string().as_bytes())
            .unwrap_err()
            .to_string();
        assert!(error.contains(field), "{error}");
    }
    for (pointer, value) in [
        ("/chunks", json!([])),
        ("/chunks/0/key", json!("0x01")),
        ("/chunks/0/verifier", json!(null)),
        ("/version", json!(1)),
        ("/format", json!("chainfer.manifest")),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).unwrap() = value;
        assert!(
            DeploymentFile::parse(bad.to_string().as_bytes()).is_err(),
            "{pointer}"
        );
    }
    // What version 1 wrote had no version.
    let mut old = good.clone();
    old.as_object_mut().unwrap().remove("version");
    assert!(DeploymentFile::parse(old.to_string().as_bytes()).is_err());
}

#[test]
fn random_damage_never_panics() {
    let good = good_proof().to_string().into_bytes();
    let mut rng = rand::rngs::StdRng::seed_from_u64(1);
    for _ in 0..5_000 {
        let mut bytes = good.clone();
        for _ in 0..rng.gen_range(1..4) {
            let at = rng.gen_range(0..bytes.len());
            match rng.gen_range(0..3) {
                0 => bytes[at] = rng.r#gen(),
                1 => drop(bytes.remove(at)),
                _ => bytes.truncate(at.max(1)),
            }
        }
        let _ = ProofFile::parse(&bytes);
        let _ = Manifest::parse(&bytes);
        let _ = DeploymentFile::parse(&bytes);
    }
    // Deep nesting is refused by the parser, not by the stack.
    let deep = "[".repeat(200_000);
    assert!(ProofFile::parse(deep.as_bytes()).is_err());
}
