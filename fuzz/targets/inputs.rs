//! Inputs, samples and labels: JSON, `.npy`, `.npz`.
#![no_main]

use chainfer_model::io::{
    InputSpec, calibration_from_json, inputs_from_json, inputs_from_npy, inputs_from_npz, labels_from_json,
    labels_from_npy, samples_from_npy, samples_from_npz,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let spec = |name: &str, shape: &[usize]| InputSpec {
        name: name.to_owned(),
        shape: shape.to_vec(),
    };
    let one = [spec("x", &[1, 2, 3])];
    let two = [spec("x", &[1, 4]), spec("z", &[2])];
    let _ = inputs_from_json(data);
    let _ = calibration_from_json(data);
    let _ = labels_from_json(data);
    let _ = labels_from_npy(data);
    for specs in [&one[..], &two] {
        let _ = inputs_from_npy(data, specs);
        let _ = inputs_from_npz(data, specs);
        let _ = samples_from_npy(data, specs);
        let _ = samples_from_npz(data, specs);
    }
});
