//! TensorFlow Lite files.
#![no_main]

use chainfer_model::frontend::from_tflite_bytes;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(graph) = from_tflite_bytes(data) {
        chainfer_fuzz::execute(&graph);
    }
});
