//! The example on the repository's model of handwritten digits.

use prove_onnx::{prove, verify};
use std::path::Path;

#[test]
fn digits_proof_is_verified_and_a_changed_one_refused() {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/models");
    let folder = tempfile::tempdir().unwrap();
    let (model, input) = (models.join("digits.onnx"), models.join("digits_input.json"));
    let mut proof = prove(&model, &input, folder.path()).unwrap();
    let bundle = folder.path().join("bundle");
    let scores = verify(&bundle, &proof).unwrap();
    assert_eq!(scores.len(), 10);
    let mut bytes = proof.chunks[0].proof.to_vec();
    bytes[100] ^= 1;
    proof.chunks[0].proof = bytes.into();
    assert!(verify(&bundle, &proof).is_err());
}
