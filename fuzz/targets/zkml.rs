//! zkml's models and input files.
#![no_main]

use chainfer_model::frontend::{from_zkml_bytes, zkml_inputs};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(graph) = from_zkml_bytes(data) {
        chainfer_fuzz::execute(&graph);
    }
    let _ = zkml_inputs(data, 512.0);
});
