//! Where data files are, and small helpers. Not every test file uses all of them.
#![allow(dead_code, clippy::print_stderr)]

pub(crate) mod onnx;
pub(crate) mod tflite;

use std::path::PathBuf;

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A folder of benchmark data below `CHAINFER_DATA`, if that is set.
pub(crate) fn data(folder: &str) -> Option<PathBuf> {
    let Some(base) = std::env::var_os("CHAINFER_DATA") else {
        eprintln!("left out: {folder} needs CHAINFER_DATA");
        return None;
    };
    let path = PathBuf::from(base).join(folder);
    assert!(path.is_dir(), "CHAINFER_DATA has no {}", path.display());
    Some(path)
}

/// Largest difference of two lists.
pub(crate) fn distance(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter()
        .zip(b)
        .map(|(x, y)| (x - y).abs())
        .fold(0.0, f64::max)
}
