//! Operators that choose, sample and add up elements at constant places.

use super::*;

/// The outputs for an input of small different numbers.
fn outputs_of(mut model: ModelProto, names: &[&str], input: &[f64]) -> Vec<Vec<f64>> {
    let graph = model.graph.as_mut().unwrap();
    graph.output = names.iter().map(|n| untyped(n)).collect();
    let graph = read(&model).unwrap();
    let trace = graph.execute(&[input.to_vec()]).unwrap();
    let outputs = graph.outputs_of(&trace);
    outputs.into_iter().map(<[f64]>::to_vec).collect()
}

#[test]
fn top_elements_are_in_order_and_first_among_equals() {
    let x = [1.0, 4.0, 2.0, 4.0, 3.0, 0.0];
    let of = |largest: i64, k: i64| {
        let node = node_of("TopK", &["x", "k"], &["y", "at"]).int("largest", largest);
        let model = model(11, &["1", "6"], &[ints("k", &[k])], &[node]);
        outputs_of(model, &["y", "at"], &x)
    };
    assert_eq!(of(1, 3), [[4.0, 4.0, 3.0], [1.0, 3.0, 4.0]]);
    assert_eq!(of(0, 2), [[0.0, 1.0], [5.0, 0.0]]);
    assert_eq!(of(1, 6)[1], [1.0, 3.0, 4.0, 2.0, 0.0, 5.0]);
    // Along another axis, as an attribute.
    let node = node_of("TopK", &["x"], &["y", "at"])
        .int("axis", 0)
        .int("k", 1);
    let columns = outputs_of(model(9, &["3", "2"], &[], &[node]), &["y", "at"], &x);
    assert_eq!(columns, [[3.0, 4.0], [2.0, 0.0]]);
    let many = node_of("TopK", &["x", "k"], &["y", "at"]);
    let message = refusal(&model(11, &["1", "200"], &[ints("k", &[2])], &[many]));
    assert!(
        message.contains("2 of 200 elements; supported"),
        "{message}"
    );
}

#[test]
fn images_are_sampled_by_grids() {
    // Two rows of three: the corners, the middle, and a place outside.
    let grid = [-1.0, -1.0, 1.0, 1.0, 0.0, 0.0, 3.0, 0.0];
    let of = |mode: &str, padding: &str, align: i64| {
        let node = node("GridSample", &["x", "grid"], "y")
            .text("mode", mode)
            .text("padding_mode", padding)
            .int("align_corners", align);
        let grid = floats("grid", &[1, 1, 4, 2], &grid);
        output(&model(16, &["1", "1", "2", "3"], &[grid], &[node]))
    };
    assert_near(&of("bilinear", "zeros", 1), &[0.0, 5.0, 2.5, 0.0]);
    assert_near(&of("bilinear", "border", 1), &[0.0, 5.0, 2.5, 3.5]);
    // A quarter of a corner lies inside.
    assert_near(&of("bilinear", "zeros", 0), &[0.0, 1.25, 2.5, 0.0]);
    assert_near(&of("nearest", "border", 1), &[0.0, 5.0, 1.0, 2.0]);
    let cubic = node("GridSample", &["x", "grid"], "y").text("mode", "cubic");
    let grid = floats("grid", &[1, 1, 4, 2], &grid);
    let message = refusal(&model(20, &["1", "1", "2", "3"], &[grid], &[cubic]));
    assert!(message.contains("mode cubic; supported"), "{message}");
}

#[test]
fn grid_of_an_affine_map_is_a_constant_of_a_constant_map() {
    // Mirrored columns.
    let theta = floats("theta", &[1, 2, 3], &[-1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
    let size = ints("size", &[1, 1, 2, 3]);
    let nodes = [
        node("AffineGrid", &["theta", "size"], "grid").int("align_corners", 1),
        node("GridSample", &["x", "grid"], "y").int("align_corners", 1),
    ];
    let got = output(&model(20, &["1", "1", "2", "3"], &[theta, size], &nodes));
    assert_near(&got, &[2.0, 1.0, 0.0, 5.0, 4.0, 3.0]);
}

#[test]
fn blocks_add_up_to_an_image() {
    // Two blocks of two beside each other in a row of three: the middle is in both.
    let constants = [ints("image", &[1, 3]), ints("block", &[1, 2])];
    let node = node("Col2Im", &["x", "image", "block"], "y");
    let got = output(&model(18, &["1", "2", "2"], &constants, &[node]));
    assert_eq!(got, [0.0, 1.0 + 2.0, 3.0]);
}

#[test]
fn middles_are_cut_and_padded() {
    let node = node("CenterCropPad", &["x", "to"], "y").ints("axes", &[0, 1]);
    let got = output(&model(18, &["3", "2"], &[ints("to", &[1, 4])], &[node]));
    assert_eq!(got, [0.0, 2.0, 3.0, 0.0]);
}

#[test]
fn pools_of_powers_are_norms_of_windows() {
    let shape = &["1", "1", "2", "2"];
    let pool = node("LpPool", &["x"], "y").ints("kernel_shape", &[1, 2]);
    let norm = |a: f64, b: f64| a.hypot(b);
    assert_near(
        &output(&model(18, shape, &[], std::slice::from_ref(&pool))),
        &[norm(0.0, 1.0), norm(2.0, 3.0)],
    );
    assert_near(
        &output(&model(18, shape, &[], &[pool.int("p", 1)])),
        &[1.0, 5.0],
    );
    let global = node("GlobalLpPool", &["x"], "y").int("p", 3);
    assert_near(
        &output(&model(18, shape, &[], &[global])),
        &[(1.0f64 + 8.0 + 27.0).cbrt()],
    );
}

#[test]
fn shifts_are_products_and_whole_parts() {
    let of = |direction: &str| {
        let node = node("BitShift", &["x", "by"], "y").text("direction", direction);
        output(&model(11, &["4"], &[ints("by", &[0, 1, 1, 1])], &[node]))
    };
    assert_eq!(of("LEFT"), [0.0, 2.0, 4.0, 6.0]);
    assert_eq!(of("RIGHT"), [0.0, 0.0, 1.0, 1.0]);
}

#[test]
fn updates_are_combined_by_their_reduction() {
    let indices = TensorProto {
        dims: vec![3, 1],
        ..ints("at", &[1, 3, 1])
    };
    let updates = floats("updates", &[3], &[10.0, 20.0, 0.5]);
    let of = |reduction: &str| {
        let node = node("ScatterND", &["x", "at", "updates"], "y").text("reduction", reduction);
        output(&model(
            18,
            &["4"],
            &[indices.clone(), updates.clone()],
            &[node],
        ))
    };
    assert_eq!(of("add"), [0.0, 11.5, 2.0, 23.0]);
    assert_eq!(of("mul"), [0.0, 5.0, 2.0, 60.0]);
    assert_eq!(of("max"), [0.0, 10.0, 2.0, 20.0]);
    assert_eq!(of("min"), [0.0, 0.5, 2.0, 3.0]);
    let twice = node("ScatterND", &["x", "at", "updates"], "y");
    let message = refusal(&model(18, &["4"], &[indices, updates], &[twice]));
    assert!(
        message.contains("written many times; supported: once"),
        "{message}"
    );
}
