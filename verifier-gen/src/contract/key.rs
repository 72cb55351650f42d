//! The verifying key as bytes, and a contract whose code holds them.

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
    numbers,
    section::{Section, big_endian},
};
use crate::{
    error::GenerateError,
    field::opening::KnownPoints,
    protocol::{Commitment, Protocol},
};

/// A verifying key as a shared verifier takes it, and as a contract whose code it is.
///
/// The bytes are, in this order:
///
/// | bytes | content |
/// | --- | --- |
/// | 128, 128 | `[tau]_2` and `-[1]_2`, imaginary parts first, as EIP-197 takes them |
/// | 64 | the generator of G1 |
/// | 32 a word | k, of the 2^k rows, and the number of public inputs of each instance column: eight numbers a word, 32 bits each, the first one lowest, a word's last one up to the top |
/// | 32 | the transcript's first word |
/// | 64 each | the commitments of the fixed columns, then of the permutation |
/// | 32 | the shape's id: a verifier of another shape refuses the key |
///
/// A contract that holds them has a zero byte (STOP) in front, so that nothing in it ever runs. The key's hash is the same with and
/// without a contract: Keccak-256 of a zero byte and the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyContract {
    /// The key.
    pub bytes: Vec<u8>,
    /// The contract's runtime code: a zero byte and the key.
    pub runtime: Vec<u8>,
    /// Creation code that deploys it.
    pub creation: Vec<u8>,
    /// Keccak-256 of the runtime code: `EXTCODEHASH` of the contract, and the key's hash without one.
    pub code_hash: [u8; 32],
}

impl KeyContract {
    pub(crate) fn new(key: &Key, shape_id: &[u8; 32]) -> Result<Self, GenerateError> {
        let bytes = key.bytes(shape_id);
        let runtime = [&[0], bytes.as_slice()].concat();
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
            bytes,
            code_hash: Keccak256::digest(&runtime).into(),
            runtime,
            creation,
        })
    }
}

/// What depends on the verifying key, the numbers of public inputs and the setup, and on nothing else.
#[derive(Debug)]
pub(crate) struct Key {
    numbers: Vec<u8>,
    digest: Fr,
    fixed: Vec<G1Affine>,
    sigma: Vec<G1Affine>,
    generator: G1Affine,
    tau_g2: G2Affine,
    neg_g2: G2Affine,
}

impl Key {
    pub(crate) fn new(
        vk: &VerifyingKey<G1Affine>,
        protocol: &Protocol,
        params: &ParamsKZG<Bn256>,
    ) -> Self {
        Self {
            numbers: numbers::encode(protocol),
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

    /// The key of a shared verifier.
    fn bytes(&self, shape_id: &[u8; 32]) -> Vec<u8> {
        let mut bytes = self.setup().concat();
        bytes.extend(&self.numbers);
        bytes.extend(big_endian(self.digest.to_repr()));
        for commitment in self.commitments() {
            bytes.extend(g1(&self.point(commitment)));
        }
        bytes.extend(shape_id);
        bytes
    }

    fn setup(&self) -> [Vec<u8>; 3] {
        [g2(&self.tau_g2), g2(&self.neg_g2), g1(&self.generator)]
    }

    /// What an embedded verifier keeps in memory, with these commitments.
    pub(crate) fn sections(&self, commitments: &[Commitment]) -> Vec<Section> {
        let [tau, neg, generator] = self.setup();
        let mut sections = vec![
            Section::points("setup: tau on G2", tau),
            Section::points("setup: minus the generator of G2", neg),
            Section::points("setup: generator of G1", generator),
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
    use crate::testing::{K, key, params};

    fn contract(weights: &[u64], lengths: &[usize]) -> KeyContract {
        let params = params();
        let vk = key(&params, weights);
        let protocol = Protocol::new(&vk, lengths).unwrap();
        KeyContract::new(&Key::new(&vk, &protocol, &params), &[7; 32]).unwrap()
    }

    #[test]
    fn key_has_its_parts_in_order() {
        let vk = key(&params(), &[1, 2]);
        let key = contract(&[1, 2], &[3]).bytes;
        let commitments = vk.fixed_commitments().len() + vk.permutation().commitments().len();
        assert_eq!(key.len(), 320 + 64 + 64 * commitments + 32);
        // The generator of G1 is (1, 2).
        assert_eq!((key[287], key[319]), (1, 2));
        let mut numbers = [0; 32];
        (numbers[27], numbers[31]) = (3, K as u8);
        assert_eq!(key[320..352], numbers);
        let digest = big_endian(vk.transcript_repr().to_repr());
        assert_eq!(key[352..384], digest);
        assert_eq!(key[384..448], g1(&vk.fixed_commitments()[0])[..]);
        assert!(key.ends_with(&[7; 32]));
    }

    #[test]
    fn code_starts_with_stop_and_creation_code_returns_it() {
        let contract = contract(&[1, 2], &[3]);
        assert_eq!(contract.runtime[0], 0);
        assert_eq!(contract.runtime[1..], contract.bytes);
        let [high, low] = (contract.runtime.len() as u16).to_be_bytes();
        assert_eq!(
            contract.creation[..10],
            [0x61, high, low, 0x80, 0x60, 0x0a, 0x5f, 0x39, 0x5f, 0xf3]
        );
        assert_eq!(contract.creation[10..], contract.runtime);
        let hash: [u8; 32] = Keccak256::digest(&contract.runtime).into();
        assert_eq!(contract.code_hash, hash);
    }

    #[test]
    fn numbers_of_public_inputs_are_all_that_they_change() {
        let [one, other] = [3, 5].map(|len| contract(&[1, 2], &[len]).bytes);
        assert_eq!(one[..347], other[..347]);
        assert_eq!((one[347], other[347]), (3, 5));
        assert_eq!(one[348..], other[348..]);
    }
}
