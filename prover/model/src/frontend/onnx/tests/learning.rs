//! Pipelines of scikit-learn, as skl2onnx writes them.

use super::*;

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

fn read_scores(model: &ModelProto, raw_scores: bool) -> Result<crate::frontend::LoadedModel> {
    let options = LoadOptions {
        raw_scores,
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

#[test]
fn logistic_regression_gives_its_scores_when_asked_to() {
    for transform in ["SOFTMAX", "LOGISTIC"] {
        let model = classifier(transform);
        let refused = read_scores(&model, false).unwrap_err().to_string();
        assert!(
            refused.contains(transform) && refused.contains("--raw-scores"),
            "{refused}"
        );
        let loaded = read_scores(&model, true).unwrap();
        assert_eq!(values(&loaded.graph, &[2.0, 3.0]), [2.5, 4.0, 5.5]);
        let names: Vec<&str> = (loaded.graph.outputs().iter())
            .map(|id| loaded.graph.tensor(*id).name.as_str())
            .collect();
        assert_eq!(names, ["map_scores"]);
        let warnings = loaded.warnings.join("; ");
        assert!(
            warnings.contains("output y is left out: a label")
                && warnings.contains("map_scores instead"),
            "{warnings}"
        );
    }
}

#[test]
fn classifier_without_transformation_needs_no_flag() {
    let mut model = classifier("NONE");
    // Scores of any sign are not what a normaliser is for.
    assert!(
        read_scores(&model, false)
            .unwrap_err()
            .to_string()
            .contains("Normalizer")
    );
    let graph = model.graph.as_mut().unwrap();
    graph.node.remove(3);
    graph.node[3].input[0] = "probabilities".to_owned();
    let loaded = read_scores(&model, false).unwrap();
    assert_eq!(values(&loaded.graph, &[2.0, 3.0]), [2.5, 4.0, 5.5]);
    assert_eq!(loaded.warnings.len(), 1);
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
