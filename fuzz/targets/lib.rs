//! What fuzz targets share: readers that want a file get one in memory.

use std::{fs, path::Path};

/// A folder in memory, which the target keeps for all its runs.
///
/// # Panics
/// There is no such folder.
#[must_use]
pub fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = match memory.is_dir() {
        true => tempfile::tempdir_in(memory),
        false => tempfile::tempdir(),
    };
    made.expect("a folder for the files of a run")
}

/// Writes a file of a run.
///
/// # Panics
/// The file cannot be written.
pub fn put(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).expect("the file of a run");
}

/// Runs a small model on zeros; what was read must not panic.
pub fn execute(graph: &chainfer_model::float::FloatGraph) {
    let elements: usize = graph.tensors().iter().map(|t| t.len()).sum();
    if elements > 1 << 14 || graph.parameters() > 1 << 14 {
        return;
    }
    let inputs: Vec<Vec<f64>> = graph
        .inputs()
        .iter()
        .map(|id| vec![0.0; graph.tensor(*id).len()])
        .collect();
    let _ = graph.execute(&inputs);
}
