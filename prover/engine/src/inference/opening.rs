//! Opening one boundary tensor of an inference under its root.

use crate::{
    error::{EngineError, Result, VerifyError},
    field::{to_fr, to_scalar},
};
use chainfer_circuits::commitment::{InferenceCommitment, MerkleTree, leaf, root_from_path};
use chainfer_formats::{B256, Scalar, SecretFile, SecretTensor};
use chainfer_model::partitioned::PartitionedModel;
use halo2curves::bn256::Fr;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One tensor with the proof that it lies under the root. Secret, for the tensor's owner to show.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Opening {
    /// Name in the model.
    pub name: String,
    /// Position of the leaf.
    pub leaf_index: usize,
    /// The leaf.
    pub leaf: Scalar,
    /// Salt of the leaf.
    pub salt: Scalar,
    /// Siblings on the way to the root, lowest first.
    pub path: Vec<Scalar>,
    /// Root of the inference.
    pub root: Scalar,
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
        let refuse = |detail: &str| bad(&self.name, detail);
        if self.packed.iter().any(|v| *v >= 1 << 16) {
            return Err(refuse("a value has more than 16 bits"));
        }
        let expected = leaf(&self.packed, to_fr(self.salt));
        if to_fr(self.leaf) != expected {
            return Err(refuse("salt and values do not hash to its leaf"));
        }
        let path: Vec<Fr> = self.path.iter().map(|sibling| to_fr(*sibling)).collect();
        if root_from_path(expected, self.leaf_index, &path) != to_fr(self.root) {
            return Err(refuse("its leaf does not lie under the root"));
        }
        Ok(())
    }
}

/// Opens one tensor, checked against the file's root.
///
/// # Errors
/// There is no such tensor, or the file's content does not hash to its root.
pub fn open(secret: &SecretFile, name: &str) -> Result<Opening> {
    let index = secret
        .tensors
        .iter()
        .position(|t| t.name == name)
        .ok_or_else(|| {
            let known: Vec<&str> = secret.tensors.iter().map(|t| t.name.as_str()).collect();
            EngineError::NoSuchTensor {
                name: name.to_owned(),
                known: known.join(", "),
            }
        })?;
    let leaves: Vec<Fr> = secret
        .tensors
        .iter()
        .map(|tensor| leaf(&tensor.values, to_fr(tensor.salt)))
        .collect();
    let tensor = &secret.tensors[index];
    let path = MerkleTree::new(&leaves).path(index).unwrap_or_default();
    let raw =
        to_external(tensor).ok_or_else(|| bad(name, "its element order is no permutation"))?;
    let zero = f64::from(tensor.zero_point);
    let opening = Opening {
        name: name.to_owned(),
        leaf_index: index,
        leaf: to_scalar(&leaves[index]),
        salt: tensor.salt,
        path: path.iter().map(to_scalar).collect(),
        root: secret.root,
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

/// The secret file of an inference: what [`open`] needs of it.
pub(super) fn secret_file(
    manifest_id: B256,
    model: &PartitionedModel,
    values: &[Vec<u32>],
    commitment: &InferenceCommitment,
    context: Scalar,
) -> SecretFile {
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
                salt: to_scalar(salt),
                scale: tensor.quant.scale,
                zero_point: tensor.quant.zero_point,
                shape: tensor.external_shape.clone(),
                element_order: tensor.element_order.clone(),
                values: values[leaf.tensor.0].clone(),
            }
        })
        .collect();
    SecretFile::new(manifest_id, to_scalar(&commitment.root()), context, tensors)
}

fn bad(name: &str, detail: &str) -> VerifyError {
    VerifyError::BadOpening {
        name: name.to_owned(),
        detail: detail.to_owned(),
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
