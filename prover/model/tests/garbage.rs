//! Broken files are errors, never panics, and say what to do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use chainfer_model::frontend::{from_onnx_bytes, from_zkml_bytes, zkml_inputs};
use chainfer_model::io::{
    InputSpec, inputs_from_json, inputs_from_npy, inputs_from_npz, load_inputs,
};
use serde_json::{Value, json};
use support::onnx::{field, node, number, onnx};
use support::root;

fn zkml_model() -> Value {
    json!({
        "global_sf": 512, "k": 15, "num_cols": 7, "inp_idxes": [0], "out_idxes": [3],
        "layers": [
            {"layer_type": "Conv2D", "params": [0, 0, 1, 1, 1], "inp_idxes": [0, 1, 2],
             "inp_shapes": [[1, 3, 3, 1], [2, 3, 3, 1], [2]], "out_idxes": [3], "out_shapes": [[1, 3, 3, 2]], "mask": []},
        ],
        "tensors": [
            {"idx": 1, "shape": [2, 3, 3, 1], "data": (0..18).collect::<Vec<i64>>()},
            {"idx": 2, "shape": [2], "data": [1, 2]},
        ],
    })
}

/// Truncations, and single-byte changes at pseudo-random places.
fn broken(bytes: &[u8]) -> Vec<Vec<u8>> {
    let step = (bytes.len() / 150).max(1);
    let mut cases: Vec<Vec<u8>> = (0..bytes.len())
        .step_by(step)
        .map(|n| bytes[..n].to_vec())
        .collect();
    let mut state = 7u64;
    for _ in 0..400 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        // Structure lies at the ends of the file: half of the changes go there.
        let at = (state >> 33) as usize % bytes.len();
        let at = if state & 1 << 20 == 0 {
            at
        } else {
            at % bytes.len().min(600)
        };
        let mut changed = bytes.to_vec();
        changed[at] ^= (state >> 8) as u8 | 1;
        cases.push(changed);
    }
    for len in [0, 1, 7, 100, 5000] {
        cases.push((0..len).map(|n: usize| (n * n * 31 + n) as u8).collect());
    }
    cases
}

#[test]
fn broken_onnx_never_panics() {
    std::panic::set_hook(Box::new(|_| {}));
    let mut refused = 0;
    for model in [
        "ops/residual_add.onnx",
        "ops/transpose_reshape.onnx",
        "ops/mlp.onnx",
        "ops/computed_constants.onnx",
        "ops/constant_condition.onnx",
        "ops/half_weights.onnx",
        "ops/legacy_bias.onnx",
        "ops/scaled_regression.onnx",
        "ops/sparse_weights.onnx",
    ] {
        let bytes = std::fs::read(root().join("tests/fixtures/models").join(model)).unwrap();
        from_onnx_bytes(&bytes).unwrap();
        for case in broken(&bytes) {
            refused += usize::from(from_onnx_bytes(&case).is_err());
        }
    }
    assert!(refused > 400, "{refused}");
}

#[test]
fn sums_of_an_opset_without_their_axis_are_refused() {
    let path = root().join("tests/fixtures/models/ops/add_constant.onnx");
    let mut bytes = std::fs::read(path).unwrap();
    from_onnx_bytes(&bytes).unwrap();
    // The version is the second field of the opset import, which stands last in the file.
    let at = bytes.windows(2).rposition(|w| w == [0x10, 13]).unwrap();
    bytes[at + 1] = 6;
    let error = from_onnx_bytes(&bytes).unwrap_err().to_string();
    assert!(
        error.contains("without broadcast in opset 6; export the model with opset 7 or later"),
        "{error}"
    );
}

#[test]
fn batch_normalisation_of_few_axes_is_refused_and_not_read_beyond_its_shape() {
    let parameters = |n: u8| ["s", "b", "m", "v"].map(|name| (name, vec![n]));
    let model = |input: &[u8], channels: u8, before: &[Vec<u8>], of: &str| {
        let mut constants = parameters(channels).to_vec();
        constants.push(("c", vec![channels]));
        let constants: Vec<(&str, &[u8])> = constants.iter().map(|(n, s)| (*n, &s[..])).collect();
        let mut nodes = before.to_vec();
        nodes.push(node(
            "BatchNormalization",
            &[of, "s", "b", "m", "v"],
            "n",
            &[],
        ));
        nodes.push(node("Add", &["n", "x"], "y", &[]));
        from_onnx_bytes(&onnx(input, &constants, &nodes))
    };
    // As it is meant: four axes.
    model(&[1, 2, 3, 3], 2, &[], "x").unwrap();
    for (input, before, of) in [
        (&[4][..], vec![], "x"),
        (&[1], vec![], "x"),
        (&[1, 4], vec![node("Squeeze", &["x"], "q", &[])], "q"),
        (&[1, 4], vec![], "c"),
    ] {
        let refused = model(input, 4, &before, of).unwrap_err().to_string();
        assert!(!refused.is_empty(), "{refused}");
    }
}

#[test]
fn transposition_by_no_permutation_is_refused() {
    for perm in [&[0u8, 0][..], &[1, 1], &[0, 2], &[0, 0, 0, 0]] {
        let ints: Vec<u8> = perm.iter().flat_map(|axis| number(8, *axis)).collect();
        // Field 20, the attribute's type: integers.
        let kind = vec![0xa0, 0x01, 7];
        let perm = [field(1, b"perm"), ints, kind].concat();
        let nodes = [
            node("Transpose", &["c"], "t", &[perm]),
            node("Add", &["t", "x"], "y", &[]),
        ];
        let refused = from_onnx_bytes(&onnx(&[4, 4], &[("c", &[4, 4])], &nodes));
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("is not a permutation"), "{refused}");
    }
}

/// The file with one byte changed at each of the places where the pattern is.
fn altered(model: &str, pattern: &[u8], at: usize, byte: u8) -> String {
    let path = root().join("tests/fixtures/models/ops").join(model);
    let mut bytes = std::fs::read(path).unwrap();
    from_onnx_bytes(&bytes).unwrap();
    let found = bytes.windows(pattern.len()).position(|w| w == pattern);
    bytes[found.unwrap() + at] = byte;
    from_onnx_bytes(&bytes).unwrap_err().to_string()
}

#[test]
fn attributes_opsets_and_shapes_that_are_not_known_are_refused() {
    let error = altered("avgpool.onnx", b"strides", 6, b'x');
    assert!(
        error.contains("attribute stridex") && error.contains("strides"),
        "{error}"
    );
    let error = altered("add_constant.onnx", &[0x10, 13], 1, 29);
    assert!(error.contains("opset 29; supported: up to 28"), "{error}");
}

#[test]
fn broken_zkml_never_panics() {
    let bytes = rmp_serde::to_vec_named(&zkml_model()).unwrap();
    from_zkml_bytes(&bytes).unwrap();
    for case in broken(&bytes) {
        let _ = from_zkml_bytes(&case);
        let _ = zkml_inputs(&case, 512.0);
    }
    for n in 0..bytes.len() {
        assert!(from_zkml_bytes(&bytes[..n]).is_err());
    }
}

#[test]
fn zkml_models_with_wrong_fields_are_refused() {
    let cases: [(&str, Value); 10] = [
        ("/global_sf", json!(0)),
        ("/inp_idxes", json!([9])),
        ("/out_idxes", json!([9])),
        ("/tensors/0/shape", json!([2, 3, 3, 2])),
        ("/tensors/0/shape", json!([i64::MAX, i64::MAX])),
        ("/layers/0/params", json!([0, 0, 1, 0, 0])),
        ("/layers/0/params", json!([0, 0, 1])),
        ("/layers/0/params", json!([0, 0, 9, 1, 1])),
        ("/layers/0/out_shapes", json!([[1, 3, 3, 3]])),
        ("/layers/0/inp_shapes/0", json!([2, 3, 3, 1])),
    ];
    for (place, value) in cases {
        let mut model = zkml_model();
        *model.pointer_mut(place).unwrap() = value.clone();
        let bytes = rmp_serde::to_vec_named(&model).unwrap();
        assert!(from_zkml_bytes(&bytes).is_err(), "{place} = {value}");
    }
    let mut model = zkml_model();
    model["layers"][0]["layer_type"] = json!("Gather");
    let error = from_zkml_bytes(&rmp_serde::to_vec_named(&model).unwrap())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("node Gather_0: operator Gather is not supported; supported: Add,"),
        "{error}"
    );
}

#[test]
fn broken_inputs_never_panic() {
    let text = br#"{"input_data": [[1.0, 2.0, 3e10], [4]]}"#;
    let mut npy =
        b"\x93NUMPY\x01\x00\x46\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }"
            .to_vec();
    npy.resize(80, b' ');
    npy.extend([0; 8]);
    inputs_from_npy(&npy, &[]).unwrap();
    for case in broken(text) {
        let _ = inputs_from_json(&case);
    }
    for case in broken(&npy) {
        let _ = inputs_from_npy(&case, &[]);
        let _ = inputs_from_npz(&case, &[]);
    }
}

#[test]
fn input_files_that_do_not_fit_name_file_shape_and_counts() {
    let folder = tempfile::tempdir().unwrap();
    let specs = [InputSpec {
        name: "image".into(),
        shape: vec![1, 1, 2, 2],
    }];
    let message = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        load_inputs(&path, &specs, None).unwrap_err().to_string()
    };
    let short = message("short.json", r#"{"input_data": [[1, 2, 3]]}"#);
    for part in ["short.json", "image", "[1, 1, 2, 2]", "4 values", "got 3"] {
        assert!(short.contains(part), "{short}");
    }
    let two = message("two.json", r#"{"input_data": [[1], [2]]}"#);
    assert!(
        two.contains("1 input(s) (image [1, 1, 2, 2]), got 2"),
        "{two}"
    );
    let word = message("word.json", r#"{"input_data": [[1, 2, "3", 4]]}"#);
    assert!(
        word.contains("word.json") && word.contains("input_data[0][2] is a string"),
        "{word}"
    );
    let unknown = message("x.csv", "1,2");
    assert!(
        unknown.contains("supported: .json, .npy, .npz, .msgpack"),
        "{unknown}"
    );
    let missing = load_inputs(&folder.path().join("none.json"), &specs, None)
        .unwrap_err()
        .to_string();
    assert!(
        missing.contains("cannot read") && missing.contains("none.json"),
        "{missing}"
    );
}
