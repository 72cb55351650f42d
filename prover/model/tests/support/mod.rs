//! Where real data lie, and small helpers. Not every test file uses all of them.
#![allow(dead_code, clippy::print_stderr)]

use std::path::PathBuf;

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A folder of the shared data: below `CHAINFER_DATA`, else beside the repository.
pub(crate) fn data(folder: &str) -> Option<PathBuf> {
    let base = match std::env::var_os("CHAINFER_DATA") {
        Some(path) => PathBuf::from(path),
        None => root().join("../shared/data"),
    };
    let path = base.join(folder);
    if path.is_dir() {
        return Some(path);
    }
    eprintln!(
        "left out: {} is not there (set CHAINFER_DATA)",
        path.display()
    );
    None
}

/// Largest difference of two lists.
pub(crate) fn distance(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter()
        .zip(b)
        .map(|(x, y)| (x - y).abs())
        .fold(0.0, f64::max)
}
