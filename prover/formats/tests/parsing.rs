//! Parsing of hostile files: every error names the field, nothing panics, and nothing private is quoted.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use chainfer_formats::{
    Address, B256, DeploymentFile, FormatError, Manifest, ProofFile, SecretFile, U256,
};
use common::{good_deployment, good_manifest, good_proof, good_secret, word};
use proptest::prelude::*;
use serde_json::{Value, json};

const MODULUS: &str = "0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001";

fn parse(proof: &Value) -> Result<ProofFile, FormatError> {
    ProofFile::parse(proof.to_string().as_bytes())
}

/// The error after one change.
fn error_after(change: impl FnOnce(&mut Value)) -> FormatError {
    let mut proof = good_proof();
    change(&mut proof);
    parse(&proof).expect_err("the change must be refused")
}

#[test]
fn good_proof_survives_a_round_trip() {
    let proof = parse(&good_proof()).unwrap();
    assert_eq!(serde_json::to_value(&proof).unwrap(), good_proof());
    let mut unbound = good_proof();
    unbound["binding"] = Value::Null;
    unbound["model_id"] = Value::Null;
    let parsed = parse(&unbound).unwrap();
    assert_eq!(serde_json::to_value(parsed).unwrap(), unbound);
}

#[test]
fn every_missing_field_of_a_proof_is_named() {
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
        assert!(error.to_string().contains(field), "{field}: {error}");
    }
}

#[test]
fn bad_values_of_a_proof_name_their_path() {
    let cases: Vec<(&str, Value, &str)> = vec![
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
        ("/chunks/1/index", json!(0), "chunks[1].index"),
        ("/chunks/1/index", json!(70000), "chunks[1].index"),
        ("/chunks/1/index", json!(-1), "chunks[1].index"),
        ("/chunks", json!([]), "chunks"),
        ("/chunks", json!({}), "chunks"),
        (
            "/outputs/0/visibility",
            "secret".into(),
            "outputs[0].visibility",
        ),
        ("/outputs/0/values/1", Value::Null, "outputs[0].values[1]"),
        ("/outputs/0/raw/1", json!(-1), "outputs[0].raw[1]"),
        ("/outputs/0/raw/1", json!(1.5), "outputs[0].raw[1]"),
        ("/outputs/0/raw/1", json!(1 << 16), "outputs[0].raw[1]"),
        ("/outputs/0/raw/1", json!(1u64 << 40), "outputs[0].raw[1]"),
    ];
    for (pointer, value, path) in cases {
        let error = error_after(|p| *p.pointer_mut(pointer).unwrap() = value.clone());
        assert!(
            error.to_string().contains(&format!("`{path}`")),
            "{pointer} = {value}: {error}"
        );
    }
}

#[test]
fn field_element_at_the_modulus_is_told_from_bad_form() {
    for (pointer, path) in [
        ("/root", "root"),
        ("/context", "context"),
        ("/chunks/0/public_values/0", "chunks[0].public_values[0]"),
    ] {
        for text in [MODULUS, &B256::from(U256::MAX).to_string()] {
            let error = error_after(|p| *p.pointer_mut(pointer).unwrap() = text.into());
            assert!(error.is_contradiction(), "{error}");
            assert!(
                matches!(&error, FormatError::NotCanonical { field, .. } if field == path),
                "{error}"
            );
        }
        let error = error_after(|p| *p.pointer_mut(pointer).unwrap() = "0x12".into());
        assert!(matches!(error, FormatError::Malformed { .. }), "{error}");
    }
    // Other words are hashes, and any will do.
    let mut proof = good_proof();
    proof["binding"]["nonce"] = MODULUS.into();
    proof["manifest_id"] = MODULUS.into();
    proof["model_id"] = Value::Null;
    parse(&proof).unwrap();
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
fn unknown_fields_are_refused_in_all_files_but_a_manifest() {
    let error = error_after(|p| p["salt"] = word(1).into()).to_string();
    assert!(error.contains("salt"), "{error}");
    let error = error_after(|p| p["chunks"][0]["witness"] = word(1).into()).to_string();
    assert!(error.contains("witness"), "{error}");
    let mut deployment = good_deployment();
    deployment["note"] = 1.into();
    assert!(DeploymentFile::parse(deployment.to_string().as_bytes()).is_err());
    let mut secret = good_secret();
    secret["tensors"][0]["note"] = 1.into();
    assert!(SecretFile::parse(secret.to_string().as_bytes()).is_err());
    // A later release may add to a manifest what this one need not know.
    let mut manifest = good_manifest();
    manifest["note"] = 64.into();
    manifest["chunks"][0]["note"] = 12.into();
    Manifest::parse(manifest.to_string().as_bytes()).unwrap();
    manifest["chunks"][0]["shape"]["note"] = 12.into();
    assert!(Manifest::parse(manifest.to_string().as_bytes()).is_err());
}

#[test]
fn other_formats_and_versions_are_told_apart() {
    let mut later = good_proof();
    later["version"] = 2.into();
    later["something_new"] = true.into();
    assert!(matches!(
        parse(&later),
        Err(FormatError::Version { got: 2, .. })
    ));
    assert!(matches!(
        parse(&good_manifest()),
        Err(FormatError::Format { .. })
    ));
    assert!(Manifest::parse(good_proof().to_string().as_bytes()).is_err());
    // What version 1 of a deployment wrote had no version.
    let mut old = good_deployment();
    old.as_object_mut().unwrap().remove("version");
    assert!(DeploymentFile::parse(old.to_string().as_bytes()).is_err());
}

#[test]
fn context_of_another_binding_is_refused() {
    for (pointer, value) in [("/binding/nonce", 10), ("/model_id", 6)] {
        let error = error_after(|p| *p.pointer_mut(pointer).unwrap() = word(value).into());
        assert!(error.is_contradiction());
        assert!(error.to_string().contains("`context`"), "{error}");
    }
}

#[test]
fn proof_of_another_model_does_not_fit_the_manifest() {
    let manifest = Manifest::parse(good_manifest().to_string().as_bytes()).unwrap();
    let mut proof = good_proof();
    proof["manifest_id"] = manifest.manifest_id.to_string().into();
    let fits = |proof: &Value| parse(proof).unwrap().check_against(&manifest);
    fits(&proof).unwrap();
    type Change = fn(&mut Value);
    let cases: [(&str, Change); 3] = [
        ("manifest_id", |p| p["manifest_id"] = word(2).into()),
        ("chunks", |p| {
            drop(p["chunks"].as_array_mut().unwrap().pop())
        }),
        ("chunks[1].public_values", |p| {
            let values = p["chunks"][1]["public_values"].as_array_mut().unwrap();
            values.push(word(0).into());
        }),
    ];
    for (field, change) in cases {
        let mut other = proof.clone();
        change(&mut other);
        let error = fits(&other).unwrap_err().to_string();
        assert!(error.contains(&format!("`{field}`")), "{error}");
    }
}

#[test]
fn deployment_is_strict() {
    let good = good_deployment();
    let parsed = DeploymentFile::parse(good.to_string().as_bytes()).unwrap();
    let chunks = &parsed.model.chunks;
    assert_eq!(chunks[0].verifier, Address::repeat_byte(3));
    assert_eq!(chunks[0].key_contract(), Some(Address::repeat_byte(4)));
    assert_eq!((chunks[1].key.len(), chunks[1].key_contract()), (384, None));
    assert_eq!(serde_json::to_value(&parsed).unwrap(), good);
    for field in [
        "chain_id",
        "registry",
        "model_id",
        "registrant",
        "model",
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
        ("/model/chunks", json!([])),
        ("/model/chunks/0/key", json!("0x01")),
        ("/model/chunks/1/key", json!("0x01")),
        ("/model/chunks/0/verifier", json!(null)),
        ("/model/chunks/0/num_public", json!(2)),
        ("/model/record/chunks", json!(word(1))),
        ("/version", json!(2)),
        ("/format", json!("chainfer.manifest")),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).unwrap() = value;
        assert!(
            DeploymentFile::parse(bad.to_string().as_bytes()).is_err(),
            "{pointer}"
        );
    }
}

/// Every place of a document that holds a text beginning with 0x.
fn hex_places(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::String(text) if text.starts_with("0x") => found.push(at.to_owned()),
        Value::Array(list) => {
            for (i, item) in list.iter().enumerate() {
                hex_places(item, &format!("{at}/{i}"), found);
            }
        }
        Value::Object(map) => {
            for (key, item) in map {
                hex_places(item, &format!("{at}/{key}"), found);
            }
        }
        _ => {}
    }
}

#[test]
fn hex_of_another_spelling_is_refused_everywhere() {
    type Parse = fn(&[u8]) -> Result<(), FormatError>;
    let files: [(Value, Parse, usize); 4] = [
        (good_proof(), |b| ProofFile::parse(b).map(drop), 10),
        (good_secret(), |b| SecretFile::parse(b).map(drop), 5),
        (good_manifest(), |b| Manifest::parse(b).map(drop), 10),
        (good_deployment(), |b| DeploymentFile::parse(b).map(drop), 5),
    ];
    for (good, parse, at_least) in files {
        parse(good.to_string().as_bytes()).unwrap();
        let mut places = Vec::new();
        hex_places(&good, "", &mut places);
        assert!(places.len() >= at_least, "{places:?}");
        for place in places {
            let text = good.pointer(&place).unwrap().as_str().unwrap();
            // The first digit may be one that has no case.
            let upper = format!("0xA{}", &text[3..]);
            for other in [upper, text[2..].to_owned(), format!("{text}0")] {
                let mut bad = good.clone();
                *bad.pointer_mut(&place).unwrap() = other.into();
                let error = parse(bad.to_string().as_bytes()).unwrap_err();
                assert!(
                    matches!(error, FormatError::Malformed { .. }),
                    "{place}: {error}"
                );
            }
        }
    }
}

#[test]
fn errors_about_a_secret_never_quote_it() {
    let secret = good_secret();
    SecretFile::parse(secret.to_string().as_bytes()).unwrap();
    for (pointer, value, field) in [
        (
            "/tensors/0/values/1",
            json!("31415926"),
            "tensors[0].values[1]",
        ),
        (
            "/tensors/0/values/1",
            json!(314159265358u64),
            "tensors[0].values[1]",
        ),
        ("/tensors/0/salt", json!(314159265), "tensors[0].salt"),
        ("/tensors/0/salt", json!("0x3141592653"), "tensors[0].salt"),
        ("/tensors/0/salt", json!("31415926535"), "tensors[0].salt"),
        ("/tensors/0/class", json!("31415926"), "tensors[0].class"),
        ("/tensors/0/scale", json!("31415926"), "tensors[0].scale"),
        ("/tensors/0/salt", json!(MODULUS), "tensors[0].salt"),
    ] {
        let mut bad = secret.clone();
        *bad.pointer_mut(pointer).unwrap() = value;
        let error = SecretFile::parse(bad.to_string().as_bytes()).unwrap_err();
        for text in [error.to_string(), format!("{error:?}")] {
            assert!(text.contains(field), "{text}");
            assert!(!text.contains("31415926"), "{text}");
            assert!(!text.contains("30644e72"), "{text}");
        }
    }
}

#[test]
fn written_files_read_back_and_end_in_a_newline() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("proof.json");
    let proof = parse(&good_proof()).unwrap();
    proof.write(&path).unwrap();
    assert_eq!(ProofFile::read(&path).unwrap(), proof);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.ends_with("}\n"));
    assert!(text.starts_with("{\n  \"format\": \"chainfer.proof\",\n  \"version\": 1,\n"));

    let secret = SecretFile::parse(good_secret().to_string().as_bytes()).unwrap();
    let beside = SecretFile::path_beside(&path);
    assert_eq!(beside, dir.path().join("proof.json.secret"));
    secret.write(&beside).unwrap();
    assert_eq!(SecretFile::read(&beside).unwrap(), secret);

    let deployment = DeploymentFile::parse(good_deployment().to_string().as_bytes()).unwrap();
    let nested = dir.path().join("deployments/31337.json");
    deployment.write(&nested).unwrap();
    assert_eq!(DeploymentFile::read(&nested).unwrap(), deployment);

    let manifest = Manifest::parse(good_manifest().to_string().as_bytes()).unwrap();
    let path = dir.path().join("manifest.json");
    manifest.write(&path).unwrap();
    assert_eq!(Manifest::read(&path).unwrap(), manifest);
}

#[test]
fn deep_nesting_is_refused_by_the_parser() {
    let deep = "[".repeat(200_000);
    assert!(ProofFile::parse(deep.as_bytes()).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn random_damage_never_panics(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3u8), 1..4),
    ) {
        for good in [good_proof(), good_manifest(), good_secret(), good_deployment()] {
            let mut bytes = good.to_string().into_bytes();
            for (at, byte, kind) in &edits {
                let at = at.index(bytes.len().max(1));
                if bytes.is_empty() {
                    break;
                }
                match kind {
                    0 => bytes[at] = *byte,
                    1 => drop(bytes.remove(at)),
                    _ => bytes.truncate(at.max(1)),
                }
            }
            let _ = ProofFile::parse(&bytes);
            let _ = Manifest::parse(&bytes);
            let _ = SecretFile::parse(&bytes);
            let _ = DeploymentFile::parse(&bytes);
        }
    }
}

#[test]
fn files_of_the_demo_model_are_read_and_written_alike() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fixtures/golden/digits-3");
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join("copy.json");
    let same = |original: &std::path::Path| {
        let (old, new) = (
            std::fs::read(original).unwrap(),
            std::fs::read(&copy).unwrap(),
        );
        assert!(old == new, "{}", original.display());
    };
    let path = folder.join("proof.json");
    let proof = ProofFile::read(&path).unwrap();
    proof.write(&copy).unwrap();
    same(&path);
    let path = SecretFile::path_beside(&path);
    SecretFile::read(&path).unwrap().write(&copy).unwrap();
    same(&path);
    let path = folder.join("public/manifest.json");
    let manifest = Manifest::read(&path).unwrap();
    manifest.write(&copy).unwrap();
    same(&path);
    proof.check_against(&manifest).unwrap();
}
