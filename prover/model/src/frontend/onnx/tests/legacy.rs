//! Forms of old operator sets: read as they were meant, or refused.

use super::*;

fn add(opset: i64, broadcast: &[(&str, i64)]) -> ModelProto {
    let mut sum = node("Add", &["x", "b"], "y");
    for (name, value) in broadcast {
        sum = sum.int(name, *value);
    }
    let b = floats("b", &[2], &[10.0, 20.0]);
    model(opset, &["1", "2", "2", "2"], &[b], &[sum])
}

#[test]
fn sums_before_opset_7_broadcast_along_their_axis() {
    let by_channel = output(&add(6, &[("axis", 1), ("broadcast", 1)]));
    assert_eq!(by_channel, [10.0, 11.0, 12.0, 13.0, 24.0, 25.0, 26.0, 27.0]);
    let by_column = output(&add(6, &[("broadcast", 1)]));
    assert_eq!(by_column, [10.0, 21.0, 12.0, 23.0, 14.0, 25.0, 16.0, 27.0]);
    assert_eq!(output(&add(7, &[])), by_column);
}

#[test]
fn sums_before_opset_7_that_do_not_broadcast_are_refused() {
    for (attributes, says) in [
        (&[][..], "without broadcast in opset 6"),
        (
            &[("broadcast", 1), ("axis", 0)],
            "do not broadcast from axis 0",
        ),
        (
            &[("broadcast", 1), ("axis", 4)],
            "do not broadcast from axis 4",
        ),
        (&[("broadcast", 1), ("axis", -2)], "do not broadcast"),
    ] {
        let message = refusal(&add(6, attributes));
        assert!(message.contains(says), "{says}: {message}");
        assert!(message.contains("opset 7 or later"), "{message}");
    }
    let message = refusal(&add(7, &[("axis", 1)]));
    assert!(
        message.contains("attribute axis, which opset 7 does not have"),
        "{message}"
    );
}

#[test]
fn constants_of_old_opsets_are_computed_as_they_broadcast() {
    let constants = [
        floats("a", &[1, 2, 2, 2], &[0.0; 8]),
        floats("b", &[2], &[10.0, 20.0]),
    ];
    let sum = node("Add", &["a", "b"], "c")
        .int("broadcast", 1)
        .int("axis", 1);
    let nodes = [sum, node("Sub", &["x", "c"], "y")];
    let got = output(&model(6, &["1", "2", "2", "2"], &constants, &nodes));
    assert_eq!(got, [-10.0, -9.0, -8.0, -7.0, -16.0, -15.0, -14.0, -13.0]);
}

#[test]
fn normalisation_and_dropout_for_training_are_refused() {
    let constants = ["s", "b", "m", "v"].map(|n| floats(n, &[2], &[1.0, 1.0]));
    let norm = || node("BatchNormalization", &["x", "s", "b", "m", "v"], "y");
    let shape = &["1", "2", "2", "2"];
    let message = |opset, node| refusal(&model(opset, shape, &constants, &[node]));
    read(&model(
        6,
        shape,
        &constants,
        &[norm().int("is_test", 1).int("spatial", 1)],
    ))
    .unwrap();
    read(&model(7, shape, &constants, &[norm()])).unwrap();
    assert!(message(6, norm()).contains("is_test = 0"));
    assert!(message(8, norm().int("spatial", 0)).contains("spatial = 0"));
    assert!(message(9, norm().int("spatial", 1)).contains("opset 9 does not have"));
    let mut trains = norm();
    trains.output.extend(["mean", "var"].map(str::to_owned));
    assert!(message(13, trains).contains("outputs of training"));

    let dropout = || node("Dropout", &["x"], "y");
    read(&model(6, shape, &[], &[dropout().int("is_test", 1)])).unwrap();
    read(&model(7, shape, &[], &[dropout()])).unwrap();
    assert!(message(6, dropout()).contains("form for training"));
    let mut trains = node("Dropout", &["x", "", "t"], "y");
    trains.output.push("mask".to_owned());
    let train = |on: i32| {
        let t = TensorProto {
            name: "t".to_owned(),
            data_type: 9,
            int32_data: vec![on],
            ..TensorProto::default()
        };
        read(&model(13, shape, &[t], std::slice::from_ref(&trains)))
    };
    train(0).unwrap();
    assert!(
        train(1)
            .unwrap_err()
            .to_string()
            .contains("form for training")
    );
}

#[test]
fn attributes_that_became_inputs_are_read_in_their_opset_only() {
    let shape = &["1", "2", "2", "1"];
    let limits = [floats("low", &[], &[0.0]), floats("high", &[], &[2.0])];
    let attribute = |name: &str, f: f32| AttributeProto {
        name: name.to_owned(),
        f,
        r#type: 1,
        ..AttributeProto::default()
    };
    let old = || {
        node("Clip", &["x"], "y")
            .with(attribute("min", 0.0))
            .with(attribute("max", 2.0))
    };
    let new = || node("Clip", &["x", "low", "high"], "y");
    assert_eq!(
        output(&model(6, shape, &limits, &[old()])),
        [0.0, 1.0, 2.0, 2.0]
    );
    assert_eq!(
        output(&model(13, shape, &limits, &[new()])),
        [0.0, 1.0, 2.0, 2.0]
    );
    assert!(refusal(&model(13, shape, &limits, &[old()])).contains("opset 13 does not have"));
    assert!(refusal(&model(6, shape, &limits, &[new()])).contains("3 inputs in opset 6"));

    let axes = [ints("axes", &[3]), ints("target", &[1, 4])];
    for (opset, read_as) in [
        (6, node("Squeeze", &["x"], "y").ints("axes", &[3])),
        (13, node("Squeeze", &["x", "axes"], "y")),
        (1, node("Reshape", &["x"], "y").ints("shape", &[1, 4])),
        (5, node("Reshape", &["x", "target"], "y")),
        (6, node("Unsqueeze", &["x"], "y").ints("axes", &[0])),
        (13, node("Unsqueeze", &["x", "axes"], "y")),
    ] {
        assert_eq!(output(&model(opset, shape, &axes, &[read_as])).len(), 4);
    }
    let late = node("Unsqueeze", &["x"], "y").ints("axes", &[0]);
    assert!(refusal(&model(13, shape, &[], &[late])).contains("attribute axes"));
}
