//! Reading a setup file's points, and the equations that they must satisfy.
//!
//! Points are read in chunks, so that memory holds the powers that are kept and little else. All powers of a section are
//! checked by one pairing: for a random rho, drawn after the file was fixed, `S = sum_i rho^i P_i` gives
//! `A = sum_(i<n-1) rho^i P_i` and `B = sum_(i<n-1) rho^i P_(i+1)`, and `e(B, G2) = e(A, [tau]_2)`. A section with a wrong
//! point passes for at most `n` of the `r` values of rho.

use super::{
    error::ImportError,
    layout::{Layout, ReadError, Role, Root, Section},
    points::{BadPoint, Encoding, FilePoint, all_in_subgroup, in_subgroup},
};
use crate::srs::{
    chain::{Chain, combine, pairing_differs},
    lagrange::Weights,
    spec::small_multiples,
};
use chainfer_compute::scalar::root_of_unity;
use halo2curves::{
    bn256::{Fr, G1, G1Affine, G2Affine},
    ff::{Field, PrimeField},
    group::{Curve, Group, prime::PrimeCurveAffine},
};
use rand::rngs::OsRng;
use rayon::prelude::*;
use std::io::{Read, Seek, SeekFrom};

/// Points that are read and decoded at a time.
const CHUNK: usize = 1 << 15;
/// From this number of points on, subgroup membership is checked for all of them at once.
const BATCH: usize = 1 << 10;

type Result<T> = std::result::Result<T, ReadError>;

/// Powers that were read and checked.
pub(super) struct Powers {
    /// `tau^i` in G1, as many as asked for.
    pub(super) g: Vec<G1Affine>,
    pub(super) tau_g2: G2Affine,
    rho: Fr,
}

/// What to check beyond what is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scope {
    /// log2 of the powers to keep.
    pub(super) k: u32,
    /// Read and check only what is used.
    pub(super) needed_only: bool,
}

/// Reads the powers and checks every section.
pub(super) fn check<R: Read + Seek>(
    file: &mut R,
    layout: &Layout,
    scope: Scope,
    progress: &dyn Fn(&str),
) -> Result<Powers> {
    let rho = Fr::random(OsRng);
    let (mut g, mut tau_g2) = (Vec::new(), G2Affine::identity());
    let mut g2 = None;
    // alpha and beta, as far as they were read
    let (mut shifts, mut beta_g2) = (Vec::new(), G2Affine::identity());
    for section in &layout.sections {
        let used = matches!(section.role, Role::Powers | Role::PowersG2);
        if scope.needed_only && !used {
            continue;
        }
        progress(section.name);
        match section.role {
            Role::PowersG2 => {
                let found = powers_g2(file, section, scope.needed_only)?;
                tau_g2 = found.tau;
                g2 = Some((found, section));
            }
            Role::Powers => {
                let keep = 1usize << scope.k;
                let limit = scope.needed_only.then_some(keep as u64);
                g = powers_g1(file, section, (keep, limit), tau_g2, rho)?;
                if let (Some((found, section)), Some(tau_g1)) = (&g2, g.get(1)) {
                    found.require(tau_g1, section)?;
                }
            }
            Role::Shifted => {
                let chain = chain_g1(file, section, None, rho, |_, _| Ok(()))?;
                require_powers(&chain, tau_g2, section)?;
                shifts.push(chain.first);
            }
            Role::BetaG2 => {
                let mut point = G2Affine::identity();
                each_chunk(file, section, None, |_, points: &[G2Affine]| {
                    point = points.first().copied().unwrap_or_default();
                    Ok(())
                })?;
                require_subgroup(&[point], section, 0)?;
                let beta = shifts.last().copied().unwrap_or_default();
                let in_g1 = (&beta, &G2Affine::generator());
                if pairing_differs(in_g1, (&G1Affine::generator(), &point)) {
                    return Err(ImportError::OtherBeta {
                        section: section.name.to_owned(),
                    }
                    .into());
                }
                beta_g2 = point;
            }
            Role::Lagrange { .. } | Role::OtherG1 => {
                each_chunk(file, section, None, |_, _: &[G1Affine]| Ok(()))?;
            }
            Role::OtherG2 => each_chunk(file, section, None, |_, _: &[G2Affine]| Ok(()))?,
            Role::Contributions => {
                let g1 = g.get(1).into_iter().chain(&shifts).copied().collect();
                let last = Last {
                    g1,
                    g2: [tau_g2, beta_g2],
                };
                contributions(file, section, &last)?;
            }
        }
    }
    Ok(Powers { g, tau_g2, rho })
}

impl Powers {
    /// Reads the Lagrange basis for 2^k from the file, if it has one, and compares it with the powers.
    pub(super) fn read_lagrange<R: Read + Seek>(
        &self,
        file: &mut R,
        layout: &Layout,
        k: u32,
    ) -> Result<Option<Vec<G1Affine>>> {
        let found = layout.sections.iter().find_map(|s| match s.role {
            Role::Lagrange { first, last, root } if (first..=last).contains(&k) => {
                Some((s, first, root))
            }
            _ => None,
        });
        let Some((section, first, root)) = found else {
            return Ok(None);
        };
        let before = (1u64 << k) - (1u64 << first);
        let size = section.encoding.size::<G1Affine>() as u64;
        let part = Section {
            offset: section.offset + before * size,
            length: size << k,
            ..section.clone()
        };
        let (root, stride) = match root {
            Root::Halo2 => (root_of_unity(k), 1),
            Root::Snarkjs => snarkjs_root(k),
        };
        let n = 1usize << k;
        let mut basis = vec![G1Affine::identity(); n];
        let mut weights = Weights::new(k, root, self.rho);
        let mut sum = G1::identity();
        each_chunk(file, &part, None, |at, points: &[G1Affine]| {
            sum += weights.combine(points);
            for (i, point) in points.iter().enumerate() {
                basis[(at as usize + i) * stride % n] = *point;
            }
            Ok(())
        })?;
        self.require_sum(sum, k, section.name)?;
        Ok(Some(basis))
    }

    /// Compares a computed Lagrange basis with the powers.
    pub(super) fn require_lagrange(&self, basis: &[G1Affine], k: u32) -> Result<()> {
        if basis.iter().any(|p| bool::from(p.is_identity())) {
            return Err(ImportError::TauInDomain { k }.into());
        }
        let sum = Weights::new(k, root_of_unity(k), self.rho).combine(basis);
        self.require_sum(sum, k, "computed here")
    }

    fn require_sum(&self, sum: G1, k: u32, section: &'static str) -> Result<()> {
        if sum == combine(&self.g[..1 << k], self.rho, Fr::ONE) {
            return Ok(());
        }
        Err(ImportError::NotLagrange {
            section: section.to_owned(),
            k,
        }
        .into())
    }
}

/// snarkjs's root of unity of order 2^k, and the exponent that gives it from halo2's.
fn snarkjs_root(k: u32) -> (Fr, usize) {
    const GENERATOR: u64 = 5;
    // (r - 1) / 2^28 is r >> 28, as r - 1 is a multiple of it.
    let mut exponent = [0u64; 4];
    let largest = (-Fr::ONE).to_repr();
    for (limb, bytes) in exponent.iter_mut().zip(largest.as_chunks::<8>().0) {
        *limb = u64::from_le_bytes(*bytes);
    }
    let limbs = exponent;
    for (i, limb) in exponent.iter_mut().enumerate() {
        let above = limbs.get(i + 1).copied().unwrap_or(0);
        *limb = limbs[i] >> Fr::S | above << (u64::BITS - Fr::S);
    }
    let full = Fr::from(GENERATOR).pow_vartime(exponent);
    let root = (k..Fr::S).fold(full, |w, _| w.square());
    // The discrete logarithm, bit by bit.
    let ours = root_of_unity(k);
    let inverse = ours.invert().unwrap_or(Fr::ZERO);
    let mut log = 0u64;
    for bit in 0..k {
        let rest = root * inverse.pow_vartime([log]);
        if rest.pow_vartime([1u64 << (k - 1 - bit)]) != Fr::ONE {
            log |= 1 << bit;
        }
    }
    (root, log as usize)
}

fn require_powers(chain: &Chain<G1Affine>, tau_g2: G2Affine, section: &Section) -> Result<()> {
    if chain.is_of(&tau_g2) {
        return Ok(());
    }
    Err(not_powers(section))
}

fn not_powers(section: &Section) -> ReadError {
    ImportError::NotPowers {
        section: section.name.to_owned(),
    }
    .into()
}

fn chain_g1<R: Read + Seek>(
    file: &mut R,
    section: &Section,
    limit: Option<u64>,
    rho: Fr,
    mut keep: impl FnMut(u64, &[G1Affine]) -> Result<()>,
) -> Result<Chain<G1Affine>> {
    let mut chain = Chain::new(rho);
    each_chunk(file, section, limit, |at, points: &[G1Affine]| {
        keep(at, points)?;
        chain.add(at, points);
        Ok(())
    })?;
    Ok(chain)
}

fn powers_g1<R: Read + Seek>(
    file: &mut R,
    section: &Section,
    (keep, limit): (usize, Option<u64>),
    tau_g2: G2Affine,
    rho: Fr,
) -> Result<Vec<G1Affine>> {
    let mut kept = Vec::new();
    let generator = G1Affine::generator();
    let chain = chain_g1(file, section, limit, rho, |at, points| {
        if at == 0 {
            if points.first() != Some(&generator) {
                return Err(ImportError::NotTheGenerator {
                    section: section.name.to_owned(),
                }
                .into());
            }
            // The whole chunk would be repetitions otherwise.
            weak_tau(points.get(1).unwrap_or(&generator))?;
        }
        let again = points
            .iter()
            .skip(usize::from(at == 0))
            .position(|p| *p == generator);
        if let Some(i) = again {
            return Err(ImportError::Repeated {
                section: section.name.to_owned(),
                index: at + i as u64 + u64::from(at == 0),
            }
            .into());
        }
        let room = keep - kept.len().min(keep);
        kept.extend_from_slice(&points[..points.len().min(room)]);
        Ok(())
    })?;
    require_powers(&chain, tau_g2, section)?;
    Ok(kept)
}

/// The powers in G2: tau, and the two sides of their equation, for which tau in G1 has to be known.
struct PowersG2 {
    tau: G2Affine,
    low: G2Affine,
    high: G2Affine,
}

impl PowersG2 {
    fn require(&self, tau_g1: &G1Affine, section: &Section) -> Result<()> {
        if pairing_differs((&G1Affine::generator(), &self.high), (tau_g1, &self.low)) {
            return Err(not_powers(section));
        }
        Ok(())
    }
}

fn powers_g2<R: Read + Seek>(
    file: &mut R,
    section: &Section,
    needed_only: bool,
) -> Result<PowersG2> {
    let mut tau = G2Affine::identity();
    let mut chain = Chain::new(Fr::random(OsRng));
    each_chunk(file, section, needed_only.then_some(2), |at, points| {
        if let ([one, first, ..], 0) = (points, at) {
            tau = *first;
            if *one != G2Affine::generator() {
                return Err(ImportError::NotTheGenerator {
                    section: section.name.to_owned(),
                }
                .into());
            }
        }
        require_subgroup(points, section, at)?;
        chain.add(at, points);
        Ok(())
    })?;
    let (low, high) = chain.sides();
    Ok(PowersG2 {
        tau,
        low: low.to_affine(),
        high: high.to_affine(),
    })
}

fn require_subgroup(points: &[G2Affine], section: &Section, at: u64) -> Result<()> {
    // One by one only where they are few, or where one of them is to be named.
    if points.len() >= BATCH && all_in_subgroup(points) {
        return Ok(());
    }
    let outside = points
        .par_iter()
        .position_first(|point| !in_subgroup(point));
    match outside {
        None => Ok(()),
        Some(i) => Err(ImportError::OutsideSubgroup {
            section: section.name.to_owned(),
            index: at + i as u64,
        }
        .into()),
    }
}

/// Refuses a tau that anybody finds: 0, and those near it.
fn weak_tau(tau_g1: &G1Affine) -> Result<()> {
    let refuse = |what: String| Err(ImportError::WeakTau(what).into());
    if bool::from(tau_g1.is_identity()) {
        return refuse("0".to_owned());
    }
    let multiples: Vec<G1Affine> = small_multiples();
    let found = multiples.iter().position(|p| p.x == tau_g1.x);
    match found {
        None => Ok(()),
        Some(i) => {
            let positive = multiples[i] == *tau_g1;
            refuse(format!("{}{}", if positive { "" } else { "-" }, i + 1))
        }
    }
}

/// The points that the last contribution must have left.
struct Last {
    /// tau, alpha, beta.
    g1: Vec<G1Affine>,
    /// tau, beta.
    g2: [G2Affine; 2],
}

/// Reads the contributions of a .ptau: their points, and that the last one's are those of the file. Names and hashes are
/// not looked at.
fn contributions<R: Read + Seek>(file: &mut R, section: &Section, last: &Last) -> Result<()> {
    // A name, the exponent of a beacon and its hash, each of at most 255 bytes.
    const MAX_PARAMETERS: u64 = 1 << 12;
    const LEAST: u64 = 2 * 64 + 2 * 128 + 64 + 6 * 64 + 3 * 128 + 216 + 64 + 4 + 4;
    let wrong = |detail: String| ReadError::Refused(ImportError::Contributions(detail));
    let end = section.offset + section.length;
    let mut at = section.offset;
    // Reads the next bytes of the section.
    let mut take = |file: &mut R, length: u64| -> Result<Vec<u8>> {
        if length > end - at {
            return Err(wrong("it ends within a contribution".to_owned()));
        }
        file.seek(SeekFrom::Start(at))?;
        let mut bytes = vec![0u8; length as usize];
        file.read_exact(&mut bytes)?;
        at += length;
        Ok(bytes)
    };
    let number = |bytes: &[u8]| {
        bytes
            .iter()
            .rev()
            .fold(0u64, |n, byte| n << 8 | u64::from(*byte))
    };
    let count = number(&take(file, 4)?);
    if count > section.length / LEAST {
        return Err(wrong(format!("it announces {count} contributions")));
    }
    let mut found = None;
    for index in 0..count {
        let bytes = take(file, LEAST)?;
        let mut rest = bytes.as_slice();
        let mut next = |length: usize| {
            let (one, more) = rest.split_at(length);
            rest = more;
            one
        };
        let bad = |bad: BadPoint| {
            let what = match bad {
                BadPoint::NotCanonical => "a coordinate is not canonical",
                BadPoint::OffCurve => "a point is not on the curve",
                BadPoint::Infinity => "a point is at infinity",
            };
            wrong(format!("contribution {}: {what}", index + 1))
        };
        let g1 = |bytes: &[u8]| Encoding::Montgomery.decode::<G1Affine>(bytes).map_err(bad);
        let g2 = |bytes: &[u8]| Encoding::Montgomery.decode::<G2Affine>(bytes).map_err(bad);
        let tau_g1 = g1(next(64))?;
        let tau_g2 = g2(next(128))?;
        let (alpha_g1, beta_g1) = (g1(next(64))?, g1(next(64))?);
        let beta_g2 = g2(next(128))?;
        for _ in 0..6 {
            g1(next(64))?;
        }
        for _ in 0..3 {
            g2(next(128))?;
        }
        // The state of a hash, the next challenge's hash.
        next(216 + 64);
        let kind = number(next(4));
        if kind > 1 {
            return Err(wrong(format!(
                "contribution {}: there is no kind {kind}",
                index + 1
            )));
        }
        let parameters = number(next(4));
        if parameters > MAX_PARAMETERS {
            return Err(wrong(format!(
                "contribution {} has {parameters} bytes of parameters, at most {MAX_PARAMETERS} are expected",
                index + 1
            )));
        }
        take(file, parameters)?;
        found = Some(([tau_g1, alpha_g1, beta_g1], [tau_g2, beta_g2]));
    }
    if at != end {
        return Err(wrong(format!("{} bytes are left over", end - at)));
    }
    if let Some((g1, g2)) = found
        && (g1.as_slice() != last.g1 || g2 != last.g2)
    {
        return Err(wrong(
            "the last contribution's tau, alpha or beta is not that of the file".to_owned(),
        ));
    }
    Ok(())
}

/// Reads and decodes a section, or its first `limit` points, chunk by chunk.
fn each_chunk<R: Read + Seek, P: FilePoint>(
    file: &mut R,
    section: &Section,
    limit: Option<u64>,
    mut visit: impl FnMut(u64, &[P]) -> Result<()>,
) -> Result<()> {
    let size = section.encoding.size::<P>();
    let all = section.length / size as u64;
    let count = limit.unwrap_or(all).min(all);
    file.seek(SeekFrom::Start(section.offset))?;
    let is_powers = matches!(section.role, Role::Powers | Role::PowersG2);
    let mut bytes = vec![0u8; size * count.min(CHUNK as u64) as usize];
    let mut at = 0;
    while at < count {
        let points = (count - at).min(CHUNK as u64) as usize;
        let part = &mut bytes[..points * size];
        file.read_exact(part)?;
        let decoded: Vec<std::result::Result<P, BadPoint>> = part
            .par_chunks_exact(size)
            .map(|bytes| section.encoding.decode(bytes))
            .collect();
        // The first bad point is named, whichever thread met one first.
        let decoded = decoded
            .into_iter()
            .enumerate()
            .map(|(i, point)| {
                point.map_err(|bad| {
                    let (section, index) = (section.name.to_owned(), at + i as u64);
                    match bad {
                        BadPoint::NotCanonical => ImportError::NotCanonical { section, index },
                        BadPoint::OffCurve => ImportError::OffCurve { section, index },
                        BadPoint::Infinity if index == 1 && is_powers => {
                            ImportError::WeakTau("0".to_owned())
                        }
                        BadPoint::Infinity => ImportError::Infinity { section, index },
                    }
                })
            })
            .collect::<std::result::Result<Vec<P>, ImportError>>()?;
        visit(at, &decoded)?;
        at += points as u64;
    }
    Ok(())
}
