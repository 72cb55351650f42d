//! Operators that become several of the float graph.

use super::*;
use crate::float::{FloatOp, Function};

fn functions(model: &ModelProto) -> Vec<Function> {
    let graph = read(model).unwrap();
    let found = graph.nodes().iter().filter_map(|n| match n.op {
        FloatOp::Function(f) => Some(f),
        _ => None,
    });
    found.collect()
}

fn constants() -> [TensorProto; 6] {
    [
        floats("root", &[], &[std::f32::consts::SQRT_2]),
        floats("half", &[], &[0.5]),
        floats("one", &[], &[1.0]),
        floats("three", &[], &[3.0]),
        floats("six", &[], &[6.0]),
        floats("zero", &[], &[0.0]),
    ]
}

#[test]
fn functions_that_exporters_write_out_are_recognised() {
    let gelu = |last: [NodeProto; 2]| {
        let [a, b] = last;
        vec![
            node("Div", &["x", "root"], "scaled"),
            node("Erf", &["scaled"], "erf"),
            node("Add", &["erf", "one"], "sum"),
            a,
            b,
        ]
    };
    let swish = vec![node("Sigmoid", &["x"], "s"), node("Mul", &["x", "s"], "y")];
    let mish = vec![
        node("Softplus", &["x"], "s"),
        node("Tanh", &["s"], "t"),
        node("Mul", &["t", "x"], "y"),
    ];
    let hard = vec![
        node("Add", &["x", "three"], "s"),
        node("Clip", &["s", "zero", "six"], "t"),
        node("Mul", &["t", "x"], "u"),
        node("Div", &["u", "six"], "y"),
    ];
    for (nodes, expected) in [
        (
            gelu([
                node("Mul", &["x", "sum"], "p"),
                node("Mul", &["p", "half"], "y"),
            ]),
            Function::Gelu,
        ),
        (
            gelu([
                node("Mul", &["x", "half"], "p"),
                node("Mul", &["p", "sum"], "y"),
            ]),
            Function::Gelu,
        ),
        (swish, Function::Swish { beta: 1.0 }),
        (mish, Function::Mish),
        (hard, Function::HardSwish),
    ] {
        let model = model(13, &["1", "4"], &constants(), &nodes);
        assert_eq!(functions(&model), [expected]);
    }
}

#[test]
fn products_of_two_tensors_stay_products() {
    let nodes = [node("Sigmoid", &["z"], "s"), node("Mul", &["x", "s"], "y")];
    let shapes: [&[&str]; 2] = [&["1", "2"], &["1", "2"]];
    let model = model_of_two(13, shapes, &[], &nodes);
    assert_eq!(functions(&model), [Function::Sigmoid]);
    assert_eq!(run(&model, &[&[2.0, 4.0], &[0.0, 0.0]]), [1.0, 2.0]);
}

#[test]
fn softmax_is_computed_over_its_axis() {
    let softmax = |opset, axis| {
        let node = node("Softmax", &["x"], "y").int("axis", axis);
        run(
            &model(opset, &["1", "2", "2"], &[], &[node]),
            &[&[0.0, 1.0, 0.0, 3.0]],
        )
    };
    let share = |a: f64, b: f64| a.exp() / (a.exp() + b.exp());
    let (p, q) = (share(1.0, 0.0), share(3.0, 0.0));
    assert_near(&softmax(13, -1), &[1.0 - p, p, 1.0 - q, q]);
    let r = share(1.0, 3.0);
    assert_near(&softmax(13, 1), &[0.5, r, 0.5, 1.0 - r]);
    // Before opset 13, over all axes from this on.
    let sum = 2.0 + 1f64.exp() + 3f64.exp();
    let expected = [1.0, 1f64.exp(), 1.0, 3f64.exp()].map(|v| v / sum);
    assert_near(&softmax(12, 1), &expected);
}

#[test]
fn masks_of_scores_do_not_enter_the_differences() {
    for low in [f32::NEG_INFINITY, f32::MIN, -1e4] {
        let mask = [floats("mask", &[3], &[0.0, low, 0.0])];
        let nodes = [
            node("Add", &["x", "mask"], "scores"),
            node("Softmax", &["scores"], "y"),
        ];
        let model = model(13, &["1", "3"], &mask, &nodes);
        assert_eq!(run(&model, &[&[1.0, 50.0, 1.0]]), [0.5, 0.0, 0.5]);
        let graph = read(&model).unwrap();
        let trace = graph.execute(&[vec![1.0, 50.0, 1.0]]).unwrap();
        let largest = trace
            .tensors
            .iter()
            .flatten()
            .fold(0f64, |a, v| a.max(v.abs()));
        assert!(largest <= 50.0, "{largest}");
    }
}

#[test]
fn normalisation_by_operators_is_that_of_one() {
    let constants = [
        floats("two", &[], &[2.0]),
        floats("eps", &[], &[1e-3]),
        floats("scale", &[4], &[1.0; 4]),
    ];
    let mean = |input: &str, output: &str| node("ReduceMean", &[input], output).ints("axes", &[-1]);
    let written_out = [
        mean("x", "mean"),
        node("Sub", &["x", "mean"], "d"),
        node("Pow", &["d", "two"], "square"),
        mean("square", "variance"),
        node("Add", &["variance", "eps"], "v"),
        node("Sqrt", &["v"], "root"),
        node("Div", &["d", "root"], "y"),
    ];
    let one = node("LayerNormalization", &["x", "scale"], "y").with(AttributeProto {
        name: "epsilon".to_owned(),
        f: 1e-3,
        ..AttributeProto::default()
    });
    let shape = &["1", "2", "4"];
    let (many, one) = (
        model(17, shape, &constants, &written_out),
        model(17, shape, &constants, &[one]),
    );
    let input: &[f64] = &[1.0, 2.0, 4.0, 8.0, -1.0, 0.0, 0.0, 1.0];
    assert_near(&run(&many, &[input]), &run(&one, &[input]));
    let deviation = (0.5f64 + f64::from(1e-3f32)).sqrt();
    assert_near(
        &run(&one, &[input])[4..],
        &[-1.0, 0.0, 0.0, 1.0].map(|v| v / deviation),
    );
    for model in [many, one] {
        let [Function::Power { exponent, least }] = functions(&model)[..] else {
            panic!("{:?}", functions(&model));
        };
        assert!(exponent == -0.5 && (least - 1e-3).abs() < 1e-9, "{least}");
    }
}

#[test]
fn place_of_the_maximum_is_the_first_or_the_last() {
    let place = |last| {
        let node = node("ArgMax", &["x"], "y")
            .int("axis", 1)
            .int("keepdims", 0)
            .int("select_last_index", last);
        run(
            &model(13, &["1", "4"], &[], &[node]),
            &[&[1.0, 5.0, 5.0, 2.0]],
        )
    };
    assert_eq!((place(0), place(1)), (vec![1.0], vec![2.0]));
}

#[test]
fn choices_by_constants_and_by_values() {
    let constants = [
        floats("one", &[], &[1.0]),
        TensorProto {
            name: "c".to_owned(),
            data_type: 9,
            dims: vec![3],
            int32_data: vec![1, 0, 1],
            ..TensorProto::default()
        },
    ];
    let by_constant = [node("Where", &["c", "x", "one"], "y")];
    let model_of = |nodes: &[NodeProto]| model(13, &["1", "3"], &constants, nodes);
    assert_eq!(
        run(&model_of(&by_constant), &[&[5.0, 6.0, 7.0]]),
        [5.0, 1.0, 7.0]
    );
    let by_value = [
        node("Greater", &["x", "one"], "is"),
        node("Where", &["is", "one", "x"], "y"),
    ];
    assert_eq!(
        run(&model_of(&by_value), &[&[0.5, 1.0, 7.0]]),
        [0.5, 1.0, 1.0]
    );
}

#[test]
fn casts_to_whole_numbers_go_towards_zero() {
    let cast = [node("Cast", &["x"], "y").int("to", 7)];
    let got = run(
        &model(13, &["1", "4"], &[], &cast),
        &[&[1.7, -1.7, 2.0, -0.2]],
    );
    assert_eq!(got, [1.0, -1.0, 2.0, 0.0]);
}

#[test]
fn products_take_constants_on_either_side_and_in_batches() {
    let constants = [
        floats("left", &[1, 2], &[1.0, 10.0]),
        floats("batch", &[2, 2, 1], &[1.0, 0.0, 0.0, 1.0]),
    ];
    let product = |inputs: &[&str]| {
        let node = node("MatMul", inputs, "y");
        output(&model(13, &["2", "2", "2"], &constants, &[node]))
    };
    assert_eq!(product(&["left", "x"]), [20.0, 31.0, 64.0, 75.0]);
    assert_eq!(product(&["x", "batch"]), [0.0, 2.0, 5.0, 7.0]);
    let square = node("MatMul", &["x", "x"], "y");
    let got = output(&model(13, &["1", "2", "2"], &[], &[square]));
    assert_eq!(got, [2.0, 3.0, 6.0, 11.0]);
}
