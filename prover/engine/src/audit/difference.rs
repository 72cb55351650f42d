//! What differs, by name.

use crate::error::{EngineError, Result};
use serde::Serialize;
use serde_json::Value;
use std::fmt::{self, Display};

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Chunk whose key differs; absent for fields of the manifest and for files.
    pub chunk: Option<usize>,
    /// A column of the key, a field of the manifest, or a file.
    pub what: String,
    /// What compiling again gives.
    pub expected: String,
    /// What the bundle has.
    pub found: String,
}

impl Difference {
    pub(super) fn new(
        chunk: Option<usize>,
        what: impl Into<String>,
        expected: impl Display,
        found: impl Display,
    ) -> Self {
        Self {
            chunk,
            what: what.into(),
            expected: shorten(&expected.to_string()),
            found: shorten(&found.to_string()),
        }
    }

    pub(super) fn of_file(file: &str, expected: &str, error: impl Display) -> Self {
        Self::new(None, file, expected, error)
    }
}

impl Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(chunk) = self.chunk {
            write!(f, "chunk {chunk}: ")?;
        }
        write!(
            f,
            "{}: expected {}, found {}",
            self.what, self.expected, self.found
        )
    }
}

/// How numbers of a document are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Numbers {
    /// To the last bit.
    Exact,
    /// Fractions up to rounding, which is not the same on every machine.
    Rounded,
}

/// Adds every place where two documents differ, under a name that begins with `prefix`.
pub(super) fn compare(
    prefix: &str,
    numbers: Numbers,
    expected: &impl Serialize,
    found: &impl Serialize,
    differences: &mut Vec<Difference>,
) -> Result<()> {
    let value = |document: Result<Value, serde_json::Error>| {
        document.map_err(|e| EngineError::Inconsistent(format!("{prefix}cannot be compared: {e}")))
    };
    let expected = value(serde_json::to_value(expected))?;
    let found = value(serde_json::to_value(found))?;
    let mut walk = Walk {
        prefix,
        numbers,
        differences,
    };
    walk.compare(String::new(), &expected, &found);
    Ok(())
}

struct Walk<'a> {
    prefix: &'a str,
    numbers: Numbers,
    differences: &'a mut Vec<Difference>,
}

impl Walk<'_> {
    fn compare(&mut self, at: String, expected: &Value, found: &Value) {
        match (expected, found) {
            (Value::Object(own), Value::Object(other)) => {
                let further = other.keys().filter(|key| !own.contains_key(*key));
                for key in own.keys().chain(further) {
                    let dot = if at.is_empty() { "" } else { "." };
                    let absent = Value::Null;
                    let of = |map: &serde_json::Map<String, Value>| {
                        map.get(key).unwrap_or(&absent).clone()
                    };
                    self.compare(format!("{at}{dot}{key}"), &of(own), &of(other));
                }
            }
            (Value::Array(own), Value::Array(other)) if !is_plain(own) || !is_plain(other) => {
                if own.len() != other.len() {
                    let entries = |list: &[Value]| format!("{} entries", list.len());
                    self.push(&at, entries(own), entries(other));
                }
                for (i, (own, other)) in own.iter().zip(other).enumerate() {
                    self.compare(format!("{at}[{i}]"), own, other);
                }
            }
            _ if expected == found || self.about_equal(expected, found) => {}
            _ => self.push(&at, text(expected), text(found)),
        }
    }

    fn about_equal(&self, expected: &Value, found: &Value) -> bool {
        let (Some(a), Some(b)) = (expected.as_f64(), found.as_f64()) else {
            return false;
        };
        self.numbers == Numbers::Rounded
            && expected.is_f64()
            && found.is_f64()
            && (a - b).abs() <= 1e-9 * a.abs()
    }

    fn push(&mut self, at: &str, expected: String, found: String) {
        let what = format!("{}{at}", self.prefix);
        self.differences
            .push(Difference::new(None, what, expected, found));
    }
}

/// Whether a list has neither lists nor objects in it.
fn is_plain(list: &[Value]) -> bool {
    !list.iter().any(|v| v.is_array() || v.is_object())
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Keeps reports readable when a value is long.
fn shorten(text: &str) -> String {
    const MAX: usize = 160;
    match text.char_indices().nth(MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn names(numbers: Numbers, expected: &Value, found: &Value) -> Vec<String> {
        let mut differences = Vec::new();
        compare("m: ", numbers, expected, found, &mut differences).unwrap();
        differences.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_place_that_differs_is_named() {
        let expected = json!({"a": [{"b": 1, "c": [1, 2]}], "d": "x", "e": 1.5});
        assert!(names(Numbers::Exact, &expected, &expected).is_empty());
        let found = json!({"a": [{"b": 2, "c": [2, 1]}, {}], "d": "x", "e": 1.5, "f": true});
        assert_eq!(
            names(Numbers::Exact, &expected, &found),
            [
                "m: a: expected 1 entries, found 2 entries",
                "m: a[0].b: expected 1, found 2",
                "m: a[0].c: expected [1,2], found [2,1]",
                "m: f: expected nothing, found true",
            ]
        );
    }

    #[test]
    fn fractions_may_be_rounded_where_that_is_asked_for() {
        let (a, b) = (json!({"e": 1.5}), json!({"e": 1.5 + 1e-12}));
        assert_eq!(names(Numbers::Exact, &a, &b).len(), 1);
        assert!(names(Numbers::Rounded, &a, &b).is_empty());
        let far = json!({"e": 1.51});
        assert_eq!(names(Numbers::Rounded, &a, &far).len(), 1);
    }
}
