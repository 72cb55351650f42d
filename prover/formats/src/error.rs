//! The crate's error.

use std::{io, path::PathBuf};

/// A file that does not hold what it should, or cannot be read or written.
///
/// `what` is the kind of file, `field` the path inside the document, for instance `chunks[1].proof`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// Not JSON, or a field of another type or form.
    #[error("{what}: field `{field}`: {reason}")]
    Malformed {
        /// Kind of file.
        what: &'static str,
        /// Path of the field; `.` for the document.
        field: String,
        /// What is wrong.
        reason: String,
    },
    /// Another kind of file.
    #[error("{what}: field `format`: expected \"{expected}\", got \"{got}\"")]
    Format {
        /// Kind of file.
        what: &'static str,
        /// Expected marker.
        expected: &'static str,
        /// Marker found.
        got: String,
    },
    /// A version that this program does not know.
    #[error("{what}: field `version`: this program reads version {expected}, the file has {got}")]
    Version {
        /// Kind of file.
        what: &'static str,
        /// Known version.
        expected: u32,
        /// Version found.
        got: u64,
    },
    /// A field element that is not in canonical form.
    #[error("{what}: field `{field}`: it is not below the modulus of the scalar field")]
    NotCanonical {
        /// Kind of file.
        what: &'static str,
        /// Path of the field.
        field: String,
    },
    /// A well-formed field that contradicts others, or a limit.
    #[error("{what}: field `{field}`: expected {expected}, got {got}")]
    Inconsistent {
        /// Kind of file.
        what: &'static str,
        /// Path of the field.
        field: String,
        /// What would be right.
        expected: String,
        /// What was found.
        got: String,
    },
    /// Something else than a file or folder that may be used here.
    #[error("{path}: expected {expected}, got {found}", path = .path.display())]
    WrongFileType {
        /// Where it is.
        path: PathBuf,
        /// What may be there.
        expected: &'static str,
        /// What is there.
        found: &'static str,
    },
    /// A file that is too large for its kind.
    #[error("{path}: expected at most {max_bytes} bytes, got more", path = .path.display())]
    TooLarge {
        /// Which file.
        path: PathBuf,
        /// Largest size of its kind.
        max_bytes: u64,
    },
    /// The file system refused.
    #[error("cannot {action} {path}: {source}", path = .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

/// The crate's result.
pub type Result<T, E = FormatError> = std::result::Result<T, E>;

impl FormatError {
    /// Wraps a refusal of the file system.
    pub fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }

    /// Whether the file is a well-formed one of its kind whose content cannot be true, as opposed to one that cannot be
    /// read. A verifier reports the former as a proof that is not valid.
    pub fn is_contradiction(&self) -> bool {
        matches!(self, Self::NotCanonical { .. } | Self::Inconsistent { .. })
    }

    pub(crate) fn malformed(
        what: &'static str,
        field: impl Into<String>,
        reason: impl ToString,
    ) -> Self {
        Self::Malformed {
            what,
            field: field.into(),
            reason: reason.to_string(),
        }
    }

    pub(crate) fn inconsistent(
        what: &'static str,
        field: impl Into<String>,
        expected: impl ToString,
        got: impl ToString,
    ) -> Self {
        Self::Inconsistent {
            what,
            field: field.into(),
            expected: expected.to_string(),
            got: got.to_string(),
        }
    }
}
