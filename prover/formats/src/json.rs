//! Versioned JSON: `format` and `version` are read first, errors name the field, and a private file is never quoted.

use crate::{
    error::{FormatError, Result},
    files::{self, Access},
    hex,
    scalar::Scalar,
};
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use serde_path_to_error::Segment;
use std::path::Path;

/// A kind of JSON file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileKind {
    /// What errors call it.
    pub name: &'static str,
    /// Its `format` field.
    pub format: &'static str,
    /// The `version` that this program reads and writes.
    pub version: u32,
    /// Who may read it. Errors about private files do not quote their content.
    pub access: Access,
    /// Largest size of a file in bytes.
    pub max_bytes: u64,
}

#[derive(Deserialize)]
struct Header {
    format: String,
    version: u64,
}

impl FileKind {
    /// Parses untrusted bytes. A file of another kind or of a later version gets an error that says so.
    ///
    /// # Errors
    /// Not JSON, another format or version, a missing or malformed field, a field element that is not canonical.
    pub fn parse<T: DeserializeOwned>(&self, json: &[u8]) -> Result<T> {
        let header: Header = self.deserialize(json)?;
        if header.format != self.format {
            return Err(FormatError::Format {
                what: self.name,
                expected: self.format,
                got: shorten(&header.format),
            });
        }
        if header.version != u64::from(self.version) {
            return Err(FormatError::Version {
                what: self.name,
                expected: self.version,
                got: header.version,
            });
        }
        self.deserialize(json)
    }

    /// Reads and parses a file of a bundle.
    ///
    /// # Errors
    /// As [`Self::parse`] and [`files::read`].
    pub fn read<T: DeserializeOwned>(&self, path: &Path) -> Result<T> {
        self.parse(&files::read(path, self.max_bytes)?)
    }

    /// Reads and parses a file that the user named.
    ///
    /// # Errors
    /// As [`Self::parse`] and [`files::read_named`].
    pub fn read_named<T: DeserializeOwned>(&self, path: &Path) -> Result<T> {
        self.parse(&files::read_named(path, self.max_bytes)?)
    }

    /// Writes pretty JSON with a newline at the end, whole or not at all.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn write<T: Serialize>(&self, path: &Path, value: &T) -> Result<()> {
        let mut text = serde_json::to_vec_pretty(value)
            .map_err(|e| FormatError::malformed(self.name, ".", e))?;
        text.push(b'\n');
        files::write_atomic(path, &text, self.access)
    }

    fn deserialize<T: DeserializeOwned>(&self, json: &[u8]) -> Result<T> {
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|e| {
            if is_non_canonical_scalar(json, e.path()) {
                return FormatError::NotCanonical {
                    what: self.name,
                    field: e.path().to_string(),
                };
            }
            FormatError::malformed(self.name, self.field(e.path()), self.reason(e.inner()))
        })?;
        deserializer
            .end()
            .map_err(|e| FormatError::malformed(self.name, ".", self.reason(&e)))?;
        Ok(value)
    }

    fn field(&self, path: &serde_path_to_error::Path) -> String {
        shorten(&path.to_string())
    }

    /// serde's messages quote the offending value.
    fn reason(&self, error: &serde_json::Error) -> String {
        match self.access {
            Access::Public => shorten(&error.to_string()),
            Access::Private => format!(
                "it does not have the form that it should have (line {}, column {})",
                error.line(),
                error.column()
            ),
        }
    }
}

/// Whether the value at `path` is a well-formed word, but not below the modulus: then this, and not its form, is what was
/// refused.
fn is_non_canonical_scalar(json: &[u8], path: &serde_path_to_error::Path) -> bool {
    let Ok(document) = serde_json::from_slice::<serde_json::Value>(json) else {
        return false;
    };
    let value = path
        .iter()
        .try_fold(&document, |at, segment| match segment {
            Segment::Seq { index } => at.get(index),
            Segment::Map { key } => at.get(key),
            Segment::Enum { .. } | Segment::Unknown => None,
        });
    value
        .and_then(serde_json::Value::as_str)
        .and_then(|text| hex::parse_word(text).ok())
        .is_some_and(|word| Scalar::from_word(word).is_none())
}

/// For `#[serde(deserialize_with = …)]`: makes a nullable field mandatory. serde takes a missing `Option` for null otherwise.
pub(crate) fn present<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::deserialize(deserializer)
}

/// Keeps messages readable when the offending value is megabytes of garbage.
fn shorten(text: &str) -> String {
    const MAX: usize = 200;
    match text.char_indices().nth(MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
