//! PROOF.secret: what opens the root of one inference. Whoever has it knows every boundary tensor.

use crate::{
    bytes::Bytes32,
    error::{EngineError, Result, VerifyError},
    files::{self, Access},
};
use chainfer_circuits::commitment::{InferenceCommitment, MerkleTree, leaf, root_from_path};
use chainfer_model::partitioned::{LeafClass, PartitionedModel, Visibility};
use halo2curves::bn256::Fr;
use serde::{Deserialize, Serialize};
use std::{
    fmt,
    path::{Path, PathBuf},
};

const FORMAT: &str = "chainfer.secret";
const VERSION: u32 = 1;

/// Salts and boundary tensors of one inference.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretFile {
    /// `chainfer.secret`.
    pub format: String,
    /// 1.
    pub version: u32,
    /// Manifest of the bundle.
    pub manifest_id: Bytes32,
    /// Root of the inference.
    pub root: Bytes32,
    /// Context of the inference.
    pub context: Bytes32,
    /// By leaf.
    pub tensors: Vec<SecretTensor>,
}

/// One boundary tensor.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretTensor {
    /// Name.
    pub name: String,
    /// Class.
    pub class: LeafClass,
    /// Visibility.
    pub visibility: Visibility,
    /// Salt of its leaf.
    pub salt: Bytes32,
    /// Real value of one step.
    pub scale: f64,
    /// Stands for real zero.
    pub zero_point: u32,
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

/// One tensor with the proof that it lies under the root. Secret for the tensor's owner to show.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Opening {
    /// Name.
    pub name: String,
    /// Position of the leaf.
    pub leaf_index: usize,
    /// The leaf.
    pub leaf: Bytes32,
    /// Salt.
    pub salt: Bytes32,
    /// Siblings on the way to the root, lowest first.
    pub path: Vec<Bytes32>,
    /// Root.
    pub root: Bytes32,
    /// The user's shape.
    pub shape: Vec<usize>,
    /// Quantised values in packed order, as the leaf absorbs them.
    pub packed: Vec<u32>,
    /// Quantised values in the user's order.
    pub raw: Vec<u32>,
    /// Real values in the user's order.
    pub values: Vec<f64>,
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opening")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Opening {
    /// Checks that salt and values hash to the leaf, and leaf and path to the root.
    ///
    /// # Errors
    /// [`VerifyError::BadOpening`] says which does not.
    pub fn verify(&self) -> Result<(), VerifyError> {
        let refuse = |detail: &str| VerifyError::BadOpening {
            name: self.name.clone(),
            detail: detail.to_owned(),
        };
        let word = |w: &Bytes32| {
            w.to_fr()
                .ok_or_else(|| refuse("a word is not below the modulus"))
        };
        if self.packed.iter().any(|v| *v >= 1 << 16) {
            return Err(refuse("a value has more than 16 bits"));
        }
        let expected = leaf(&self.packed, word(&self.salt)?);
        if word(&self.leaf)? != expected {
            return Err(refuse("salt and values do not hash to its leaf"));
        }
        let path = self.path.iter().map(word).collect::<Result<Vec<Fr>, _>>()?;
        if root_from_path(expected, self.leaf_index, &path) != word(&self.root)? {
            return Err(refuse("its leaf does not lie under the root"));
        }
        Ok(())
    }
}

impl SecretFile {
    pub(super) fn new(
        manifest_id: Bytes32,
        model: &PartitionedModel,
        values: &[Vec<u32>],
        commitment: &InferenceCommitment,
        context: Bytes32,
    ) -> Self {
        let tensors = model
            .leaves
            .iter()
            .zip(&commitment.salts)
            .map(|(leaf, salt)| {
                let tensor = model.graph.tensor(leaf.tensor);
                SecretTensor {
                    name: tensor.name.clone(),
                    class: leaf.class,
                    visibility: leaf.visibility,
                    salt: Bytes32::from_fr(salt),
                    scale: tensor.quant.scale,
                    zero_point: tensor.quant.zero_point,
                    shape: tensor.external_shape.clone(),
                    element_order: tensor.element_order.clone(),
                    values: values[leaf.tensor.0].clone(),
                }
            })
            .collect();
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            manifest_id,
            root: Bytes32::from_fr(&commitment.root()),
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
    /// Not JSON, another format or version, a missing, unknown or malformed field.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        files::parse_json(bytes, "secret", FORMAT, VERSION)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// As [`Self::parse`], or the file cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        files::read_json(path, FORMAT, VERSION)
    }

    /// Writes a file that its owner alone can read.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn write(&self, path: &Path) -> Result<()> {
        files::write_json(path, self, Access::Private)
    }

    /// Opens one tensor, checked against the file's root.
    ///
    /// # Errors
    /// There is no such tensor, or the file's content does not hash to its root.
    pub fn open(&self, name: &str) -> Result<Opening> {
        let index = self
            .tensors
            .iter()
            .position(|t| t.name == name)
            .ok_or_else(|| {
                let known: Vec<&str> = self.tensors.iter().map(|t| t.name.as_str()).collect();
                EngineError::NoSuchTensor {
                    name: name.to_owned(),
                    known: known.join(", "),
                }
            })?;
        let bad = |t: &SecretTensor, detail: &str| {
            EngineError::Verify(VerifyError::BadOpening {
                name: t.name.clone(),
                detail: detail.to_owned(),
            })
        };
        let mut leaves = Vec::with_capacity(self.tensors.len());
        for tensor in &self.tensors {
            let salt = tensor
                .salt
                .to_fr()
                .ok_or_else(|| bad(tensor, "the salt is not below the modulus"))?;
            leaves.push(leaf(&tensor.values, salt));
        }
        let tree = MerkleTree::new(&leaves);
        let tensor = &self.tensors[index];
        let path = tree.path(index).unwrap_or_default();
        let raw = to_external(tensor)
            .ok_or_else(|| bad(tensor, "its element order is no permutation"))?;
        let zero = f64::from(tensor.zero_point);
        let opening = Opening {
            name: name.to_owned(),
            leaf_index: index,
            leaf: Bytes32::from_fr(&leaves[index]),
            salt: tensor.salt,
            path: path.iter().map(Bytes32::from_fr).collect(),
            root: self.root,
            shape: tensor.shape.clone(),
            values: raw
                .iter()
                .map(|u| tensor.scale * (f64::from(*u) - zero))
                .collect(),
            packed: tensor.values.clone(),
            raw,
        };
        opening.verify()?;
        Ok(opening)
    }
}

fn to_external(tensor: &SecretTensor) -> Option<Vec<u32>> {
    let Some(order) = &tensor.element_order else {
        return Some(tensor.values.clone());
    };
    if order.len() != tensor.values.len() {
        return None;
    }
    let mut external = vec![None; order.len()];
    for (value, at) in tensor.values.iter().zip(order) {
        *external.get_mut(*at)? = Some(*value);
    }
    external.into_iter().collect()
}
