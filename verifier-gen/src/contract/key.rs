//! The verifying key as bytes, and as a contract whose code holds them.

use halo2_proofs::{
    plonk::VerifyingKey,
    poly::{commitment::ParamsProver, kzg::commitment::ParamsKZG},
};
use halo2curves::{
    bn256::{Bn256, Fr, G1Affine, G2Affine},
    ff::PrimeField,
    group::prime::PrimeCurveAffine,
};
use sha3::{Digest, Keccak256};

use super::{
    limits::CODE_LIMIT,
    section::{Section, big_endian},
};
use crate::{error::GenerateError, field::opening::KnownPoints, protocol::Commitment};

/// A contract whose code is a verifying key: what a shared verifier reads.
///
/// The code starts with 0x00 (STOP), so that nothing in it ever runs; then `[tau]_2` and `-[1]_2` (128 bytes each, imaginary
/// parts first, as EIP-197 takes them), the generator of G1 (64), the transcript's first word (32), the commitments of the
/// fixed columns and of the permutation (64 each), and the shape's id (32): a verifier of another shape, or for another number
/// of public inputs, refuses the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyContract {
    /// The runtime code.
    pub runtime: Vec<u8>,
    /// Creation code that deploys it.
    pub creation: Vec<u8>,
    /// Keccak-256 of the runtime code: `EXTCODEHASH` of the contract.
    pub code_hash: [u8; 32],
}

impl KeyContract {
    pub(crate) fn new(key: &Key, shape_id: &[u8; 32]) -> Result<Self, GenerateError> {
        let commitments: Vec<Commitment> = key.commitments().collect();
        let mut runtime = vec![0];
        runtime.extend(
            key.sections(&commitments)
                .iter()
                .flat_map(|section| &section.bytes),
        );
        runtime.extend(shape_id);
        let len = match u16::try_from(runtime.len()) {
            Ok(len) if runtime.len() <= CODE_LIMIT => len.to_be_bytes(),
            _ => {
                return Err(GenerateError::KeyTooLarge {
                    bytes: runtime.len(),
                    limit: CODE_LIMIT,
                });
            }
        };
        // PUSH2 len, DUP1, PUSH1 10, PUSH0, CODECOPY, PUSH0, RETURN.
        let mut creation = vec![0x61, len[0], len[1], 0x80, 0x60, 10, 0x5f, 0x39, 0x5f, 0xf3];
        creation.extend(&runtime);
        Ok(Self {
            code_hash: Keccak256::digest(&runtime).into(),
            runtime,
            creation,
        })
    }
}

/// What depends on the verifying key and the setup, and on nothing else.
#[derive(Debug)]
pub(crate) struct Key {
    digest: Fr,
    fixed: Vec<G1Affine>,
    sigma: Vec<G1Affine>,
    generator: G1Affine,
    tau_g2: G2Affine,
    neg_g2: G2Affine,
}

impl Key {
    pub(crate) fn new(vk: &VerifyingKey<G1Affine>, params: &ParamsKZG<Bn256>) -> Self {
        Self {
            digest: vk.transcript_repr(),
            fixed: vk.fixed_commitments().clone(),
            sigma: vk.permutation().commitments().clone(),
            generator: params.get_g().first().copied().unwrap_or_default(),
            tau_g2: params.s_g2(),
            neg_g2: -params.g2(),
        }
    }

    /// All commitments, in the order in which a key contract has them.
    pub(crate) fn commitments(&self) -> impl Iterator<Item = Commitment> {
        let fixed = (0..self.fixed.len()).map(Commitment::Fixed);
        fixed.chain((0..self.sigma.len()).map(Commitment::Sigma))
    }

    fn point(&self, commitment: Commitment) -> G1Affine {
        match commitment {
            Commitment::Fixed(i) => self.fixed[i],
            Commitment::Sigma(i) => self.sigma[i],
            Commitment::Proof(_) | Commitment::Quotient => G1Affine::default(),
        }
    }

    /// Commitments that are zero or equal to others.
    pub(crate) fn known_points(&self) -> KnownPoints {
        let mut known = KnownPoints::default();
        let all: Vec<Commitment> = self.commitments().collect();
        for (i, commitment) in all.iter().enumerate() {
            let point = self.point(*commitment);
            if bool::from(point.is_identity()) {
                known.identities.push(*commitment);
            } else if let Some(first) = all[..i].iter().find(|c| self.point(**c) == point) {
                known.equal.push((*commitment, *first));
            }
        }
        known
    }

    /// The bytes that a verifier keeps in memory, with these commitments.
    pub(crate) fn sections(&self, commitments: &[Commitment]) -> Vec<Section> {
        let mut sections = vec![
            Section::points("setup: tau on G2", g2(&self.tau_g2)),
            Section::points("setup: minus the generator of G2", g2(&self.neg_g2)),
            Section::points("setup: generator of G1", g1(&self.generator)),
            Section::points(
                "digest of the verifying key",
                big_endian(self.digest.to_repr()).to_vec(),
            ),
        ];
        sections.extend(commitments.iter().map(|commitment| {
            let name = match commitment {
                Commitment::Fixed(i) => format!("fixed column {i}"),
                Commitment::Sigma(i) => format!("permutation {i}"),
                Commitment::Proof(_) | Commitment::Quotient => String::new(),
            };
            Section::points(name, g1(&self.point(*commitment)))
        }));
        sections
    }
}

/// A point as the precompiles take it; the identity is (0, 0).
fn g1(point: &G1Affine) -> Vec<u8> {
    [point.x, point.y]
        .iter()
        .flat_map(|coordinate| big_endian(coordinate.to_repr()))
        .collect()
}

/// The imaginary part comes first, as EIP-197 wants it.
fn g2(point: &G2Affine) -> Vec<u8> {
    [point.x.c1, point.x.c0, point.y.c1, point.y.c0]
        .iter()
        .flat_map(|coordinate| big_endian(coordinate.to_repr()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{key, params};

    #[test]
    fn code_starts_with_stop_and_creation_code_returns_it() {
        let params = params();
        let vk = key(&params, &[1, 2]);
        let contract = KeyContract::new(&Key::new(&vk, &params), &[7; 32]).unwrap();
        let commitments = vk.fixed_commitments().len() + vk.permutation().commitments().len();
        assert_eq!(contract.runtime.len(), 1 + 352 + 64 * commitments + 32);
        assert!(contract.runtime.ends_with(&[7; 32]));
        assert_eq!(contract.runtime[0], 0);
        // The generator of G1 is (1, 2).
        assert_eq!((contract.runtime[288], contract.runtime[320]), (1, 2));
        let len = contract.runtime.len() as u16;
        let [high, low] = len.to_be_bytes();
        assert_eq!(
            contract.creation[..10],
            [0x61, high, low, 0x80, 0x60, 0x0a, 0x5f, 0x39, 0x5f, 0xf3]
        );
        assert_eq!(contract.creation[10..], contract.runtime);
        let hash: [u8; 32] = Keccak256::digest(&contract.runtime).into();
        assert_eq!(contract.code_hash, hash);
    }
}
