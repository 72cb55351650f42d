//! Input files to lists of real numbers. The lists of one file are checked against the model that they are meant for.

mod json;
mod npy;

pub use crate::signature::{InputSpec, check_lists};
pub use json::{calibration_from_json, inputs_from_json, labels_from_json};
pub use npy::{
    inputs_from_npy, inputs_from_npz, labels_from_npy, samples_from_npy, samples_from_npz,
};

use crate::error::{ModelError, Result};
use crate::file::{MAX_INPUT_BYTES, extension, locate, read};
use crate::frontend::zkml_inputs;
use crate::signature::Sample;
use std::path::Path;

/// Scale factor of zkml input files where the model does not say (that of zkml's own examples).
pub const ZKML_SCALE_FACTOR: f64 = 512.0;

/// Reads an input file (`.json`, `.npy`, `.npz`, zkml `.msgpack`) as one flat list per input, in external order.
/// `fixed_point` is [`crate::float::FloatGraph::fixed_point`]; [`ZKML_SCALE_FACTOR`] stands in for `None`.
///
/// # Errors
/// The file cannot be read, is not of its format, or does not fit the inputs.
pub fn load_inputs(
    path: &Path,
    specs: &[InputSpec],
    fixed_point: Option<f64>,
) -> Result<Vec<Vec<f64>>> {
    let bytes = read(path, MAX_INPUT_BYTES)?;
    let lists = match extension(path).as_str() {
        "json" => inputs_from_json(&bytes),
        "npy" => inputs_from_npy(&bytes, specs),
        "npz" => inputs_from_npz(&bytes, specs),
        "msgpack" => zkml_inputs(&bytes, fixed_point.unwrap_or(ZKML_SCALE_FACTOR)),
        other => {
            return Err(ModelError::Malformed {
                format: "input",
                detail: format!(
                    "{}: unknown extension {other:?}; supported: .json, .npy, .npz, .msgpack",
                    path.display()
                ),
            });
        }
    }
    .map_err(|e| locate(e, path))?;
    check_lists(&path.display().to_string(), specs, &lists)?;
    Ok(lists)
}

/// Reads a data set: JSON with one or several samples, `.npy` or `.npz` with a first axis that counts the samples, or any file with
/// one sample.
///
/// # Errors
/// As [`load_inputs`].
pub fn load_samples(
    path: &Path,
    specs: &[InputSpec],
    fixed_point: Option<f64>,
) -> Result<Vec<Sample>> {
    let one = || Ok(vec![Sample(load_inputs(path, specs, fixed_point)?)]);
    let all = || read(path, MAX_INPUT_BYTES);
    let found = match extension(path).as_str() {
        "json" => return json_samples(path, specs),
        "npy" => samples_from_npy(&all()?, specs),
        "npz" => samples_from_npz(&all()?, specs),
        _ => return one(),
    };
    match found {
        Ok(samples) => checked(path, specs, samples),
        // An array of the input's own shape is one sample.
        Err(error) => one().map_err(|_| locate(error, path)),
    }
}

fn json_samples(path: &Path, specs: &[InputSpec]) -> Result<Vec<Sample>> {
    let samples = calibration_from_json(&read(path, MAX_INPUT_BYTES)?);
    checked(path, specs, samples.map_err(|e| locate(e, path))?)
}

fn checked(path: &Path, specs: &[InputSpec], samples: Vec<Sample>) -> Result<Vec<Sample>> {
    for (n, sample) in samples.iter().enumerate() {
        check_lists(&format!("{}, sample {n}", path.display()), specs, &sample.0)?;
    }
    Ok(samples)
}

/// Reads the classes of a data set's samples: a JSON list, or `.npy`.
///
/// # Errors
/// The file cannot be read, or holds anything else than class indices.
pub fn load_labels(path: &Path) -> Result<Vec<usize>> {
    let bytes = read(path, MAX_INPUT_BYTES)?;
    match extension(path).as_str() {
        "npy" => labels_from_npy(&bytes),
        _ => labels_from_json(&bytes),
    }
    .map_err(|e| locate(e, path))
}
