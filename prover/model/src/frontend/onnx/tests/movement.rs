//! Rearrangements, and what reads several outputs.

use super::*;

const SHAPE: &[&str] = &["1", "2", "3"];

#[test]
fn parts_of_a_split_go_their_own_ways() {
    let nodes = [
        node_of("Split", &["x", "sizes"], &["a", "b"]).int("axis", 2),
        node("Concat", &["b", "c", "a"], "y").int("axis", 2),
    ];
    let constants = [ints("sizes", &[1, 2]), floats("c", &[1, 2, 1], &[7.0, 8.0])];
    let got = output(&model(13, SHAPE, &constants, &nodes));
    assert_eq!(got, [1.0, 2.0, 7.0, 0.0, 4.0, 5.0, 8.0, 3.0]);
    let graph = read(&model(13, SHAPE, &constants, &nodes)).unwrap();
    let names: Vec<&str> = graph.tensors().iter().map(|t| t.name.as_str()).collect();
    assert!(
        ["a", "b", "y"].iter().all(|n| names.contains(n)),
        "{names:?}"
    );
}

#[test]
fn equal_parts_of_a_split_have_its_length() {
    let split = |opset, inputs: &[&str], outputs: &[&str]| {
        let node = node_of("Split", inputs, outputs).int("axis", 2);
        model(opset, SHAPE, &[], &[node])
    };
    assert_eq!(output(&split(13, &["x"], &["a", "y", "c"])), [1.0, 4.0]);
    let message = refusal(&split(13, &["x"], &["a", "y"]));
    assert!(message.contains("2 equal parts of 3"), "{message}");
    // From opset 18 on, the last part may be smaller.
    let uneven = node_of("Split", &["x"], &["a", "y"])
        .int("axis", 2)
        .int("num_outputs", 2);
    assert_eq!(output(&model(18, SHAPE, &[], &[uneven])), [2.0, 5.0]);
}

#[test]
fn slices_count_from_the_end_and_backwards() {
    let constants = [
        ints("starts", &[-1, 0]),
        ints("ends", &[i64::MIN, 1]),
        ints("axes", &[2, 1]),
        ints("steps", &[-2, 1]),
    ];
    let slice = node("Slice", &["x", "starts", "ends", "axes", "steps"], "y");
    assert_eq!(output(&model(13, SHAPE, &constants, &[slice])), [2.0, 0.0]);
    let old = node("Slice", &["x"], "y")
        .ints("starts", &[1])
        .ints("ends", &[i64::MAX])
        .ints("axes", &[2]);
    assert_eq!(output(&model(9, SHAPE, &[], &[old])), [1.0, 2.0, 4.0, 5.0]);
}

#[test]
fn padding_takes_what_its_mode_says() {
    for (mode, expected) in [
        ("constant", [9.0, 9.0, 0.0, 1.0, 2.0, 9.0]),
        ("edge", [0.0, 0.0, 0.0, 1.0, 2.0, 2.0]),
        ("reflect", [2.0, 1.0, 0.0, 1.0, 2.0, 1.0]),
        ("wrap", [1.0, 2.0, 0.0, 1.0, 2.0, 0.0]),
    ] {
        let constants = [
            ints("pads", &[2, 1]),
            floats("value", &[], &[9.0]),
            ints("axes", &[-1]),
        ];
        let pad = node("Pad", &["x", "pads", "value", "axes"], "y").text("mode", mode);
        assert_eq!(
            output(&model(19, &["1", "3"], &constants, &[pad])),
            expected
        );
    }
    let cut = node("Pad", &["x"], "y").ints("pads", &[0, -1, 0, 1]);
    assert_eq!(output(&model(2, &["1", "3"], &[], &[cut])), [1.0, 2.0, 0.0]);
}

#[test]
fn indices_of_the_input_read_a_small_table() {
    let mut table = model(
        13,
        &["1", "3"],
        &[floats(
            "table",
            &[4, 2],
            &[0.0, 1.0, 10.0, 11.0, 20.0, 21.0, 30.0, 31.0],
        )],
        &[node("Gather", &["table", "x"], "y")],
    );
    let graph = table.graph.as_mut().unwrap();
    if let Some(type_proto::Value::TensorType(t)) =
        graph.input[0].r#type.as_mut().unwrap().value.as_mut()
    {
        t.elem_type = 7;
    }
    let got = run(&table, &[&[3.0, 0.0, -2.0]]);
    assert_eq!(got, [30.0, 31.0, 0.0, 1.0, 20.0, 21.0]);
    table.graph.as_mut().unwrap().initializer[0] = floats("table", &[5000, 1], &[0.0; 5000]);
    let message = refusal(&table);
    assert!(message.contains("inputs_embeds"), "{message}");
}

#[test]
fn indices_outside_of_their_axis_are_refused() {
    let constants = [ints("i", &[3])];
    let gather = node("Gather", &["x", "i"], "y").int("axis", 2);
    let message = refusal(&model(13, SHAPE, &constants, &[gather]));
    assert!(
        message.contains("index 3 of an axis of length 3"),
        "{message}"
    );
}

#[test]
fn tensors_broadcast_to_each_other() {
    let shapes: [&[&str]; 2] = [&["1", "2", "1"], &["3"]];
    for (op, expected) in [
        ("Add", [1.0, 2.0, 4.0, 3.0, 4.0, 6.0]),
        ("Sub", [0.0, -1.0, -3.0, 2.0, 1.0, -1.0]),
        ("Mul", [0.5, 0.75, 1.75, 2.5 * 0.5, 2.5 * 1.5, 2.5 * 3.5]),
        ("Max", [0.5, 1.5, 3.5, 2.5, 2.5, 3.5]),
        ("Min", [0.5, 0.5, 0.5, 0.5, 1.5, 2.5]),
        (
            "Div",
            [1.0, 1.0 / 3.0, 1.0 / 7.0, 5.0, 5.0 / 3.0, 5.0 / 7.0],
        ),
    ] {
        let model = model_of_two(13, shapes, &[], &[node(op, &["x", "z"], "y")]);
        let expected = match op {
            "Mul" => [0.25, 0.75, 1.75, 1.25, 3.75, 8.75],
            _ => expected,
        };
        assert_near(&run(&model, &[&[0.5, 2.5], &[0.5, 1.5, 3.5]]), &expected);
    }
    let message = refusal(&model_of_two(
        13,
        [&["1", "2"], &["1", "3"]],
        &[],
        &[node("Add", &["x", "z"], "y")],
    ));
    assert!(message.contains("do not broadcast"), "{message}");
}

#[test]
fn nearest_elements_repeat_as_the_scale_says() {
    let constants = [floats("scales", &[4], &[1.0, 1.0, 1.0, 2.0])];
    let resize = node("Resize", &["x", "", "scales"], "y");
    let shape = &["1", "1", "1", "3"];
    let got = output(&model(13, shape, &constants, std::slice::from_ref(&resize)));
    assert_eq!(got, [0.0, 0.0, 1.0, 1.0, 2.0, 2.0]);
    let linear = resize.text("mode", "linear");
    let got = output(&model(13, shape, &constants, &[linear]));
    assert_near(&got, &[0.0, 0.25, 0.75, 1.25, 1.75, 2.0]);
}
