//! The challenge type: a Keccak-256 hash reduced to a scalar.

use halo2_proofs::transcript::EncodedChallenge;
use halo2curves::{
    bn256::{Fr, G1Affine},
    ff::FromUniformBytes,
};

/// A challenge: a 32-byte hash, read as a big-endian integer and reduced mod r.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChallengeEvm(Fr);

impl EncodedChallenge<G1Affine> for ChallengeEvm {
    type Input = [u8; 32];

    fn new(hash: &[u8; 32]) -> Self {
        // `from_uniform_bytes` reduces a 512-bit little-endian integer: the hash is its low half.
        let mut wide = [0u8; 64];
        for (low, byte) in wide.iter_mut().zip(hash.iter().rev()) {
            *low = *byte;
        }
        Self(Fr::from_uniform_bytes(&wide))
    }

    fn get_scalar(&self) -> Fr {
        self.0
    }
}
