//! The Fiat-Shamir transcript of every chainfer proof: Keccak-256 over words that the EVM hashes without any conversion.
//!
//! The bytes, of proofs and of hash inputs alike, are those of snark-verifier's `EvmTranscript`, so one proof checks in
//! native halo2, in snark-verifier's generated contract and in chainfer's.
//!
//! | item | encoding |
//! |---|---|
//! | scalar | 32 bytes, big-endian, below the order r |
//! | point | x then y, 32 bytes each, big-endian, below the base modulus q; the identity is (0, 0) |
//! | challenge | the Keccak-256 of everything since the last challenge, as a big-endian integer, mod r |
//!
//! A squeeze leaves the full 32-byte hash as the start of the next hash input. If that input is exactly 32 bytes long when a
//! challenge is asked for (nothing came in between), one byte 0x01 is appended, so two challenges in a row differ.
//!
//! The crate follows halo2's traits ([`Transcript`](halo2_proofs::transcript::Transcript) and its kin) for `G1Affine`:
//! [`EvmTranscriptWrite`] for the prover, [`EvmTranscriptRead`] for the verifier.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod challenge;
mod encoding;
mod read;
mod sponge;
mod write;

pub use challenge::ChallengeEvm;
pub use encoding::{POINT_LEN, SCALAR_LEN};
pub use read::EvmTranscriptRead;
pub use write::EvmTranscriptWrite;
