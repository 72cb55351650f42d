//! The part of an SRS that a verifier needs, and the digest that names it.

use super::{KzgParams, assemble};
use crate::{
    bytes::{Bytes32, Encoder, HexBytes},
    error::{EngineError, Result},
};
use halo2curves::{
    CurveAffine,
    bn256::{Bn256, Fq, Fq2, G1Affine, G2Affine},
    ff::PrimeField,
    group::{cofactor::CofactorGroup, prime::PrimeCurveAffine},
    pairing::Engine,
};
use serde::{Deserialize, Serialize};

const WHAT: &str = "SRS description";

/// Identity of a trusted setup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SrsSpec {
    /// Whether somebody knows tau; such proofs convince nobody.
    pub insecure: bool,
    /// keccak256 over the points below: the setup's identity, whatever its size.
    pub digest: Bytes32,
    /// tau in G1: x, y, 32 bytes big-endian each.
    pub tau_g1: HexBytes,
    /// tau in G2: x.c1, x.c0, y.c1, y.c0 (the order of EIP-197), 32 bytes big-endian each.
    pub tau_g2: HexBytes,
}

impl SrsSpec {
    /// Describes the setup of these first powers.
    ///
    /// # Errors
    /// The points are not of one tau, or of tau = 0.
    pub(super) fn new(tau_g1: G1Affine, tau_g2: G2Affine, insecure: bool) -> Result<Self> {
        let mut spec = Self {
            insecure,
            digest: Bytes32::default(),
            tau_g1: HexBytes([tau_g1.x, tau_g1.y].iter().flat_map(word).collect()),
            tau_g2: HexBytes(
                [tau_g2.x.c1, tau_g2.x.c0, tau_g2.y.c1, tau_g2.y.c0]
                    .iter()
                    .flat_map(word)
                    .collect(),
            ),
        };
        spec.digest = spec.recompute();
        spec.points()?;
        Ok(spec)
    }

    fn recompute(&self) -> Bytes32 {
        let mut encoder = Encoder::new("chainfer.srs.v1");
        encoder.bytes(&self.tau_g1.0).bytes(&self.tau_g2.0).digest()
    }

    /// Checks untrusted content: canonical points, in the subgroup, of one tau, under the stated digest.
    ///
    /// # Errors
    /// Says which check failed.
    pub fn validate(&self) -> Result<()> {
        let got = self.recompute();
        if got != self.digest {
            return Err(EngineError::DigestMismatch {
                what: WHAT.to_owned(),
                expected: self.digest,
                got,
            });
        }
        if !self.insecure && self.digest == super::development_digest()? {
            return Err(EngineError::malformed(
                WHAT,
                "the development SRS is declared secure",
            ));
        }
        self.points().map(|_| ())
    }

    /// Parameters that verify proofs of circuits with 2^k rows, for every k asked for; they cannot prove.
    ///
    /// # Errors
    /// As [`Self::validate`].
    pub fn verifier_params(&self, sizes: impl IntoIterator<Item = u32>) -> Result<Vec<KzgParams>> {
        self.validate()?;
        let (_, tau_g2) = self.points()?;
        let params = |k| assemble(k, vec![G1Affine::generator()], Vec::new(), tau_g2);
        Ok(sizes.into_iter().map(params).collect())
    }

    fn points(&self) -> Result<(G1Affine, G2Affine)> {
        let [x, y] = coordinates(&self.tau_g1)?;
        let [x1, x0, y1, y0] = coordinates(&self.tau_g2)?;
        let refuse = |detail: &str| EngineError::malformed(WHAT, detail);
        let g1 = Option::<G1Affine>::from(G1Affine::from_xy(x, y))
            .ok_or_else(|| refuse("tau_g1 is not on the curve"))?;
        let (x, y) = (Fq2 { c0: x0, c1: x1 }, Fq2 { c0: y0, c1: y1 });
        let g2 = Option::<G2Affine>::from(G2Affine::from_xy(x, y))
            .ok_or_else(|| refuse("tau_g2 is not on the curve"))?;
        if bool::from(g1.is_identity()) || bool::from(g2.is_identity()) {
            return Err(refuse("tau is zero"));
        }
        if !bool::from(g2.to_curve().is_torsion_free()) {
            return Err(refuse("tau_g2 is not in the subgroup"));
        }
        let same = Bn256::pairing(&g1, &G2Affine::generator())
            == Bn256::pairing(&G1Affine::generator(), &g2);
        if !same {
            return Err(refuse("tau_g1 and tau_g2 are not of one tau"));
        }
        Ok((g1, g2))
    }
}

fn word(coordinate: &Fq) -> [u8; 32] {
    let mut bytes: [u8; 32] = coordinate.to_repr();
    bytes.reverse();
    bytes
}

fn coordinates<const N: usize>(bytes: &HexBytes) -> Result<[Fq; N]> {
    if bytes.0.len() != 32 * N {
        return Err(EngineError::malformed(WHAT, "a point has the wrong length"));
    }
    let mut coordinates = [Fq::zero(); N];
    for (coordinate, word) in coordinates.iter_mut().zip(bytes.0.chunks_exact(32)) {
        let mut repr = [0u8; 32];
        repr.copy_from_slice(word);
        repr.reverse();
        *coordinate = Option::<Fq>::from(Fq::from_repr(repr))
            .ok_or_else(|| EngineError::malformed(WHAT, "a coordinate is not below the modulus"))?;
    }
    Ok(coordinates)
}

#[cfg(test)]
mod tests {
    use super::super::Srs;
    use super::*;

    #[test]
    fn validate_own_description_passes_and_changes_are_refused() {
        let good = Srs::development(2).unwrap().spec().clone();
        good.validate().unwrap();
        let mut other = good.clone();
        other.digest.0[0] ^= 1;
        assert!(matches!(
            other.validate(),
            Err(EngineError::DigestMismatch { .. })
        ));
        let mut other = good.clone();
        other.insecure = false;
        assert!(matches!(
            other.validate(),
            Err(EngineError::Malformed { .. })
        ));
        for at in [0, 31, 63] {
            let mut other = good.clone();
            other.tau_g1.0[at] ^= 1;
            other.digest = other.recompute();
            assert!(matches!(
                other.validate(),
                Err(EngineError::Malformed { .. })
            ));
        }
        let mut other = good.clone();
        other.tau_g1 = HexBytes(
            [G1Affine::generator().x, G1Affine::generator().y]
                .iter()
                .flat_map(word)
                .collect(),
        );
        other.digest = other.recompute();
        assert!(
            other
                .validate()
                .unwrap_err()
                .to_string()
                .contains("one tau")
        );
        let mut other = good;
        other.tau_g2.0.pop();
        other.digest = other.recompute();
        assert!(other.validate().is_err());
    }
}
