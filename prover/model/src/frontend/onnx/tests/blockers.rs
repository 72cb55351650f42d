//! Everything that is in the way is named at once.

use super::*;

#[test]
fn every_unsupported_node_is_named_at_once() {
    let model = model(
        13,
        &["1", "2", "4", "4"],
        &[floats("w", &[3, 2, 3, 3], &[0.5; 54])],
        &[
            node("Relu", &["x"], "a").int("beta", 1),
            node("Conv", &["a", "w"], "b").ints("dilations", &[2, 2]),
            node("Frobnicate", &["x"], "c"),
            // Of an unknown tensor: nothing is said of it.
            node("Relu", &["c"], "d"),
            // The operator alone is enough to refuse it.
            node("NonMaxSuppression", &["d"], "e"),
            node("Relu", &["x"], "f").int("alpha", 1),
            node("Pow", &["x", "f"], "y"),
        ],
    );
    let survey = survey(&model).unwrap();
    let expected = ["a node", "b node", "c node", "e node", "f node", "y node"];
    assert_eq!(unsupported(&survey), expected);
    let d = survey.nodes.iter().find(|n| n.name == "d node").unwrap();
    assert_eq!(d.support, Support::Unknown);
    let message = survey.model.unwrap_err().to_string();
    for part in expected.into_iter().chain([
        "6 nodes are not supported",
        "Frobnicate",
        "a window of 5 on a padded input of 4",
        "attribute alpha",
        "attribute beta",
        "compute it from the model's outputs",
        "an exponent that depends on the input",
        "supported operators: Abs, Acos,",
    ]) {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert!(!message.contains("d node"), "{message}");
}

#[test]
fn long_lists_of_unsupported_nodes_are_cut_and_counted() {
    let names: Vec<String> = (0..25).map(|n| format!("t{n}")).collect();
    let mut nodes: Vec<NodeProto> = names
        .iter()
        .map(|n| node("Frobnicate", &["x"], n))
        .collect();
    nodes.push(node("Relu", &["t0"], "y"));
    let message = refusal(&model(13, &["1", "2"], &[], &nodes));
    assert_eq!(
        message.matches("Frobnicate: the operator").count(),
        20,
        "{message}"
    );
    assert!(
        message.contains("25 nodes") && message.contains("and 5 more"),
        "{message}"
    );
}

#[test]
fn one_unsupported_node_is_one_line_with_a_remedy() {
    let nms = node("NonMaxSuppression", &["x"], "y");
    let message = refusal(&model(13, &["1", "2"], &[], &[nms]));
    assert!(
        message.starts_with(
            "node y node: operator NonMaxSuppression is not supported; leave it out and compute it from"
        ),
        "{message}"
    );
    assert!(!message.contains('\n'), "{message}");
}

#[test]
fn inputs_and_constants_of_other_types_are_blockers() {
    let mut text = ints("w", &[1]);
    text.data_type = 8;
    let mut model = model(
        13,
        &["1", "2"],
        &[text],
        &[
            node("Add", &["x", "w"], "a"),
            node("NonMaxSuppression", &["t"], "b"),
            node("Relu", &["x"], "y"),
        ],
    );
    let mut tokens = value("t", &["1", "2"]);
    if let Some(type_proto::Value::TensorType(t)) = tokens.r#type.as_mut().unwrap().value.as_mut() {
        t.elem_type = 8;
    }
    model.graph.as_mut().unwrap().input.push(tokens);
    let survey = survey(&model).unwrap();
    assert_eq!(unsupported(&survey), ["w", "t", "b node"]);
    let message = survey.model.unwrap_err().to_string();
    assert!(
        message.contains("input t has element type string; supported: float"),
        "{message}"
    );
    assert!(
        message.contains("constant w has element type string"),
        "{message}"
    );
}

#[test]
fn open_dimensions_are_named_with_the_flag_that_fixes_them() {
    let model = model(
        13,
        &["batch", "3", "height", ""],
        &[],
        &[node("Relu", &["x"], "y")],
    );
    let message = refusal(&model);
    assert!(message.contains("--dim height=N --dim x.3=N"), "{message}");
    let with = |dims: &[(&str, usize)]| {
        let dims = dims.iter().map(|(n, l)| ((*n).to_owned(), *l)).collect();
        let survey = survey_proto(
            &model,
            Folder::none(),
            &LoadOptions {
                dims,
                ..LoadOptions::default()
            },
        )?;
        let graph = survey.model?.graph;
        Ok::<_, crate::ModelError>(graph.tensor(graph.inputs()[0]).shape.clone())
    };
    assert_eq!(with(&[("height", 5), ("x.3", 6)]).unwrap(), [1, 3, 5, 6]);
    assert_eq!(
        with(&[("height", 5), ("x.3", 6), ("batch", 2)]).unwrap(),
        [2, 3, 5, 6]
    );
    let error = with(&[("height", 5), ("x.3", 6), ("width", 2)])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("--dim width") && error.contains("batch, height, x.3"),
        "{error}"
    );
}

#[test]
fn fixed_length_is_replaced_where_it_is_asked_for() {
    let mut model = model(13, &["1", "3", "8", "8"], &[], &[node("Relu", &["x"], "y")]);
    let shape = |model: &ModelProto, length: usize| {
        let options = LoadOptions {
            dims: [("x.2".to_owned(), length), ("x.3".to_owned(), length)].into(),
            ..LoadOptions::default()
        };
        let graph = survey_proto(model, Folder::none(), &options)?.model?.graph;
        Ok::<_, crate::ModelError>(graph.tensor(graph.outputs()[0]).shape.clone())
    };
    assert_eq!(shape(&model, 5).unwrap(), [1, 3, 5, 5]);
    // The shape that the file declares for its output holds for its own inputs only.
    let declared = model.graph.as_ref().unwrap().input[0].r#type.clone();
    model.graph.as_mut().unwrap().output[0].r#type = declared;
    assert_eq!(shape(&model, 8).unwrap(), [1, 3, 8, 8]);
    assert_eq!(shape(&model, 5).unwrap(), [1, 3, 5, 5]);
}

#[test]
fn outputs_beside_the_first_are_refused_where_they_are_read() {
    let mut pool = node("MaxPool", &["x"], "p").ints("kernel_shape", &[2, 2]);
    pool.output.push("indices".to_owned());
    let shape = &["1", "1", "2", "2"];
    read(&model(
        13,
        shape,
        &[],
        &[pool.clone(), node("Relu", &["p"], "y")],
    ))
    .unwrap();
    let message = refusal(&model(
        13,
        shape,
        &[],
        &[pool, node("Relu", &["indices"], "y")],
    ));
    assert!(message.contains("its output indices is read"), "{message}");
}
