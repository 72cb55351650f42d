//! Pipelines of scikit-learn, as skl2onnx writes them.

use super::*;
use chainfer_formats::FinalFunction;

fn attribute(name: &str) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        ..AttributeProto::default()
    }
}

fn list(name: &str, floats: &[f32]) -> AttributeProto {
    AttributeProto {
        floats: floats.to_vec(),
        ..attribute(name)
    }
}

fn text(name: &str, text: &str) -> AttributeProto {
    AttributeProto {
        s: text.as_bytes().to_vec(),
        ..attribute(name)
    }
}

fn learned(op: &str, inputs: &[&str], output: &str) -> NodeProto {
    NodeProto {
        domain: "ai.onnx.ml".to_owned(),
        ..node(op, inputs, output)
    }
}

fn read_scores(
    model: &ModelProto,
    drop_final_softmax: bool,
) -> Result<crate::frontend::LoadedModel> {
    let options = LoadOptions {
        drop_final_softmax,
        ..LoadOptions::default()
    };
    survey_proto(model, Folder::none(), &options)?.model
}

fn values(graph: &FloatGraph, input: &[f64]) -> Vec<f64> {
    let values = graph.execute(&[input.to_vec()]).unwrap();
    graph.outputs_of(&values)[0].to_vec()
}

/// StandardScaler, LogisticRegression, ZipMap.
fn classifier(transform: &str) -> ModelProto {
    let scaler = learned("Scaler", &["x"], "scaled")
        .with(list("offset", &[1.0, 2.0]))
        .with(list("scale", &[2.0, 4.0]));
    let mut linear = learned("LinearClassifier", &["scaled"], "label")
        .with(list("coefficients", &[1.0, 0.0, 0.0, 1.0, 1.0, 1.0]))
        .with(list("intercepts", &[0.5, 0.0, -0.5]))
        .ints("classlabels_ints", &[0, 1, 2])
        .with(text("post_transform", transform));
    linear.output.push("probabilities".to_owned());
    let nodes = [
        scaler,
        linear,
        node("Cast", &["label"], "y").int("to", 7),
        learned("Normalizer", &["probabilities"], "normal").with(text("norm", "L1")),
        learned("ZipMap", &["normal"], "map").ints("classlabels_int64s", &[0, 1, 2]),
    ];
    let mut model = model(15, &["", "2"], &[], &nodes);
    model.graph.as_mut().unwrap().output.push(untyped("map"));
    model
}

fn function_left_out(model: &crate::frontend::LoadedModel) -> Option<FinalFunction> {
    model.graph.left_out(model.graph.outputs()[0])
}

#[test]
fn logistic_regression_gives_its_scores_when_asked_to() {
    for (transform, function) in [
        ("SOFTMAX", FinalFunction::Softmax),
        ("LOGISTIC", FinalFunction::Sigmoid),
    ] {
        let loaded = read_scores(&classifier(transform), true).unwrap();
        assert_eq!(values(&loaded.graph, &[2.0, 3.0]), [2.5, 4.0, 5.5]);
        let names: Vec<&str> = (loaded.graph.outputs().iter())
            .map(|id| loaded.graph.tensor(*id).name.as_str())
            .collect();
        assert_eq!(names, ["map_scores"]);
        assert_eq!(function_left_out(&loaded), Some(function));
        let warnings = loaded.warnings.join("; ");
        assert!(
            warnings.contains("output y is left out: a label")
                && warnings.contains("map_scores instead"),
            "{warnings}"
        );
    }
}

#[test]
fn logistic_regression_gives_its_probabilities() {
    let powers = [2.5, 4.0, 5.5].map(f64::exp);
    let sum: f64 = powers.iter().sum();
    let shares = [2.5, 4.0, 5.5].map(|v: f64| 1.0 / (1.0 + (-v).exp()));
    // One against the rest: the normaliser makes shares of what the classes have.
    let total: f64 = shares.iter().sum();
    for (transform, expected) in [
        ("SOFTMAX", powers.map(|p| p / sum)),
        ("LOGISTIC", shares.map(|p| p / total)),
    ] {
        let loaded = read_scores(&classifier(transform), false).unwrap();
        assert_near(&values(&loaded.graph, &[2.0, 3.0]), &expected);
        assert_eq!(function_left_out(&loaded), None);
        let names: Vec<&str> = (loaded.graph.outputs().iter())
            .map(|id| loaded.graph.tensor(*id).name.as_str())
            .collect();
        assert_eq!(names, ["map"]);
    }
}

#[test]
fn classifier_without_transformation_needs_no_flag() {
    let mut model = classifier("NONE");
    let graph = model.graph.as_mut().unwrap();
    graph.node.remove(3);
    graph.node[3].input[0] = "probabilities".to_owned();
    let loaded = read_scores(&model, false).unwrap();
    assert_eq!(values(&loaded.graph, &[2.0, 3.0]), [2.5, 4.0, 5.5]);
    assert_eq!(loaded.warnings.len(), 1);
}

#[test]
fn two_classes_of_one_row_have_opposite_scores() {
    let of = |transform: &str| {
        let mut linear = learned("LinearClassifier", &["x"], "label")
            .with(list("coefficients", &[1.0, 2.0]))
            .with(list("intercepts", &[0.5]))
            .ints("classlabels_ints", &[0, 1])
            .with(text("post_transform", transform));
        linear.output.push("y".to_owned());
        let graph = read(&model(15, &["1", "2"], &[], &[linear])).unwrap();
        values(&graph, &[1.0, -0.25])
    };
    let share = 1.0 / (1.0 + f64::exp(-1.0));
    assert_near(&of("NONE"), &[-1.0, 1.0]);
    assert_near(&of("LOGISTIC"), &[1.0 - share, share]);
}

#[test]
fn rows_are_normalised() {
    for (norm, size) in [("L1", 7.0), ("L2", 5.0), ("MAX", 4.0)] {
        let node = learned("Normalizer", &["x"], "y").with(text("norm", norm));
        let graph = read(&model(15, &["1", "2"], &[], &[node])).unwrap();
        assert_near(&values(&graph, &[3.0, 4.0]), &[3.0 / size, 4.0 / size]);
    }
}

#[test]
fn classifiers_that_do_not_fit_their_features_are_refused() {
    let change = |change: fn(&mut NodeProto)| {
        let mut model = classifier("SOFTMAX");
        change(&mut model.graph.as_mut().unwrap().node[1]);
        read_scores(&model, true).unwrap_err().to_string()
    };
    let short = change(|n| n.attribute[0].floats.truncate(5));
    assert!(short.contains("5 coefficients"), "{short}");
    let short = change(|n| n.attribute[1].floats.truncate(2));
    assert!(short.contains("bias values: 3 expected, got 2"), "{short}");
    let probit = change(|n| n.attribute[3].s = b"PROBIT".to_vec());
    assert!(probit.contains("post_transform PROBIT"), "{probit}");
    let unknown = change(|n| n.domain = "ai.onnx.other".to_owned());
    assert!(
        unknown.contains("ai.onnx.other.LinearClassifier is not supported"),
        "{unknown}"
    );
}

#[test]
fn linear_regression_is_one_layer() {
    let linear = learned("LinearRegressor", &["x"], "y")
        .with(list("coefficients", &[2.0, 3.0]))
        .with(list("intercepts", &[0.5]));
    let graph = read(&model(15, &["", "2"], &[], std::slice::from_ref(&linear))).unwrap();
    assert_eq!(values(&graph, &[1.0, 1.0]), [5.5]);
    let changed = linear.with(text("post_transform", "SOFTMAX"));
    assert!(refusal(&model(15, &["", "2"], &[], &[changed])).contains("post_transform SOFTMAX"));
}

/// MLPClassifier: of many classes with Softmax, of two with Sigmoid.
fn perceptron(classes: i64) -> ModelProto {
    let rows = if classes == 2 { 1 } else { classes };
    let weights: Vec<f32> = (0..2 * rows).map(|n| n as f32).collect();
    let constants = [
        floats("w", &[2, rows], &weights),
        floats("one", &[], &[1.0]),
        ints("classes", &[0, 1, 2]),
        ints("shape", &[-1]),
    ];
    let mut nodes = vec![
        node("Cast", &["x"], "cast").int("to", 1),
        node("MatMul", &["cast", "w"], "scores"),
    ];
    if classes == 2 {
        nodes.extend([
            node("Sigmoid", &["scores"], "p"),
            node("Sub", &["one", "p"], "q"),
            node("Concat", &["q", "p"], "probabilities").int("axis", 1),
        ]);
    } else {
        nodes.push(node("Softmax", &["scores"], "probabilities"));
    }
    nodes.extend([
        node("ArgMax", &["probabilities"], "place").int("axis", 1),
        learned("ZipMap", &["probabilities"], "map").ints("classlabels_int64s", &[0, 1]),
        learned("ArrayFeatureExtractor", &["classes", "place"], "picked"),
        node("Reshape", &["picked", "shape"], "reshaped"),
        node("Cast", &["reshaped"], "y").int("to", 7),
    ]);
    let mut model = model(15, &["", "2"], &constants, &nodes);
    model.graph.as_mut().unwrap().output.push(untyped("map"));
    model
}

#[test]
fn perceptron_of_many_and_of_two_classes_gives_its_scores() {
    for (classes, expected) in [(3, &[3.0, 5.0, 7.0][..]), (2, &[1.0])] {
        let loaded = read_scores(&perceptron(classes), true).unwrap();
        assert_eq!(values(&loaded.graph, &[1.0, 1.0]), expected);
    }
}

#[test]
fn perceptron_without_the_flag_gives_its_probabilities() {
    let share = 1.0 / (1.0 + (-1f64).exp());
    let sum = 3f64.exp() + 5f64.exp() + 7f64.exp();
    let shares = [3.0, 5.0, 7.0].map(|v: f64| v.exp() / sum);
    for (classes, expected) in [(3, &shares[..]), (2, &[1.0 - share, share])] {
        let loaded = read_scores(&perceptron(classes), false).unwrap();
        let got = values(&loaded.graph, &[1.0, 1.0]);
        assert_near(&got, expected);
        let warnings = loaded.warnings.join("; ");
        assert!(
            warnings.contains("output y is left out: the place"),
            "{warnings}"
        );
    }
}

#[test]
fn probabilities_inside_a_model_are_computed_with_the_flag_too() {
    let constants = [floats("w", &[2, 1], &[1.0; 2])];
    let nodes = [
        node("Sigmoid", &["x"], "p"),
        node("MatMul", &["p", "w"], "y"),
    ];
    let loaded = read_scores(&model(15, &["1", "2"], &constants, &nodes), true).unwrap();
    assert_eq!(values(&loaded.graph, &[0.0, 0.0]), [1.0]);
}

#[test]
fn probabilities_that_are_changed_at_the_end_are_refused_with_the_flag() {
    let constants = [floats("one", &[], &[1.0])];
    let nodes = [
        node("Sigmoid", &["x"], "p"),
        node("Sub", &["p", "one"], "y"),
    ];
    let refused = read_scores(&model(15, &["1", "2"], &constants, &nodes), true);
    let refused = refused.unwrap_err().to_string();
    assert!(
        refused.contains("it reads probabilities") && refused.contains("y node"),
        "{refused}"
    );
}

#[test]
fn label_that_is_the_only_output_is_computed() {
    let label = [node("ArgMax", &["x"], "y").int("axis", 1)];
    let graph = read(&model(15, &["1", "3"], &[], &label)).unwrap();
    assert_eq!(values(&graph, &[1.0, 4.0, 4.0]), [1.0]);
}

#[test]
fn model_of_nothing_but_a_complement_is_refused() {
    // The complement alone has the other order.
    let constants = [floats("one", &[], &[1.0])];
    let nodes = [
        node("Sigmoid", &["x"], "p"),
        node("Sub", &["one", "p"], "y"),
    ];
    let refused = read_scores(&model(15, &["1", "2"], &constants, &nodes), true);
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("no output remains")
    );
}

fn words(name: &str, strings: &[&str]) -> AttributeProto {
    AttributeProto {
        strings: strings.iter().map(|s| s.as_bytes().to_vec()).collect(),
        ..attribute(name)
    }
}

/// One tree: x0 <= 1 ? (x1 > 2 ? a : b) : c. Leaves 2, 3, 4.
fn tree(op: &str, lists: [&str; 4]) -> NodeProto {
    let [trees, nodes, ids, weights] = lists;
    learned(op, &["x"], "y")
        .ints("nodes_treeids", &[7; 5])
        .ints("nodes_nodeids", &[0, 1, 2, 3, 4])
        .ints("nodes_featureids", &[0, 1, 0, 0, 0])
        .ints("nodes_truenodeids", &[1, 2, 0, 0, 0])
        .ints("nodes_falsenodeids", &[4, 3, 0, 0, 0])
        .with(words(
            "nodes_modes",
            &["BRANCH_LEQ", "BRANCH_GT", "LEAF", "LEAF", "LEAF"],
        ))
        .with(list("nodes_values", &[1.0, 2.0, 0.0, 0.0, 0.0]))
        .ints(trees, &[7; 3])
        .ints(nodes, &[2, 3, 4])
        .ints(ids, &[0, 0, 0])
        .with(list(weights, &[10.0, 20.0, 30.0]))
}

fn regression_tree() -> NodeProto {
    tree(
        "TreeEnsembleRegressor",
        [
            "target_treeids",
            "target_nodeids",
            "target_ids",
            "target_weights",
        ],
    )
}

#[test]
fn trees_follow_their_comparisons() {
    let graph = read(&model(15, &["1", "2"], &[], &[regression_tree()])).unwrap();
    for (x, expected) in [
        ([1.0, 2.5], 10.0),
        ([1.0, 2.0], 20.0),
        ([-3.0, 0.0], 20.0),
        ([1.01, 9.0], 30.0),
    ] {
        assert_eq!(values(&graph, &x), [expected], "{x:?}");
    }
}

#[test]
fn every_mode_of_a_comparison_is_read() {
    for (mode, holds) in [
        ("BRANCH_LEQ", [true, true, false]),
        ("BRANCH_LT", [true, false, false]),
        ("BRANCH_GTE", [false, true, true]),
        ("BRANCH_GT", [false, false, true]),
        ("BRANCH_EQ", [false, true, false]),
        ("BRANCH_NEQ", [true, false, true]),
    ] {
        let mut node = regression_tree();
        let modes = node.attribute.iter_mut().find(|a| a.name == "nodes_modes");
        modes.unwrap().strings[0] = mode.as_bytes().to_vec();
        let graph = read(&model(15, &["1", "2"], &[], &[node])).unwrap();
        for (x, holds) in [0.5, 1.0, 1.5].into_iter().zip(holds) {
            let expected = if holds { 20.0 } else { 30.0 };
            assert_eq!(values(&graph, &[x, 0.0]), [expected], "{mode} {x}");
        }
    }
}

#[test]
fn trees_are_exact_on_quantised_inputs_of_any_size() {
    use crate::executor::execute;
    use crate::quantise::{QuantOptions, Sample, SaturationPolicy, quantise};
    // Features of a thousandth and of a million; every sample is far from the thresholds as compared to a step.
    let mut node = regression_tree();
    let of = |node: &mut NodeProto, name: &str| {
        let at = node.attribute.iter().position(|a| a.name == name);
        at.unwrap()
    };
    let at = of(&mut node, "nodes_values");
    node.attribute[at].floats = vec![1e-3, 2e6, 0.0, 0.0, 0.0];
    let graph = read(&model(15, &["1", "2"], &[], &[node])).unwrap();
    let samples: Vec<Sample> = (0..64)
        .map(|n| {
            let (a, b) = (n % 8, n / 8);
            let near = |n: i32| 0.55 + 0.1 * f64::from(n) + 0.02;
            Sample(vec![vec![1e-3 * near(a), 2e6 * near(b)]])
        })
        .collect();
    let q = quantise(&graph, &samples, &QuantOptions::default()).unwrap();
    for sample in &samples {
        let inputs = q
            .graph
            .quantise_inputs(&sample.0, SaturationPolicy::Saturate)
            .unwrap();
        let got = q.graph.real_outputs(&execute(&q.graph, &inputs).unwrap());
        let expected = values(&graph, &sample.0[0]);
        assert!(
            (got[0][0] - expected[0]).abs() < 0.05,
            "{sample:?}: {got:?}, {expected:?}"
        );
    }
}

#[test]
fn classification_trees_name_one_class_or_all() {
    let lists = [
        "class_treeids",
        "class_nodeids",
        "class_ids",
        "class_weights",
    ];
    let of = |ids: &[i64], weights: &[f32], transform: &str| {
        let mut node = tree("TreeEnsembleClassifier", lists)
            .ints("classlabels_int64s", &[0, 1])
            .with(text("post_transform", transform));
        for attribute in &mut node.attribute {
            match attribute.name.as_str() {
                "class_ids" => attribute.ints = ids.to_vec(),
                "class_weights" => attribute.floats = weights.to_vec(),
                _ => {}
            }
        }
        node.output = vec!["label".to_owned(), "y".to_owned()];
        let graph = read(&model(15, &["1", "2"], &[], &[node])).unwrap();
        values(&graph, &[0.0, 3.0])
    };
    let share = 1.0 / (1.0 + f64::exp(-0.5));
    // The weights of one class are all positive: they are its probability.
    assert_near(&of(&[0, 0, 0], &[0.75, 0.5, 0.25], "NONE"), &[0.25, 0.75]);
    // Else they are its score.
    assert_near(&of(&[0, 0, 0], &[0.5, -0.5, 0.25], "NONE"), &[-0.5, 0.5]);
    assert_near(
        &of(&[0, 0, 0], &[0.5, -0.5, 0.25], "LOGISTIC"),
        &[1.0 - share, share],
    );
    assert_near(&of(&[1, 0, 1], &[0.5, -0.5, 0.25], "NONE"), &[0.0, 0.5]);
}

#[test]
fn broken_trees_are_refused_by_place() {
    let refused = |change: fn(&mut NodeProto)| {
        let mut node = regression_tree();
        change(&mut node);
        refusal(&model(15, &["1", "2"], &[], &[node]))
    };
    fn ints_of<'a>(node: &'a mut NodeProto, name: &str) -> &'a mut Vec<i64> {
        let found = node.attribute.iter_mut().find(|a| a.name == name);
        &mut found.unwrap().ints
    }
    for (says, change) in [
        (
            "whose node 0 is reached twice",
            (|n| ints_of(n, "nodes_truenodeids")[1] = 0) as fn(&mut NodeProto),
        ),
        ("whose node 9 is missing", |n| {
            ints_of(n, "nodes_falsenodeids")[1] = 9;
        }),
        ("feature 2 of 2", |n| ints_of(n, "nodes_featureids")[0] = 2),
        ("output 1 of 1", |n| ints_of(n, "target_ids")[0] = 1),
        ("node 1 of tree 7, which is no leaf", |n| {
            ints_of(n, "target_nodeids")[0] = 1;
        }),
        ("4 of nodes_nodeids", |n| {
            ints_of(n, "nodes_nodeids").pop();
        }),
        ("node 0 of tree 7 twice", |n| {
            ints_of(n, "nodes_nodeids")[4] = 0
        }),
    ] {
        let message = refused(change);
        assert!(message.contains(says), "{says}: {message}");
    }
}

#[test]
fn support_vectors_are_summed_by_their_kernels() {
    let of = |kernel: &str, params: &[f32]| {
        let node = learned("SVMRegressor", &["x"], "y")
            .with(list("coefficients", &[2.0, -1.0]))
            .with(list("support_vectors", &[1.0, 0.0, 0.5, 1.0]))
            .with(list("rho", &[0.25]))
            .with(list("kernel_params", params))
            .int("n_supports", 2)
            .with(text("kernel_type", kernel));
        let graph = read(&model(15, &["1", "2"], &[], &[node])).unwrap();
        values(&graph, &[0.5, 2.0])
    };
    let dots = [0.5f64, 2.25];
    let sum = |f: &dyn Fn(usize) -> f64| [2.0 * f(0) - f(1) + 0.25];
    assert_near(&of("LINEAR", &[]), &sum(&|n| dots[n]));
    let distances = [4.25f64, 1.0];
    assert_near(&of("RBF", &[0.5]), &sum(&|n| (-0.5 * distances[n]).exp()));
    assert_near(
        &of("POLY", &[0.5, 1.0, 3.0]),
        &sum(&|n| (0.5 * dots[n] + 1.0).powi(3)),
    );
    assert_near(
        &of("SIGMOID", &[0.5, 1.0]),
        &sum(&|n| (0.5 * dots[n] + 1.0).tanh()),
    );
}
