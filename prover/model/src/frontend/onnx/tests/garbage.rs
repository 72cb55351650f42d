//! Models that are broken in their structure: an error, no panic, and no memory that the file does not account for.

use super::*;
use proptest::prelude::*;

#[test]
fn cycles_and_missing_values_are_refused_by_node() {
    let cycle = [
        node("Add", &["x", "b"], "a"),
        node("Relu", &["a"], "b"),
        node("Relu", &["b"], "y"),
    ];
    let message = refusal(&model(13, &["1", "2"], &[], &cycle));
    assert!(
        message.contains("a node, b node, y node") && message.contains("cycle"),
        "{message}"
    );
    let message = refusal(&model(13, &["1", "2"], &[], &[node("Relu", &["x"], "z")]));
    assert!(
        message.contains("output y: no node computes it"),
        "{message}"
    );
    let own = [node("Relu", &["y"], "y")];
    assert!(refusal(&model(13, &["1", "2"], &[], &own)).contains("cycle"));
}

#[test]
fn huge_dimensions_are_refused_by_name() {
    let relu = [node("Relu", &["x"], "y")];
    for shape in [
        &["1", "9223372036854775807"][..],
        &["1", "1000000", "1000000"],
        &["1", "4194305"],
    ] {
        let message = refusal(&model(13, shape, &[], &relu));
        assert!(message.contains("node x: Input: shape"), "{message}");
    }
}

#[test]
fn weights_that_are_no_numbers_are_refused_by_node() {
    for bad in [f32::NAN, f32::INFINITY] {
        let w = floats("w", &[2, 2], &[1.0, bad, 0.0, 0.0]);
        let message = refusal(&model(
            13,
            &["1", "2"],
            &[w],
            &[node("MatMul", &["x", "w"], "y")],
        ));
        assert!(
            message.contains("y node") && message.contains("not a finite number"),
            "{message}"
        );
    }
    let bounds = [floats("low", &[], &[f32::NAN]), floats("high", &[], &[1.0])];
    let clip = [node("Clip", &["x", "low", "high"], "y")];
    let message = refusal(&model(13, &["1", "2"], &bounds, &clip));
    assert!(
        message.contains("a bound that is not a number"),
        "{message}"
    );
}

/// An operator of the table with inputs, attributes and an opset that may not fit it.
fn any_node() -> impl Strategy<Value = NodeProto> {
    let names: Vec<&'static str> = super::super::onnx_operators().map(|o| o.name).collect();
    let inputs = prop::sample::select(vec!["x", "", "a", "b", "c", "d", "e"]);
    let attributes = [
        "axis",
        "axes",
        "shape",
        "perm",
        "kernel_shape",
        "pads",
        "strides",
        "dilations",
        "group",
        "to",
        "broadcast",
        "keepdims",
        "split",
        "starts",
        "ends",
        "start",
        "end",
        "transA",
        "transB",
        "num_outputs",
        "batch_axis",
        "batch_dims",
        "blocksize",
        "exclusive",
        "hidden_size",
        "is_causal",
        "k",
        "kv_num_heads",
        "layout",
        "num_groups",
        "num_heads",
        "output_padding",
        "output_shape",
        "p",
        "q_num_heads",
        "rotary_embedding_dim",
        "scales",
        "select_last_index",
        "size",
        "time_axis",
        "upper",
    ];
    let attribute = prop::sample::select(attributes.to_vec());
    let numbers =
        prop::collection::vec(prop_oneof![-3i64..6, Just(i64::MAX), Just(i64::MIN)], 0..5);
    (
        prop::sample::select(names),
        prop::collection::vec(inputs, 0..4),
        prop::collection::vec((attribute, numbers), 0..2),
    )
        .prop_map(|(op, inputs, attributes)| {
            let mut made = node(op, &inputs, "y");
            for (name, ints) in attributes {
                made.attribute.push(AttributeProto {
                    name: name.to_owned(),
                    i: ints.first().copied().unwrap_or(0),
                    ints,
                    ..AttributeProto::default()
                });
            }
            made
        })
}

/// The parser would make 2^40 elements to learn a shape.
#[test]
fn constants_of_huge_extent_are_not_made_to_infer_a_shape() {
    let constants = [floats("a", &[2], &[1.0, 2.0]), ints("c", &[1 << 40, 0])];
    for opset in [11, 13, 18, 21] {
        for mode in [None, Some("refused")] {
            let mut pad = node("Pad", &["a", "c"], "e");
            pad.attribute.extend(mode.map(|mode| AttributeProto {
                name: "mode".to_owned(),
                s: mode.as_bytes().to_vec(),
                ..AttributeProto::default()
            }));
            let add = node("Add", &["x", "e"], "y");
            let message = refusal(&model(opset, &["1", "2"], &constants, &[pad, add]));
            assert!(message.contains("Pad"), "{message}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_operator_with_any_operands_never_panics(
        mut first in any_node(),
        second in any_node(),
        opset in 1i64..29,
    ) {
        first.output = vec!["e".to_owned()];
        first.name = "first".to_owned();
        let constants = [
            floats("a", &[2, 3], &[1.0, -2.0, 0.5, f32::NAN, 0.0, 3.0]),
            ints("b", &[1, -1]),
            ints("c", &[1 << 40, 0]),
            floats("d", &[], &[0.0]),
        ];
        // Whatever it is, it is read or refused.
        let _ = survey(&model(opset, &["1", "2", "3", "3"], &constants, &[first, second]));
    }
}
