//! The algebraic digest of a model's keys: what a circuit that checks proofs can recompute, which a Keccak hash is not.
//!
//! docs/formats.md#key-set has the bytes and the test vectors.

use crate::{
    error::{EngineError, Result},
    field::{coordinate_word, to_fr, to_scalar},
    keys::VerifyingKey,
};
use chainfer_circuits::{CircuitShape, poseidon::compress};
use chainfer_formats::{Scalar, U256};
use halo2curves::{
    bn256::{Fq, Fr, G1Affine},
    ff::Field as _,
};

/// Domains: the first word of a sponge is `tag · 2^64 + number of elements`. Leaves have 1, nodes 0.
const KEY_TAG: u64 = 2;
const SET_TAG: u64 = 3;

/// Bits of the limbs that a coordinate is cut into: three limbs, of which two fit one field element.
const LIMB_BITS: usize = 88;

/// Bits of a parameter of a shape in its field element.
const PARAMETER_BITS: usize = 24;

/// All that the digest of one key is made of.
#[derive(Clone, Copy, Debug)]
pub struct KeyParts<'a> {
    /// Parameters of the constraint system, and the number of rows.
    pub shape: &'a CircuitShape,
    /// Public values, root and context not counted.
    pub num_public: usize,
    /// halo2's digest of the key, which every transcript begins with.
    pub transcript: Scalar,
    /// Commitments of the fixed columns.
    pub fixed: &'a [G1Affine],
    /// Commitments of the permutation.
    pub permutation: &'a [G1Affine],
}

/// Absorbs elements in pairs, a last one with 0; the first word of the state is the capacity and the result.
fn sponge(tag: u64, elements: &[Fr]) -> Scalar {
    let length = U256::from(elements.len());
    let start = to_fr(Scalar::reduce((U256::from(tag) << 64) + length));
    let digest = elements.chunks(2).fold(start, |state, pair| {
        let second = pair.get(1).copied().unwrap_or(Fr::ZERO);
        compress(state, pair.first().copied().unwrap_or(Fr::ZERO), second)
    });
    to_scalar(&digest)
}

fn number(value: usize) -> Fr {
    Fr::from(value as u64)
}

/// The parameters of a shape but the number of rows as one field element, each in 24 bits of its own.
fn shape_element(shape: &CircuitShape) -> Result<Fr> {
    let parameters = [
        ("range", shape.range as usize),
        ("limbs", shape.limbs as usize),
        ("lanes", shape.lanes),
        ("taps", shape.taps),
        ("weights_per_row", shape.weights_per_row),
        ("hash_lanes", shape.hash_lanes),
        ("pooling", shape.pooling.into()),
        ("stacked", shape.stacked.into()),
        ("functions", shape.functions.into()),
        ("products", shape.products.into()),
    ];
    let mut element = U256::ZERO;
    for (i, (name, value)) in parameters.into_iter().enumerate() {
        if value >> PARAMETER_BITS != 0 {
            let what = format!("the shape's {name} is {value}, which no circuit has");
            return Err(EngineError::Inconsistent(what));
        }
        element |= U256::from(value) << (PARAMETER_BITS * i);
    }
    Ok(to_fr(Scalar::reduce(element)))
}

/// A point as three elements, `x_i + 2^88 y_i`, with the limbs of 88 bits of its coordinates. A coordinate is below q, which is greater
/// than r: as one element two of them could be the same.
fn point_elements(point: &G1Affine) -> [Fr; 3] {
    let mask = (U256::from(1) << LIMB_BITS) - U256::from(1);
    let limb = |coordinate: &Fq, i: usize| {
        let value = U256::from_be_bytes(coordinate_word(coordinate).0);
        (value >> (LIMB_BITS * i)) & mask
    };
    [0, 1, 2].map(|i| {
        let element = limb(&point.x, i) + (limb(&point.y, i) << LIMB_BITS);
        to_fr(Scalar::reduce(element))
    })
}

/// The digest of one key.
///
/// # Errors
/// No circuit has such a shape.
pub fn key_digest(key: &KeyParts<'_>) -> Result<Scalar> {
    let mut elements = vec![
        shape_element(key.shape)?,
        number(key.shape.k as usize),
        number(key.num_public),
        to_fr(key.transcript),
        number(key.fixed.len()),
        number(key.permutation.len()),
    ];
    let points = key.fixed.iter().chain(key.permutation);
    elements.extend(points.flat_map(point_elements));
    Ok(sponge(KEY_TAG, &elements))
}

/// The digest of a verifying key of this shape.
///
/// # Errors
/// As [`key_digest`].
pub fn vk_key_digest(shape: &CircuitShape, num_public: usize, vk: &VerifyingKey) -> Result<Scalar> {
    key_digest(&KeyParts {
        shape,
        num_public,
        transcript: to_scalar(&vk.transcript_repr()),
        fixed: vk.fixed_commitments(),
        permutation: vk.permutation().commitments(),
    })
}

/// The digest of the keys of a model, in the order of its chunks.
pub fn set_digest(keys: &[Scalar]) -> Scalar {
    let keys: Vec<Fr> = keys.iter().map(|key| to_fr(*key)).collect();
    sponge(SET_TAG, &keys)
}
