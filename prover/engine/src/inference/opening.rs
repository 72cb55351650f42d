//! Opening one boundary tensor of an inference under its root.

use crate::{
    error::{EngineError, Result, VerifyError},
    field::{to_fr, to_scalar},
};
use chainfer_circuits::commitment::{InferenceCommitment, MerkleTree, leaf, root_from_path};
use chainfer_formats::{
    B256, Manifest, Scalar, SecretFile, SecretTensor, Visibility, packing::VALUE_BITS,
};
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
    /// The tensor's leaf in the commitment tree.
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
    /// Checks an opening that somebody else shows: that it is of this model's tensor, with every field as it must be, under
    /// [`Self::root`]. The caller compares the root with that of a verified proof.
    ///
    /// The manifest has no scale of cut tensors, so of such a tensor the real values are the prover's word.
    ///
    /// # Errors
    /// [`VerifyError::BadOpening`] says what does not hold.
    pub fn verify(&self, manifest: &Manifest) -> Result<(), VerifyError> {
        let refuse = |detail: &str| Err(bad(&self.name, detail));
        let Some(entry) = manifest.leaves.get(self.leaf_index) else {
            return refuse("the model has no leaf at its position");
        };
        if entry.name != self.name {
            return refuse("another tensor has its position");
        }
        if manifest
            .leaves
            .iter()
            .filter(|leaf| leaf.name == self.name)
            .count()
            > 1
        {
            return refuse("the model has several tensors of this name");
        }
        if self.path.len() != tree_height(manifest.leaves.len()) {
            return refuse("its path is not as long as the tree is high");
        }
        if self.packed.len() != entry.length {
            return refuse("it has another number of values than the tensor");
        }
        if self.packed.iter().any(|value| *value >= manifest.range) {
            return refuse("a value is not below the range");
        }
        if entry.visibility == Visibility::Public && self.salt != Scalar::ZERO {
            return refuse("a public tensor has no salt");
        }
        self.verify_hashes()?;
        let (raw, values) = match manifest.input_or_output(self.leaf_index) {
            Some(spec) => {
                if self.shape != spec.shape {
                    return refuse("its shape is not the tensor's");
                }
                let raw = spec.to_external(&self.packed);
                let values = spec.dequantise(&raw);
                (raw, Some(values))
            }
            // Only model inputs and outputs have an order of their own.
            None => (self.packed.clone(), None),
        };
        if raw != self.raw {
            return refuse("its values in the user's order are not the packed ones");
        }
        if self.values.len() != raw.len() || values.is_some_and(|values| values != self.values) {
            return refuse("its real values are not the quantised ones");
        }
        if product(&self.shape) != Some(raw.len()) {
            return refuse("its shape is not of as many values");
        }
        Ok(())
    }

    /// Checks that salt and values hash to the leaf, and leaf and path to the root.
    fn verify_hashes(&self) -> Result<(), VerifyError> {
        let refuse = |detail: &str| Err(bad(&self.name, detail));
        if self.packed.iter().any(|v| *v >> VALUE_BITS != 0) {
            return refuse("a value has more than 16 bits");
        }
        let expected = leaf(&self.packed, to_fr(self.salt));
        if to_fr(self.leaf) != expected {
            return refuse("salt and values do not hash to its leaf");
        }
        // The path decides as many bits of the position as it is long.
        let depth = u32::try_from(self.path.len()).unwrap_or(u32::MAX);
        if self.leaf_index.checked_shr(depth).unwrap_or(0) != 0 {
            return refuse("its position is beyond the tree");
        }
        let path: Vec<Fr> = self.path.iter().map(|sibling| to_fr(*sibling)).collect();
        if root_from_path(expected, self.leaf_index, &path) != to_fr(self.root) {
            return refuse("its leaf does not lie under the root");
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
    if secret.tensors[index + 1..].iter().any(|t| t.name == name) {
        return Err(bad(name, "the file has several tensors of this name").into());
    }
    let leaves: Vec<Fr> = secret
        .tensors
        .iter()
        .map(|tensor| leaf(&tensor.values, to_fr(tensor.salt)))
        .collect();
    let tensor = &secret.tensors[index];
    let path = MerkleTree::new(&leaves).path(index).unwrap_or_default();
    let reals = reals(tensor).ok_or_else(|| bad(name, "its factors do not divide its values"))?;
    let no_permutation = || bad(name, "its element order is no permutation");
    let raw = to_external(tensor, &tensor.values).ok_or_else(no_permutation)?;
    let values = to_external(tensor, &reals).ok_or_else(no_permutation)?;
    let opening = Opening {
        name: name.to_owned(),
        leaf_index: index,
        leaf: to_scalar(&leaves[index]),
        salt: tensor.salt,
        path: path.iter().map(to_scalar).collect(),
        root: secret.root,
        shape: tensor.shape.clone(),
        values,
        packed: tensor.values.clone(),
        raw,
    };
    if product(&opening.shape) != Some(opening.raw.len()) {
        return Err(bad(name, "its shape is not of as many values").into());
    }
    opening.verify_hashes()?;
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
                factors: tensor.factors.clone(),
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

/// Levels above the leaves, which are padded to a power of two.
fn tree_height(leaves: usize) -> usize {
    leaves.max(1).next_power_of_two().trailing_zeros() as usize
}

fn product(shape: &[usize]) -> Option<usize> {
    shape
        .iter()
        .try_fold(1usize, |product, dim| product.checked_mul(*dim))
}

/// The real values in packed order; `None` if the factors are not of equal runs of values.
fn reals(tensor: &SecretTensor) -> Option<Vec<f64>> {
    let real = |u: &u32| tensor.scale * (f64::from(*u) - f64::from(tensor.zero_point));
    let Some(factors) = &tensor.factors else {
        return Some(tensor.values.iter().map(real).collect());
    };
    if factors.is_empty() || !tensor.values.len().is_multiple_of(factors.len()) {
        return None;
    }
    let runs = tensor.values.chunks(tensor.values.len() / factors.len());
    let scaled = runs
        .zip(factors)
        .flat_map(|(run, f)| run.iter().map(move |u| f * real(u)));
    Some(scaled.collect())
}

fn to_external<T: Copy>(tensor: &SecretTensor, values: &[T]) -> Option<Vec<T>> {
    let Some(order) = &tensor.element_order else {
        return Some(values.to_vec());
    };
    if order.len() != values.len() {
        return None;
    }
    let mut external = vec![None; order.len()];
    for (value, at) in values.iter().zip(order) {
        *external.get_mut(*at)? = Some(*value);
    }
    external.into_iter().collect()
}
