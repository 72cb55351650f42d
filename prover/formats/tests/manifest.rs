//! What a manifest must hold, rule by rule.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use chainfer_formats::{FormatError, Manifest};
use common::{good_manifest, with_id, word};
use serde_json::{Value, json};

fn parse(manifest: Value) -> Result<Manifest, FormatError> {
    Manifest::parse(with_id(manifest).to_string().as_bytes())
}

/// Two chunks and a skip connection: the first chunk's output is a model output as well, the input is read twice.
fn branching() -> Value {
    let mut m = good_manifest();
    m["leaves"][1]["visibility"] = "public".into();
    m["chunks"][0]["exposes"] = json!([0, 1]);
    m["chunks"][0]["num_public"] = 3.into();
    m["chunks"][1]["reads"] = json!([0, 1]);
    let hidden = json!({
        "name": "hidden", "leaf": 1, "chunk": 0, "offset": 1, "length": 18, "zero_point": 0, "scale": 0.5,
        "shape": [1, 2, 3, 3], "visibility": "public",
    });
    m["outputs"].as_array_mut().unwrap().push(hidden);
    with_id(m)
}

#[test]
fn good_manifests_are_accepted() {
    parse(good_manifest()).unwrap();
    parse(branching()).unwrap();
    // Without Solidity verifiers.
    let mut plain = good_manifest();
    for chunk in plain["chunks"].as_array_mut().unwrap() {
        for field in ["contract", "source", "source_digest", "key_code_hash"] {
            chunk.as_object_mut().unwrap().remove(field);
        }
    }
    let parsed = parse(plain).unwrap();
    assert_eq!(parsed.chunks[0].verifier(), None);
}

#[test]
fn leaf_of_an_input_or_output_has_a_specification_and_a_cut_has_none() {
    let name = |manifest: Value, leaf| {
        let parsed = parse(manifest).unwrap();
        parsed.input_or_output(leaf).map(|spec| spec.name.clone())
    };
    let names = |manifest: fn() -> Value| [0, 1, 2, 3].map(|leaf| name(manifest(), leaf));
    let [x, y] = ["inputs", "outputs"].map(|list| {
        let name = good_manifest()[list][0]["name"].as_str().map(str::to_owned);
        assert!(name.is_some());
        name
    });
    assert_eq!(names(good_manifest), [x.clone(), None, y.clone(), None]);
    assert_eq!(names(branching), [x, Some("hidden".into()), y, None]);
}

#[test]
fn changed_content_under_the_old_id_is_refused() {
    let mut changed = good_manifest();
    changed["outputs"][0]["scale"] = json!(0.5);
    let error = Manifest::parse(changed.to_string().as_bytes()).unwrap_err();
    assert!(error.to_string().contains("`manifest_id`"), "{error}");
}

fn check(good: fn() -> Value, cases: Vec<(&str, Value, &str)>) {
    for (pointer, value, field) in cases {
        let mut bad = good();
        *bad.pointer_mut(pointer).unwrap() = value.clone();
        let error = parse(bad).expect_err(pointer);
        assert!(
            matches!(&error, FormatError::Inconsistent { field: found, .. } if found == field),
            "{pointer} = {value}: {error}"
        );
    }
}

#[test]
fn counts_out_of_bounds_are_refused() {
    let leaf = good_manifest()["leaves"][0].clone();
    check(
        good_manifest,
        vec![
            ("/chunks", json!([]), "chunks"),
            ("/leaves", json!([]), "leaves"),
            ("/leaves", json!(vec![leaf; 2049]), "leaves"),
            ("/inputs", json!([]), "inputs"),
            ("/outputs", json!([]), "outputs"),
            ("/chunks/1/index", json!(5), "chunks[1].index"),
            ("/chunks/1/proof_length", json!(0), "chunks[1].proof_length"),
            (
                "/chunks/1/proof_length",
                json!(1 << 21),
                "chunks[1].proof_length",
            ),
            ("/chunks/1/hide_rows", json!(1), "chunks[1].hide_rows"),
            ("/chunks/1/hide_rows", json!(256), "chunks[1].hide_rows"),
            ("/chunks/0/shape/k", json!(40), "chunks[0].shape.k"),
            ("/range", json!(128), "chunks[0].shape.range"),
        ],
    );
}

#[test]
fn setup_that_contradicts_itself_is_refused() {
    let development = chainfer_formats::srs::DEVELOPMENT_DIGEST.to_string();
    check(
        good_manifest,
        vec![
            ("/srs/digest", word(1).into(), "srs.digest"),
            ("/srs/digest", development.into(), "srs.digest"),
            ("/srs/tau_g1", "0x00".into(), "srs.digest"),
        ],
    );
}

#[test]
fn verifiers_that_contradict_each_other_are_refused() {
    check(
        good_manifest,
        vec![
            ("/chunks/0/contract", "../Odd".into(), "chunks[0].contract"),
            ("/chunks/0/contract", "".into(), "chunks[0].contract"),
            ("/chunks/0/contract", "é".into(), "chunks[0].contract"),
            ("/chunks/0/contract", Value::Null, "chunks[0].contract"),
            (
                "/chunks/0/source",
                "elsewhere.sol".into(),
                "chunks[0].source",
            ),
            (
                "/chunks/0/source_digest",
                word(22).into(),
                "chunks[0].source_digest",
            ),
            ("/chunks/0/key_code_hash", Value::Null, "chunks[0].contract"),
            // The id does not tell zero from none.
            (
                "/chunks/0/source_digest",
                word(0).into(),
                "chunks[0].source_digest",
            ),
            (
                "/chunks/0/key_code_hash",
                word(0).into(),
                "chunks[0].key_code_hash",
            ),
        ],
    );
    // All chunks have a verifier or none has.
    let mut half = good_manifest();
    for field in ["contract", "source", "source_digest", "key_code_hash"] {
        half["chunks"][1].as_object_mut().unwrap().remove(field);
    }
    assert!(
        parse(half)
            .unwrap_err()
            .to_string()
            .contains("`chunks[0].contract`")
    );
}

#[test]
fn reads_and_writes_that_fit_no_class_are_refused() {
    check(
        good_manifest,
        vec![
            ("/chunks/0/reads", json!([]), "chunks[0].reads"),
            ("/chunks/0/reads", json!([99]), "chunks[0].reads"),
            ("/chunks/0/reads", json!([0, 0]), "chunks[0].reads"),
            ("/chunks/1/reads", json!([1, 0]), "chunks[1].reads"),
            ("/chunks/0/writes", json!([1, 1]), "chunks[0].writes"),
            ("/chunks/0/writes", json!([3]), "chunks[0].writes"),
            // the input written, the cut tensor read by its writer, by nobody, written twice or never; the output read
            ("/chunks/0/writes", json!([0, 1]), "leaves[0].class"),
            ("/chunks/0/reads", json!([1]), "leaves[0].class"),
            ("/chunks/0/reads", json!([0, 1]), "leaves[1].class"),
            ("/chunks/1/reads", json!([0]), "leaves[1].class"),
            ("/chunks/1/writes", json!([1, 2]), "leaves[1].class"),
            ("/chunks/0/writes", json!([]), "leaves[1].class"),
            ("/chunks/0/reads", json!([0, 2]), "leaves[2].class"),
            ("/chunks/1/writes", json!([]), "leaves[2].class"),
            ("/leaves/0/class", "cut".into(), "inputs"),
            ("/leaves/1/class", "input".into(), "inputs"),
            ("/leaves/1/class", "output".into(), "outputs"),
            ("/leaves/2/class", "cut".into(), "leaves[2].class"),
            ("/leaves/2/class", "input".into(), "leaves"),
        ],
    );
}

#[test]
fn cut_tensors_out_of_order_are_refused() {
    // Three chunks in a row, with the two cut tensors swapped.
    let mut m = good_manifest();
    let mut last = m["chunks"][1].clone();
    last["index"] = 2.into();
    last["reads"] = json!([1]);
    last["writes"] = json!([3]);
    last["exposes"] = json!([3]);
    let cut = m["leaves"][1].clone();
    m["leaves"].as_array_mut().unwrap().insert(1, cut);
    m["outputs"][0]["leaf"] = 3.into();
    m["outputs"][0]["chunk"] = 2.into();
    m["chunks"][0]["writes"] = json!([2]);
    m["chunks"][1]["reads"] = json!([2]);
    m["chunks"][1]["writes"] = json!([1]);
    m["chunks"][1]["exposes"] = json!([]);
    m["chunks"][1]["num_public"] = 0.into();
    m["chunks"].as_array_mut().unwrap().push(last);
    let error = parse(m.clone()).unwrap_err().to_string();
    assert!(error.contains("`leaves[2]`"), "{error}");
    m["chunks"][0]["writes"] = json!([1]);
    m["chunks"][1]["reads"] = json!([1]);
    m["chunks"][1]["writes"] = json!([2]);
    m["chunks"][2]["reads"] = json!([2]);
    parse(m).unwrap();
}

#[test]
fn public_values_that_no_leaf_is_behind_are_refused() {
    check(
        good_manifest,
        vec![
            ("/chunks/1/num_public", json!(2), "chunks[1].num_public"),
            ("/chunks/1/num_public", json!(0), "chunks[1].num_public"),
            ("/chunks/0/exposes", json!([]), "chunks[0].exposes"),
            ("/chunks/0/exposes", json!([0, 1]), "chunks[0].exposes"),
            ("/chunks/0/exposes", json!([1]), "chunks[0].exposes"),
            ("/chunks/1/exposes", json!([0, 2]), "chunks[1].exposes"),
            (
                "/leaves/1/visibility",
                "public".into(),
                "leaves[1].visibility",
            ),
            ("/leaves/2/length", json!(16), "chunks[1].num_public"),
            ("/leaves/2/length", json!(0), "leaves[2].length"),
            ("/leaves/2/length", json!(1u64 << 40), "leaves[2].length"),
        ],
    );
    check(
        branching,
        vec![
            ("/chunks/0/exposes", json!([1, 0]), "chunks[0].exposes"),
            ("/chunks/1/exposes", json!([0, 2]), "chunks[1].exposes"),
            ("/chunks/0/num_public", json!(4), "chunks[0].num_public"),
        ],
    );
    // A circuit has room for fewer public values than rows.
    let mut large = good_manifest();
    for pointer in ["/leaves/2/length", "/outputs/0/length"] {
        *large.pointer_mut(pointer).unwrap() = (15 * 254).into();
    }
    large["outputs"][0]["shape"] = json!([15 * 254]);
    large["outputs"][0]["element_order"] = Value::Null;
    large["chunks"][1]["num_public"] = 254.into();
    let error = parse(large).unwrap_err().to_string();
    assert!(error.contains("`chunks[1].num_public`"), "{error}");
}

#[test]
fn tensors_that_are_not_their_leaves_are_refused() {
    check(
        good_manifest,
        vec![
            ("/inputs/0/leaf", json!(1), "inputs"),
            ("/inputs/0/chunk", json!(1), "inputs[0].chunk"),
            ("/inputs/0/offset", json!(1), "inputs[0].offset"),
            ("/inputs/0/length", json!(6), "inputs[0].length"),
            ("/inputs/0/name", "y".into(), "inputs[0].name"),
            (
                "/inputs/0/visibility",
                "public".into(),
                "inputs[0].visibility",
            ),
            ("/inputs/0/shape", json!([5, 2]), "inputs[0].shape"),
            ("/inputs/0/shape", json!([]), "inputs[0].shape"),
            (
                "/inputs/0/shape",
                json!([u64::MAX, u64::MAX]),
                "inputs[0].shape",
            ),
            ("/inputs/0/scale", json!(0.0), "inputs[0].scale"),
            ("/inputs/0/scale", json!(-0.5), "inputs[0].scale"),
            ("/inputs/0/zero_point", json!(64), "inputs[0].zero_point"),
            ("/outputs/0/leaf", json!(0), "outputs[0].leaf"),
            ("/outputs/0/leaf", json!(99), "outputs[0].leaf"),
            ("/outputs/0/chunk", json!(0), "outputs[0].chunk"),
            (
                "/outputs/0/element_order",
                json!([0, 1]),
                "outputs[0].element_order",
            ),
            (
                "/outputs/0/element_order",
                json!([0, 1, 1]),
                "outputs[0].element_order",
            ),
            (
                "/outputs/0/element_order",
                json!([0, 1, 3]),
                "outputs[0].element_order",
            ),
        ],
    );
    // An output listed twice, or in another order than the leaves.
    let mut twice = good_manifest();
    let output = twice["outputs"][0].clone();
    twice["outputs"].as_array_mut().unwrap().push(output);
    let error = parse(twice).unwrap_err().to_string();
    assert!(error.contains("`outputs[1].leaf`"), "{error}");
}

#[test]
fn factors_of_an_input_scale_runs_of_its_packed_values() {
    let plain = parse(good_manifest()).unwrap();
    let mut scaled = good_manifest();
    scaled["inputs"][0]["factors"] = json!([1.0, 0.5, 0.25, 2.0, 1.0]);
    scaled["inputs"][0]["element_order"] = json!([4, 3, 2, 1, 0]);
    let scaled = parse(scaled).unwrap();
    // In the user's order: (u - 20) / 8, times the factors backwards.
    let values = scaled.inputs[0].dequantise(&[28, 28, 28, 28, 28]);
    assert_eq!(values, [1.0, 2.0, 0.25, 0.5, 1.0]);
    assert_ne!(plain.manifest_id, scaled.manifest_id);
    let mut other = scaled.clone();
    other.inputs[0].factors = Some(vec![1.0, 0.5, 0.25, 2.0, 2.0]);
    assert_ne!(other.recompute_id(), scaled.manifest_id);
    other.inputs[0].factors = Some(vec![0.5]);
    assert_eq!(other.inputs[0].dequantise(&[36; 5]), [1.0; 5]);
}

#[test]
fn factors_that_nobody_may_rely_on_are_refused() {
    let cases: Vec<(&str, Value, &str)> = ["inputs", "outputs"]
        .into_iter()
        .flat_map(|list| {
            let bad = [
                json!([]),
                json!([1.0, 1.0]),
                json!([1.0, 1.0, 1.0, 1.0, 0.0]),
            ];
            let path = match list {
                "inputs" => ("/inputs/0/factors", "inputs[0].factors"),
                _ => ("/outputs/0/factors", "outputs[0].factors"),
            };
            bad.map(|factors| (path.0, factors, path.1))
        })
        .collect();
    for (path, factors, field) in cases {
        let mut manifest = good_manifest();
        let (list, _) = path[1..].split_once('/').unwrap();
        manifest[list][0]["factors"] = factors;
        let message = parse(manifest).unwrap_err().to_string();
        assert!(message.contains(field), "{message}");
    }
    let mut public = good_manifest();
    public["leaves"][0]["visibility"] = "public".into();
    public["inputs"][0]["visibility"] = "public".into();
    public["inputs"][0]["factors"] = json!([1.0]);
    let message = parse(public).unwrap_err().to_string();
    assert!(message.contains("inputs[0].factors"), "{message}");
}

#[test]
fn function_left_out_behind_an_output_is_part_of_the_id() {
    let plain = parse(good_manifest()).unwrap();
    let text = serde_json::to_string(&plain).unwrap();
    assert!(!text.contains("before"), "{text}");
    let mut ids = vec![plain.manifest_id];
    for function in ["softmax", "log_softmax", "sigmoid"] {
        let mut manifest = good_manifest();
        manifest["outputs"][0]["before"] = function.into();
        let manifest = parse(manifest).unwrap();
        let again = serde_json::to_value(&manifest).unwrap();
        assert_eq!(again["outputs"][0]["before"], function);
        assert!(!ids.contains(&manifest.manifest_id), "{function}");
        ids.push(manifest.manifest_id);
    }
    let mut input = good_manifest();
    input["inputs"][0]["before"] = "softmax".into();
    let message = parse(input).unwrap_err().to_string();
    assert!(message.contains("inputs[0].before"), "{message}");
    let mut unknown = good_manifest();
    unknown["outputs"][0]["before"] = "tanh".into();
    assert!(Manifest::parse(unknown.to_string().as_bytes()).is_err());
}

#[test]
fn outputs_in_another_order_than_their_leaves_are_refused() {
    let mut m = good_manifest();
    let mut leaf = m["leaves"][2].clone();
    leaf["name"] = "z".into();
    m["leaves"].as_array_mut().unwrap().push(leaf);
    let mut output = m["outputs"][0].clone();
    output["name"] = "z".into();
    output["leaf"] = 3.into();
    output["offset"] = 1.into();
    m["outputs"].as_array_mut().unwrap().push(output);
    m["chunks"][1]["writes"] = json!([2, 3]);
    m["chunks"][1]["exposes"] = json!([2, 3]);
    m["chunks"][1]["num_public"] = 2.into();
    parse(m.clone()).unwrap();
    m["outputs"].as_array_mut().unwrap().reverse();
    m["outputs"][0]["offset"] = 0.into();
    m["outputs"][1]["offset"] = 1.into();
    m["chunks"][1]["exposes"] = json!([3, 2]);
    let error = parse(m).unwrap_err().to_string();
    assert!(error.contains("`outputs`"), "{error}");
}
