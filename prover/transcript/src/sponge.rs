//! The hash state that reader and writer share.

use halo2_proofs::transcript::EncodedChallenge;
use sha3::{Digest, Keccak256};

use crate::challenge::ChallengeEvm;

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
