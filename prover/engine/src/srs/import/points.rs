//! Points as setup files encode them. Everything decoded is canonical, on the curve and not at infinity.

use halo2curves::{
    CurveAffine,
    bn256::{Fq, Fq2, G1Affine, G2, G2Affine},
    ff::{Field, PrimeField},
    group::{Curve, Group, prime::PrimeCurveAffine},
    serde::SerdeObject,
};
use rand::{RngCore, rngs::OsRng};
use rayon::prelude::*;
use std::sync::OnceLock;

/// How the points of a section are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Coordinates in Montgomery form, little-endian; of G2, c0 before c1. snarkjs and halo2.
    Montgomery,
    /// Coordinates big-endian, of G2 c1 before c0; bit 6 of the first byte is set for the point at infinity, bit 7 never.
    /// bellman's uncompressed form.
    Uncompressed,
    /// The abscissa as in [`Self::Uncompressed`]; bit 7 says that the ordinate is the larger of the two.
    Compressed,
}

/// Why a point is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadPoint {
    NotCanonical,
    OffCurve,
    Infinity,
}

/// A group whose points files hold.
pub(super) trait FilePoint: CurveAffine + SerdeObject {
    /// Bytes of a coordinate.
    const COORDINATE: usize;

    /// A coordinate from big-endian bytes, if it is canonical.
    fn coordinate(bytes: &[u8]) -> Option<Self::Base>;

    /// Whether `y` is the larger of `y` and `-y`.
    fn is_larger(y: &Self::Base) -> bool;
}

impl FilePoint for G1Affine {
    const COORDINATE: usize = 32;

    fn coordinate(bytes: &[u8]) -> Option<Fq> {
        let mut repr: [u8; 32] = bytes.try_into().ok()?;
        repr.reverse();
        Fq::from_repr(repr).into()
    }

    fn is_larger(y: &Fq) -> bool {
        is_larger(y, &-y)
    }
}

impl FilePoint for G2Affine {
    const COORDINATE: usize = 64;

    fn coordinate(bytes: &[u8]) -> Option<Fq2> {
        let (c1, c0) = bytes.split_at_checked(32)?;
        Some(Fq2 {
            c0: G1Affine::coordinate(c0)?,
            c1: G1Affine::coordinate(c1)?,
        })
    }

    fn is_larger(y: &Fq2) -> bool {
        if bool::from(y.c1.is_zero()) {
            G1Affine::is_larger(&y.c0)
        } else {
            G1Affine::is_larger(&y.c1)
        }
    }
}

fn is_larger(a: &Fq, b: &Fq) -> bool {
    a.to_repr().iter().rev().gt(b.to_repr().iter().rev())
}

const INFINITY: u8 = 1 << 6;
const LARGER: u8 = 1 << 7;

impl Encoding {
    /// Bytes of a point.
    pub(super) fn size<P: FilePoint>(self) -> usize {
        match self {
            Self::Compressed => P::COORDINATE,
            Self::Montgomery | Self::Uncompressed => 2 * P::COORDINATE,
        }
    }

    /// Decodes one point, whose bytes have the right number.
    pub(super) fn decode<P: FilePoint>(self, bytes: &[u8]) -> Result<P, BadPoint> {
        if self == Self::Montgomery {
            return montgomery(bytes);
        }
        let mut bytes = bytes.to_vec();
        let first = bytes.first_mut().ok_or(BadPoint::NotCanonical)?;
        let flags = *first & (INFINITY | LARGER);
        *first ^= flags;
        if flags & INFINITY != 0 {
            // Other forms of the same point are not canonical.
            let rest = bytes.iter().any(|b| *b != 0) || flags & LARGER != 0;
            return Err(if rest {
                BadPoint::NotCanonical
            } else {
                BadPoint::Infinity
            });
        }
        let (x, y) = bytes
            .split_at_checked(P::COORDINATE)
            .ok_or(BadPoint::NotCanonical)?;
        let x = P::coordinate(x).ok_or(BadPoint::NotCanonical)?;
        let y = if self == Self::Compressed {
            let root = Option::<P::Base>::from((x.square() * x + P::b()).sqrt());
            let root = root.ok_or(BadPoint::OffCurve)?;
            if P::is_larger(&root) == (flags & LARGER != 0) {
                root
            } else {
                -root
            }
        } else if flags != 0 {
            return Err(BadPoint::NotCanonical);
        } else {
            P::coordinate(y).ok_or(BadPoint::NotCanonical)?
        };
        let point = Option::<P>::from(P::from_xy(x, y)).ok_or(BadPoint::OffCurve)?;
        not_infinity(point)
    }
}

fn montgomery<P: FilePoint>(bytes: &[u8]) -> Result<P, BadPoint> {
    let canonical = bytes
        .chunks(32)
        .all(|word| word.len() == 32 && Fq::from_raw_bytes(word).is_some());
    if !canonical {
        return Err(BadPoint::NotCanonical);
    }
    not_infinity(P::from_raw_bytes(bytes).ok_or(BadPoint::OffCurve)?)
}

fn not_infinity<P: FilePoint>(point: P) -> Result<P, BadPoint> {
    if bool::from(point.is_identity()) {
        Err(BadPoint::Infinity)
    } else {
        Ok(point)
    }
}

/// The curve's parameter.
const X: u64 = 4_965_661_367_192_848_881;

/// Whether a point of the twist has the order of the scalar field, by its endomorphism psi:
/// `[x + 1]Q + psi([x]Q) + psi^2([x]Q) = 2 psi^3([x]Q)` (El Housni, Guillevic, Piellard, AfricaCrypt 2022).
pub(super) fn in_subgroup(point: &G2Affine) -> bool {
    let mut multiple = G2::identity();
    for bit in (0..u64::BITS).rev() {
        multiple = multiple.double();
        if X >> bit & 1 == 1 {
            multiple += point;
        }
    }
    let once = psi(&multiple);
    let twice = psi(&once);
    let left = multiple + point + once + twice;
    left == psi(&twice).double()
}

/// Rounds of [`all_in_subgroup`].
const ROUNDS: usize = 10;
/// Bits of a coefficient's digit, of which it has two.
const DIGIT: u32 = 8;

/// Whether all of many points of the twist have the order of the scalar field, by random combinations with coefficients of 16 bits.
///
/// The part of a point that is outside has an order that divides the cofactor, whose least prime factor is 10069. So at most 7 of
/// the 2^16 values of its coefficient make a sum in the subgroup: a wrong set passes [`ROUNDS`] rounds with a probability below 2^-131.
pub(super) fn all_in_subgroup(points: &[G2Affine]) -> bool {
    (0..ROUNDS).into_par_iter().all(|_| {
        let mut coefficients = vec![0u8; 2 * points.len()];
        OsRng.fill_bytes(&mut coefficients);
        let mut buckets = [
            vec![G2::identity(); 1 << DIGIT],
            vec![G2::identity(); 1 << DIGIT],
        ];
        for (point, digits) in points.iter().zip(coefficients.as_chunks::<2>().0) {
            for (buckets, digit) in buckets.iter_mut().zip(digits) {
                buckets[usize::from(*digit)] += point;
            }
        }
        let [low, high] = buckets.map(|buckets| weighted(&buckets));
        let shifted = (0..DIGIT).fold(high, |sum, _| sum.double());
        let sum = (shifted + low).to_affine();
        bool::from(sum.is_identity()) || in_subgroup(&sum)
    })
}

/// `sum_i i buckets[i]`.
fn weighted(buckets: &[G2]) -> G2 {
    let (mut running, mut sum) = (G2::identity(), G2::identity());
    for bucket in buckets.iter().skip(1).rev() {
        running += bucket;
        sum += running;
    }
    sum
}

/// The Frobenius endomorphism, on the twist.
fn psi(point: &G2) -> G2 {
    static FACTORS: OnceLock<(Fq2, Fq2)> = OnceLock::new();
    let (x, y) = FACTORS.get_or_init(|| {
        // xi^((p - 1) / 3) and xi^((p - 1) / 2) for the twist's xi = 9 + u
        let xi = Fq2 {
            c0: Fq::from(9),
            c1: Fq::ONE,
        };
        let sixth = xi.pow_vartime(SIXTH_OF_P_MINUS_ONE);
        (sixth.square(), sixth.square() * sixth)
    });
    let conjugate = |value: &Fq2| Fq2 {
        c0: value.c0,
        c1: -value.c1,
    };
    // G2's projective coordinates are homogeneous.
    G2 {
        x: conjugate(&point.x) * x,
        y: conjugate(&point.y) * y,
        z: conjugate(&point.z),
    }
}

/// `(p - 1) / 6`, little-endian.
const SIXTH_OF_P_MINUS_ONE: [u64; 4] = [
    0x34b0_1759_2414_d4e1,
    0xee95_91c2_e6bd_a1c2,
    0xf40d_60f3_c040_3964,
    0x0810_b7bd_d032_f006,
];

#[cfg(test)]
mod tests {
    use super::*;
    use halo2curves::{bn256::Fr, group::cofactor::CofactorGroup};
    use rand::{SeedableRng, rngs::StdRng};

    /// Points of the twist, nearly all outside the subgroup.
    fn twist_points() -> impl Iterator<Item = G2Affine> {
        (1u64..).filter_map(|i| {
            let x = Fq2 {
                c0: Fq::from(i),
                c1: Fq::from(3),
            };
            let y = Option::<Fq2>::from((x.square() * x + G2Affine::b()).sqrt())?;
            Some(G2Affine { x, y })
        })
    }

    #[test]
    fn in_subgroup_agrees_with_multiplication_by_the_order() {
        let mut rng = StdRng::seed_from_u64(1);
        for _ in 0..5 {
            assert!(in_subgroup(&G2::random(&mut rng).to_affine()));
        }
        for point in twist_points().take(20) {
            let expected = bool::from(point.to_curve().is_torsion_free());
            assert!(!expected);
            assert_eq!(in_subgroup(&point), expected);
            // What is left of it in the subgroup is accepted.
            assert!(in_subgroup(&point.to_curve().clear_cofactor().to_affine()));
        }
    }

    #[test]
    fn all_in_subgroup_finds_one_point_outside_wherever_it_is() {
        let mut rng = StdRng::seed_from_u64(2);
        let inside: Vec<G2Affine> = (0..64).map(|_| G2::random(&mut rng).to_affine()).collect();
        assert!(all_in_subgroup(&inside));
        // Of the least order that a part outside can have: the cofactor without its least prime factor, times r, leaves just that.
        let rest = num_bigint::BigUint::parse_bytes(
            b"2173824895405628684302950218021379986974303100027769687325441613140792921",
            10,
        )
        .unwrap();
        let order = num_bigint::BigUint::from_bytes_le(&(-Fr::ONE).to_repr()) + 1u32;
        let multiple = |point: &G2Affine, by: &num_bigint::BigUint| {
            by.to_bytes_be().iter().fold(G2::identity(), |sum, byte| {
                (0..8).rev().fold(sum, |sum, bit| {
                    let sum = sum.double();
                    if byte >> bit & 1 == 1 {
                        sum + point
                    } else {
                        sum
                    }
                })
            })
        };
        let small = twist_points()
            .map(|point| multiple(&point, &(&rest * &order)).to_affine())
            .find(|point| !bool::from(point.is_identity()))
            .unwrap();
        assert!(bool::from(
            multiple(&small, &10_069u32.into()).is_identity()
        ));
        let large = twist_points().next().unwrap();
        for outside in [small, large] {
            for at in [0, 17, 63] {
                let mut points = inside.clone();
                points[at] = (points[at].to_curve() + outside).to_affine();
                assert!(!all_in_subgroup(&points));
            }
        }
    }

    #[test]
    fn infinity_and_odd_flags_are_refused_in_every_encoding() {
        let decode = |encoding: Encoding, bytes: &[u8]| encoding.decode::<G1Affine>(bytes);
        assert_eq!(
            decode(Encoding::Montgomery, &[0; 64]),
            Err(BadPoint::Infinity)
        );
        let mut bytes = [0u8; 64];
        bytes[0] = INFINITY;
        assert_eq!(
            decode(Encoding::Uncompressed, &bytes),
            Err(BadPoint::Infinity)
        );
        assert_eq!(
            decode(Encoding::Compressed, &bytes[..32]),
            Err(BadPoint::Infinity)
        );
        bytes[0] |= LARGER;
        assert_eq!(
            decode(Encoding::Compressed, &bytes[..32]),
            Err(BadPoint::NotCanonical)
        );
        bytes[0] = LARGER;
        assert_eq!(
            decode(Encoding::Uncompressed, &bytes),
            Err(BadPoint::NotCanonical)
        );
        // (0, 0) without the flag is no point
        assert!(decode(Encoding::Uncompressed, &[0; 64]).is_err());
        assert_eq!(
            decode(Encoding::Montgomery, &[0xff; 64]),
            Err(BadPoint::NotCanonical)
        );
        assert_eq!(
            decode(Encoding::Uncompressed, &[0x3f; 64]),
            Err(BadPoint::NotCanonical)
        );
    }
}
