//! ONNX files: read, surveyed and, where they are small, run and quantised.
#![no_main]

use chainfer_model::frontend::from_onnx_bytes;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(graph) = from_onnx_bytes(data) {
        chainfer_fuzz::execute(&graph);
    }
});
