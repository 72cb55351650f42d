//! `{"input_data": [[...], ...]}` and `{"samples": [{"input_data": ...}, ...]}`.

use crate::error::{ModelError, Result};
use crate::signature::Sample;
use serde::Deserialize;
use serde_json::Value;

fn bad(detail: String) -> ModelError {
    ModelError::Malformed {
        format: "json input",
        detail,
    }
}

/// A file with one sample or several. Numbers are read as such: as general JSON they would take many times their place.
#[derive(Deserialize)]
struct Document {
    input_data: Option<Vec<Vec<f64>>>,
    samples: Option<Vec<OneSample>>,
}

#[derive(Deserialize)]
struct OneSample {
    input_data: Vec<Vec<f64>>,
}

/// A list of class indices.
///
/// # Errors
/// Not JSON, or not a list of whole numbers that are not negative.
pub fn labels_from_json(bytes: &[u8]) -> Result<Vec<usize>> {
    serde_json::from_slice(bytes).map_err(|e| bad(format!("expected a list of class indices: {e}")))
}

/// Larger files that are wrong get the parser's words.
const MAX_EXPLAINED: usize = 1 << 24;

fn document(bytes: &[u8]) -> Result<Document> {
    serde_json::from_slice(bytes).map_err(|e| bad(e.to_string()))
}

/// As `read` says, or why general JSON does not fit either, which names the place.
fn explained<T>(
    bytes: &[u8],
    read: impl FnOnce(Document) -> Option<T>,
    explain: impl FnOnce(&Value) -> Result<T>,
) -> Result<T> {
    let refused = match document(bytes) {
        Ok(document) => match read(document) {
            Some(read) => return Ok(read),
            None => bad("input_data is missing".into()),
        },
        Err(refused) => refused,
    };
    if bytes.len() > MAX_EXPLAINED {
        return Err(refused);
    }
    let value = serde_json::from_slice(bytes).map_err(|e| bad(e.to_string()))?;
    // What general JSON takes and the document does not: a name that is there twice.
    match explain(&value) {
        Ok(_) => Err(refused),
        Err(place) => Err(place),
    }
}

/// One flat list per input.
///
/// # Errors
/// Not JSON, or not of the shape above; the message names the place.
pub fn inputs_from_json(bytes: &[u8]) -> Result<Vec<Vec<f64>>> {
    explained(
        bytes,
        |document| document.input_data,
        |value| lists(value, ""),
    )
}

/// One or several samples.
///
/// # Errors
/// Not JSON, or not of the shape above; the message names the place.
pub fn calibration_from_json(bytes: &[u8]) -> Result<Vec<Sample>> {
    explained(
        bytes,
        |document| match (document.samples, document.input_data) {
            (Some(samples), _) if samples.is_empty() => None,
            (Some(samples), _) => Some(samples.into_iter().map(|s| Sample(s.input_data)).collect()),
            (None, data) => Some(vec![Sample(data?)]),
        },
        samples,
    )
}

fn samples(value: &Value) -> Result<Vec<Sample>> {
    let Some(samples) = value.get("samples") else {
        return Ok(vec![Sample(lists(value, "")?)]);
    };
    let samples = samples
        .as_array()
        .filter(|s| !s.is_empty())
        .ok_or_else(|| {
            bad("\"samples\" must be a list of at least one {\"input_data\": [[...], ...]}".into())
        })?;
    samples
        .iter()
        .enumerate()
        .map(|(n, sample)| Ok(Sample(lists(sample, &format!("samples[{n}]."))?)))
        .collect()
}

fn lists(value: &Value, prefix: &str) -> Result<Vec<Vec<f64>>> {
    let data = value
        .get("input_data")
        .and_then(Value::as_array)
        .ok_or_else(|| bad(format!("{prefix}input_data is missing; expected {{\"input_data\": [[numbers of input 0], ...]}}")))?;
    data.iter()
        .enumerate()
        .map(|(i, list)| {
            let list = list.as_array().ok_or_else(|| {
                bad(format!(
                    "{prefix}input_data[{i}] must be one flat list of numbers"
                ))
            })?;
            list.iter()
                .enumerate()
                .map(|(j, v)| {
                    v.as_f64().ok_or_else(|| {
                        bad(format!(
                            "{prefix}input_data[{i}][{j}] is {}, not a number; lists are flat",
                            kind(v)
                        ))
                    })
                })
                .collect()
        })
        .collect()
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number out of range",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_inputs_parse() {
        let lists = inputs_from_json(br#"{"input_data": [[1, 2.5], [-3]], "other": 1}"#).unwrap();
        assert_eq!(lists, vec![vec![1.0, 2.5], vec![-3.0]]);
    }

    #[test]
    fn json_calibration_takes_one_or_several_samples() {
        let one = calibration_from_json(br#"{"input_data": [[1]]}"#).unwrap();
        assert_eq!(one, vec![Sample(vec![vec![1.0]])]);
        let two = calibration_from_json(
            br#"{"samples": [{"input_data": [[1]]}, {"input_data": [[2]]}]}"#,
        )
        .unwrap();
        assert_eq!(two.len(), 2);
    }

    #[test]
    fn json_errors_name_the_place() {
        for (text, place) in [
            (
                r#"{"input_data": [[1, "x"]]}"#,
                "input_data[0][1] is a string",
            ),
            (r#"{"input_data": [[[1]]]}"#, "input_data[0][0] is a list"),
            (r#"{"input_data": [1]}"#, "input_data[0] must be"),
            (r#"{"data": 1}"#, "input_data is missing"),
            (r#"{"input_data": [[1"#, "line 1"),
            (
                r#"{"input_data": [[1]], "input_data": [[2]]}"#,
                "duplicate field `input_data`",
            ),
        ] {
            let message = inputs_from_json(text.as_bytes()).unwrap_err().to_string();
            assert!(message.contains(place), "{message}");
        }
        let text = br#"{"samples": [{"input_data": [[1]]}, {"input_data": [[null]]}]}"#;
        let message = calibration_from_json(text).unwrap_err().to_string();
        assert!(
            message.contains("samples[1].input_data[0][0] is null"),
            "{message}"
        );
        assert!(calibration_from_json(br#"{"samples": []}"#).is_err());
    }
}
