//! `PROOF.secret`: what opens the root of one inference. Whoever has it knows every boundary tensor.

use crate::{
    boundary::{LeafClass, Visibility},
    error::Result,
    files::Access,
    hex,
    json::FileKind,
    scalar::Scalar,
};
use alloy_primitives::B256;
use serde::{Deserialize, Serialize};
use std::{
    fmt,
    path::{Path, PathBuf},
};

/// Kind of `PROOF.secret` files: their format, version and access.
pub const SECRET: FileKind = FileKind {
    name: "secret",
    format: "chainfer.secret",
    version: 1,
    access: Access::Private,
    max_bytes: 4 << 30,
};

/// Salts and boundary tensors of one inference.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretFile {
    format: String,
    version: u32,
    /// Manifest of the bundle.
    #[serde(with = "hex::word")]
    pub manifest_id: B256,
    /// Root of the inference.
    pub root: Scalar,
    /// Context of the inference.
    pub context: Scalar,
    /// The boundary tensors in the order of the leaves.
    pub tensors: Vec<SecretTensor>,
}

/// One boundary tensor.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretTensor {
    /// Name in the model.
    pub name: String,
    /// Which kind of boundary tensor it is.
    pub class: LeafClass,
    /// Whether its values are public.
    pub visibility: Visibility,
    /// Salt of its leaf.
    pub salt: Scalar,
    /// Real value of one step.
    pub scale: f64,
    /// The quantised value that stands for real zero.
    pub zero_point: u32,
    /// What real values are multiplied by on top: one factor for each of equal runs of values in packed order. Absent: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factors: Option<Vec<f64>>,
    /// The user's shape.
    pub shape: Vec<usize>,
    /// Where value `i` stands in the flattened shape; absent: in its place.
    pub element_order: Option<Vec<usize>>,
    /// Quantised values in packed order.
    pub values: Vec<u32>,
}

impl fmt::Debug for SecretFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretFile")
            .field("root", &self.root)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for SecretTensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretTensor")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl SecretFile {
    /// A file of the current version.
    pub fn new(
        manifest_id: B256,
        root: Scalar,
        context: Scalar,
        tensors: Vec<SecretTensor>,
    ) -> Self {
        Self {
            format: SECRET.format.to_owned(),
            version: SECRET.version,
            manifest_id,
            root,
            context,
            tensors,
        }
    }

    /// The secret file's path beside a proof's: `PROOF.secret`.
    pub fn path_beside(proof: &Path) -> PathBuf {
        let mut name = proof.as_os_str().to_owned();
        name.push(".secret");
        PathBuf::from(name)
    }

    /// Parses untrusted bytes.
    ///
    /// # Errors
    /// Names the field, and quotes none.
    pub fn parse(json: &[u8]) -> Result<Self> {
        SECRET.parse(json)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// As [`Self::parse`], or the file cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        SECRET.read_named(path)
    }

    /// Writes a file that its owner alone can read.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn write(&self, path: &Path) -> Result<()> {
        SECRET.write(path, self)
    }

    /// As [`Self::write`], to a path where nothing is yet.
    ///
    /// # Errors
    /// Something is there, or the file system refuses.
    pub fn write_new(&self, path: &Path) -> Result<()> {
        SECRET.write_new(path, self)
    }
}
