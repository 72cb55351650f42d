//! What depends on constants only is computed when the model is read.

use super::*;
use crate::frontend::onnx::evaluate::Evaluator;

fn scalar(name: &str, value: f32) -> TensorProto {
    floats(name, &[], &[value])
}

#[test]
fn chains_of_shapes_and_constants_become_constants() {
    // y = x.reshape(-1, dims of x after the first two) · sqrt(4) + (1 where 3 > 2 else 0)
    let constants = [
        ints("start", &[2]),
        ints("end", &[4]),
        ints("axis", &[0]),
        ints("minus", &[-1]),
        scalar("four", 4.0),
        scalar("three", 3.0),
        scalar("two", 2.0),
        scalar("one", 1.0),
        scalar("zero", 0.0),
    ];
    let nodes = [
        node("Shape", &["x"], "shape"),
        node("Slice", &["shape", "start", "end", "axis"], "tail"),
        node("Concat", &["minus", "tail"], "target").int("axis", 0),
        node("Reshape", &["x", "target"], "flat"),
        node("Sqrt", &["four"], "factor"),
        node("Mul", &["flat", "factor"], "scaled"),
        node("Greater", &["three", "two"], "is"),
        node("Where", &["is", "one", "zero"], "shift"),
        node("ConstantOfShape", &["tail"], "zeros"),
        node("Expand", &["shift", "tail"], "shifts"),
        node("Add", &["zeros", "shifts"], "sum"),
        node("Add", &["scaled", "sum"], "y"),
    ];
    let model = model(13, &["1", "2", "1", "2"], &constants, &nodes);
    assert_eq!(output(&model), [1.0, 3.0, 5.0, 7.0]);
    let survey = survey(&model).unwrap();
    let computed = |n: &&crate::frontend::SurveyedNode| n.support == Support::Constant;
    assert_eq!(survey.nodes.iter().filter(computed).count(), 9);
}

#[test]
fn ranges_splits_and_comparisons_are_computed() {
    let constants = [
        TensorProto {
            dims: vec![],
            ..ints("start", &[0])
        },
        TensorProto {
            dims: vec![],
            ..ints("limit", &[4])
        },
        TensorProto {
            dims: vec![],
            ..ints("step", &[1])
        },
        ints("sizes", &[2, 2]),
        ints("two", &[2]),
    ];
    let mut split = node("Split", &["range", "sizes"], "low").int("axis", 0);
    split.output.push("high".to_owned());
    let nodes = [
        node("Range", &["start", "limit", "step"], "range"),
        split,
        node("Equal", &["high", "two"], "equal"),
        node("Cast", &["equal"], "mask").int("to", 1),
        node("Add", &["x", "mask"], "y"),
    ];
    assert_eq!(
        output(&model(13, &["1", "2"], &constants, &nodes)),
        [1.0, 1.0]
    );
}

fn condition(taken: &[&str]) -> ModelProto {
    let branch = |name: &str, op: &str| AttributeProto {
        name: name.to_owned(),
        g: Some(GraphProto {
            node: vec![node(op, &["x", "c"], &format!("{name} result"))],
            output: vec![untyped(&format!("{name} result"))],
            ..GraphProto::default()
        }),
        r#type: 5,
        ..AttributeProto::default()
    };
    let choice = node("If", taken, "y")
        .with(branch("then_branch", "Mul"))
        .with(branch("else_branch", "Frobnicate"));
    let constants = [scalar("c", 3.0), scalar("d", 2.0)];
    let nodes = [node("Greater", &["c", "d"], "is"), choice];
    model(13, &["1", "2"], &constants, &nodes)
}

#[test]
fn branch_of_a_constant_condition_stands_in_its_place() {
    assert_eq!(output(&condition(&["is"])), [0.0, 3.0]);
}

#[test]
fn condition_on_the_input_is_refused() {
    let message = refusal(&condition(&["x"]));
    assert!(
        message.contains("If: its condition depends on the model's input"),
        "{message}"
    );
}

#[test]
fn constants_that_are_computed_too_large_are_refused_by_node() {
    let constants = [ints("dims", &[1 << 20, 1 << 20]), scalar("one", 1.0)];
    let zeros = node("ConstantOfShape", &["dims"], "zeros");
    let sum = node("Add", &["x", "one"], "y");
    let message = refusal(&model(13, &["1", "2"], &constants, &[zeros, sum]));
    assert!(
        message.contains("zeros node computes a constant of"),
        "{message}"
    );
    // Each is allowed, all together are not.
    let mut evaluator = Evaluator::new(13);
    evaluator.reserve("a", 1 << 26).unwrap();
    evaluator.reserve("b", 1 << 26).unwrap();
    let message = evaluator.reserve("c", 1).unwrap_err().to_string();
    assert!(message.contains("in all that is computed"), "{message}");
}

#[test]
fn random_numbers_and_loops_are_not_computed() {
    for op in ["RandomNormal", "RandomUniformLike", "Loop", "Scan", "Conv"] {
        let nodes = [node(op, &["c", "c"], "d"), node("Add", &["x", "d"], "y")];
        let c = floats("c", &[1, 1, 1, 1], &[1.0]);
        let message = refusal(&model(13, &["1", "2", "1", "1"], &[c], &nodes));
        assert!(message.contains("d node"), "{op}: {message}");
    }
}

#[test]
fn constant_nodes_hold_numbers_of_every_form() {
    let with = |attribute: AttributeProto| {
        let constant = NodeProto {
            input: vec![],
            ..node("Constant", &[], "c")
        }
        .with(attribute);
        let nodes = [
            constant,
            node("Cast", &["c"], "f").int("to", 1),
            node("Add", &["x", "f"], "y"),
        ];
        model(13, &["1", "2"], &[], &nodes)
    };
    let named = |name: &str| AttributeProto {
        name: name.to_owned(),
        ..AttributeProto::default()
    };
    for attribute in [
        AttributeProto {
            f: 2.0,
            ..named("value_float")
        },
        AttributeProto {
            floats: vec![2.0, 2.0],
            ..named("value_floats")
        },
        AttributeProto {
            i: 2,
            ..named("value_int")
        },
        AttributeProto {
            ints: vec![2, 2],
            ..named("value_ints")
        },
        AttributeProto {
            t: Some(ints("", &[2])),
            ..named("value")
        },
    ] {
        assert_eq!(output(&with(attribute)), [2.0, 3.0]);
    }
    let text = AttributeProto {
        s: b"2".to_vec(),
        ..named("value_string")
    };
    assert!(refusal(&with(text)).contains("value_string; supported: numbers"));
}
