//! The hash state that reader and writer share.

use std::io;

use halo2_proofs::transcript::EncodedChallenge;
use halo2curves::{
    CurveAffine,
    bn256::{Fr, G1Affine},
    ff::PrimeField,
};
use sha3::{Digest, Keccak256};

use crate::{ChallengeEvm, POINT_LEN, SCALAR_LEN};

/// Hash input since the last challenge. Streaming: only its length is kept, to tell when nothing was absorbed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sponge {
    hasher: Keccak256,
    absorbed: usize,
}

impl Sponge {
    pub(crate) fn absorb(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.absorbed += bytes.len();
    }

    pub(crate) fn squeeze(&mut self) -> ChallengeEvm {
        if self.absorbed == 32 {
            self.hasher.update([1]);
        }
        let hash: [u8; 32] = self.hasher.finalize_reset().into();
        self.absorbed = 0;
        self.absorb(&hash);
        ChallengeEvm::new(&hash)
    }
}

pub(crate) fn encode_scalar(scalar: &Fr) -> [u8; SCALAR_LEN] {
    let mut bytes = scalar.to_repr();
    bytes.reverse();
    bytes
}

pub(crate) fn encode_point(point: &G1Affine) -> io::Result<[u8; POINT_LEN]> {
    let coordinates = Option::from(point.coordinates())
        .ok_or_else(|| invalid("point is not on the curve"))
        .map(|c: halo2curves::Coordinates<G1Affine>| (*c.x(), *c.y()))?;
    let mut bytes = [0u8; POINT_LEN];
    let (x, y) = bytes.split_at_mut(SCALAR_LEN);
    for (out, coordinate) in [(x, coordinates.0), (y, coordinates.1)] {
        let mut repr = coordinate.to_repr();
        repr.reverse();
        out.copy_from_slice(&repr);
    }
    Ok(bytes)
}

pub(crate) fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
