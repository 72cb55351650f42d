//! The prover's side.

use std::io::{self, Write};

use halo2_proofs::transcript::{Transcript, TranscriptWrite, TranscriptWriterBuffer};
use halo2curves::bn256::{Fr, G1Affine};

use crate::{
    challenge::ChallengeEvm,
    encoding::{encode_point, encode_scalar},
    sponge::Sponge,
};

/// A transcript that writes the proof as it goes.
#[derive(Clone, Debug)]
pub struct EvmTranscriptWrite<W> {
    sponge: Sponge,
    writer: W,
}

impl<W: Write> EvmTranscriptWrite<W> {
    /// Starts a transcript whose proof bytes go to `writer` (usually an empty `Vec<u8>`).
    pub fn init(writer: W) -> Self {
        Self {
            sponge: Sponge::default(),
            writer,
        }
    }

    /// Ends the transcript and returns the proof bytes.
    pub fn finalize(self) -> W {
        self.writer
    }
}

impl<W: Write> Transcript<G1Affine, ChallengeEvm> for EvmTranscriptWrite<W> {
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

impl<W: Write> TranscriptWrite<G1Affine, ChallengeEvm> for EvmTranscriptWrite<W> {
    fn write_point(&mut self, point: G1Affine) -> io::Result<()> {
        let bytes = encode_point(&point)?;
        self.sponge.absorb(&bytes);
        self.writer.write_all(&bytes)
    }

    fn write_scalar(&mut self, scalar: Fr) -> io::Result<()> {
        let bytes = encode_scalar(&scalar);
        self.sponge.absorb(&bytes);
        self.writer.write_all(&bytes)
    }
}

impl<W: Write> TranscriptWriterBuffer<W, G1Affine, ChallengeEvm> for EvmTranscriptWrite<W> {
    fn init(writer: W) -> Self {
        Self::init(writer)
    }

    fn finalize(self) -> W {
        self.finalize()
    }
}
