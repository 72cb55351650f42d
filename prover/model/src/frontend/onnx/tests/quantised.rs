//! Models that were quantised before.

use super::*;

fn typed(name: &str, data_type: i32, values: &[i32]) -> TensorProto {
    TensorProto {
        name: name.to_owned(),
        data_type,
        int32_data: values.to_vec(),
        dims: if values.len() == 1 {
            vec![]
        } else {
            vec![values.len() as i64]
        },
        ..TensorProto::default()
    }
}

#[test]
fn pair_of_quantisation_is_a_clamp() {
    let nodes = [
        node("QuantizeLinear", &["x", "s", "z"], "q"),
        node("DequantizeLinear", &["q", "s", "z"], "y"),
    ];
    for (data_type, zero, expected) in [
        (2, 128, [-1.28, 0.3, 1.27]),
        (3, 0, [-1.28, 0.3, 1.27]),
        (2, 0, [0.0, 0.3, 2.55]),
    ] {
        let constants = [floats("s", &[], &[0.01]), typed("z", data_type, &[zero])];
        let model = model(13, &["1", "3"], &constants, &nodes);
        assert_near(&run(&model, &[&[-5.0, 0.3, 5.0]]), &expected);
    }
}

#[test]
fn weights_are_dequantised_by_channel() {
    let constants = [
        floats("s", &[2], &[0.5, 0.25]),
        typed("z", 3, &[0, 4]),
        TensorProto {
            dims: vec![1, 2],
            ..typed("q", 3, &[2, 8])
        },
    ];
    let nodes = [
        node("DequantizeLinear", &["q", "s", "z"], "w").int("axis", 1),
        node("MatMul", &["x", "w"], "y"),
    ];
    assert_eq!(
        run(&model(13, &["1", "1"], &constants, &nodes), &[&[3.0]]),
        [3.0, 3.0]
    );
}

#[test]
fn quantised_outputs_are_not_rounded_and_say_so() {
    let constants = [floats("s", &[], &[0.5]), typed("z", 2, &[10])];
    let nodes = [node("QuantizeLinear", &["x", "s", "z"], "y")];
    let model = model(13, &["1", "1"], &constants, &nodes);
    assert_eq!(run(&model, &[&[0.3]]), [10.6]);
    let warnings = survey(&model).unwrap().model.unwrap().warnings;
    assert!(
        warnings.concat().contains("given without rounding"),
        "{warnings:?}"
    );
}

#[test]
fn quantised_layer_has_the_real_one_inside() {
    let constants = [
        floats("xs", &[], &[0.5]),
        typed("xz", 2, &[4]),
        floats("ws", &[], &[0.1]),
        typed("wz", 2, &[0]),
        TensorProto {
            dims: vec![2, 1],
            ..typed("w", 2, &[10, 20])
        },
        floats("ys", &[], &[0.25]),
        typed("yz", 2, &[3]),
    ];
    let inputs = ["x", "xs", "xz", "w", "ws", "wz", "ys", "yz"];
    let nodes = [node("QLinearMatMul", &inputs, "y")];
    // (6 - 4) / 2 * 1 + (8 - 4) / 2 * 2 = 5 = 0.25 * (23 - 3)
    let got = run(&model(13, &["1", "2"], &constants, &nodes), &[&[6.0, 8.0]]);
    assert_near(&got, &[23.0]);
}
