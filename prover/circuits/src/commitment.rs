//! Host side of the boundary commitments: packing, leaves, the Merkle tree, salts; see docs/formats.md.
//!
//! The circuits recompute the same things; this module is their reference.

use crate::poseidon::compress;
use chainfer_model::partitioned::{PartitionedModel, Visibility};
use halo2curves::{
    bn256::Fr,
    ff::{Field, FromUniformBytes},
};
use sha3::{Digest, Keccak256};
use std::fmt;

pub use chainfer_formats::packing::{VALUE_BITS, VALUES_PER_ELEMENT, packed_len};

/// Separates the salt PRF from every other use of Keccak.
const SALT_DOMAIN: &[u8] = b"chainfer.salt.v1";

/// Packs values below 2^16, 15 an element, little end first: `sum u_j * 2^(16 j)`.
pub fn pack(values: &[u32]) -> Vec<Fr> {
    let shift = Fr::from(1 << VALUE_BITS);
    values
        .chunks(VALUES_PER_ELEMENT)
        .map(|chunk| {
            chunk
                .iter()
                .rev()
                .fold(Fr::ZERO, |acc, v| acc * shift + Fr::from(u64::from(*v)))
        })
        .collect()
}

/// First state of the leaf sponge: `2^64 + len`. The length is load-bearing: it keeps messages that differ in
/// trailing zeros, and leaves and nodes, apart.
pub fn leaf_tag(len: usize) -> Fr {
    Fr::from(u64::MAX) + Fr::ONE + Fr::from(len as u64)
}

/// The commitment of one tensor: absorbs `salt, packed values…`, zero-padded to a pair, from [`leaf_tag`].
pub fn leaf(values: &[u32], salt: Fr) -> Fr {
    let mut message = Vec::with_capacity(packed_len(values.len()) + 2);
    message.push(salt);
    message.extend(pack(values));
    if message.len() % 2 == 1 {
        message.push(Fr::ZERO);
    }
    message
        .chunks_exact(2)
        .fold(leaf_tag(values.len()), |h, pair| {
            compress(h, pair[0], pair[1])
        })
}

/// Parent of two nodes.
pub fn node(left: Fr, right: Fr) -> Fr {
    compress(Fr::ZERO, left, right)
}

/// A Merkle tree over leaves padded with 0 to a power of two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MerkleTree {
    /// `levels[0]` are the padded leaves, the last level is the root alone.
    pub levels: Vec<Vec<Fr>>,
}

impl MerkleTree {
    /// Builds the tree; no leaf at all counts as one leaf 0, and a single leaf is its own root.
    pub fn new(leaves: &[Fr]) -> Self {
        let mut level = leaves.to_vec();
        level.resize(leaves.len().max(1).next_power_of_two(), Fr::ZERO);
        let mut levels = vec![level];
        while let Some(last) = levels.last()
            && last.len() > 1
        {
            let parents = last.chunks_exact(2).map(|p| node(p[0], p[1])).collect();
            levels.push(parents);
        }
        Self { levels }
    }

    /// The root.
    pub fn root(&self) -> Fr {
        self.levels
            .last()
            .and_then(|l| l.first())
            .copied()
            .unwrap_or(Fr::ZERO)
    }

    /// Levels above the leaves.
    pub fn height(&self) -> usize {
        self.levels.len().saturating_sub(1)
    }

    /// Siblings of a leaf's path, lowest first; `None` if there is no such leaf.
    pub fn path(&self, index: usize) -> Option<Vec<Fr>> {
        let below_root = &self.levels[..self.height()];
        if index >> self.height() != 0 {
            return None;
        }
        below_root
            .iter()
            .enumerate()
            .map(|(depth, level)| level.get((index >> depth) ^ 1).copied())
            .collect()
    }
}

/// The root that a leaf at `index` and its path lead to.
pub fn root_from_path(leaf: Fr, index: usize, path: &[Fr]) -> Fr {
    path.iter().enumerate().fold(leaf, |h, (depth, sibling)| {
        if (index >> depth) & 1 == 0 {
            node(h, *sibling)
        } else {
            node(*sibling, h)
        }
    })
}

/// Salts, leaves and tree of one inference.
#[derive(Clone)]
pub struct InferenceCommitment {
    /// One a leaf; 0 for a public tensor.
    pub salts: Vec<Fr>,
    /// One a boundary tensor, in the model's canonical order.
    pub leaves: Vec<Fr>,
    /// The tree over the leaves.
    pub tree: MerkleTree,
}

impl fmt::Debug for InferenceCommitment {
    // Leaves of public tensors and the root are public, but salts are not.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InferenceCommitment")
            .field("leaves", &self.leaves.len())
            .field("root", &self.root())
            .finish_non_exhaustive()
    }
}

impl InferenceCommitment {
    /// Commits to every boundary tensor of one execution.
    ///
    /// `values` holds the quantised values of every tensor, indexed by `TensorId`; `secret` must be fresh for every
    /// inference.
    pub fn new(model: &PartitionedModel, values: &[Vec<u32>], secret: &[u8; 32]) -> Self {
        let salts: Vec<Fr> = model
            .leaves
            .iter()
            .enumerate()
            .map(|(index, leaf)| match leaf.visibility {
                Visibility::Public => Fr::ZERO,
                Visibility::Committed => derive_salt(secret, index),
            })
            .collect();
        let leaves: Vec<Fr> = model
            .leaves
            .iter()
            .zip(&salts)
            .map(|(spec, salt)| leaf(&values[spec.tensor.0], *salt))
            .collect();
        let tree = MerkleTree::new(&leaves);
        Self {
            salts,
            leaves,
            tree,
        }
    }

    /// The root of the tree.
    pub fn root(&self) -> Fr {
        self.tree.root()
    }
}

/// Salt of one leaf: 512 bits of Keccak output reduced into `Fr`, so that it is uniform up to 2^-256.
fn derive_salt(secret: &[u8; 32], leaf: usize) -> Fr {
    let mut wide = [0u8; 64];
    for (block, half) in wide.chunks_exact_mut(32).enumerate() {
        let mut hasher = Keccak256::new();
        hasher.update(SALT_DOMAIN);
        hasher.update(secret);
        hasher.update((leaf as u64).to_be_bytes());
        hasher.update([block as u8]);
        half.copy_from_slice(&hasher.finalize());
    }
    Fr::from_uniform_bytes(&wide)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pack_sixteen_values_spill_into_a_second_element() {
        let values: Vec<u32> = (1..=16).collect();
        let packed = pack(&values);
        assert_eq!(packed.len(), 2);
        assert_eq!(packed[1], Fr::from(16));
        let mut expected = Fr::ZERO;
        let mut weight = Fr::ONE;
        for v in 1..=15u64 {
            expected += Fr::from(v) * weight;
            weight *= Fr::from(1 << 16);
        }
        assert_eq!(packed[0], expected);
    }

    #[test]
    fn leaf_trailing_zero_values_change_the_commitment() {
        assert_ne!(leaf(&[1, 2], Fr::ZERO), leaf(&[1, 2, 0], Fr::ZERO));
    }

    #[test]
    fn leaf_of_two_elements_follows_the_sponge() {
        let values: Vec<u32> = (0..16).collect();
        let packed = pack(&values);
        let salt = Fr::from(77);
        let h = compress(leaf_tag(16), salt, packed[0]);
        assert_eq!(leaf(&values, salt), compress(h, packed[1], Fr::ZERO));
    }

    #[test]
    fn tree_every_path_leads_to_the_root() {
        for count in 1..=9u64 {
            let leaves: Vec<Fr> = (0..count).map(|i| Fr::from(i + 100)).collect();
            let tree = MerkleTree::new(&leaves);
            for (i, l) in leaves.iter().enumerate() {
                let path = tree.path(i).unwrap();
                assert_eq!(path.len(), tree.height());
                assert_eq!(root_from_path(*l, i, &path), tree.root());
            }
            assert_eq!(tree.path(tree.levels[0].len()), None);
        }
    }

    #[test]
    fn tree_of_one_leaf_is_the_leaf() {
        assert_eq!(MerkleTree::new(&[Fr::from(7)]).root(), Fr::from(7));
    }

    #[test]
    fn salt_differs_by_leaf_and_secret() {
        let a = derive_salt(&[1; 32], 0);
        assert_ne!(a, derive_salt(&[1; 32], 1));
        assert_ne!(a, derive_salt(&[2; 32], 0));
    }
}
