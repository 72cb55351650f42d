//! The verifier's side: strict parsing of untrusted bytes.

use std::io;

use halo2_proofs::transcript::{Transcript, TranscriptRead, TranscriptReadBuffer};
use halo2curves::{
    CurveAffine,
    bn256::{Fq, Fr, G1Affine},
    ff::PrimeField,
};

use crate::{
    challenge::ChallengeEvm,
    encoding::{SCALAR_LEN, encode_point, encode_scalar, invalid},
    sponge::Sponge,
};

/// A transcript that reads a proof.
///
/// Refused with an error, never with a panic: a scalar that is not below r, a coordinate that is not below q, a point off the
/// curve, a proof that ends early. (0, 0) is the identity and is accepted, as native halo2 does. halo2 does not look at bytes
/// behind the proof: callers check [`is_exhausted`](Self::is_exhausted).
#[derive(Clone, Debug)]
pub struct EvmTranscriptRead<'a> {
    sponge: Sponge,
    rest: &'a [u8],
}

impl<'a> EvmTranscriptRead<'a> {
    /// Starts a transcript over the proof bytes.
    pub fn init(proof: &'a [u8]) -> Self {
        Self {
            sponge: Sponge::default(),
            rest: proof,
        }
    }

    /// The bytes that were not read yet.
    pub fn remaining(&self) -> &'a [u8] {
        self.rest
    }

    /// True once every proof byte was read: a proof that verifies and leaves bytes behind is not canonical.
    pub fn is_exhausted(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next word as little-endian bytes, as the fields' `from_repr` wants them.
    fn word(&mut self) -> io::Result<[u8; SCALAR_LEN]> {
        let (word, rest) = self
            .rest
            .split_first_chunk::<SCALAR_LEN>()
            .ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, "proof ends early"))?;
        self.rest = rest;
        let mut word = *word;
        word.reverse();
        Ok(word)
    }
}

impl Transcript<G1Affine, ChallengeEvm> for EvmTranscriptRead<'_> {
    fn squeeze_challenge(&mut self) -> ChallengeEvm {
        self.sponge.squeeze()
    }

    fn common_point(&mut self, point: G1Affine) -> io::Result<()> {
        self.sponge.absorb(&encode_point(&point)?);
        Ok(())
    }

    fn common_scalar(&mut self, scalar: Fr) -> io::Result<()> {
        self.sponge.absorb(&encode_scalar(&scalar));
        Ok(())
    }
}

impl TranscriptRead<G1Affine, ChallengeEvm> for EvmTranscriptRead<'_> {
    fn read_point(&mut self) -> io::Result<G1Affine> {
        let (x, y) = (self.word()?, self.word()?);
        let coordinate = |word| {
            Option::<Fq>::from(Fq::from_repr(word))
                .ok_or_else(|| invalid("coordinate is not below q"))
        };
        let point = Option::<G1Affine>::from(G1Affine::from_xy(coordinate(x)?, coordinate(y)?))
            .ok_or_else(|| invalid("point is not on the curve"))?;
        self.common_point(point)?;
        Ok(point)
    }

    fn read_scalar(&mut self) -> io::Result<Fr> {
        let word = self.word()?;
        let scalar = Option::<Fr>::from(Fr::from_repr(word))
            .ok_or_else(|| invalid("scalar is not below r"))?;
        self.common_scalar(scalar)?;
        Ok(scalar)
    }
}

impl<'a> TranscriptReadBuffer<&'a [u8], G1Affine, ChallengeEvm> for EvmTranscriptRead<'a> {
    fn init(reader: &'a [u8]) -> Self {
        Self::init(reader)
    }
}
