//! What a manifest says of the trusted setup.

use crate::{digest::Encoder, hex};
use alloy_primitives::{B256, Bytes, b256};
use serde::{Deserialize, Serialize};

/// Digest of the insecure development setup, whose secret is in the source code.
pub const DEVELOPMENT_DIGEST: B256 =
    b256!("0xa0765eab0168fc1e68c5b904af315320bdba19d9b12c032bc49d70f4e6b0c53c");

/// Bytes of a point in G1.
pub const G1_BYTES: usize = 64;
/// Bytes of a point in G2.
pub const G2_BYTES: usize = 128;

/// The part of a trusted setup that a verifier needs, and the digest that names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SrsSpec {
    /// Whether this is the development setup. It follows from `digest`, and a description that says otherwise is refused;
    /// what a setup is worth is [`crate::setup::SetupStatus`].
    pub insecure: bool,
    /// Keccak-256 over the points below: the setup's identity, whatever its size.
    #[serde(with = "hex::word")]
    pub digest: B256,
    /// tau in G1: x, y, 32 bytes big-endian each.
    #[serde(with = "hex::bytes")]
    pub tau_g1: Bytes,
    /// tau in G2: x.c1, x.c0, y.c1, y.c0 (the order of EIP-197), 32 bytes big-endian each.
    #[serde(with = "hex::bytes")]
    pub tau_g2: Bytes,
}

/// What a description of a setup says wrongly of itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("field `{field}`: expected {expected}, got {got}")]
pub struct SrsError {
    /// Which field.
    pub field: &'static str,
    /// What would be right.
    pub expected: String,
    /// What was found.
    pub got: String,
}

impl SrsSpec {
    /// Describes a setup by its encoded points.
    pub fn new(tau_g1: Bytes, tau_g2: Bytes) -> Self {
        let mut spec = Self {
            insecure: false,
            digest: B256::ZERO,
            tau_g1,
            tau_g2,
        };
        spec.digest = spec.recompute_digest();
        spec.insecure = spec.is_development();
        spec
    }

    /// Whether this is the development setup, by its digest.
    pub fn is_development(&self) -> bool {
        self.digest == DEVELOPMENT_DIGEST
    }

    /// The digest of the points.
    pub fn recompute_digest(&self) -> B256 {
        let mut encoder = Encoder::new("chainfer.srs.v1");
        encoder.bytes(&self.tau_g1).bytes(&self.tau_g2).digest()
    }

    /// Checks what needs no curve: the digest, the lengths, and that `insecure` says what the digest says. The engine checks
    /// the points.
    ///
    /// # Errors
    /// Names the field.
    pub fn check(&self) -> Result<(), SrsError> {
        let refuse = |field, expected: String, got: String| {
            Err(SrsError {
                field,
                expected,
                got,
            })
        };
        let digest = self.recompute_digest();
        if digest != self.digest {
            return refuse(
                "digest",
                format!("{digest} (the digest of the points)"),
                self.digest.to_string(),
            );
        }
        for (field, point, expected) in [
            ("tau_g1", &self.tau_g1, G1_BYTES),
            ("tau_g2", &self.tau_g2, G2_BYTES),
        ] {
            if point.len() != expected {
                return refuse(
                    field,
                    format!("{expected} bytes"),
                    format!("{} bytes", point.len()),
                );
            }
        }
        if self.insecure != self.is_development() {
            let expected = if self.is_development() {
                "true for the development setup"
            } else {
                "false for every setup but the development one"
            };
            return refuse("insecure", expected.to_owned(), self.insecure.to_string());
        }
        Ok(())
    }
}
