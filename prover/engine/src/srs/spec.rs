//! The part of an SRS that a verifier needs, and the digest that names it.

use super::{KzgParams, assemble};
use crate::{
    error::{EngineError, Result},
    field::coordinate_word,
};
use chainfer_formats::{Bytes, SrsSpec, limits::DEVELOPMENT_CHAIN_ID};
use halo2curves::{
    CurveAffine,
    bn256::{Bn256, Fq, Fq2, G1Affine, G2Affine},
    ff::PrimeField,
    group::{cofactor::CofactorGroup, prime::PrimeCurveAffine},
    pairing::Engine,
};

const WHAT: &str = "SRS description";

/// Describes the setup of these first powers.
///
/// # Errors
/// The points are not of one tau, or of tau = 0.
pub(super) fn describe(tau_g1: G1Affine, tau_g2: G2Affine, insecure: bool) -> Result<SrsSpec> {
    let g1 = [tau_g1.x, tau_g1.y];
    let g2 = [tau_g2.x.c1, tau_g2.x.c0, tau_g2.y.c1, tau_g2.y.c0];
    let spec = SrsSpec::new(encode(&g1), encode(&g2), insecure);
    points(&spec)?;
    Ok(spec)
}

/// Checks untrusted content: canonical points, in the subgroup, of one tau, under the stated digest.
///
/// # Errors
/// Says which check failed.
pub fn validate(spec: &SrsSpec) -> Result<()> {
    spec.check().map_err(|e| EngineError::malformed(WHAT, e))?;
    points(spec).map(|_| ())
}

/// Parameters that verify proofs of circuits with 2^k rows, for every k asked for; they cannot prove.
///
/// # Errors
/// As [`validate`].
pub fn verifier_params(
    spec: &SrsSpec,
    sizes: impl IntoIterator<Item = u32>,
) -> Result<Vec<KzgParams>> {
    validate(spec)?;
    let (_, tau_g2) = points(spec)?;
    let params = |k| assemble(k, vec![G1Affine::generator()], Vec::new(), tau_g2);
    Ok(sizes.into_iter().map(params).collect())
}

/// Refuses the insecure setup for every chain but [`DEVELOPMENT_CHAIN_ID`], unless `allow_insecure`.
///
/// # Errors
/// [`EngineError::InsecureSrs`].
pub fn require_for_chain(spec: &SrsSpec, chain_id: u64, allow_insecure: bool) -> Result<()> {
    if spec.insecure && chain_id != DEVELOPMENT_CHAIN_ID && !allow_insecure {
        return Err(EngineError::InsecureSrs { chain_id });
    }
    Ok(())
}

fn points(spec: &SrsSpec) -> Result<(G1Affine, G2Affine)> {
    let [x, y] = coordinates(&spec.tau_g1)?;
    let [x1, x0, y1, y0] = coordinates(&spec.tau_g2)?;
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
    let same =
        Bn256::pairing(&g1, &G2Affine::generator()) == Bn256::pairing(&G1Affine::generator(), &g2);
    if !same {
        return Err(refuse("tau_g1 and tau_g2 are not of one tau"));
    }
    Ok((g1, g2))
}

fn encode(coordinates: &[Fq]) -> Bytes {
    let words = coordinates.iter().map(coordinate_word);
    words.flat_map(|word| word.0).collect()
}

fn coordinates<const N: usize>(bytes: &Bytes) -> Result<[Fq; N]> {
    if bytes.len() != 32 * N {
        return Err(EngineError::malformed(WHAT, "a point has the wrong length"));
    }
    let mut coordinates = [Fq::zero(); N];
    for (coordinate, word) in coordinates.iter_mut().zip(bytes.chunks_exact(32)) {
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

    fn detail(spec: &SrsSpec) -> String {
        match validate(spec) {
            Err(EngineError::Malformed { detail, .. }) => detail,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn validate_own_description_passes_and_changes_are_refused() {
        let good = Srs::development(2).unwrap().spec().clone();
        validate(&good).unwrap();
        let mut other = good.clone();
        other.digest.0[0] ^= 1;
        assert!(detail(&other).contains("`digest`"));
        let mut other = good.clone();
        other.insecure = false;
        assert!(detail(&other).contains("`insecure`"));
        for at in [0, 31, 63] {
            let mut point = good.tau_g1.to_vec();
            point[at] ^= 1;
            let other = SrsSpec::new(point.into(), good.tau_g2.clone(), true);
            assert!(detail(&other).contains("tau_g1 is not on the curve"));
        }
        let generator = encode(&[G1Affine::generator().x, G1Affine::generator().y]);
        let other = SrsSpec::new(generator, good.tau_g2.clone(), true);
        assert!(detail(&other).contains("one tau"));
        let short = good.tau_g2.slice(1..);
        let other = SrsSpec::new(good.tau_g1.clone(), short, true);
        assert!(detail(&other).contains("`tau_g2`"));
    }
}
