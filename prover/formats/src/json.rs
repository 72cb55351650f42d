//! Versioned JSON: `format` and `version` are read first, errors name the field, and a private file is never quoted.

use crate::{
    error::{FormatError, Result},
    files::{self, Access},
    scalar::NOT_CANONICAL,
};
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use std::fmt::{self, Write as _};
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
        files::write_atomic(path, &self.text(value)?, self.access)
    }

    /// As [`Self::write`], to a path where nothing is yet.
    ///
    /// # Errors
    /// Something is there, or the file system refuses.
    pub fn write_new<T: Serialize>(&self, path: &Path, value: &T) -> Result<()> {
        files::write_new(path, &self.text(value)?, self.access)
    }

    fn text<T: Serialize>(&self, value: &T) -> Result<Vec<u8>> {
        let mut text = serde_json::to_vec_pretty(value)
            .map_err(|e| FormatError::malformed(self.name, ".", e))?;
        text.push(b'\n');
        if text.len() as u64 > self.max_bytes {
            let size = format!(
                "it would have {} bytes, and at most {} are read",
                text.len(),
                self.max_bytes
            );
            return Err(FormatError::malformed(self.name, ".", size));
        }
        Ok(text)
    }

    fn deserialize<T: DeserializeOwned>(&self, json: &[u8]) -> Result<T> {
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|e| {
            let field = shorten(e.path());
            let error = e.inner();
            // What was refused may be large: it is not read a second time to find out why.
            if error.is_data() && shorten(error).starts_with(NOT_CANONICAL) {
                let what = self.name;
                return FormatError::NotCanonical { what, field };
            }
            FormatError::malformed(self.name, field, self.reason(error))
        })?;
        deserializer
            .end()
            .map_err(|e| FormatError::malformed(self.name, ".", self.reason(&e)))?;
        Ok(value)
    }

    /// serde's messages quote the offending value.
    fn reason(&self, error: &serde_json::Error) -> String {
        match self.access {
            Access::Public => shorten(error),
            Access::Private => format!(
                "it does not have the form that it should have (line {}, column {})",
                error.line(),
                error.column()
            ),
        }
    }
}

/// For `#[serde(deserialize_with = …)]`: makes a nullable field mandatory. serde takes a missing `Option` for null otherwise.
pub(crate) fn present<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::deserialize(deserializer)
}

/// Keeps messages readable when the offending value is megabytes of garbage, of which no copy is made.
fn shorten(what: impl fmt::Display) -> String {
    const MAX: usize = 200;
    struct Short {
        text: String,
        left: usize,
    }
    impl fmt::Write for Short {
        fn write_str(&mut self, part: &str) -> fmt::Result {
            let end = part.char_indices().nth(self.left).map(|(end, _)| end);
            let kept = &part[..end.unwrap_or(part.len())];
            self.text.push_str(kept);
            self.left -= kept.chars().count();
            end.map_or(Ok(()), |_| Err(fmt::Error))
        }
    }
    let mut short = Short {
        text: String::new(),
        left: MAX,
    };
    if write!(short, "{what}").is_err() {
        short.text.push('…');
    }
    short.text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_read_back_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list.json");
        let kind = FileKind {
            name: "list",
            format: "test.list",
            version: 1,
            access: Access::Public,
            max_bytes: 16,
        };
        kind.write(&path, &[1, 2]).unwrap();
        let before = std::fs::read(&path).unwrap();
        let error = kind.write(&path, &[1, 2, 3, 4, 5, 6]).unwrap_err();
        assert!(error.to_string().contains("at most 16"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), before);
        assert!(kind.write_new(&folder.path().join("new"), &[9; 9]).is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn long_text_is_cut_and_short_text_is_not() {
        for (text, shown) in [
            ("é".repeat(200), "é".repeat(200)),
            ("é".repeat(201), "é".repeat(200) + "…"),
            (String::new(), String::new()),
        ] {
            assert_eq!(shorten(&text), shown);
            assert_eq!(shorten(format_args!("{}{text}", "")), shown);
        }
        let parts = format!("{}…", "ab".repeat(100));
        assert_eq!(
            shorten(format_args!("{}{}", "ab".repeat(99), "abab")),
            parts
        );
    }
}
