//! The files that the relayer reads and writes: PROOF, the public manifest, and deployments.
//!
//! Everything here treats its input as hostile: parsing ends in a value that was checked, or in an
//! error that names the field.

mod deployment;
mod hex;
mod manifest;
mod proof;

pub use deployment::{DeployedChunk, DeploymentFile};
pub use hex::{FR_MODULUS, Fr};
pub use manifest::{Manifest, ManifestChunk, ManifestLeaf, ManifestSrs, ManifestTensor};
pub use proof::{Binding, Chunk, Output, ProofFile, Visibility};

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Largest number of chunks of a model, fixed by the registry.
pub const MAX_CHUNKS: usize = 256;

/// Largest length of one chunk proof in bytes.
pub const MAX_PROOF_BYTES: usize = 1 << 20;

/// A file that does not hold what it should.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProofFileError {
    /// Not JSON, or not of the right shape; `field` is the path inside the document.
    #[error("{what}: field `{field}`: {reason}")]
    Malformed {
        /// Kind of file.
        what: &'static str,
        /// Path of the field, for instance `chunks[1].proof`.
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
        /// Found marker.
        got: String,
    },
    /// A version that this program does not know.
    #[error("{what}: field `version`: this program reads version {expected}, the file has {got}")]
    Version {
        /// Kind of file.
        what: &'static str,
        /// Known version.
        expected: u32,
        /// Found version.
        got: u64,
    },
    /// Two files that must belong together do not.
    #[error("{what}: field `{field}`: expected {expected}, got {got}")]
    Inconsistent {
        /// Kind of file.
        what: &'static str,
        /// Path of the field.
        field: String,
        /// What is right.
        expected: String,
        /// What was found.
        got: String,
    },
    /// The file cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: String,
        /// Cause.
        source: std::io::Error,
    },
}

impl ProofFileError {
    fn malformed(what: &'static str, field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Malformed {
            what,
            field: field.into(),
            reason: reason.into(),
        }
    }
}

#[derive(Deserialize)]
struct Header {
    format: String,
    version: u64,
}

/// Reads `format` and `version` first, so that a file of another kind or of a later version gets an
/// error that says so, and then the whole.
fn parse_versioned<T: DeserializeOwned>(
    json: &[u8],
    what: &'static str,
    format: &'static str,
    version: u32,
) -> Result<T, ProofFileError> {
    let header: Header = parse(json, what)?;
    if header.format != format {
        return Err(ProofFileError::Format {
            what,
            expected: format,
            got: clip(&header.format),
        });
    }
    if header.version != u64::from(version) {
        return Err(ProofFileError::Version {
            what,
            expected: version,
            got: header.version,
        });
    }
    parse(json, what)
}

fn parse<T: DeserializeOwned>(json: &[u8], what: &'static str) -> Result<T, ProofFileError> {
    let mut de = serde_json::Deserializer::from_slice(json);
    let value = serde_path_to_error::deserialize(&mut de).map_err(|e| {
        ProofFileError::malformed(what, e.path().to_string(), clip(&e.inner().to_string()))
    })?;
    de.end()
        .map_err(|e| ProofFileError::malformed(what, ".", clip(&e.to_string())))?;
    Ok(value)
}

fn read(path: &std::path::Path) -> Result<Vec<u8>, ProofFileError> {
    std::fs::read(path).map_err(|source| ProofFileError::Io {
        path: path.display().to_string(),
        source,
    })
}

/// Keeps error messages readable when the offending value is megabytes of garbage.
fn clip(text: &str) -> String {
    const MAX: usize = 200;
    if text.chars().count() <= MAX {
        return text.to_owned();
    }
    let mut clipped: String = text.chars().take(MAX).collect();
    clipped.push('…');
    clipped
}
