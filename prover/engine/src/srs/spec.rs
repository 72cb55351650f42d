//! The part of an SRS that a verifier needs, and the digest that names it.

use super::{KzgParams, assemble, development_tau_g2};
use crate::{
    error::{EngineError, Result},
    field::coordinate_word,
};
use chainfer_formats::{Bytes, KnownSetups, SrsSpec};
use halo2curves::{
    CurveAffine,
    bn256::{Bn256, Fq, Fq2, G1Affine, G2Affine},
    ff::PrimeField,
    group::{Curve, Group, cofactor::CofactorGroup, prime::PrimeCurveAffine},
    pairing::Engine,
};

const WHAT: &str = "SRS description";
/// Anybody finds a tau of at most this size.
const SMALL_TAU: u64 = 1 << 16;

/// Describes the setup of these first powers.
///
/// # Errors
/// The points are not of one tau, or of tau = 0.
pub(super) fn describe(tau_g1: G1Affine, tau_g2: G2Affine) -> Result<SrsSpec> {
    let g1 = [tau_g1.x, tau_g1.y];
    let g2 = [tau_g2.x.c1, tau_g2.x.c0, tau_g2.y.c1, tau_g2.y.c0];
    let spec = SrsSpec::new(encode(&g1), encode(&g2));
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

/// Checks the points of a list of setups: on the curve, in the subgroup, and of no tau that everybody knows.
///
/// # Errors
/// Names the setup.
pub fn validate_known(known: &KnownSetups) -> Result<()> {
    let built_in = KnownSetups::built_in();
    let mut points = Vec::new();
    for setup in known.iter() {
        let refuse = |detail: &str| {
            let what = format!("known setup {:?}", setup.name);
            Err(EngineError::malformed(what, detail))
        };
        let point = match g2_point(&setup.tau_g2) {
            Ok(point) => point,
            Err(EngineError::Malformed { detail, .. }) => return refuse(&detail),
            Err(other) => return Err(other),
        };
        if point == G2Affine::generator() || point == -G2Affine::generator() {
            return refuse("tau is 1 or -1");
        }
        if point == development_tau_g2() {
            return refuse("it is the development setup, whose tau is public");
        }
        // The built-in ones were looked at when they were listed.
        if !built_in.iter().any(|s| s.tau_g2 == setup.tau_g2) {
            points.push((setup, point));
        }
    }
    if points.is_empty() {
        return Ok(());
    }
    let small: Vec<G2Affine> = small_multiples();
    for (setup, point) in points {
        if small.iter().any(|multiple| multiple.x == point.x) {
            return Err(EngineError::malformed(
                format!("known setup {:?}", setup.name),
                format!(
                    "tau is between -{SMALL_TAU} and {SMALL_TAU}: anybody can forge proofs under it"
                ),
            ));
        }
    }
    Ok(())
}

/// The generator's multiples that tau must not give, in either sign, from the first on.
pub(super) fn small_multiples<P: CurveAffine>() -> Vec<P> {
    let generator = P::generator();
    let mut multiple = P::CurveExt::identity();
    let multiples: Vec<P::CurveExt> = (0..SMALL_TAU)
        .map(|_| {
            multiple += generator;
            multiple
        })
        .collect();
    let mut affine = vec![P::identity(); multiples.len()];
    P::CurveExt::batch_normalize(&multiples, &mut affine);
    affine
}

/// A point of G2 in the subgroup, not at infinity.
fn g2_point(bytes: &Bytes) -> Result<G2Affine> {
    let [x1, x0, y1, y0] = coordinates(bytes)?;
    let refuse = |detail: &str| EngineError::malformed(WHAT, detail);
    let (x, y) = (Fq2 { c0: x0, c1: x1 }, Fq2 { c0: y0, c1: y1 });
    let g2 = Option::<G2Affine>::from(G2Affine::from_xy(x, y))
        .ok_or_else(|| refuse("tau_g2 is not on the curve"))?;
    if bool::from(g2.is_identity()) {
        return Err(refuse("tau is zero"));
    }
    if !bool::from(g2.to_curve().is_torsion_free()) {
        return Err(refuse("tau_g2 is not in the subgroup"));
    }
    Ok(g2)
}

fn points(spec: &SrsSpec) -> Result<(G1Affine, G2Affine)> {
    let [x, y] = coordinates(&spec.tau_g1)?;
    let refuse = |detail: &str| EngineError::malformed(WHAT, detail);
    let g1 = Option::<G1Affine>::from(G1Affine::from_xy(x, y))
        .ok_or_else(|| refuse("tau_g1 is not on the curve"))?;
    if bool::from(g1.is_identity()) {
        return Err(refuse("tau is zero"));
    }
    let g2 = g2_point(&spec.tau_g2)?;
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
    use halo2curves::{bn256::Fr, ff::Field, group::Curve};

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
            let other = SrsSpec::new(point.into(), good.tau_g2.clone());
            assert!(detail(&other).contains("tau_g1 is not on the curve"));
        }
        let generator = encode(&[G1Affine::generator().x, G1Affine::generator().y]);
        let other = SrsSpec::new(generator, good.tau_g2.clone());
        assert!(detail(&other).contains("one tau"));
        let short = good.tau_g2.slice(1..);
        let other = SrsSpec::new(good.tau_g1.clone(), short);
        assert!(detail(&other).contains("`tau_g2`"));
    }
    #[test]
    fn validate_call_any_other_setup_insecure_is_refused() {
        let other = describe(
            (G1Affine::generator() * Fr::from(1 << 40)).to_affine(),
            (G2Affine::generator() * Fr::from(1 << 40)).to_affine(),
        )
        .unwrap();
        assert!(!other.insecure);
        validate(&other).unwrap();
        let claimed = SrsSpec {
            insecure: true,
            ..other
        };
        assert!(detail(&claimed).contains("`insecure`"));
    }

    #[test]
    fn built_in_setups_are_in_the_subgroup_and_of_no_public_tau() {
        validate_known(&KnownSetups::built_in()).unwrap();
    }

    #[test]
    fn listed_points_that_cannot_be_a_ceremony_are_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("known.json");
        let generator = G2Affine::generator();
        let point = |p: &G2Affine| encode(&[p.x.c1, p.x.c0, p.y.c1, p.y.c0]).to_string();
        let multiple = |n: u64| point(&(generator * Fr::from(n)).to_affine());
        let mut off = point(&generator);
        off.replace_range(100..101, if &off[100..101] == "0" { "1" } else { "0" });
        let outside = {
            let x = Fq2 {
                c0: Fq::from(1),
                c1: Fq::from(3),
            };
            let mut x = x;
            loop {
                x.c0 += Fq::one();
                if let Some(y) = Option::<Fq2>::from((x.square() * x + G2Affine::b()).sqrt()) {
                    break G2Affine { x, y };
                }
            }
        };
        for (tau_g2, reason) in [
            (point(&generator), "1 or -1"),
            (point(&-generator), "1 or -1"),
            (point(&development_tau_g2()), "development"),
            (multiple(2), "anybody can forge"),
            (multiple(1 << 16), "anybody can forge"),
            (off, "curve"),
            (point(&outside), "subgroup"),
            (format!("0x{}", "00".repeat(128)), "zero"),
        ] {
            let json = format!(
                r#"{{"format":"chainfer.known-srs","version":1,"setups":[{{"name":"ours","tau_g2":"{tau_g2}","sources":[]}}]}}"#
            );
            std::fs::write(&path, json).unwrap();
            let mut known = KnownSetups::built_in();
            known.add_file(&path).unwrap();
            let message = validate_known(&known).unwrap_err().to_string();
            assert!(
                message.contains("ours") && message.contains(reason),
                "{message}"
            );
        }
    }
}
