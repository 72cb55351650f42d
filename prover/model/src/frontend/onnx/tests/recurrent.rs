//! Recurrent networks, step by step.

use super::*;

#[test]
fn hidden_state_goes_on_in_both_directions() {
    let constants = [
        floats("w", &[2, 1, 1], &[1.0, 2.0]),
        floats("r", &[2, 1, 1], &[0.5, 0.25]),
    ];
    let rnn = node_of("RNN", &["x", "w", "r"], &["y", "last"])
        .text("direction", "bidirectional")
        .int("hidden_size", 1);
    let x = [0.3, -0.2];
    let got = run(&model(14, &["2", "1", "1"], &constants, &[rnn]), &[&x]);
    let forward = [x[0].tanh(), (x[1] + 0.5 * x[0].tanh()).tanh()];
    let second = (2.0 * x[1]).tanh();
    let backward = [(2.0 * x[0] + 0.25 * second).tanh(), second];
    assert_near(&got, &[forward[0], backward[0], forward[1], backward[1]]);
}

#[test]
fn lstm_without_input_keeps_its_cell() {
    let constants = [
        floats("w", &[1, 4, 1], &[0.0; 4]),
        floats("r", &[1, 4, 1], &[0.0; 4]),
        floats("h", &[1, 1, 1], &[0.0]),
        floats("c", &[1, 1, 1], &[0.8]),
    ];
    let inputs = ["x", "w", "r", "", "", "h", "c"];
    let lstm = node_of("LSTM", &inputs, &["", "y", ""]).int("hidden_size", 1);
    let mut model = model(14, &["1", "1", "1"], &constants, &[lstm]);
    // All gates are open by half; the input counts for nothing.
    let got = run(&model, &[&[1.0]]);
    assert_near(&got, &[0.5 * (0.4f64).tanh()]);
    let node = &mut model.graph.as_mut().unwrap().node[0];
    *node = node.clone().int("clip", 1);
    assert!(refusal(&model).contains("clip; supported: none"));
}
